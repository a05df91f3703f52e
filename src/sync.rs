//! The only place that knows where atomics, locks, threads and statics come from.
//!
//! Under `cfg(loom)` and `cfg(shuttle)` the names here stand for a model checker's types ([`modelled`]), so that the real
//! code runs under it; see `models`. What is part of no protocol (descriptions, figures) comes from [`plain`], whose types
//! a checker does not see: each operation that it sees multiplies its work. The locks have the shape of `parking_lot`'s:
//! no poisoning, a condition variable takes the guard by reference.

pub(crate) mod atomic {
    #[cfg(any(loom, shuttle))]
    pub(crate) use super::modelled::{AtomicPtr, AtomicU32, AtomicUsize, fence};
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, fence};

    pub(crate) use std::sync::atomic::Ordering;
}

/// What no model checker sees. Nothing modelled happens while one of these locks is held.
pub(crate) mod plain {
    #[cfg(not(miri))]
    pub(crate) use parking_lot::Condvar;
    #[cfg(not(miri))]
    pub(crate) use parking_lot::Mutex;
    #[cfg(not(any(miri, loom, shuttle)))]
    pub(crate) use parking_lot::MutexGuard;
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };

    #[cfg(miri)]
    pub(crate) use super::locks::{Condvar, Mutex, MutexGuard};
}

#[cfg(any(miri, loom, shuttle))]
mod locks;
#[cfg(any(loom, shuttle))]
pub(crate) mod modelled;

#[cfg(any(miri, loom, shuttle))]
pub(crate) use locks::{Condvar, Mutex, MutexGuard};
#[cfg(not(any(miri, loom, shuttle)))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use std::sync::Arc;

#[cfg(not(any(loom, shuttle)))]
/// A queue without locks, many producers and many consumers.
pub(crate) use crossbeam_queue::SegQueue;

pub(crate) mod thread {
    use std::io;

    pub(crate) use std::thread::JoinHandle;

    /// Starts a named thread, or says why it cannot.
    pub(crate) fn spawn_named(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(name).spawn(body)
    }

    /// How many threads the machine runs at once; 1 if it does not say.
    pub(crate) fn parallelism() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// A static that a model checker makes anew for each run.
macro_rules! global {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty = $init:expr;) => {
        #[cfg(not(any(loom, shuttle)))]
        $(#[$attr])* $vis static $name: $ty = $init;
        #[cfg(any(loom, shuttle))]
        $(#[$attr])* $vis static $name: crate::sync::modelled::Global<$ty> =
            crate::sync::modelled::Global::new(|| $init);
    };
}
pub(crate) use global;

/// A thread-local without a destructor, read by `with`.
macro_rules! local {
    ($(#[$attr:meta])* static $name:ident: $ty:ty = $init:expr;) => {
        #[cfg(not(any(loom, shuttle)))]
        std::thread_local! { $(#[$attr])* static $name: $ty = const { $init }; }
        #[cfg(loom)]
        loom::thread_local! { $(#[$attr])* static $name: $ty = $init; }
        #[cfg(shuttle)]
        shuttle::thread_local! { $(#[$attr])* static $name: $ty = $init; }
    };
}
pub(crate) use local;

/// A function that is `const` wherever the types of this module can be made at compile time.
macro_rules! made_const {
    ($(#[$attr:meta])* $vis:vis fn $name:ident() -> $ty:ty $body:block) => {
        #[cfg(not(any(loom, shuttle)))]
        $(#[$attr])* $vis const fn $name() -> $ty $body
        #[cfg(any(loom, shuttle))]
        $(#[$attr])* $vis fn $name() -> $ty $body
    };
}
pub(crate) use made_const;

/// Lets others have a lock that is about to be taken again.
#[cfg(not(any(miri, loom, shuttle)))]
pub(crate) fn bump<T>(guard: &mut MutexGuard<'_, T>) {
    MutexGuard::bump(guard);
}

/// Lets others have a lock that is about to be taken again: here, the next lock is as good a chance as any.
#[cfg(any(miri, loom, shuttle))]
pub(crate) fn bump<T>(_guard: &mut MutexGuard<'_, T>) {
    #[cfg(miri)]
    std::thread::yield_now();
}
