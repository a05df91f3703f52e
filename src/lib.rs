//! A garbage-collected smart pointer that is as easy to hold as an [`Arc`](std::sync::Arc).
//!
//! [`Gc<T>`](Gc) is thread-safe, dereferences at no cost, and is dropped as soon as nobody holds it; circles of
//! references are found in the background, without stopping the program. [Cleanups](Gc::add_cleanup) run on worker
//! threads after an object has died. Beside it, [`Arena`]s hold values that die together.
//!
//! ```
//! use std::sync::Mutex;
//! use tracegc::{Gc, Trace};
//!
//! #[derive(Trace)]
//! struct Node {
//!     name: &'static str,
//!     next: Mutex<Option<Gc<Node>>>,
//! }
//!
//! let a = Gc::new(Node { name: "a", next: Mutex::new(None) });
//! let b = Gc::new(Node { name: "b", next: Mutex::new(Some(a.clone())) });
//! *a.next.lock().unwrap() = Some(b.clone());
//! assert_eq!(b.next.lock().unwrap().as_ref().unwrap().name, "a");
//! drop((a, b));
//! assert_eq!(tracegc::collect().reclaimed, 2);
//! ```

mod arena;
mod barrier;
pub mod cleanup;
mod collect;
mod gc;
pub mod heap;
#[cfg(all(test, any(loom, shuttle)))]
mod models;
mod object;
mod special;
mod sync;
pub mod trace;
mod weak;

pub use arena::{Arena, ArenaBox};
pub use cleanup::{Cleanup, CleanupError, add_cleanup};
pub use collect::{CollectStats, collect};
#[doc(hidden)]
pub use gc::unsize_with as __unsize_with;
pub use gc::{Gc, GcMut};
pub use trace::{Trace, Tracer};
pub use weak::Weak;

#[cfg(feature = "derive")]
pub use tracegc_macros::Trace;

#[doc(hidden)]
pub use trace::derive as __private;

/// Keeps a value alive up to this call: a use that the optimiser must not move away.
///
/// A handle lives until the end of its scope unless it is moved, so this is needed only where the last use of a value
/// is of a kind that the compiler does not see, such as one through a raw pointer.
///
/// ```
/// let object = tracegc::Gc::new(1);
/// let address = tracegc::Gc::as_ptr(&object);
/// // ... something uses `address` ...
/// tracegc::keep_alive(&object);
/// # let _ = address;
/// ```
pub fn keep_alive<T: ?Sized>(value: &T) {
    std::hint::black_box(value);
}

#[cfg(all(doctest, feature = "derive"))]
#[doc = include_str!("../README.md")]
mod readme {}
