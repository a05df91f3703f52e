use tracegc::{Gc, Trace};

#[derive(Trace)]
struct Node<T> {
    value: T,
    next: Option<Gc<Node<T>>>,
}

impl<T> Drop for Node<T> {
    fn drop(&mut self) {}
}

#[derive(Trace)]
enum State {
    Open(Gc<str>),
    Closed,
}

impl Drop for State {
    fn drop(&mut self) {}
}

fn main() {}
