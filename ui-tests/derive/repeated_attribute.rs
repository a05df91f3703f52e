use tracegc::Trace;

#[derive(Trace)]
#[trace(unsafe_drop, bound = "")]
#[trace(unsafe_drop, bound = "T: Trace", crate = tracegc, crate = ::tracegc)]
struct Type<T>(std::sync::Arc<T>);

fn main() {}
