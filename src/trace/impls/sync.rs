//! The locks of the standard library.
//!
//! A lock is never waited for. One that is taken, or poisoned, spares the object. One that is had stays taken until the
//! collector needs what it saw no more: the tracer keeps the guard.
//!
//! The value of a lock has to be sized, so that a lock around a value without edges need not be touched at all. Box a
//! trait object that goes into one: `Mutex<Box<dyn Shape>>`.

use std::sync::{Mutex, RwLock};

use crate::{Trace, Tracer};

// SAFETY: the value is owned by the mutex. It can be moved through `&self` by whoever has the guard, which the tracer
// gets; the guard borrows from the mutex alone, and its target lies there.
unsafe impl<T: Trace> Trace for Mutex<T> {
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if !T::has_edges() {
            return;
        }
        match self.try_lock() {
            // SAFETY: the guard borrows from `self`, and its target lies in `self`.
            Ok(guard) => unsafe { tracer.visit_guarded(guard) },
            Err(_) => tracer.busy(),
        }
    }

    #[inline]
    fn has_edges() -> bool {
        T::has_edges()
    }
}

// SAFETY: as for `Mutex`; a read guard keeps writers out, and shared borrows move nothing.
unsafe impl<T: Trace> Trace for RwLock<T> {
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if !T::has_edges() {
            return;
        }
        match self.try_read() {
            // SAFETY: the guard borrows from `self`, and its target lies in `self`.
            Ok(guard) => unsafe { tracer.visit_guarded(guard) },
            Err(_) => tracer.busy(),
        }
    }

    #[inline]
    fn has_edges() -> bool {
        T::has_edges()
    }
}
