//! Large aligned pieces of memory that spans are cut from, and the way from an address to its span.
//!
//! A segment starts with its description: a map from pages to spans, the spans' descriptions, and one *mark* byte for
//! every 16 bytes of the segment, which is the collector's. So the span and the mark of an object are found from its
//! address alone. An object too large for a segment gets one of several units; its header lies in the first.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::{self, NonNull};

use super::span::Span;
use crate::object::Header;
use crate::sync::plain::{AtomicPtr, AtomicU16, Ordering};

pub(crate) const SEGMENT_SHIFT: u32 = if cfg!(any(loom, shuttle)) {
    16
} else if cfg!(miri) {
    18
} else {
    22
};
/// Bytes of a segment, and its alignment.
pub(crate) const SEGMENT: usize = 1 << SEGMENT_SHIFT;
pub(crate) const PAGE_SHIFT: u32 = if cfg!(any(miri, loom, shuttle)) { 12 } else { 13 };
/// Bytes of a page, the unit of spans.
pub(crate) const PAGE: usize = 1 << PAGE_SHIFT;
/// Pages of a segment.
pub(crate) const PAGES: usize = SEGMENT / PAGE;
const MARK_SHIFT: u32 = 4;

/// The head of a segment.
#[repr(C)]
pub(crate) struct Segment {
    /// Bytes of the whole reservation: a multiple of `SEGMENT`.
    pub(crate) bytes: usize,
    /// Index of the segment in the page heap's list; under its lock.
    pub(crate) index: std::cell::Cell<usize>,
    /// Pages that are in no span; under the page heap's lock.
    pub(crate) free: super::pages::PageSet,
    /// Free pages that were used since they were last given to the system; under the page heap's lock.
    pub(crate) dirty: super::pages::PageSet,
    /// First page of the span that a page belongs to; 0 for none.
    map: [AtomicU16; PAGES],
    spans: [Span; PAGES],
    /// One cell: under Miri a borrow of the head looks at every cell in it.
    marks: std::cell::UnsafeCell<[u8; SEGMENT >> MARK_SHIFT]>,
}

/// Pages at the start of a segment that its head takes.
pub(crate) const HEAD_PAGES: usize = size_of::<Segment>().div_ceil(PAGE);
/// Pages that a span can have at most, unless it has a segment of its own.
pub(crate) const MAX_SPAN_PAGES: usize = PAGES - HEAD_PAGES;

impl Segment {
    /// Makes a segment for spans of a segment's pages, or one of as many units as an object of `bytes` needs.
    pub(crate) fn map(object: usize) -> Option<NonNull<Segment>> {
        let bytes = if object <= MAX_SPAN_PAGES * PAGE {
            SEGMENT
        } else {
            object.checked_add(HEAD_PAGES * PAGE)?.checked_next_multiple_of(SEGMENT)?
        };
        let base = super::os::map(bytes, SEGMENT)?.cast::<Segment>();
        // SAFETY: the reservation is larger than the head, aligned, and zeroed; all-zero bytes are valid for every field
        // (a free span, an empty map, no page free); nobody else knows of it.
        unsafe {
            (&raw mut (*base.as_ptr()).bytes).write(bytes);
            #[cfg(any(loom, shuttle))]
            for page in 0..PAGES {
                (&raw mut (*base.as_ptr()).spans).cast::<Span>().add(page).write(Span::new());
            }
            let this = base.as_ref();
            if bytes == SEGMENT {
                this.free.insert(HEAD_PAGES, PAGES - HEAD_PAGES);
            }
        }
        if !enter(base, bytes) {
            // SAFETY: it was just made.
            unsafe { super::os::unmap(base.cast(), bytes, SEGMENT) };
            return None;
        }
        Some(base)
    }

    /// Gives the segment back.
    ///
    /// # Safety
    ///
    /// No span of it is in use, and the caller took it off the page heap's list.
    pub(crate) unsafe fn unmap(this: NonNull<Segment>) {
        // SAFETY: still mapped.
        let bytes = unsafe { this.as_ref().bytes };
        leave(this, bytes);
        // SAFETY: by contract.
        unsafe { super::os::unmap(this.cast(), bytes, SEGMENT) };
    }

    /// The segment of an object.
    ///
    /// # Safety
    ///
    /// `header` is the header of a slot, with provenance over the segment.
    #[inline]
    pub(crate) unsafe fn of(header: NonNull<Header>) -> NonNull<Segment> {
        let base = header.as_ptr().map_addr(|a| a & !(SEGMENT - 1));
        // SAFETY: segments do not lie at address zero.
        unsafe { NonNull::new_unchecked(base.cast()) }
    }

    /// Bytes that a span of so many pages stands for; one in a segment of its own has all of it.
    pub(crate) fn used_by(&self, pages: usize) -> usize {
        if self.bytes == SEGMENT { pages * PAGE } else { self.bytes - HEAD_PAGES * PAGE }
    }

    /// The address of page `page`.
    ///
    /// # Safety
    ///
    /// `this` is a segment with that many pages.
    pub(crate) unsafe fn page(this: NonNull<Segment>, page: usize) -> NonNull<u8> {
        // SAFETY: by contract.
        unsafe { this.cast::<u8>().add(page * PAGE) }
    }

    /// The description of the span that starts at `page`.
    #[inline]
    pub(crate) fn span(&self, page: usize) -> &Span {
        &self.spans[page]
    }

    /// Every span that is in use, with its first page.
    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        let mut page = HEAD_PAGES;
        std::iter::from_fn(move || {
            while page < PAGES {
                let span = &self.spans[page];
                // Acquire: the length that is read next is this span's, not one of an earlier life.
                let is_span = usize::from(self.map[page].load(Ordering::Acquire)) == page;
                page += if is_span { usize::from(span.pages.load(Ordering::Relaxed)).max(1) } else { 1 };
                if is_span && span.kind() != super::span::Kind::Free {
                    return Some(span);
                }
            }
            None
        })
    }

    /// Says that `pages` pages from `first` on belong to the span at `first`, or (0) to none.
    pub(crate) fn assign(&self, first: usize, pages: usize, span: usize) {
        let end = (first + pages).min(PAGES);
        for entry in &self.map[first..end] {
            entry.store(span as u16, Ordering::Release);
        }
    }

    /// The span that the page at this offset belongs to.
    #[inline]
    fn span_at(&self, offset: usize) -> Option<&Span> {
        if offset >= SEGMENT {
            return Some(&self.spans[HEAD_PAGES]);
        }
        let first = usize::from(self.map[offset >> PAGE_SHIFT].load(Ordering::Acquire));
        (first != 0).then(|| &self.spans[first])
    }

    /// Where the mark byte of an object would lie whose header has this address. For prefetches: it may be anywhere.
    #[inline]
    pub(crate) fn mark_address(header: *const u8) -> *const u8 {
        let marks = std::mem::offset_of!(Segment, marks);
        header.map_addr(|a| (a & !(SEGMENT - 1)).wrapping_add(marks + ((a & (SEGMENT - 1)) >> MARK_SHIFT)))
    }

    /// The mark byte of an object.
    ///
    /// # Safety
    ///
    /// As for [`Segment::of`].
    #[inline]
    pub(crate) unsafe fn mark(header: NonNull<Header>) -> *mut u8 {
        let offset = header.addr().get() & (SEGMENT - 1);
        // SAFETY: *slot layout*: the segment starts with its head, which has a mark for every offset.
        unsafe {
            let base = Segment::of(header).as_ptr();
            (&raw mut (*base).marks).cast::<u8>().add(offset >> MARK_SHIFT)
        }
    }

    /// All mark bytes.
    pub(crate) fn marks(this: NonNull<Segment>) -> *mut [u8; SEGMENT >> MARK_SHIFT] {
        // SAFETY: only the address of the field is taken.
        unsafe { (&raw mut (*this.as_ptr()).marks).cast() }
    }
}

impl Segment {
    /// The first page of the span that an address in a segment belongs to.
    ///
    /// # Safety
    ///
    /// As for [`Segment::of`]; the span is in use.
    #[inline]
    pub(crate) unsafe fn first_page(header: NonNull<Header>) -> usize {
        let page = (header.addr().get() & (SEGMENT - 1)) >> PAGE_SHIFT;
        // SAFETY: by contract the segment is there, and the page is one of its pages. Only the entry is borrowed.
        let entry = unsafe { &*(&raw const (*Segment::of(header).as_ptr()).map).cast::<AtomicU16>().add(page) };
        // Relaxed: whoever holds something in the span learned of it after the map was written.
        usize::from(entry.load(Ordering::Relaxed))
    }
}

/// The span of an object.
///
/// # Safety
///
/// `header` is the header of a slot that is in use, with provenance over the segment.
#[inline]
pub(crate) unsafe fn span_of<'a>(header: NonNull<Header>) -> &'a Span {
    // SAFETY: by contract the segment is there, and stays as long as the object does. Only the span is borrowed.
    unsafe { &*(&raw const (*Segment::of(header).as_ptr()).spans).cast::<Span>().add(Segment::first_page(header)) }
}

/// Bits of an address.
const ADDRESS: u32 = 48;
const LEAF_BITS: u32 = (ADDRESS - SEGMENT_SHIFT) / 2;
const LEAF: usize = 1 << LEAF_BITS;
const ROOT: usize = 1 << (ADDRESS - SEGMENT_SHIFT - LEAF_BITS);

type Leaf = [AtomicPtr<Segment>; LEAF];

/// All segments by address: a tree of two levels over units of `SEGMENT` bytes.
struct Directory([AtomicPtr<Leaf>; ROOT]);

static DIRECTORY: Directory = Directory([const { AtomicPtr::new(ptr::null_mut()) }; ROOT]);

fn place(addr: usize, make: bool) -> Option<&'static AtomicPtr<Segment>> {
    let unit = addr >> SEGMENT_SHIFT;
    let root = DIRECTORY.0.get(unit >> LEAF_BITS)?;
    let mut leaf = root.load(Ordering::Acquire);
    if leaf.is_null() {
        if !make {
            return None;
        }
        let layout = Layout::new::<Leaf>();
        // SAFETY: a leaf is not empty.
        let new = unsafe { alloc_zeroed(layout) }.cast::<Leaf>();
        if new.is_null() {
            return None;
        }
        // AcqRel: whoever sees the leaf sees it complete.
        leaf = match root.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => new,
            Err(other) => {
                // SAFETY: it was made above with this layout, and never shown to anybody.
                unsafe { dealloc(new.cast(), layout) };
                other
            }
        };
    }
    // SAFETY: all-zero bytes are a leaf of null pointers, and leaves are never freed.
    Some(unsafe { &(&*leaf)[unit & (LEAF - 1)] })
}

fn enter(segment: NonNull<Segment>, bytes: usize) -> bool {
    let start = segment.addr().get();
    (0..bytes).step_by(SEGMENT).all(|offset| {
        place(start + offset, true).is_some_and(|place| {
            place.store(segment.as_ptr(), Ordering::Release);
            true
        })
    })
}

fn leave(segment: NonNull<Segment>, bytes: usize) {
    let start = segment.addr().get();
    for offset in (0..bytes).step_by(SEGMENT) {
        if let Some(place) = place(start + offset, false) {
            place.store(ptr::null_mut(), Ordering::Release);
        }
    }
}

/// The segment and the span that hold the byte at `addr`, for any address whatever.
///
/// The answer is steady only while the caller keeps what lies there alive, or a collection runs that the span is
/// older than.
pub(crate) fn locate(addr: usize) -> Option<(NonNull<Segment>, &'static Span)> {
    let segment = segment_of(addr)?;
    Some((segment, span_at(segment, addr)?))
}

/// The first half of [`locate`].
pub(crate) fn segment_of(addr: usize) -> Option<NonNull<Segment>> {
    NonNull::new(place(addr, false)?.load(Ordering::Acquire))
}

/// The second half of [`locate`].
pub(crate) fn span_at(segment: NonNull<Segment>, addr: usize) -> Option<&'static Span> {
    // SAFETY: a segment in the directory is mapped; by the note above it stays.
    let span = unsafe { segment.as_ref() }.span_at(addr - segment.addr().get())?;
    (span.kind() != super::span::Kind::Free).then_some(span)
}
