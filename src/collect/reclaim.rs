//! Destroying objects: after the last drop, and after a verdict.
//!
//! Drop glue runs outside of all locks of this crate and may do anything. An object whose last handle is dropped inside
//! the drop glue of another waits in a list of its thread, so however deep a structure is, nothing recurses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::notes;
use super::verdict::Condemned;
use crate::cleanup;
use crate::heap::{self, Cache, EPOCH, with_cache};
use crate::object::{Header, Meta, flag};
use crate::special::{self, Farewell};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, global};

global! {
    /// Objects whose count reached zero while a collection ran that may be looking at them.
    static DEFERRED: Mutex<Vec<NonNullHeader>> = Mutex::new(Vec::new());
}
global! {
    /// Panics in drop glue.
    pub(crate) static DROP_PANICS: AtomicU64 = AtomicU64::new(0);
}

struct NonNullHeader(NonNull<Header>);
// SAFETY: headers are shared by all threads; what is on the list belongs to whoever takes it off.
unsafe impl Send for NonNullHeader {}

/// Called when the count of an object reached zero: reclaims it, now or when the collection that may be looking at it
/// has ended. `plain` promises that the value has no drop glue.
///
/// # Safety
///
/// The caller took the last handle away.
#[inline(never)]
pub(crate) unsafe fn last_drop(header: NonNull<Header>, plain: bool) {
    // SAFETY: by contract the object is ours. Acquire: flags that others set before they dropped their handles.
    let meta = unsafe { header.as_ref() }.meta(Ordering::Acquire);
    let now = EPOCH.now();
    if now.running() && !meta.has(flag::LEAF) && now.may_trace(meta.birth()) && defer(header, meta) {
        return;
    }
    match heap::cache() {
        // SAFETY: by contract.
        Some(cache) => unsafe { reclaim(cache, header, meta, plain) },
        // SAFETY: by contract.
        None => with_cache(move |cache| unsafe { reclaim(cache, header, meta, plain) }),
    }
}

/// # Safety
///
/// As for `last_drop`, and no collection may look at the object.
#[inline(always)]
unsafe fn reclaim(cache: &Cache, header: NonNull<Header>, meta: Meta, plain: bool) {
    if !meta.has(flag::SPECIALS) && (plain || !meta.info().needs_drop) {
        // SAFETY: by contract; there is no drop glue, nor anybody to tell.
        unsafe { cache.free(header) };
    } else if cache.local.reclaiming.get() {
        // SAFETY: *owner fields*: only this thread uses them, and nothing here calls back.
        unsafe { (*cache.local.dying.get()).push(header) };
    } else {
        // SAFETY: by contract.
        unsafe { reclaim_all(cache, header) };
    }
}

/// # Safety
///
/// As for `drain`.
#[inline(never)]
unsafe fn reclaim_all(cache: &Cache, header: NonNull<Header>) {
    cache.local.reclaiming.set(true);
    // SAFETY: by contract.
    unsafe { drain(cache, Some(header)) };
    cache.local.reclaiming.set(false);
}

/// Puts a dead object on the list of the running collection, unless that has ended.
#[cold]
fn defer(header: NonNull<Header>, meta: Meta) -> bool {
    let mut deferred = DEFERRED.lock();
    let still = EPOCH.now().may_trace(meta.birth());
    if still {
        deferred.push(NonNullHeader(header));
    }
    still
}

/// Ends the running collection; the objects whose reclaim waited for that.
pub(crate) fn end_collection() -> Vec<NonNull<Header>> {
    let mut deferred = DEFERRED.lock();
    EPOCH.end();
    std::mem::take(&mut *deferred).into_iter().map(|h| h.0).collect()
}

/// Destroys an object and what dies with it, until nothing is left. A panic in drop glue is reported, and the rest goes
/// on.
///
/// # Safety
///
/// The object is the caller's, its count is zero, and no collection may look at it; the thread's `reclaiming` flag is
/// set.
unsafe fn drain(cache: &Cache, mut first: Option<NonNull<Header>>) {
    // SAFETY: *owner fields*; the borrow ends before anything calls back.
    let next = || unsafe { (*cache.local.dying.get()).pop() };
    guarded(|| {
        while let Some(header) = first.take().or_else(next) {
            // SAFETY: by contract, and what is on the list is this thread's.
            unsafe { destroy(cache, header) };
        }
    });
    // SAFETY: as above.
    let dying = unsafe { &mut *cache.local.dying.get() };
    // A burst of deaths leaves no memory behind.
    if dying.capacity() > 1 << 16 {
        *dying = Vec::new();
    }
}

/// Runs a loop that goes on where it was when drop glue in it panics.
fn guarded(mut work: impl FnMut()) {
    while let Err(payload) = catch_unwind(AssertUnwindSafe(&mut work)) {
        DROP_PANICS.fetch_add(1, Ordering::Relaxed);
        cleanup::report_panic(cleanup::PanicOrigin::Drop, payload);
    }
}

/// What is left to do when the drop glue of an object has run, or has panicked.
struct End<'a> {
    cache: &'a Cache,
    header: NonNull<Header>,
    farewell: Option<Farewell>,
}

impl Drop for End<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the value is gone, and the object was the owner's.
        unsafe { self.cache.free(self.header) };
        if let Some(farewell) = self.farewell.take() {
            queue(farewell);
        }
    }
}

/// Ends one object: weak pointers, value, slot, cleanups.
///
/// # Safety
///
/// As for `drain`.
#[inline]
unsafe fn destroy(cache: &Cache, header: NonNull<Header>) {
    // SAFETY: by contract the object is ours, its count zero, and its value there unless it is marked as dead.
    unsafe {
        let meta = header.as_ref().meta(Ordering::Acquire);
        let farewell = if meta.has(flag::SPECIALS) { special::clear(header) } else { None };
        let _end = End { cache, header, farewell };
        if !meta.has(flag::DEAD) && meta.info().needs_drop {
            (meta.info().drop)(Header::value(header));
        }
    }
}

fn queue(farewell: Farewell) {
    if !farewell.jobs.is_empty() {
        cleanup::enqueue(farewell.jobs);
    }
}

/// Destroys what a collection condemned and what waited for its end.
pub(crate) fn bury(condemned: Condemned, deferred: Vec<NonNull<Header>>) {
    with_cache(|cache| {
        let outer = cache.local.reclaiming.replace(true);
        let drain_inner = || {
            if !outer {
                // SAFETY: what is on the list is this thread's.
                unsafe { drain(cache, None) };
            }
        };
        let mut objects = condemned.objects.iter();
        guarded(|| {
            for &header in objects.by_ref() {
                // SAFETY: *verdict*: the objects are the collector's; all slots stay until all drop glue has run.
                unsafe {
                    let info = header.as_ref().meta(Ordering::Acquire).info();
                    if info.needs_drop {
                        (info.drop)(Header::value(header));
                    }
                }
            }
        });
        drain_inner();
        for &header in &condemned.objects {
            // SAFETY: the value is gone, and so are the edges to it.
            unsafe { cache.free(header) };
        }
        for farewell in condemned.farewells {
            queue(farewell);
        }
        let mut deferred = deferred.into_iter();
        guarded(|| {
            for header in deferred.by_ref() {
                // SAFETY: what was deferred is the collector's now, and no collection that may look at it runs: one that
                // began since finds its count at zero.
                unsafe { destroy(cache, header) };
                drain_inner();
            }
        });
        drain_inner();
        cache.local.reclaiming.set(outer);
        notes::hand_over(cache);
    });
}
