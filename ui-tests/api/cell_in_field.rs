use std::cell::RefCell;

use tracegc::{Gc, Trace};

#[derive(Trace)]
struct Node {
    next: RefCell<Option<Gc<Node>>>,
}

fn main() {}
