use std::cell::Cell;
use std::thread;

use tracegc::Gc;

fn send(handle: Gc<Cell<u8>>) {
    thread::spawn(move || handle.set(1));
}

fn main() {}
