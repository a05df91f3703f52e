//! Runs of pages that are cut into slots of one class, or serve one large object or one arena chunk.
//!
//! Fields that anybody may read are atomics. `kind` is written last (`Release`) when a span is made, and first when it
//! is given back; see *spans stay* in `heap::pages` for why a reader during a collection finds them steady. Fields
//! marked *owner* belong to the thread whose cache is the span's `owner`, or to the lock of the central lists where it
//! has none.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::cache::Cache;
use super::class::{SIZES, class_align, lead};
use crate::object::Header;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::sync::{made_const, plain};

/// What a span is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Not a span now.
    Free = 0,
    /// Slots of one class.
    Small = 1,
    /// One object.
    Large = 2,
    /// An arena's memory.
    Chunk = 3,
}

/// In which list of its owner a small span is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Listed {
    /// It may have room.
    Partial = 0,
    /// It has none.
    Full = 1,
}

/// The pointers of one object's specials, a place for each slot of a span.
pub(crate) type SpecialTable = Box<[AtomicPtr<()>]>;

/// Description of one span; it lies at the head of the segment, at the index of the span's first page.
#[repr(C, align(128))]
pub(crate) struct Span {
    kind: plain::AtomicU8,
    class: plain::AtomicU8,
    pub(crate) pages: plain::AtomicU16,
    pub(crate) slot_size: plain::AtomicU32,
    /// Slots that it can have.
    pub(crate) capacity: plain::AtomicU32,
    /// Slots that were made so far: what lies beyond was never written in this life of the span.
    pub(crate) extent: AtomicU32,
    /// The first slot.
    first: plain::AtomicPtr<Header>,
    /// 2^40 / slot_size, rounded up: turns an offset into the index of its slot.
    magic: plain::AtomicU64,
    /// Birth (as of objects) of the span itself.
    pub(crate) birth: plain::AtomicU16,
    /// Owner: the list it is in.
    pub(crate) listed: Cell<Listed>,
    /// Owner: slots in use.
    pub(crate) used: Cell<u32>,
    pub(crate) owner: AtomicPtr<Cache>,
    /// Owner: free slots, linked through their meta words.
    pub(crate) free: Cell<*mut Header>,
    /// Owner: neighbours in a list.
    pub(crate) next: Cell<*mut Span>,
    pub(crate) prev: Cell<*mut Span>,
    specials: AtomicPtr<AtomicPtr<()>>,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    assert!(size_of::<Span>() == 128);
    assert!(memoffset::offset_of!(Span, kind) == 0);
    assert!(memoffset::offset_of!(Span, magic) + 8 <= 64);
};

// SAFETY: *owner fields* are touched by one thread at a time; all others are atomics.
unsafe impl Sync for Span {}

crate::sync::global! {
    /// A span without room that stands where a cache has none yet; it is never written.
    pub(crate) static NO_SPAN: Span = Span::new();
}

/// Its address.
#[inline]
pub(crate) fn no_span() -> *const Span {
    #[cfg(not(any(loom, shuttle)))]
    return &raw const NO_SPAN;
    #[cfg(any(loom, shuttle))]
    return &raw const *NO_SPAN;
}

impl Span {
    made_const! {
        pub(crate) fn new() -> Self {
            Span {
                kind: plain::AtomicU8::new(0),
                class: plain::AtomicU8::new(0),
                pages: plain::AtomicU16::new(0),
                slot_size: plain::AtomicU32::new(0),
                capacity: plain::AtomicU32::new(0),
                extent: AtomicU32::new(0),
                first: plain::AtomicPtr::new(ptr::null_mut()),
                magic: plain::AtomicU64::new(0),
                birth: plain::AtomicU16::new(0),
                listed: Cell::new(Listed::Partial),
                used: Cell::new(0),
                owner: AtomicPtr::new(ptr::null_mut()),
                free: Cell::new(ptr::null_mut()),
                next: Cell::new(ptr::null_mut()),
                prev: Cell::new(ptr::null_mut()),
                specials: AtomicPtr::new(ptr::null_mut()),
            }
        }
    }

    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        // Acquire: what a span is implies the fields that describe it.
        match self.kind.load(Ordering::Acquire) {
            1 => Kind::Small,
            2 => Kind::Large,
            3 => Kind::Chunk,
            _ => Kind::Free,
        }
    }

    #[inline]
    pub(crate) fn class(&self) -> usize {
        usize::from(self.class.load(Ordering::Relaxed))
    }

    /// Makes the pages at `base` a span of slots. They come without objects, and their bytes may be anything.
    pub(crate) fn make_small(&self, base: NonNull<u8>, bytes: usize, class: usize, birth: u16) {
        let size = SIZES[class];
        let lead = lead(class_align(size));
        // SAFETY: the lead is smaller than a slot, and the run of pages holds at least one slot after it.
        let first = unsafe { base.add(lead) };
        self.describe(first.cast(), size, (bytes - lead) / size, birth);
        self.class.store(class as u8, Ordering::Relaxed);
        self.kind.store(Kind::Small as u8, Ordering::Release);
    }

    /// Makes the pages at `base` the place of one large object, whose header lies at `lead`.
    pub(crate) fn make_large(&self, base: NonNull<u8>, bytes: usize, lead: usize, birth: u16) -> NonNull<Header> {
        // SAFETY: the caller asked for pages for the lead and the object.
        let first = unsafe { base.add(lead) }.cast::<Header>();
        self.describe(first, bytes - lead, 1, birth);
        self.kind.store(Kind::Large as u8, Ordering::Release);
        first
    }

    /// Makes the pages at `base` an arena chunk.
    pub(crate) fn make_chunk(&self, base: NonNull<u8>, bytes: usize, birth: u16) {
        self.describe(base.cast(), bytes, 0, birth);
        self.kind.store(Kind::Chunk as u8, Ordering::Release);
    }

    fn describe(&self, first: NonNull<Header>, size: usize, capacity: usize, birth: u16) {
        self.first.store(first.as_ptr(), Ordering::Relaxed);
        self.slot_size.store(u32::try_from(size).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.magic.store((1 << 40) / size.max(1) as u64 + 1, Ordering::Relaxed);
        self.capacity.store(capacity as u32, Ordering::Relaxed);
        self.extent.store(0, Ordering::Relaxed);
        self.birth.store(birth, Ordering::Relaxed);
        self.owner.store(ptr::null_mut(), Ordering::Relaxed);
        self.used.set(0);
        self.free.set(ptr::null_mut());
        self.next.set(ptr::null_mut());
        self.prev.set(ptr::null_mut());
        self.listed.set(Listed::Partial);
    }

    /// Ends the span's life. The caller holds the lock of the page heap, and no slot is in use.
    pub(crate) fn unmake(&self) {
        self.kind.store(Kind::Free as u8, Ordering::Relaxed);
        let table = self.specials.swap(ptr::null_mut(), Ordering::Acquire);
        if !table.is_null() {
            let capacity = self.capacity.load(Ordering::Relaxed) as usize;
            // SAFETY: *specials table*: it was a boxed slice of this length, and nobody can reach it: no slot is in use.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(table, capacity)) });
        }
    }

    /// Frees the table of records, at the end of a run of a model.
    #[cfg(any(loom, shuttle))]
    pub(crate) fn free_specials(&self) {
        let table = self.specials.alone();
        if !table.is_null() {
            let capacity = self.capacity.load(Ordering::Relaxed) as usize;
            // SAFETY: as in `unmake`.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(table, capacity)) });
        }
    }

    #[inline]
    pub(crate) fn first(&self) -> *mut Header {
        self.first.load(Ordering::Relaxed)
    }

    /// The header of slot `index`, which is below the extent.
    #[inline]
    pub(crate) fn slot(&self, index: usize) -> NonNull<Header> {
        let size = self.slot_size.load(Ordering::Relaxed) as usize;
        debug_assert!(index < self.capacity.load(Ordering::Relaxed) as usize);
        // SAFETY: *slot layout*: slots below the capacity lie in the span's pages.
        unsafe { NonNull::new_unchecked(self.first().cast::<u8>().add(index * size).cast()) }
    }

    /// The slot that holds the byte at `addr`, if it was made: its index and the offset in it.
    pub(crate) fn slot_at(&self, addr: usize) -> Option<(usize, usize)> {
        let offset = addr.checked_sub(self.first().addr())?;
        let size = self.slot_size.load(Ordering::Relaxed) as usize;
        let index = match self.capacity.load(Ordering::Relaxed) {
            // A size that does not fit into the field is that of an object which fills its segment.
            1 if offset < size || size == u32::MAX as usize => 0,
            1 => return None,
            _ => self.index_of_offset(offset),
        };
        let made = self.extent.load(Ordering::Acquire) as usize;
        (index < made).then(|| (index, offset - index * size))
    }

    #[inline]
    fn index_of_offset(&self, offset: usize) -> usize {
        ((offset as u64 * self.magic.load(Ordering::Relaxed)) >> 40) as usize
    }

    /// The index of the slot that starts at `header`.
    #[inline]
    pub(crate) fn index_of(&self, header: NonNull<Header>) -> usize {
        self.index_of_offset(header.addr().get() - self.first().addr())
    }

    /// The place of an object's specials; `None` if no object of the span ever had any and `make` is false.
    pub(crate) fn specials(&self, header: NonNull<Header>, make: bool) -> Option<&AtomicPtr<()>> {
        let capacity = self.capacity.load(Ordering::Relaxed) as usize;
        let mut table = self.specials.load(Ordering::Acquire);
        if table.is_null() {
            if !make {
                return None;
            }
            let new: SpecialTable = (0..capacity).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
            let new = Box::into_raw(new);
            // AcqRel: the winner's table is complete for whoever sees it.
            match self.specials.compare_exchange(ptr::null_mut(), new.cast(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => table = new.cast(),
                Err(other) => {
                    // SAFETY: it was made above and never shown to anybody.
                    drop(unsafe { Box::from_raw(new) });
                    table = other;
                }
            }
        }
        // SAFETY: *specials table*: as long as a slot is in use the table stays, and has a place for every slot.
        unsafe { Some(&*table.add(self.index_of(header))) }
    }
}
