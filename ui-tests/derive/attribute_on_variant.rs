use tracegc::Trace;

#[derive(Trace)]
enum Choice {
    #[trace(skip)]
    First(u32),
    #[trace(bound = "")]
    Second { field: u32 },
}

fn main() {}
