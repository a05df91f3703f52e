use tracegc::Trace;

#[derive(Trace)]
struct Borrows<'a, 'b: 'a> {
    text: &'a str,
    more: &'b [u8],
}

fn main() {}
