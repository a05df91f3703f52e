//! The visitor, and what it does with an edge in each phase of a collection.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::Trace;
use super::guards::Guards;
use crate::Gc;
use crate::collect::{List, Trail};
use crate::heap::segment::{Segment, span_of};
use crate::heap::span::Kind;
use crate::heap::{EPOCH, Moment};
use crate::object::{Header, flag};
use crate::sync::atomic::Ordering;

/// What is done with an edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Count it, whatever it leads to.
    Count,
    /// Count it, and visit what it leads to if it was not visited yet.
    Explore,
    /// What it leads to is alive.
    Mark,
    /// Count it if it leads into the tentative set, and keep the guards of all locks.
    Freeze,
}

/// Bits of a mark byte.
pub(crate) mod mark {
    /// The object takes part in this collection.
    pub(crate) const VISITED: u8 = 0x80;
    /// It is held from outside, or reached from such an object.
    pub(crate) const LIVE: u8 = 0x40;
    /// Edges found so far, modulo 64; the carries are in a side table.
    pub(crate) const EDGES: u8 = 0x3f;
}

/// So many frozen objects leave a trail: fewer are in the cache yet when they are destroyed.
const TRAIL_FROM: usize = 1 << 16;
/// Edges on their way: the mark byte is fetched when an edge enters and used when it leaves.
const IN_FLIGHT: usize = 16;

/// The visitor that [`Trace::trace`] shows its handles to.
pub struct Tracer<'a> {
    pub(crate) mode: Mode,
    pub(crate) moment: Moment,
    /// Objects that the last steps found: to explore, or to mark from.
    pub(crate) found: List,
    pub(crate) guards: Guards,
    /// The objects that were frozen, each before what it refers to: what their drop glue will look at, in this order.
    pub(crate) trail: Trail,
    leaves_trail: bool,
    /// A part of the object in hand could not be looked at.
    pub(crate) busy: bool,
    /// Panics in `trace`, to be reported when no lock is held.
    pub(crate) panics: Vec<Box<dyn Any + Send>>,
    in_flight: [Option<NonNull<Header>>; IN_FLIGHT],
    at: usize,
    carries: HashMap<usize, u64>,
    /// The object in hand, for messages.
    current: Option<NonNull<Header>>,
    _one_collection: PhantomData<&'a mut ()>,
}

impl std::fmt::Debug for Tracer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracer").finish_non_exhaustive()
    }
}

impl Tracer<'_> {
    /// Shows a handle that the traced value owns.
    #[inline]
    pub fn visit<T: ?Sized>(&mut self, handle: &Gc<T>) {
        let target = handle.header();
        #[cfg(debug_assertions)]
        self.check_edge(target, std::any::type_name::<T>());
        prefetch(target);
        if self.leaves_trail && self.mode == Mode::Freeze {
            self.trail.push(target);
        }
        let slot = &mut self.in_flight[self.at % IN_FLIGHT];
        self.at += 1;
        if let Some(earlier) = slot.replace(target) {
            self.edge(earlier);
        }
    }

    /// Traces what a lock guard protects, and keeps the guard for as long as the collector needs what it saw to stay.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use tracegc::{Trace, Tracer};
    ///
    /// struct Cell<T>(Mutex<T>);
    ///
    /// // SAFETY: the value is visited under its lock, and the guard is handed over.
    /// unsafe impl<T: Trace> Trace for Cell<T> {
    ///     fn trace(&self, tracer: &mut Tracer<'_>) {
    ///         match self.0.try_lock() {
    ///             // SAFETY: the guard borrows from `self` only.
    ///             Ok(guard) => unsafe { tracer.visit_guarded(guard) },
    ///             Err(_) => tracer.busy(),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Safety
    ///
    /// `guard` borrows from nothing but the object that is being traced (and from what earlier guards of the same trace
    /// protect: they are released last first), its target does not lie in the guard itself, and its destructor does
    /// nothing but release the lock.
    pub unsafe fn visit_guarded<G>(&mut self, guard: G)
    where
        G: Deref,
        G::Target: Trace,
    {
        if self.mode == Mode::Freeze && !cfg!(tracegc_break = "held-guards") {
            let target: *const G::Target = &*guard;
            // SAFETY: by contract the guard borrows from the object, which stays until the verdict is over (*deferral*).
            unsafe { self.guards.keep(guard) };
            // SAFETY: the guard is kept, so what it protects stays borrowed.
            unsafe { &*target }.trace(self);
        } else {
            let this: *mut Self = self;
            // SAFETY: both are used one after the other: the guards only if the trace has ended by a panic.
            unsafe {
                let rescue = Rescue { guards: &raw mut (*this).guards, guard: ManuallyDrop::new(guard) };
                (**rescue.guard).trace(&mut *this);
                rescue.release();
            }
        }
    }

    /// Says that part of the value could not be looked at now (its lock is taken): the object is spared.
    #[inline]
    pub fn busy(&mut self) {
        self.busy = true;
    }

    pub(crate) fn new(moment: Moment) -> Self {
        Tracer {
            mode: Mode::Count,
            moment,
            found: List::new(),
            guards: Guards::default(),
            trail: Trail::default(),
            leaves_trail: false,
            busy: false,
            panics: Vec::new(),
            in_flight: [None; IN_FLIGHT],
            at: 0,
            carries: HashMap::new(),
            current: None,
            _one_collection: PhantomData,
        }
    }

    /// Traces one object, if its value is there and nobody has exclusive access; false if anything of it could not be
    /// looked at.
    ///
    /// # Safety
    ///
    /// The slot was found by this collection (its birth is older), and the caller is in a reading section.
    #[inline]
    pub(crate) unsafe fn trace_object(&mut self, header: NonNull<Header>) -> bool {
        // SAFETY: *deferral*: what a collection found stays until it ends.
        let this = unsafe { header.as_ref() };
        // The count first, see `may_visit`. SeqCst: the collector's side of *claims* and of *zero against running*.
        let gone = this.count.is_gone();
        let meta = this.meta(Ordering::SeqCst);
        if gone || !meta.is_live() || meta.has(flag::CLAIMED) {
            return false;
        }
        if self.leaves_trail && self.mode == Mode::Freeze {
            self.trail.push(header);
        }
        if meta.has(flag::LEAF) && !cfg!(tracegc_break = "leaves") {
            // Nothing of it is looked at: exclusive access to a leaf is not claimed.
            return true;
        }
        self.busy = false;
        self.current = Some(header);
        // SAFETY: the value is there: the object is live, and cannot die or be claimed within the section.
        unsafe { (meta.info().trace)(Header::value(header), self) };
        !self.busy
    }

    /// Runs a loop that traces objects; a panic in it is kept for a report, and the loop goes on. `step` returns false at its end.
    pub(crate) fn run(&mut self, mut step: impl FnMut(&mut Self) -> bool, mut failed: impl FnMut(NonNull<Header>)) {
        loop {
            match catch_unwind(AssertUnwindSafe(|| while step(self) {})) {
                Ok(()) => break,
                Err(payload) => {
                    if self.mode != Mode::Freeze {
                        self.guards.release();
                    }
                    self.panics.push(payload);
                    if let Some(header) = self.current {
                        failed(header);
                    }
                }
            }
        }
        self.flush();
    }

    /// Begins to freeze so many objects.
    pub(crate) fn begin_to_freeze(&mut self, objects: usize) {
        self.mode = Mode::Freeze;
        self.trail = Trail::default();
        self.leaves_trail = objects >= TRAIL_FROM;
    }

    /// Uses the edges that are still on their way.
    pub(crate) fn flush(&mut self) {
        for _ in 0..IN_FLIGHT {
            let slot = &mut self.in_flight[self.at % IN_FLIGHT];
            self.at += 1;
            if let Some(edge) = slot.take() {
                self.edge(edge);
            }
        }
    }

    #[inline]
    fn edge(&mut self, target: NonNull<Header>) {
        // SAFETY: *marks*: they belong to the collection that runs; the target's segment stays while it runs.
        let byte = unsafe { &mut *Segment::mark(target) };
        match self.mode {
            Mode::Count => count(byte, target, &mut self.carries),
            Mode::Explore => {
                if *byte & mark::VISITED != 0 {
                    count(byte, target, &mut self.carries);
                } else if may_visit(target, self.moment) {
                    *byte = mark::VISITED | 1;
                    self.found.push(target);
                }
            }
            Mode::Mark => {
                if *byte & (mark::VISITED | mark::LIVE) == mark::VISITED {
                    *byte = mark::VISITED | mark::LIVE | 1;
                    self.found.push(target);
                }
            }
            Mode::Freeze => {
                if *byte & (mark::VISITED | mark::LIVE) == mark::VISITED {
                    count(byte, target, &mut self.carries);
                }
            }
        }
    }

    /// The edges found to an object.
    #[inline]
    pub(crate) fn edges(&self, header: NonNull<Header>, byte: u8) -> u64 {
        let low = u64::from(byte & mark::EDGES);
        if self.carries.is_empty() {
            return low;
        }
        low + self.carries.get(&header.addr().get()).copied().unwrap_or(0)
    }

    /// Forgets the carries, when the edges they belong to are no longer needed.
    pub(crate) fn forget_carries(&mut self) {
        self.carries = HashMap::new();
    }

    /// An edge to a slot without an object means that a `Trace` impl or a `#[trace(unsafe_drop)]` broke its contract.
    #[cfg(debug_assertions)]
    fn check_edge(&self, target: NonNull<Header>, to: &str) {
        // SAFETY: even a freed slot has a readable header.
        if unsafe { target.as_ref() }.meta(Ordering::Acquire).is_taken() {
            return;
        }
        let from = self.current.map_or("an unknown type", |header| {
            // SAFETY: the object in hand is there.
            (unsafe { header.as_ref() }.meta(Ordering::Acquire).info().name)()
        });
        eprintln!(
            "tracegc: zombie: an object of type `{from}` holds a handle to a freed object of type `{to}`; aborting"
        );
        std::process::abort();
    }
}

/// Keeps a guard from being dropped while its trace panics: that would poison the user's lock.
struct Rescue<G> {
    guards: *mut Guards,
    guard: ManuallyDrop<G>,
}

impl<G> Rescue<G> {
    #[inline]
    fn release(self) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: dropped once: `self` is not dropped.
        unsafe { ManuallyDrop::drop(&mut this.guard) };
    }
}

impl<G> Drop for Rescue<G> {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: the trace is being left, so the tracer is not in use; `run` releases the guard when the panic has been
        // caught. The guard is taken once.
        unsafe { (*self.guards).keep(ManuallyDrop::take(&mut self.guard)) };
    }
}

#[inline]
fn count(byte: &mut u8, target: NonNull<Header>, carries: &mut HashMap<usize, u64>) {
    if *byte & mark::EDGES == mark::EDGES {
        *byte &= !mark::EDGES;
        carry(target, carries);
    } else {
        *byte += 1;
    }
}

#[cold]
fn carry(target: NonNull<Header>, carries: &mut HashMap<usize, u64>) {
    *carries.entry(target.addr().get()).or_insert(0) += u64::from(mark::EDGES) + 1;
}

/// True if this collection may trace the object in the slot.
///
/// The slot may have been freed and used again since it was seen, but only if its object or its span is younger than
/// the collection; a span that is older keeps its slots where they are, so the header can be read.
///
/// The count is read before the meta word. A count that is not gone, read after the collection announced itself, belongs
/// to an object that is not reclaimed before the collection ends, if it is old enough; if it is not, or if it is an
/// earlier user's of the slot, then the slot has been freed since, which the meta word shows: a new count is stored with
/// `Release`, after the slot was marked as free.
#[inline]
pub(crate) fn may_visit(header: NonNull<Header>, moment: Moment) -> bool {
    debug_assert!(EPOCH.hint() == moment);
    // SAFETY: segments stay while a collection runs.
    let span = unsafe { span_of(header) };
    let holds_objects = matches!(span.kind(), Kind::Small | Kind::Large);
    if !holds_objects || !moment.may_trace(span.birth.load(Ordering::Relaxed)) {
        return false;
    }
    // SAFETY: as argued above.
    let this = unsafe { header.as_ref() };
    let gone = this.count.is_gone();
    let meta = this.meta(Ordering::SeqCst);
    !gone && meta.is_live() && !meta.has(flag::LEAF | flag::CLAIMED) && moment.may_trace(meta.birth())
}

/// Fetches the mark byte of an object into the cache.
#[inline]
fn prefetch(header: NonNull<Header>) {
    // SAFETY: a prefetch reads nothing; the address is that of a mark.
    prefetch_address(unsafe { Segment::mark(header) });
}

/// Fetches an object that is to be traced: a lock whose line comes from memory only when it is taken holds up all that is
/// after it.
#[inline]
pub(crate) fn prefetch_object(header: NonNull<Header>) {
    let start = header.as_ptr().cast::<u8>().cast_const();
    prefetch_address(start);
    prefetch_address(start.wrapping_add(64));
}

/// Fetches a line into the cache.
#[inline]
pub(crate) fn prefetch_address(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch has no effect but on caches.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
