use std::ops::Deref;

use super::Trace;
use crate::Gc;

/// The visitor that [`Trace::trace`] shows its handles to.
pub struct Tracer<'a> {
    _marker: std::marker::PhantomData<&'a mut ()>,
}

impl Tracer<'_> {
    /// Shows a handle that the traced value owns.
    #[inline]
    pub fn visit<T: ?Sized>(&mut self, handle: &Gc<T>) {
        let _ = handle;
    }

    /// Traces what a lock guard protects, and keeps the guard for as long as the collector needs what it saw to stay.
    ///
    /// # Safety
    ///
    /// `guard` borrows from nothing but the object that is being traced, and its target does not lie in the guard
    /// itself.
    pub unsafe fn visit_guarded<G>(&mut self, guard: G)
    where
        G: Deref,
        G::Target: Trace,
    {
        (*guard).trace(self);
    }

    /// Says that part of the value could not be looked at now (its lock is taken): the object is spared.
    pub fn busy(&mut self) {}
}
