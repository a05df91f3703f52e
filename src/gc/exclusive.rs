//! Exclusive access: `get_mut`, `make_mut`, `try_unwrap`.
//!
//! Whoever gets `&mut` into an object, or moves its value out, must not be met by a tracer, and can move edges without
//! touching a count. So the object is *claimed*: the flag is set and the watch taken away; then the claimant waits until
//! nobody is in a reading section that may have begun before; from then on tracers pass over the object, and a verdict
//! in which it took part finds that out.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::Gc;
use crate::barrier;
use crate::collect;
use crate::heap;
use crate::object::{Header, flag};
use crate::sync::atomic::Ordering;
use crate::trace::Trace;

/// Exclusive access to the value of an object; made by [`Gc::get_mut`] and [`Gc::make_mut`].
///
/// While it exists the collector passes over the object. One that is leaked leaves the object uncollectable (its last
/// drop still destroys it), nothing worse.
///
/// ```
/// use tracegc::Gc;
///
/// let mut a = Gc::new(vec![1]);
/// Gc::get_mut(&mut a).unwrap().push(2);
/// assert_eq!(*a, [1, 2]);
/// ```
#[must_use]
pub struct GcMut<'a, T: ?Sized> {
    value: NonNull<T>,
    /// The object was claimed, and is to be given free.
    claimed: bool,
    _handle: PhantomData<&'a mut Gc<T>>,
    _value: PhantomData<&'a mut T>,
}

// SAFETY: it is an exclusive borrow of a `T`, and of a handle that other threads may use.
unsafe impl<T: ?Sized + Send + Sync> Send for GcMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for GcMut<'_, T> {}

impl<T: ?Sized> Deref for GcMut<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the handle is borrowed for as long as the guard lives.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for GcMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: *claims*: it is the only handle, there is no weak pointer, and no tracer looks at the value.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized> Drop for GcMut<'_, T> {
    fn drop(&mut self) {
        if self.claimed {
            // SAFETY: the handle keeps the object.
            let header = unsafe { Header::of(self.value.cast()) };
            // SAFETY: as above.
            let object = unsafe { header.as_ref() };
            object.count.touch();
            object.clear_flags(flag::CLAIMED);
            // A collection may have passed over the object meanwhile.
            if object.count.set_noted() {
                collect::note(header, true);
            }
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for GcMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for GcMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Keeps tracers away from an object that only the caller can reach.
fn claim(header: NonNull<Header>) -> bool {
    // SAFETY: the caller has a handle.
    let object = unsafe { header.as_ref() };
    if object.meta(Ordering::Relaxed).has(flag::LEAF) {
        return false;
    }
    object.set_flags(flag::CLAIMED);
    object.count.touch();
    barrier::after_zero();
    if !cfg!(tracegc_break = "claim-waits") {
        collect::wait_until_unread();
    }
    true
}

impl<T: ?Sized> Gc<T> {
    /// True if this is the only handle and there are no weak pointers: then it stays so while the handle is borrowed.
    fn is_unique(this: &mut Self) -> bool {
        let owner = this.object().count.is_owned_by(heap::me());
        if !this.object().count.is_one(owner) || collect::is_tracing() {
            return false;
        }
        // No other handle is left now, so whoever makes one from here on does it from a weak pointer, and there is a
        // record then, since the pointers were made before the other handles went.
        match this.record() {
            None => true,
            Some(record) => record.is_alone(|| this.object().count.is_one(owner)),
        }
    }

    /// Exclusive access to the value, if this is the only handle and there is no [`Weak`](crate::Weak) pointer.
    ///
    /// If a collection is looking at objects, it is waited for until it looks away: some microseconds, or as long as it
    /// takes to judge the garbage that it found.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let mut a = Gc::new(1);
    /// *Gc::get_mut(&mut a).unwrap() += 1;
    /// let b = a.clone();
    /// assert!(Gc::get_mut(&mut a).is_none());
    /// assert_eq!(*b, 2);
    /// ```
    pub fn get_mut(this: &mut Self) -> Option<GcMut<'_, T>> {
        if !Self::is_unique(this) {
            return None;
        }
        let claimed = claim(this.header());
        Some(GcMut { value: this.value, claimed, _handle: PhantomData, _value: PhantomData })
    }
}

impl<T: Trace + Send + Sync + Clone + 'static> Gc<T> {
    /// Exclusive access to the value, which is cloned into a new object first if there are other handles or weak
    /// pointers to the present one.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let mut a = Gc::new(1);
    /// let b = a.clone();
    /// *Gc::make_mut(&mut a) += 1;
    /// assert_eq!((*a, *b), (2, 1));
    /// ```
    pub fn make_mut(this: &mut Self) -> GcMut<'_, T> {
        if !Self::is_unique(this) {
            *this = Gc::new(T::clone(this));
        }
        let claimed = claim(this.header());
        GcMut { value: this.value, claimed, _handle: PhantomData, _value: PhantomData }
    }
}

impl<T: ?Sized> Gc<T> {
    /// Takes the handle away, if it is the last.
    fn ends(&self) -> bool {
        let owner = self.object().count.is_owned_by(heap::me());
        if !self.object().count.is_one(owner) {
            return false;
        }
        // As in `is_unique`: if anything can make another handle, there is a record by now.
        match self.record() {
            None => self.object().count.end_if_one(owner),
            Some(record) => record.end_if_one(&self.object().count, owner),
        }
    }
}

impl<T: 'static> Gc<T> {
    /// Moves the value out, if this is the only handle. [`Weak`](crate::Weak) pointers are dead afterwards, and the
    /// object's cleanups are queued.
    ///
    /// # Errors
    ///
    /// Gives the handle back if there are others.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let a = Gc::new(String::from("mine"));
    /// let b = a.clone();
    /// let a = Gc::try_unwrap(a).unwrap_err();
    /// drop(b);
    /// assert_eq!(Gc::try_unwrap(a).unwrap(), "mine");
    /// ```
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        if collect::is_tracing() || !this.ends() {
            return Err(this);
        }
        let this = std::mem::ManuallyDrop::new(this);
        let header = this.header();
        // From here on no tracer begins to look at the object, since its count is zero.
        if !this.object().meta(Ordering::Acquire).has(flag::LEAF) {
            collect::wait_until_unread();
        }
        // SAFETY: the last handle was taken away, so the object is ours, and weak pointers find a count of zero. The value
        // is moved out once: the object is marked as dead, so nobody drops it.
        unsafe {
            let value = this.value.read();
            this.object().set_flags(flag::DEAD);
            collect::reclaim::last_drop(header, true);
            Ok(value)
        }
    }

    /// Moves the value out, if this is the only handle; otherwise gives the handle up. Of several threads that do this
    /// at once to the last handles of an object, one gets the value, as with
    /// [`Arc::into_inner`](std::sync::Arc::into_inner); one that is merely dropped at the same instant may leave it to the
    /// collector.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let a = Gc::new(3);
    /// let b = a.clone();
    /// assert_eq!(Gc::into_inner(a), None);
    /// assert_eq!(Gc::into_inner(b), Some(3));
    /// ```
    pub fn into_inner(this: Self) -> Option<T> {
        if collect::is_tracing() {
            return None;
        }
        let this = std::mem::ManuallyDrop::new(this);
        let header = this.header();
        // SAFETY: the handle is given up.
        if !unsafe { collect::reclaim::give_up(header, !cfg!(tracegc_break = "exact")) } {
            return None;
        }
        if !this.object().meta(Ordering::Acquire).has(flag::LEAF) {
            collect::wait_until_unread();
        }
        // SAFETY: as in `try_unwrap`.
        unsafe {
            let value = this.value.read();
            this.object().set_flags(flag::DEAD);
            collect::reclaim::last_drop(header, true);
            Some(value)
        }
    }
}
