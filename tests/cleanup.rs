//! Cleanups of objects. The numbers are those of the list of behaviours; what needs a pool of workers to itself is tested
//! beside the pool.

mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use common::{Drops, LONG, Node, OnDrop, Threads, in_child, no_automatic_collections, quiet_panic, ring};
use tracegc::cleanup::{self, CleanupError, PanicOrigin};
use tracegc::heap::{Config, config, set_config};
use tracegc::{Cleanup, Gc, Trace, add_cleanup, collect};

const SOME: usize = if cfg!(miri) { 20 } else { 500 };

fn count_up(count: Arc<AtomicUsize>) {
    count.fetch_add(1, Ordering::SeqCst);
}

fn finish() {
    collect();
    assert!(cleanup::wait(LONG), "cleanups run to their end");
}

#[test]
fn c01_runs_once_on_a_worker_after_the_value_was_dropped() {
    let _threads = Threads;
    let drops = Drops::new();
    let (sender, receiver) = channel();
    let entry = |sender: Sender<_>, drops: &Drops| {
        let drops = drops.clone();
        move |()| sender.send((thread::current().id(), drops.count())).unwrap()
    };
    // By its last handle, and as garbage.
    let node = Node::new(&drops);
    Gc::add_cleanup(&node, (), entry(sender.clone(), &drops)).unwrap();
    finish();
    assert!(receiver.try_recv().is_err(), "the object is alive");
    drop(node);
    finish();
    let own = ring(1, &drops);
    Gc::add_cleanup(&own, (), entry(sender.clone(), &drops)).unwrap();
    drop(own);
    finish();
    drop(sender);
    finish();
    let ran: Vec<_> = receiver.iter().collect();
    assert_eq!(ran.iter().map(|&(_, count)| count).collect::<Vec<_>>(), [1, 2]);
    assert!(ran.iter().all(|&(id, _)| id != thread::current().id()));
}

#[test]
fn c02_all_of_several_run() {
    let _threads = Threads;
    let (sender, receiver) = channel();
    let object = Gc::new(0);
    for index in 0..SOME {
        Gc::add_cleanup(&object, index, {
            let sender = sender.clone();
            move |index| sender.send(index).unwrap()
        })
        .unwrap();
    }
    drop(object);
    finish();
    let ran: Vec<usize> = receiver.try_iter().collect();
    assert_eq!(ran.len(), SOME);
    assert_eq!(ran.into_iter().collect::<HashSet<_>>(), (0..SOME).collect());
}

/// Two cleanups of one object, registered in either order, can wait for each other: neither order is promised, and both
/// are at work at once.
#[test]
fn c04_no_order_is_promised() {
    let _threads = Threads;
    for first in [0, 1] {
        let object = Gc::new(0);
        let (to_other, from_other) = channel();
        let mut ends = [Some(Box::new(move || to_other.send(()).unwrap()) as Box<dyn FnOnce() + Send>), None];
        let (done, met) = channel();
        ends[1] = Some(Box::new(move || done.send(from_other.recv_timeout(LONG).is_ok()).unwrap()));
        for index in [first, 1 - first] {
            let end = ends[index].take().unwrap();
            Gc::add_cleanup(&object, end, |end| end()).unwrap();
        }
        drop(object);
        finish();
        assert_eq!(met.try_recv(), Ok(true));
    }
}

#[test]
fn c03_through_interior_references() {
    let _threads = Threads;
    #[derive(Trace)]
    struct Wide {
        small: u8,
        array: [u16; 50],
        inner: (Mutex<u64>, RwLock<[u8; 3]>),
    }
    let count = Arc::new(AtomicUsize::new(0));
    let new = |count: &Arc<AtomicUsize>| count.clone();
    let wide = Gc::new(Wide { small: 1, array: [2; 50], inner: Default::default() });
    let slice: Gc<[u32]> = (0..100).collect();
    let large = Gc::new([0_u8; 300_000]);
    let text: Gc<str> = "some text".into();
    add_cleanup(&*wide, new(&count), count_up).unwrap();
    add_cleanup(&wide.small, new(&count), count_up).unwrap();
    add_cleanup(&wide.array[49], new(&count), count_up).unwrap();
    add_cleanup(&wide.array[10..20], new(&count), count_up).unwrap();
    add_cleanup(&wide.inner.1, new(&count), count_up).unwrap();
    add_cleanup(&slice[0], new(&count), count_up).unwrap();
    add_cleanup(&slice[99], new(&count), count_up).unwrap();
    add_cleanup(&large[0], new(&count), count_up).unwrap();
    add_cleanup(&large[299_999], new(&count), count_up).unwrap();
    add_cleanup(&text[5..], new(&count), count_up).unwrap();
    finish();
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let mut expected = 0;
    let mut expect = |more| {
        finish();
        expected += more;
        assert_eq!(count.load(Ordering::SeqCst), expected);
    };
    drop(wide);
    expect(5);
    drop(slice);
    expect(2);
    drop(large);
    expect(2);
    drop(text);
    expect(1);
}

#[test]
fn c05_all_of_a_garbage_cycle_are_queued_by_one_collection() {
    let _threads = Threads;
    let drops = Drops::new();
    let count = Arc::new(AtomicUsize::new(0));
    let first = ring(SOME, &drops);
    let mut here = first.clone();
    for _ in 0..SOME {
        let all = drops.clone();
        Gc::add_cleanup(&here, count.clone(), move |count| {
            assert_eq!(all.count(), SOME, "all were dropped before the first cleanup");
            count_up(count);
        })
        .unwrap();
        let next = here.next.lock().unwrap().clone().unwrap();
        here = next;
    }
    drop((first, here));
    collect();
    assert!(cleanup::wait(LONG));
    assert_eq!(count.load(Ordering::SeqCst), SOME);
}

#[test]
fn c06_run_in_parallel_up_to_the_maximum() {
    let _threads = Threads;
    in_child("c06_run_in_parallel_up_to_the_maximum", || {
        assert!(config().workers >= 2);
        let workers = 4;
        set_config(Config { workers, ..config() });
        // They end only if all of them run at once.
        let barrier = Arc::new(Barrier::new(workers));
        let object = Gc::new(0);
        for _ in 0..workers {
            Gc::add_cleanup(&object, barrier.clone(), |barrier| _ = barrier.wait()).unwrap();
        }
        drop(object);
        finish();
        // And never more of them.
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let objects: Vec<_> = (0..SOME).map(Gc::new).collect();
        for object in &objects {
            let (running, most) = (running.clone(), most.clone());
            Gc::add_cleanup(object, (), move |()| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
            })
            .unwrap();
        }
        drop(objects);
        finish();
        assert!((1..=workers).contains(&most.load(Ordering::SeqCst)));
        assert!(cleanup::stats().workers <= workers);
    });
}

#[test]
fn c07_panicking_cleanup_leaves_worker_alive() {
    let _threads = Threads;
    in_child("c07_panicking_cleanup_leaves_worker_alive", || {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = reports.clone();
        cleanup::set_panic_hook(move |report| {
            sink.lock().unwrap().push((report.origin(), report.message().map(str::to_owned)));
        });
        set_config(Config { workers: 1, ..config() });
        let count = Arc::new(AtomicUsize::new(0));
        let object = Gc::new(0);
        for index in 0..10 {
            Gc::add_cleanup(&object, count.clone(), move |count| {
                if index % 2 == 0 {
                    quiet_panic("in a cleanup");
                }
                count_up(count);
            })
            .unwrap();
        }
        drop(object);
        finish();
        assert_eq!(count.load(Ordering::SeqCst), 5);
        let expected = vec![(PanicOrigin::Cleanup, Some("in a cleanup".to_owned())); 5];
        assert_eq!(*reports.lock().unwrap(), expected);
        let stats = cleanup::stats();
        assert_eq!((stats.executed, stats.panicked), (10, 5));
        cleanup::take_panic_hook();
    });
}

#[test]
fn c08_blocked_cleanup_delays_no_other() {
    let _threads = Threads;
    in_child("c08_blocked_cleanup_delays_no_other", || {
        set_config(Config { workers: 2, ..config() });
        let (release, released) = channel::<()>();
        let (entered, has_entered) = channel();
        let (sender, receiver) = channel();
        let object = Gc::new(0);
        Gc::add_cleanup(&object, (), move |()| {
            entered.send(()).unwrap();
            released.recv().unwrap_err();
        })
        .unwrap();
        // Of the same batch, and later ones.
        for index in 0..20 {
            let sender = sender.clone();
            Gc::add_cleanup(&object, index, move |index| sender.send(index).unwrap()).unwrap();
        }
        drop(object);
        collect();
        has_entered.recv().unwrap();
        for index in 20..40 {
            let (object, sender) = (Gc::new(0), sender.clone());
            Gc::add_cleanup(&object, index, move |index| sender.send(index).unwrap()).unwrap();
        }
        let ran: HashSet<i32> = (0..40).map(|_| receiver.recv_timeout(LONG).unwrap()).collect();
        assert_eq!(ran, (0..40).collect());
        drop(release);
        finish();
    });
}

#[test]
fn c09_stop() {
    let _threads = Threads;
    let (count, arg) = (Arc::new(AtomicUsize::new(0)), Drops::new());
    let object = Gc::new(0);
    let add = |object: &Gc<i32>| {
        let (count, arg) = (count.clone(), arg.counted());
        Gc::add_cleanup(object, arg, move |_arg| count_up(count)).unwrap()
    };
    let all: Vec<Cleanup> = (0..9).map(|_| add(&object)).collect();
    for (stopped, index) in [4, 0, 8, 7].into_iter().enumerate() {
        let clone = all[index].clone();
        assert!(all[index].is_pending() && clone.is_pending());
        assert!(all[index].stop());
        assert_eq!(arg.count(), stopped + 1, "its argument is dropped at once");
        for handle in [&all[index], &clone] {
            assert!(!handle.stop() && !handle.is_pending(), "it stays stopped");
        }
    }
    drop(object);
    finish();
    assert_eq!((count.load(Ordering::SeqCst), arg.count()), (5, 9));
    assert!(all.iter().all(|cleanup| !cleanup.stop() && !cleanup.is_pending()));
    assert_eq!(arg.count(), 9);
}

#[test]
fn c09_stop_races_with_death() {
    let _threads = Threads;
    let rounds = if cfg!(miri) { 10 } else { 500 };
    let (ran, arg) = (Arc::new(AtomicUsize::new(0)), Drops::new());
    let mut stopped = 0;
    for round in 0..rounds {
        let own = ring(1 + round % 2, &Drops::new());
        let (count, counted) = (ran.clone(), arg.counted());
        let cleanup = Gc::add_cleanup(&own, counted, move |_counted| count_up(count)).unwrap();
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            let stoppers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        cleanup.stop()
                    })
                })
                .collect();
            barrier.wait();
            drop(own);
            collect();
            let won = stoppers.into_iter().map(|thread| usize::from(thread.join().unwrap()));
            let won: usize = won.sum();
            assert!(won <= 1);
            stopped += won;
        });
    }
    finish();
    println!("{stopped} of {rounds} were stopped");
    assert_eq!(ran.load(Ordering::SeqCst) + stopped, rounds);
    assert_eq!(arg.count(), rounds);
}

#[test]
fn c09_stop_inside_a_cleanup() {
    let _threads = Threads;
    let (count, object, other) = (Arc::new(AtomicUsize::new(0)), Gc::new(0), Gc::new(1));
    let cleanup = Gc::add_cleanup(&other, (), |()| unreachable!()).unwrap();
    let own: Arc<Mutex<Option<Cleanup>>> = Arc::default();
    let this = own.clone();
    let first = Gc::add_cleanup(&object, count.clone(), move |count| {
        assert!(cleanup.stop(), "the other object lives");
        assert!(!this.lock().unwrap().take().unwrap().stop(), "this one runs");
        count_up(count);
    })
    .unwrap();
    *own.lock().unwrap() = Some(first);
    drop(object);
    finish();
    drop(other);
    finish();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn c10_a_handle_keeps_nothing_alive_and_a_stale_one_stops_nothing_newer() {
    let _threads = Threads;
    let (drops, arg, count) = (Drops::new(), Drops::new(), Arc::new(AtomicUsize::new(0)));
    let mut stale = Vec::new();
    let mut places = HashSet::new();
    for round in 0..100 {
        let node = Node::new(&drops);
        places.insert(Gc::as_ptr(&node));
        let (counter, counted) = (count.clone(), arg.counted());
        let cleanup = Gc::add_cleanup(&node, counted, move |_counted| count_up(counter)).unwrap();
        assert!(stale.iter().all(|old: &Cleanup| !old.stop() && !old.is_pending()));
        assert!(cleanup.is_pending());
        stale.push(cleanup);
        drop(node);
        finish();
        assert_eq!((drops.count(), arg.count()), (round + 1, round + 1));
        assert_eq!(count.load(Ordering::SeqCst), round + 1);
    }
    // Under the sanitizer freed slots are kept for a while.
    assert!(places.len() < 100 || cfg!(tracegc_asan), "some place was used again, else this shows little");
}

#[test]
fn c11_the_argument_is_dropped_once() {
    let _threads = Threads;
    let arg = Drops::new();
    let object = Gc::new(0);
    let add = |panic: bool| {
        Gc::add_cleanup(&object, arg.counted(), move |_arg| {
            if panic {
                quiet_panic("on purpose");
            }
        })
        .unwrap()
    };
    let (_runs, _panics, stopped) = (add(false), add(true), add(false));
    // One that is moved on by the cleanup.
    let (sender, receiver) = channel();
    Gc::add_cleanup(&object, arg.counted(), move |arg| sender.send(arg).unwrap()).unwrap();
    assert!(stopped.stop());
    assert_eq!(arg.count(), 1);
    drop(object);
    finish();
    assert_eq!(arg.count(), 3);
    drop(receiver.recv().unwrap());
    assert_eq!(arg.count(), 4);
}

#[test]
fn c12_refused_outside_the_heap() {
    let _threads = Threads;
    static STATIC: [u32; 4] = [0; 4];
    fn refused<T: ?Sized + 'static>(value: &T) {
        let arg = Drops::new();
        match add_cleanup(value, arg.counted(), |_| unreachable!()) {
            Err(CleanupError::NotInHeap(back)) => {
                assert_eq!(arg.count(), 0, "the argument comes back");
                drop(back);
                assert_eq!(arg.count(), 1);
            }
            other => panic!("{other:?}"),
        }
    }
    let on_stack = 5;
    refused(&on_stack);
    refused(&STATIC);
    refused(&STATIC[3]);
    refused(&*Box::new(7));
    refused(&vec![1, 2, 3][1]);
    refused("a literal");
    refused(&Arc::new(1));
    // Behind a pointer in an object is not inside of it.
    let object = Gc::new(vec![1, 2, 3]);
    refused(&object[0]);
    refused(&object);
    add_cleanup(&*object, (), |()| ()).unwrap();
}

#[test]
fn c12_an_argument_that_is_the_target_is_refused() {
    let _threads = Threads;
    let object = Gc::new(5);
    let error = Gc::add_cleanup(&object, object.clone(), |_| unreachable!()).unwrap_err();
    assert!(matches!(error, CleanupError::ArgIsTarget(_)));
    assert!(Gc::ptr_eq(&error.into_arg(), &object));
    let error = add_cleanup(&*object, object.clone(), |_| unreachable!()).unwrap_err();
    assert!(matches!(error, CleanupError::ArgIsTarget(_)));
    drop(error);
    assert_eq!(Gc::strong_count(&object), 1);
    // A handle to another object of the same type is fine, and is held until the cleanup ran.
    let count = Arc::new(AtomicUsize::new(0));
    let other = Gc::new(6);
    let counter = count.clone();
    Gc::add_cleanup(&object, other.clone(), move |other| {
        assert_eq!(*other, 6);
        count_up(counter);
    })
    .unwrap();
    assert_eq!(Gc::strong_count(&other), 2);
    drop(object);
    finish();
    assert_eq!((count.load(Ordering::SeqCst), Gc::strong_count(&other)), (1, 1));
}

#[test]
fn c13_a_cleanup_may_do_everything() {
    let _threads = Threads;
    let drops = Drops::new();
    let count = Arc::new(AtomicUsize::new(0));
    let object = Gc::new(0);
    let inner = drops.clone();
    Gc::add_cleanup(&object, count.clone(), move |count| {
        drop(ring(5, &inner));
        let second = ring(2, &inner);
        Gc::add_cleanup(&second, count.clone(), |count| {
            let third = Gc::new(3);
            Gc::add_cleanup(&third, count.clone(), count_up).unwrap();
            count_up(count);
        })
        .unwrap();
        drop(second);
        collect();
        assert_eq!(inner.count(), 7);
        // Others may be blocked, so the answer may be no.
        let _ = cleanup::wait(Duration::from_millis(20));
        count_up(count);
    })
    .unwrap();
    drop(object);
    for _ in 0..3 {
        finish();
    }
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn c14_registration_takes_the_same_time_in_any_order() {
    let _threads = Threads;
    let n = match (cfg!(miri), cfg!(debug_assertions)) {
        (true, _) => 50,
        (_, true) => 100_000,
        _ => 1_000_000,
    };
    let count = Arc::new(AtomicUsize::new(0));
    // Small objects, in as few spans as they fit, the last one first, and many on the first one.
    let objects: Vec<Gc<u8>> = (0..n).map(|_| Gc::new(1)).collect();
    let started = Instant::now();
    let mut cleanups: Vec<_> =
        objects.iter().rev().map(|object| Gc::add_cleanup(object, count.clone(), count_up).unwrap()).collect();
    for _ in 0..n / 10 {
        cleanups.push(Gc::add_cleanup(&objects[0], count.clone(), count_up).unwrap());
    }
    let stopped = cleanups.iter().step_by(3).filter(|cleanup| cleanup.stop()).count();
    let took = started.elapsed();
    // What is quadratic in the objects of one span alone takes minutes.
    println!("{} registrations: {took:?}", cleanups.len());
    assert!(took < LONG / 2);
    drop(objects);
    finish();
    assert_eq!(count.load(Ordering::SeqCst), cleanups.len() - stopped);
    assert_eq!(stopped, cleanups.len().div_ceil(3));
}

#[test]
fn c15_zero_sized_and_tiny_objects() {
    let _threads = Threads;
    let count = Arc::new(AtomicUsize::new(0));
    let add = |result: Result<Cleanup, _>| drop(result.map_err(|_: CleanupError<_>| ()).unwrap());
    let units: Vec<_> = (0..SOME).map(|_| Gc::new(())).collect();
    let bytes: Vec<_> = (0..SOME).map(|index| Gc::new(index as u8)).collect();
    let empty: Gc<[u64]> = Vec::new().into();
    for (unit, byte) in units.iter().zip(&bytes) {
        add(Gc::add_cleanup(unit, count.clone(), count_up));
        add(add_cleanup(&**unit, count.clone(), count_up));
        add(add_cleanup(&**byte, count.clone(), count_up));
    }
    add(Gc::add_cleanup(&empty, count.clone(), count_up));
    // Each dies alone, whatever its neighbours do.
    for (index, (unit, byte)) in units.into_iter().zip(bytes).enumerate() {
        drop((unit, byte));
        if index < 3 {
            finish();
            assert_eq!(count.load(Ordering::SeqCst), 3 * (index + 1));
        }
    }
    drop(empty);
    finish();
    assert_eq!(count.load(Ordering::SeqCst), 3 * SOME + 1);
}

#[test]
fn c16_statistics() {
    in_child("c16_statistics", || {
        if cfg!(miri) {
            return;
        }
        no_automatic_collections();
        cleanup::set_panic_hook(|_| {});
        let objects: Vec<_> = (0..30).map(Gc::new).collect();
        let cleanups: Vec<_> = objects
            .iter()
            .map(|object| {
                Gc::add_cleanup(object, **object, |index| {
                    if index % 10 == 9 {
                        quiet_panic("one of ten");
                    }
                })
                .unwrap()
            })
            .collect();
        assert!(cleanups[0].stop() && cleanups[1].stop() && !cleanups[1].stop());
        let _ = add_cleanup(&5, (), |()| ()).unwrap_err();
        let stats = cleanup::stats();
        assert_eq!((stats.registered, stats.stopped, stats.queued), (30, 2, 0));
        let mut objects = objects;
        let kept = objects.split_off(25);
        drop(objects);
        finish();
        let stats = cleanup::stats();
        assert_eq!((stats.queued, stats.executed, stats.panicked), (23, 23, 2));
        assert_eq!((stats.queue_depth, stats.busy_workers), (0, 0));
        assert_eq!(stats.registered - stats.stopped - stats.queued, kept.len() as u64);
    });
}

/// In a process with one worker, which is blocked: queues a cleanup that says so when it runs.
fn c17(name: &str, asked: bool) -> String {
    let output = common::child(name, || {
        set_config(Config { workers: 1, ..config() });
        let (entered, has_entered) = channel();
        let (release, released) = channel::<()>();
        let object = Gc::new(0);
        Gc::add_cleanup(&object, (), move |()| {
            entered.send(()).unwrap();
            let _ = released.recv();
        })
        .unwrap();
        drop(object);
        has_entered.recv().unwrap();
        let object = Gc::new(0);
        Gc::add_cleanup(&object, (), |()| println!("it ran")).unwrap();
        drop(object);
        assert!(!cleanup::wait(Duration::from_millis(1)), "one is blocked");
        if asked {
            drop(release);
            assert!(cleanup::wait(LONG));
        } else {
            std::mem::forget(release);
        }
    });
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[cfg_attr(miri, ignore = "needs a process of its own")]
fn c17_not_run_at_exit() {
    assert!(!c17("c17_not_run_at_exit", false).contains("it ran"));
}

#[test]
#[cfg_attr(miri, ignore = "needs a process of its own")]
fn c17_run_before_exit_if_asked() {
    assert!(c17("c17_run_before_exit_if_asked", true).contains("it ran"));
}

#[test]
fn c19_weak_is_none_before_the_cleanup_runs() {
    let _threads = Threads;
    let drops = Drops::new();
    let found = Arc::new(AtomicUsize::new(0));
    let (plain, own) = (Node::new(&drops), ring(3, &drops));
    for node in [&plain, &own] {
        let weak = Gc::downgrade(node);
        Gc::add_cleanup(node, found.clone(), move |found| {
            if weak.upgrade().is_some() {
                count_up(found);
            }
        })
        .unwrap();
    }
    let other = Gc::downgrade(&own);
    let checked = Arc::new(AtomicUsize::new(0));
    let last = own.next.lock().unwrap().clone().unwrap();
    Gc::add_cleanup(&last, checked.clone(), move |checked| {
        assert!(other.upgrade().is_none(), "nor any other of the condemned");
        count_up(checked);
    })
    .unwrap();
    drop((plain, own, last));
    finish();
    assert_eq!(found.load(Ordering::SeqCst), 0);
    assert_eq!((checked.load(Ordering::SeqCst), drops.count()), (1, 4));
}

#[test]
fn c20_no_worker_can_be_started() {
    in_child("c20_no_worker_can_be_started", || {
        if cfg!(miri) {
            return;
        }
        cleanup::__fail_worker_starts(true);
        let (arg, count) = (Drops::new(), Arc::new(AtomicUsize::new(0)));
        let object = Gc::new(1);
        let counter = count.clone();
        let error = Gc::add_cleanup(&object, arg.counted(), move |_| count_up(counter)).unwrap_err();
        assert!(std::error::Error::source(&error).is_some(), "it says why");
        assert!(matches!(error, CleanupError::NoWorker { .. }));
        assert_eq!(arg.count(), 0);
        drop(error.into_arg());
        assert_eq!((arg.count(), cleanup::stats().registered), (1, 0));
        cleanup::__fail_worker_starts(false);
        Gc::add_cleanup(&object, count.clone(), count_up).unwrap();
        drop(object);
        finish();
        assert_eq!(count.load(Ordering::SeqCst), 1, "and nothing of the refused one runs");
    });
}

/// A cleanup keeps what its argument holds, which may be the way to garbage.
#[test]
fn c11_what_an_argument_held_is_collected_later() {
    let _threads = Threads;
    let drops = Drops::new();
    let object = Node::with(&drops, OnDrop::nothing());
    let held = ring(3, &drops);
    Gc::add_cleanup(&object, held.clone(), |held| held.counted.check()).unwrap();
    drop(held);
    collect();
    assert_eq!(drops.count(), 0);
    drop(object);
    finish();
    finish();
    assert_eq!(drops.count(), 4);
}
