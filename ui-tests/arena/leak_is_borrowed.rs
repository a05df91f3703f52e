use tracegc::{Arena, ArenaBox};

fn leaked() -> &'static mut i32 {
    let arena = Arena::new();
    ArenaBox::leak(arena.alloc(1))
}

fn main() {
    *leaked() += 1;
}
