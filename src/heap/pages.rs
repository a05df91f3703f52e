//! The page heap: spans cut from segments, segments from the system.
//!
//! # Spans stay
//!
//! While a collection runs, a span that is older than it is not given back: it waits in `limbo` until the collection
//! has ended. The decision is made under the lock of the page heap, and the collector takes that lock once after it
//! has announced itself, so every span it may meet keeps its description while it runs. Segments are given back only
//! when no collection runs.

use std::cell::Cell;
use std::ptr::NonNull;

use super::class::{CLASSES, span_pages};
use super::segment::{HEAD_PAGES, MAX_SPAN_PAGES, PAGE, PAGES, Segment};
use super::span::{Kind, Span};
use super::{EPOCH, os, poison};
use crate::object::Header;
use crate::sync::atomic::Ordering;
use crate::sync::plain::AtomicUsize;
use crate::sync::{Mutex, global, made_const};

const SETS: usize = PAGES.div_ceil(64);
const CHOICES: &[usize] = if cfg!(any(miri, loom, shuttle)) { &[2, 4, 8] } else { &[8, 12, 16, 24, 32, 64] };
const SPAN_PAGES: [usize; CLASSES] = {
    let mut pages = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        pages[class] = span_pages(class, PAGE, CHOICES);
        class += 1;
    }
    pages
};
/// Bytes of free segments that are kept for later.
const RESERVE: usize = 8 * super::segment::SEGMENT;
/// A heap of fewer segments than this is not worth large pages.
const HUGE_FROM: usize = 4;

/// Pages of one span of a class.
pub(crate) fn pages_of_class(class: usize) -> usize {
    SPAN_PAGES[class]
}

/// A set of pages of one segment. Its cells belong to the lock of the page heap.
#[derive(Default)]
pub(crate) struct PageSet {
    words: [Cell<u64>; SETS],
}

impl PageSet {
    fn each(&self, first: usize, count: usize, f: impl Fn(u64, u64) -> u64) {
        for page in first..first + count {
            let word = &self.words[page / 64];
            word.set(f(word.get(), 1 << (page % 64)));
        }
    }

    pub(crate) fn insert(&self, first: usize, count: usize) {
        self.each(first, count, |word, bit| word | bit);
    }

    pub(crate) fn remove(&self, first: usize, count: usize) {
        self.each(first, count, |word, bit| word & !bit);
    }

    fn has(&self, page: usize) -> bool {
        self.words[page / 64].get() & (1 << (page % 64)) != 0
    }

    fn len(&self) -> usize {
        self.words.iter().map(|w| w.get().count_ones() as usize).sum()
    }

    /// The lowest run of `count` pages.
    fn find(&self, count: usize) -> Option<usize> {
        let mut run = 0;
        let mut page = 0;
        while page < PAGES {
            let word = self.words[page / 64].get() >> (page % 64);
            if word == 0 {
                run = 0;
                page = (page / 64 + 1) * 64;
                continue;
            }
            if word & 1 == 0 {
                run = 0;
                page += word.trailing_zeros() as usize;
                continue;
            }
            run += 1;
            page += 1;
            if run == count {
                return Some(page - count);
            }
        }
        None
    }

    /// Runs of pages, as first page and length.
    fn runs(&self) -> Vec<(usize, usize)> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for page in (0..PAGES).filter(|&p| self.has(p)) {
            match runs.last_mut() {
                Some((first, len)) if *first + *len == page => *len += 1,
                _ => runs.push((page, 1)),
            }
        }
        runs
    }
}

struct Inner {
    segments: Vec<NonNull<Segment>>,
    /// No segment before this index has a free run of any size that was asked for since.
    hint: usize,
    limbo: Vec<(NonNull<Segment>, usize)>,
}

// SAFETY: segments are plain memory; what of them is not atomic is used under the lock.
unsafe impl Send for Inner {}

/// The page heap.
pub(crate) struct Pages {
    inner: Mutex<Inner>,
    /// Bytes of segments.
    mapped: AtomicUsize,
    /// Bytes of spans in use.
    used: AtomicUsize,
    /// Of these, bytes of arena chunks.
    chunks: AtomicUsize,
}

global! {
    pub(crate) static PAGE_HEAP: Pages = Pages::new();
}

/// Frees the memory at the end of a run of a model.
#[cfg(any(loom, shuttle))]
impl Drop for Pages {
    fn drop(&mut self) {
        for segment in self.inner.get_mut().segments.drain(..) {
            // SAFETY: the threads are gone.
            unsafe {
                for span in segment.as_ref().spans() {
                    span.free_specials();
                }
                Segment::unmap(segment);
            }
        }
    }
}

impl Pages {
    made_const! {
        pub(crate) fn new() -> Self {
            Pages {
                inner: Mutex::new(Inner { segments: Vec::new(), hint: 0, limbo: Vec::new() }),
                mapped: AtomicUsize::new(0),
                used: AtomicUsize::new(0),
                chunks: AtomicUsize::new(0),
            }
        }
    }

    /// Bytes of all spans in use.
    #[inline]
    pub(crate) fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes of the spans in use that hold objects: what a collection may make smaller.
    #[inline]
    pub(crate) fn object_bytes(&self) -> usize {
        // Relaxed: a figure for the pacer; the two are not read at one instant.
        self.used_bytes().saturating_sub(self.chunks.load(Ordering::Relaxed))
    }

    /// Bytes taken from the system.
    pub(crate) fn mapped_bytes(&self) -> usize {
        self.mapped.load(Ordering::Relaxed)
    }

    /// A new span of slots of this class; `None` when the system has no more memory.
    pub(crate) fn small(&self, class: usize) -> Option<NonNull<Span>> {
        let pages = SPAN_PAGES[class];
        self.span(pages, |span, base| {
            span.make_small(base, pages * PAGE, class, EPOCH.hint().birth());
            NonNull::from(span)
        })
    }

    /// A span for one object of `size` bytes (header and all) whose header lies at `lead`.
    pub(crate) fn large(&self, size: usize, lead: usize) -> Option<NonNull<Header>> {
        let bytes = size.checked_add(lead)?.checked_next_multiple_of(PAGE)?;
        self.span(bytes / PAGE, |span, base| {
            let header = span.make_large(base, bytes, lead, EPOCH.hint().birth());
            // SAFETY: the slot is ours; its meta word says "free" before the extent says that it is there.
            unsafe { header.write(Header::free(std::ptr::null_mut())) };
            span.extent.store(1, Ordering::Release);
            header
        })
    }

    /// An arena chunk of `bytes` bytes.
    pub(crate) fn chunk(&self, bytes: usize) -> Option<NonNull<u8>> {
        let bytes = bytes.checked_next_multiple_of(PAGE)?;
        self.span(bytes / PAGE, |span, base| {
            span.make_chunk(base, bytes, EPOCH.hint().birth());
            self.chunks.fetch_add(span.slot_size.load(Ordering::Relaxed) as usize, Ordering::Relaxed);
            base
        })
    }

    fn span<R>(&self, pages: usize, make: impl FnOnce(&Span, NonNull<u8>) -> R) -> Option<R> {
        let mut inner = self.inner.lock();
        let (segment, first) = self.find(&mut inner, pages)?;
        // SAFETY: segments on the list are mapped, and the lock is held.
        let this = unsafe { segment.as_ref() };
        let in_segment = pages.min(PAGES - first);
        this.free.remove(first, if this.bytes == super::segment::SEGMENT { pages } else { 0 });
        this.dirty.insert(first, in_segment);
        let span = this.span(first);
        span.pages.store(in_segment as u16, Ordering::Relaxed);
        // SAFETY: the pages lie in the segment.
        let base = unsafe { Segment::page(segment, first) };
        poison::unpoison(base.as_ptr(), this.used_by(pages));
        let made = make(span, base);
        this.assign(first, in_segment, first);
        self.used.fetch_add(this.used_by(pages), Ordering::Relaxed);
        Some(made)
    }

    fn find(&self, inner: &mut Inner, pages: usize) -> Option<(NonNull<Segment>, usize)> {
        if pages <= MAX_SPAN_PAGES {
            let start = if pages <= SPAN_PAGES[0] { inner.hint } else { 0 };
            for (index, segment) in inner.segments.iter().enumerate().skip(start) {
                // SAFETY: segments on the list are mapped, and the lock is held.
                if let Some(first) = unsafe { segment.as_ref() }.free.find(pages) {
                    if pages <= SPAN_PAGES[0] {
                        inner.hint = index;
                    }
                    return Some((*segment, first));
                }
            }
        }
        let segment = Segment::map(pages * PAGE)?;
        // SAFETY: it was just mapped.
        let this = unsafe { segment.as_ref() };
        this.index.set(inner.segments.len());
        if inner.segments.len() >= HUGE_FROM && this.bytes == super::segment::SEGMENT {
            os::advise_huge(segment.cast(), this.bytes);
        }
        inner.segments.push(segment);
        self.mapped.fetch_add(this.bytes, Ordering::Relaxed);
        Some((segment, HEAD_PAGES))
    }

    /// Takes back a span whose slots are all free.
    ///
    /// # Safety
    ///
    /// `at` lies in the first unit of the segment of a span that is in use, belongs to nobody any more, and holds no
    /// object.
    pub(crate) unsafe fn give_back(&self, at: NonNull<u8>) {
        let at = at.cast::<Header>();
        // SAFETY: by contract the address lies in a segment, and the span keeps it mapped.
        let (segment, first) = unsafe { (Segment::of(at), Segment::first_page(at)) };
        let mut inner = self.inner.lock();
        let epoch = EPOCH.hint();
        // SAFETY: the span is in use until below, so the segment is mapped.
        let this = unsafe { segment.as_ref() };
        let birth = this.span(first).birth.load(Ordering::Relaxed);
        if epoch.may_trace(birth) || (epoch.running() && this.bytes != super::segment::SEGMENT) {
            inner.limbo.push((segment, first));
        } else {
            self.release(&mut inner, segment, first);
        }
    }

    fn release(&self, inner: &mut Inner, segment: NonNull<Segment>, first: usize) {
        // SAFETY: the span was in use, so the segment is mapped; the lock is held.
        let this = unsafe { segment.as_ref() };
        let span = this.span(first);
        let pages = usize::from(span.pages.load(Ordering::Relaxed));
        if span.kind() == Kind::Chunk {
            self.chunks.fetch_sub(span.slot_size.load(Ordering::Relaxed) as usize, Ordering::Relaxed);
        }
        span.unmake();
        this.assign(first, pages, 0);
        self.used.fetch_sub(this.used_by(pages), Ordering::Relaxed);
        // SAFETY: the pages lie in the segment.
        let base = unsafe { Segment::page(segment, first) };
        // In a segment of its own it goes back to the system now, who may give the addresses to anybody.
        match this.bytes == super::segment::SEGMENT {
            true => poison::poison(base.as_ptr(), this.used_by(pages)),
            false => poison::unpoison(base.as_ptr(), this.used_by(pages)),
        }
        if this.bytes != super::segment::SEGMENT {
            self.unlist(inner, segment);
            return;
        }
        this.free.insert(first, pages);
        inner.hint = inner.hint.min(this.index.get());
        if this.free.len() == MAX_SPAN_PAGES && !EPOCH.hint().running() && self.idle_bytes() > RESERVE {
            self.unlist(inner, segment);
        }
    }

    fn idle_bytes(&self) -> usize {
        self.mapped_bytes().saturating_sub(self.used_bytes())
    }

    fn unlist(&self, inner: &mut Inner, segment: NonNull<Segment>) {
        // SAFETY: mapped until below; the lock is held.
        let (index, bytes) = unsafe { (segment.as_ref().index.get(), segment.as_ref().bytes) };
        inner.segments.swap_remove(index);
        if let Some(moved) = inner.segments.get(index) {
            // SAFETY: segments on the list are mapped.
            unsafe { moved.as_ref() }.index.set(index);
            inner.hint = inner.hint.min(index);
        }
        self.mapped.fetch_sub(bytes, Ordering::Relaxed);
        poison::unpoison(segment.as_ptr().cast(), bytes);
        // SAFETY: none of its spans is in use, and it is off the list.
        unsafe { Segment::unmap(segment) };
    }

    /// Waits until whoever gives memory back at this moment, and may have missed that a collection runs, is done.
    pub(crate) fn settle(&self) {
        drop(self.inner.lock());
    }

    /// Runs `f` while no span and no segment comes or goes.
    pub(crate) fn steady<R>(&self, f: impl FnOnce() -> R) -> R {
        let _inner = self.inner.lock();
        f()
    }

    /// The segments, for a collection that has announced itself (see *spans stay*).
    pub(crate) fn segments(&self) -> Vec<NonNull<Segment>> {
        self.inner.lock().segments.clone()
    }

    /// Takes back what waited for the end of a collection.
    pub(crate) fn clear_limbo(&self) {
        let mut inner = self.inner.lock();
        for (segment, first) in std::mem::take(&mut inner.limbo) {
            self.release(&mut inner, segment, first);
        }
    }

    /// Returns free memory to the system, all but `keep` bytes of it; the number of bytes returned.
    pub(crate) fn trim(&self, keep: usize) -> usize {
        let mut inner = self.inner.lock();
        if EPOCH.hint().running() {
            return 0;
        }
        let mut returned = 0;
        for segment in inner.segments.clone() {
            if self.idle_bytes() <= keep {
                break;
            }
            // SAFETY: segments on the list are mapped, and the lock is held.
            let this = unsafe { segment.as_ref() };
            if this.free.len() == MAX_SPAN_PAGES {
                returned += this.bytes;
                self.unlist(&mut inner, segment);
                continue;
            }
            for (first, count) in this.free.runs() {
                if (first..first + count).any(|page| this.dirty.has(page)) {
                    // SAFETY: free pages hold nothing.
                    unsafe { os::decommit(Segment::page(segment, first), count * PAGE) };
                    this.dirty.remove(first, count);
                    returned += count * PAGE;
                }
            }
        }
        returned
    }
}
