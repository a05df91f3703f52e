use std::rc::Rc;

use tracegc::Gc;

fn main() {
    let gc = Gc::new(1);
    let _ = Gc::add_cleanup(&gc, Rc::new("argument"), |arg| println!("{arg}"));
}
