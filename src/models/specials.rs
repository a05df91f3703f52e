//! Weak pointers and cleanups against the last drop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::{BOTH, DEAR, Node, check, spawn};
use crate::{Gc, cleanup};

/// An upgrade and the last drop: one of them is first, and both happen.
#[test]
fn upgrade_against_the_last_drop() {
    static WON: AtomicUsize = AtomicUsize::new(0);
    static LOST: AtomicUsize = AtomicUsize::new(0);
    check("upgrade_against_the_last_drop", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let weak = Gc::downgrade(&x);
        let mutator = spawn(move || drop(x));
        match weak.upgrade() {
            Some(x) => {
                x.look();
                WON.fetch_add(1, Ordering::Relaxed);
            }
            None => _ = LOST.fetch_add(1, Ordering::Relaxed),
        }
        mutator.join().unwrap();
    });
    assert!(WON.load(Ordering::Relaxed) > 0 && LOST.load(Ordering::Relaxed) > 0);
}

/// A cleanup is stopped while its object dies: it runs, or `stop` says that it does not; its argument goes once.
#[test]
fn stop_against_death() {
    check("stop_against_death", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        let ran = Arc::new(AtomicUsize::new(0));
        let count = |ran: Arc<AtomicUsize>| _ = ran.fetch_add(1, Ordering::Relaxed);
        let handle = Gc::add_cleanup(&x, ran.clone(), count).expect("it is alive");
        let mutator = spawn(move || drop(x));
        let stopped = handle.stop();
        mutator.join().unwrap();
        cleanup::wait(std::time::Duration::ZERO);
        assert_eq!(ran.load(Ordering::Relaxed), usize::from(!stopped), "stopped: {stopped}");
        assert_eq!(Arc::strong_count(&ran), 1, "the argument is gone");
    });
}
