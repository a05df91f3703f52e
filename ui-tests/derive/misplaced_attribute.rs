use tracegc::Trace;

#[derive(Trace)]
#[trace(skip)]
struct Type<T> {
    #[trace(bound = "")]
    field: T,
    #[trace(unsafe_drop, crate = tracegc)]
    other: u32,
}

fn main() {}
