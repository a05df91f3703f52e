//! From any address to what lies there.

use std::ptr::NonNull;

use super::segment::locate;
use super::span::Kind;
use crate::object::Header;
use crate::sync::atomic::Ordering;

/// What an address belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Not to an object of this heap.
    Outside,
    /// To the object with this header.
    Heap(NonNull<Header>),
    /// To an arena.
    ArenaChunk,
}

/// Finds the object or arena that the byte at `addr` belongs to, in constant time. A byte of a free slot, of a header,
/// or past the end of an object belongs to nobody.
pub(crate) fn lookup(addr: usize) -> Place {
    let Some((_, span)) = locate(addr) else {
        return Place::Outside;
    };
    match span.kind() {
        Kind::Free => Place::Outside,
        Kind::Chunk => Place::ArenaChunk,
        Kind::Small | Kind::Large => match span.slot_at(addr) {
            Some((index, offset)) if offset >= crate::object::HEADER => {
                let header = span.slot(index);
                // SAFETY: slots below the extent have headers. Acquire: see `object`.
                let meta = unsafe { header.as_ref() }.meta(Ordering::Acquire);
                if meta.is_live() { Place::Heap(header) } else { Place::Outside }
            }
            _ => Place::Outside,
        },
    }
}
