//! Freed slots under AddressSanitizer.
//!
//! The sanitizer knows nothing of slots: spans are mapped memory to it. So, built with `--cfg tracegc_asan`, the heap tells
//! it which values are there and which are gone, and keeps freed slots for a while before it uses them again. A read
//! through a stale pointer is then reported where it happens. Headers stay readable: the collector looks at those of
//! free slots, too. Without the cfg all of this is empty.

#[cfg(tracegc_asan)]
mod with_asan {
    use std::cell::UnsafeCell;
    use std::collections::VecDeque;
    use std::ptr::NonNull;

    use crate::heap::slot_bytes;
    use crate::object::{HEADER, Header, Meta};
    use crate::sync::atomic::Ordering;

    /// Freed slots that a thread keeps.
    const KEPT: usize = 1024;

    unsafe extern "C" {
        fn __asan_poison_memory_region(address: *const u8, size: usize);
        fn __asan_unpoison_memory_region(address: *const u8, size: usize);
    }

    /// Says that nobody may touch a range.
    pub(crate) fn poison(start: *const u8, bytes: usize) {
        // SAFETY: only the sanitizer's own books change.
        unsafe { __asan_poison_memory_region(start, bytes) };
    }

    /// Says that a range may be used.
    pub(crate) fn unpoison(start: *const u8, bytes: usize) {
        // SAFETY: only the sanitizer's own books change.
        unsafe { __asan_unpoison_memory_region(start, bytes) };
    }

    fn value(slot: NonNull<Header>) -> (*const u8, usize) {
        // SAFETY: the caller has a slot that its span knows as being in use.
        let bytes = unsafe { slot_bytes(slot) };
        (slot.as_ptr().cast::<u8>().wrapping_add(HEADER).cast_const(), bytes - HEADER)
    }

    /// The value in a slot is gone.
    pub(crate) fn poison_slot(slot: NonNull<Header>) {
        if !cfg!(tracegc_break = "poison") {
            let (start, bytes) = value(slot);
            poison(start, bytes);
        }
    }

    /// There will be a value in a slot.
    pub(crate) fn unpoison_slot(slot: NonNull<Header>) {
        let (start, bytes) = value(slot);
        unpoison(start, bytes);
    }

    /// Freed slots that are not to be used again yet.
    #[derive(Default)]
    pub(crate) struct Quarantine(UnsafeCell<VecDeque<NonNull<Header>>>);

    impl Quarantine {
        /// Takes a freed slot in, and lets the oldest one out if there are many.
        pub(crate) fn exchange(&self, slot: NonNull<Header>) -> Option<NonNull<Header>> {
            // SAFETY: the slot was freed, and is the caller's. Release: see `Header::meta`.
            unsafe { slot.as_ref() }.set_meta(Meta::free(std::ptr::null_mut()), Ordering::Release);
            // SAFETY: *owner fields*: used by the cache's thread only, and nothing here calls back.
            let kept = unsafe { &mut *self.0.get() };
            kept.push_back(slot);
            if kept.len() > KEPT { kept.pop_front() } else { None }
        }

        /// Lets one out, for a thread that exits.
        pub(crate) fn pop(&self) -> Option<NonNull<Header>> {
            // SAFETY: as above.
            unsafe { (*self.0.get()).pop_front() }
        }
    }
}

#[cfg(not(tracegc_asan))]
mod without {
    use std::ptr::NonNull;

    use crate::object::Header;

    #[inline(always)]
    pub(crate) fn poison(_start: *const u8, _bytes: usize) {}
    #[inline(always)]
    pub(crate) fn unpoison(_start: *const u8, _bytes: usize) {}
    #[inline(always)]
    pub(crate) fn poison_slot(_slot: NonNull<Header>) {}
    #[inline(always)]
    pub(crate) fn unpoison_slot(_slot: NonNull<Header>) {}

    #[derive(Default)]
    pub(crate) struct Quarantine;

    impl Quarantine {
        #[inline(always)]
        pub(crate) fn exchange(&self, slot: NonNull<Header>) -> Option<NonNull<Header>> {
            Some(slot)
        }

        #[inline(always)]
        pub(crate) fn pop(&self) -> Option<NonNull<Header>> {
            None
        }
    }
}

#[cfg(tracegc_asan)]
pub(crate) use with_asan::*;
#[cfg(not(tracegc_asan))]
pub(crate) use without::*;
