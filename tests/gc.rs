//! `Gc` and collections. The numbers are those of the list of behaviours.

#![allow(clippy::type_complexity, clippy::modulo_one, reason = "types and alignments of all kinds")]

mod common;

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier, Mutex, OnceLock, RwLock};
use std::thread;

use common::{Counted, Drops, Node, OnDrop, in_child, join_all, lock, no_automatic_collections, quiet_panic, ring};
use tracegc::{Gc, Trace, Tracer, Weak, collect, heap, unsize};

const SOME: usize = if cfg!(miri) { 20 } else { 1_000 };
const MANY: usize = match (cfg!(miri), cfg!(tracegc_tsan), cfg!(debug_assertions)) {
    (true, ..) => 300,
    (_, true, _) => 100_000,
    (.., true) => 1_000_000,
    _ => 10_000_000,
};

#[test]
fn g01_last_drop_destroys_at_once_on_the_dropping_thread() {
    // A collection in the background would put drops off to its end.
    in_child("g01_last_drop_destroys_at_once_on_the_dropping_thread", || {
        no_automatic_collections();
        let drops = Drops::new();
        let here = Arc::new(Mutex::new(None));
        let seen = here.clone();
        let leaf = Node::with(&drops, OnDrop::new(move || *seen.lock().unwrap() = Some(thread::current().id())));
        let middle = Node::new(&drops);
        middle.link(&leaf);
        let clone = middle.clone();
        drop(leaf);
        drop(middle);
        assert_eq!(drops.count(), 0, "there is another handle");
        drop(clone);
        assert_eq!(drops.count(), 2, "the last one is gone, and what it held");
        assert_eq!(*here.lock().unwrap(), Some(thread::current().id()));

        let node = Node::new(&drops);
        let there = node.clone();
        thread::spawn(move || drop(there)).join().unwrap();
        assert_eq!(drops.count(), 2);
        drop(node);
        assert_eq!(drops.count(), 3);
        let node = Node::new(&drops);
        let count = drops.clone();
        thread::spawn(move || {
            drop(node);
            assert_eq!(count.count(), 4);
        })
        .join()
        .unwrap();
    });
}

#[test]
fn g01_fields_are_dropped_in_order_and_before_others_that_they_held() {
    in_child("g01_fields_are_dropped_in_order_and_before_others_that_they_held", || {
        #[derive(Trace)]
        struct Pair {
            first: OnDrop,
            inner: Gc<OnDrop>,
            last: OnDrop,
        }
        no_automatic_collections();
        let log = Arc::new(Mutex::new(Vec::new()));
        let entry = |name: &'static str| {
            let log = log.clone();
            OnDrop::new(move || log.lock().unwrap().push(name))
        };
        let pair = Gc::new(Pair { first: entry("first"), inner: Gc::new(entry("inner")), last: entry("last") });
        let _ = (&pair.first, &pair.inner, &pair.last);
        drop(pair);
        assert_eq!(*log.lock().unwrap(), ["first", "last", "inner"], "nothing recurses");
    });
}

#[test]
fn g02_rings_of_all_sizes_by_one_collection() {
    let drops = Drops::new();
    let sizes = [1, 2, 3, 4, 7, 63, 64, 65, 128];
    for len in sizes {
        drop(ring(len, &drops));
    }
    collect();
    assert_eq!(drops.count(), sizes.iter().sum());
}

#[derive(Trace)]
struct Many {
    list: Mutex<Vec<Gc<Many>>>,
    counted: Counted,
}

impl Many {
    fn new(drops: &Drops) -> Gc<Many> {
        Gc::new(Many { list: Mutex::default(), counted: drops.counted() })
    }

    fn push(&self, other: &Gc<Many>) {
        self.list.lock().unwrap().push(other.clone());
    }
}

#[test]
fn g02_everybody_holds_everybody() {
    let n = if cfg!(miri) { 6 } else { 80 };
    let drops = Drops::new();
    let nodes: Vec<_> = (0..n).map(|_| Many::new(&drops)).collect();
    for a in &nodes {
        for b in &nodes {
            a.push(b);
        }
    }
    collect();
    assert_eq!(drops.count(), 0, "all are held");
    let last = nodes.into_iter().next_back();
    collect();
    assert_eq!(drops.count(), 0, "all are reached");
    last.as_ref().unwrap().counted.check();
    drop(last);
    collect();
    assert_eq!(drops.count(), n);
}

#[test]
fn g02_what_is_held_from_outside_survives_with_all_that_it_reaches() {
    let drops = Drops::new();
    let (garbage, kept) = (ring(5, &drops), ring(7, &drops));
    // A ring that holds the other, which is held from outside too.
    let bridge = Many::new(&drops);
    bridge.push(&bridge);
    let tail = Node::new(&drops);
    kept.next.lock().unwrap().as_ref().unwrap().counted.check();
    let tail_holder = Node::new(&drops);
    tail_holder.link(&tail);
    drop((garbage, bridge, tail));
    collect();
    assert_eq!(drops.count(), 6);
    let mut here = kept.clone();
    for _ in 0..7 {
        here.counted.check();
        let next = here.next.lock().unwrap().clone().unwrap();
        here = next;
    }
    assert!(Gc::ptr_eq(&here, &kept));
    tail_holder.next.lock().unwrap().as_ref().unwrap().counted.check();
    drop((kept, here, tail_holder));
    collect();
    assert_eq!(drops.count(), 15);
}

#[test]
fn g02_through_every_kind_of_field() {
    #[derive(Trace)]
    enum Field {
        Locked(Mutex<Option<Gc<Kinds>>>),
        Shared { lock: RwLock<Option<Gc<Kinds>>> },
        Once(OnceLock<Gc<Kinds>>),
        List(Mutex<Vec<Gc<Kinds>>>),
        Boxed(Box<Mutex<Option<Gc<Kinds>>>>),
        Map(Mutex<HashMap<u8, Gc<Kinds>>>),
        Tree(RwLock<BTreeMap<Gc<str>, (u8, Option<Gc<Kinds>>)>>),
        Array([Mutex<Option<Gc<Kinds>>>; 3]),
        Nested(Mutex<Option<Box<Mutex<Vec<Gc<Kinds>>>>>>),
        Slice(OnceLock<Gc<[Gc<Kinds>]>>),
    }
    #[derive(Trace)]
    struct Kinds {
        field: Field,
        counted: Counted,
    }
    let drops = Drops::new();
    let fields = || {
        [
            Field::Locked(Mutex::default()),
            Field::Shared { lock: RwLock::default() },
            Field::Once(OnceLock::new()),
            Field::List(Mutex::default()),
            Field::Boxed(Box::default()),
            Field::Map(Mutex::default()),
            Field::Tree(RwLock::default()),
            Field::Array(Default::default()),
            Field::Nested(Mutex::default()),
            Field::Slice(OnceLock::new()),
        ]
    };
    let link = |from: &Gc<Kinds>, to: Gc<Kinds>| match &from.field {
        Field::Locked(lock) => *lock.lock().unwrap() = Some(to),
        Field::Shared { lock } => *lock.write().unwrap() = Some(to),
        Field::Once(once) => assert!(once.set(to).is_ok()),
        Field::List(list) => list.lock().unwrap().push(to),
        Field::Boxed(lock) => *lock.lock().unwrap() = Some(to),
        Field::Map(map) => drop(map.lock().unwrap().insert(1, to)),
        Field::Tree(map) => drop(map.write().unwrap().insert("key".into(), (1, Some(to)))),
        Field::Array(locks) => *locks[1].lock().unwrap() = Some(to),
        Field::Nested(lock) => *lock.lock().unwrap() = Some(Box::new(Mutex::new(vec![to.clone(), to]))),
        Field::Slice(once) => assert!(once.set([to.clone(), to].into()).is_ok()),
    };
    let make = |field| Gc::new(Kinds { field, counted: drops.counted() });
    for field in fields() {
        let own = make(field);
        own.counted.check();
        link(&own, own.clone());
    }
    let all: Vec<_> = fields().map(make).into();
    for (index, from) in all.iter().enumerate() {
        link(from, all[(index + 1) % all.len()].clone());
    }
    drop(all);
    collect();
    assert_eq!(drops.count(), 2 * fields().len());
}

#[test]
fn g02_garbage_of_other_threads_dead_ones_too() {
    let drops = Drops::new();
    let (ready, steady) = (Barrier::new(5), Barrier::new(5));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..SOME {
                        drop(ring(3, &drops));
                    }
                    ready.wait();
                    // Alive while the collection runs, with what it has not handed over.
                    steady.wait();
                })
            })
            .collect();
        ready.wait();
        collect();
        assert_eq!(drops.count(), 4 * 3 * SOME);
        steady.wait();
        join_all(threads);
    });
    let count = drops.clone();
    thread::spawn(move || drop(ring(3, &count))).join().unwrap();
    collect();
    assert_eq!(drops.count(), 4 * 3 * SOME + 3);
}

#[test]
fn g03_ten_million_long_chain_and_ring() {
    #[derive(Trace)]
    struct Link {
        next: Mutex<Option<Gc<Link>>>,
        counted: Option<Counted>,
    }
    let drops = Drops::new();
    // On a small stack: whatever recurses does not get far.
    let build = |drops: &Drops, end: Option<Gc<Link>>| {
        let mut last = end;
        for index in 0..MANY {
            last = Some(Gc::new(Link {
                next: Mutex::new(last.take()),
                counted: (index % 100 == 0).then(|| drops.counted()),
            }));
        }
        last.unwrap()
    };
    let count = drops.clone();
    let work = move || {
        let expected = MANY.div_ceil(100);
        let chain = build(&count, None);
        assert!(chain.counted.is_none() || MANY % 100 == 1);
        drop(chain);
        // What a collection in the background put off is done when this returns.
        collect();
        assert_eq!(count.count(), expected, "the chain");

        let first = Gc::new(Link { next: Mutex::new(None), counted: None });
        let last = build(&count, Some(first.clone()));
        let weak = Gc::downgrade(&last);
        *first.next.lock().unwrap() = Some(last);
        collect();
        assert_eq!(count.count(), expected, "the ring is held");
        drop(first);
        collect();
        assert_eq!(count.count(), 2 * expected, "the ring");
        assert!(weak.upgrade().is_none());

        // A ring with a chain that dies with it.
        let first = Gc::new(Link { next: Mutex::new(None), counted: None });
        *first.next.lock().unwrap() = Some(first.clone());
        let chain = build(&count, Some(first));
        drop(chain);
        collect();
        assert_eq!(count.count(), 3 * expected, "the chain that ends in a ring");
    };
    let small = thread::Builder::new().stack_size(256 << 10);
    small.spawn(work).unwrap().join().unwrap();
}

#[test]
fn g04_threads_move_handles_while_collections_run() {
    const CELLS: usize = 16;
    let (threads, steps) = (4, if cfg!(miri) { 60 } else { 20_000 });
    let drops = Drops::new();
    let made = Drops::new();
    let new = |next: Option<Gc<Node>>| {
        drop(made.counted());
        let node = Node::new(&drops);
        *lock(&node.next) = next;
        node
    };
    let cells: Vec<Gc<Node>> = (0..CELLS).map(|_| new(None)).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let collector = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                collect();
            }
        });
        let workers: Vec<_> = (0..threads)
            .map(|seed| {
                let (cells, new) = (&cells, &new);
                scope.spawn(move || {
                    let mut state = seed as u64 + 1;
                    let mut random = move |n: usize| {
                        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                        (state >> 33) as usize % n
                    };
                    let mut hand: Option<Gc<Node>> = None;
                    for _ in 0..steps {
                        let cell = &cells[random(CELLS)];
                        if let Some(node) = &hand {
                            node.counted.check();
                        }
                        match random(6) {
                            0 => hand = Some(new(hand.take())),
                            1 => hand = lock(&cell.next).clone(),
                            2 => mem::swap(&mut *lock(&cell.next), &mut hand),
                            3 => {
                                // One step on, with nothing but the guard to hold the way.
                                let guard = lock(&cell.next);
                                if let Some(node) = &*guard {
                                    hand = node.next.try_lock().ok().and_then(|next| next.clone());
                                }
                            }
                            4 => {
                                if let Some(node) = &hand {
                                    node.link(cell);
                                }
                            }
                            _ => {
                                if let Some(node) = hand.take() {
                                    node.link(&node);
                                }
                            }
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        collector.join().unwrap();
    });
    for cell in &cells {
        cell.counted.check();
    }
    drop(cells);
    collect();
    assert_eq!(drops.count(), made.count());
}

/// A reference that does not keep its object alive.
///
/// # Safety
///
/// The object stays for as long as the reference is used.
unsafe fn unheld<T>(handle: &Gc<T>) -> &'static T {
    // SAFETY: by contract.
    unsafe { &*Gc::as_ptr(handle) }
}

#[test]
fn g05_a_locked_object_is_spared() {
    let drops = Drops::new();
    let a = ring(3, &drops);
    // SAFETY: a locked object is spared, which is what is tested.
    let guard = unsafe { unheld(&a) }.next.lock().unwrap();
    drop(a);
    assert!(collect().undecided);
    assert_eq!(drops.count(), 0);
    guard.as_ref().unwrap().counted.check();
    drop(guard);
    collect();
    assert_eq!(drops.count(), 3);
}

#[test]
fn g05_a_write_locked_object_is_spared_and_a_read_locked_one_is_not_waited_for() {
    #[derive(Trace)]
    struct Own {
        this: RwLock<Option<Gc<Own>>>,
        counted: Counted,
    }
    let drops = Drops::new();
    let new = || {
        let own = Gc::new(Own { this: RwLock::new(None), counted: drops.counted() });
        *own.this.write().unwrap() = Some(own.clone());
        own
    };
    let own = new();
    // SAFETY: a locked object is spared, which is what is tested.
    let guard = unsafe { unheld(&own) }.this.write().unwrap();
    drop(own);
    assert!(collect().undecided);
    assert_eq!(drops.count(), 0);
    guard.as_ref().unwrap().counted.check();
    drop(guard);
    let held = new();
    let guard = held.this.read().unwrap();
    collect();
    assert_eq!(drops.count(), 1);
    drop(guard);
    drop(held);
    collect();
    assert_eq!(drops.count(), 2);
}

#[test]
fn g05_a_lock_of_another_thread_is_not_waited_for() {
    let drops = Drops::new();
    let a = ring(2, &drops);
    let (locked, is_locked) = channel();
    let (release, released) = channel::<()>();
    let holder = a.clone();
    let thread = thread::spawn(move || {
        // SAFETY: a locked object is spared, which is what is tested.
        let guard = unsafe { unheld(&holder) }.next.lock().unwrap();
        drop(holder);
        locked.send(()).unwrap();
        released.recv().unwrap_err();
        guard.as_ref().unwrap().counted.check();
    });
    is_locked.recv().unwrap();
    drop(a);
    assert!(collect().undecided);
    assert_eq!(drops.count(), 0);
    drop(release);
    thread.join().unwrap();
    collect();
    assert_eq!(drops.count(), 2);
}

#[test]
fn g05_a_poisoned_lock_spares_its_object_until_it_is_cleared() {
    let drops = Drops::new();
    let a = ring(2, &drops);
    let poisoner = a.clone();
    thread::spawn(move || {
        let _guard = poisoner.next.lock().unwrap();
        quiet_panic("poison");
    })
    .join()
    .unwrap_err();
    // SAFETY: an object with a poisoned lock is spared, which is what is tested.
    let unheld = unsafe { unheld(&a) };
    drop(a);
    collect();
    assert_eq!(drops.count(), 0);
    assert!(unheld.next.is_poisoned());
    unheld.next.clear_poison();
    collect();
    assert_eq!(drops.count(), 2);
}

#[test]
fn g05_a_leaked_guard_spares_its_object_for_ever() {
    let drops = Drops::new();
    let a = ring(2, &drops);
    mem::forget(a.next.lock().unwrap());
    drop(a);
    for _ in 0..3 {
        assert!(collect().undecided);
        assert_eq!(drops.count(), 0);
    }
}

#[test]
fn g05_what_is_beside_a_locked_object_is_collected() {
    let drops = Drops::new();
    let a = ring(2, &drops);
    let held = ring(3, &drops);
    let guard = held.next.lock().unwrap();
    drop(a);
    collect();
    assert_eq!(drops.count(), 2);
    drop(guard);
}

#[test]
fn g06_collect_in_drop() {
    let drops = Drops::new();
    // In the drop of a last handle, with garbage around; and in a condemned set.
    drop(ring(3, &drops));
    drop(Node::with(&drops, OnDrop::new(|| _ = collect())));
    collect();
    assert_eq!(drops.count(), 4);
    let other = drops.clone();
    let a = Node::with(
        &drops,
        OnDrop::new(move || {
            drop(ring(2, &other));
            collect();
        }),
    );
    a.link(&a);
    drop(a);
    collect();
    collect();
    assert_eq!(drops.count(), 7);
}

#[test]
fn g06_collect_with_locks_held() {
    let drops = Drops::new();
    let (a, b) = (ring(2, &drops), Node::new(&drops));
    let lock = Mutex::new(());
    let _outer = lock.lock().unwrap();
    let _own = a.next.lock().unwrap();
    let _other = b.next.lock().unwrap();
    drop(ring(2, &drops));
    collect();
    assert_eq!(drops.count(), 2);
}

#[test]
fn g06_collect_from_many_threads_at_once() {
    let drops = Drops::new();
    let barrier = Barrier::new(8);
    let rounds = if cfg!(miri) { 1 } else { 10 };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        barrier.wait();
                        let mine = Drops::new();
                        drop(ring(5, &mine));
                        drop(ring(5, &drops));
                        collect();
                        assert_eq!(mine.count(), 5, "what was garbage before the call is gone after it");
                    }
                })
            })
            .collect();
        join_all(threads);
    });
    collect();
    assert_eq!(drops.count(), 8 * 5 * rounds);
}

/// What dies while one collection runs is put off to its end, and may come to another one there.
#[test]
fn g06_collect_is_exact_while_others_collect() {
    let (rounds, len) = match (cfg!(miri), cfg!(debug_assertions)) {
        (true, _) => (3, 10),
        (_, true) => (10, 100_000),
        _ => (20, 300_000),
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let others: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        collect();
                    }
                })
            })
            .collect();
        for round in 0..rounds {
            let drops = Drops::new();
            let mut chain = Node::new(&drops);
            for _ in 1..len {
                let node = Node::new(&drops);
                *node.next.lock().unwrap() = Some(chain);
                chain = node;
            }
            drop(chain);
            collect();
            if drops.count() != len {
                done.store(true, Ordering::Relaxed);
            }
            assert_eq!(drops.count(), len, "round {round}");
        }
        done.store(true, Ordering::Relaxed);
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn g07_panicking_drop_in_a_condemned_set() {
    let drops = Drops::new();
    let before = heap::stats().drop_panics;
    let first = Node::with(&drops, OnDrop::new(|| quiet_panic("first")));
    let mut last = first.clone();
    let mut panics = 1;
    for index in 0..SOME {
        let panic = index % 7 == 0;
        panics += usize::from(panic);
        let node = match panic {
            true => Node::with(&drops, OnDrop::new(|| quiet_panic("in a drop"))),
            false => Node::new(&drops),
        };
        node.link(&last);
        last = node;
    }
    first.link(&last);
    drop((first, last));
    collect();
    assert_eq!(drops.count(), SOME + 1);
    assert!(heap::stats().drop_panics >= before + panics as u64);
}

#[test]
fn g07_panicking_drops_are_reported() {
    in_child("g07_panicking_drops_are_reported", || {
        use tracegc::cleanup::{PanicOrigin, set_panic_hook};
        no_automatic_collections();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = reports.clone();
        set_panic_hook(move |report| {
            let entry = (report.origin(), report.message().map(str::to_owned));
            sink.lock().unwrap().push(entry);
        });
        let drops = Drops::new();
        drop(Node::with(&drops, OnDrop::new(|| quiet_panic("last drop"))));
        let own = Node::with(&drops, OnDrop::new(|| quiet_panic("condemned")));
        own.link(&own);
        drop(own);
        collect();
        assert_eq!(drops.count(), 2);
        let expected = ["last drop", "condemned"].map(|text| (PanicOrigin::Drop, Some(text.to_owned())));
        assert_eq!(*reports.lock().unwrap(), expected);
        assert_eq!(heap::stats().drop_panics, 2);
        tracegc::cleanup::take_panic_hook();
    });
}

#[test]
fn g08_more_than_131072_handles_to_one_object() {
    let n = if cfg!(miri) { 200 } else { (1 << 17) + 77 };
    let drops = Drops::new();
    let hub = Many::new(&drops);
    let handles: Vec<_> = (0..n).map(|_| hub.clone()).collect();
    assert_eq!(Gc::strong_count(&hub), n + 1);
    collect();
    hub.counted.check();
    // As edges: all of them have to be found.
    let holder = Many::new(&drops);
    holder.push(&holder);
    *holder.list.lock().unwrap() = handles;
    holder.push(&holder);
    hub.push(&holder);
    drop(hub);
    collect();
    assert_eq!(drops.count(), 0, "all are held");
    drop(holder);
    collect();
    assert_eq!(drops.count(), 2);
}

#[test]
fn g08_edges_are_counted_exactly() {
    let drops = Drops::new();
    let multiples = [1, 2, 62, 63, 64, 65, 126, 127, 128, 129, 191, 192, 193, 256];
    for n in multiples {
        let (a, b) = (Many::new(&drops), Many::new(&drops));
        for _ in 0..n {
            a.push(&b);
        }
        b.push(&a);
        let weak = Gc::downgrade(&b);
        drop(a);
        collect();
        b.counted.check();
        drop(b);
        collect();
        assert!(weak.upgrade().is_none(), "{n} edges");
    }
    assert_eq!(drops.count(), 2 * multiples.len());
}

#[derive(Trace)]
struct Skipping {
    this: Mutex<Option<Gc<Skipping>>>,
    #[trace(skip)]
    hidden: Mutex<Option<Gc<Node>>>,
    shared: Option<Arc<Gc<Node>>>,
}

impl Skipping {
    /// A garbage object, but for the handle that is returned.
    fn new(hidden: Option<Gc<Node>>, shared: Option<Gc<Node>>) -> Gc<Skipping> {
        let own =
            Gc::new(Skipping { this: Mutex::new(None), hidden: Mutex::new(hidden), shared: shared.map(Arc::new) });
        *own.this.lock().unwrap() = Some(own.clone());
        own
    }
}

#[test]
fn g09_what_is_not_traced_is_kept_alive() {
    let drops = Drops::new();
    let holder = Skipping::new(Some(ring(3, &drops)), Some(ring(3, &drops)));
    collect();
    assert_eq!(drops.count(), 0);
    holder.hidden.lock().unwrap().as_ref().unwrap().counted.check();
    holder.shared.as_ref().unwrap().counted.check();
}

#[test]
fn g09_what_garbage_held_untraced_is_collected_by_the_same_call() {
    let drops = Drops::new();
    let n = if cfg!(miri) { 20 } else { 1000 };
    drop(Skipping::new(Some(ring(n, &drops)), Some(ring(n, &drops))));
    collect();
    assert_eq!(drops.count(), 2 * n);
}

#[test]
fn g09_however_much_garbage_held_untraced_it_is_collected_by_the_same_call() {
    let drops = Drops::new();
    let n = if cfg!(miri) { 50 } else { 200_000 };
    drop(Skipping::new(Some(ring(n, &drops)), None));
    collect();
    assert_eq!(drops.count(), n);
}

#[test]
fn g09_an_untraced_circle_is_kept_and_nothing_worse() {
    #[derive(Trace)]
    struct Hidden {
        #[trace(skip)]
        this: Mutex<Option<Gc<Hidden>>>,
        counted: Counted,
    }
    let drops = Drops::new();
    let hidden = Gc::new(Hidden { this: Mutex::new(None), counted: drops.counted() });
    *hidden.this.lock().unwrap() = Some(hidden.clone());
    let weak = Gc::downgrade(&hidden);
    drop(hidden);
    collect();
    let hidden = weak.upgrade().unwrap();
    hidden.counted.check();
    // Taken apart by hand, it dies.
    let out = hidden.this.lock().unwrap().take();
    drop((hidden, out));
    collect();
    assert_eq!(drops.count(), 1);
}

trait Shape: Trace + Send + Sync {
    fn area(&self) -> u32;
    fn hold(&self, other: Gc<dyn Shape>);
}

#[derive(Trace)]
struct Square {
    side: u32,
    others: Mutex<Vec<Gc<dyn Shape>>>,
    counted: Counted,
}

impl Shape for Square {
    fn area(&self) -> u32 {
        self.counted.check();
        self.side * self.side
    }
    fn hold(&self, other: Gc<dyn Shape>) {
        self.others.lock().unwrap().push(other);
    }
}

fn square(side: u32, drops: &Drops) -> Gc<dyn Shape> {
    unsize!(Gc::new(Square { side, others: Mutex::default(), counted: drops.counted() }) => dyn Shape)
}

#[test]
fn g10_trait_objects() {
    let drops = Drops::new();
    let (a, b) = (square(2, &drops), square(3, &drops));
    a.hold(b.clone());
    b.hold(a.clone());
    let weak: Weak<dyn Shape> = Gc::downgrade(&a);
    drop(a);
    collect();
    assert_eq!(weak.upgrade().unwrap().area() + b.area(), 13);
    drop(b);
    collect();
    assert_eq!(drops.count(), 2);
    assert!(weak.upgrade().is_none());
}

#[test]
fn g10_slices_and_strings() {
    #[derive(Trace)]
    struct Element {
        slice: OnceLock<Gc<[Element]>>,
        text: Gc<str>,
        counted: Counted,
    }
    let drops = Drops::new();
    for len in [1, 2, 63, 500] {
        let slice: Gc<[Element]> = (0..len)
            .map(|index| Element {
                slice: OnceLock::new(),
                text: format!("element {index}").into(),
                counted: drops.counted(),
            })
            .collect();
        for element in slice.iter() {
            assert!(element.slice.set(slice.clone()).is_ok());
        }
        collect();
        assert_eq!(slice.len(), len);
        assert_eq!(&*slice[len - 1].text, format!("element {}", len - 1));
        slice[0].counted.check();
    }
    collect();
    assert_eq!(drops.count(), 566);

    let empty: Gc<[Gc<Node>]> = Vec::new().into();
    let units: Gc<[()]> = [(); 7].into();
    let (none, text): (Gc<str>, Gc<str>) = ("".into(), "näive".into());
    collect();
    assert_eq!((empty.len(), units.len(), &*none, &*text), (0, 7, "", "näive"));
    let bytes = unsize!(Gc::new([1_u8, 2, 3]) => [u8]);
    assert_eq!(*bytes, [1, 2, 3]);
}

#[test]
fn g10_downcast() {
    let drops = Drops::new();
    let any = unsize!(Node::new(&drops) => dyn Any + Send + Sync);
    let any = any.downcast::<String>().unwrap_err();
    let weak = Gc::downgrade(&any);
    let node = any.downcast::<Node>().unwrap();
    node.link(&node);
    collect();
    node.counted.check();
    assert!(weak.upgrade().unwrap().is::<Node>());
    drop(node);
    collect();
    assert_eq!(drops.count(), 1);
}

#[test]
fn g11_handles_anywhere_keep_alive() {
    static GLOBAL: OnceLock<Gc<Node>> = OnceLock::new();
    static LIST: Mutex<Vec<Gc<Node>>> = Mutex::new(Vec::new());
    thread_local!(static LOCAL: OnceLock<Gc<Node>> = const { OnceLock::new() });
    let drops = Drops::new();
    let new = || ring(2, &drops);

    assert!(GLOBAL.set(new()).is_ok());
    LIST.lock().unwrap().push(new());
    let (ready, is_ready) = sync_channel(0);
    let (end, ended) = channel::<()>();
    let node = new();
    let thread = thread::spawn(move || {
        LOCAL.with(|local| assert!(local.set(node).is_ok()));
        ready.send(()).unwrap();
        ended.recv().unwrap_err();
        LOCAL.with(|local| local.get().unwrap().counted.check());
    });
    is_ready.recv().unwrap();
    let (sender, receiver) = channel();
    sender.send(new()).unwrap();
    let shared = Arc::new(new());
    let in_closure = new();
    let closure: Box<dyn Fn() + Send> = Box::new(move || in_closure.counted.check());
    let on_stack = [Some(new()), None];
    let leaked = Box::into_raw(Box::new(new()));

    for _ in 0..2 {
        collect();
        assert_eq!(drops.count(), 0);
    }
    GLOBAL.get().unwrap().counted.check();
    LIST.lock().unwrap()[0].counted.check();
    receiver.recv().unwrap().counted.check();
    shared.counted.check();
    closure();
    on_stack[0].as_ref().unwrap().counted.check();
    // SAFETY: it stays until the end.
    unsafe { &*leaked }.counted.check();

    drop(end);
    thread.join().unwrap();
    LIST.lock().unwrap().clear();
    drop((sender, receiver, shared, closure, on_stack));
    collect();
    assert_eq!(drops.count(), 12, "all but the global and the leaked one");
    // SAFETY: it came from a box, above. (Miri reports what is leaked.)
    drop(unsafe { Box::from_raw(leaked) });
}

#[test]
fn g13_objects_stay_where_they_are() {
    let drops = Drops::new();
    let objects: Vec<_> = (0..SOME).map(|index| (Gc::new([index; 5]), ring(2, &drops))).collect();
    let addresses: Vec<_> = objects.iter().map(|(a, b)| (Gc::as_ptr(a), Gc::as_ptr(b))).collect();
    let first: &[usize; 5] = &objects[0].0;
    for _ in 0..3 {
        drop(ring(SOME, &drops));
        collect();
        for ((a, b), old) in objects.iter().zip(&addresses) {
            assert_eq!((Gc::as_ptr(a), Gc::as_ptr(b)), *old);
        }
    }
    assert_eq!(*first, [0; 5]);
    for (index, (a, b)) in objects.iter().enumerate() {
        assert_eq!(**a, [index; 5]);
        b.counted.check();
    }
}

#[test]
fn g13_alignment_of_values() {
    macro_rules! check {
        ($($align:literal)+) => {$({
            #[repr(align($align))]
            #[derive(Trace)]
            struct Aligned {
                this: OnceLock<Gc<Aligned>>,
                counted: Counted,
            }
            let drops = Drops::new();
            let objects: Vec<_> = (0..20)
                .map(|_| Gc::new(Aligned { this: OnceLock::new(), counted: drops.counted() }))
                .collect();
            for object in &objects {
                assert_eq!(Gc::as_ptr(object).addr() % $align, 0);
                assert!(object.this.set(object.clone()).is_ok());
                object.counted.check();
            }
            drop(objects);
            collect();
            assert_eq!(drops.count(), 20, "aligned to {}", $align);
        })+};
    }
    check!(1 8 16 32 64 128 256 512 1024 2048 4096);
}

/// A `Trace` that shows nothing is allowed anywhere.
#[test]
fn g09_a_type_that_shows_nothing() {
    struct Silent(Mutex<Option<Gc<Node>>>);
    // SAFETY: nothing is shown.
    unsafe impl Trace for Silent {
        fn trace(&self, _: &mut Tracer<'_>) {}
    }
    let drops = Drops::new();
    let silent = Gc::new(Silent(Mutex::new(Some(ring(2, &drops)))));
    collect();
    assert_eq!(drops.count(), 0);
    silent.0.lock().unwrap().as_ref().unwrap().counted.check();
    drop(silent);
    collect();
    assert_eq!(drops.count(), 2);
}
