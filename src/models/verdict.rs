//! Mutators against the verdict.
//!
//! The trial only guesses, and needs to be fooled first, which takes more switches than can be explored. So most of these
//! models put the guess in its place, and call the verdict directly.

use std::sync::Arc;

use super::support::{Address, DEAR, Log, Node, check, judge, spawn};
use crate::sync::Mutex;
use crate::{Gc, collect};

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
