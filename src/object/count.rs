//! The count of handles to one object, its version, and whether the object is a candidate.
//!
//! One 64-bit word: bits 0 to 30 the number of handles, bit 31 the *candidate* flag, the high half a version that
//! every count operation bumps in the same instruction. An increment adds `VERSION + 1`; a decrement adds
//! `VERSION - 1`, whose borrow is paid by the version: the low half loses one and carries into the high half. "The
//! word is the same as before" therefore means "no count operation happened in between", as long as fewer than 2^32
//! operations fit in between: words are read again at least every [`Count::VERSION_LIFETIME`], and 2^32 operations on
//! one word take longer than that.
//!
//! # The candidate flag
//!
//! A decrement that leaves handles is the only event that can turn a cycle into garbage, so it leaves a note for the
//! collector. After the decrement the object must not be touched (others may free it), so the note is the bare
//! *address*, and the flag that keeps notes from piling up is set by the decrement itself: whoever takes the note
//! clears the flag first. A decrement that counted on the flag and finds it cleared in the word it replaced notes the
//! address as one that counts without the flag.
//!
//! # Orderings
//!
//! | operation | ordering | pairs with |
//! |---|---|---|
//! | increment | `Relaxed` | nothing: whoever clones already holds a handle |
//! | decrement | `SeqCst` (a `Release` and an `Acquire`) | the last decrement acquires what all others released (drop glue sees all uses); the collector's reads acquire every decrement they see (rule *creation before drop*) |
//! | decrement of the only handle | plain, and a light barrier | as above; nobody else could read what it would release |
//! | read | `SeqCst` (an `Acquire`) | the above |
//!
//! `SeqCst` or a barrier, because "the count is zero" and "a collection runs" are written and read crosswise, see
//! `heap::epoch`.

use std::time::Duration;

use crate::barrier;
use crate::sync::atomic::{AtomicU64, Ordering};

const VERSION: u64 = 1 << 32;
const CANDIDATE: u64 = 1 << 31;
const COUNT: u64 = CANDIDATE - 1;
const INCREMENT: u64 = VERSION + 1;
const DECREMENT: u64 = VERSION - 1;
/// More handles than this, and the process ends: far enough below the flag that no race of clones reaches it.
const LIMIT: u64 = 1 << 30;
/// The count of a condemned object: above [`LIMIT`], so that the drops of all edges to it never reach zero.
const CONDEMNED: u64 = 3 << 29;
const _: () = assert!(CONDEMNED > LIMIT + LIMIT / 4 && CONDEMNED < COUNT);

/// The ordering of a decrement.
const DROP: Ordering = if cfg!(tracegc_break = "release") { Ordering::Acquire } else { Ordering::SeqCst };

/// A value read from a [`Count`], without the candidate flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reading(u64);

impl Reading {
    /// Number of handles.
    #[inline]
    pub(crate) fn handles(self) -> u64 {
        self.0 & COUNT
    }
}

/// What a decrement did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dropped {
    /// There are other handles, and the collector knows.
    Shared,
    /// There are other handles, the flag is set now, and the caller must leave a note of the address.
    NewCandidate,
    /// There are other handles, and the collector took the flag at this moment: the caller must leave a note that counts
    /// without it.
    Unflagged,
    /// It was the last handle: the caller owns the object.
    Last,
}

/// The word that a decrement has replaced, or 0 if it has not begun: a word with a handle is not zero.
#[derive(Clone, Copy)]
pub(crate) struct Begun(u64);

/// Handles, version and candidate flag of one object.
#[repr(transparent)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// The longest time between two readings that are compared (an atomic operation takes about a nanosecond where nobody
    /// else uses the word, and longer elsewhere, so 2^32 of them take more than that).
    pub(crate) const VERSION_LIFETIME: Duration = Duration::from_secs(4);

    /// One handle. An object that can never be in a cycle is born as a candidate that nobody notes.
    #[inline]
    pub(crate) fn one(leaf: bool) -> Self {
        Count(AtomicU64::new(if leaf { CANDIDATE | 1 } else { 1 }))
    }

    /// Makes it the count of a new object.
    #[inline]
    pub(crate) fn renew(&self, leaf: bool) {
        // Release: a collector that reads it sees that the slot had been freed, see `trace::tracer::may_visit`.
        self.0.store(if leaf { CANDIDATE | 1 } else { 1 }, Ordering::Release);
    }

    #[inline]
    pub(crate) fn increment(&self) {
        let old = self.0.fetch_add(INCREMENT, Ordering::Relaxed);
        if old & LIMIT != 0 {
            overflow();
        }
    }

    /// Takes one handle away, if that is simple: there are others, and the collector knows. Else what is to be given to
    /// [`Count::decrement_rest`].
    #[inline]
    pub(crate) fn decrement_simply(&self) -> Result<(), Begun> {
        let word = self.0.load(Ordering::Relaxed);
        if !flagged_and_shared(word) {
            return Err(Begun(0));
        }
        let old = self.0.fetch_add(DECREMENT, DROP);
        if flagged_and_shared(old) { Ok(()) } else { Err(Begun(old)) }
    }

    /// Takes one handle away, or says what a decrement that was begun has done. `alone` is asked, when there is only one
    /// handle, whether there is nothing (no weak pointer) from which another could be made.
    #[inline]
    pub(crate) fn decrement_rest(&self, begun: Begun, alone: impl FnOnce() -> bool) -> Dropped {
        if begun.0 != 0 {
            return Self::judge(begun.0);
        }
        // Acquire: if this is the only handle, what the others' users did is visible.
        let word = self.0.load(Ordering::Acquire);
        if word & COUNT == 1 && barrier::is_cheap() && alone() {
            self.end(word);
            return Dropped::Last;
        }
        self.decrement_and_flag(word)
    }

    /// The word, if the handle in it is the only one and can be taken away by [`Count::end`].
    #[inline]
    pub(crate) fn only(&self, begun: Begun) -> Option<u64> {
        if begun.0 != 0 {
            return None;
        }
        // Acquire: what the others' users did is visible.
        let word = self.0.load(Ordering::Acquire);
        (word & COUNT == 1 && barrier::is_cheap()).then_some(word)
    }

    /// Takes the only handle away. There must be nothing (no weak pointer) from which another could be made.
    #[inline]
    pub(crate) fn end(&self, word: u64) {
        // Nobody else changes the word, but for the collector, which may clear the candidate flag and be overwritten.
        self.0.store(word.wrapping_add(DECREMENT), Ordering::Relaxed);
        barrier::light();
    }

    #[inline]
    fn judge(old: u64) -> Dropped {
        if flagged_and_shared(old) {
            Dropped::Shared
        } else if old & COUNT == 1 {
            barrier::after_zero();
            Dropped::Last
        } else {
            Dropped::Unflagged
        }
    }

    #[cold]
    fn decrement_and_flag(&self, mut word: u64) -> Dropped {
        loop {
            let new = word.wrapping_add(DECREMENT) | if word & COUNT == 1 { 0 } else { CANDIDATE };
            match self.0.compare_exchange_weak(word, new, DROP, Ordering::Relaxed) {
                Ok(old) if old & (COUNT | CANDIDATE) > 1 && old & CANDIDATE == 0 => return Dropped::NewCandidate,
                Ok(old) => return Self::judge(old),
                Err(now) => word = now,
            }
        }
    }

    /// True if there is one handle and nothing that could make another: the object has no weak pointers, as the
    /// caller will check *after* this, and the caller holds the handle. No read-modify-write.
    #[inline]
    pub(crate) fn is_one(&self) -> bool {
        // Acquire: as for the last decrement.
        self.0.load(Ordering::Acquire) & COUNT == 1
    }

    /// Adds a handle unless there is none left.
    pub(crate) fn increment_unless_zero(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & COUNT == 0 {
                return false;
            }
            if word & COUNT >= LIMIT {
                overflow();
            }
            // Acquire: the new handle may be used as the ones before it.
            match self.0.compare_exchange_weak(word, word.wrapping_add(INCREMENT), Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Takes the last handle away, if it is the last.
    pub(crate) fn decrement_if_one(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        while word & COUNT == 1 {
            match self.0.compare_exchange_weak(word, word.wrapping_add(DECREMENT), Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Changes the version and nothing else.
    pub(crate) fn touch(&self) {
        self.0.fetch_add(VERSION, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn read(&self) -> Reading {
        Reading(self.0.load(Ordering::SeqCst) & !CANDIDATE)
    }

    /// Clears the candidate flag: the next decrement that leaves handles notes the object again.
    pub(crate) fn take_candidate(&self) -> bool {
        self.0.fetch_and(!CANDIDATE, Ordering::SeqCst) & CANDIDATE != 0
    }

    /// The same, without a write where it is not set.
    #[inline]
    pub(crate) fn take_candidate_if_set(&self) {
        if self.0.load(Ordering::Relaxed) & CANDIDATE != 0 {
            self.take_candidate();
        }
    }

    /// Sets the candidate flag, for an object that is noted once more; true if it was not set.
    pub(crate) fn set_candidate(&self) -> bool {
        self.0.fetch_or(CANDIDATE, Ordering::SeqCst) & CANDIDATE == 0
    }

    /// From here on no decrement is the last or a candidate. Only for the thread that condemned the object.
    pub(crate) fn condemn(&self) {
        if !cfg!(tracegc_break = "condemned-count") {
            self.0.store(CONDEMNED | CANDIDATE, Ordering::Relaxed);
        }
    }
}

/// The flag is set, and there are at least two handles: one comparison of the low half, whose top bit is the flag.
#[inline]
fn flagged_and_shared(word: u64) -> bool {
    (word & (VERSION - 1)) > (CANDIDATE | 1)
}

#[cold]
#[inline(never)]
fn overflow() -> ! {
    eprintln!("tracegc: more than {LIMIT} handles to one object: aborting, since a wrapped count would free it in use");
    std::process::abort()
}
