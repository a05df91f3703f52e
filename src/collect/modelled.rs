//! Pieces of a collection, for models.

use std::ptr::NonNull;

use super::{AWAITED, COLLECTOR, Reach, TRACING, burials, notes, reclaim, round, trial, verdict};
use crate::heap::pages::PAGE_HEAP;
use crate::heap::{EPOCH, with_cache};
use crate::object::Header;
use crate::sync::plain::Ordering;
use crate::trace::Tracer;

/// A collection whose trial is replaced by a guess: the verdict on these objects, in this order, if they can take part.
/// What it says must be right whatever the guess. The number of objects that were condemned.
///
/// # Safety
///
/// The addresses are those of slots that were in use before the call.
pub(crate) unsafe fn judge(guess: &[NonNull<Header>]) -> usize {
    let collector = COLLECTOR.lock();
    let moment = EPOCH.begin();
    let mut tracer = Tracer::new(moment);
    // The collector takes the lock of the page heap once, see *spans stay*.
    drop(PAGE_HEAP.segments());
    TRACING.with(|tracing| tracing.set(true));
    let suspects = guess.iter().copied().filter(|&header| trial::take_part(header, moment, &mut false)).collect();
    let (condemned, _) = verdict::judge(&mut tracer, suspects);
    TRACING.with(|tracing| tracing.set(false));
    trial::Marked::Everywhere.clear();
    let deferred = reclaim::end_collection();
    PAGE_HEAP.clear_limbo();
    let burial = burials::begin();
    drop(collector);
    let count = condemned.objects.len();
    let mut panics = Vec::new();
    reclaim::bury(burial, condemned, deferred, &mut panics);
    assert!(panics.is_empty(), "drop glue panicked");
    count
}

/// Puts the notes of this thread on the board.
pub(crate) fn hand_over() {
    with_cache(notes::hand_over);
}

/// A collection from the notes; the number of objects that were destroyed.
pub(crate) fn local() -> usize {
    hand_over();
    round(Reach::Candidates, None, &mut None).stats.reclaimed
}

/// A collection from the notes that finds another one waiting for it; whether it gave way.
pub(crate) fn local_that_is_in_the_way() -> bool {
    AWAITED.fetch_add(1, Ordering::Relaxed);
    let stats = super::background(Reach::Candidates);
    AWAITED.fetch_sub(1, Ordering::Relaxed);
    stats.is_none()
}

/// A collection of the whole heap, without the rounds after it; the number of objects that were destroyed.
pub(crate) fn whole() -> usize {
    round(Reach::Whole, None, &mut None).stats.reclaimed
}
