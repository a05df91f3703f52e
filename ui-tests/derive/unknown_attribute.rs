use tracegc::Trace;

#[derive(Trace)]
#[trace(bounds = "T: Trace", unsafe_no_drop, collect::fast)]
struct Type<T> {
    value: T,
    #[trace(ignore)]
    field: u32,
}

fn main() {}
