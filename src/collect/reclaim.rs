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
/// has ended.
///
/// # Safety
///
/// The caller took the last handle away.
#[inline(never)]
pub(crate) unsafe fn last_drop(header: NonNull<Header>) {
    // SAFETY: by contract the object is ours. Acquire: flags that others set before they dropped their handles.
    let meta = unsafe { header.as_ref() }.meta(Ordering::Acquire);
    if !meta.has(flag::LEAF) && EPOCH.now().may_trace(meta.birth()) && defer(header, meta) {
        return;
    }
    with_cache(|cache| {
        if !meta.info().needs_drop && !meta.has(flag::SPECIALS) {
            // SAFETY: by contract; there is no drop glue, nor anybody to tell.
            unsafe { cache.free(header) };
        } else if cache.local.reclaiming.get() {
            // SAFETY: *owner fields*: only this thread uses them, and nothing here calls back.
            unsafe { (*cache.local.dying.get()).push(header) };
        } else {
            // SAFETY: by contract.
            unsafe { reclaim_now(cache, header, meta) };
        }
    });
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

/// # Safety
///
/// The object is the caller's, and no collection may look at it.
unsafe fn reclaim_now(cache: &'static Cache, header: NonNull<Header>, meta: Meta) {
    cache.local.reclaiming.set(true);
    // SAFETY: by contract.
    unsafe { destroy(header, meta) };
    drain(cache);
    cache.local.reclaiming.set(false);
}

/// Destroys what died inside drop glue, until nothing is left.
fn drain(cache: &Cache) {
    loop {
        // SAFETY: *owner fields*; the borrow ends before anything calls back.
        let Some(header) = (unsafe { (*cache.local.dying.get()).pop() }) else {
            break;
        };
        // SAFETY: what is on the list is this thread's.
        unsafe { destroy(header, header.as_ref().meta(Ordering::Acquire)) };
    }
    // SAFETY: as above. A burst of deaths leaves no memory behind.
    unsafe {
        let dying = &mut *cache.local.dying.get();
        if dying.capacity() > 1 << 16 {
            *dying = Vec::new();
        }
    }
}

/// Ends one object: weak pointers, value, slot, cleanups.
///
/// # Safety
///
/// As for `reclaim_now`; the thread's `reclaiming` flag is set.
unsafe fn destroy(header: NonNull<Header>, meta: Meta) {
    // SAFETY: by contract the object is ours, its count zero, and its value there unless it is marked as dead.
    unsafe {
        let farewell = if meta.has(flag::SPECIALS) {
            special::clear(header)
        } else {
            None
        };
        if !meta.has(flag::DEAD) {
            drop_value(header, meta);
        }
        heap::free(header);
        if let Some(farewell) = farewell {
            queue(farewell);
        }
    }
}

fn queue(farewell: Farewell) {
    if !farewell.jobs.is_empty() {
        cleanup::enqueue(farewell.jobs);
    }
}

/// Runs the drop glue of an object's value. A panic is reported, and nothing more.
///
/// # Safety
///
/// The value is there, and is not used again.
unsafe fn drop_value(header: NonNull<Header>, meta: Meta) {
    let info = meta.info();
    if !info.needs_drop {
        return;
    }
    // SAFETY: by contract.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| unsafe { (info.drop)(Header::value(header)) })) {
        DROP_PANICS.fetch_add(1, Ordering::Relaxed);
        cleanup::report_panic(cleanup::PanicOrigin::Drop, payload);
    }
}

/// Destroys what a collection condemned and what waited for its end.
pub(crate) fn bury(condemned: Condemned, deferred: Vec<NonNull<Header>>) {
    with_cache(|cache| {
        let outer = cache.local.reclaiming.replace(true);
        for &header in &condemned.objects {
            // SAFETY: *verdict*: the objects are the collector's; all slots stay until all drop glue has run.
            unsafe { drop_value(header, header.as_ref().meta(Ordering::Acquire)) };
            if !outer {
                drain(cache);
            }
        }
        for &header in &condemned.objects {
            // SAFETY: the value is gone, and so are the edges to it.
            unsafe { heap::free(header) };
        }
        for farewell in condemned.farewells {
            queue(farewell);
        }
        for header in deferred {
            // SAFETY: what was deferred is the collector's now, and no collection that may look at it runs: one that
            // began since finds its count at zero.
            unsafe { destroy(header, header.as_ref().meta(Ordering::Acquire)) };
            if !outer {
                drain(cache);
            }
        }
        cache.local.reclaiming.set(outer);
        notes::hand_over(cache);
    });
}
