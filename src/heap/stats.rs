//! Figures of the heap.

use super::cache::{Sums, sums};
use super::class::{CLASSES, SIZES};
use super::pages::PAGE_HEAP;

/// What the heap holds and did. Sizes are in bytes and include headers and rounding; counts are of objects.
///
/// Counters are kept per thread and summed up when asked for: exact while no other thread allocates or frees, and
/// never off by more than what happens during the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapStats {
    /// Objects made since the program started.
    pub allocated_objects: u64,
    /// Objects freed since the program started.
    pub freed_objects: u64,
    /// `allocated_objects - freed_objects`.
    pub live_objects: u64,
    /// Bytes of live objects.
    pub live_bytes: u64,
    /// Bytes of spans, arena chunks and large objects in use.
    pub span_bytes: u64,
    /// Bytes of address space taken from the system. What was never used or was given back takes no memory.
    pub mapped_bytes: u64,
    /// Collections, of the whole heap or of a part of it, that ran to their end.
    pub collections: u64,
    /// Of these, collections of the whole heap.
    pub full_collections: u64,
    /// Objects that collections destroyed.
    pub collected_objects: u64,
    /// Nanoseconds that collections took in all, on whatever thread they ran.
    pub collector_nanos: u64,
    /// Destructors that panicked while an object was destroyed; see [`cleanup::set_panic_hook`](crate::cleanup::set_panic_hook).
    pub drop_panics: u64,
}

/// Figures of one size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// Bytes of a slot: header, value and rounding.
    pub slot_bytes: usize,
    /// Bytes of a span of this class.
    pub span_bytes: usize,
    /// Slots of a span.
    pub slots: usize,
    /// Objects of this class made since the program started.
    pub allocated: u64,
    /// Objects of this class freed since the program started.
    pub freed: u64,
}

/// The figures of the heap. Takes time in proportion to the number of threads that ever used it at once.
///
/// ```
/// use tracegc::{Gc, heap};
///
/// let before = heap::stats();
/// let _kept = Gc::new(5);
/// assert!(heap::stats().allocated_objects > before.allocated_objects);
/// ```
pub fn stats() -> HeapStats {
    let sums = sums();
    let mut stats = crate::collect::figures();
    let [made_large, freed_large, ..] = sums.large;
    stats.allocated_objects = sums.made.iter().sum::<u64>() + made_large;
    stats.freed_objects = sums.freed.iter().sum::<u64>() + freed_large;
    stats.live_objects = stats.allocated_objects.saturating_sub(stats.freed_objects);
    stats.live_bytes = live_bytes(&sums);
    stats.span_bytes = PAGE_HEAP.used_bytes() as u64;
    stats.mapped_bytes = PAGE_HEAP.mapped_bytes() as u64;
    stats
}

fn live_bytes(sums: &Sums) -> u64 {
    let [_, _, made_bytes, freed_bytes] = sums.large;
    let small = (0..CLASSES).map(|class| sums.made[class].saturating_sub(sums.freed[class]) * SIZES[class] as u64);
    small.sum::<u64>() + made_bytes.saturating_sub(freed_bytes)
}

/// Bytes of all objects that were not freed yet.
pub(crate) fn object_bytes() -> usize {
    usize::try_from(live_bytes(&sums())).unwrap_or(usize::MAX)
}

/// The figures of every size class, smallest first. Larger objects get spans of their own.
///
/// ```
/// let classes = tracegc::heap::class_stats();
/// assert!(classes.iter().all(|c| c.slots * c.slot_bytes <= c.span_bytes));
/// ```
pub fn class_stats() -> Vec<ClassStats> {
    let sums = sums();
    (0..CLASSES)
        .map(|class| {
            let span_bytes = super::pages::pages_of_class(class) * super::segment::PAGE;
            let lead = super::class::class_align(SIZES[class]).saturating_sub(crate::object::HEADER);
            ClassStats {
                slot_bytes: SIZES[class],
                span_bytes,
                slots: (span_bytes - lead) / SIZES[class],
                allocated: sums.made[class],
                freed: sums.freed[class],
            }
        })
        .collect()
}
