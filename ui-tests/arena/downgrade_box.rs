use tracegc::{Arena, Gc};

fn main() {
    let arena = Arena::new();
    let name = arena.alloc(String::from("name"));
    let _ = Gc::downgrade(&name);
}
