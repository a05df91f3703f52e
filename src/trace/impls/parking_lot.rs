//! The locks of `parking_lot`; see the module of the standard ones.

use parking_lot::{Condvar, FairMutex, Mutex, Once, ReentrantMutex, RwLock};

use crate::{Trace, Tracer};

macro_rules! locks {
    ($($ty:ident: $try_lock:ident;)+) => {$(
        // SAFETY: the value is owned by the lock. Whoever moves it through `&self` must have taken the lock in a way that
        // the guard excludes, and the tracer gets the guard; it borrows from the lock alone, where its target lies.
        unsafe impl<T: Trace> Trace for $ty<T> {
            #[inline]
            fn trace(&self, tracer: &mut Tracer<'_>) {
                if !T::has_edges() {
                    return;
                }
                match self.$try_lock() {
                    // SAFETY: the guard borrows from `self`, and its target lies in `self`.
                    Some(guard) => unsafe { tracer.visit_guarded(guard) },
                    None => tracer.busy(),
                }
            }

            #[inline]
            fn has_edges() -> bool {
                T::has_edges()
            }
        }
    )+};
}

// The thread that holds a reentrant mutex gets it again, but only ever as a shared borrow, which moves nothing.
locks! {
    Mutex: try_lock;
    FairMutex: try_lock;
    ReentrantMutex: try_lock;
    RwLock: try_read;
}

macro_rules! leaf {
    ($($ty:ty),+) => {$(
        // SAFETY: nothing is visited, which is always allowed.
        unsafe impl Trace for $ty {
            #[inline]
            fn trace(&self, _: &mut Tracer<'_>) {}

            #[inline]
            fn has_edges() -> bool {
                false
            }
        }
    )+};
}

leaf!(Condvar, Once);
