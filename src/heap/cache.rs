//! Thread caches and the central lists.
//!
//! A small span belongs to one thread's cache or, when its thread has exited, to the central lists. The owner takes
//! and returns slots without locks or read-modify-writes. Another thread that frees a slot pushes it to the owner's
//! *remote* list, which the owner takes over as a whole when it runs out of slots; so there is no ABA. A cache whose
//! thread exits closes its remote list and hands its spans to the central lists, from where any cache adopts them;
//! caches themselves are never freed and are used again by later threads, so a stale pointer to one is harmless: at
//! worst a slot is pushed to a cache that no longer owns it, and is passed on from there.

use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};

use super::class::{CLASSES, NO_CLASS, SIZES};
use super::pages::PAGE_HEAP;
use super::poison;
use super::segment::{Segment, span_of};
use super::span::{Kind, Listed, Span, no_span};
use crate::object::{Header, Meta, Owner};
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::plain::AtomicU64;
use crate::sync::{Mutex, global};

/// Bytes of slots that are made at a time.
const EXTEND: usize = if cfg!(any(loom, shuttle)) { 1 } else { 4096 };

/// A doubly linked list of spans.
#[derive(Default)]
pub(crate) struct SpanList(Cell<*mut Span>);

impl SpanList {
    fn push(&self, span: &Span) {
        let head = self.0.get();
        span.prev.set(ptr::null_mut());
        span.next.set(head);
        // SAFETY: *owner fields*: spans on a list have the list's owner, who is running this.
        if let Some(head) = unsafe { head.as_ref() } {
            head.prev.set(ptr::from_ref(span).cast_mut());
        }
        self.0.set(ptr::from_ref(span).cast_mut());
    }

    fn remove(&self, span: &Span) {
        let (prev, next) = (span.prev.get(), span.next.get());
        // SAFETY: as for `push`.
        unsafe {
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => self.0.set(next),
            }
            if let Some(next) = next.as_ref() {
                next.prev.set(prev);
            }
        }
    }

    fn first(&self) -> Option<&Span> {
        // SAFETY: spans on a list stay as long as they are on it.
        unsafe { self.0.get().as_ref() }
    }
}

/// The small spans of one owner, by class.
struct Lists([[SpanList; 2]; CLASSES]);

impl Lists {
    fn of(&self, class: usize, listed: Listed) -> &SpanList {
        &self.0[class][listed as usize]
    }

    fn enlist(&self, span: &Span, listed: Listed) {
        span.listed.set(listed);
        self.of(span.class(), listed).push(span);
    }

    #[cold]
    fn relist(&self, span: &Span, listed: Listed) {
        if span.listed.get() != listed {
            self.of(span.class(), span.listed.get()).remove(span);
            self.enlist(span, listed);
        }
    }

    /// Puts a slot back into its span, which belongs to the owner of these lists; true if the span is empty now.
    fn put(&self, span: &Span, slot: NonNull<Header>) -> bool {
        let used = Self::push(span, slot);
        self.relist(span, Listed::Partial);
        used == 0
    }

    /// Puts a slot on the free list of its span, which is the caller's; slots that are still in use.
    #[inline]
    fn push(span: &Span, slot: NonNull<Header>) -> u32 {
        // SAFETY: a slot that is being freed is nobody else's. Release: see `Header::meta`.
        unsafe { slot.as_ref() }.set_meta(Meta::free(span.free.get()), Ordering::Release);
        span.free.set(slot.as_ptr());
        let used = span.used.get() - 1;
        span.used.set(used);
        used
    }
}

/// What one thread has at hand.
pub(crate) struct Cache {
    /// The span that slots of a class come from now.
    current: [Cell<*const Span>; CLASSES],
    /// A slot of each class that was freed last and is used first, so that a program which makes and drops one object
    /// after another works on one slot that it knows the address of. It may lie in a span of another owner, and counts as in
    /// use there. The last place is for objects without a class, and always taken.
    warm: [Cell<*mut Header>; CLASSES + 1],
    lists: Lists,
    /// Slots of this cache's spans that other threads freed; [`closed`] while no thread uses the cache.
    remote: AtomicPtr<Header>,
    /// Objects made and freed through this cache; only its thread writes.
    made: [AtomicU64; CLASSES],
    freed: [AtomicU64; CLASSES],
    made_large: AtomicU64,
    freed_large: AtomicU64,
    made_large_bytes: AtomicU64,
    freed_large_bytes: AtomicU64,
    /// Freed slots that are not used again yet; always empty but under a sanitizer.
    quarantine: poison::Quarantine,
    /// Work of the layers above that belongs to the thread.
    pub(crate) local: Local,
    /// What its thread is to the counts of objects.
    pub(crate) owner: Owner,
}

/// Per-thread state of the layers above.
#[derive(Default)]
pub(crate) struct Local {
    /// Objects whose last handle was dropped inside the drop glue of another.
    pub(crate) dying: UnsafeCell<Vec<NonNull<Header>>>,
    /// A drop is in progress further up the stack.
    pub(crate) reclaiming: Cell<bool>,
    /// Addresses of candidates that were not handed over yet.
    pub(crate) notes: UnsafeCell<Vec<usize>>,
    /// The burials that this thread is at work for, see `collect::burials`.
    pub(crate) burying: UnsafeCell<Vec<u64>>,
    /// The collection that they were last handed to.
    pub(crate) handed_to: Cell<Option<super::Moment>>,
}

// SAFETY: cells are used by the thread that has the cache, or under the central lock; the rest are atomics.
unsafe impl Sync for Cache {}
// SAFETY: as above; a cache changes hands under the lock of the registry.
unsafe impl Send for Cache {}

static CLOSED: u128 = 0;

/// The mark of a closed remote list: the address of a static, which is no slot.
fn closed() -> *mut Header {
    (&raw const CLOSED).cast_mut().cast()
}

struct Central {
    lists: Lists,
}

// SAFETY: used under its lock.
unsafe impl Send for Central {}

struct Registry {
    all: Vec<&'static Cache>,
    idle: Vec<&'static Cache>,
}

global! {
    static CENTRAL: Mutex<Central> =
        Mutex::new(Central { lists: Lists([const { [const { SpanList(Cell::new(ptr::null_mut())) }; 2] }; CLASSES]) });
}
global! {
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry { all: Vec::new(), idle: Vec::new() });
}

/// Frees the caches at the end of a run of a model.
#[cfg(any(loom, shuttle))]
impl Drop for Registry {
    fn drop(&mut self) {
        for cache in self.all.drain(..) {
            // SAFETY: it came from a box, and the threads are gone.
            drop(unsafe { Box::from_raw(ptr::from_ref(cache).cast_mut()) });
        }
    }
}

#[inline]
fn bump(counter: &AtomicU64, by: u64) {
    // Only the thread of the cache writes, so load and store are enough.
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl Cache {
    fn new(owner: Owner) -> Cache {
        Cache {
            current: std::array::from_fn(|_| Cell::new(no_span())),
            warm: std::array::from_fn(|class| Cell::new(if class < CLASSES { ptr::null_mut() } else { closed() })),
            lists: Lists(std::array::from_fn(|_| Default::default())),
            remote: AtomicPtr::new(closed()),
            made: [const { AtomicU64::new(0) }; CLASSES],
            freed: [const { AtomicU64::new(0) }; CLASSES],
            made_large: AtomicU64::new(0),
            freed_large: AtomicU64::new(0),
            made_large_bytes: AtomicU64::new(0),
            freed_large_bytes: AtomicU64::new(0),
            quarantine: Default::default(),
            local: Local::default(),
            owner,
        }
    }

    /// A cache for the calling thread.
    pub(crate) fn acquire() -> &'static Cache {
        crate::barrier::prepare();
        super::EPOCH.prepare();
        let mut registry = REGISTRY.lock();
        let cache = registry.idle.pop().unwrap_or_else(|| {
            let new: &'static Cache = Box::leak(Box::new(Cache::new(Owner::new(registry.all.len()))));
            registry.all.push(new);
            new
        });
        // Release and Acquire are the lock's: who had the cache before is done with it.
        cache.remote.store(ptr::null_mut(), Ordering::Release);
        cache
    }

    /// Hands everything over, for a thread that exits.
    pub(crate) fn release(&'static self) {
        while let Some(slot) = self.quarantine.pop() {
            // SAFETY: freed slots are this thread's.
            unsafe { self.put_slot(span_of(slot), slot) };
        }
        self.cool();
        let mut central = CENTRAL.lock();
        for class in 0..CLASSES {
            self.current[class].set(no_span());
            for listed in [Listed::Partial, Listed::Full] {
                while let Some(span) = self.lists.of(class, listed).first() {
                    self.lists.of(class, listed).remove(span);
                    // Relaxed: spans change hands under the central lock.
                    span.owner.store(ptr::null_mut(), Ordering::Relaxed);
                    if span.used.get() == 0 {
                        give_back(span);
                    } else {
                        central.lists.enlist(span, listed);
                    }
                }
            }
        }
        // From here on nobody pushes to the list; what was pushed belongs to the central lists now.
        let rest = self.remote.swap(closed(), Ordering::AcqRel);
        central.put_all(rest);
        drop(central);
        REGISTRY.lock().idle.push(self);
    }

    /// Takes a slot of a class; the fast path.
    #[inline]
    pub(crate) fn take(&self, class: usize) -> Option<NonNull<Header>> {
        if let Some(slot) = NonNull::new(self.warm[class].get()) {
            self.warm[class].set(ptr::null_mut());
            bump(&self.made[class], 1);
            return Some(slot);
        }
        // SAFETY: *current*: points at a span of this cache, or at `NO_SPAN`, whose list is empty.
        let span = unsafe { &*self.current[class].get() };
        let slot = NonNull::new(span.free.get())?;
        // SAFETY: slots on the free list are ours. Relaxed: their links were written by this thread, or taken over from
        // another with the remote list.
        span.free.set(unsafe { slot.as_ref() }.meta(Ordering::Relaxed).next());
        span.used.set(span.used.get() + 1);
        bump(&self.made[class], 1);
        poison::unpoison_slot(slot);
        Some(slot)
    }

    /// Takes a slot of a class after looking everywhere; `None` if the system has no more memory.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_slow(&self, class: usize) -> Option<NonNull<Header>> {
        self.collect_remote();
        loop {
            let list = self.lists.of(class, Listed::Partial);
            let span = match list.first() {
                Some(span) => span,
                None => self.adopt(class).or_else(|| self.fresh(class))?,
            };
            if span.free.get().is_null() && !extend(span) {
                self.lists.relist(span, Listed::Full);
                continue;
            }
            self.current[class].set(span);
            return self.take(class);
        }
    }

    fn adopt(&self, class: usize) -> Option<&'static Span> {
        let central = CENTRAL.lock();
        let span = NonNull::from(central.lists.of(class, Listed::Partial).first()?);
        // SAFETY: spans on a list are there, and this one is ours from here on.
        let span = unsafe { span.as_ref() };
        central.lists.of(class, Listed::Partial).remove(span);
        span.owner.store(ptr::from_ref(self).cast_mut(), Ordering::Relaxed);
        self.lists.enlist(span, Listed::Partial);
        Some(span)
    }

    fn fresh(&self, class: usize) -> Option<&'static Span> {
        // SAFETY: a new span is ours.
        let span = unsafe { PAGE_HEAP.small(class)?.as_ref() };
        span.owner.store(ptr::from_ref(self).cast_mut(), Ordering::Relaxed);
        self.lists.enlist(span, Listed::Partial);
        Some(span)
    }

    /// Takes over what other threads freed.
    pub(crate) fn collect_remote(&self) {
        if self.remote.load(Ordering::Relaxed).is_null() {
            return;
        }
        // Acquire: what the freeing threads did to the slots, their links above all.
        let mut slot = self.remote.swap(ptr::null_mut(), Ordering::Acquire);
        while let Some(this) = NonNull::new(slot) {
            // SAFETY: *remote list*: slots on it are free and nobody else's.
            slot = unsafe { this.as_ref() }.meta(Ordering::Relaxed).next();
            // SAFETY: as above; the slot keeps its span in place.
            unsafe { self.put_slot(span_of(this), this) };
        }
    }

    /// Puts the slots that were freed last where they belong.
    pub(crate) fn cool(&self) {
        for class in 0..CLASSES {
            if let Some(slot) = NonNull::new(self.warm[class].replace(ptr::null_mut())) {
                // SAFETY: *warm slots*: they are ours, and in use as far as their spans know.
                unsafe { self.put_slot(span_of(slot), slot) };
            }
        }
    }

    /// Bytes of all objects that this thread has made and freed.
    pub(crate) fn turnover(&self) -> [u64; 2] {
        let bytes = |counts: &[AtomicU64; CLASSES], large: &AtomicU64| {
            let small = counts.iter().zip(SIZES).map(|(count, size)| count.load(Ordering::Relaxed) * size as u64);
            small.sum::<u64>() + large.load(Ordering::Relaxed)
        };
        [bytes(&self.made, &self.made_large_bytes), bytes(&self.freed, &self.freed_large_bytes)]
    }

    /// Takes over what other threads freed, and gives back what holds nothing.
    pub(crate) fn tidy(&self) {
        self.cool();
        self.collect_remote();
        for class in 0..CLASSES {
            let mut next = self.lists.of(class, Listed::Partial).first();
            while let Some(span) = next {
                // SAFETY: *owner fields*.
                next = unsafe { span.next.get().as_ref() };
                if span.used.get() == 0 {
                    if ptr::eq(self.current[class].get(), span) {
                        self.current[class].set(no_span());
                    }
                    self.settle(span);
                }
            }
        }
    }

    /// Puts a free slot where it belongs, without counting it.
    ///
    /// # Safety
    ///
    /// The slot is in use as far as its span knows, and nobody else uses it.
    #[inline]
    unsafe fn put_slot(&self, span: &Span, slot: NonNull<Header>) {
        // Relaxed: only this thread makes itself the owner, or ends it.
        if ptr::eq(span.owner.load(Ordering::Relaxed), self) {
            if self.lists.put(span, slot) && !ptr::eq(self.current[span.class()].get(), span) {
                self.settle(span);
            }
        } else {
            // SAFETY: by contract.
            unsafe { put_remote(span, slot) };
        }
    }

    /// A span that was full has got a free slot.
    #[cold]
    #[inline(never)]
    fn put_in_full(&self, span: &Span) {
        self.lists.relist(span, Listed::Partial);
        if span.used.get() == 0 && !ptr::eq(self.current[span.class()].get(), span) {
            self.settle(span);
        }
    }

    /// Gives an empty span back.
    #[cold]
    fn settle(&self, span: &Span) {
        self.lists.of(span.class(), span.listed.get()).remove(span);
        give_back(span);
    }

    /// Frees the slot of an object whose class its type tells ([`NO_CLASS`] if it does not).
    ///
    /// # Safety
    ///
    /// As for `free`; the class is that of the slot.
    #[inline(always)]
    pub(crate) unsafe fn free_of(&self, slot: NonNull<Header>, class: u8) {
        // SAFETY: by contract there is a place for the class.
        let warm = unsafe { self.warm.get_unchecked(usize::from(class)) };
        if cfg!(tracegc_asan) || !warm.get().is_null() {
            // SAFETY: by contract.
            return unsafe { self.free(slot) };
        }
        // SAFETY: by contract the slot is ours. Release: see `Header::meta`.
        unsafe { slot.as_ref() }.set_meta(Meta::free(ptr::null_mut()), Ordering::Release);
        warm.set(slot.as_ptr());
        // SAFETY: what has no class finds its place taken.
        bump(unsafe { self.freed.get_unchecked(usize::from(class)) }, 1);
    }

    /// Frees the slot of an object.
    ///
    /// # Safety
    ///
    /// The object's value is gone, and nobody else knows of it.
    #[inline(always)]
    pub(crate) unsafe fn free(&self, slot: NonNull<Header>) {
        // SAFETY: the slot keeps its span in place.
        let span = unsafe { span_of(slot) };
        // Relaxed: only this thread makes itself the owner, or ends it; and only small spans have owners.
        if cfg!(not(tracegc_asan)) && ptr::eq(span.owner.load(Ordering::Relaxed), self) {
            let class = span.class();
            // SAFETY: classes of spans are below the number of classes.
            let (freed, current) = unsafe { (self.freed.get_unchecked(class), self.current.get_unchecked(class)) };
            bump(freed, 1);
            let used = Lists::push(span, slot);
            // What is rare is in functions of its own that end this one, so that it needs no frame.
            if span.listed.get() == Listed::Full {
                self.put_in_full(span);
            } else if used == 0 && !ptr::eq(current.get(), span) {
                self.settle(span);
            }
        } else {
            // SAFETY: by contract.
            unsafe { self.free_other(span, slot) };
        }
    }

    /// Frees the slots of many objects. Those of other threads go back in chains.
    ///
    /// # Safety
    ///
    /// As for `free`, for each.
    pub(crate) unsafe fn free_all(&self, slots: &[NonNull<Header>]) {
        /// Slots of spans that have the same owner.
        struct Chain(*mut Cache, NonNull<Header>, NonNull<Header>);
        let mut chain: Option<Chain> = None;
        for &slot in slots {
            // SAFETY: the slot keeps its span in place.
            let span = unsafe { span_of(slot) };
            // Acquire: see `put_chain`.
            let owner = span.owner.load(Ordering::Acquire);
            if cfg!(tracegc_asan) || ptr::eq(owner, self) || span.kind() != Kind::Small {
                // SAFETY: by contract.
                unsafe { self.free(slot) };
                continue;
            }
            bump(&self.freed[span.class()], 1);
            chain = match chain {
                Some(Chain(same, first, last)) if ptr::eq(same, owner) => {
                    // SAFETY: by contract the slot is ours. Release: see `Header::meta`.
                    unsafe { slot.as_ref() }.set_meta(Meta::free(first.as_ptr()), Ordering::Release);
                    Some(Chain(same, slot, last))
                }
                other => {
                    if let Some(Chain(owner, first, last)) = other {
                        // SAFETY: by contract.
                        unsafe { put_chain(owner, first, last) };
                    }
                    Some(Chain(owner, slot, slot))
                }
            };
        }
        if let Some(Chain(owner, first, last)) = chain {
            // SAFETY: by contract.
            unsafe { put_chain(owner, first, last) };
        }
    }

    /// Frees a slot that is another's, or large.
    ///
    /// # Safety
    ///
    /// As for `free`.
    #[inline(never)]
    unsafe fn free_other(&self, span: &Span, slot: NonNull<Header>) {
        if span.kind() == Kind::Small {
            bump(&self.freed[span.class()], 1);
            poison::poison_slot(slot);
            if let Some(slot) = self.quarantine.exchange(slot) {
                // SAFETY: by contract; under the sanitizer it is an earlier slot, for which the same holds.
                unsafe { self.put_slot(span_of(slot), slot) };
            }
        } else {
            // SAFETY: by contract.
            unsafe { self.free_large(slot) };
        }
    }

    #[cold]
    unsafe fn free_large(&self, slot: NonNull<Header>) {
        bump(&self.freed_large, 1);
        bump(&self.freed_large_bytes, large_bytes(slot) as u64);
        // SAFETY: by contract of `free` the slot is nobody's. Release: see `Header::meta`.
        unsafe { slot.as_ref() }.set_meta(Meta::free(ptr::null_mut()), Ordering::Release);
        // SAFETY: the only object of the span is gone.
        unsafe { PAGE_HEAP.give_back(slot.cast()) };
    }

    /// Takes a large object's place.
    #[cold]
    pub(crate) fn take_large(&self, size: usize, lead: usize) -> Option<NonNull<Header>> {
        let slot = PAGE_HEAP.large(size, lead)?;
        bump(&self.made_large, 1);
        bump(&self.made_large_bytes, large_bytes(slot) as u64);
        Some(slot)
    }
}

/// Bytes that a large object takes.
fn large_bytes(slot: NonNull<Header>) -> usize {
    // SAFETY: the object keeps its segment mapped.
    unsafe {
        let segment = Segment::of(slot).as_ref();
        segment.used_by(usize::from(span_of(slot).pages.load(Ordering::Relaxed)))
    }
}

/// Hands an empty span back to the page heap.
fn give_back(span: &Span) {
    // SAFETY: the caller owns the span and took it off its list; it has no slot in use.
    unsafe { PAGE_HEAP.give_back(NonNull::new_unchecked(span.first()).cast()) };
}

/// Makes more slots, if there is room for any.
fn extend(span: &Span) -> bool {
    let made = span.extent.load(Ordering::Relaxed) as usize;
    let capacity = span.capacity.load(Ordering::Relaxed) as usize;
    let more = (capacity - made).min((EXTEND / span.slot_size.load(Ordering::Relaxed) as usize).max(1));
    if more == 0 {
        return false;
    }
    let mut next = ptr::null_mut();
    for index in (made..made + more).rev() {
        let slot = span.slot(index);
        // SAFETY: slots beyond the extent are the owner's, and their bytes may be anything: written, not replaced.
        unsafe { slot.write(Header::free(next)) };
        next = slot.as_ptr();
    }
    span.free.set(next);
    // Release: whoever sees the extent sees that the slots are free.
    span.extent.store((made + more) as u32, Ordering::Release);
    true
}

/// Gives a slot to the owner of its span, who is another thread or nobody.
///
/// # Safety
///
/// As for `Cache::put_slot`.
#[cold]
unsafe fn put_remote(span: &Span, slot: NonNull<Header>) {
    // Acquire: the cache was made before it became the owner.
    // SAFETY: by contract; a chain of one.
    unsafe { put_chain(span.owner.load(Ordering::Acquire), slot, slot) };
}

/// Gives slots, chained from `first` to `last`, to a cache that owned their spans when it was asked last, or to nobody.
///
/// # Safety
///
/// The slots are in use as far as their spans know, and nobody else uses them; the cache was read with `Acquire`.
unsafe fn put_chain(owner: *mut Cache, first: NonNull<Header>, last: NonNull<Header>) {
    // SAFETY: caches are never freed.
    if let Some(owner) = unsafe { owner.as_ref() } {
        let mut head = owner.remote.load(Ordering::Relaxed);
        while head != closed() {
            // SAFETY: the slots are ours until they are pushed.
            unsafe { last.as_ref() }.set_meta(Meta::free(head), Ordering::Release);
            // Release: the owner that takes the list over sees what was done to the slots.
            match owner.remote.compare_exchange_weak(head, first.as_ptr(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
    // SAFETY: the slots are ours.
    unsafe { last.as_ref() }.set_meta(Meta::free(ptr::null_mut()), Ordering::Release);
    CENTRAL.lock().put_all(first.as_ptr());
}

impl Central {
    /// Puts a chain of free slots where they belong; for slots whose owner is gone.
    fn put_all(&mut self, mut slot: *mut Header) {
        while let Some(this) = NonNull::new(slot) {
            // SAFETY: slots on the chain are free and nobody else's, and keep their spans in place.
            let span = unsafe {
                slot = this.as_ref().meta(Ordering::Relaxed).next();
                span_of(this)
            };
            // Under the lock: either the span has an owner, adopted since, or it stays without.
            if span.owner.load(Ordering::Acquire).is_null() {
                if self.lists.put(span, this) {
                    self.lists.of(span.class(), span.listed.get()).remove(span);
                    give_back(span);
                }
            } else {
                // SAFETY: as above. The owner cannot close its list meanwhile: that needs the lock.
                unsafe { put_remote(span, this) };
            }
        }
    }
}

/// Sums over all caches.
pub(crate) struct Sums {
    pub(crate) made: [u64; CLASSES],
    pub(crate) freed: [u64; CLASSES],
    pub(crate) large: [u64; 4],
}

/// Adds the counters of all threads up.
pub(crate) fn sums() -> Sums {
    let mut sums = Sums { made: [0; CLASSES], freed: [0; CLASSES], large: [0; 4] };
    for cache in &REGISTRY.lock().all {
        for class in 0..CLASSES {
            // Freed first: a slot freed between the two reads is then counted as live, not as freed before it was made.
            sums.freed[class] += cache.freed[class].load(Ordering::Relaxed);
            sums.made[class] += cache.made[class].load(Ordering::Relaxed);
        }
        let large = [&cache.made_large, &cache.freed_large, &cache.made_large_bytes, &cache.freed_large_bytes];
        for (sum, counter) in sums.large.iter_mut().zip(large) {
            *sum += counter.load(Ordering::Relaxed);
        }
    }
    sums
}

const _: () = assert!(SIZES[CLASSES - 1] == super::class::MAX_SMALL && NO_CLASS as usize == CLASSES);
