use tracegc::Arena;

fn frame(arena: &Arena) {
    arena.alloc(1);
    arena.reset();
    arena.free();
}

fn main() {
    frame(&Arena::new());
}
