//! `Trace` for the types of the standard library, and of `parking_lot` with the feature of that name.
//!
//! - `leaf`: types that own no handle, or whose handles are not shown (shared ownership, buffers, raw memory);
//! - `functions`: function pointers;
//! - `inline`: types that hold their values in themselves, and answer `has_edges` as those do;
//! - `containers`: types that hold their values behind a pointer. A type can only contain itself by way of one of them,
//!   so they end the recursion of `has_edges`: they ask whether the element has drop glue, as every handle does;
//! - `sync`, `parking_lot`: locks, whose guards go to the tracer.
//!
//! `Cell` and `RefCell` are missing on purpose: they are not `Sync`, so no object can hold them.

mod containers;
mod functions;
mod inline;
mod leaf;
#[cfg(feature = "parking_lot")]
mod parking_lot;
mod sync;
