use std::cell::Cell;

use tracegc::{Arena, ArenaBox};

struct Node<'a> {
    other: Cell<Option<&'a ArenaBox<'a, Node<'a>>>>,
}

// The destructor of a box could look at what is gone: references go between leaked values only.
fn main() {
    let arena = Arena::new();
    let a = arena.alloc(Node { other: Cell::new(None) });
    let b = arena.alloc(Node { other: Cell::new(Some(&a)) });
    a.other.set(Some(&b));
}
