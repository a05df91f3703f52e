use std::cell::Cell;

use tracegc::{Gc, Weak};

// As `thread::spawn` does.
fn to_another_thread<T: Send>(_: T) {}

fn send(handle: Gc<Cell<u8>>) {
    to_another_thread(handle);
}

fn send_weak(weak: Weak<Cell<u8>>) {
    to_another_thread(weak);
}

fn main() {}
