//! Chunks: spans of the page heap whose bytes an arena hands out.

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::NonNull;

use super::{quarantine, reserve};
use crate::heap::pages::PAGE_HEAP;
use crate::heap::segment::PAGE;

/// The largest alignment of a value. Chunks start at a multiple of it.
pub(super) const MAX_ALIGN: usize = 4096;

const _: () = assert!(PAGE % MAX_ALIGN == 0);

/// A span of kind `Chunk`, which belongs to whoever holds this. It goes back to the page heap when it is dropped.
///
/// The last byte is never handed out. So the end of a value, where a zero-sized part of it can lie, is still in the
/// chunk, and is refused a cleanup like the rest.
pub(super) struct Chunk {
    /// With provenance over the whole segment.
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is plain memory that nobody else refers to.
unsafe impl Send for Chunk {}

impl Chunk {
    /// A chunk of `bytes` bytes, rounded up to pages; `None` when the system has no more memory.
    pub(super) fn fresh(bytes: usize) -> Option<Chunk> {
        let bytes = bytes.checked_next_multiple_of(PAGE)?;
        let base = PAGE_HEAP.chunk(bytes).or_else(|| {
            reserve::trim_idle();
            PAGE_HEAP.chunk(bytes)
        })?;
        Some(Chunk { base, bytes })
    }

    /// The first byte: a multiple of [`MAX_ALIGN`].
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The end of what may be handed out.
    pub(super) fn top(&self) -> NonNull<u8> {
        // SAFETY: chunks are not empty, so this is the last byte.
        unsafe { self.base.add(self.bytes - 1) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: the span is in use and belongs to this value; spans of this kind hold no objects, and its first byte
        // lies in the first unit of its segment.
        unsafe { PAGE_HEAP.give_back(self.base) };
    }
}

/// The chunks of one arena.
pub(super) struct Chunks {
    /// Bytes of a chunk.
    size: usize,
    current: Option<Chunk>,
    full: Vec<Chunk>,
    /// Of one large value each.
    large: Vec<Chunk>,
    /// Left over from before a reset.
    spare: Vec<Chunk>,
    /// Bytes of the values in `full` and `large`.
    filled: usize,
}

impl Chunks {
    pub(super) const fn new(size: usize) -> Self {
        Chunks { size, current: None, full: Vec::new(), large: Vec::new(), spare: Vec::new(), filled: 0 }
    }

    /// Whether a value of this size gets a span of its own.
    pub(super) fn is_large(&self, size: usize) -> bool {
        size > self.size / 4
    }

    /// Room for one large value, at the start of a span of its own. Ends in `handle_alloc_error` when there is none.
    pub(super) fn large(&mut self, size: usize, layout: Layout) -> NonNull<u8> {
        let chunk = size.checked_add(1).and_then(Chunk::fresh);
        let chunk = chunk.unwrap_or_else(|| handle_alloc_error(layout));
        let base = chunk.base();
        self.large.push(chunk);
        self.filled += size;
        base
    }

    /// Makes another chunk the current one; `used` bytes of the old one were handed out. Ends in `handle_alloc_error`
    /// when there is none.
    pub(super) fn next(&mut self, used: usize, layout: Layout) -> &Chunk {
        let chunk = self.spare.pop().or_else(|| reserve::take(self.size));
        let chunk = chunk.or_else(|| Chunk::fresh(self.size));
        let chunk = chunk.unwrap_or_else(|| handle_alloc_error(layout));
        self.full.extend(self.current.take());
        self.filled += used;
        self.current.insert(chunk)
    }

    /// Ends the life of all values. The chunks are kept, but not the spans of large values.
    pub(super) fn reset(&mut self) {
        self.filled = 0;
        quarantine::retire(self.large.drain(..), drop);
        quarantine::retire(self.full.drain(..), |chunk| self.spare.push(chunk));
        quarantine::retire_current(self.current.take(), |chunk| self.spare.push(chunk));
    }

    /// Gives everything away.
    pub(super) fn release(&mut self) {
        let mut idle = std::mem::take(&mut self.spare);
        quarantine::retire(self.large.drain(..), drop);
        quarantine::retire(self.full.drain(..), |chunk| idle.push(chunk));
        quarantine::retire_current(self.current.take(), |chunk| idle.push(chunk));
        reserve::keep(idle);
    }

    /// Bytes of the values in all chunks but the current one.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// The end of what may be handed out of the current chunk.
    pub(super) fn top(&self) -> Option<NonNull<u8>> {
        self.current.as_ref().map(Chunk::top)
    }

    /// Bytes of all chunks.
    pub(super) fn bytes(&self) -> usize {
        let chunks = self.current.iter().chain(&self.full).chain(&self.large);
        chunks.chain(&self.spare).map(Chunk::bytes).sum()
    }
}
