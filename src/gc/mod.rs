//! `Gc<T>`: a handle to an object of the traced heap.

mod exclusive;
mod make;
mod traits;
mod unsize;

pub use exclusive::GcMut;
#[doc(hidden)]
pub use unsize::unsize_with;

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::cleanup::{Cleanup, CleanupError};
use crate::collect;
use crate::heap;
use crate::object::{Header, Simply};
use crate::special::{self, Record};
use crate::sync::atomic::Ordering;
use crate::weak::Weak;

/// A shared, garbage-collected pointer to a value of type `T`.
///
/// It is held like an [`Arc`](std::sync::Arc): cloned, dropped, dereferenced, sent to other threads. Unlike with an
/// `Arc`, values that refer to each other in a circle are found and destroyed by a collector in the background. What is
/// not part of a circle is destroyed by the drop of its last handle, at once (or, while a collection is running that may
/// be looking at it, when that has ended).
///
/// Where handles lie does not matter: on the stack, in statics, in channels, in closures, in an `Arc`. The collector
/// finds those that lie in traced fields of other objects; all others keep their objects alive.
///
/// Values are shared, so to change one its fields need a `Mutex`, `RwLock`, atomic or `OnceLock`, as in an `Arc`.
///
/// ```
/// use std::sync::Mutex;
/// use tracegc::{Gc, Trace};
///
/// #[derive(Trace)]
/// struct Person {
///     name: String,
///     friends: Mutex<Vec<Gc<Person>>>,
/// }
///
/// let ann = Gc::new(Person { name: "Ann".into(), friends: Mutex::default() });
/// let bob = Gc::new(Person { name: "Bob".into(), friends: Mutex::new(vec![ann.clone()]) });
/// ann.friends.lock().unwrap().push(bob);
/// assert_eq!(ann.friends.lock().unwrap()[0].name, "Bob");
/// drop(ann);
/// assert_eq!(tracegc::collect().reclaimed, 2);
/// ```
///
/// A handle is one word (two for `dyn` types and slices), and `Option<Gc<T>>` has the same size. Cloning and dropping are a
/// few plain instructions on the thread that made the object, and an atomic operation each on others; dereferencing is
/// one pointer. (A thread beyond the first 254 that use the crate at the same time counts as another everywhere.)
///
/// When two threads drop the last two handles at the same instant, neither may notice that it was the last one: the
/// object is then destroyed by the next collection. (Not so where there are [`Weak`] pointers or
/// cleanups, unless the first of these is being added at that very moment.)
#[repr(transparent)]
pub struct Gc<T: ?Sized> {
    /// The value, which lies in a slot behind its header; with provenance over the whole segment.
    value: NonNull<T>,
    /// Invariant in `T`: a value may be destroyed after its last handle is gone, so a handle must not be made to look as
    /// if the value could be given shorter-lived parts.
    _invariant: PhantomData<*mut T>,
}

// SAFETY: a handle gives `&T` on any thread (`Sync`), and the value may be destroyed on any thread (`Send`); counts are
// atomic.
unsafe impl<T: ?Sized + Send + Sync> Send for Gc<T> {}
// SAFETY: as above: `&Gc<T>` can be cloned.
unsafe impl<T: ?Sized + Send + Sync> Sync for Gc<T> {}

impl<T: ?Sized + std::panic::RefUnwindSafe> std::panic::UnwindSafe for Gc<T> {}
impl<T: ?Sized + std::panic::RefUnwindSafe> std::panic::RefUnwindSafe for Gc<T> {}
impl<T: ?Sized> Unpin for Gc<T> {}

impl<T: ?Sized> Deref for Gc<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: *handles keep*: an object is not destroyed while there is a handle to it.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> Clone for Gc<T> {
    /// Makes another handle to the same object.
    ///
    #[inline]
    fn clone(&self) -> Self {
        let count = &self.object().count;
        if !count.increment_by_owner(heap::me()) {
            // SAFETY: *handles keep*.
            unsafe { special::add_handle(self.header()) };
        }
        Gc { value: self.value, _invariant: PhantomData }
    }
}

impl<T: ?Sized> Drop for Gc<T> {
    /// Gives the handle up; the last one destroys the object.
    #[inline]
    fn drop(&mut self) {
        let plain = !std::mem::needs_drop::<T>();
        let count = &self.object().count;
        // What has no drop glue holds no handles, unless it hides them.
        let done = if plain {
            count.decrement_by_owner_quietly(heap::me())
        } else {
            match count.decrement_by_owner_simply(heap::me()) {
                Simply::Done => true,
                Simply::ToNote => return collect::note(self.header(), false),
                Simply::Undone => false,
            }
        };
        if !done {
            // SAFETY: the handle is given up, and the value is a `T`.
            unsafe { collect::reclaim::drop_handle(self.header(), plain) };
        }
    }
}

impl<T: ?Sized> Gc<T> {
    /// The object that a value lies in.
    #[inline]
    pub(crate) fn header(&self) -> NonNull<Header> {
        // SAFETY: handles point at values in slots, with provenance over the segment.
        unsafe { Header::of(self.value.cast()) }
    }

    #[inline]
    fn object(&self) -> &Header {
        // SAFETY: *handles keep*.
        unsafe { self.header().as_ref() }
    }

    /// Takes over a handle that was counted already.
    ///
    /// # Safety
    ///
    /// `value` is the value of an object, with provenance over its segment, and one of its handles is the caller's.
    #[inline]
    pub(crate) unsafe fn from_counted(value: NonNull<T>) -> Self {
        Gc { value, _invariant: PhantomData }
    }

    /// Whether two handles are to the same object.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let a = Gc::new(1);
    /// assert!(Gc::ptr_eq(&a, &a.clone()));
    /// assert!(!Gc::ptr_eq(&a, &Gc::new(1)));
    /// ```
    #[inline]
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.value.addr() == other.value.addr()
    }

    /// The address of the value, which never moves. It is valid as long as there is a handle.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let a = Gc::new(String::from("here"));
    /// assert!(std::ptr::eq(Gc::as_ptr(&a), &*a));
    /// ```
    #[inline]
    pub fn as_ptr(this: &Self) -> *const T {
        this.value.as_ptr()
    }

    /// The number of handles to the object, wherever they are. Other threads may change it at any time.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let a = Gc::new(());
    /// let _b = a.clone();
    /// assert_eq!(Gc::strong_count(&a), 2);
    /// ```
    pub fn strong_count(this: &Self) -> usize {
        // SAFETY: *handles keep*.
        (this.object().count.handles() + unsafe { special::surplus(this.header()) }) as usize
    }

    /// The number of [`Weak`] pointers to the object. Other threads may change it at any time.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let a = Gc::new(());
    /// let _weak = Gc::downgrade(&a);
    /// assert_eq!(Gc::weak_count(&a), 1);
    /// ```
    pub fn weak_count(this: &Self) -> usize {
        this.record().map_or(0, |record| record.weaks.load(Ordering::Relaxed))
    }

    /// Makes a [`Weak`] pointer to the object. The first one allocates a small record.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let a = Gc::new(7);
    /// let weak = Gc::downgrade(&a);
    /// assert_eq!(weak.upgrade().as_deref(), Some(&7));
    /// drop(a);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(this: &Self) -> Weak<T> {
        // SAFETY: *handles keep*.
        let record = unsafe { Record::of(this.header()) };
        record.downgrade();
        // SAFETY: the weak pointer was just counted, and the record is that of the value's object.
        unsafe { Weak::from_counted(record, this.value.as_ptr()) }
    }

    fn record(&self) -> Option<std::sync::Arc<Record>> {
        // SAFETY: *handles keep*.
        unsafe { Record::find(self.header()) }
    }

    /// Has `f(arg)` run on a worker thread some time after the object has died: its value has been dropped and all
    /// [`Weak`] pointers to it are dead. Constant time.
    ///
    /// An object can have any number of cleanups; they run once each, in any order, possibly in parallel. What `arg` or
    /// `f` hold stays alive until then: if one of them holds a handle to the object itself, or to something that holds
    /// the object, the object never dies. See [`cleanup`](crate::cleanup) for the threads.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tracegc::{Gc, cleanup};
    ///
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let object = Gc::new([1, 2, 3]);
    /// Gc::add_cleanup(&object, "gone", move |word| sender.send(word).unwrap()).unwrap();
    /// drop(object);
    /// assert!(cleanup::wait(Duration::from_secs(10)));
    /// assert_eq!(receiver.recv(), Ok("gone"));
    /// ```
    ///
    /// # Errors
    ///
    /// [`CleanupError::ArgIsTarget`] if `arg` is a handle to the object; [`CleanupError::NoWorker`] if no thread could be
    /// started; [`CleanupError::Dying`] if called while the object is being destroyed. The argument comes back in the
    /// error.
    pub fn add_cleanup<A, F>(this: &Self, arg: A, f: F) -> Result<Cleanup, CleanupError<A>>
    where
        T: 'static,
        A: Send + 'static,
        F: FnOnce(A) + Send + 'static,
    {
        // SAFETY: *handles keep*.
        unsafe { crate::cleanup::register::<T, A, F>(this.header(), arg, f) }
    }
}
