use tracegc::{Arena, ArenaBox, Gc, Trace};

#[derive(Trace)]
struct Holder {
    name: ArenaBox<'static, String>,
}

#[derive(Trace)]
struct Borrowing<'a> {
    name: ArenaBox<'a, String>,
}

fn main() {
    let arena = Arena::new();
    let _ = Gc::new(arena.alloc(1));
}
