//! One object: its header and what is known of its type.
//!
//! ```text
//!   slot: | count (4 + 4) | meta (8) | value ... |          a handle points at the value
//! ```
//!
//! The meta word of a live object is the address of its [`TypeInfo`] with flags in the low bits and the *birth*, the
//! number of the collection after (or in) which it was made, in the top 16. The meta word of a free slot has `FREE`
//! set and links to the next free slot; that of a slot that was never used is null. Whoever enumerates slots reads
//! the meta word with `Acquire`: it is written last, with `Release`, when an object is made.

mod count;

pub(crate) use count::{Count, Dropped, NEVER, Owner, Reading, SURPLUS, Simply, noted_in};

use std::ptr::{self, NonNull};

use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::trace::Tracer;

/// What the collector and the last drop need to know of a type.
#[repr(align(64))]
pub(crate) struct TypeInfo {
    /// Runs the drop glue of the value at the address.
    pub(crate) drop: unsafe fn(NonNull<u8>),
    /// Shows the handles of the value at the address to the tracer.
    pub(crate) trace: unsafe fn(NonNull<u8>, &mut Tracer<'_>),
    pub(crate) needs_drop: bool,
    /// The class of the slots of objects of this type, if they are all of one and threads keep slots of it.
    pub(crate) class: u8,
    /// For the check of edges in debug builds.
    #[cfg_attr(not(debug_assertions), allow(dead_code))]
    pub(crate) name: fn() -> &'static str,
}

/// Flags in the meta word.
pub(crate) mod flag {
    /// The slot is free.
    pub(crate) const FREE: usize = 1;
    /// The object has a record in the table of specials.
    pub(crate) const SPECIALS: usize = 2;
    /// Somebody has exclusive access: tracers pass over it.
    pub(crate) const CLAIMED: usize = 4;
    /// The type cannot hold handles: the collector never looks at the object.
    pub(crate) const LEAF: usize = 8;
    /// Condemned, or its value is gone.
    pub(crate) const DEAD: usize = 16;
    pub(crate) const ALL: usize = 31;
}

const BIRTH_SHIFT: u32 = 48;
#[cfg(not(target_pointer_width = "64"))]
compile_error!("tracegc packs a 16-bit birth into its pointers to type information and needs a 64-bit target");

/// A value of the meta word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta(*mut ());

impl Meta {
    /// Of a new object.
    #[inline]
    pub(crate) fn live(info: &'static TypeInfo, birth: u16, flags: usize) -> Self {
        let info = ptr::from_ref(info).cast_mut().cast::<()>();
        Meta(info.map_addr(|a| a | (usize::from(birth) << BIRTH_SHIFT) | flags))
    }

    /// Of a free slot.
    #[inline]
    pub(crate) fn free(next: *mut Header) -> Self {
        Meta(next.cast::<()>().map_addr(|a| a | flag::FREE))
    }

    /// The same object, condemned.
    #[inline]
    pub(crate) fn dead(self) -> Self {
        Meta(self.0.map_addr(|a| a | flag::DEAD))
    }

    /// The slot after this free one.
    #[inline]
    pub(crate) fn next(self) -> *mut Header {
        self.0.map_addr(|a| a & !flag::FREE).cast()
    }

    #[inline]
    pub(crate) fn has(self, flags: usize) -> bool {
        self.0.addr() & flags != 0
    }

    /// True for an object whose value is there: neither a free slot, nor one never used, nor a dead object.
    #[inline]
    pub(crate) fn is_live(self) -> bool {
        !self.0.is_null() && !self.has(flag::FREE | flag::DEAD)
    }

    /// True for a slot that holds or held an object that has not been freed.
    #[inline]
    pub(crate) fn is_taken(self) -> bool {
        !self.0.is_null() && !self.has(flag::FREE)
    }

    #[inline]
    pub(crate) fn birth(self) -> u16 {
        (self.0.addr() >> BIRTH_SHIFT) as u16
    }

    #[inline]
    pub(crate) fn info(self) -> &'static TypeInfo {
        debug_assert!(self.is_taken());
        let info = self.0.map_addr(|a| a & ((1 << BIRTH_SHIFT) - 1) & !flag::ALL).cast::<TypeInfo>();
        // SAFETY: *meta word*: a slot that is taken holds the address of a static, with its provenance.
        unsafe { &*info }
    }
}

/// What stands before every value.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) count: Count,
    meta: AtomicPtr<()>,
}

/// Bytes between the start of a slot and its value.
pub(crate) const HEADER: usize = size_of::<Header>();

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    assert!(HEADER == 16);
    assert!(memoffset::offset_of!(Header, count) == 0);
    assert!(memoffset::offset_of!(Header, meta) == 8);
    assert!(align_of::<TypeInfo>() > flag::ALL);
};

impl Header {
    /// The header of the object whose value is at `value`.
    ///
    /// # Safety
    ///
    /// `value` is the address of a value in a slot, with provenance over the slot.
    #[inline]
    pub(crate) unsafe fn of(value: NonNull<u8>) -> NonNull<Header> {
        // SAFETY: *slot layout*: the header lies directly before the value.
        unsafe { value.sub(HEADER).cast() }
    }

    /// The value behind a header.
    ///
    /// # Safety
    ///
    /// `header` is the start of a slot, with provenance over it.
    #[inline]
    pub(crate) unsafe fn value(header: NonNull<Header>) -> NonNull<u8> {
        // SAFETY: *slot layout*.
        unsafe { header.cast::<u8>().add(HEADER) }
    }

    /// Takes one handle away; `owner` if the caller is. For `exact` see [`Count::decrement`].
    #[inline]
    pub(crate) fn decrement(&self, owner: bool, exact: bool) -> Dropped {
        // Relaxed: read after the count, which was read with Acquire: if there are weak pointers, the flag is seen.
        let alone = || !self.meta(Ordering::Relaxed).has(flag::SPECIALS) || cfg!(tracegc_break = "careful");
        self.count.decrement(owner, exact, alone)
    }

    #[inline]
    pub(crate) fn meta(&self, order: Ordering) -> Meta {
        Meta(self.meta.load(order))
    }

    #[inline]
    pub(crate) fn set_meta(&self, meta: Meta, order: Ordering) {
        self.meta.store(meta.0, order);
    }

    /// Sets flags; the meta word as it was before.
    pub(crate) fn set_flags(&self, flags: usize) -> Meta {
        self.update(|a| a | flags)
    }

    /// Clears flags; the meta word as it was before.
    pub(crate) fn clear_flags(&self, flags: usize) -> Meta {
        self.update(|a| a & !flags)
    }

    /// Makes the object one of an older collection (see `heap::epoch`).
    pub(crate) fn set_birth(&self, birth: u16) {
        self.update(|a| (a & ((1 << BIRTH_SHIFT) - 1)) | (usize::from(birth) << BIRTH_SHIFT));
    }

    /// SeqCst: CLAIMED is written and read crosswise with the epoch.
    fn update(&self, f: impl Fn(usize) -> usize) -> Meta {
        let mut old = self.meta.load(Ordering::Relaxed);
        loop {
            match self.meta.compare_exchange_weak(old, old.map_addr(&f), Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return Meta(old),
                Err(now) => old = now,
            }
        }
    }
}

impl Header {
    /// The header of a free slot.
    #[inline]
    pub(crate) fn free(next: *mut Header) -> Header {
        Header { count: Count::none(), meta: AtomicPtr::new(Meta::free(next).0) }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// The two words of a header fill it, so a slot has no padding that a stale pointer could hide in.
    #[test]
    fn header_is_two_words() {
        assert_eq!(memoffset::span_of!(Header, count), 0..8);
        assert_eq!(memoffset::span_of!(Header, meta), 8..HEADER);
    }
}
