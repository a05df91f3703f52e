//! tracegc beside `Arc`, `Rc` and other garbage collected pointers: the same workloads, written once, run interleaved.
//!
//! The binary `compare` runs them with the allocator of the system, `compare-mimalloc` with mimalloc. What is measured
//! and how to read it is in `docs/PERFORMANCE.md`.

#![cfg(unix)]

pub mod contenders;
pub mod harness;
pub mod icount;
pub mod peer;
pub mod workloads;

#[cfg(feature = "peers")]
mod bump;
#[cfg(feature = "peers")]
mod gc_arena_peer;
