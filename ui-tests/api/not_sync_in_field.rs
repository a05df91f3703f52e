use std::rc::Rc;

use tracegc::{Gc, Trace};

#[derive(Trace)]
struct Node {
    shared: Rc<str>,
    next: Option<Gc<Node>>,
}

fn main() {
    Gc::new(Node { shared: "shared".into(), next: None });
}
