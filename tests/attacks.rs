//! Ways in which the crate could once be broken from safe code, or did not keep its word. Each runs in a process of its
//! own, since some of them crashed it.

#![cfg(not(miri))]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use common::in_child;
use tracegc::heap::{self, Config};
use tracegc::{Gc, Trace, Weak, collect};

/// Much longer than anything takes here.
const WAIT: Duration = Duration::from_secs(30);

#[derive(Trace, Default)]
struct Node {
    next: Mutex<Option<Gc<Node>>>,
}

/// An object that holds itself.
fn knot() -> Weak<Node> {
    let node = Gc::new(Node::default());
    *node.next.lock().unwrap() = Some(node.clone());
    Gc::downgrade(&node)
}

fn set(change: impl FnOnce(&mut Config)) {
    let mut config = heap::config();
    change(&mut config);
    heap::set_config(config);
}
/// A local collection looks stale notes up while another thread gives the segments back that they lead to.
#[test]
fn local_collection_against_trim() {
    in_child("local_collection_against_trim", || {
        const NODES: usize = 1_500_000;
        for round in 0..10 {
            set(|c| c.gc_percent = None);
            let nodes: Vec<Gc<Node>> = (0..NODES).map(|_| Gc::new(Node::default())).collect();
            for node in &nodes {
                drop(node.clone());
            }
            drop(nodes);
            set(|c| c.gc_percent = Some(100));
            let start = Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let few: Vec<Gc<Node>> = (0..600).map(|_| Gc::new(Node::default())).collect();
                    start.wait();
                    for node in &few {
                        drop(node.clone());
                    }
                });
                start.wait();
                // The collector needs some time to start.
                let until = Instant::now() + Duration::from_micros(10 * (round % 10));
                while Instant::now() < until {}
                heap::trim();
            });
            heap::shutdown(Duration::from_secs(10));
        }
    });
}

/// A cleanup that says when an object has died that only a background collection can find.
fn death_of(weak: &Weak<Node>) -> Receiver<()> {
    let (sender, receiver) = channel();
    let node = weak.upgrade().expect("garbage, but not found yet");
    Gc::add_cleanup(&node, sender, |sender| _ = sender.send(())).expect("it is alive");
    receiver
}

/// Makes so many notes that a local collection starts, and waits for it.
fn provoke_local_collection() {
    let before = heap::stats().collections;
    while heap::stats().collections < before + 2 {
        for _ in 0..20_000 {
            knot();
        }
    }
}

/// A collection of the whole heap throws away the note of an object that somebody has exclusive access to, and leaves
/// its flag, so that no decrement notes it again.
#[test]
fn the_note_of_a_claimed_object_is_lost() {
    in_child("the_note_of_a_claimed_object_is_lost", || {
        let mut node = Gc::new(Node::default());
        drop(node.clone());
        let guard = Gc::get_mut(&mut node).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(collect);
        });
        // The note was in this thread's batch; this hands it over, and takes it.
        let stats = collect();
        drop(guard);
        *node.next.lock().unwrap() = Some(node.clone());
        let weak = Gc::downgrade(&node);
        drop(node);
        let gone = death_of(&weak);
        for _ in 0..3 {
            provoke_local_collection();
        }
        assert!(tracegc::cleanup::wait(WAIT));
        let died = gone.try_recv().is_ok();
        assert!(died, "local collections never find the object (undecided: {})", stats.undecided);
    });
}

/// `Config::period`: "The longest time between two collections of a heap in which anything may have died."
#[test]
fn the_period_passes_without_a_collection() {
    in_child("the_period_passes_without_a_collection", || {
        set(|c| c.period = Duration::from_millis(50));
        let weak = knot();
        assert!(death_of(&weak).recv_timeout(WAIT).is_ok(), "many periods later the garbage is still there");
    });
}

/// The same with the collector's thread running.
#[test]
fn a_few_notes_stay_with_their_thread() {
    in_child("a_few_notes_stay_with_their_thread", || {
        set(|c| c.period = Duration::from_millis(50));
        provoke_local_collection();
        collect();
        let weak = knot();
        assert!(death_of(&weak).recv_timeout(WAIT).is_ok(), "many periods later the garbage is still there");
    });
}

/// And with small collections coming all the time. The first of them gives up on the knot, which is a large one.
#[test]
fn small_collections_do_not_put_off_the_period() {
    in_child("small_collections_do_not_put_off_the_period", || {
        set(|c| c.period = Duration::from_millis(50));
        let drops = common::Drops::new();
        let first = common::ring(100_000, &drops);
        let (sender, gone) = channel();
        Gc::add_cleanup(&first, sender, |sender| _ = sender.send(())).unwrap();
        drop(first);
        let started = std::time::Instant::now();
        while gone.try_recv().is_err() {
            drop(common::ring(2, &drops));
            assert!(started.elapsed() < WAIT, "many periods later the garbage is still there");
        }
    });
}

static USERS_LOCK: Mutex<()> = Mutex::new(());
static IN_DROP: AtomicBool = AtomicBool::new(false);

/// A resource whose destructor takes a lock.
struct Locks;
impl Drop for Locks {
    fn drop(&mut self) {
        IN_DROP.store(true, Ordering::SeqCst);
        drop(USERS_LOCK.lock().unwrap());
    }
}

#[derive(Trace)]
struct Owner {
    this: Mutex<Option<Gc<Owner>>>,
    #[trace(skip)]
    _resource: Locks,
}

/// `collect` "can be called anywhere, ... and with locks held".
#[test]
fn collect_with_a_lock_held() {
    in_child("collect_with_a_lock_held", || {
        let owner = Gc::new(Owner { this: Mutex::new(None), _resource: Locks });
        *owner.this.lock().unwrap() = Some(owner.clone());
        drop(owner);
        let held = USERS_LOCK.lock().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(collect);
            while !IN_DROP.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            // What this thread has to collect has nothing to do with the lock.
            collect();
            drop(held);
        });
    });
}

#[derive(Trace)]
struct Fat {
    this: Mutex<Option<Gc<Fat>>>,
    fat: [u8; 1 << 16],
}

/// Every collection at the limit moves the limit up by a sixteenth.
#[test]
fn the_memory_limit_wanders_off() {
    in_child("the_memory_limit_wanders_off", || {
        const LIMIT: usize = 32 << 20;
        set(|c| {
            c.gc_percent = None;
            c.memory_limit = Some(LIMIT);
        });
        let mut most = 0;
        for _ in 0..20_000 {
            let fat = Gc::new(Fat { this: Mutex::new(None), fat: [0; 1 << 16] });
            assert_eq!(fat.fat[0], 0);
            *fat.this.lock().unwrap() = Some(fat.clone());
            drop(fat);
            most = most.max(heap::stats().span_bytes as usize);
        }
        assert!(most < LIMIT * 3 / 2, "{} MiB of garbage, the limit being {}", most >> 20, LIMIT >> 20);
    });
}

#[derive(Clone)]
struct Panics(bool);
// SAFETY: nothing is visited.
unsafe impl Trace for Panics {
    fn trace(&self, _: &mut tracegc::Tracer<'_>) {
        assert!(!self.0, "in trace");
    }
}

/// The hook runs "with no lock of this crate held".
#[test]
fn the_panic_hook_runs_under_locks() {
    in_child("the_panic_hook_runs_under_locks", || {
        tracegc::cleanup::set_panic_hook(|_| {
            let mut other = Gc::new(Panics(false));
            Gc::make_mut(&mut other).0 = false;
        });
        let _kept = Gc::new(Panics(true));
        collect();
    });
}

/// What another thread freed comes back only when its owner runs out of slots.
#[test]
#[cfg_attr(tracegc_asan, ignore = "freed slots are kept for a while")]
fn memory_freed_by_another_thread_does_not_come_back() {
    in_child("memory_freed_by_another_thread_does_not_come_back", || {
        let nodes: Vec<Gc<Node>> = (0..1_000_000).map(|_| Gc::new(Node::default())).collect();
        std::thread::spawn(move || drop(nodes)).join().unwrap();
        collect();
        heap::trim();
        let stats = heap::stats();
        assert!(stats.live_objects < 10);
        assert!(stats.span_bytes < 4 << 20, "{} MiB for nothing", stats.span_bytes >> 20);
    });
}
