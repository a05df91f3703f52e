//! A crate that forbids unsafe code and denies every warning can derive `Trace`.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    non_ascii_idents,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    unreachable_pub,
    unused_lifetimes,
    unused_qualifications,
    unused_results
)]

use std::convert::Infallible;
use std::sync::Mutex;

use tracegc::{Gc, Trace};

/// A graph.
#[derive(Trace)]
pub struct Graph<T> {
    /// The nodes.
    pub nodes: Mutex<Vec<Gc<Graph<T>>>>,
    /// The value.
    pub value: T,
    /// Superseded.
    #[deprecated]
    pub r#type: u8,
}

/// Every kind of variant.
#[derive(Trace)]
pub enum Shape {
    /// No field.
    Empty,
    /// Nothing to trace.
    Plain(#[trace(skip)] u8),
    /// Cannot be.
    Never(Infallible),
    /// Superseded.
    #[deprecated]
    Old {
        /// A handle.
        next: Gc<Shape>,
    },
}

/// No value at all.
#[derive(Trace)]
pub enum Never {}

/// Private, and used only by its name.
#[derive(Trace)]
struct Marker;

fn main() {
    let graph = Gc::new(Graph {
        nodes: Mutex::default(),
        value: Marker,
        #[allow(deprecated)]
        r#type: 0,
    });
    let Marker = graph.value;
}
