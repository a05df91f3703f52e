//! *Specials*: what some objects have and most have not: weak pointers and cleanups.
//!
//! An object's specials are one [`Record`], found through a table beside its span and flagged in its header. The
//! record outlives the object for as long as weak pointers or cleanup handles refer to it; when the object dies it is
//! cleared under its lock. So an upgrade that finds the object in the record finds it whole: the slot cannot be freed
//! before the record has been cleared.

use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::cleanup::Job;
use crate::heap::{self, segment::span_of};
use crate::object::{Count, Header, SURPLUS, flag};
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, plain};

/// Weak pointers and cleanups of one object.
pub(crate) struct Record {
    /// Number of [`Weak`](crate::Weak) pointers. They come into being under the lock or from one another.
    pub(crate) weaks: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    /// The object, while it lives.
    object: Option<NonNull<Header>>,
    cleanups: Vec<(Arc<Ticket>, Job)>,
    /// Handles that the count has no room for.
    surplus: u64,
}

// SAFETY: the header is reached under the lock only, and headers are shared by all threads.
unsafe impl Send for State {}

/// The place of one cleanup in its record: an index, or [`Ticket::GONE`]. Written under the record's lock.
#[derive(Debug)]
pub(crate) struct Ticket(plain::AtomicUsize);

impl Ticket {
    const GONE: usize = usize::MAX;
}

/// What is left to do when an object is gone.
pub(crate) struct Farewell {
    /// Its cleanups, to be queued.
    pub(crate) jobs: Vec<Job>,
}

impl Record {
    /// A record without an object yet.
    pub(crate) fn unborn() -> Arc<Record> {
        let state = State { object: None, cleanups: Vec::new(), surplus: 0 };
        Arc::new(Record { weaks: AtomicUsize::new(0), state: Mutex::new(state) })
    }

    /// Makes it the record of an object, which has none.
    ///
    /// # Safety
    ///
    /// The object is alive, and nobody but the caller knows of it.
    pub(crate) unsafe fn bear(this: Arc<Record>, header: NonNull<Header>) {
        // SAFETY: by contract.
        let place = unsafe { span_of(header) }.specials(header, true).expect("made if absent");
        let raw = Arc::into_raw(this.clone()).cast_mut();
        place.store(raw.cast(), Ordering::Release);
        // SAFETY: by contract.
        unsafe { flag_specials(header) };
        this.state.lock().object = Some(header);
    }

    /// The record of an object, made if there is none.
    ///
    /// # Safety
    ///
    /// The object is alive, and stays so during the call.
    pub(crate) unsafe fn of(header: NonNull<Header>) -> Arc<Record> {
        // SAFETY: by contract the object is there.
        let place = unsafe { span_of(header) }.specials(header, true).expect("made if absent");
        let mut found = place.load(Ordering::Acquire).cast::<Record>();
        if found.is_null() {
            let new = Record::unborn();
            new.state.lock().object = Some(header);
            let raw = Arc::into_raw(new).cast_mut();
            // AcqRel: whoever finds the record finds it complete.
            match place.compare_exchange(ptr::null_mut(), raw.cast(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: as above.
                    unsafe { flag_specials(header) };
                    found = raw;
                }
                Err(other) => {
                    // SAFETY: made above and never shown to anybody.
                    drop(unsafe { Arc::from_raw(raw) });
                    found = other.cast();
                }
            }
        }
        // SAFETY: by contract. Whoever has put the record there may not have come to it yet.
        unsafe {
            if !header.as_ref().meta(Ordering::Acquire).has(flag::SPECIALS) {
                flag_specials(header);
            }
        }
        // SAFETY: the table owns a reference, for as long as the object lives.
        unsafe {
            Arc::increment_strong_count(found);
            Arc::from_raw(found)
        }
    }

    /// The record of an object that has one.
    ///
    /// # Safety
    ///
    /// The object is there, and stays during the call.
    pub(crate) unsafe fn find(header: NonNull<Header>) -> Option<Arc<Record>> {
        // SAFETY: by contract.
        let place = unsafe { span_of(header) }.specials(header, false)?;
        let found = place.load(Ordering::Acquire).cast::<Record>();
        if found.is_null() {
            return None;
        }
        // SAFETY: as in `of`.
        unsafe {
            Arc::increment_strong_count(found);
            Some(Arc::from_raw(found))
        }
    }

    /// A new handle to the object, if it is alive.
    pub(crate) fn upgrade(&self) -> Option<NonNull<Header>> {
        let mut state = self.state.lock();
        let header = state.object?;
        // SAFETY: *records*: the slot is not freed before the record was cleared under its lock.
        let count = &unsafe { header.as_ref() }.count;
        if count.increment_unless_gone(heap::me())? {
            state.take_surplus(count);
        }
        Some(header)
    }

    /// The number of handles to the object.
    pub(crate) fn handles(&self) -> u64 {
        let state = self.state.lock();
        // SAFETY: as in `upgrade`.
        state.object.map_or(0, |header| unsafe { header.as_ref() }.count.handles() + state.surplus)
    }

    /// Handles that are counted here.
    pub(crate) fn surplus(&self) -> u64 {
        self.state.lock().surplus
    }

    /// Whether there is no weak pointer, and `is_one` says that there is one handle, while no upgrade and no downgrade
    /// happens.
    pub(crate) fn is_alone(&self, is_one: impl FnOnce() -> bool) -> bool {
        let state = self.state.lock();
        // Acquire: with the Release of the drops of weak pointers.
        self.weaks.load(Ordering::Acquire) == 0 && state.surplus == 0 && is_one()
    }

    /// Takes the caller's handle away, if it is the last, while no upgrade happens. What is counted here goes back to the
    /// count first.
    pub(crate) fn end_if_one(&self, count: &Count, owner: bool) -> bool {
        let mut state = self.state.lock();
        if state.surplus > 0 && !cfg!(tracegc_break = "surplus") {
            state.surplus -= u64::from(SURPLUS);
            count.put_surplus();
            return false;
        }
        count.end_if_one(owner)
    }

    /// Counts a new weak pointer made from a strong one.
    pub(crate) fn downgrade(&self) {
        let _state = self.state.lock();
        self.weaks.fetch_add(1, Ordering::Relaxed);
    }

    /// Registers a cleanup. Constant time.
    pub(crate) fn add(&self, job: Job) -> Arc<Ticket> {
        let mut state = self.state.lock();
        let ticket = Arc::new(Ticket(plain::AtomicUsize::new(state.cleanups.len())));
        state.cleanups.push((ticket.clone(), job));
        ticket
    }

    /// Takes a cleanup back. Constant time.
    pub(crate) fn remove(&self, ticket: &Ticket) -> Option<Job> {
        let mut state = self.state.lock();
        let index = ticket.0.load(Ordering::Relaxed);
        if index == Ticket::GONE {
            return None;
        }
        let (_, job) = state.cleanups.swap_remove(index);
        ticket.0.store(Ticket::GONE, Ordering::Relaxed);
        if let Some((moved, _)) = state.cleanups.get(index) {
            moved.0.store(index, Ordering::Relaxed);
        }
        Some(job)
    }

    /// Whether a cleanup still waits.
    pub(crate) fn has(&self, ticket: &Ticket) -> bool {
        let _state = self.state.lock();
        ticket.0.load(Ordering::Relaxed) != Ticket::GONE
    }
}

/// Makes another handle to an object.
///
/// # Safety
///
/// The caller has a handle.
#[inline(never)]
pub(crate) unsafe fn add_handle(header: NonNull<Header>) {
    // SAFETY: by contract.
    unsafe {
        if header.as_ref().count.increment() {
            take_surplus(header);
        }
    }
}

/// # Safety
///
/// The caller has a handle.
#[cold]
#[inline(never)]
unsafe fn take_surplus(header: NonNull<Header>) {
    // SAFETY: by contract.
    unsafe { Record::of(header).state.lock().take_surplus(&header.as_ref().count) };
}

/// Handles to an object that its count does not say.
///
/// # Safety
///
/// The object is there, and stays during the call.
#[inline]
pub(crate) unsafe fn surplus(header: NonNull<Header>) -> u64 {
    // SAFETY: by contract.
    unsafe {
        // Acquire: whoever has read a count without its surplus sees the flag.
        if !header.as_ref().meta(Ordering::Acquire).has(flag::SPECIALS) || cfg!(tracegc_break = "surplus-verdict") {
            return 0;
        }
        Record::find(header).map_or(0, |record| record.surplus())
    }
}

/// Says in its header that an object has a record.
///
/// # Safety
///
/// The object is alive, and stays so during the call.
unsafe fn flag_specials(header: NonNull<Header>) {
    // SAFETY: by contract.
    let object = unsafe { header.as_ref() };
    // In this order: whoever sees the one flag sees the other.
    object.count.make_exact();
    object.set_flags(flag::SPECIALS);
}

impl State {
    fn take_surplus(&mut self, count: &Count) {
        if count.take_surplus() {
            self.surplus += u64::from(SURPLUS);
        }
    }

    fn clear(&mut self) -> Farewell {
        self.object = None;
        let jobs = std::mem::take(&mut self.cleanups)
            .into_iter()
            .map(|(ticket, job)| {
                ticket.0.store(Ticket::GONE, Ordering::Relaxed);
                job
            })
            .collect();
        Farewell { jobs }
    }
}

/// Takes an object's record out of its table and clears it: weak pointers are dead from here on, and cleanups can no
/// longer be stopped.
///
/// # Safety
///
/// It is gone (no upgrade can succeed), the value is still there, and the caller owns the object.
pub(crate) unsafe fn clear(header: NonNull<Header>) -> Option<Farewell> {
    // SAFETY: by contract.
    let record = unsafe { take(header) }?;
    let farewell = record.state.lock().clear();
    Some(farewell)
}

/// # Safety
///
/// The object is there, and the caller owns it.
unsafe fn take(header: NonNull<Header>) -> Option<Arc<Record>> {
    // SAFETY: by contract.
    let place: &AtomicPtr<()> = unsafe { span_of(header) }.specials(header, false)?;
    let found = place.swap(ptr::null_mut(), Ordering::AcqRel).cast::<Record>();
    // SAFETY: the table owned a reference, which is ours now.
    (!found.is_null()).then(|| unsafe { Arc::from_raw(found) })
}

/// The locked record of a suspect: while it is locked, no upgrade succeeds.
pub(crate) struct Door {
    header: NonNull<Header>,
    /// Borrows from `record`; dropped first.
    state: std::mem::ManuallyDrop<MutexGuard<'static, State>>,
    record: Option<Arc<Record>>,
}

impl Door {
    /// Locks the record of a suspect.
    ///
    /// # Safety
    ///
    /// The object is there, and stays while the door exists.
    pub(crate) unsafe fn close(header: NonNull<Header>) -> Door {
        // The flag is set after the record is in its place, so there is one.
        // SAFETY: by contract.
        let record = unsafe { Record::find(header) }.expect("a flagged object has a record");
        let state: *const Mutex<State> = &raw const record.state;
        // SAFETY: the lock lives as long as the record, which the door keeps, and longer than the guard (see `drop`).
        let state = std::mem::ManuallyDrop::new(unsafe { &*state }.lock());
        Door { header, state, record: Some(record) }
    }

    pub(crate) fn header(&self) -> NonNull<Header> {
        self.header
    }

    /// Handles to the object that are counted in its record.
    pub(crate) fn surplus(&self) -> u64 {
        if cfg!(tracegc_break = "surplus-verdict") { 0 } else { self.state.surplus }
    }

    /// The object is condemned: clears its record.
    pub(crate) fn condemn(mut self) -> Farewell {
        let farewell = self.state.clear();
        // SAFETY: the caller condemned the object, so it is the collector's.
        drop(unsafe { take(self.header) });
        farewell
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // SAFETY: dropped once, here, before the record that it borrows from.
        unsafe { std::mem::ManuallyDrop::drop(&mut self.state) };
        self.record = None;
    }
}
