//! Aligned memory from the system, and back.

use std::ptr::NonNull;

/// Reserves `bytes` zeroed bytes at an address that is a multiple of `align`; `None` when the system has no more.
#[cfg(all(unix, not(miri), not(loom), not(shuttle)))]
pub(crate) fn map(bytes: usize, align: usize) -> Option<NonNull<u8>> {
    let anywhere = |len| {
        // SAFETY: a fresh private anonymous mapping touches no existing memory.
        let p = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        (p != libc::MAP_FAILED).then_some(p.cast::<u8>())
    };
    let whole = bytes.checked_add(align)?;
    let start = anywhere(whole)?;
    let lead = start.align_offset(align);
    // SAFETY: `lead < align`, so both cuts lie in the mapping, and nobody knows of them yet.
    unsafe {
        let base = start.add(lead);
        if lead != 0 {
            libc::munmap(start.cast(), lead);
        }
        if lead != align {
            libc::munmap(base.add(bytes).cast(), align - lead);
        }
        NonNull::new(base)
    }
}

/// Gives a reservation back.
///
/// # Safety
///
/// `base` came from [`map`] with the same size and alignment, and nothing refers to it any more.
#[cfg(all(unix, not(miri), not(loom), not(shuttle)))]
pub(crate) unsafe fn unmap(base: NonNull<u8>, bytes: usize, _align: usize) {
    // SAFETY: by contract the whole range is ours and unused.
    unsafe { libc::munmap(base.as_ptr().cast(), bytes) };
}

/// The part of a range that is whole pages of the system. They can be larger than the heap's, and the system would
/// take in what lies beside the range.
#[cfg(all(unix, not(miri), not(loom)))]
fn whole_pages(base: NonNull<u8>, bytes: usize) -> Option<(*mut libc::c_void, usize)> {
    // SAFETY: the question has no conditions.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    let lead = base.addr().get().next_multiple_of(page) - base.addr().get();
    let whole = bytes.checked_sub(lead)? / page * page;
    Some((base.as_ptr().wrapping_add(lead).cast(), whole))
}

/// Lets the system take the memory of a range until it is written again; its content is lost. On systems with large
/// pages the ends of the range may stay.
///
/// # Safety
///
/// The range lies in a reservation and holds nothing that is needed.
#[cfg(all(unix, not(miri), not(loom), not(shuttle)))]
pub(crate) unsafe fn decommit(base: NonNull<u8>, bytes: usize) {
    if let Some((start, bytes)) = whole_pages(base, bytes) {
        // SAFETY: by contract nothing in the range is needed.
        unsafe { libc::madvise(start, bytes, libc::MADV_DONTNEED) };
    }
}

/// Asks for large pages in a range.
#[cfg(all(target_os = "linux", not(miri), not(loom), not(shuttle)))]
pub(crate) fn advise_huge(base: NonNull<u8>, bytes: usize) {
    // SAFETY: the advice changes no content, and a range that is not mapped is merely refused.
    unsafe { libc::madvise(base.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(target_os = "linux", not(miri), not(loom), not(shuttle))))]
pub(crate) fn advise_huge(_base: NonNull<u8>, _bytes: usize) {}

/// Makes a range inaccessible: any use of a stale pointer into it faults.
///
/// # Safety
///
/// The range lies in a reservation and holds nothing that is needed.
#[cfg(all(unix, not(miri), not(loom), not(shuttle)))]
pub(crate) unsafe fn protect(base: NonNull<u8>, bytes: usize, accessible: bool) {
    let rights = if accessible { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
    if let Some((start, bytes)) = whole_pages(base, bytes) {
        // SAFETY: by contract nobody uses the range.
        unsafe { libc::mprotect(start, bytes, rights) };
    }
}

#[cfg(any(not(unix), miri, loom, shuttle))]
mod portable {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    pub(crate) fn map(bytes: usize, align: usize) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(bytes, align).ok()?;
        // SAFETY: segments are never empty.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    /// # Safety
    ///
    /// As for the other `unmap`.
    pub(crate) unsafe fn unmap(base: NonNull<u8>, bytes: usize, align: usize) {
        // SAFETY: by contract this is the layout it was made with.
        unsafe { dealloc(base.as_ptr(), Layout::from_size_align_unchecked(bytes, align)) };
    }

    /// # Safety
    ///
    /// As for the other `decommit`.
    pub(crate) unsafe fn decommit(_base: NonNull<u8>, _bytes: usize) {}

    /// # Safety
    ///
    /// As for the other `protect`.
    pub(crate) unsafe fn protect(_base: NonNull<u8>, _bytes: usize, _accessible: bool) {}
}
#[cfg(any(not(unix), miri, loom, shuttle))]
pub(crate) use portable::*;
