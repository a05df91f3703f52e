//! An asymmetric barrier: free for threads that drop handles, dear for the collector.
//!
//! Two threads that each write one word and then read the other's need a full barrier between write and read, or both
//! may miss the other's write. Here one side is every last drop of an object, the other the beginning of a collection.
//! So the collector asks the system to run a full barrier on all threads of the process ([`heavy`], `membarrier` on
//! Linux), and droppers only keep the compiler from moving their read ([`light`]): if the barrier hits a thread before
//! its read, the read sees what the collector wrote; if after, the collector sees what the thread wrote.
//!
//! Where the system cannot do that (and under Miri, sanitizers and model checkers) [`is_cheap`] is false, and droppers
//! use a `SeqCst` read-modify-write instead.

use crate::sync::atomic::{Ordering, fence};

#[cfg(all(target_os = "linux", not(any(miri, loom, shuttle, tracegc_asan, tracegc_tsan))))]
mod system {
    use std::sync::atomic::{AtomicU8, Ordering};

    const UNKNOWN: u8 = 0;
    const CHEAP: u8 = 1;
    const DEAR: u8 = 2;
    static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: the call takes numbers only and changes no memory.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    #[inline]
    pub(crate) fn is_cheap() -> bool {
        // Relaxed: a thread that does not see the registration yet uses the dear way, which is right as well.
        STATE.load(Ordering::Relaxed) == CHEAP
    }

    /// Registers the process; called when a thread first uses the heap.
    pub(crate) fn prepare() {
        if STATE.load(Ordering::Relaxed) == UNKNOWN {
            let state = if membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) { CHEAP } else { DEAR };
            // Whoever is first decides: threads may be under different filters.
            let _ = STATE.compare_exchange(UNKNOWN, state, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    /// A full barrier on every thread of the process.
    pub(crate) fn heavy() {
        if STATE.load(Ordering::SeqCst) != CHEAP || membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
            return;
        }
        // A process that was forked off may have to register again.
        let again = membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
            && membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        if !again {
            // Threads rely on it by now, so there is no way back.
            eprintln!("tracegc: membarrier was registered and now fails; aborting");
            std::process::abort();
        }
    }
}

/// Models choose. The cheap way has a fence in [`light`], as if the system's barrier came then.
#[cfg(any(loom, shuttle))]
mod system {
    use std::sync::atomic::{AtomicBool, Ordering};

    static CHEAP: AtomicBool = AtomicBool::new(false);

    #[cfg(test)]
    pub(crate) fn set_cheap(on: bool) {
        CHEAP.store(on, Ordering::Relaxed);
    }

    pub(crate) fn is_cheap() -> bool {
        CHEAP.load(Ordering::Relaxed)
    }

    pub(crate) fn prepare() {}

    pub(crate) fn heavy() {}
}

#[cfg(not(any(loom, shuttle, all(target_os = "linux", not(any(miri, tracegc_asan, tracegc_tsan))))))]
mod system {
    #[inline]
    pub(crate) fn is_cheap() -> bool {
        false
    }

    pub(crate) fn prepare() {}

    pub(crate) fn heavy() {}
}

#[cfg(all(test, any(loom, shuttle)))]
pub(crate) use system::set_cheap;
pub(crate) use system::{is_cheap, prepare};

/// The collector's side.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
    system::heavy();
    fence(Ordering::SeqCst);
}

/// The side of whoever just wrote its word by a plain store.
#[inline]
pub(crate) fn light() {
    if cfg!(any(loom, shuttle)) || !is_cheap() {
        fence(Ordering::SeqCst);
    } else {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    }
}

/// The same where [`is_cheap`] says so; elsewhere next to nothing.
#[inline]
pub(crate) fn light_if_cheap() {
    if cfg!(tracegc_break = "light-barrier") {
    } else if cfg!(any(loom, shuttle)) {
        if is_cheap() {
            fence(Ordering::SeqCst);
        }
    } else {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    }
}

/// The side of whoever wrote its word by a `SeqCst` read-modify-write. The model checker orders these by fences only.
#[inline]
pub(crate) fn after_zero() {
    if cfg!(any(loom, shuttle)) {
        fence(Ordering::SeqCst);
    }
}
