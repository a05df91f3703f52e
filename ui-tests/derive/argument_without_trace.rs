use tracegc::{Gc, Trace};

struct Foreign;

#[derive(Trace)]
struct Holder<T>(T);

fn main() {
    Gc::new(Holder(Foreign));
}
