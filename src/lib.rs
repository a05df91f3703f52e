//! Stand-in surface while the real modules are being written.
#![allow(missing_docs, dead_code)]

extern crate self as tracegc;

pub mod cleanup;
mod sync;
pub mod trace;
mod stub;
pub use stub::*;
pub use trace::{Trace, Tracer};
#[cfg(feature = "derive")]
pub use tracegc_macros::Trace;
