use tracegc::{Arena, ArenaBox};

struct Holder<'a> {
    name: ArenaBox<'a, String>,
}

fn make<'a>() -> Holder<'a> {
    let arena = Arena::new();
    Holder { name: arena.alloc(String::from("name")) }
}

fn main() {
    let outlives = {
        let arena = Arena::new();
        arena.alloc(1)
    };
    println!("{} {}", outlives, make().name);
}
