//! Which collection runs, and when an object was born.
//!
//! Collections are numbered. An object carries the low 16 bits of the number that was current when it was made: its
//! *birth*. The running collection `c` may trace an object if its birth is not `c`. Mutators ask the same question
//! when an object's count reaches zero: one that may be traced is *deferred* to the end of the collection, any other
//! is reclaimed at once. Both sides look at the same immutable-while-running birth, so they agree even when 16 bits
//! have wrapped around (a collection of the whole heap renews old births, see `collect::trial`).
//!
//! # Zero against running
//!
//! A mutator writes "the count is zero" and then reads "does a collection run?"; the collector writes "I run" and then
//! reads counts. Between the two steps the mutator passes a light barrier and the collector a heavy one (see `barrier`),
//! so at least one of them sees the other: either the mutator defers, or the collector sees the zero and leaves the
//! object alone. Claims of exclusive access use the same pair: "claimed" against "running".

use crate::barrier;
use crate::object::{NEVER, noted_in};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::made_const;

/// The current collection. All threads read it with every drop, so it has a cache line for itself.
#[repr(align(64))]
pub(crate) struct Epoch {
    /// Its number and whether it runs, in one word.
    moment: AtomicU32,
    /// What the counts of objects say that were noted in it, or [`NEVER`] where barriers are dear.
    quick: AtomicU32,
    /// [`CALM`] while barriers are cheap and no collection runs.
    calm: AtomicU32,
}

/// Nobody has asked yet whether barriers are cheap.
const UNKNOWN: u32 = 0;
const CALM: u32 = 1;
/// A collection runs, or barriers are dear.
const UNEASY: u32 = 2;

/// A value of the epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moment(u32);

impl Moment {
    #[inline]
    pub(crate) fn running(self) -> bool {
        self.0 & 1 != 0
    }

    /// What objects made at this moment carry.
    #[inline]
    pub(crate) fn birth(self) -> u16 {
        (self.0 >> 1) as u16
    }

    /// True if a collection runs that may trace objects of this birth.
    #[inline]
    pub(crate) fn may_trace(self, birth: u16) -> bool {
        self.running() && self.birth() != birth
    }
}

impl Epoch {
    made_const! {
        pub(crate) fn new() -> Self {
            // The first objects carry 1, so that a zero is never the birth of a live object.
            Epoch { moment: AtomicU32::new(2), quick: AtomicU32::new(NEVER), calm: AtomicU32::new(UNKNOWN) }
        }
    }

    /// For the birth of a new object and for decisions that are made again under a lock.
    #[inline]
    pub(crate) fn hint(&self) -> Moment {
        Moment(self.moment.load(Ordering::Relaxed))
    }

    /// Called when it is known whether barriers are cheap, before the first handle is dropped.
    pub(crate) fn prepare(&self) {
        if barrier::is_cheap() && self.quick.load(Ordering::Relaxed) == NEVER {
            // A collection that has begun meanwhile has written a later number.
            let quick = noted_in(self.hint().birth());
            let _ = self.quick.compare_exchange(NEVER, quick, Ordering::SeqCst, Ordering::Relaxed);
            // If one has begun, it is not unknown any more.
            let _ = self.calm.compare_exchange(UNKNOWN, CALM, Ordering::SeqCst, Ordering::Relaxed);
        }
    }

    /// For the drop of a handle: what an object says that needs no note now.
    #[inline]
    pub(crate) fn quick(&self) -> u32 {
        self.quick.load(Ordering::Relaxed)
    }

    /// The mutator's side of *zero against running* in one word, after a plain store and a barrier that is light if barriers
    /// are cheap: true if they are, and no collection runs. If not, the barrier is still to come, see [`Epoch::now`].
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst) == CALM
    }

    /// The mutator's side of *zero against running*.
    #[inline]
    pub(crate) fn now(&self) -> Moment {
        Moment(self.moment.load(Ordering::SeqCst))
    }

    /// Starts the next collection. Only for whoever holds the collector's lock.
    pub(crate) fn begin(&self) -> Moment {
        let next = Moment(self.moment.load(Ordering::Relaxed).wrapping_add(2) | 1);
        self.moment.store(next.0, Ordering::SeqCst);
        if !cfg!(tracegc_break = "calm") {
            self.calm.store(UNEASY, Ordering::SeqCst);
        }
        self.quick.store(if barrier::is_cheap() { noted_in(next.birth()) } else { NEVER }, Ordering::SeqCst);
        if !cfg!(tracegc_break = "start-barrier") {
            barrier::heavy();
        }
        next
    }

    /// Ends it. The caller holds the lock of the deferred list.
    pub(crate) fn end(&self) {
        self.moment.store(self.moment.load(Ordering::Relaxed) & !1, Ordering::SeqCst);
        self.calm.store(if barrier::is_cheap() { CALM } else { UNEASY }, Ordering::SeqCst);
    }
}
