//! The traced heap: its figures and its settings.
//!
//! Size-classed spans are cut from large aligned segments, in three layers: a cache per thread, central lists, and a
//! page heap. See `docs/ARCHITECTURE.md`, "Heap".

mod cache;
pub(crate) mod class;
mod config;
mod epoch;
mod lookup;
pub(crate) mod os;
pub(crate) mod pages;
pub(crate) mod poison;
pub(crate) mod segment;
pub(crate) mod span;
mod stats;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use cache::Cache;
pub use config::{Config, config, set_config};
pub(crate) use epoch::{Epoch, Moment};
pub(crate) use lookup::{Place, lookup};
pub(crate) use stats::object_bytes;
pub use stats::{ClassStats, HeapStats, class_stats, stats};

use std::cell::Cell;
use std::ptr::NonNull;

use crate::object::{Header, Owner};
use crate::sync::atomic::Ordering;
use crate::sync::{global, local};

global! {
    /// Which collection runs.
    pub(crate) static EPOCH: Epoch = Epoch::new();
}

local! {
    /// The cache of this thread. It has no destructor, so it can be asked at any time.
    static CACHE: Cell<Option<&'static Cache>> = Cell::new(None);
}

local! {
    /// Who it is to the counts of objects: the number of that cache.
    static ME: Cell<Owner> = Cell::new(Owner::NONE);
}

#[cfg(not(any(loom, shuttle)))]
thread_local! {
    /// Hands the cache over when the thread ends.
    static EXIT: Exit = const { Exit };
}

#[cfg(not(any(loom, shuttle)))]
struct Exit;

#[cfg(not(any(loom, shuttle)))]
impl Drop for Exit {
    fn drop(&mut self) {
        thread_exits();
    }
}

/// Hands the cache of this thread over.
pub(crate) fn thread_exits() {
    if let Some(cache) = cache() {
        crate::collect::thread_exits(cache);
        CACHE.with(|place| place.set(None));
        ME.with(|place| place.set(Owner::NONE));
        cache.release();
    }
}

/// Sees to it that the cache is handed over when the thread ends; false if the thread is past that.
fn at_exit() -> bool {
    #[cfg(not(any(loom, shuttle)))]
    return EXIT.try_with(|_| ()).is_ok();
    // Threads of models say when they end.
    #[cfg(any(loom, shuttle))]
    return true;
}

/// The cache of this thread, if it has one already.
#[inline]
pub(crate) fn cache() -> Option<&'static Cache> {
    CACHE.with(Cell::get)
}

/// Who this thread is to the counts of objects.
#[inline]
pub(crate) fn me() -> Owner {
    ME.with(Cell::get)
}

/// Runs `f` with the cache of this thread.
#[inline]
pub(crate) fn with_cache<R>(f: impl FnOnce(&'static Cache) -> R) -> R {
    match cache() {
        Some(cache) => f(cache),
        None => with_new_cache(f),
    }
}

#[cold]
#[inline(never)]
fn with_new_cache<R>(f: impl FnOnce(&'static Cache) -> R) -> R {
    /// Takes the cache away again where the thread is past handing it over.
    struct Borrowed;
    impl Drop for Borrowed {
        fn drop(&mut self) {
            thread_exits();
        }
    }
    let cache = Cache::acquire();
    CACHE.with(|place| place.set(Some(cache)));
    ME.with(|place| place.set(cache.owner));
    if at_exit() {
        return f(cache);
    }
    let _borrowed = Borrowed;
    f(cache)
}

/// Frees the slot of an object.
///
/// # Safety
///
/// The object's value is gone, and nobody else knows of it.
pub(crate) unsafe fn free(slot: NonNull<Header>) {
    // SAFETY: by contract.
    with_cache(|cache| unsafe { cache.free(slot) });
}

/// Bytes of the slot of an object, header and all.
///
/// # Safety
///
/// The slot is in use.
pub(crate) unsafe fn slot_bytes(header: NonNull<Header>) -> usize {
    // SAFETY: by contract the span and its segment are there.
    unsafe {
        let span = segment::span_of(header);
        if span.kind() == span::Kind::Small {
            return span.slot_size.load(Ordering::Relaxed) as usize;
        }
        let bytes = segment::Segment::of(header).as_ref().used_by(usize::from(span.pages.load(Ordering::Relaxed)));
        bytes - header.addr().get() % segment::PAGE
    }
}

/// Returns memory that holds nothing to the system: free segments, free pages, and idle chunks of arenas. A full
/// [`collect`](crate::collect()) does so, too; it keeps a reserve.
///
/// Returns the number of bytes given back. The time grows with the number of segments (4 MiB each).
///
/// ```
/// drop(tracegc::Gc::new([0u8; 100_000]));
/// let returned = tracegc::heap::trim();
/// assert!(returned < 1 << 40);
/// ```
pub fn trim() -> usize {
    with_cache(Cache::tidy);
    crate::arena::trim_idle();
    pages::PAGE_HEAP.trim(0)
}

/// Ends the threads of this crate: the workers, after they have run the cleanups that are queued (or `timeout` has
/// passed), and the collector's. False if a worker is still busy, or if called on one of these threads.
///
/// For tests and tools that count threads; no program needs it. The threads start again when there is something for
/// them to do.
///
/// ```
/// use std::time::Duration;
///
/// assert!(tracegc::heap::shutdown(Duration::from_secs(10)));
/// ```
pub fn shutdown(timeout: std::time::Duration) -> bool {
    crate::collect::shutdown() & crate::cleanup::shutdown(timeout)
}
