use std::sync::Mutex;

use tracegc::{Gc, Trace};

struct Foreign;

#[derive(Trace)]
struct Holder {
    handle: Gc<str>,
    foreign: Foreign,
    listed: Mutex<Vec<Foreign>>,
}

#[derive(Trace)]
enum Choice {
    Good(u8),
    Bad(Foreign),
}

fn main() {}
