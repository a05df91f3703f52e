//! Aligned memory from the system, and back.

use std::ptr::NonNull;

/// Reserves `bytes` zeroed bytes at an address that is a multiple of `align`; `None` when the system has no more.
#[cfg(all(unix, not(miri), not(loom)))]
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
#[cfg(all(unix, not(miri), not(loom)))]
pub(crate) unsafe fn unmap(base: NonNull<u8>, bytes: usize, _align: usize) {
    // SAFETY: by contract the whole range is ours and unused.
    unsafe { libc::munmap(base.as_ptr().cast(), bytes) };
}

/// Lets the system take the memory of a range until it is written again; its content is lost.
///
/// # Safety
///
/// The range lies in a reservation and holds nothing that is needed.
#[cfg(all(unix, not(miri), not(loom)))]
pub(crate) unsafe fn decommit(base: NonNull<u8>, bytes: usize) {
    // SAFETY: by contract nothing in the range is needed.
    unsafe { libc::madvise(base.as_ptr().cast(), bytes, libc::MADV_DONTNEED) };
}

/// Asks for large pages in a range.
#[cfg(all(target_os = "linux", not(miri), not(loom)))]
pub(crate) fn advise_huge(base: NonNull<u8>, bytes: usize) {
    // SAFETY: the advice changes no content, and a range that is not mapped is merely refused.
    unsafe { libc::madvise(base.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
pub(crate) fn advise_huge(_base: NonNull<u8>, _bytes: usize) {}

#[cfg(any(not(unix), miri, loom))]
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
}
#[cfg(any(not(unix), miri, loom))]
pub(crate) use portable::*;
