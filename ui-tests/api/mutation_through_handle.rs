use tracegc::{Gc, Trace};

#[derive(Trace)]
struct Node {
    value: u32,
}

fn main() {
    let node = Gc::new(Node { value: 1 });
    node.value = 2;
    let mut list = Gc::new(vec![1]);
    list.push(2);
}
