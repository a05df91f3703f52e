//! Registering cleanups, and taking them back.

use std::any::{Any, TypeId};
use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use super::Job;
use crate::gc::Gc;
use crate::heap::pages::PAGE_HEAP;
use crate::heap::{Place, lookup};
use crate::object::Header;
use crate::special::{Record, Ticket};
use crate::sync::atomic::Ordering;

/// Why a cleanup was refused. Every variant gives the argument back, see [`CleanupError::into_arg`].
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CleanupError<A> {
    /// The reference leads into an arena, whose memory is freed as a whole and refuses cleanups.
    #[error("the value lies in an arena, whose memory refuses cleanups; promote it with `ArenaBox::into_gc` first")]
    ArenaAllocated(A),
    /// The reference does not lead into a live object of the traced heap.
    #[error("the value does not lie in an object of the traced heap; attach the cleanup to the `Gc` that owns it")]
    NotInHeap(A),
    /// The argument is a handle to the object itself, which would keep it alive for ever.
    #[error(
        "the argument is a handle to the object itself, which would keep it alive for ever; pass a `Weak`, or the parts that the cleanup needs"
    )]
    ArgIsTarget(A),
    /// The object is being destroyed.
    #[error("the object is being destroyed, so it is too late for a cleanup")]
    Dying(A),
    /// No worker thread could be started.
    #[error("no worker thread for cleanups could be started")]
    NoWorker {
        /// The argument.
        arg: A,
        /// What the system said.
        source: io::Error,
    },
}

impl<A> CleanupError<A> {
    /// The argument that came with the refused registration.
    ///
    /// ```
    /// let error = tracegc::add_cleanup(&5, String::from("back"), drop).unwrap_err();
    /// assert_eq!(error.into_arg(), "back");
    /// ```
    pub fn into_arg(self) -> A {
        match self {
            CleanupError::ArenaAllocated(arg)
            | CleanupError::NotInHeap(arg)
            | CleanupError::ArgIsTarget(arg)
            | CleanupError::Dying(arg)
            | CleanupError::NoWorker { arg, .. } => arg,
        }
    }
}

impl<A> fmt::Debug for CleanupError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CleanupError::ArenaAllocated(_) => f.write_str("ArenaAllocated(..)"),
            CleanupError::NotInHeap(_) => f.write_str("NotInHeap(..)"),
            CleanupError::ArgIsTarget(_) => f.write_str("ArgIsTarget(..)"),
            CleanupError::Dying(_) => f.write_str("Dying(..)"),
            CleanupError::NoWorker { source, .. } => {
                f.debug_struct("NoWorker").field("source", source).finish_non_exhaustive()
            }
        }
    }
}

/// A registered cleanup, by which it can be cancelled. It keeps nothing alive: neither the object nor the argument.
///
/// Dropping it changes nothing; the cleanup runs all the same.
///
/// ```
/// use tracegc::Gc;
///
/// let object = Gc::new(1);
/// let cleanup = Gc::add_cleanup(&object, (), |()| unreachable!()).unwrap();
/// assert!(cleanup.is_pending());
/// assert!(cleanup.stop());
/// assert!(!cleanup.stop());
/// ```
#[derive(Clone)]
pub struct Cleanup {
    record: Arc<Record>,
    ticket: Arc<Ticket>,
}

impl Cleanup {
    /// Cancels the cleanup: true if it will never run; its argument has then been dropped, by this call. False if its
    /// object has died already (it runs, ran, or is queued) or if it was cancelled before. Constant time.
    ///
    /// As long as the object is reachable during the whole call the answer depends on nothing else.
    pub fn stop(&self) -> bool {
        let job = self.record.remove(&self.ticket);
        if job.is_some() {
            super::note_stopped();
        }
        // Dropped here, outside of the record's lock.
        job.is_some()
    }

    /// Whether it waits for its object's death: neither queued nor cancelled. Other threads may change that at any time.
    pub fn is_pending(&self) -> bool {
        self.record.has(&self.ticket)
    }
}

impl fmt::Debug for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleanup").field("pending", &self.is_pending()).finish()
    }
}

/// Has `f(arg)` run on a worker thread some time after the object has died that `value` lies in.
///
/// `value` is a reference to the value of a [`Gc`] or to anything inside it: a field, an element of a slice. What lies
/// *behind* a pointer in the value, as in a `Box` or a `Vec`, is not inside it. A zero-sized part at the very end of an
/// object is taken for being outside. Otherwise as [`Gc::add_cleanup`]. Constant time.
///
/// ```
/// use tracegc::{Gc, add_cleanup, cleanup};
/// use std::time::Duration;
///
/// let pair = Gc::new((1, 2));
/// add_cleanup(&pair.1, "gone", |word| assert_eq!(word, "gone")).unwrap();
/// drop(pair);
/// assert!(cleanup::wait(Duration::from_secs(10)));
/// ```
///
/// # Errors
///
/// [`CleanupError::NotInHeap`] for memory that is not an object's, [`CleanupError::ArenaAllocated`] for that of an arena;
/// and those of [`Gc::add_cleanup`]. The argument comes back in the error.
pub fn add_cleanup<T, A, F>(value: &T, arg: A, f: F) -> Result<Cleanup, CleanupError<A>>
where
    T: ?Sized + 'static,
    A: Send + 'static,
    F: FnOnce(A) + Send + 'static,
{
    let address = std::ptr::from_ref(value).addr();
    let place = if size_of_val(value) > 0 {
        lookup(address)
    } else {
        // Nothing lies at the address, so nothing keeps what surrounds it where it is.
        PAGE_HEAP.steady(|| lookup(address))
    };
    match place {
        Place::Outside => Err(CleanupError::NotInHeap(arg)),
        Place::ArenaChunk => Err(CleanupError::ArenaAllocated(arg)),
        // SAFETY: the reference keeps the object for the time of the call.
        Place::Heap(header) => unsafe { register::<T, A, F>(header, arg, f) },
    }
}

/// Registers a cleanup with an object; `T` is the type that an argument which is a handle to it would have.
///
/// # Safety
///
/// The object is there, and stays during the call.
pub(crate) unsafe fn register<T, A, F>(header: NonNull<Header>, arg: A, f: F) -> Result<Cleanup, CleanupError<A>>
where
    T: ?Sized + 'static,
    A: Send + 'static,
    F: FnOnce(A) + Send + 'static,
{
    // SAFETY: by contract.
    let object = unsafe { header.as_ref() };
    if !object.meta(Ordering::Acquire).is_live() || object.count.is_gone() {
        return Err(CleanupError::Dying(arg));
    }
    if handle_in::<T, A>(&arg) == Some(header) {
        return Err(CleanupError::ArgIsTarget(arg));
    }
    if let Err(source) = super::ensure_worker() {
        return Err(CleanupError::NoWorker { arg, source });
    }
    // SAFETY: by contract.
    let record = unsafe { Record::of(header) };
    let job: Job = Box::new(move || f(arg));
    let ticket = record.add(job);
    super::note_registered();
    Ok(Cleanup { record, ticket })
}

/// The object that the argument is a handle to.
fn handle_in<T: ?Sized + 'static, A: 'static>(arg: &A) -> Option<NonNull<Header>> {
    if TypeId::of::<A>() != TypeId::of::<Gc<T>>() {
        return None;
    }
    let handle: &dyn Any = arg;
    handle.downcast_ref::<Gc<T>>().map(Gc::header)
}
