use tracegc::Trace;

#[derive(Trace)]
#[trace(bound = "T: Clone")]
struct Unbounded<T>(T);

fn main() {}
