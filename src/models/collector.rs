//! Counts that reach zero, against collections that begin and end.

use super::support::{BOTH, DEAR, Node, check, spawn};
use crate::{Gc, collect};

/// The last handle goes while a collection begins, runs or ends: the object dies once, and never under the tracer.
#[test]
fn drop_to_zero_against_a_collection() {
    check("drop_to_zero_against_a_collection", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let mutator = spawn(move || drop(x));
        collect::modelled::whole();
        mutator.join().unwrap();
        assert_eq!(log.deaths(0), 1, "what was put off to the end of a collection is gone after it");
    });
}

/// The same by the owner, who has a cache at hand, while another thread collects. The slot is used again at once.
#[test]
fn the_owner_drops_to_zero_against_a_collection() {
    check("the_owner_drops_to_zero_against_a_collection", BOTH, |log| {
        let x = Node::make(log, 0, None, None);
        let collector = spawn(|| _ = collect::modelled::whole());
        drop(x);
        let y = Node::make(log, 1, None, None);
        y.look();
        collector.join().unwrap();
        assert_eq!(log.deaths(0), 1, "what was put off to the end of a collection is gone after it");
        y.look();
    });
}

/// The value is moved out while a collection may be looking at it.
#[test]
fn into_inner_against_a_collection() {
    check("into_inner_against_a_collection", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        let mutator = spawn(move || {
            let mut value = Gc::into_inner(x).expect("the only handle");
            value.touch();
        });
        collect::modelled::whole();
        mutator.join().unwrap();
    });
}

/// Two threads collect the same garbage.
#[test]
fn two_collections() {
    check("two_collections", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        x.put(x.clone());
        drop(x);
        let other = spawn(|| _ = collect::modelled::whole());
        collect::modelled::whole();
        other.join().unwrap();
    });
}

/// A decrement that leaves handles, against a collection that takes the note: the circle is found in the end by a
/// collection that looks at notes only.
#[test]
fn no_note_is_lost() {
    check("no_note_is_lost", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        x.put(x.clone());
        let (second, third) = (x.clone(), x.clone());
        drop(x);
        // From here on the shared half says that there is a note.
        spawn(move || drop(third)).join().unwrap();
        let mutator = spawn(move || drop(second));
        collect::modelled::local();
        mutator.join().unwrap();
        collect::modelled::local();
        assert_eq!(log.deaths(0), 1, "nothing but notes leads to the circle");
    });
}

/// A small collection gives way to a whole one that waits, and its notes stay.
#[test]
fn a_small_collection_gives_way() {
    check("a_small_collection_gives_way", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        x.put(x.clone());
        // Hands its note over at its end.
        let mutator = spawn(move || drop(x));
        // It may come before the note.
        collect::modelled::local_that_is_in_the_way();
        mutator.join().unwrap();
        assert!(collect::modelled::local_that_is_in_the_way(), "it found something to look at");
        assert_eq!(log.deaths(0), 0, "it was to give way");
        collect::modelled::local();
        assert_eq!(log.deaths(0), 1, "the note stays");
    });
}
