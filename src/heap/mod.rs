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
pub use stats::{ClassStats, HeapStats, class_stats, stats};

use std::cell::Cell;
use std::ptr::NonNull;

use crate::object::Header;
use crate::sync::atomic::Ordering;
use crate::sync::global;

global! {
    /// Which collection runs.
    pub(crate) static EPOCH: Epoch = Epoch::new();
}

thread_local! {
    /// The cache of this thread. It has no destructor, so it can be asked at any time.
    static CACHE: Cell<Option<&'static Cache>> = const { Cell::new(None) };
    /// Hands the cache over when the thread ends.
    static EXIT: Exit = const { Exit };
}

struct Exit;

impl Drop for Exit {
    fn drop(&mut self) {
        if let Some(cache) = CACHE.get() {
            crate::collect::thread_exits(cache);
            CACHE.set(None);
            cache.release();
        }
    }
}

/// The cache of this thread, if it has one already.
#[inline]
pub(crate) fn cache() -> Option<&'static Cache> {
    CACHE.get()
}

/// Runs `f` with the cache of this thread.
#[inline]
pub(crate) fn with_cache<R>(f: impl FnOnce(&'static Cache) -> R) -> R {
    match CACHE.get() {
        Some(cache) => f(cache),
        None => with_new_cache(f),
    }
}

#[cold]
#[inline(never)]
fn with_new_cache<R>(f: impl FnOnce(&'static Cache) -> R) -> R {
    /// Takes the cache away again where the thread is past handing it over.
    struct Borrowed(&'static Cache);
    impl Drop for Borrowed {
        fn drop(&mut self) {
            crate::collect::thread_exits(self.0);
            CACHE.set(None);
            self.0.release();
        }
    }
    let cache = Cache::acquire();
    CACHE.set(Some(cache));
    if EXIT.try_with(|_| ()).is_ok() {
        return f(cache);
    }
    let _borrowed = Borrowed(cache);
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
