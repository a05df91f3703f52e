//! A model checker's atomics.
//!
//! # Turns
//!
//! Loom 0.7 explores schedules by dynamic partial-order reduction and keeps, for each atomic, only the last access. So a
//! load by another thread is forgotten once the thread that is about to write has loaded the same atomic itself, and the
//! schedule "write, then that load" is never tried. That is the shape of most of this crate's operations: look at a word,
//! then change it. Where [`set_turns`] says so, every operation first *takes a turn* at a companion object: an operation
//! that loom takes for dependent on every other of its kind, and that orders nothing in the memory model (notifying a
//! condition variable that nobody waits for). All orders of turns are then explored, hence all orders of the accesses.

#[cfg(loom)]
use loom::sync::atomic as base;
#[cfg(shuttle)]
use shuttle::sync::atomic as base;

use std::sync::atomic::Ordering;

pub(crate) use base::fence;

#[cfg(loom)]
mod turn {
    use std::sync::atomic::{AtomicBool, Ordering};

    static TURNS: AtomicBool = AtomicBool::new(false);

    /// Whether the atomics made from here on take turns.
    pub(crate) fn set_turns(on: bool) {
        TURNS.store(on, Ordering::Relaxed);
    }

    pub(super) struct Turn(Option<loom::sync::Condvar>);

    impl Turn {
        pub(super) fn new() -> Self {
            Turn(TURNS.load(Ordering::Relaxed).then(loom::sync::Condvar::new))
        }

        pub(super) fn take(&self) {
            if let Some(companion) = &self.0 {
                companion.notify_one();
            }
        }
    }
}

/// Shuttle schedules at random, so there is nothing to make up for.
#[cfg(shuttle)]
mod turn {
    pub(super) struct Turn;

    impl Turn {
        pub(super) fn new() -> Self {
            Turn
        }

        pub(super) fn take(&self) {}
    }
}

use turn::Turn;
#[cfg(loom)]
pub(crate) use turn::set_turns;

macro_rules! atomic {
    ($name:ident [$($parameter:ident)?] $value:ty) => {
        pub(crate) struct $name $(<$parameter>)? {
            word: base::$name $(<$parameter>)?,
            turn: Turn,
        }

        impl $(<$parameter>)? $name $(<$parameter>)? {
            #[track_caller]
            pub(crate) fn new(value: $value) -> Self {
                $name { word: base::$name::new(value), turn: Turn::new() }
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.turn.take();
                self.word.load(order)
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.turn.take();
                self.word.store(value, order);
            }

            #[allow(dead_code, reason = "one set of operations for all types")]
            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.turn.take();
                self.word.swap(value, order)
            }

            #[allow(dead_code, reason = "one set of operations for all types")]
            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.turn.take();
                self.word.compare_exchange(current, new, success, failure)
            }

            /// The value, for a thread that is the only one left.
            #[allow(dead_code, reason = "one set of operations for all types")]
            pub(crate) fn alone(&self) -> $value {
                // SAFETY: the others have been joined.
                #[cfg(loom)]
                return unsafe { self.word.unsync_load() };
                // SAFETY: as above.
                #[cfg(shuttle)]
                return unsafe { self.word.raw_load() };
            }

            /// Never fails without a reason here.
            #[allow(dead_code, reason = "one set of operations for all types")]
            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }
        }
    };
}

macro_rules! arithmetic {
    ($($name:ident: $value:ty: $($operation:ident)*;)*) => {$(
        impl $name {$(
            #[track_caller]
            pub(crate) fn $operation(&self, value: $value, order: Ordering) -> $value {
                self.turn.take();
                self.word.$operation(value, order)
            }
        )*}
    )*};
}

atomic!(AtomicU32[] u32);
atomic!(AtomicUsize[] usize);
atomic!(AtomicPtr[T] *mut T);
arithmetic! {
    AtomicU32: u32: fetch_add fetch_and fetch_or;
    AtomicUsize: usize: fetch_add fetch_sub;
}

/// A static that is made anew for each run of a model.
pub(crate) struct Global<T: Sync + 'static>(lazy::Lazy<T>);

#[cfg(loom)]
use loom::lazy_static as lazy;
#[cfg(shuttle)]
use shuttle::lazy_static as lazy;

impl<T: Sync + 'static> Global<T> {
    pub(crate) const fn new(init: fn() -> T) -> Self {
        #[cfg(loom)]
        return Global(lazy::Lazy { init, _p: std::marker::PhantomData });
        #[cfg(shuttle)]
        return Global(lazy::Lazy::new(init));
    }
}

impl<T: Sync + 'static> std::ops::Deref for Global<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: values of this type are statics.
        unsafe { &*std::ptr::from_ref(self) }.0.get()
    }
}
