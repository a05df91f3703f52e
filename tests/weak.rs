//! `Weak`. The numbers are those of the list of behaviours.

mod common;

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use common::{Counted, Drops, Node, OnDrop, join_all, lock, quiet_panic, ring};
use tracegc::{Gc, Trace, Weak, collect};

const ROUNDS: usize = match (cfg!(miri), cfg!(debug_assertions)) {
    (true, _) => 10,
    (_, true) => 300,
    _ => 2_000,
};

#[test]
fn w01_upgrade_works_while_alive_and_never_after() {
    let drops = Drops::new();
    let node = Node::new(&drops);
    let weak = Gc::downgrade(&node);
    let strong = weak.upgrade().unwrap();
    assert!(Gc::ptr_eq(&strong, &node));
    drop(node);
    assert_eq!(weak.strong_count(), 1);
    weak.upgrade().unwrap().counted.check();
    drop(strong);
    for _ in 0..3 {
        assert!(weak.upgrade().is_none(), "at once, even where the drop is put off");
        assert_eq!(weak.strong_count(), 0);
        collect();
    }
    assert_eq!(drops.count(), 1);
    // Others that take its place do not revive it.
    let others: Vec<_> = (0..100).map(|_| Node::new(&drops)).collect();
    assert!(weak.upgrade().is_none());
    drop(others);
}

#[test]
fn w01_in_a_ring() {
    let drops = Drops::new();
    let first = ring(3, &drops);
    let weak = Gc::downgrade(&first);
    let second = Gc::downgrade(first.next.lock().unwrap().as_ref().unwrap());
    drop(first);
    // A way in: the ring may be garbage, but is there until somebody collects it.
    let strong = weak.upgrade().or_else(|| second.upgrade());
    collect();
    if let Some(strong) = strong {
        assert!(weak.upgrade().is_some() && second.upgrade().is_some());
        strong.counted.check();
    }
    collect();
    assert!(weak.upgrade().is_none() && second.upgrade().is_none());
    assert_eq!(drops.count(), 3);
}

#[test]
fn w01_dangling_and_counts() {
    let nothing = Weak::<Node>::new();
    assert!(nothing.upgrade().is_none());
    assert_eq!((nothing.strong_count(), nothing.weak_count()), (0, 0));
    assert_eq!(nothing, Weak::default());
    let object = Gc::new(1);
    let weaks: Vec<_> = (0..5).map(|_| Gc::downgrade(&object)).collect();
    let more = weaks.clone();
    assert_eq!(Gc::weak_count(&object), 10);
    drop(weaks);
    assert_eq!(Gc::weak_count(&object), 5);
    drop(object);
    assert_eq!(more[0].weak_count(), 5);
}

#[test]
fn w01_a_weak_pointer_is_no_edge() {
    #[derive(Trace)]
    struct Parent {
        child: Mutex<Option<Gc<Child>>>,
        counted: Counted,
    }
    #[derive(Trace)]
    struct Child {
        parent: Weak<Parent>,
        counted: Counted,
    }
    let drops = Drops::new();
    let parent = Gc::new(Parent { child: Mutex::new(None), counted: drops.counted() });
    let child = Gc::new(Child { parent: Gc::downgrade(&parent), counted: drops.counted() });
    *parent.child.lock().unwrap() = Some(child.clone());
    child.counted.check();
    drop(child);
    collect();
    let child = parent.child.lock().unwrap().clone().unwrap();
    child.parent.upgrade().unwrap().counted.check();
    drop(parent);
    assert!(child.parent.upgrade().is_none());
    drop(child);
    collect();
    assert_eq!(drops.count(), 2, "without a circle, so without a collection");
}

#[test]
fn w02_one_word() {
    assert_eq!(size_of::<Weak<Node>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Weak<Node>>>(), size_of::<usize>());
    assert_eq!(size_of::<Gc<Node>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Gc<Node>>>(), size_of::<usize>());
}

#[test]
fn w03_identity_is_kept_after_death() {
    let state = RandomState::new();
    let mut seen: HashSet<Weak<[u64; 3]>> = HashSet::new();
    let mut dead = Vec::new();
    let mut places = HashSet::new();
    for round in 0..200_u64 {
        let object = Gc::new([round; 3]);
        places.insert(Gc::as_ptr(&object).addr());
        let (a, b) = (Gc::downgrade(&object), Gc::downgrade(&object));
        let hash = state.hash_one(&a);
        assert_eq!(a, b);
        assert_eq!(hash, state.hash_one(&b));
        drop(object);
        assert_eq!(a, b, "dead ones too");
        assert_eq!(hash, state.hash_one(&a), "and the hash stays");
        assert!(seen.insert(a), "object {round} equals an earlier one");
        dead.push(b);
    }
    assert!(places.len() < 200 || cfg!(tracegc_asan), "some place was used again, else this shows nothing");
    for (i, a) in dead.iter().enumerate() {
        assert!(seen.contains(a));
        for (j, b) in dead.iter().enumerate() {
            assert_eq!(a == b, i == j);
        }
    }
}

#[test]
fn w04_upgrade_races_with_the_last_drop() {
    let drops = Drops::new();
    let upgraded = AtomicUsize::new(0);
    for _ in 0..ROUNDS {
        let node = Node::new(&drops);
        let weak = Gc::downgrade(&node);
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            let upgrader = scope.spawn(|| {
                barrier.wait();
                if let Some(node) = weak.upgrade() {
                    node.counted.check();
                    upgraded.fetch_add(1, Ordering::Relaxed);
                }
            });
            barrier.wait();
            drop(node);
            join_all([upgrader]);
        });
        assert!(weak.upgrade().is_none());
    }
    println!("{} of {ROUNDS} upgrades won", upgraded.into_inner());
    collect();
    assert_eq!(drops.count(), ROUNDS);
}

#[test]
fn w04_upgrade_races_with_a_collection() {
    let drops = Drops::new();
    let len = if cfg!(miri) { 3 } else { 20 };
    let won = AtomicUsize::new(0);
    for round in 0..ROUNDS / 2 {
        let first = ring(len, &drops);
        let weaks: Vec<Weak<Node>> = {
            let second = lock(&first.next).clone().unwrap();
            vec![Gc::downgrade(&first), Gc::downgrade(&second)]
        };
        drop(first);
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            let upgraders: Vec<_> = weaks
                .iter()
                .map(|weak| {
                    let (won, barrier) = (&won, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        for _ in 0..round % 50 {
                            std::hint::spin_loop();
                        }
                        let Some(node) = weak.upgrade() else { return };
                        won.fetch_add(1, Ordering::Relaxed);
                        // All of the ring is there as long as one of it is held.
                        let mut here = node.clone();
                        for _ in 0..len {
                            here.counted.check();
                            let next = lock(&here.next).clone().unwrap();
                            here = next;
                        }
                        assert!(Gc::ptr_eq(&here, &node));
                    })
                })
                .collect();
            barrier.wait();
            collect();
            join_all(upgraders);
        });
        collect();
        assert_eq!(drops.count(), (round + 1) * len);
        assert!(weaks.iter().all(|weak| weak.upgrade().is_none()));
    }
    println!("{} of {} upgrades won", won.into_inner(), ROUNDS / 2 * 2);
}

#[test]
fn w04_never_a_spurious_none() {
    let drops = Drops::new();
    let held = ring(5, &drops);
    let weak = Gc::downgrade(&held);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let collector = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                drop(ring(5, &Drops::new()));
                collect();
            }
        });
        let upgraders: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    // The only handle moves to and fro between the ring and this thread's hands.
                    for _ in 0..ROUNDS * 20 {
                        let node = weak.upgrade().expect("the test holds it");
                        node.counted.check();
                        let clone = node.clone();
                        drop(node);
                        drop(clone);
                    }
                })
            })
            .collect();
        for upgrader in upgraders {
            upgrader.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        collector.join().unwrap();
    });
    drop(held);
    collect();
    assert_eq!(drops.count(), 5);
}

#[test]
#[cfg_attr(
    miri,
    ignore = "unlocks a mutex that others may free at once, as the mutex of std does not promise to allow"
)]
fn w04_the_only_handle_moves_into_its_own_ring_and_out_by_a_weak_pointer() {
    let drops = Drops::new();
    let done = AtomicBool::new(false);
    let rounds = ROUNDS * 5;
    let mut made = 0;
    thread::scope(|scope| {
        let collector = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                collect();
            }
        });
        let mut node = Node::new(&drops);
        made += 1;
        for _ in 0..rounds {
            let weak = Gc::downgrade(&node);
            let this: *const Node = Gc::as_ptr(&node);
            // SAFETY: the lock is held until the handle is in the cell, so the object is spared until then.
            let mut cell = lock(unsafe { &(*this).next });
            *cell = Some(node);
            drop(cell);
            node = match weak.upgrade() {
                Some(node) => {
                    node.counted.check();
                    let own = lock(&node.next).take();
                    own.expect("it was put there").counted.check();
                    node
                }
                None => {
                    made += 1;
                    Node::new(&drops)
                }
            };
        }
        drop(node);
        done.store(true, Ordering::Relaxed);
        collector.join().unwrap();
    });
    collect();
    assert_eq!(drops.count(), made);
}

#[test]
fn w05_new_cyclic() {
    #[derive(Trace)]
    struct Own {
        this: Weak<Own>,
        others: Mutex<Vec<Weak<Own>>>,
        strong: Mutex<Option<Gc<Own>>>,
        counted: Counted,
    }
    let drops = Drops::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let own = Gc::new_cyclic(|this: &Weak<Own>| {
        assert!(this.upgrade().is_none());
        assert_eq!(this.strong_count(), 0);
        collect();
        drop(ring(3, &drops));
        let other = this.clone();
        sender.send(this.clone()).unwrap();
        thread::scope(|scope| {
            join_all([scope.spawn(|| assert!(this.upgrade().is_none()))]);
        });
        Own { this: this.clone(), others: Mutex::new(vec![other]), strong: Mutex::new(None), counted: drops.counted() }
    });
    let sent = receiver.recv().unwrap();
    assert!(Gc::ptr_eq(&own.this.upgrade().unwrap(), &own));
    assert_eq!(sent, own.this);
    assert_eq!(own.others.lock().unwrap()[0], Gc::downgrade(&own));
    assert_eq!(Gc::weak_count(&own), 3);
    sent.upgrade().unwrap().counted.check();
    *own.strong.lock().unwrap() = Some(own.clone());
    drop(own);
    collect();
    assert_eq!(drops.count(), 4);
    assert!(sent.upgrade().is_none());
}

#[test]
fn w05_new_cyclic_that_panics() {
    let kept = Mutex::new(None);
    let drops = Drops::new();
    for _ in 0..if cfg!(miri) { 2 } else { 100 } {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Gc::<Node>::new_cyclic(|this| {
                let _counted = drops.counted();
                *kept.lock().unwrap() = Some(this.clone());
                quiet_panic("on purpose");
                unreachable!()
            })
        }));
        assert!(panicked.is_err());
        collect();
        assert!(kept.lock().unwrap().as_ref().unwrap().upgrade().is_none());
    }
}

#[test]
fn w07_upgrade_during_the_drop_of_others() {
    let drops = Drops::new();
    let alive = Node::new(&drops);
    let found = Arc::new(AtomicUsize::new(0));
    let try_it = |weak: Weak<Node>| {
        let found = found.clone();
        OnDrop::new(move || {
            if let Some(node) = weak.upgrade() {
                node.counted.check();
                found.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    drop(Node::with(&drops, try_it(Gc::downgrade(&alive))));
    collect();
    assert_eq!(found.load(Ordering::SeqCst), 1, "in the drop of a last handle");
    let own = Node::with(&drops, try_it(Gc::downgrade(&alive)));
    own.link(&own);
    drop(own);
    collect();
    assert_eq!(found.load(Ordering::SeqCst), 2, "in that of a condemned object");
}

#[test]
fn w07_a_dying_object_is_never_had() {
    let drops = Drops::new();
    let found = Arc::new(AtomicUsize::new(0));
    let weaks: Arc<Mutex<Vec<Weak<Node>>>> = Arc::default();
    let spying = || {
        let (all_weaks, found) = (weaks.clone(), found.clone());
        let node = Node::with(
            &drops,
            OnDrop::new(move || {
                let all = mem::take(&mut *all_weaks.lock().unwrap());
                let alive = all.iter().filter(|weak| weak.upgrade().is_some()).count();
                found.fetch_add(alive, Ordering::SeqCst);
                *all_weaks.lock().unwrap() = all;
            }),
        );
        weaks.lock().unwrap().push(Gc::downgrade(&node));
        node
    };
    // A ring whose members all try to get at each other and at themselves.
    let first = spying();
    let mut last = first.clone();
    for _ in 0..10 {
        let node = spying();
        node.link(&last);
        last = node;
    }
    first.link(&last);
    drop((first, last));
    collect();
    assert_eq!((drops.count(), found.load(Ordering::SeqCst)), (11, 0));
    // The drop of a last handle.
    drop(spying());
    collect();
    assert_eq!((drops.count(), found.load(Ordering::SeqCst)), (12, 0));
}

/// Garbage with a weak pointer that somebody upgrades again and again is found all the same.
#[test]
fn w04_whoever_polls_does_not_keep_garbage() {
    let drops = Drops::new();
    let first = ring(if cfg!(miri) { 20 } else { 100_000 }, &drops);
    let weak = Gc::downgrade(&first);
    let gone = AtomicBool::new(false);
    thread::scope(|scope| {
        let polling = scope.spawn(|| {
            while weak.upgrade().is_some() {
                // So that a collection can see it without this handle.
                (0..1_000).for_each(|_| std::hint::spin_loop());
            }
            gone.store(true, Ordering::Relaxed);
        });
        drop(first);
        let mut calls = 0;
        while !gone.load(Ordering::Relaxed) {
            collect();
            calls += 1;
            assert!(calls < 1_000 || gone.load(Ordering::Relaxed), "no collection gets through");
            thread::yield_now();
        }
        polling.join().unwrap();
    });
    assert!(drops.count() > 0);
}

/// Parts of garbage get their first weak pointers while a collection is looking at it, from somebody who reaches them by
/// another weak pointer. All of these are dead afterwards, also when other objects have taken the places.
#[test]
fn w04_weak_pointers_that_come_late_are_dead_as_well() {
    #[derive(Trace)]
    struct Part(u64, Mutex<Option<Gc<Hub>>>);
    #[derive(Trace)]
    struct Hub {
        parts: Mutex<Vec<Gc<Part>>>,
        /// So that it comes after its parts in the order of the heap's slots.
        _large: [u64; 300],
    }
    let size = if cfg!(miri) { 20 } else { 100_000 };
    for _ in 0..3 {
        let parts: Vec<_> = (0..size).map(|_| Gc::new(Part(1, Mutex::new(None)))).collect();
        let hub = Gc::new(Hub { parts: Mutex::default(), _large: [0; 300] });
        parts.iter().for_each(|part| *lock(&part.1) = Some(hub.clone()));
        *lock(&hub.parts) = parts.clone();
        let way_in = Gc::downgrade(&hub);
        drop((hub, parts));
        let late = thread::scope(|scope| {
            let makes = scope.spawn(|| {
                let mut late = Vec::new();
                while let Some(hub) = way_in.upgrade() {
                    for _ in 0..20 {
                        (0..500).for_each(|_| std::hint::spin_loop());
                        let parts = lock(&hub.parts);
                        late.extend(parts.get(late.len()).map(Gc::downgrade));
                    }
                    drop(hub);
                    (0..20_000).for_each(|_| std::hint::spin_loop());
                }
                late
            });
            let mut calls = 0;
            while way_in.strong_count() > 0 {
                collect();
                calls += 1;
                assert!(calls < 10_000, "no collection gets through");
            }
            makes.join().unwrap()
        });
        let others: Vec<_> = (0..size).map(|_| Gc::new(Part(2, Mutex::new(None)))).collect();
        assert!(late.iter().all(|weak| weak.upgrade().is_none()), "{} were made", late.len());
        drop(others);
    }
}
