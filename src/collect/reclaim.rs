//! Destroying objects: after the last drop, and after a verdict.
//!
//! Drop glue runs outside of all locks of this crate and may do anything. An object whose last handle is dropped inside
//! the drop glue of another waits in a list of its thread, so however deep a structure is, nothing recurses.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::verdict::Condemned;
use super::{burials, notes};
use crate::barrier;
use crate::cleanup;
use crate::heap::class::NO_CLASS;
use crate::heap::{self, Cache, EPOCH, with_cache};
use crate::object::{Dropped, Header, Meta, flag};
use crate::special::{self, Farewell, Record};
use crate::sync::atomic::Ordering;
use crate::sync::plain::AtomicU64;
use crate::sync::{Mutex, global};
use crate::trace::tracer::prefetch_address;

global! {
    /// Objects whose count reached zero while a collection ran that may be looking at them.
    static DEFERRED: Mutex<Deferred> = Mutex::new(Deferred { objects: Vec::new(), burials: Vec::new() });
}
/// What an object that was condemned refers to is fetched so many objects before it is destroyed.
const FETCHED: usize = 8;
/// Panics in drop glue.
pub(crate) static DROP_PANICS: AtomicU64 = AtomicU64::new(0);

/// What waits for the end of a collection.
#[derive(Default)]
pub(crate) struct Deferred {
    objects: Vec<NonNull<Header>>,
    /// Burials that are not over before the objects are gone.
    burials: Vec<u64>,
}

// SAFETY: headers are shared by all threads; what is on the list belongs to whoever takes it off.
unsafe impl Send for Deferred {}

/// The drop of a handle, where it is not one of several that the owner counts. `plain` promises that the value has no drop
/// glue.
///
/// # Safety
///
/// The caller gives a handle up.
#[inline(never)]
pub(crate) unsafe fn drop_handle(header: NonNull<Header>, plain: bool) {
    // What is rare is in functions of its own that end this one, so that it needs no frame.
    // SAFETY: until it is taken away the handle keeps the object; then it is ours, or not touched.
    unsafe {
        let this = header.as_ref();
        let halves = this.count.halves();
        if !halves.are_one() {
            let me = heap::me();
            if !plain && this.count.decrement_by_owner_quietly(me) {
                // A value with drop glue that can hold no handles.
            } else if halves.are_gone() {
                // An edge to something that dies with what held it.
            } else if let Some(Dropped::Noted { flagged }) = this.count.decrement_by_owner_and_note(halves, me) {
                notes::note(header, flagged);
            } else if !this.count.decrement_shared_simply(halves, me) {
                drop_rest(header, plain);
            }
            return;
        }
        // Relaxed: read after the count. The birth may be renewed yet.
        let meta = this.meta(Ordering::Relaxed);
        // Whoever makes a record touches the shared half first, by `Count::make_exact`.
        debug_assert!(!meta.has(flag::SPECIALS));
        this.count.end_untouched();
        last_drop_of(header, meta, plain);
    }
}

/// The drop of a handle that is not a simple decrement. `plain` promises that the value has no drop glue.
///
/// # Safety
///
/// The caller gives a handle up.
#[inline(never)]
pub(crate) unsafe fn drop_rest(header: NonNull<Header>, plain: bool) {
    // SAFETY: by contract; if it was the last handle the object is ours.
    unsafe {
        if give_up(header, false) {
            last_drop(header, plain);
        }
    }
}

/// Takes a handle away; true if it was the last. If all handles are given up with `exact`, one of them is.
///
/// # Safety
///
/// The caller gives a handle up.
#[inline]
pub(crate) unsafe fn give_up(header: NonNull<Header>, exact: bool) -> bool {
    // SAFETY: until it is taken away the handle keeps the object; afterwards it is not touched, unless it is ours.
    let this = unsafe { header.as_ref() };
    let owner = this.count.is_owned_by(heap::me());
    loop {
        match this.decrement(owner, exact) {
            Dropped::Last => return true,
            Dropped::Shared => return false,
            Dropped::Noted { flagged } => {
                notes::note(header, flagged);
                return false;
            }
            Dropped::Careful => {
                // SAFETY: the handle still keeps the object.
                let record = unsafe { Record::find(header) }.expect("a flagged object has a record");
                if record.end_if_one(&this.count, owner) {
                    return true;
                }
            }
        }
    }
}

/// Called when the count of an object reached zero: reclaims it, now or when the collection that may be looking at it
/// has ended. `plain` promises that the value has no drop glue.
///
/// # Safety
///
/// The caller took the last handle away.
#[inline]
pub(crate) unsafe fn last_drop(header: NonNull<Header>, plain: bool) {
    // SAFETY: by contract the object is ours. Acquire: flags that others set before they dropped their handles.
    unsafe { last_drop_of(header, header.as_ref().meta(Ordering::Acquire), plain) }
}

/// # Safety
///
/// As for `last_drop`; `meta` is the object's, but for its birth, which may be older.
#[inline(always)]
unsafe fn last_drop_of(header: NonNull<Header>, meta: Meta, plain: bool) {
    let calm = EPOCH.is_calm();
    match heap::cache() {
        // SAFETY: by contract.
        Some(cache) if calm => unsafe { reclaim(cache, header, meta, plain) },
        // SAFETY: by contract.
        _ => unsafe { last_drop_while_running(header, plain) },
    }
}

/// The last drop while a collection runs, or where barriers are dear, or on a thread that has no cache.
///
/// # Safety
///
/// As for `last_drop`.
#[inline(never)]
unsafe fn last_drop_while_running(header: NonNull<Header>, plain: bool) {
    if !cfg!(tracegc_break = "dear-barrier") {
        // Where barriers are dear this is the one after the zero.
        barrier::light();
    }
    // Read after the zero, since collections renew births until then: one that sees the zero does not, and one that does
    // not see it takes the birth before and the birth after for the same.
    // SAFETY: by contract the object is ours.
    let meta = unsafe { header.as_ref() }.meta(Ordering::Acquire);
    let now = EPOCH.now();
    if !cfg!(tracegc_break = "deferral")
        && now.running()
        && now.may_trace(meta.birth())
        // SAFETY: as above. Collections look at no leaf that only its owner has counted.
        && (!meta.has(flag::LEAF) || unsafe { header.as_ref() }.count.is_touched())
        && defer(header, meta)
    {
        return;
    }
    // SAFETY: by contract, and no collection may look at the object.
    with_cache(move |cache| unsafe { reclaim(cache, header, meta, plain) });
}

/// # Safety
///
/// As for `last_drop`, and no collection may look at the object.
#[inline(always)]
unsafe fn reclaim(cache: &Cache, header: NonNull<Header>, meta: Meta, plain: bool) {
    if !meta.has(flag::SPECIALS) && (plain || !meta.info().needs_drop) {
        // SAFETY: by contract; there is no drop glue, nor anybody to tell.
        unsafe { cache.free_of(header, meta.info().class) };
    } else if cache.local.reclaiming.get() {
        // SAFETY: *owner fields*: only this thread uses them, and nothing here calls back.
        let dying = unsafe { &mut *cache.local.dying.get() };
        if dying.len() == dying.capacity() {
            return push_growing(dying, header);
        }
        dying.push(header);
    } else {
        // SAFETY: by contract.
        unsafe { reclaim_all(cache, header) };
    }
}

#[cold]
#[inline(never)]
fn push_growing(list: &mut Vec<NonNull<Header>>, header: NonNull<Header>) {
    list.push(header);
}

/// # Safety
///
/// As for `drain`.
#[inline(never)]
unsafe fn reclaim_all(cache: &Cache, header: NonNull<Header>) {
    cache.local.reclaiming.set(true);
    let mut panics = Vec::new();
    // SAFETY: by contract.
    unsafe { drain(cache, Some(header), &mut panics) };
    cache.local.reclaiming.set(false);
    // SAFETY: *owner fields*; the borrow ends at once.
    if !unsafe { &*cache.local.burying.get() }.is_empty() {
        // Drop glue called `collect`, which left the rest to this.
        settle_burials(cache);
    }
    report(panics);
}

/// A panic that was caught.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Reports panics in drop glue. The hook is the user's: nothing may be held.
pub(crate) fn report(panics: Vec<Payload>) {
    for payload in panics {
        cleanup::report_panic(cleanup::PanicOrigin::Drop, payload);
    }
}

/// Puts a dead object on the list of the running collection, unless that has ended.
#[cold]
fn defer(header: NonNull<Header>, meta: Meta) -> bool {
    let mut deferred = DEFERRED.lock();
    let now = EPOCH.now();
    if !now.may_trace(meta.birth()) && !cfg!(tracegc_break = "end-list") {
        return false;
    }
    deferred.objects.push(header);
    with_cache(|cache| {
        // SAFETY: *owner fields*: only this thread uses them, and nothing here calls back.
        let burying = unsafe { &*cache.local.burying.get() };
        if !burying.is_empty() && cache.local.handed_to.replace(Some(now)) != Some(now) {
            burials::hold(burying);
            deferred.burials.extend_from_slice(burying);
        }
    });
    true
}

/// Ends the running collection; what waited for that.
pub(crate) fn end_collection() -> Deferred {
    let mut deferred = DEFERRED.lock();
    EPOCH.end();
    std::mem::take(&mut *deferred)
}

/// Destroys an object and what dies with it, until nothing is left. A panic in drop glue is kept for a report, and
/// the rest goes on.
///
/// # Safety
///
/// The object is the caller's, its count is zero, and no collection may look at it; the thread's `reclaiming` flag is
/// set.
unsafe fn drain(cache: &Cache, first: Option<NonNull<Header>>, panics: &mut Vec<Payload>) {
    // SAFETY: *owner fields*; the borrows end before anything calls back.
    let dying = cache.local.dying.get();
    // SAFETY: as above.
    let in_burial = unsafe {
        (*dying).extend(first);
        !(*cache.local.burying.get()).is_empty()
    };
    guarded(panics, || {
        // SAFETY: as above; by contract, what is on the list is this thread's.
        while let Some(header) = unsafe { (*dying).pop() } {
            if in_burial {
                burials::go_on();
            }
            // SAFETY: as above.
            let meta = unsafe { header.as_ref() }.meta(Ordering::Acquire);
            if meta.has(flag::SPECIALS | flag::DEAD) {
                // SAFETY: as above.
                unsafe { destroy(cache, header) };
            } else {
                let info = meta.info();
                let _end = Slot { cache, header, class: info.class };
                // SAFETY: as above; the value is there.
                unsafe { (info.drop)(Header::value(header)) };
            }
        }
    });
    // SAFETY: as above.
    let dying = unsafe { &mut *dying };
    // A burst of deaths leaves no memory behind.
    if dying.capacity() > 1 << 16 {
        *dying = Vec::new();
    }
}

/// Runs a loop that goes on where it was when drop glue in it panics.
fn guarded(panics: &mut Vec<Payload>, mut work: impl FnMut()) {
    while let Err(payload) = catch_unwind(AssertUnwindSafe(&mut work)) {
        DROP_PANICS.fetch_add(1, Ordering::Relaxed);
        panics.push(payload);
    }
}

/// The slot of an object whose drop glue runs: freed when that has ended, or has panicked.
struct Slot<'a> {
    cache: &'a Cache,
    header: NonNull<Header>,
    class: u8,
}

impl Drop for Slot<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the value is gone, and the object was the owner's.
        unsafe { self.cache.free_of(self.header, self.class) };
    }
}

/// Queues the cleanups of an object when its drop glue has ended, or has panicked.
struct Goodbye(Option<Farewell>);

impl Drop for Goodbye {
    fn drop(&mut self) {
        if let Some(farewell) = self.0.take() {
            queue(farewell);
        }
    }
}

/// Ends one object of any kind: weak pointers, value, slot, cleanups.
///
/// # Safety
///
/// As for `drain`.
#[inline(never)]
unsafe fn destroy(cache: &Cache, header: NonNull<Header>) {
    // SAFETY: by contract the object is ours, its count zero, and its value there unless it is marked as dead.
    unsafe {
        let meta = header.as_ref().meta(Ordering::Acquire);
        let _last = Goodbye(if meta.has(flag::SPECIALS) { special::clear(header) } else { None });
        let _end = Slot { cache, header, class: NO_CLASS };
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

/// Destroys what a collection condemned and what waited for its end. Panics in drop glue are left in `panics`. So many bytes
/// were freed more than drop glue has made.
pub(crate) fn bury(number: u64, condemned: Condemned, deferred: Deferred, panics: &mut Vec<Payload>) -> usize {
    with_cache(|cache| {
        let [made, freed] = cache.turnover();
        let outer = cache.local.reclaiming.replace(true);
        // SAFETY: *owner fields*: only this thread uses them, and the borrow ends at once.
        unsafe {
            let burying = &mut *cache.local.burying.get();
            burying.extend(deferred.burials);
            burying.push(number);
        }
        cache.local.handed_to.set(None);
        let mut objects = condemned.objects.iter();
        let mut trail = condemned.trail.iter();
        let mut ahead = condemned.objects.iter();
        let mut fetch = || {
            // An edge to the next object looks as if that began here. It does no harm.
            let next = ahead.next().copied();
            for target in trail.by_ref().take_while(|&target| Some(target) != next) {
                prefetch_address(target.as_ptr().cast());
            }
        };
        (0..FETCHED).for_each(|_| fetch());
        guarded(panics, || {
            for &header in objects.by_ref() {
                burials::go_on();
                fetch();
                // SAFETY: *verdict*: the objects are the collector's; all slots stay until all drop glue has run.
                unsafe {
                    let info = header.as_ref().meta(Ordering::Acquire).info();
                    if info.needs_drop {
                        (info.drop)(Header::value(header));
                    }
                }
            }
        });
        // SAFETY: the values are gone, and so are the edges to them.
        unsafe { cache.free_all(&condemned.objects) };
        for farewell in condemned.farewells {
            queue(farewell);
        }
        let mut deferred = deferred.objects.into_iter();
        guarded(panics, || {
            for header in deferred.by_ref() {
                burials::go_on();
                // SAFETY: what was deferred is the collector's now, and no collection that may look at it runs: one that
                // began since finds its count at zero.
                unsafe { destroy(cache, header) };
            }
        });
        if !outer {
            // SAFETY: what is on the list is this thread's.
            unsafe { drain(cache, None, panics) };
            cache.local.reclaiming.set(false);
        }
        notes::hand_over(cache);
        if !outer {
            settle_burials(cache);
        }
        let [made_now, freed_now] = cache.turnover();
        (freed_now - freed).saturating_sub(made_now - made) as usize
    })
}

/// Ends the burials that this thread was at work for, when all that died in its hands is gone.
fn settle_burials(cache: &Cache) {
    // SAFETY: *owner fields*; the borrow ends at once.
    let burying = unsafe { std::mem::take(&mut *cache.local.burying.get()) };
    burials::end(&burying);
}
