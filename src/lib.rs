//! Stand-in surface while the real modules are being written.
#![allow(missing_docs, dead_code)]

extern crate self as tracegc;

mod stub;
pub mod trace;
pub use stub::*;
#[doc(hidden)]
pub use trace::derive as __private;
pub use trace::{Trace, Tracer};
#[cfg(feature = "derive")]
pub use tracegc_macros::Trace;
