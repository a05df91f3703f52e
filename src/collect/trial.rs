//! The trial: which objects look like garbage.
//!
//! Nothing here has to be exact. Objects are traced one after another while the program runs; what comes out is a
//! tentative set for the verdict, which decides.
//!
//! A trial of the whole heap enumerates the slots of all spans; a local one starts from candidates and visits what
//! they reach. Either way every visited object is traced once and edges are counted in the mark bytes beside the
//! spans; an object with more handles than edges is held from outside, and it and all that it reaches is alive.
//!
//! Source of the idea: trial deletion, as in Bacon and Rajan, "Concurrent Cycle Collection in Reference Counted
//! Systems" (ECOOP 2001), without colours in the objects and without trusting the result.

use std::ptr::NonNull;

use super::lists::List;
use super::notes::{self, Noted, Notes};
use crate::heap::Moment;
use crate::heap::pages::PAGE_HEAP;
use crate::heap::segment::Segment;
use crate::heap::span::{Kind, Span};
use crate::object::{Header, flag};
use crate::special;
use crate::sync::atomic::Ordering;
use crate::sync::plain::AtomicUsize;
use crate::sync::{Mutex, global};
use crate::trace::tracer::{Mode, Tracer, mark, may_visit, prefetch_address};

/// Objects that are traced in one reading section.
const SECTION: usize = 128;
/// A visited object is fetched this many steps before it is traced.
const AHEAD: usize = 4;
/// Births older than this many collections are renewed by a collection of the whole heap.
pub(super) const RENEW: u16 = 1 << 13;

/// Marks that were not set. Comparing slices goes many bytes at a time, which a loop that ends early does not.
const CLEAN: &[u8] = &[0; 4096];

global! {
    /// Held while the collector reads objects: whoever claims an object sets the flag, and then waits here once.
    pub(crate) static READING: Mutex<()> = Mutex::new(());
}

/// How often a trial of candidates ended before it had seen what they reach. Their notes are gone then.
pub(super) static BUDGETS_SPENT: AtomicUsize = AtomicUsize::new(0);

/// What a trial found.
pub(crate) struct Trial {
    /// Objects that nothing outside seems to hold.
    pub(crate) suspects: List,
    pub(crate) visited: usize,
    /// Some objects could not be decided on: a lock was taken, or there were too many.
    pub(crate) undecided: bool,
    /// It ended before it had seen everything, for a collection of the whole heap that waits. Its notes are back.
    pub(crate) gave_way: bool,
    /// Whose marks have to be cleared at the end.
    pub(crate) marked: Marked,
}

/// Where marks were set.
pub(crate) enum Marked {
    Everywhere,
    /// The first of these were noted.
    On {
        objects: List,
        noted: usize,
    },
}

impl Marked {
    /// Clears the marks, for the next collection, and what else says that this one has looked.
    pub(crate) fn clear(self) {
        match self {
            Marked::On { objects, noted } => {
                for &object in objects.iter() {
                    // SAFETY: *marks* belong to the running collection, and segments stay while it runs.
                    unsafe { *Segment::mark(object) = 0 };
                }
                for object in &objects[..noted] {
                    // SAFETY: *deferral*.
                    unsafe { object.as_ref() }.count.take_noted_by_owner();
                }
            }
            Marked::Everywhere => {
                for segment in PAGE_HEAP.segments() {
                    // SAFETY: as above.
                    let marks = unsafe { &mut *Segment::marks(segment) };
                    // What was never written is not written now: it would take memory.
                    for block in marks.chunks_mut(CLEAN.len()) {
                        if *block != CLEAN[..block.len()] {
                            block.fill(0);
                        }
                    }
                }
            }
        }
    }
}

/// The mark of an object.
///
/// # Safety
///
/// The object was found by the running collection, which the caller is.
#[inline]
pub(crate) unsafe fn mark_of<'a>(header: NonNull<Header>) -> &'a mut u8 {
    // SAFETY: *marks*.
    unsafe { &mut *Segment::mark(header) }
}

/// Runs `step` until it returns false, in reading sections of bounded length.
fn in_sections(
    tracer: &mut Tracer<'_>,
    mut step: impl FnMut(&mut Tracer<'_>) -> bool,
    mut failed: impl FnMut(NonNull<Header>),
) {
    loop {
        let mut section = READING.lock();
        let mut more = true;
        let mut left = SECTION;
        tracer.run(
            |tracer| {
                more = step(tracer);
                left -= 1;
                more && left > 0
            },
            &mut failed,
        );
        if !more {
            return;
        }
        crate::sync::bump(&mut section);
    }
}

/// A trial of the whole heap. Notes of objects that it passes over are put back.
pub(crate) fn whole(tracer: &mut Tracer<'_>, notes: Notes) -> Trial {
    let moment = tracer.moment;
    let segments = PAGE_HEAP.segments();
    let mut visited = 0;
    let mut busy = Vec::new();
    let mut failures = Vec::new();
    let mut claimed = false;

    tracer.mode = Mode::Count;
    for_each_span(&segments, moment, |span| {
        let mut slots = Slots::of(span);
        in_sections(
            tracer,
            |tracer| {
                let Some(header) = slots.next() else { return false };
                if take_part(header, moment, &mut claimed) {
                    visited += 1;
                    // SAFETY: the slot's birth is older, and this is a reading section.
                    if !unsafe { tracer.trace_object(header) } {
                        busy.push(header);
                    }
                }
                true
            },
            |header| failures.push(header),
        );
    });
    busy.append(&mut failures);
    let undecided = claimed || !busy.is_empty();
    put_back(notes, moment);

    // First all roots get their mark; where that leaves nobody else, nothing has to be traced again.
    let mut live = 0;
    let mut root = |mark: &mut u8| {
        if *mark & mark::LIVE == 0 {
            *mark = mark::VISITED | mark::LIVE;
            live += 1;
        }
    };
    for header in busy {
        // SAFETY: visited above.
        root(unsafe { mark_of(header) });
    }
    for_each_span(&segments, moment, |span| {
        for header in Slots::of(span) {
            // SAFETY: slots of a span that is older than the collection.
            unsafe {
                let mark = mark_of(header);
                if *mark & mark::VISITED != 0 && is_held(tracer, header, *mark) {
                    root(mark);
                }
            }
        }
    });
    tracer.forget_carries();
    let mut suspects = List::new();
    if live < visited {
        tracer.mode = Mode::Mark;
        for_each_span(&segments, moment, |span| {
            for header in Slots::of(span) {
                // SAFETY: as above.
                let mark = unsafe { mark_of(header) };
                if *mark == mark::VISITED | mark::LIVE {
                    *mark |= 1;
                    tracer.found.push(header);
                }
            }
            live += mark_from_found(tracer);
        });
    }
    if live < visited {
        suspects.reserve(visited - live);
        for_each_span(&segments, moment, |span| {
            // SAFETY: as above.
            suspects.extend(
                Slots::of(span).filter(|&h| unsafe { *mark_of(h) } & (mark::VISITED | mark::LIVE) == mark::VISITED),
            );
        });
    }
    Trial { suspects, visited, undecided, gave_way: false, marked: Marked::Everywhere }
}

/// Puts the notes of live objects back that took no part: those that are claimed, or too young.
fn put_back(notes: Notes, moment: Moment) {
    let mut places = notes::Places::new(moment);
    let passed_over = |&note: &usize| {
        let header = match places.slot(note) {
            Noted::Old(header) => header,
            Noted::Young => return true,
            Noted::Nothing => return false,
        };
        // SAFETY: a slot of a span that is older than this collection.
        let (mark, meta) = unsafe { (mark_of(header), header.as_ref().meta(Ordering::SeqCst)) };
        let comes_later = !meta.has(flag::LEAF) || !moment.may_trace(meta.birth());
        *mark & mark::VISITED == 0 && meta.is_live() && comes_later
    };
    let back: Vec<usize> = notes.into_fetched().filter(passed_over).collect();
    if !back.is_empty() {
        notes::post(back);
    }
}

/// Marks what the found objects reach; the number of objects that were marked (without the first ones).
fn mark_from_found(tracer: &mut Tracer<'_>) -> usize {
    let first = tracer.found.len();
    let mut done = 0;
    // Objects wait in a short queue between the stack and the tracer, so that they are in the cache when their turn
    // comes.
    let mut queue = [None; AHEAD];
    let mut at = 0;
    in_sections(
        tracer,
        |tracer| {
            let next = tracer.found.pop();
            if next.is_none() && queue.iter().all(Option::is_none) {
                tracer.flush();
                return !tracer.found.is_empty();
            }
            if let Some(header) = next {
                prefetch_address(header.as_ptr().cast());
            }
            if let Some(header) = std::mem::replace(&mut queue[at % AHEAD], next) {
                done += 1;
                // SAFETY: visited by this collection; a reading section.
                unsafe { tracer.trace_object(header) };
            }
            at += 1;
            true
        },
        |_| {},
    );
    done - first.min(done)
}

/// A trial of what the noted candidates reach, up to `budget` objects. Notes of objects that this collection must not
/// look at (`born_until` excludes more of them than the epoch does) are put back; so are all others if it is to give way
/// to one that looks at everything.
pub(crate) fn local(
    tracer: &mut Tracer<'_>,
    notes: Notes,
    budget: usize,
    born_until: Option<u16>,
    gives_way: impl Fn() -> bool,
) -> Trial {
    let moment = tracer.moment;
    let mut objects = List::new();
    let mut later = Vec::new();
    let mut undecided = false;
    let mut places = notes::Places::new(moment);
    for address in notes.into_fetched() {
        let header = match places.slot(address) {
            Noted::Old(header) => header,
            Noted::Young => {
                later.push(address);
                continue;
            }
            Noted::Nothing => continue,
        };
        // SAFETY: a slot of a span that is older than this collection; its header can be read.
        let this = unsafe { header.as_ref() };
        let meta = this.meta(Ordering::SeqCst);
        if !meta.is_live() {
            continue;
        }
        let too_young = born_until.is_some_and(|until| (meta.birth().wrapping_sub(until) as i16) > 0);
        if !moment.may_trace(meta.birth()) || too_young {
            later.push(address);
            continue;
        }
        if cfg!(tracegc_break = "flag-order") {
            // Taken when the object has been looked at, below.
        } else if !this.count.take_noted_by_others() && address & notes::UNFLAGGED == 0 {
            continue;
        }
        if meta.has(flag::LEAF) {
            if this.meta(Ordering::SeqCst) != meta {
                // The slot has another object meanwhile, whose flag may have been taken instead.
                later.push(address | notes::UNFLAGGED);
            } else if is_lost_leaf(header, moment) {
                // SAFETY: found by this collection.
                unsafe { *mark_of(header) = mark::VISITED };
                objects.push(header);
            }
            continue;
        }
        if !may_visit(header, moment) {
            // Claimed, or dying; or the flag was that of a younger object, which has taken the slot at this moment.
            undecided |= meta.has(flag::CLAIMED);
            later.push(address | notes::UNFLAGGED);
            continue;
        }
        // SAFETY: found by this collection.
        let mark = unsafe { mark_of(header) };
        if *mark & mark::VISITED == 0 {
            *mark = mark::VISITED;
            objects.push(header);
        }
    }
    if !later.is_empty() {
        notes::post(later);
    }

    tracer.mode = Mode::Explore;
    let noted = objects.len();
    let mut gave_way = false;
    let mut next = 0;
    let mut spared = Vec::new();
    let mut failures = Vec::new();
    in_sections(
        tracer,
        |tracer| {
            objects.append(&mut tracer.found);
            let Some(&header) = objects.get(next) else {
                tracer.flush();
                objects.append(&mut tracer.found);
                return next < objects.len();
            };
            if next >= budget {
                BUDGETS_SPENT.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            if next % SECTION == 0 && gives_way() {
                gave_way = true;
                return false;
            }
            if let Some(&ahead) = objects.get(next + AHEAD) {
                prefetch_address(ahead.as_ptr().cast());
            }
            next += 1;
            // SAFETY: visited by this collection; a reading section.
            if !unsafe { tracer.trace_object(header) } {
                spared.push(header);
            }
            true
        },
        |header| failures.push(header),
    );
    objects.append(&mut tracer.found);
    if gave_way {
        notes::post(objects[..noted].iter().map(|header| header.addr().get() | notes::UNFLAGGED).collect());
        tracer.forget_carries();
        let marked = Marked::On { objects, noted };
        return Trial { suspects: List::new(), visited: next, undecided: true, gave_way, marked };
    }
    undecided |= next < objects.len() || !spared.is_empty();
    spared.append(&mut failures);
    spared.extend_from_slice(&objects[next..]);

    tracer.mode = Mode::Mark;
    let mut roots = 0;
    for &header in &spared {
        // SAFETY: visited by this collection.
        roots += usize::from(make_root(tracer, unsafe { mark_of(header) }, header));
    }
    for &header in &objects[..next] {
        // SAFETY: visited by this collection.
        unsafe {
            let mark = mark_of(header);
            if is_held(tracer, header, *mark) {
                roots += usize::from(make_root(tracer, mark, header));
            }
        }
    }
    #[cfg(tracegc_break = "flag-order")]
    for header in objects.iter() {
        // SAFETY: visited by this collection.
        unsafe { header.as_ref() }.count.take_noted();
    }
    tracer.forget_carries();
    let live = if roots < objects.len() { roots + mark_from_found(tracer) } else { roots };
    tracer.found.clear();
    let mut suspects = List::new();
    if live < objects.len() {
        // SAFETY: visited by this collection.
        suspects.extend(objects.iter().copied().filter(|&h| unsafe { *mark_of(h) } & mark::LIVE == 0));
    }
    Trial { suspects, visited: objects.len(), undecided, gave_way, marked: Marked::On { objects, noted } }
}

/// Whether an object has other handles than the edges that were found.
///
/// # Safety
///
/// It was found by this collection.
#[inline]
unsafe fn is_held(tracer: &Tracer<'_>, header: NonNull<Header>, mark: u8) -> bool {
    let edges = tracer.edges(header, mark);
    // SAFETY: *deferral*.
    let handles = unsafe { header.as_ref() }.count.handles();
    // SAFETY: as above.
    handles != edges && handles + unsafe { special::surplus(header) } != edges
}

fn make_root(tracer: &mut Tracer<'_>, mark: &mut u8, header: NonNull<Header>) -> bool {
    let new = *mark & mark::LIVE == 0;
    if new {
        *mark = mark::VISITED | mark::LIVE | 1;
        tracer.found.push(header);
    }
    new
}

/// Marks what objects that leave the suspects reach, so that it leaves, too.
pub(crate) fn leave(tracer: &mut Tracer<'_>, leavers: &[NonNull<Header>]) {
    tracer.mode = Mode::Mark;
    for &header in leavers {
        // SAFETY: suspects were visited by this collection.
        make_root(tracer, unsafe { mark_of(header) }, header);
    }
    mark_from_found(tracer);
}

/// Makes the object of a slot take part, if this collection may trace it.
#[inline]
pub(super) fn take_part(header: NonNull<Header>, moment: Moment, claimed: &mut bool) -> bool {
    // SAFETY: a slot below the extent of a span that is older than the collection.
    let (this, mark) = unsafe { (header.as_ref(), mark_of(header)) };
    // The count first, see `may_visit`.
    let gone = this.count.is_gone();
    let meta = this.meta(Ordering::SeqCst);
    if gone || !meta.is_live() || meta.has(flag::CLAIMED) || !moment.may_trace(meta.birth()) {
        *claimed |= meta.is_live() && meta.has(flag::CLAIMED);
        return false;
    }
    if meta.has(flag::LEAF) && !this.count.is_touched() {
        return false;
    }
    // The object is looked at now: a decrement from here on notes it again.
    this.count.take_noted();
    if meta.has(flag::LEAF) && !is_lost_leaf(header, moment) {
        return false;
    }
    let age = moment.birth().wrapping_sub(meta.birth());
    if age > RENEW {
        this.set_birth(moment.birth().wrapping_sub(1));
    }
    *mark |= mark::VISITED;
    true
}

/// Whether the object of a slot is a leaf that has no handles and that nobody destroys, see `object::Count`. Only one
/// that threads other than its owner have counted can be: these are deferred like all that collections look at. What says
/// that it was noted must have been taken before.
#[cold]
fn is_lost_leaf(header: NonNull<Header>, moment: Moment) -> bool {
    // SAFETY: a slot of a span that is older than this collection; its header can be read.
    let this = unsafe { header.as_ref() };
    if !this.count.is_touched() || this.count.is_gone() || this.count.handles() != 0 {
        return false;
    }
    let meta = this.meta(Ordering::SeqCst);
    meta.is_live() && moment.may_trace(meta.birth())
}

/// The slots of a span that were made.
struct Slots<'a> {
    span: &'a Span,
    next: usize,
    end: usize,
}

impl<'a> Slots<'a> {
    fn of(span: &'a Span) -> Self {
        // Acquire: slots below the extent have headers.
        Slots { span, next: 0, end: span.extent.load(Ordering::Acquire) as usize }
    }
}

impl Iterator for Slots<'_> {
    type Item = NonNull<Header>;

    #[inline]
    fn next(&mut self) -> Option<NonNull<Header>> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        Some(self.span.slot(self.next - 1))
    }
}

fn for_each_span(segments: &[NonNull<Segment>], moment: Moment, mut f: impl FnMut(&Span)) {
    for segment in segments {
        // SAFETY: segments stay while a collection runs.
        for span in unsafe { segment.as_ref() }.spans() {
            let holds_objects = matches!(span.kind(), Kind::Small | Kind::Large);
            let birth = span.birth.load(Ordering::Relaxed);
            if holds_objects && moment.may_trace(birth) {
                if moment.birth().wrapping_sub(birth) > RENEW {
                    span.birth.store(moment.birth().wrapping_sub(1), Ordering::Relaxed);
                }
                f(span);
            }
        }
    }
}
