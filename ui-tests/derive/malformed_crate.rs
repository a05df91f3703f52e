use tracegc::Trace;

#[derive(Trace)]
#[trace(crate = "tracegc")]
struct Quoted;

#[derive(Trace)]
#[trace(crate)]
struct Missing;

#[derive(Trace)]
#[trace(crate = )]
struct Empty;

#[derive(Trace)]
#[trace(crate = tracegc::<u8>)]
struct Generic;

#[derive(Trace)]
#[trace(crate(tracegc))]
struct Called;

fn main() {}
