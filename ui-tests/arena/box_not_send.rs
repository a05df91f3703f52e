use std::cell::Cell;
use std::rc::Rc;

use tracegc::{Arena, ArenaBox};

fn to_another_thread<T: Send>(_: T) {}

fn main() {
    let arena = Arena::new();
    let shared: ArenaBox<'_, Rc<i32>> = arena.alloc(Rc::new(1));
    to_another_thread(shared);
    let cell: ArenaBox<'_, Cell<i32>> = arena.alloc(Cell::new(1));
    to_another_thread(&cell);
}
