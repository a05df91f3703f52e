//! The heap as it looks from outside. The numbers are those of the list of behaviours; tests that look inside are in
//! `src/heap/tests.rs`.

mod common;

use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::mpsc::sync_channel;
use std::sync::{Barrier, Mutex};
use std::thread;

use common::{Drops, Node, child, in_child, lock, no_automatic_collections, ring};
use tracegc::heap::{class_stats, stats, trim};
use tracegc::{Gc, Trace, Tracer, collect};

/// A process without other tests, and without collections of its own accord.
fn alone(name: &str, body: impl FnOnce()) {
    in_child(name, || {
        no_automatic_collections();
        body();
    });
}

#[test]
#[cfg_attr(miri, ignore = "reads the figures of a process of its own")]
fn h03_slots_freed_by_another_thread_come_back() {
    alone("h03_slots_freed_by_another_thread_come_back", || {
        // One thread makes, another drops: without a way back, memory would grow.
        let (sender, receiver) = sync_channel::<Vec<Gc<[u64; 6]>>>(4);
        let dropper = thread::spawn(move || receiver.into_iter().for_each(drop));
        let mut after_some = 0;
        for round in 0..2_000 {
            sender.send((0..500).map(|i| Gc::new([i; 6])).collect()).unwrap();
            if round == 100 {
                after_some = stats().span_bytes;
            }
        }
        drop(sender);
        dropper.join().unwrap();
        let now = stats().span_bytes;
        assert!(now <= after_some + (1 << 20), "{after_some} {now}");
        assert_eq!(stats().live_objects, 0);
    });
}

#[test]
fn h03_all_threads_free_what_all_threads_made() {
    const THREADS: usize = 4;
    let (rounds, n) = if cfg!(miri) { (2, 5) } else { (200, 100) };
    let drops = Drops::new();
    let table: [Mutex<Vec<Gc<Node>>>; THREADS] = Default::default();
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for me in 0..THREADS {
            let (table, barrier, drops) = (&table, &barrier, &drops);
            scope.spawn(move || {
                for round in 0..rounds {
                    lock(&table[me]).extend((0..n).map(|_| Node::new(drops)));
                    barrier.wait();
                    let theirs = std::mem::take(&mut *lock(&table[(me + 1 + round % 3) % THREADS]));
                    for node in &theirs {
                        node.counted.check();
                    }
                    drop(theirs);
                    barrier.wait();
                }
            });
        }
    });
    collect();
    assert_eq!(drops.count(), THREADS * rounds * n);
}

#[test]
#[cfg_attr(miri, ignore = "reads the figures of a process of its own")]
fn h04_spans_of_an_exited_thread_are_used_again() {
    alone("h04_spans_of_an_exited_thread_are_used_again", || {
        // Half of each span stays in use when its thread ends.
        let some = || {
            let all: Vec<_> = (0..20_000).map(|i| Gc::new([i; 4])).collect();
            all.into_iter().step_by(2).collect::<Vec<_>>()
        };
        let first = thread::spawn(some).join().unwrap();
        let before = stats().span_bytes;
        let second = thread::spawn(some).join().unwrap();
        let third = thread::spawn(some).join().unwrap();
        let after = stats().span_bytes;
        // 20,000 objects of the second thread fit into the holes of the first by half.
        assert!(after < before * 5 / 2, "{before} {after}");
        for (index, object) in first.iter().chain(&second).chain(&third).enumerate() {
            assert_eq!(**object, [index % 10_000 * 2; 4]);
        }
        drop((first, second, third));
        assert_eq!(stats().live_objects, 0);
        // What nobody owns goes back to the page heap as soon as it is empty.
        assert!(stats().span_bytes < before / 4, "{before} {:?}", stats());
    });
}

#[test]
fn h04_objects_outlive_the_threads_that_made_them() {
    let drops = Drops::new();
    let nodes: Vec<_> = (0..5)
        .map(|len| {
            let drops = drops.clone();
            thread::spawn(move || ring(len + 1, &drops)).join().unwrap()
        })
        .collect();
    collect();
    for node in &nodes {
        node.counted.check();
    }
    drop(nodes);
    collect();
    assert_eq!(drops.count(), 15);
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a Linux");
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
#[cfg_attr(
    any(tracegc_asan, tracegc_tsan),
    ignore = "the sanitizer needs memory of its own, and freed slots are kept for a while"
)]
#[cfg(target_os = "linux")]
#[cfg_attr(miri, ignore = "asks the system")]
fn h06_memory_is_returned_to_the_system() {
    alone("h06_memory_is_returned_to_the_system", || {
        const MIB: usize = 1 << 20;
        drop(Gc::new(1));
        let before = resident_bytes();
        let small: Vec<_> = (0..1_000_000_u64).map(|i| Gc::new([i; 10])).collect();
        let large: Vec<_> = (0..20).map(|_| Gc::<[u8]>::from(vec![1; 5 * MIB])).collect();
        let rings: Vec<_> = (0..100_000).map(|_| ring(2, &Drops::new())).collect();
        let full = resident_bytes();
        assert!(full > before + 200 * MIB);
        drop((small, large, rings));
        collect();
        let collected = resident_bytes();
        assert!(collected < before + 64 * MIB, "a reserve is kept: {before} {full} {collected}");
        trim();
        let (trimmed, stats) = (resident_bytes(), stats());
        assert!(trimmed < before + 16 * MIB, "{before} {full} {collected} {trimmed}");
        assert_eq!(stats.live_objects, 0);
        assert!(stats.span_bytes < MIB as u64, "{stats:?}");
        // And it is still good for use.
        let again: Vec<_> = (0..100_000_u64).map(|i| Gc::new([i; 10])).collect();
        assert!(again.iter().enumerate().all(|(i, object)| **object == [i as u64; 10]));
    });
}

#[test]
#[cfg_attr(miri, ignore = "reads the figures of a process of its own")]
fn h07_statistics_add_up() {
    alone("h07_statistics_add_up", || {
        let drops = Drops::new();
        let check = |live: u64| {
            let (stats, classes) = (stats(), class_stats());
            assert_eq!(stats.live_objects, live);
            assert_eq!(stats.allocated_objects - stats.freed_objects, live);
            let large = |all: u64, of: fn(&tracegc::heap::ClassStats) -> u64| all - classes.iter().map(of).sum::<u64>();
            let large = (
                large(stats.allocated_objects, |class| class.allocated),
                large(stats.freed_objects, |class| class.freed),
            );
            let bytes: u64 = classes.iter().map(|c| (c.allocated - c.freed) * c.slot_bytes as u64).sum();
            assert!(stats.live_bytes >= bytes && stats.span_bytes >= stats.live_bytes, "{stats:?}");
            assert!(stats.mapped_bytes >= stats.span_bytes);
            assert_eq!(stats.live_bytes > bytes, large.0 > large.1);
            large
        };
        assert_eq!(check(0), (0, 0));
        let mixed: Vec<Gc<[u8]>> = (0..1_000).map(|i| vec![0; i * 97 % 70_000].into()).collect();
        let nodes: Vec<_> = (0..100).map(|_| ring(3, &drops)).collect();
        let (large, none) = check(1_300);
        assert!(large > 0 && none == 0);
        let before = class_stats();
        thread::spawn(move || drop(mixed)).join().unwrap();
        assert_eq!(check(300), (large, large));
        drop(nodes);
        assert_eq!(check(300), (large, large));
        let collected = stats().collected_objects;
        assert_eq!(collect().reclaimed, 300);
        assert_eq!(check(0), (large, large));
        assert_eq!(stats().collected_objects - collected, 300);
        for (now, then) in class_stats().iter().zip(before) {
            assert_eq!((now.allocated, now.freed), (then.allocated, then.allocated));
        }
        assert!(stats().full_collections >= 1 && stats().collections >= stats().full_collections);
    });
}

/// Shows a handle that it does not own.
struct BrokenContract(ManuallyDrop<Gc<Victim>>);

#[derive(Trace)]
struct Victim(u64);

// SAFETY: it is not; that is what is to be found.
unsafe impl Trace for BrokenContract {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.visit(&*self.0);
    }
}

#[test]
#[cfg_attr(any(miri, not(debug_assertions)), ignore = "a check of debug builds, which aborts")]
fn h08_an_edge_to_a_freed_slot_aborts_with_both_names() {
    let output = child("h08_an_edge_to_a_freed_slot_aborts_with_both_names", || {
        no_automatic_collections();
        let victim = Gc::new(Victim(5));
        assert_eq!(victim.0, 5);
        // A neighbour keeps the span in use.
        let _neighbour = Gc::new(Victim(6));
        // SAFETY: none. The copy is not counted.
        let copy = unsafe { ptr::read(&raw const victim) };
        let _broken = Gc::new(BrokenContract(ManuallyDrop::new(copy)));
        collect();
        drop(victim);
        collect();
    })
    .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    for part in ["zombie", "BrokenContract", "Victim"] {
        assert!(errors.contains(part), "{errors}");
    }
}

/// Notes of candidates are addresses of slots, so there are no more of them than slots, however often these are used again
/// and however seldom anybody looks at the notes.
#[test]
#[cfg_attr(miri, ignore = "reads the figures of a process of its own")]
#[cfg_attr(any(tracegc_asan, tracegc_tsan), ignore = "the sanitizer's own memory is counted, too")]
fn notes_do_not_pile_up() {
    alone("notes_do_not_pile_up", || {
        let drops = Drops::new();
        let mut held: Vec<_> = (0..100).map(|_| Node::new(&drops)).collect();
        let before = resident_bytes();
        for i in 0..4_000_000 {
            let node = Node::new(&drops);
            drop(node.clone());
            held[i % 100] = node;
        }
        let after = resident_bytes();
        assert!(after < before + (16 << 20), "{} MiB for 100 objects", (after - before) >> 20);
    });
}

/// An idle thread that dropped the last objects keeps next to no memory for it.
#[test]
#[cfg_attr(miri, ignore = "reads the figures of a process of its own")]
#[cfg_attr(tracegc_asan, ignore = "freed slots are kept for a while")]
fn an_idle_thread_pins_no_large_spans() {
    fn large<const N: usize>() -> Box<dyn Send> {
        Box::new((0..4).map(|_| Gc::new([1_u8; N])).collect::<Vec<_>>())
    }
    alone("an_idle_thread_pins_no_large_spans", || {
        let (objects, received) = sync_channel::<Option<Box<dyn Send>>>(0);
        let idle = thread::spawn(move || received.into_iter().for_each(drop));
        for make in [large::<1_000>, large::<4_000>, large::<9_000>, large::<20_000>, large::<40_000>, large::<60_000>]
        {
            objects.send(Some(make())).unwrap();
        }
        // It is at rest when it has taken this.
        objects.send(None).unwrap();
        collect();
        trim();
        assert_eq!((stats().live_objects, stats().span_bytes), (0, 0));
        drop(objects);
        idle.join().unwrap();
    });
}

#[derive(Trace)]
struct Link(Mutex<Option<Gc<Link>>>);

/// Large circles of which each leaves one note: it is memory that piles up then, not notes.
#[test]
#[cfg_attr(miri, ignore = "reads the figures of a process of its own")]
fn garbage_with_few_notes_does_not_outgrow_the_collector() {
    in_child("garbage_with_few_notes_does_not_outgrow_the_collector", || {
        let circles = if cfg!(debug_assertions) { 10_000 } else { 40_000 };
        let mut most = 0;
        for i in 0..circles {
            let first = Gc::new(Link(Mutex::new(None)));
            let last = (1..200).fold(first.clone(), |next, _| Gc::new(Link(Mutex::new(Some(next)))));
            *lock(&first.0) = Some(last);
            if i % 100 == 0 {
                most = most.max(stats().mapped_bytes);
            }
        }
        assert!(most < 200 << 20, "{} MiB", most >> 20);
    });
}
