use tracegc::{Arena, ArenaBox};

struct Plain(u32);

fn main() {
    let arena = Arena::new();
    ArenaBox::into_gc(arena.alloc(Plain(1)));
}
