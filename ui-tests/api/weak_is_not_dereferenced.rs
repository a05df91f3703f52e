use tracegc::{Gc, Trace};

#[derive(Trace)]
struct Node {
    value: u32,
}

fn main() {
    let node = Gc::new(Node { value: 1 });
    let weak = Gc::downgrade(&node);
    println!("{}", weak.value);
    println!("{}", (*weak).value);
}
