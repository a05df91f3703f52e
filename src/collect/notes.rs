//! Notes of candidates: bare addresses, since an object must not be touched after the handle to it is gone.
//!
//! A note may be stale: the object died, or its slot serves another one. Whoever takes a note looks the address up and
//! asks the object there for its candidate flag, or (in a rare race) just takes it for a candidate. Each thread keeps some notes before it hands them over.

use std::ptr::NonNull;

use super::pacer;
use crate::heap::pages::PAGE_HEAP;
use crate::heap::segment::{SEGMENT, Segment, segment_of, span_at};
use crate::heap::span::{Kind, Span};
use crate::heap::{Cache, Moment, with_cache};
use crate::object::Header;
use crate::sync::plain::{self, AtomicUsize, Ordering};
use crate::sync::{Mutex, global};
use crate::trace::tracer::prefetch_address;

/// A note is fetched this many steps before it is looked at.
const AHEAD: usize = 8;
/// Notes that a thread keeps to itself.
const BATCH: usize = if cfg!(any(miri, loom, shuttle)) { 8 } else { 512 };
/// As long as notes are of different slots they may take an eighth of the heap.
const BYTES_PER_NOTE: usize = size_of::<usize>() << 3;
/// So often in a row it makes a difference that there were few.
const FUTILE: u32 = 4;
/// With fewer notes on the board nobody looks for those that say the same.
const CROWDED: usize = if cfg!(miri) { 64 } else { 1 << 17 };

struct Board {
    notes: Mutex<Posted>,
    count: AtomicUsize,
}

struct Posted {
    /// As they were handed over.
    batches: Vec<Vec<usize>>,
    /// With more notes than this it is worth while to look for those that say the same.
    enough: usize,
}

global! {
    static BOARD: Board =
        Board { notes: Mutex::new(Posted { batches: Vec::new(), enough: CROWDED }), count: AtomicUsize::new(0) };
}
/// Held by whoever looks for notes that say the same, and has them in hand. How often in a row there were few.
static THINNING: plain::Mutex<u32> = plain::Mutex::new(0);

/// In the lowest bit of a note: it counts although the object's flag is not set.
pub(super) const UNFLAGGED: usize = 1;

/// Notes the address of an object that lost a handle and has others. `flagged`: its candidate flag was set for this note.
#[inline(never)]
pub(crate) fn note(header: NonNull<Header>, flagged: bool) {
    let address = header.addr().get() | if flagged { 0 } else { UNFLAGGED };
    pacer::something_noted();
    with_cache(|cache| {
        // SAFETY: *owner fields*: only this thread uses them, and nothing below calls back.
        let full = unsafe {
            let notes = &mut *cache.local.notes.get();
            if notes.capacity() == 0 {
                *notes = Vec::with_capacity(BATCH);
            }
            notes.push(address);
            notes.len() >= BATCH
        };
        if full {
            hand_over(cache);
        }
    });
}

/// Hands the notes of this thread over to the collector.
pub(crate) fn hand_over(cache: &Cache) {
    // SAFETY: as in `note`.
    let batch = unsafe { std::mem::take(&mut *cache.local.notes.get()) };
    if !batch.is_empty() {
        post(batch);
    }
}

/// Puts notes on the board.
pub(crate) fn post(batch: Vec<usize>) {
    let mut board = BOARD.notes.lock();
    // Relaxed: a figure for the pacer.
    let mut count = BOARD.count.load(Ordering::Relaxed) + batch.len();
    BOARD.count.store(count, Ordering::Relaxed);
    board.batches.push(batch);
    let crowded = count > board.enough;
    drop(board);
    if crowded {
        if let Some(mut futile) = THINNING.try_lock() {
            thin_out(&mut futile);
        }
        count = self::count();
    }
    pacer::noted(count);
}

/// Keeps one note of each address. A program that lets go of one object after another leaves notes of the same slots again
/// and again. Others may go on to post meanwhile.
#[cold]
fn thin_out(futile: &mut u32) {
    let batches = std::mem::take(&mut BOARD.notes.lock().batches);
    let notes = one_of_each(batches.concat());
    // Where there is little to be thinned out it is done less often, as long as notes take little of the heap.
    let before: usize = batches.iter().map(Vec::len).sum();
    *futile = if notes.len() > before / 2 { FUTILE.min(*futile + 1) } else { 0 };
    let mut board = BOARD.notes.lock();
    board.enough = enough(*futile).max(2 * notes.len());
    board.batches.extend(notes.chunks(BATCH).map(Vec::from));
    BOARD.count.store(board.batches.iter().map(Vec::len).sum(), Ordering::Relaxed);
}

fn one_of_each(mut notes: Vec<usize>) -> Vec<usize> {
    notes.sort_unstable();
    notes.dedup_by(|note, kept| {
        let same = *note & !UNFLAGGED == *kept & !UNFLAGGED;
        // What counts without a flag counts with it.
        *kept |= if same { *note & UNFLAGGED } else { 0 };
        same
    });
    notes
}

/// How many notes nobody looks at twice.
fn enough(futile: u32) -> usize {
    (CROWDED << (2 * futile)).min(PAGE_HEAP.object_bytes() / BYTES_PER_NOTE).max(CROWDED)
}

/// Notes on the board.
pub(crate) fn count() -> usize {
    BOARD.count.load(Ordering::Relaxed)
}

/// Notes that were taken off the board, in the batches they came in.
#[derive(Default)]
pub(crate) struct Notes(Vec<Vec<usize>>);

impl Notes {
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The notes, each fetched into the cache some steps before its turn.
    pub(super) fn into_fetched(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().flat_map(|batch| {
            (0..batch.len()).map(move |index| {
                if let Some(&ahead) = batch.get(index + AHEAD) {
                    let header = std::ptr::without_provenance(ahead & !UNFLAGGED);
                    prefetch_address(header);
                    prefetch_address(Segment::mark_address(header));
                }
                batch[index]
            })
        })
    }

    #[cfg(tracegc_break = "take-first")]
    pub(super) fn and(mut self, more: Notes) -> Notes {
        self.0.extend(more.0);
        self
    }
}

/// Takes all notes off the board.
pub(crate) fn take() -> Notes {
    let futile = THINNING.lock();
    let mut board = BOARD.notes.lock();
    BOARD.count.store(0, Ordering::Relaxed);
    board.enough = enough(*futile);
    Notes(std::mem::take(&mut board.batches))
}

/// What a note is about.
pub(super) enum Noted {
    /// A slot of a span that is older than the running collection: its header can be read.
    Old(NonNull<Header>),
    /// Something in a span that is younger, and may vanish.
    Young,
    /// Nothing: what was there is gone.
    Nothing,
}

/// Looks the addresses of notes up, for the running collection.
pub(super) struct Places {
    moment: Moment,
    /// The segment of the last address, by that address: most are in the same one.
    last: (usize, Option<NonNull<Segment>>),
}

impl Places {
    pub(super) fn new(moment: Moment) -> Self {
        Places { moment, last: (0, None) }
    }

    pub(super) fn slot(&mut self, note: usize) -> Noted {
        let address = note & !UNFLAGGED;
        let unit = address & !(SEGMENT - 1);
        if self.last.0 != unit {
            // Segments stay while a collection runs.
            self.last = (unit, segment_of(address));
        }
        let span = self.last.1.and_then(|segment| span_at(segment, address));
        span.map_or(Noted::Nothing, |span| slot_in(span, address, self.moment))
    }
}

fn slot_in(span: &Span, address: usize, moment: Moment) -> Noted {
    if !matches!(span.kind(), Kind::Small | Kind::Large) {
        return Noted::Nothing;
    }
    if !moment.may_trace(span.birth.load(Ordering::Relaxed)) {
        return Noted::Young;
    }
    match span.slot_at(address) {
        Some((index, 0)) => Noted::Old(span.slot(index)),
        _ => Noted::Nothing,
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn one_note_of_each_address_is_kept() {
        let (flagged, unflagged) = ([64, 32, 96, 32, 64], [96 | UNFLAGGED, 128 | UNFLAGGED]);
        let kept = one_of_each([&flagged[..], &unflagged[..]].concat());
        assert_eq!(kept, [32, 64, 96 | UNFLAGGED, 128 | UNFLAGGED]);
    }
}
