//! Mutators against the verdict.
//!
//! The trial only guesses, and needs to be fooled first, which takes more switches than can be explored. So most of these
//! models put the guess in its place, and call the verdict directly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::{Address, DEAR, Log, Node, Plan, check, judge, spawn};
use crate::Gc;
use crate::sync::Mutex;

/// `y` has a field that leads to `x`, and `x` a cell that leads back.
fn ring(log: &Arc<Log>) -> (Gc<Node>, [Address; 2]) {
    let x = Node::make(log, 0, None, None);
    let y = Node::make(log, 1, Some(x.clone()), None);
    x.put(y.clone());
    let guess = [Address::of(&x), Address::of(&y)];
    (y, guess)
}

/// Clone from an immutable field, drop the way in.
#[test]
fn clone_from_a_field() {
    check("clone_from_a_field", DEAR, |log| {
        let (y, guess) = ring(log);
        let mutator = spawn(move || {
            let x = y.fixed.clone().expect("made with a field");
            drop(y);
            x.look();
            x.cell.lock().as_ref().expect("still in its cell").look();
        });
        judge(guess);
        mutator.join().unwrap();
    });
}

/// Clone from an immutable field, then move the way in into the set: in the end the only way in is the copy, and all
/// counts but its own are what they were. Whoever reads that one before the freeze, and not after, is fooled.
#[test]
fn clone_from_a_field_and_move_the_way_in() {
    check("clone_from_a_field_and_move_the_way_in", DEAR, |log| {
        let z = Node::make(log, 2, None, None);
        let x = Node::make(log, 0, Some(z.clone()), None);
        let y = Node::make(log, 1, Some(x.clone()), None);
        let guess = [Address::of(&x), Address::of(&y), Address::of(&z)];
        drop(z);
        x.put(y.clone());
        drop(x);
        let mutator = spawn(move || {
            let x = y.fixed.clone().expect("made with a field");
            let z = x.fixed.as_ref().expect("made with a field");
            z.put(y);
            z.look();
            x.look();
        });
        judge(guess);
        mutator.join().unwrap();
    });
}

/// Take a handle out of a locked cell, then move the handle to the cell's owner into the object taken out: no count
/// changes at all, so only the kept guards show it.
#[test]
fn take_out_and_put_back_elsewhere() {
    check("take_out_and_put_back_elsewhere", DEAR, |log| {
        let x = Node::make(log, 0, None, None);
        let y = Node::make(log, 1, None, None);
        let guess = [Address::of(&x), Address::of(&y)];
        x.put(y);
        let mutator = spawn(move || {
            // The way in is x; afterwards it is y, and x lies in y only.
            let y = x.take().expect("nobody else takes it");
            y.put(x);
            y.look();
            y.cell.lock().as_ref().expect("just put there").look();
        });
        judge(guess);
        mutator.join().unwrap();
    });
}

/// The last external handle goes to another thread through a shared place, where it is cloned and dropped.
#[test]
fn hand_off() {
    check("hand_off", DEAR, |log| {
        let (y, guess) = ring(log);
        let place = Arc::new(Mutex::new(None));
        let other = place.clone();
        let mutator = spawn(move || {
            let taken = other.lock().take();
            if let Some(y) = taken {
                let y: Gc<Node> = y;
                let copy = y.clone();
                drop(y);
                copy.look();
            }
        });
        *place.lock() = Some(y);
        judge(guess);
        mutator.join().unwrap();
        let left = place.lock().take();
        drop(left);
    });
}

/// A weak pointer is upgraded while its object is judged: either it wins, or it finds nothing; both happen.
#[test]
fn upgrade_against_commit() {
    static WON: AtomicUsize = AtomicUsize::new(0);
    static LOST: AtomicUsize = AtomicUsize::new(0);
    check("upgrade_against_commit", DEAR, |log| {
        let (y, guess) = ring(log);
        let weak = Gc::downgrade(&y);
        drop(y);
        let mutator = spawn(move || match weak.upgrade() {
            Some(y) => {
                y.look();
                y.fixed.as_ref().expect("made with a field").look();
                WON.fetch_add(1, Ordering::Relaxed);
            }
            None => _ = LOST.fetch_add(1, Ordering::Relaxed),
        });
        judge(guess);
        mutator.join().unwrap();
    });
    assert!(WON.load(Ordering::Relaxed) > 0 && LOST.load(Ordering::Relaxed) > 0);
}

/// Exclusive access, and a value that is written while the collector traces.
#[test]
fn get_mut_against_the_tracer() {
    check("get_mut_against_the_tracer", DEAR, |log| {
        let mut x = Node::make(log, 0, None, None);
        let guess = [Address::of(&x)];
        let mutator = spawn(move || {
            Gc::get_mut(&mut x).expect("the only handle").touch();
        });
        judge(guess);
        mutator.join().unwrap();
    });
}

/// A suspect gets its first weak pointer after the doors were closed for a second attempt, from somebody who held another
/// suspect during the first and lets go of it.
#[test]
fn a_record_is_born_behind_the_doors() {
    check("a_record_is_born_behind_the_doors", Plan { preemptions: 1, ..DEAR }, |log| {
        let x = Node::make(log, 0, None, None);
        let hub = Node::make(log, 1, Some(x.clone()), None);
        x.put(hub.clone());
        let guess = [Address::of(&x), Address::of(&hub)];
        drop(x);
        let old = Gc::downgrade(&hub);
        let mutator = spawn(move || {
            let weak = Gc::downgrade(hub.fixed.as_ref().expect("made with a field"));
            drop(hub);
            weak
        });
        judge(guess);
        let weak = mutator.join().unwrap();
        // They take the places of those that died.
        let others = [2, 3].map(|id| Node::make(log, id, None, None));
        if let Some(x) = weak.upgrade() {
            assert_eq!(x.id(), 0, "a weak pointer leads to another object");
        }
        drop((old, others));
    });
}
