//! The count of handles to one object, in two halves, so that most threads need no read-modify-write.
//!
//! The thread that made the object, its *owner*, counts in the *local* half by a plain load and a plain store; all others
//! count in the *shared* half by read-modify-writes. The number of handles is the sum; a half by itself says nothing: a
//! handle that was counted in one may be dropped in the other, and the shared half may be negative.
//! (Source of the idea: Choi, Shull and Torrellas, "Biased Reference Counting", PACT 2018, and Python's PEP 703. Here
//! nothing is queued to the owner, and halves are never merged.)
//!
//! ```text
//!   local    31 watched | 30 quiet | 29..22 noted in | 21..14 owner | 13..0 handles
//!   shared   31..6 handles, signed | 5 exact | 4 asked | 3 watched | 2 noted | 1 gone | 0 touched
//! ```
//!
//! # Watching
//!
//! A verdict must know that no count operation happened between two looks at an object. It sets *watched* in both halves
//! by read-modify-writes, and every decrement clears the bit of its half in the same store that changes the count; an
//! increment shows by itself. "Still watched, and the same number" therefore means "no operation since": there is no
//! number that could come round. Where the owner's store overwrites a bit that was set after its load, the verdict sees a
//! change, and one has happened. A shared half that nobody has touched needs no watch: it shows the first touch.
//!
//! # The last handle
//!
//! Whoever drops a handle first asks whether it is the only one, since an object must not be touched when the handle to it
//! is gone. Because a creation happens before the drop of what it made, a thread that holds a handle may conclude from
//! its reads that there is no other:
//!
//! - the owner, if the sum is one: its own half is exact, and of the shared half it may miss only what it has not heard of;
//! - anybody, if the local half says one (read first) and the shared half was never touched;
//! - anybody, if the sum is one, and the shared half, read first and *asked* about, is still the same when the object ends.
//!
//! `docs/ARCHITECTURE.md`, "Two halves", has the argument. The object is *gone* from then on. If the owner and another
//! thread each give one of the last two handles up at the same time, neither may see that the other did: the sum is zero
//! then, and nobody's. Each has left a note, or one is pending, and to a collection the object is like any other
//! garbage: as many edges as handles, none.
//!
//! # Surplus
//!
//! The shared half has room for some 2^25 handles. When there are half as many, some are counted in the object's record
//! (`special`) instead, which makes the object *exact*: whoever finds what seems to be the last handle looks into the record
//! then, and puts them back. A verdict adds them to what it read.
//!
//! # Notes
//!
//! A decrement that leaves handles is the only event that can turn a cycle into garbage, so it leaves a note for the
//! collector: the bare *address*, since the object must not be touched any more. So that notes do not pile up, an object
//! says that it has been noted and not been looked at since. The shared half has a bit for that, which the collector
//! takes. In the local half the owner would overwrite the taking, so it has the number of the collection (modulo 128)
//! in or after which the object was noted, and every collection looks at the notes of those before it. The owner compares
//! before its store and again behind a light barrier after it: if a collection has begun in between, the note is made
//! once more.
//!
//! # Orderings
//!
//! | operation | ordering | pairs with |
//! |---|---|---|
//! | owner's store | `Release` | the collector's reads, and those of whoever drops a handle, acquire every drop they see (rule *creation before drop*) |
//! | shared increment | `Relaxed` | nothing: whoever clones already holds a handle |
//! | shared decrement | `SeqCst` (a `Release` and an `Acquire`) | as the owner's store; drop glue sees all uses |
//! | the last one | a store and a light barrier, or `SeqCst` | "the object is gone" and "a collection runs" are written and read crosswise, see `heap::epoch` |

use crate::barrier;
use crate::heap::EPOCH;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, Ordering};

/// Local: nothing happened since a verdict looked. It lies highest, so that one comparison tells that it is not set.
const WATCHED: u32 = 1 << 31;
/// Local: the owner's drops are not noted, since the object can never be in a cycle.
const QUIET: u32 = 1 << 30;
const NOTED_IN_SHIFT: u32 = 22;
const NOTED_IN: u32 = 0xff << NOTED_IN_SHIFT;
/// Local: who counts here, see [`Owner`].
const OWNER_SHIFT: u32 = 14;
const OWNER: u32 = 0xff << OWNER_SHIFT;
/// Local: one handle. Nothing lies below, so that the same comparison tells owner, note and at least two handles.
const HANDLE: u32 = 1;
/// Local: handles.
const LOCAL: u32 = (1 << OWNER_SHIFT) - HANDLE;
/// Local: so many that more are counted in the shared half.
const FULL: u32 = 1 << (OWNER_SHIFT - 1);

/// Shared: one handle. The count lies above the flags, so that no carry of it gets there.
const ONE: u32 = 1 << 6;
const SHARED: u32 = !(ONE - 1);
const NEGATIVE: u32 = 1 << 31;
/// Shared: the owner, too, gives handles up here, so that the last one is noticed. The object has weak pointers or cleanups.
const EXACT: u32 = 32;
/// Shared: nothing happened since somebody asked whether there is one handle.
const ASKED: u32 = 16;
/// Shared: nothing happened since a verdict looked.
const SHARED_WATCHED: u32 = 8;
/// Shared: there is a note that the collector has not taken.
const NOTED: u32 = 4;
/// Shared: the object is dead. What is dropped then is an edge of something that dies with it.
const GONE: u32 = 2;
/// Shared: somebody has counted here.
const TOUCHED: u32 = 1;
/// With so many handles in the shared half, some are counted elsewhere. As many again, at one instant by as many threads, and
/// it would overflow.
const LIMIT: i32 = if cfg!(any(loom, shuttle)) { 4 } else { 1 << 24 };
/// So many.
pub(crate) const SURPLUS: u32 = LIMIT as u32 / 2;

/// What a verdict looks at. A half that was never touched needs no watch: what is done to it touches it.
const SHARED_SEEN: u32 = SHARED | SHARED_WATCHED | GONE | TOUCHED;

/// What decrements clear.
const CLEARED_BY_OWNER: u32 = if cfg!(tracegc_break = "owner-watch") { 0 } else { WATCHED };
const CLEARED_BY_OTHERS: u32 = if cfg!(tracegc_break = "shared-watch") {
    ASKED
} else if cfg!(tracegc_break = "asked") {
    SHARED_WATCHED
} else {
    SHARED_WATCHED | ASKED
};
/// What does not tell that somebody has counted.
const MARKS: u32 = ASKED | SHARED_WATCHED | NOTED;

/// One of these is held while somebody asks: a second one who asks about the same object would set the mark again that an
/// operation in between has cleared.
#[cfg(not(any(loom, shuttle)))]
static ASKING: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];
#[cfg(any(loom, shuttle))]
crate::sync::global! {
    static ASKING: [Mutex<()>; 1] = [Mutex::new(())];
}

/// The ordering of a shared decrement.
const DROP: Ordering = if cfg!(tracegc_break = "release") { Ordering::Acquire } else { Ordering::SeqCst };

#[inline]
fn local_handles(local: u32) -> i32 {
    ((local & LOCAL) / HANDLE) as i32
}

#[inline]
fn shared_handles(shared: u32) -> i32 {
    shared as i32 >> ONE.trailing_zeros()
}

#[inline]
fn sum(local: u32, shared: u32) -> i32 {
    local_handles(local) + shared_handles(shared)
}

/// Whether a local half says nothing else than this, and at least two handles.
#[inline]
fn has_two(local: u32, rest: u32) -> bool {
    // Fewer than two wrap around, and so does or stays above what differs in a field that lies higher.
    local.wrapping_sub(rest + 2 * HANDLE) <= LOCAL - 2 * HANDLE
}

/// A shared half after a decrement: nobody has watched it yet, and it is noted.
#[inline]
fn decremented(shared: u32) -> u32 {
    (shared.wrapping_sub(ONE) & !CLEARED_BY_OTHERS) | TOUCHED | NOTED
}

/// A store beside which others do read-modify-writes.
///
/// Loom 0.7 lets a read-modify-write read what is not the last value before its own, if a plain store comes in between:
/// after `x.store(1)` by one thread and `x.fetch_or(2)` by another, on a zero, it says 2 is possible. So there it is a
/// read-modify-write, too, whose result is not looked at: it overwrites just the same.
#[inline]
fn store(half: &AtomicU32, value: u32, order: Ordering) {
    #[cfg(loom)]
    half.swap(value, order);
    #[cfg(not(loom))]
    half.store(value, order);
}

/// Who counts in local halves: the number of a thread's cache, which a thread that comes after it takes over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owner(u32);

impl Owner {
    /// What a thread is that has no cache, or whose number does not fit. It owns nothing.
    pub(crate) const NONE: Owner = Owner(OWNER);
    /// What is in the objects that such a thread makes: no thread is that.
    const NOBODY: u32 = OWNER & (OWNER - 1);

    /// That of the thread that has the cache with this number.
    pub(crate) fn new(cache: usize) -> Owner {
        let number = u32::try_from(cache).ok().and_then(|number| number.checked_mul(1 << OWNER_SHIFT));
        number.filter(|&number| number < Owner::NOBODY).map_or(Owner::NONE, Owner)
    }
}

/// What no local half says: neither the number of a collection nor 0.
pub(crate) const NEVER: u32 = 0x7f << NOTED_IN_SHIFT;

/// The number of a collection, as the local half says it: never 0.
#[inline]
pub(crate) fn noted_in(birth: u16) -> u32 {
    (0x80 | (u32::from(birth) & 0x7f)) << NOTED_IN_SHIFT
}

/// That of the current one. Whoever knows it knows what was done before that collection began.
#[inline]
fn now() -> u32 {
    noted_in(EPOCH.now().birth())
}

/// What a verdict read: both halves, without what is not about handles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reading {
    local: u32,
    shared: u32,
}

impl Reading {
    /// Number of handles, but for a surplus.
    #[inline]
    pub(crate) fn handles(self) -> u64 {
        // The local half of what is gone says anything.
        let gone = self.shared & GONE != 0;
        if gone { 0 } else { u64::try_from(sum(self.local, self.shared)).unwrap_or(0) }
    }
}

/// What a decrement did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dropped {
    /// There are other handles, and the collector knows.
    Shared,
    /// There are other handles, and the caller must leave a note of the address. The flag says whether the object says so.
    Noted { flagged: bool },
    /// It was the last handle: the caller owns the object.
    Last,
    /// Nothing yet: it seems to be the last handle, and there may be weak pointers. The caller looks again under the lock
    /// that keeps them from being upgraded.
    Careful,
}

/// The two halves of the count of one object.
#[repr(C, align(8))]
pub(crate) struct Count {
    local: AtomicU32,
    shared: AtomicU32,
}

impl Count {
    /// The count of a slot that has no object.
    #[inline]
    pub(crate) fn none() -> Self {
        Count { local: AtomicU32::new(0), shared: AtomicU32::new(GONE) }
    }

    /// Makes it the count of a new object with one handle; `leaf` if it can never be in a cycle.
    #[inline]
    pub(crate) fn renew(&self, owner: Owner, leaf: bool) {
        let owner = if owner == Owner::NONE { Owner::NOBODY } else { owner.0 };
        self.local.store(owner | if leaf { QUIET | HANDLE } else { HANDLE }, Ordering::Relaxed);
        // Release: a collector that reads it sees that the slot had been freed, see `trace::tracer::may_visit`.
        self.shared.store(0, Ordering::Release);
    }

    /// Whether this is the owner.
    #[inline]
    pub(crate) fn is_owned_by(&self, me: Owner) -> bool {
        self.local.load(Ordering::Relaxed) & OWNER == me.0
    }

    /// Another handle, if this is the owner and the local half is not full.
    #[inline]
    pub(crate) fn increment_by_owner(&self, me: Owner) -> bool {
        let local = self.local.load(Ordering::Relaxed);
        if (local ^ me.0) & (OWNER | FULL) != 0 {
            return false;
        }
        store(&self.local, local + HANDLE, Ordering::Release);
        true
    }

    /// Another handle, made by whatever thread. True if there are so many that [`Count::take_surplus`] is to be called.
    #[inline]
    pub(crate) fn increment(&self) -> bool {
        if self.shared.load(Ordering::Relaxed) & TOUCHED == 0 {
            self.touch_and_increment();
            return false;
        }
        shared_handles(self.shared.fetch_add(ONE, Ordering::Relaxed)) >= LIMIT
    }

    /// Takes [`SURPLUS`] handles out of the shared half, if there are too many; true if it has. The caller holds the lock of
    /// the object's record, where they are counted from here on, and the object is exact.
    pub(crate) fn take_surplus(&self) -> bool {
        let mut shared = self.shared.load(Ordering::Relaxed);
        while shared_handles(shared) >= LIMIT {
            // SeqCst: whoever misses them here sees that there is a record.
            match self.shared.compare_exchange_weak(shared, shared - SURPLUS * ONE, Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => shared = now,
            }
        }
        false
    }

    /// Puts them back.
    pub(crate) fn put_surplus(&self) {
        self.shared.fetch_add(SURPLUS * ONE, Ordering::SeqCst);
    }

    /// The first handle that is counted in the shared half.
    #[cold]
    #[inline(never)]
    fn touch_and_increment(&self) {
        let mut shared = self.shared.load(Ordering::Relaxed);
        while let Err(now) = self.shared.compare_exchange_weak(
            shared,
            shared.wrapping_add(ONE) | TOUCHED,
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            shared = now;
        }
    }

    /// For a drop: both halves, the local one first.
    #[inline]
    pub(crate) fn halves(&self) -> Halves {
        // Acquire: if this is the only handle, what the others' users did is visible.
        let local = self.local.load(Ordering::Acquire);
        let shared = self.shared.load(Ordering::Acquire);
        Halves { local, shared }
    }

    /// One handle less, if this is the owner and that is simple: there are others, and the collector knows.
    #[inline]
    pub(crate) fn decrement_by_owner_simply(&self, me: Owner) -> Simply {
        let local = self.local.load(Ordering::Relaxed);
        let quick = EPOCH.quick();
        // As few steps as possible wait for the load, so that a processor which waits for the memory can look far ahead.
        if !has_two(local, me.0 + quick) {
            return Simply::Undone;
        }
        if self.shared.load(Ordering::Relaxed) & (GONE | NEGATIVE | EXACT) != 0 {
            return Simply::Undone;
        }
        // It is not watched.
        store(&self.local, local - HANDLE, Ordering::Release);
        barrier::light_if_cheap();
        if cfg!(tracegc_break = "note-again") || EPOCH.quick() == quick { Simply::Done } else { Simply::ToNote }
    }

    /// The same for an object whose drops are not noted; true if it is done.
    #[inline]
    pub(crate) fn decrement_by_owner_quietly(&self, me: Owner) -> bool {
        let local = self.local.load(Ordering::Relaxed);
        let unlike = GONE | NEGATIVE | EXACT;
        let simple = has_two(local, me.0 + QUIET) && self.shared.load(Ordering::Relaxed) & unlike == 0;
        if simple {
            store(&self.local, local - HANDLE, Ordering::Release);
        }
        simple
    }

    /// One handle less, if this is the owner, there are others, and the collector does not know yet: the object says so now,
    /// and the caller must leave a note.
    #[inline]
    pub(crate) fn decrement_by_owner_and_note(&self, halves: Halves, me: Owner) -> Option<Dropped> {
        let Halves { local, shared } = halves;
        let now = now();
        let simple = (local ^ me.0) & (OWNER | QUIET) == 0
            && local_handles(local) > 1
            && shared & (GONE | NEGATIVE | EXACT) == 0
            && local & NOTED_IN != now;
        if simple {
            store(&self.local, ((local & !(CLEARED_BY_OWNER | NOTED_IN)) | now) - HANDLE, Ordering::Release);
        }
        simple.then(|| Dropped::Noted { flagged: !begun_since(now) })
    }

    /// One handle less in the shared half, if the caller is to count there, and that is simple: there are others, and the
    /// collector knows.
    #[inline]
    pub(crate) fn decrement_shared_simply(&self, halves: Halves, me: Owner) -> bool {
        let Halves { local, shared } = halves;
        // As in `decrement`.
        let local = if shared & EXACT != 0 { self.local.load(Ordering::Acquire) } else { local };
        (local & OWNER != me.0 || shared & EXACT != 0)
            && sum(local, shared) > 1
            && shared & (NOTED | GONE) == NOTED
            && self.shared.compare_exchange(shared, decremented(shared), DROP, Ordering::Relaxed).is_ok()
    }

    /// Ends an object with [`Halves::are_one`], for whoever has that handle. There must be no weak pointers. What comes
    /// next is [`Epoch::is_calm`](crate::heap::Epoch::is_calm), or a barrier.
    #[inline]
    pub(crate) fn end_untouched(&self) {
        store(&self.shared, GONE, Ordering::Release);
        barrier::light_if_cheap();
    }

    /// One handle less. `alone` is asked, when there is only one, whether there is nothing (no weak pointer) from which
    /// another could be made. If all handles are given up with `exact`, one of those who do it learns that it was the last;
    /// the owner takes a read-modify-write for that as well.
    pub(crate) fn decrement(&self, owner: bool, exact: bool, alone: impl Fn() -> bool) -> Dropped {
        loop {
            let Halves { local, shared } = if exact { self.halves_shared_first() } else { self.halves() };
            if shared & GONE != 0 {
                return Dropped::Shared;
            }
            let told = !exact && shared & EXACT != 0 && !cfg!(tracegc_break = "exact-specials");
            // The shared half first: it is compared when the handle is given up.
            let local = if told { self.local.load(Ordering::Acquire) } else { local };
            let exact = exact || told;
            let untouched = !exact && local & LOCAL == HANDLE && shared & !MARKS == 0;
            if owner && sum(local, shared) == 1 || untouched {
                if !alone() {
                    return Dropped::Careful;
                }
                self.end(shared & TOUCHED);
                return Dropped::Last;
            }
            if owner && !exact && local & LOCAL != 0 {
                let now = now();
                let noted = local & QUIET != 0 || local & NOTED_IN == now;
                let tag = if noted { local & NOTED_IN } else { now };
                store(
                    &self.local,
                    (local & (WATCHED ^ CLEARED_BY_OWNER | QUIET | OWNER)) | tag | ((local & LOCAL) - HANDLE),
                    Ordering::Release,
                );
                if !noted {
                    return Dropped::Noted { flagged: !begun_since(now) };
                }
                return match local & QUIET == 0 && begun_since(local) {
                    true => Dropped::Noted { flagged: false },
                    false => Dropped::Shared,
                };
            }
            if sum(local, shared) > 1 {
                // With `exact`, unchanged since before the local half was read.
                if self.shared.compare_exchange_weak(shared, decremented(shared), DROP, Ordering::Relaxed).is_ok() {
                    return if shared & NOTED == 0 { Dropped::Noted { flagged: true } } else { Dropped::Shared };
                }
                continue;
            }
            if cfg!(tracegc_break = "snapshot") && sum(local, shared) == 1 {
                self.end(shared & TOUCHED);
                return Dropped::Last;
            }
            match self.ask(&alone) {
                Asked::Last => return Dropped::Last,
                Asked::Careful => return Dropped::Careful,
                Asked::Again => {}
            }
        }
    }

    /// From here on the last handle is noticed whoever gives it up, if those who do have heard of this.
    pub(crate) fn make_exact(&self) {
        self.shared.fetch_or(EXACT, Ordering::SeqCst);
    }

    /// As [`Count::halves`], the other way round.
    fn halves_shared_first(&self) -> Halves {
        let shared = self.shared.load(Ordering::Acquire);
        let local = self.local.load(Ordering::Acquire);
        Halves { local, shared }
    }

    /// Runs `f` while nobody else asks about the object.
    fn asking<R>(&self, f: impl FnOnce() -> R) -> R {
        let stripe = std::ptr::from_ref(self).addr() / 32 % ASKING.len();
        let _alone = (!cfg!(tracegc_break = "asking")).then(|| ASKING[stripe].lock());
        f()
    }

    /// For models: whether the object ends where this is done between the looks of somebody who asks.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(crate) fn ends_in_spite_of(&self, what: impl Fn()) -> bool {
        let alone = || {
            what();
            true
        };
        self.ask(&alone) == Asked::Last
    }

    /// Ends the object if the caller, another thread than the owner, has the only handle.
    #[cold]
    fn ask(&self, alone: &impl Fn() -> bool) -> Asked {
        self.asking(|| {
            let shared = self.shared.fetch_or(ASKED, Ordering::SeqCst) | ASKED;
            let sum = sum(self.local.load(Ordering::SeqCst), shared);
            if sum > 1 {
                return Asked::Again;
            }
            // Less than one: something has happened meanwhile, or there is a surplus.
            if !alone() {
                return Asked::Careful;
            }
            // If the shared half is still this, the two were read in one moment.
            if sum == 1 && self.go(shared) { Asked::Last } else { Asked::Again }
        })
    }

    /// Takes the last handle away, if it is the last: its holder asks, and nothing makes another one meanwhile but from
    /// a handle.
    pub(crate) fn end_if_one(&self, owner: bool) -> bool {
        loop {
            match self.look(owner) {
                Look::Other => return false,
                Look::One { touched } => {
                    self.end(touched);
                    return true;
                }
                Look::Perhaps => {
                    if self.ask(&|| true) == Asked::Last {
                        return true;
                    }
                }
            }
        }
    }

    /// True if there is one handle, which is the caller's, and nothing that could make another: the object has no weak
    /// pointers, as the caller will check *after* this.
    pub(crate) fn is_one(&self, owner: bool) -> bool {
        match self.look(owner) {
            Look::Other => false,
            Look::One { .. } => true,
            Look::Perhaps => self.asking(|| {
                loop {
                    let shared = self.shared.fetch_or(ASKED, Ordering::SeqCst) | ASKED;
                    let local = self.local.load(Ordering::SeqCst);
                    if cfg!(tracegc_break = "own-marks") {
                        self.local.fetch_or(WATCHED, Ordering::SeqCst);
                        self.shared.fetch_or(SHARED_WATCHED, Ordering::SeqCst);
                        return sum(local, shared) == 1;
                    }
                    if self.shared.load(Ordering::SeqCst) == shared {
                        return sum(local, shared) == 1;
                    }
                }
            }),
        }
    }

    /// Looks for another handle than the caller's.
    fn look(&self, owner: bool) -> Look {
        let Halves { local, shared } = self.halves();
        if owner && sum(local, shared) == 1 || local & LOCAL == HANDLE && shared & !MARKS == 0 {
            return Look::One { touched: shared & TOUCHED };
        }
        if owner || sum(local, shared) > 1 { Look::Other } else { Look::Perhaps }
    }

    /// Ends an object whose only handle is the caller's.
    #[inline]
    fn end(&self, touched: u32) {
        // Nobody else changes the halves but the collector, whose flags do not matter any more.
        store(&self.shared, GONE | touched, Ordering::Release);
        barrier::light();
    }

    /// The same, if the shared half is still this.
    fn go(&self, shared: u32) -> bool {
        let gone = GONE | TOUCHED;
        if self.shared.compare_exchange(shared, gone, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            return false;
        }
        barrier::after_zero();
        true
    }

    /// Adds a handle unless the object is gone (`None`); otherwise as [`Count::increment`]. The caller holds the lock under
    /// which an object with weak pointers goes.
    #[inline]
    pub(crate) fn increment_unless_gone(&self, me: Owner) -> Option<bool> {
        // Acquire: the new handle may be used as the ones before it.
        if self.shared.load(Ordering::Acquire) & GONE != 0 {
            return None;
        }
        Some(!self.increment_by_owner(me) && self.increment())
    }

    /// Spoils a verdict that watches.
    pub(crate) fn touch(&self) {
        // The one if the half was untouched, the other if it was watched.
        self.shared.fetch_or(TOUCHED, Ordering::SeqCst);
        self.shared.fetch_and(!SHARED_WATCHED, Ordering::SeqCst);
    }

    /// Whether the object is dead. SeqCst: the collector's side of *zero against running*.
    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.shared.load(Ordering::SeqCst) & GONE != 0
    }

    /// Whether somebody has ever counted in the shared half.
    #[inline]
    pub(crate) fn is_touched(&self) -> bool {
        self.shared.load(Ordering::SeqCst) & TOUCHED != 0
    }

    /// The number of handles but for a surplus, roughly where others change it.
    #[inline]
    pub(crate) fn handles(&self) -> u64 {
        let local = self.local.load(Ordering::Acquire);
        let shared = self.shared.load(Ordering::Acquire);
        Reading { local, shared }.handles()
    }

    /// Reads both halves, and begins to watch them.
    pub(crate) fn watch(&self) -> Reading {
        let local = self.local.fetch_or(WATCHED, Ordering::SeqCst) & LOCAL;
        let mut shared = self.shared.load(Ordering::SeqCst);
        if shared & TOUCHED != 0 {
            shared = self.shared.fetch_or(SHARED_WATCHED, Ordering::SeqCst) | SHARED_WATCHED;
        }
        Reading { local: WATCHED | local, shared: shared & SHARED_SEEN }
    }

    /// Whether nothing has happened since.
    pub(crate) fn is_still(&self, reading: Reading) -> bool {
        let local = self.local.load(Ordering::SeqCst) & (WATCHED | LOCAL);
        let shared = self.shared.load(Ordering::SeqCst) & SHARED_SEEN;
        local == reading.local && shared == reading.shared
    }

    /// Takes what says that the object was noted: the next decrement that leaves handles notes it again. True if it said so.
    pub(crate) fn take_noted(&self) -> bool {
        let noted = self.take_noted_by_others();
        self.take_noted_by_owner();
        noted
    }

    /// The same for a collection that calls [`Count::take_noted_by_owner`] when it has decided: what the owner noted carries
    /// the number of an earlier collection, which says that it is taken.
    #[inline]
    pub(crate) fn take_noted_by_others(&self) -> bool {
        let shared = self.shared.load(Ordering::Relaxed) & NOTED != 0
            && self.shared.fetch_and(!NOTED, Ordering::SeqCst) & NOTED != 0;
        shared || self.local.load(Ordering::Relaxed) & NOTED_IN != 0
    }

    /// Takes the number of an earlier collection away, before it comes round.
    #[inline]
    pub(crate) fn take_noted_by_owner(&self) {
        let local = self.local.load(Ordering::Relaxed);
        // What was noted in the running collection is for the next one, which asks whether the object says so.
        let running = local & NOTED_IN == now() && !cfg!(tracegc_break = "late-take");
        if local & NOTED_IN == 0 || running || self.shared.load(Ordering::Relaxed) & GONE != 0 {
            return;
        }
        // Where the owner is at work this may fail, or be undone. The number is that of an earlier collection then, and the
        // owner sees that; it is taken so that it does not come round.
        let _ = self.local.compare_exchange(local, local & !NOTED_IN, Ordering::SeqCst, Ordering::Relaxed);
    }

    /// For an object that is noted once more; true if nothing said so yet.
    pub(crate) fn set_noted(&self) -> bool {
        self.shared.fetch_or(NOTED, Ordering::SeqCst) & NOTED == 0
    }

    /// The object is condemned. Only for the thread that did it.
    pub(crate) fn condemn(&self) {
        if !cfg!(tracegc_break = "condemned-count") {
            store(&self.shared, GONE, Ordering::Relaxed);
        }
    }
}

/// Both halves as they were read for a drop.
#[derive(Clone, Copy)]
pub(crate) struct Halves {
    local: u32,
    shared: u32,
}

impl Halves {
    /// The object is dead: what is dropped is an edge of something that dies with it.
    #[inline]
    pub(crate) fn are_gone(self) -> bool {
        self.shared & GONE != 0
    }

    /// There is one handle, and only the owner ever counted. Others may say so of an object, too, but this is quick.
    #[inline]
    pub(crate) fn are_one(self) -> bool {
        let touched = if cfg!(tracegc_break = "untouched") { SHARED | GONE } else { u32::MAX };
        self.local & LOCAL == HANDLE && self.shared & touched == 0
    }
}

/// What a simple decrement has done.
pub(crate) enum Simply {
    Done,
    /// It is done, and the object is to be noted.
    ToNote,
    /// Nothing: it is not simple.
    Undone,
}

/// What a look at a count has found.
enum Look {
    /// There is another handle.
    Other,
    /// There is none, and there will be none. Whether others have ever counted.
    One { touched: u32 },
    /// It takes a closer look.
    Perhaps,
}

/// What came of asking whether there is one handle.
#[derive(PartialEq, Eq)]
enum Asked {
    /// There was, and the object is gone.
    Last,
    /// There is, but there may be weak pointers.
    Careful,
    /// There was another, or something happened meanwhile.
    Again,
}

/// Whether a collection has begun since the object was noted, seen after a store to its local half.
#[inline]
fn begun_since(local: u32) -> bool {
    barrier::light();
    !cfg!(tracegc_break = "note-again") && local & NOTED_IN != now()
}
