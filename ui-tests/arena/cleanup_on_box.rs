use tracegc::{Arena, Gc};

fn main() {
    let arena = Arena::new();
    let name = arena.alloc(String::from("name"));
    let _ = Gc::add_cleanup(&name, 1, |_| ());
    let _ = name.add_cleanup(1, |_| ());
}
