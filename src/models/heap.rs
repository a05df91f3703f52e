//! Slots that change hands.

use super::support::{DEAR, Node, check, spawn};

/// Another thread frees a slot while its owner takes over what others freed.
#[test]
fn remote_free_against_the_owner() {
    check("remote_free_against_the_owner", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        let other = spawn(move || drop(x));
        crate::heap::with_cache(|cache| cache.collect_remote());
        let y = Node::make(log, 1, None, None);
        other.join().unwrap();
        y.look();
    });
}

/// The owner exits while another thread frees its slot.
#[test]
fn thread_exit_against_a_remote_drop() {
    check("thread_exit_against_a_remote_drop", DEAR, |log| {
        let place = std::sync::Arc::new(crate::sync::Mutex::new(None));
        let (log, other) = (log.clone(), place.clone());
        let owner = spawn(move || *other.lock() = Some(Node::make(&log, 0, None, None)));
        let taken = place.lock().take();
        drop(taken);
        owner.join().unwrap();
        let left = place.lock().take();
        drop(left);
    });
}
