//! `Weak<T>`: a pointer that does not keep its object alive.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::gc::Gc;
use crate::object::Header;
use crate::special::Record;
use crate::sync::atomic::Ordering;
use crate::trace::{Trace, Tracer};

/// A pointer to an object that does not keep it alive; made by [`Gc::downgrade`].
///
/// One word (two for `dyn` types and slices). It equals another if both are to the same object, also after the object
/// has died: objects that differ never become equal, even when one takes the other's place in memory.
///
/// ```
/// use tracegc::Gc;
///
/// let strong = Gc::new("here");
/// let weak = Gc::downgrade(&strong);
/// assert_eq!(weak.upgrade().map(|s| *s), Some("here"));
/// drop(strong);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(weak, weak.clone());
/// ```
#[repr(transparent)]
pub struct Weak<T: ?Sized> {
    /// The address of the record (one strong reference of which is ours), or [`dangling`]; with the metadata of a `T`.
    record: NonNull<T>,
    _invariant: PhantomData<*mut T>,
}

// SAFETY: a weak pointer gives a `Gc<T>` on any thread.
unsafe impl<T: ?Sized + Send + Sync> Send for Weak<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for Weak<T> {}

impl<T: ?Sized + std::panic::RefUnwindSafe> std::panic::UnwindSafe for Weak<T> {}
impl<T: ?Sized + std::panic::RefUnwindSafe> std::panic::RefUnwindSafe for Weak<T> {}
impl<T: ?Sized> Unpin for Weak<T> {}

/// What a weak pointer to nothing holds: an address where no record can lie.
const NOTHING: *mut Record = ptr::without_provenance_mut(1);

/// `wide` with its address replaced by `thin`; the metadata stays.
fn with_address<T: ?Sized>(mut wide: *mut T, thin: *mut ()) -> *mut T {
    // A pointer begins with its address: true of every Rust so far, and checked below.
    // SAFETY: a pointer to `T` is at least as large and as aligned as one to `()`; only the address is written.
    unsafe { (&raw mut wide).cast::<*mut ()>().write(thin) };
    assert!(ptr::eq(wide.cast::<()>(), thin), "pointers do not begin with their address");
    wide
}

impl<T: ?Sized> Weak<T> {
    /// Takes over a weak pointer that was counted already; `shape` gives the metadata.
    ///
    /// # Safety
    ///
    /// The record is that of an object whose value is a `T`, or will be.
    pub(crate) unsafe fn from_counted(record: Arc<Record>, shape: *mut T) -> Self {
        let record = Arc::into_raw(record).cast_mut();
        // SAFETY: an `Arc` is not null.
        let record = unsafe { NonNull::new_unchecked(with_address(shape, record.cast())) };
        Weak { record, _invariant: PhantomData }
    }

    fn raw(&self) -> Option<*const Record> {
        let raw = self.record.as_ptr().cast::<Record>();
        (!ptr::eq(raw, NOTHING)).then_some(raw.cast_const())
    }

    /// The record, whose reference stays ours.
    fn shared(&self) -> Option<ManuallyDrop<Arc<Record>>> {
        // SAFETY: the pointer came from `Arc::into_raw`, and the reference is not given up.
        self.raw().map(|raw| ManuallyDrop::new(unsafe { Arc::from_raw(raw) }))
    }

    /// A handle to the object, if it is alive. Never `None` while there is a handle elsewhere.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let weak = Gc::downgrade(&Gc::new(1));
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn upgrade(&self) -> Option<Gc<T>> {
        let header = self.shared()?.upgrade()?;
        // SAFETY: the handle was just counted; the value of the record's object is a `T` with this metadata.
        unsafe {
            let value = with_address(self.record.as_ptr(), Header::value(header).as_ptr().cast());
            Some(Gc::from_counted(NonNull::new_unchecked(value)))
        }
    }

    /// Whether two pointers are to the same object, alive or not; pointers made by [`Weak::new`] are equal.
    ///
    /// ```
    /// use tracegc::{Gc, Weak};
    ///
    /// let a = Gc::new(1);
    /// assert!(Weak::ptr_eq(&Gc::downgrade(&a), &Gc::downgrade(&a)));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.record.addr() == other.record.addr()
    }

    /// The number of handles to the object; 0 if it is dead.
    ///
    /// ```
    /// # use tracegc::Gc;
    /// let a = Gc::new(1);
    /// assert_eq!(Gc::downgrade(&a).strong_count(), 1);
    /// ```
    pub fn strong_count(&self) -> usize {
        self.shared().map_or(0, |record| record.handles() as usize)
    }

    /// The number of weak pointers to the object, dead or not; 0 for one made by [`Weak::new`].
    ///
    /// ```
    /// # use tracegc::Gc;
    /// let weak = Gc::downgrade(&Gc::new(1));
    /// assert_eq!(weak.weak_count(), 1);
    /// ```
    pub fn weak_count(&self) -> usize {
        self.shared().map_or(0, |record| record.weaks.load(Ordering::Relaxed))
    }
}

impl<T> Weak<T> {
    /// A pointer to nothing. Allocates nothing.
    ///
    /// ```
    /// assert!(tracegc::Weak::<i32>::new().upgrade().is_none());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        // SAFETY: the address is not null.
        Weak { record: unsafe { NonNull::new_unchecked(NOTHING.cast()) }, _invariant: PhantomData }
    }
}

impl<T> Default for Weak<T> {
    fn default() -> Self {
        Weak::new()
    }
}

impl<T: ?Sized> Clone for Weak<T> {
    fn clone(&self) -> Self {
        if let Some(record) = self.shared() {
            // Relaxed: made from another one, see `Record::weaks`.
            let old = record.weaks.fetch_add(1, Ordering::Relaxed);
            assert!(old < usize::MAX / 2, "too many weak pointers to one object");
            std::mem::forget(Arc::clone(&record));
        }
        Weak { record: self.record, _invariant: PhantomData }
    }
}

impl<T: ?Sized> Drop for Weak<T> {
    fn drop(&mut self) {
        if let Some(record) = self.shared() {
            // Release: with the Acquire of whoever looks for exclusive access.
            record.weaks.fetch_sub(1, Ordering::Release);
            drop(ManuallyDrop::into_inner(record));
        }
    }
}

impl<T: ?Sized> PartialEq for Weak<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl<T: ?Sized> Eq for Weak<T> {}

impl<T: ?Sized> Hash for Weak<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.record.addr().hash(state);
    }
}

impl<T: ?Sized> fmt::Debug for Weak<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(Weak)")
    }
}

impl<T: ?Sized> From<&Gc<T>> for Weak<T> {
    fn from(handle: &Gc<T>) -> Self {
        Gc::downgrade(handle)
    }
}

// SAFETY: a weak pointer holds nothing that is counted.
unsafe impl<T: ?Sized> Trace for Weak<T> {
    #[inline]
    fn trace(&self, _tracer: &mut Tracer<'_>) {}

    #[inline]
    fn has_edges() -> bool {
        false
    }
}
