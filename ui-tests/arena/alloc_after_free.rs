use tracegc::Arena;

fn main() {
    let arena = Arena::new();
    arena.free();
    arena.alloc(1);
}
