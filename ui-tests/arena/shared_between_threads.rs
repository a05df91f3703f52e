use tracegc::Arena;

fn main() {
    let arena = Arena::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            arena.alloc(1);
        });
        arena.alloc(2);
    });
}
