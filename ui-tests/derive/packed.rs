use tracegc::Trace;

#[derive(Trace)]
#[repr(C, packed)]
struct Wire {
    tag: u8,
    value: u32,
}

#[derive(Trace)]
#[repr(packed(2))]
struct Pair(u8, u32);

#[derive(Trace)]
#[repr(C, align(16))]
struct Fine(u8);

fn main() {}
