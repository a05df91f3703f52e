use tracegc::{Arena, ArenaBox};

fn main() {
    let arena = Arena::new();
    let one = arena.alloc(1);
    let leaked: &mut i32 = ArenaBox::leak(arena.alloc(2));
    arena.free();
    println!("{one} {leaked}");
}
