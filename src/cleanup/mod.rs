//! Cleanups: functions that run on worker threads after an object has died.
//!
//! A cleanup is queued when its object has been destroyed and runs on one of a few worker threads, never on the
//! thread that dropped the object. Workers start with the first registration, take one cleanup at a time, and
//! leave when there has been nothing to do for a while. While some are blocked, more are started, up to a maximum
//! (the parallelism of the machine, at least two).
//!
//! Cleanups that are still queued when the process exits do not run. A program that wants them to calls [`wait`]
//! before it ends.

mod handle;
mod hook;
#[cfg(not(any(loom, shuttle)))]
mod ledger;
#[cfg(not(any(loom, shuttle)))]
mod pool;
#[cfg(any(loom, shuttle))]
#[path = "modelled.rs"]
mod pool;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use std::io;
use std::time::Duration;

pub(crate) use handle::register;
pub use handle::{Cleanup, CleanupError, add_cleanup};
pub(crate) use hook::report_panic;
pub use hook::{PanicHook, PanicOrigin, PanicReport, set_panic_hook, take_panic_hook};
use pool::pool;

/// A cleanup with its argument, ready to run. User code: it may panic, block, and call anything of this crate.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// What has become of the cleanups so far, from [`stats`].
///
/// The counters never decrease. Where nothing else goes on and [`wait`] has returned true, they are exact:
/// `executed` equals `queued`, and `registered - stopped - queued` cleanups belong to objects still alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CleanupStats {
    /// Cleanups registered.
    pub registered: u64,
    /// Of these, cancelled before they were queued.
    pub stopped: u64,
    /// Of these, queued to run because their object died.
    pub queued: u64,
    /// Of the queued, those that have run to their end, panicked ones included.
    pub executed: u64,
    /// Of the executed, those that panicked.
    pub panicked: u64,
    /// Cleanups in the queue now, not counting those that run.
    pub queue_depth: usize,
    /// Worker threads that run a cleanup now.
    pub busy_workers: usize,
    /// Worker threads alive now.
    pub workers: usize,
}

/// Waits until all cleanups queued before the call have run. False if `timeout` passes before.
///
/// Cleanups queued later are not waited for, however many there are. A panicking cleanup counts as run, and
/// the panic hook has been called for it. What the cleanups did happens before the return of true.
///
/// Inside a cleanup, the calling cleanup itself is not waited for, all others are: two that wait for each other,
/// or one that waits for what is queued behind it in a pool that cannot grow, wait until their timeout. A
/// timeout too long for the clock, such as [`Duration::MAX`], waits for ever.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// // At the end of the program: let the cleanups finish, but not for ever.
/// if !tracegc::cleanup::wait(Duration::from_secs(5)) {
///     eprintln!("some cleanups did not run");
/// }
/// ```
pub fn wait(timeout: Duration) -> bool {
    pool().wait(timeout)
}

/// Reads the statistics of the cleanups. Never blocks on a running cleanup.
///
/// # Examples
///
/// ```
/// let stats = tracegc::cleanup::stats();
/// assert!(stats.executed <= stats.queued);
/// ```
pub fn stats() -> CleanupStats {
    pool().stats()
}

/// Makes sure that cleanups will find a worker: starts one if none has been started yet.
///
/// # Errors
///
/// What the system said if no worker is alive and none can be started.
pub(crate) fn ensure_worker() -> io::Result<()> {
    pool().ensure_worker()
}

/// Queues cleanups to run. Never fails, never runs user code, and waits for nothing but short internal locks.
pub(crate) fn enqueue(jobs: impl IntoIterator<Item = Job>) {
    pool().enqueue(jobs);
}

/// Counts a registration.
pub(crate) fn note_registered() {
    pool().note_registered();
}

/// Counts a cancellation.
pub(crate) fn note_stopped() {
    pool().note_stopped();
}

/// Sets the most workers there may be at once, at least one. Those in excess leave after their cleanup.
pub(crate) fn set_max_workers(max: usize) {
    pool().set_max_workers(max);
}

/// Lets the workers run what is queued, then ends and joins them. False on timeout, or when a worker calls.
///
/// `timeout` covers the cleanups; destructors of thread-locals on the workers are waited for without limit. The
/// pool stays usable: the next registration or the next queued cleanup starts a worker.
pub(crate) fn shutdown(timeout: Duration) -> bool {
    pool().shutdown(timeout)
}

/// For tests: keeps worker threads from starting.
#[doc(hidden)]
pub fn __fail_worker_starts(on: bool) {
    pool().fail_worker_starts(on);
}
