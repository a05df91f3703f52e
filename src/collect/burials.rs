//! Which burials are in progress, so that `collect` can wait for those that began before it ended.
//!
//! A burial is over when all that it destroyed is gone. Where its drop glue let go of an object that a newer collection
//! might be looking at, the object was deferred to that one's burial, and the older burial is *held* by it, too: it is
//! over when the last holder has ended.

use std::time::Duration;

use crate::sync::plain::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, global};

struct Burials {
    next: u64,
    /// Number of a burial, and how many hold it.
    running: Vec<(u64, usize)>,
}

global! {
    static BURIALS: (Mutex<Burials>, Condvar) = (Mutex::new(Burials { next: 0, running: Vec::new() }), Condvar::new());
}

/// Begins a burial, held by the caller; its number.
pub(super) fn begin() -> u64 {
    let mut burials = BURIALS.0.lock();
    let number = burials.next;
    burials.next += 1;
    burials.running.push((number, 1));
    number
}

/// Holds burials that are held already.
pub(super) fn hold(numbers: &[u64]) {
    let mut burials = BURIALS.0.lock();
    for (number, holders) in &mut burials.running {
        *holders += numbers.iter().filter(|&n| n == number).count();
    }
}

/// Gives up what was held.
pub(super) fn end(numbers: &[u64]) {
    let mut burials = BURIALS.0.lock();
    for (number, holders) in &mut burials.running {
        *holders -= numbers.iter().filter(|&n| n == number).count();
    }
    burials.running.retain(|&(_, holders)| holders > 0);
    drop(burials);
    BURIALS.1.notify_all();
}

/// A burial in which nothing ends for so long hangs in a destructor, which may be waiting for whoever waits here.
const STALLED: Duration = Duration::from_secs(10);

/// Objects that burials have destroyed.
static PROGRESS: AtomicU64 = AtomicU64::new(0);

/// Says that a burial goes on.
#[inline]
pub(super) fn go_on() {
    // Relaxed: looked at seconds apart.
    PROGRESS.fetch_add(1, Ordering::Relaxed);
}

/// Waits until all burials with numbers below `end` are over; false if there were none, or if they hang.
pub(super) fn wait(end: u64) -> bool {
    let mut burials = BURIALS.0.lock();
    let mut waited = false;
    while burials.running.iter().any(|&(number, _)| number < end) {
        waited = true;
        let before = PROGRESS.load(Ordering::Relaxed);
        let timeout = BURIALS.1.wait_for(&mut burials, STALLED).timed_out();
        if timeout && PROGRESS.load(Ordering::Relaxed) == before {
            return false;
        }
    }
    waited
}
