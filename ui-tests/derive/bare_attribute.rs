use tracegc::Trace;

#[derive(Trace)]
#[trace]
struct Type {
    #[trace = "skip"]
    field: u32,
}

fn main() {}
