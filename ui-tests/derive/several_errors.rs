use tracegc::Trace;

#[derive(Trace)]
#[trace(fast, unsafe_drop, slow)]
#[repr(packed)]
struct Wrong<'a> {
    #[trace(skip = 1, skip, other)]
    first: &'a str,
    #[trace(leaf)]
    second: u32,
}

fn main() {}
