use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tracegc::Gc;

fn main() {
    Gc::new(Cell::new(1));
    Gc::new(RefCell::new(vec![1]));
    Gc::new(Rc::new(1));
}
