use tracegc::Trace;

#[derive(Trace)]
struct Type {
    #[trace(skip, skip)]
    first: u32,
    #[trace(skip)]
    #[trace(skip)]
    second: u32,
}

fn main() {}
