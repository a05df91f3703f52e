//! Counts in two halves: the owner of an object against other threads, and against a collection that they run.
//!
//! In the other models the thread that made the objects, their owner, runs the collection. Here it is the mutator.

use std::sync::Arc;

use super::support::{Address, BOTH, DEAR, Node, Plan, check, header, judge, spawn};
use crate::object::{Count, Dropped, Owner};
use crate::sync::Mutex;
use crate::{Gc, collect};

/// A handle on its way from one thread to another.
type Place = Arc<Mutex<Option<Gc<Node>>>>;

/// The owner and another thread each drop one of the last two handles, both of which the owner counted.
#[test]
fn the_last_two_go_at_once() {
    check("the_last_two_go_at_once", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let other = x.clone();
        let mutator = spawn(move || {
            other.look();
            drop(other);
        });
        x.look();
        drop(x);
        mutator.join().unwrap();
        // If neither has seen the other, it takes a collection, which a note leads to.
        collect::modelled::local();
        assert_eq!(log.deaths(0), 1, "nobody destroys it");
    });
}

/// The same for an object that cannot be in a cycle, and handles of which one was counted by each thread.
#[test]
fn the_last_two_leaves_go_at_once() {
    check("the_last_two_leaves_go_at_once", BOTH, |log| {
        let x = Node::make_leaf(log, 0);
        let other = x.clone();
        let mutator = spawn(move || {
            let copy = other.clone();
            drop(other);
            copy.look();
            drop(copy);
        });
        drop(x);
        mutator.join().unwrap();
        collect();
        assert_eq!(log.deaths(0), 1, "nobody destroys it");
    });
}

/// A message: made by the owner, moved to another thread, dropped there; while the owner collects.
#[test]
fn a_message_against_a_collection() {
    check("a_message_against_a_collection", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let mutator = spawn(move || {
            x.look();
            drop(x);
        });
        collect::modelled::whole();
        mutator.join().unwrap();
        assert_eq!(log.deaths(0), 1, "the last drop destroys it, or the end of the collection");
    });
}

/// The owner makes a handle, which another thread drops, while a third looks at the two halves: at the local one before,
/// at the shared one after. Together they do not say that there is another handle, the owner's.
#[test]
fn a_handle_made_and_dropped_between_two_looks() {
    check("a_handle_made_and_dropped_between_two_looks", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        let first = x.clone();
        let place: Place = Arc::new(Mutex::new(None));
        let there = place.clone();
        let third = spawn(move || drop(first));
        let second = spawn(move || {
            let taken = there.lock().take();
            drop(taken);
        });
        *place.lock() = Some(x.clone());
        x.look();
        third.join().unwrap();
        second.join().unwrap();
        x.look();
        let left = place.lock().take();
        drop((left, x));
    });
}

/// The same the other way round, with a shared half that returns to zero: the owner makes a handle from one that another
/// thread has made, and a third drops that one.
#[test]
fn a_shared_half_returns_to_zero() {
    check("a_shared_half_returns_to_zero", Plan { preemptions: 3, ..DEAR }, |log| {
        let x = Node::make(log, 0, None, None);
        let [place, second_place]: [Place; 2] = std::array::from_fn(|_| Arc::new(Mutex::new(None)));
        let (there, second_there) = (place.clone(), second_place.clone());
        let first = spawn(move || {
            *there.lock() = Some(x.clone());
            drop(x);
        });
        let second = spawn(move || {
            let taken = second_there.lock().take();
            drop(taken);
        });
        let taken = place.lock().take();
        if let Some(taken) = taken {
            let own = taken.clone();
            *second_place.lock() = Some(taken);
            own.look();
            first.join().unwrap();
            second.join().unwrap();
            own.look();
        } else {
            first.join().unwrap();
            second.join().unwrap();
        }
        let left = [place.lock().take(), second_place.lock().take()];
        drop(left);
    });
}

/// Whatever is done with a count, whoever watches it sees that something was done, even if the number is the same again.
#[test]
fn nothing_escapes_a_watch() {
    check("nothing_escapes_a_watch", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let second = x.clone();
        let watched = |name: &str, operations: &mut dyn FnMut()| {
            // SAFETY: there are handles.
            let count = unsafe { &header(&x).as_ref().count };
            let before = count.watch();
            assert!(count.is_still(before));
            operations();
            assert!(!count.is_still(before), "{name} is not seen");
        };
        // The first drop notes the object, the second has no need to.
        for _ in 0..2 {
            watched("the owner's clone and drop", &mut || drop(x.clone()));
        }
        let weak = Gc::downgrade(&x);
        watched("an upgrade", &mut || drop(weak.upgrade()));
        let mut second = Some(second);
        // The first time it is seen that the shared half is touched, later that it lost its watch.
        for _ in 0..3 {
            watched("another thread's clone and drop", &mut || {
                let other = second.take().expect("it comes back");
                let thread = spawn(move || {
                    drop(other.clone());
                    other
                });
                second = Some(thread.join().unwrap());
            });
        }
    });
}

/// The owner and another thread each give one of the last two handles up for the value: one of them gets it.
#[test]
fn into_inner_by_both() {
    check("into_inner_by_both", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let other = x.clone();
        let mutator = spawn(move || Gc::into_inner(other).is_some());
        let own = Gc::into_inner(x).is_some();
        let others = mutator.join().unwrap();
        assert!(own != others, "one of the two");
    });
}

/// The owner and another thread each drop one of the last two handles to an object with a weak pointer: it is dead when
/// both have, without a collection.
#[test]
fn the_last_two_go_and_a_weak_pointer_stays() {
    check("the_last_two_go_and_a_weak_pointer_stays", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let weak = Gc::downgrade(&x);
        let other = x.clone();
        let mutator = spawn(move || drop(other));
        drop(x);
        mutator.join().unwrap();
        assert!(weak.upgrade().is_none());
        assert_eq!(log.deaths(0), 1, "nobody destroys it");
    });
}

/// Whoever asks whether his handle is the only one, and then ends the object, notices what others did in between.
#[test]
fn nothing_escapes_a_question() {
    check("nothing_escapes_a_question", DEAR, |_| {
        let count = Count::none();
        count.renew(Owner::NONE, false);
        // The half is touched, and there is one handle.
        count.increment();
        assert!(count.decrement(false, false, || true) != Dropped::Last);
        let made_and_dropped = || {
            count.increment();
            assert!(count.decrement(false, false, || true) != Dropped::Last, "there is another");
        };
        assert!(!count.ends_in_spite_of(made_and_dropped), "a handle was made and dropped");
        assert!(count.ends_in_spite_of(|| ()), "there is one handle");
    });
}

/// Nor does somebody else who asks hide it from him.
#[test]
fn one_asks_at_a_time() {
    check("one_asks_at_a_time", DEAR, |_| {
        let count = Arc::new(Count::none());
        count.renew(Owner::NONE, false);
        count.increment();
        assert!(count.decrement(false, false, || true) != Dropped::Last);
        let same = count.clone();
        let asks = spawn(move || _ = same.is_one(false));
        let made_and_dropped = || {
            count.increment();
            assert!(count.decrement(false, false, || true) != Dropped::Last, "there is another");
        };
        assert!(!count.ends_in_spite_of(made_and_dropped), "a handle was made and dropped");
        asks.join().unwrap();
    });
}

/// More handles than the shared half has room for (four in models): some of them are counted in the record, and come back
/// when it seems that there is one.
#[test]
fn more_handles_than_fit() {
    check("more_handles_than_fit", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        let first = x.clone();
        let mutator = spawn(move || {
            let mut more: Vec<_> = (0..6).map(|_| first.clone()).collect();
            drop(first);
            while let Some(one) = more.pop() {
                one.look();
            }
        });
        drop(x);
        mutator.join().unwrap();
        // As in `the_last_two_go_at_once`, if the object becomes exact while the owner drops its handle.
        collect::modelled::local();
        assert_eq!(log.deaths(0), 1, "nobody destroys it");
    });
}

/// A verdict knows of them.
#[test]
fn a_verdict_on_more_handles_than_fit() {
    check("a_verdict_on_more_handles_than_fit", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        x.put(x.clone());
        let guess = [Address::of(&x)];
        let place: Place = Arc::new(Mutex::new(None));
        let there = place.clone();
        spawn(move || {
            let more: Vec<_> = (0..5).map(|_| x.clone()).collect();
            drop(x);
            // The count is that of the edges now, and there are two more in the record.
            let mut more = more.into_iter();
            (*there.lock(), _) = (more.next(), more.next().map(std::mem::forget));
        })
        .join()
        .unwrap();
        let x = place.lock().take().expect("put there");
        assert_eq!(judge(guess), 0);
        x.look();
        // SAFETY: it was forgotten, and the object is there.
        drop(unsafe { std::ptr::read(&raw const x) });
        assert_eq!(Gc::strong_count(&x), 2);
    });
}

/// Somebody who asks whether his handle is the only one does not put back the watch that an operation has taken away.
#[test]
fn a_question_is_no_watch() {
    check("a_question_is_no_watch", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let first = x.clone();
        let touch = spawn(move || {
            let copy = first.clone();
            drop(first);
            copy
        });
        let other = touch.join().unwrap();
        drop(x);
        let address = Address::of(&other);
        // SAFETY: there is a handle from here to the end.
        let count = unsafe { address.count() };
        let before = count.watch();
        let own = other.clone();
        drop(other);
        // SAFETY: as above.
        let asks = spawn(move || unsafe { address.count() }.is_one(false));
        assert!(asks.join().unwrap(), "there is one handle");
        assert!(!count.is_still(before), "a handle was made and another dropped");
        drop(own);
    });
}

/// The owner's thread ends, and another takes its memory over and counts there as the owner; a third one has handles.
#[test]
fn an_object_changes_its_owner() {
    check("an_object_changes_its_owner", DEAR, |log| {
        let place: Place = Arc::new(Mutex::new(None));
        let (there, born) = (place.clone(), log.clone());
        spawn(move || *there.lock() = Some(Node::make(&born, 0, None, None))).join().unwrap();
        let x = place.lock().take().expect("put there");
        let other = x.clone();
        let mutator = spawn(move || {
            other.look();
            drop(other);
        });
        // Adopts the span.
        let y = Node::make(log, 1, None, None);
        let copy = x.clone();
        drop(x);
        copy.look();
        drop((copy, y));
        mutator.join().unwrap();
    });
}

/// `clone_from_a_field`, by the owner.
#[test]
fn the_owner_clones_from_a_field() {
    check("the_owner_clones_from_a_field", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        let y = Node::make(log, 1, Some(x.clone()), None);
        x.put(y.clone());
        let guess = [Address::of(&x), Address::of(&y)];
        drop(x);
        let collector = spawn(move || judge(guess));
        let x = y.fixed.clone().expect("made with a field");
        drop(y);
        x.look();
        x.cell.lock().as_ref().expect("still in its cell").look();
        collector.join().unwrap();
    });
}

/// `clone_from_a_field_and_move_the_way_in`, by the owner.
#[test]
fn the_owner_moves_the_way_in() {
    check("the_owner_moves_the_way_in", DEAR, |log| {
        let z = Node::make(log, 2, None, None);
        let x = Node::make(log, 0, Some(z.clone()), None);
        let y = Node::make(log, 1, Some(x.clone()), None);
        let guess = [Address::of(&x), Address::of(&y), Address::of(&z)];
        drop(z);
        x.put(y.clone());
        drop(x);
        let collector = spawn(move || judge(guess));
        let x = y.fixed.clone().expect("made with a field");
        let z = x.fixed.as_ref().expect("made with a field");
        z.put(y);
        z.look();
        x.look();
        collector.join().unwrap();
    });
}

/// A circle that the owner enters by a handle that another thread made, and leaves by one of its own.
#[test]
fn a_circle_between_two_threads() {
    check("a_circle_between_two_threads", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        x.put(x.clone());
        let guess = [Address::of(&x)];
        let mutator = spawn(move || {
            let copy = x.clone();
            drop(x);
            copy.look();
            let inner = copy.take();
            copy.look();
            drop(inner);
        });
        judge(guess);
        mutator.join().unwrap();
    });
}

/// `no_note_is_lost`, when the owner drops.
#[test]
fn no_note_of_the_owner_is_lost() {
    check("no_note_of_the_owner_is_lost", Plan { preemptions: 3, ..BOTH }, |log| {
        let x = Node::make(log, 0, None, None);
        x.put(x.clone());
        let (second, third) = (x.clone(), x.clone());
        drop(x);
        collect::modelled::hand_over();
        let collector = spawn(|| _ = collect::modelled::local());
        drop(second);
        collect::modelled::hand_over();
        drop(third);
        collector.join().unwrap();
        collect::modelled::local();
        assert_eq!(log.deaths(0), 1, "nothing but notes leads to the circle");
    });
}

/// The owner drops the last handle while another thread upgrades.
#[test]
fn the_owner_drops_against_an_upgrade() {
    check("the_owner_drops_against_an_upgrade", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let weak = Gc::downgrade(&x);
        let mutator = spawn(move || {
            if let Some(x) = weak.upgrade() {
                x.look();
            }
        });
        drop(x);
        mutator.join().unwrap();
    });
}
