//! The only place that knows where atomics, locks and statics come from.

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use std::sync::Arc;

/// A static that a model checker can make anew for each run.
macro_rules! global {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty = $init:expr;) => {
        $(#[$attr])* $vis static $name: $ty = $init;
    };
}
pub(crate) use global;

/// Lets others have a lock that is about to be taken again.
pub(crate) fn bump<T>(guard: &mut MutexGuard<'_, T>) {
    MutexGuard::bump(guard);
}
