//! User code that does its worst: nothing may hang, abort, or be lost.

mod common;

use std::cell::RefCell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::thread;

use common::{Counted, Drops, LONG, Node, OnDrop, Threads, child, in_child, quiet_panic, ring};
use tracegc::{Gc, Trace, Tracer, Weak, cleanup, collect, heap};

/// Lets an object with this drop die in both ways: by its last handle, and as a part of garbage.
fn both_ways(drops: &Drops, make: impl Fn() -> OnDrop) {
    drop(Node::with(drops, make()));
    collect();
    let own = Node::with(drops, make());
    let other = ring(2, drops);
    own.link(&other);
    other.link(&own);
    drop((own, other));
    collect();
    assert!(drops.count() >= 4);
}

#[test]
fn drop_that_allocates() {
    let drops = Drops::new();
    let keep: Arc<Mutex<Vec<Gc<Node>>>> = Arc::default();
    both_ways(&drops, || {
        let (drops, keep) = (drops.clone(), keep.clone());
        OnDrop::new(move || {
            drop(ring(10, &drops));
            keep.lock().unwrap().push(ring(2, &drops));
            drop(Gc::new([0_u8; 100_000]));
        })
    });
    collect();
    assert_eq!(drops.count(), 4 + 20);
    keep.lock().unwrap().clear();
    collect();
    assert_eq!(drops.count(), 4 + 24);
}

#[test]
fn drop_that_makes_an_object_like_itself() {
    fn again(left: usize, drops: &Drops) -> Gc<Node> {
        let count = drops.clone();
        Node::with(
            drops,
            OnDrop::new(move || {
                if left > 0 {
                    drop(again(left - 1, &count));
                }
            }),
        )
    }
    let drops = Drops::new();
    // Nested as deep as a stack would not bear.
    let n = if cfg!(miri) { 50 } else { 100_000 };
    drop(again(n, &drops));
    collect();
    assert_eq!(drops.count(), n + 1);
}

#[test]
fn drop_that_clones_drops_and_moves_handles_to_others() {
    let drops = Drops::new();
    let alive = Node::new(&drops);
    both_ways(&drops, || {
        let alive = alive.clone();
        OnDrop::new(move || {
            let clone = alive.clone();
            alive.link(&clone);
            drop(alive);
            let out = clone.next.lock().unwrap().take();
            drop(out);
            clone.counted.check();
        })
    });
    alive.counted.check();
    assert_eq!(Gc::strong_count(&alive), 1);
    drop(alive);
    collect();
    assert_eq!(drops.count(), 5);
}

#[test]
fn drop_that_registers_cleanups() {
    let _threads = Threads;
    let drops = Drops::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let other = Node::new(&drops);
    both_ways(&drops, || {
        let (other, ran) = (other.clone(), ran.clone());
        OnDrop::new(move || {
            let count = ran.clone();
            Gc::add_cleanup(&other, count, |count| _ = count.fetch_add(1, Ordering::SeqCst)).unwrap();
            let young = Gc::new(1);
            Gc::add_cleanup(&young, ran, |count| _ = count.fetch_add(10, Ordering::SeqCst)).unwrap();
        })
    });
    drop(other);
    collect();
    assert!(cleanup::wait(LONG));
    assert_eq!(ran.load(Ordering::SeqCst), 22);
}

/// The object that is being dropped refuses a cleanup, however it dies.
#[test]
fn drop_that_registers_a_cleanup_with_its_own_object() {
    struct Tries(Arc<AtomicUsize>);
    impl Drop for Tries {
        fn drop(&mut self) {
            let error = tracegc::add_cleanup(&self.0, "back", |_| unreachable!()).unwrap_err();
            assert_eq!(error.into_arg(), "back");
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    // SAFETY: it holds no handle.
    unsafe impl Trace for Tries {
        fn trace(&self, _: &mut Tracer<'_>) {}
    }
    #[derive(Trace)]
    struct Own {
        this: OnceLock<Gc<Own>>,
        tries: Tries,
    }
    let tried = Arc::new(AtomicUsize::new(0));
    let new = || Gc::new(Own { this: OnceLock::new(), tries: Tries(tried.clone()) });
    let own = new();
    let _ = &own.tries;
    assert!(own.this.set(own.clone()).is_ok());
    drop((own, new()));
    collect();
    assert_eq!(tried.load(Ordering::SeqCst), 2);
}

/// The thread that the destructor waits for must not call `collect`, which waits for the destructor.
#[test]
fn drop_that_starts_threads_which_use_the_heap() {
    let drops = Drops::new();
    let alive = Node::new(&drops);
    let threads: Arc<Mutex<Vec<_>>> = Arc::default();
    both_ways(&drops, || {
        let (drops, alive, threads) = (drops.clone(), alive.clone(), threads.clone());
        OnDrop::new(move || {
            thread::spawn(move || {
                alive.link(&ring(3, &drops));
                drop(alive);
            })
            .join()
            .unwrap();
            threads.lock().unwrap().push(thread::spawn(collect));
        })
    });
    for thread in threads.lock().unwrap().drain(..) {
        thread.join().unwrap();
    }
    drop(alive);
    collect();
    assert_eq!(drops.count(), 4 + 1 + 6);
}

#[test]
fn drop_that_collects_panics_and_does_it_again() {
    let drops = Drops::new();
    both_ways(&drops, || {
        let drops = drops.clone();
        OnDrop::new(move || {
            drop(ring(4, &drops));
            collect();
            let inner = Node::with(&drops, OnDrop::new(|| quiet_panic("inner")));
            inner.link(&inner);
            drop(inner);
            drop(Node::with(&drops, OnDrop::new(|| quiet_panic("inner"))));
            collect();
            quiet_panic("outer");
        })
    });
    collect();
    assert_eq!(drops.count(), 4 + 8 + 4);
}

#[test]
fn drop_while_unwinding() {
    let drops = Drops::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _first = Node::with(&drops, OnDrop::new(|| quiet_panic("while unwinding")));
        let own = Node::with(&drops, OnDrop::new(|| quiet_panic("while unwinding, condemned")));
        own.link(&own);
        let own_drop = drops.clone();
        let _collects = OnDrop::new(move || {
            drop(ring(3, &own_drop));
            collect();
        });
        drop(own);
        quiet_panic("outer");
    }));
    assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "outer");
    collect();
    assert_eq!(drops.count(), 5);
}

#[test]
fn locks_are_not_poisoned_by_a_collection_while_unwinding() {
    let drops = Drops::new();
    let kept = ring(3, &drops);
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let _collects = OnDrop::new(|| _ = collect());
        quiet_panic("outer");
    }));
    assert!(!kept.next.is_poisoned());
}

/// A `Trace` that panics before, between or after what it shows.
struct Panicking {
    a: Mutex<Option<Gc<Panicking>>>,
    b: Mutex<Option<Gc<Panicking>>>,
    when: AtomicUsize,
    counted: Counted,
}

// SAFETY: what is locked is shown under its lock; a panic leaves the object alive.
unsafe impl Trace for Panicking {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        let when = self.when.load(Ordering::Relaxed);
        for (index, field) in [&self.a, &self.b].into_iter().enumerate() {
            if when == index + 1 {
                quiet_panic("in trace");
            }
            match field.try_lock() {
                // SAFETY: the guard borrows from `self`, and its target lies there.
                Ok(guard) => unsafe { tracer.visit_guarded(guard) },
                Err(_) => tracer.busy(),
            }
        }
        if when == 3 {
            quiet_panic("in trace");
        }
    }
}

#[test]
fn trace_that_panics_spares_the_object_and_what_it_reaches() {
    let drops = Drops::new();
    let new = |when| {
        Gc::new(Panicking {
            a: Mutex::new(None),
            b: Mutex::new(None),
            when: AtomicUsize::new(when),
            counted: drops.counted(),
        })
    };
    for when in 1..=3 {
        let before = drops.count();
        let (bad, good, tail) = (new(when), new(0), new(0));
        *bad.a.lock().unwrap() = Some(good.clone());
        *bad.b.lock().unwrap() = Some(good.clone());
        *good.a.lock().unwrap() = Some(bad.clone());
        *good.b.lock().unwrap() = Some(tail.clone());
        *tail.a.lock().unwrap() = Some(tail.clone());
        let weaks: Vec<Weak<Panicking>> = [&bad, &good, &tail].map(Gc::downgrade).into();
        drop((bad, good, tail));
        drop(ring(2, &drops));
        collect();
        assert_eq!(drops.count(), before + 2, "others are not disturbed");
        let bad = weaks[0].upgrade().expect("it is spared");
        assert!(!bad.a.is_poisoned() && !bad.b.is_poisoned());
        for weak in &weaks {
            weak.upgrade().expect("it is reached by one that is spared").counted.check();
        }
        bad.when.store(0, Ordering::Relaxed);
        drop(bad);
        collect();
        assert_eq!(drops.count(), before + 5);
    }
}

/// A `Trace` that panics only when it is asked for the `n`th time: each phase of a collection meets it.
#[test]
fn trace_that_panics_at_any_time() {
    struct Fused {
        left: AtomicUsize,
        edges: Mutex<Vec<Gc<Fused>>>,
        counted: Counted,
    }
    // SAFETY: as above.
    unsafe impl Trace for Fused {
        fn trace(&self, tracer: &mut Tracer<'_>) {
            match self.edges.try_lock() {
                // SAFETY: as above.
                Ok(guard) => unsafe { tracer.visit_guarded(guard) },
                Err(_) => tracer.busy(),
            }
            let left = self.left.load(Ordering::Relaxed);
            if left > 0 {
                self.left.store(left - 1, Ordering::Relaxed);
                if left == 1 {
                    quiet_panic("now");
                }
            }
        }
    }
    let drops = Drops::new();
    for n in 0..8 {
        let nodes: Vec<_> = (0..5)
            .map(|index| {
                Gc::new(Fused {
                    left: AtomicUsize::new(if index == 2 { n } else { 0 }),
                    edges: Mutex::default(),
                    counted: drops.counted(),
                })
            })
            .collect();
        for node in &nodes {
            node.counted.check();
            *node.edges.lock().unwrap() = nodes.clone();
        }
        drop(nodes);
        // Each of them uses the fuse up a little.
        for _ in 0..10 {
            collect();
        }
        assert_eq!(drops.count(), 5 * (n + 1));
    }
}

/// What the hook that is told of a panic in `trace` may do.
#[test]
#[cfg_attr(miri, ignore = "would hang if it failed")]
fn hook_of_a_panicking_trace_may_use_the_crate_and_wait() {
    in_child("hook_of_a_panicking_trace_may_use_the_crate_and_wait", || {
        struct Bad(Mutex<Option<Gc<Bad>>>);
        // SAFETY: nothing is shown.
        unsafe impl Trace for Bad {
            fn trace(&self, _: &mut Tracer<'_>) {
                quiet_panic("in trace");
            }
        }
        common::no_automatic_collections();
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        cleanup::set_panic_hook(move |_| {
            if count.fetch_add(1, Ordering::SeqCst) > 0 {
                return;
            }
            let mut young = Gc::new(Vec::<Gc<Node>>::new());
            Gc::make_mut(&mut young).clear();
            drop(ring(3, &Drops::new()));
            // Another thread that needs the collector.
            let (sender, receiver) = channel();
            thread::spawn(move || {
                collect();
                sender.send(()).unwrap();
            });
            if receiver.recv_timeout(LONG / 6).is_err() {
                eprintln!("the hook runs with the collector's lock held");
                std::process::abort();
            }
        });
        let bad = Gc::new(Bad(Mutex::new(None)));
        *bad.0.lock().unwrap() = Some(bad.clone());
        collect();
        assert!(told.load(Ordering::SeqCst) > 0);
        cleanup::take_panic_hook();
        tracegc::keep_alive(&bad);
    });
}

#[test]
fn a_thread_exits_with_the_last_handles() {
    let drops = Drops::new();
    for _ in 0..if cfg!(miri) { 2 } else { 50 } {
        let nodes: Vec<_> = (0..20).map(|_| ring(2, &drops)).collect();
        let single: Vec<_> = (0..20).map(|_| Node::new(&drops)).collect();
        thread::spawn(move || {
            let _nodes = nodes;
            let _single = single;
        })
        .join()
        .unwrap();
    }
    collect();
    assert_eq!(drops.count(), 60 * if cfg!(miri) { 2 } else { 50 });
}

/// Runs when the thread-locals of a thread are destroyed.
struct AtExit(Option<Box<dyn FnOnce()>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

thread_local! {
    static AT_EXIT: RefCell<Vec<AtExit>> = const { RefCell::new(Vec::new()) };
}

/// Does something at the exit of a thread, before and after the crate's own thread-locals are gone.
fn at_exit(f: impl Fn(&'static str) + Clone + Send + 'static) {
    for first in [true, false] {
        let (f, g) = (f.clone(), f.clone());
        thread::spawn(move || {
            // Thread-locals go in some order that depends on their first use: both are tried.
            let register = || AT_EXIT.with_borrow_mut(|list| list.push(AtExit(Some(Box::new(move || f("exit"))))));
            if first {
                register();
                g("body");
            } else {
                g("body");
                register();
            }
        })
        .join()
        .unwrap();
    }
}

#[test]
fn thread_local_destructors_drop_handles() {
    let drops = Drops::new();
    for held in [true, false] {
        let nodes: Vec<_> = (0..10).map(|_| ring(3, &drops)).collect();
        let single: Vec<_> = (0..10).map(|_| Node::new(&drops)).collect();
        thread::spawn(move || {
            if held {
                collect();
            }
            AT_EXIT.with_borrow_mut(|list| {
                list.push(AtExit(Some(Box::new(move || {
                    drop(nodes);
                    drop(single);
                }))));
            });
            if !held {
                collect();
            }
        })
        .join()
        .unwrap();
    }
    collect();
    assert_eq!(drops.count(), 80);
}

#[test]
fn thread_local_destructors_allocate_and_collect() {
    let drops = Drops::new();
    let made = Arc::new(AtomicUsize::new(0));
    let (drops_there, made_there) = (drops.clone(), made.clone());
    at_exit(move |_| {
        for len in 1..20 {
            drop(ring(len, &drops_there));
            made_there.fetch_add(len, Ordering::SeqCst);
        }
        let _large = Gc::new([1_u8; 200_000]);
        let mine = Drops::new();
        drop(ring(5, &mine));
        collect();
        assert_eq!(mine.count(), 5);
    });
    collect();
    assert_eq!(made.load(Ordering::SeqCst), 4 * 190);
    assert_eq!(drops.count(), 4 * 190);
}

#[test]
fn thread_local_destructors_use_weak_pointers_and_cleanups() {
    let _threads = Threads;
    let drops = Drops::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let (there, count) = (drops.clone(), ran.clone());
    at_exit(move |_| {
        let node = Node::new(&there);
        let weak = Gc::downgrade(&node);
        weak.upgrade().unwrap().counted.check();
        Gc::add_cleanup(&node, count.clone(), |count| _ = count.fetch_add(1, Ordering::SeqCst)).unwrap();
        let stopped = Gc::add_cleanup(&node, (), |()| unreachable!()).unwrap();
        assert!(stopped.stop());
        drop(node);
        assert!(weak.upgrade().is_none());
    });
    collect();
    assert!(cleanup::wait(LONG));
    assert_eq!((drops.count(), ran.load(Ordering::SeqCst)), (4, 4));
}

#[test]
fn eight_threads_collect_what_all_of_them_make() {
    let rounds = if cfg!(miri) { 2 } else { 30 };
    let drops = Drops::new();
    let shared: Vec<_> = (0..8).map(|_| Node::new(&drops)).collect();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for index in 0..8 {
            let (shared, barrier, drops) = (&shared, &barrier, &drops);
            scope.spawn(move || {
                for round in 0..rounds {
                    barrier.wait();
                    let other = &shared[(index + round) % 8];
                    // Joins the shared node to a new ring, and an old one away from it.
                    let node = ring(4, drops);
                    other.link(&node);
                    node.link(other);
                    drop(node);
                    collect();
                }
            });
        }
    });
    for node in &shared {
        node.counted.check();
    }
    drop(shared);
    collect();
    assert_eq!(drops.count(), 8 + 8 * 4 * rounds);
}

#[test]
fn a_hundred_thousand_threads_one_after_another() {
    let n = match (cfg!(miri), cfg!(debug_assertions)) {
        (true, _) => 10,
        (_, true) => 2_000,
        _ => 100_000,
    };
    let drops = Drops::new();
    let (sender, receiver) = channel();
    let mapped_after = |index: usize| {
        let (drops, sender) = (drops.clone(), sender.clone());
        thread::spawn(move || {
            drop(ring(3, &drops));
            // This one outlives its thread, and is dropped by another.
            sender.send(ring(2, &drops)).unwrap();
        })
        .join()
        .unwrap();
        if index % 3 == 0 {
            drop(receiver.try_iter().collect::<Vec<_>>());
        }
        if index % 100 == 0 {
            collect();
        }
    };
    (0..n).for_each(mapped_after);
    drop(receiver);
    collect();
    assert_eq!(drops.count(), 5 * n);
}

/// A million weak pointers to one object, and as many objects that each have one, in circles.
#[test]
fn a_million_weak_pointers() {
    let n = match (cfg!(miri), cfg!(debug_assertions)) {
        (true, _) => 100,
        (_, true) => 100_000,
        _ => 1_000_000,
    };
    let drops = Drops::new();
    let one = ring(2, &drops);
    let to_one: Vec<Weak<Node>> = (0..n).map(|_| Gc::downgrade(&one)).collect();
    assert_eq!(Gc::weak_count(&one), n);
    let to_many: Vec<Weak<Node>> = (0..n)
        .map(|_| {
            let node = ring(1, &drops);
            Gc::downgrade(&node)
        })
        .collect();
    // Some are in the hands of another thread when the objects die.
    let (there, here) = (to_one[..n / 2].to_vec(), to_many[n / 2..].to_vec());
    let other = thread::spawn(move || {
        there.iter().chain(&here).for_each(|weak| drop(weak.upgrade()));
        (there, here)
    });
    drop(one);
    collect();
    let (there, here) = other.join().unwrap();
    // What was upgraded while it was judged was spared then.
    collect();
    assert_eq!(drops.count(), n + 2);
    for weak in there.iter().chain(&here).chain(&to_one).chain(&to_many) {
        assert!(weak.upgrade().is_none());
        assert_eq!(weak.strong_count(), 0);
    }
}

#[test]
#[cfg_attr(miri, ignore = "reads the figures of a process of its own")]
fn threads_one_after_another_use_the_memory_of_those_before() {
    in_child("threads_one_after_another_use_the_memory_of_those_before", || {
        let some = |n: usize| {
            for _ in 0..n {
                thread::spawn(|| drop((0..100).map(|i| Gc::new([i; 4])).collect::<Vec<_>>())).join().unwrap();
            }
        };
        some(50);
        let before = heap::stats();
        some(2_000);
        let after = heap::stats();
        assert_eq!(after.live_objects, before.live_objects);
        assert!(after.span_bytes <= before.span_bytes + (1 << 20), "{before:?} {after:?}");
        assert_eq!(after.mapped_bytes, before.mapped_bytes);
    });
}

#[test]
#[cfg_attr(miri, ignore = "needs a process of its own")]
fn exit_with_full_queues() {
    let name = "exit_with_full_queues";
    for _ in 0..3 {
        let output = child(name, || {
            let drops = Drops::new();
            for _ in 0..1_000 {
                let node = ring(3, &drops);
                Gc::add_cleanup(&node, (), |()| drop(ring(3, &Drops::new()))).unwrap();
            }
            thread::spawn(|| {
                loop {
                    collect();
                }
            });
            thread::spawn(|| {
                let drops = Drops::new();
                loop {
                    let node = ring(2, &drops);
                    Gc::add_cleanup(&node, (), drop).unwrap();
                }
            });
            AT_EXIT.with_borrow_mut(|list| {
                let drops = drops.clone();
                list.push(AtExit(Some(Box::new(move || drop(ring(3, &drops))))));
            });
            collect();
            std::process::exit(7);
        })
        .unwrap();
        assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
#[cfg_attr(miri, ignore = "leaves a thread behind")]
fn a_cleanup_that_never_returns_stops_nobody_else() {
    in_child("a_cleanup_that_never_returns_stops_nobody_else", || {
        let drops = Drops::new();
        let (entered, has_entered) = channel();
        let node = Node::new(&drops);
        Gc::add_cleanup(&node, entered, |entered| {
            entered.send(()).unwrap();
            loop {
                thread::park();
            }
        })
        .unwrap();
        drop(node);
        collect();
        has_entered.recv().unwrap();
        let (sender, receiver) = channel();
        for index in 0..100 {
            let node = ring(2, &drops);
            Gc::add_cleanup(&node, sender.clone(), move |sender| sender.send(index).unwrap()).unwrap();
        }
        collect();
        let mut ran: Vec<i32> = (0..100).map(|_| receiver.recv_timeout(LONG).unwrap()).collect();
        ran.sort_unstable();
        assert_eq!(ran, (0..100).collect::<Vec<_>>());
        assert!(!cleanup::wait(std::time::Duration::from_millis(1)), "one runs for ever");
    });
}

#[test]
fn a_lock_held_and_leaked_and_poisoned_all_over_the_heap() {
    let drops = Drops::new();
    let n = if cfg!(miri) { 12 } else { 300 };
    let nodes: Vec<_> = (0..n).map(|_| ring(2, &drops)).collect();
    let mut guards = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        match index % 4 {
            0 => guards.push(node.next.lock().unwrap()),
            1 => mem::forget(node.next.lock().unwrap()),
            2 => {
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let _guard = node.next.lock().unwrap();
                    quiet_panic("poison");
                }));
            }
            _ => {}
        }
    }
    assert!(collect().undecided);
    for node in &nodes {
        node.counted.check();
    }
    assert_eq!(drops.count(), 0);
    drop(guards);
    drop(nodes);
    collect();
    // Of each four, one was leaked and one is poisoned.
    assert_eq!(drops.count(), n);
}

/// Forty million handles to one object, most of them by another thread than the one that made it: its count has room for
/// thirty-two. (Half as many where that takes long: some are counted elsewhere from seventeen million on.)
#[test]
fn g08_more_handles_than_a_count_has_room_for() {
    let many = if cfg!(miri) { 1_000 } else { 40_000_000 / if cfg!(debug_assertions) { 2 } else { 1 } };
    let drops = Drops::new();
    let hub = Node::new(&drops);
    let other = Node::new(&drops);
    hub.link(&other);
    other.link(&hub);
    let clone = |times: usize| (0..times).for_each(|_| mem::forget(hub.clone()));
    // SAFETY: as many handles were forgotten as are dropped here.
    let drop_again = |times: usize| (0..times).for_each(|_| drop(unsafe { std::ptr::read(&hub) }));
    thread::scope(|scope| {
        scope.spawn(|| clone(many)).join().unwrap();
        clone(many / 100);
        assert_eq!(Gc::strong_count(&hub), 2 + many + many / 100);
        let weak = Gc::downgrade(&hub);
        assert_eq!(weak.strong_count(), Gc::strong_count(&hub));
        collect();
        drop_again(many / 100);
        scope.spawn(|| drop_again(many - 1)).join().unwrap();
        collect();
        assert_eq!((drops.count(), Gc::strong_count(&hub)), (0, 3));
        scope.spawn(|| drop_again(1)).join().unwrap();
        assert_eq!(Gc::strong_count(&hub), 2);
        assert!(weak.upgrade().is_some());
    });
    drop((hub, other));
    collect();
    assert_eq!(drops.count(), 2);
}
