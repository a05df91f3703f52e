use tracegc::Trace;

#[derive(Trace)]
#[trace(bound = "T Trace")]
struct Unreadable<T>(T);

#[derive(Trace)]
#[trace(bound = T: Trace)]
struct Unquoted<T>(T);

#[derive(Trace)]
#[trace(bound)]
struct Missing<T>(T);

#[derive(Trace)]
#[trace(bound("T: Trace"))]
struct Called<T>(T);

fn main() {}
