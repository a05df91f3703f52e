use tracegc::Trace;

#[derive(Trace)]
#[trace(unsafe_drop = "yes")]
struct Valued;

#[derive(Trace)]
#[trace(unsafe_drop(true))]
struct Called;

fn main() {}
