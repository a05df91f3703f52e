//! Models: small programs that a model checker runs in all orders (loom, with a bound) or in many (shuttle).
//!
//! They run the real code of this crate; only the types behind `sync` are replaced. `.ci/models` runs them.
//!
//! # What a model can see
//!
//! Every object has a *canary*, which each user and each tracer looks at and which drop glue kills. Under loom it is a
//! checked cell, so that a look and a death that are not ordered by happens-before are an error even if they do not
//! meet in this very schedule; the same for what [`GcMut`](crate::GcMut) writes. Deaths are counted: an object that dies
//! twice, or that is still there after a last [`collect`](crate::collect()), is an error, and so is a slot that is not
//! given back.
//!
//! # Bounds
//!
//! Loom explores all schedules with at most `LOOM_MAX_PREEMPTIONS` switches away from a thread that could go on (2 unless
//! said otherwise) and all values that the C11 model lets each load return (of the last seven).
//!
//! # What loom does not see by itself
//!
//! - A load followed by a write of the same atomic by the same thread: `sync::modelled` has the *turns* that make up for
//!   it. Every model runs with them, unless it says why not.
//! - `SeqCst` loads, stores and read-modify-writes, which it takes for `AcqRel`. Where this crate needs more there is a
//!   fence under the models (`barrier::after_zero`).
//! - The system's barrier (`membarrier`): each model of *zero against running* runs twice, with read-modify-writes (the
//!   dear way) and with plain stores, where `barrier::light` becomes a fence. That assumes that `membarrier` acts as a
//!   `SeqCst` fence on each thread at some point between its store and its load, if the collector's fence falls between
//!   them, and that it orders like one otherwise; which is what it promises.

mod collector;
mod counts;
mod heap;
mod specials;
mod support;
mod verdict;
