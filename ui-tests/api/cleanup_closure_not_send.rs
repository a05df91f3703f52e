use std::rc::Rc;

use tracegc::Gc;

fn main() {
    let gc = Gc::new(1);
    let shared = Rc::new("captured");
    let _ = Gc::add_cleanup(&gc, (), move |()| println!("{shared}"));
}
