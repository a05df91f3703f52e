use tracegc::Trace;

#[derive(Trace)]
struct Type {
    #[trace(skip = true)]
    first: u32,
    #[trace(skip(second))]
    second: u32,
    #[trace(skip second)]
    third: u32,
}

fn main() {}
