use tracegc::{Arena, ArenaBox};

fn main() {
    let arena = Arena::new();
    let name = arena.alloc(String::from("name"));
    arena.free();
    let name: String = ArenaBox::into_inner(name);
    println!("{name}");
}
