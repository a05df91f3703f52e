//! The workloads, each written once for every contender that can run it.

use std::{
    hint::black_box,
    mem::size_of,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

#[cfg(feature = "peers")]
use crate::{
    bump,
    contenders::{Boa, DumpsterSync, DumpsterUnsync, Jrsonnet, JrsonnetThreaded, RustCc, RustGc, Shredder},
    gc_arena_peer as arena,
};
use crate::{
    contenders::{Arc, Boxed, Rc, Tracegc},
    harness::{Opts, Sample, measure, process_cpu, rss, thread_cpu},
    peer::{Basic, Peer, SendPeer, WeakPeer},
};

/// One contender of one workload.
pub struct Contender {
    pub name: &'static str,
    pub run: fn(&Opts) -> Sample,
}

/// One workload.
pub struct Workload {
    pub name: &'static str,
    pub about: &'static str,
    /// How many rounds the medians are taken from.
    pub rounds: usize,
    /// Runs only when asked for.
    pub big: bool,
    /// Every run in a process of its own.
    pub isolated: bool,
    pub contenders: Vec<Contender>,
}

/// The contenders of one workload: those of `std` and this project; those that have the same shape; those written apart.
macro_rules! contenders {
    ($run:ident: $($std:ty),*; $($peer:ty),*; $($name:literal = $apart:path),*) => {{
        #[allow(unused_mut, reason = "without the peers it stays as it is")]
        let mut all = vec![$(Contender { name: <$std as Basic>::NAME, run: $run::<$std> }),*];
        #[cfg(feature = "peers")]
        {
            let peers: Vec<Contender> = vec![
                $(Contender { name: <$peer as Basic>::NAME, run: $run::<$peer> },)*
                $(Contender { name: $name, run: $apart },)*
            ];
            all.extend(peers);
        }
        all
    }};
}

fn workload(name: &'static str, about: &'static str, rounds: usize, contenders: Vec<Contender>) -> Workload {
    Workload { name, about, rounds, big: false, isolated: false, contenders }
}

/// All workloads.
pub fn all() -> Vec<Workload> {
    vec![
        workload(
            "deref-list",
            "A linked list of 1e5 nodes summed up; per node.",
            9,
            contenders!(deref_list: Arc, Rc, Boxed, Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                "gc-arena" = arena::deref_list),
        ),
        workload(
            "clone-drop",
            "A handle cloned and dropped by the thread that made the object; per pair.",
            9,
            contenders!(clone_drop: Arc, Rc, Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;),
        ),
        workload(
            "clone-drop-other",
            "A handle cloned and dropped by a thread that did not make the object, while its maker sleeps; per pair.",
            9,
            contenders!(clone_drop_other: Arc, Tracegc; DumpsterSync, JrsonnetThreaded, Shredder;),
        ),
        workload(
            "clone-drop-2-shared",
            "One object, its maker and another thread clone and drop handles at once; per pair on one thread.",
            9,
            contenders!(clone_drop_shared: Arc, Tracegc; DumpsterSync, JrsonnetThreaded, Shredder;),
        ),
        workload(
            "clone-drop-2-own",
            "Two threads clone and drop handles, each to an object of its own; per pair on one thread.",
            9,
            contenders!(clone_drop_own: Arc, Rc, Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;),
        ),
        workload(
            "alloc-drop-24",
            "24 bytes allocated and dropped at once; per object. Tracing collectors collect by themselves; gc-arena is \
             asked to pay its debt after every 1,000.",
            9,
            contenders!(alloc_drop: Arc, Rc, Boxed, Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                "gc-arena" = arena::alloc_drop),
        ),
        workload(
            "alloc-drop-24-batch",
            "1,000 objects of 24 bytes allocated, then dropped; per object. bumpalo is reset after every 1,000.",
            9,
            contenders!(alloc_drop_batch: Arc, Rc, Boxed, Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                "gc-arena" = arena::alloc_drop_batch, "bumpalo" = bump::alloc_drop_batch),
        ),
        workload(
            "alloc-drop-2-threads",
            "As alloc-drop-24-batch, on one thread and then on two at once; per object and thread with two. `scaling` \
             is the throughput of two over that of one.",
            7,
            contenders!(alloc_two_threads: Arc, Rc, Tracegc; DumpsterSync, DumpsterUnsync, RustCc, Boa, Jrsonnet;),
        ),
        workload(
            "trees",
            "A binary tree of depth 18 (524,287 nodes) built and dropped; per node. Tracing collectors collect after it.",
            9,
            contenders!(trees: Arc, Rc, Boxed, Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                "gc-arena" = arena::trees, "bumpalo" = bump::trees),
        ),
        Workload {
            isolated: true,
            ..workload(
                "rings",
                "1e6 nodes in rings of ten built and dropped, with a full collection at the end; per node. The jrsonnet \
                 ones, which never collect by themselves, are asked to after every 10,000 nodes, gc-arena to pay its \
                 debt after every 1,000.",
                5,
                contenders!(rings: Tracegc;
                    DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                    "gc-arena" = arena::rings),
            )
        },
        workload(
            "overwrites-1e5",
            "A random edge of a random node of 1e5 live ones set to a random node; per edge.",
            5,
            contenders!(overwrites_1e5: Arc, Rc, Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                "gc-arena" = arena::overwrites_1e5),
        ),
        workload(
            "overwrites-1e6",
            "A random edge of a random node of 1e6 live ones set to a random node; per edge.",
            5,
            contenders!(overwrites_1e6: Arc, Rc, Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded;
                "gc-arena" = arena::overwrites_1e6),
        ),
        workload(
            "collect-live-1e5-handles",
            "A full collection of 1e5 nodes of four random edges, a handle held to each; per node. Every handle is cloned \
             and dropped before, so that those that look at suspects only look at all. `again`: the next collection.",
            5,
            contenders!(collect_handles_1e5: Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                "gc-arena" = arena::collect_handles_1e5),
        ),
        workload(
            "collect-live-1e5-root",
            "A full collection of 1e5 nodes of four edges, all reachable from the one that is held; per node. `all dead`: \
             the last handle dropped and all of it collected.",
            5,
            contenders!(collect_root_1e5: Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                "gc-arena" = arena::collect_root_1e5),
        ),
        workload(
            "collect-live-1e5-near",
            "As collect-live-1e5-handles, with edges to nodes at most 16 away in the order of allocation.",
            5,
            contenders!(collect_near_1e5: Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded, Shredder;
                "gc-arena" = arena::collect_near_1e5),
        ),
        workload(
            "collect-live-1e6-handles",
            "As collect-live-1e5-handles, with 1e6 nodes.",
            3,
            contenders!(collect_handles_1e6: Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded;
                "gc-arena" = arena::collect_handles_1e6),
        ),
        workload(
            "collect-live-1e6-root",
            "As collect-live-1e5-root, with 1e6 nodes.",
            3,
            contenders!(collect_root_1e6: Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded;
                "gc-arena" = arena::collect_root_1e6),
        ),
        workload(
            "collect-live-1e6-near",
            "As collect-live-1e5-near, with 1e6 nodes.",
            3,
            contenders!(collect_near_1e6: Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded;
                "gc-arena" = arena::collect_near_1e6),
        ),
        Workload {
            big: true,
            ..workload(
                "collect-live-1e7-handles",
                "As collect-live-1e5-handles, with 1e7 nodes.",
                3,
                contenders!(collect_handles_1e7: Tracegc; RustCc, Boa, Jrsonnet;
                    "gc-arena" = arena::collect_handles_1e7),
            )
        },
        Workload {
            big: true,
            ..workload(
                "collect-live-1e7-root",
                "As collect-live-1e5-root, with 1e7 nodes.",
                3,
                contenders!(collect_root_1e7: Tracegc; RustCc, Boa, Jrsonnet;
                    "gc-arena" = arena::collect_root_1e7),
            )
        },
        Workload {
            big: true,
            ..workload(
                "collect-live-1e7-near",
                "As collect-live-1e5-near, with 1e7 nodes.",
                3,
                contenders!(collect_near_1e7: Tracegc; RustCc, Boa, Jrsonnet;
                    "gc-arena" = arena::collect_near_1e7),
            )
        },
        workload(
            "collect-half-dead",
            "A full collection of 1e6 nodes of four random edges, every second of which is dead in cycles; per dead node, \
             the dropping of the handles to the dead included. `more`: beyond what the living half takes, reckoned as \
             half of a collection in which all 1e6 live.",
            3,
            contenders!(collect_half_dead: Tracegc;
                DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded;
                "gc-arena" = arena::collect_half_dead),
        ),
        workload(
            "latency",
            "A loop that clones and drops a handle to one of 1e6 linked nodes and allocates and drops 24 bytes, while \
             another thread collects without a pause; per turn, one clock reading included. `collections`: in the 2 s.",
            3,
            contenders!(latency: Arc, Tracegc; DumpsterSync, JrsonnetThreaded;),
        ),
        workload(
            "latency-idle",
            "As latency, with nothing collecting.",
            3,
            contenders!(latency_idle: Arc, Tracegc; DumpsterSync, JrsonnetThreaded;),
        ),
        Workload {
            isolated: true,
            ..workload(
                "memory",
                "1e7 objects of 16 bytes allocated; per object. `bytes`: of resident memory per object, the handles not \
                 counted; `handle`: the size of one.",
                1,
                contenders!(memory: Arc, Rc, Boxed, Tracegc;
                    DumpsterSync, DumpsterUnsync, RustCc, Boa, RustGc, Jrsonnet, JrsonnetThreaded;
                    "gc-arena" = arena::memory),
            )
        },
        workload(
            "weak-upgrade",
            "A weak pointer upgraded and the handle dropped; per pair.",
            9,
            contenders!(weak_upgrade: Arc, Rc, Tracegc; Boa, Jrsonnet;),
        ),
        workload(
            "deep-drop",
            "A list of 1e7 nodes dropped; per node. Arc, Rc and Box take it apart in a loop.",
            3,
            contenders!(deep_drop: Arc, Rc, Boxed, Tracegc; Boa; "gc-arena" = arena::deep_drop),
        ),
    ]
}

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Random(0x9e37_79b9_7f4a_7c15)
    }

    /// Less than `n`.
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((bits * n as u64) >> 32) as usize
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

fn deref_list<P: Basic>(o: &Opts) -> Sample {
    let (n, times) = (o.n(100_000), 20);
    let mut list = P::cons(0, None);
    for i in 1..n {
        list = P::cons(i as u64, Some(list));
    }
    black_box(P::sum(&list));
    let (sample, ()) = measure(n * times, || {
        for _ in 0..times {
            black_box(P::sum(black_box(&list)));
        }
    });
    P::drop_list(list);
    P::collect();
    sample
}

/// Ten pairs a turn.
#[inline(always)]
fn clone_and_drop<P: Peer>(leaf: &P::Leaf, turns: usize) {
    for _ in 0..turns {
        macro_rules! pair {
            ($($_:tt)*) => {$(
                let _ = $_;
                drop(black_box(black_box(leaf).clone()));
            )*};
        }
        pair!(0 1 2 3 4 5 6 7 8 9);
    }
}

fn clone_drop<P: Peer>(o: &Opts) -> Sample {
    let n = o.n(200_000);
    let leaf = P::leaf([1, 2, 3]);
    clone_and_drop::<P>(&leaf, n / 10);
    let (sample, ()) = measure(n * 10, || clone_and_drop::<P>(&leaf, n));
    drop(leaf);
    P::collect();
    sample
}

fn clone_drop_other<P: SendPeer>(o: &Opts) -> Sample {
    let n = o.n(200_000);
    let leaf = P::leaf([1, 2, 3]);
    let sample = thread::scope(|scope| {
        let other = scope.spawn(|| {
            clone_and_drop::<P>(&leaf, n / 10);
            measure(n * 10, || clone_and_drop::<P>(&leaf, n)).0
        });
        other.join().expect("the other thread")
    });
    drop(leaf);
    P::collect();
    sample
}

/// Runs `work` on this thread and on another, both at once; the sample is of one of the two, the CPU time of both.
fn on_two_threads(ops: usize, here: impl FnOnce(&Barrier), there: impl FnOnce(&Barrier) + Send) -> (Sample, [f64; 2]) {
    let (start, end) = (Barrier::new(2), Barrier::new(2));
    let timed = |work: &mut dyn FnMut()| {
        let (own, wall) = (thread_cpu(), Instant::now());
        work();
        (wall.elapsed().as_nanos() as f64, thread_cpu() - own)
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            start.wait();
            let mut there = Some(there);
            let result = timed(&mut || (there.take().expect("one call"))(&start));
            end.wait();
            result
        });
        start.wait();
        let cpu = process_cpu();
        let mut here = Some(here);
        let (wall, own) = timed(&mut || (here.take().expect("one call"))(&start));
        end.wait();
        let cpu_ns = process_cpu() - cpu;
        let (other_wall, other_own) = other.join().expect("the other thread");
        let ops = ops as f64;
        let sample = Sample {
            ops,
            wall_ns: wall.max(other_wall),
            cpu_ns: cpu_ns / 2.0,
            own_ns: (own + other_own) / 2.0,
            extra: Vec::new(),
        };
        (sample, [wall / ops, other_wall / ops])
    })
}

fn clone_drop_shared<P: SendPeer>(o: &Opts) -> Sample {
    let n = o.n(100_000);
    let leaf = P::leaf([1, 2, 3]);
    let work = |_: &Barrier| clone_and_drop::<P>(&leaf, n);
    let (sample, [maker, other]) = on_two_threads(n * 10, work, work);
    drop(leaf);
    P::collect();
    sample.with("maker", maker).with("other", other)
}

fn clone_drop_own<P: Peer>(o: &Opts) -> Sample {
    let n = o.n(200_000);
    let work = |_: &Barrier| {
        let leaf = P::leaf([1, 2, 3]);
        clone_and_drop::<P>(&leaf, n);
    };
    let (sample, _) = on_two_threads(n * 10, work, work);
    P::collect();
    sample
}

fn alloc_drop<P: Basic>(o: &Opts) -> Sample {
    let n = o.n(1_000_000);
    let (sample, ()) = measure(n, || {
        for i in 0..n as u64 {
            drop(black_box(P::leaf([i, 2, 3])));
        }
    });
    P::collect();
    sample
}

fn alloc_batches<P: Basic>(batches: usize) {
    let mut batch = Vec::with_capacity(1_000);
    for i in 0..batches as u64 {
        for _ in 0..1_000 {
            batch.push(P::leaf([i, 2, 3]));
        }
        black_box(&batch);
        batch.clear();
    }
}

fn alloc_drop_batch<P: Basic>(o: &Opts) -> Sample {
    let batches = o.n(1_000);
    let (sample, ()) = measure(batches * 1_000, || alloc_batches::<P>(batches));
    P::collect();
    sample
}

fn alloc_two_threads<P: Basic>(o: &Opts) -> Sample {
    let batches = o.n(2_000);
    // The one thread is a new one too, so that both have the same to set up.
    let one = thread::scope(|scope| {
        let one = scope.spawn(|| {
            let (sample, ()) = measure(batches * 1_000, || alloc_batches::<P>(batches));
            P::collect();
            sample.wall()
        });
        one.join().expect("the one thread")
    });
    let (sample, _) = on_two_threads(batches * 1_000, |_| alloc_batches::<P>(batches), |_| alloc_batches::<P>(batches));
    P::collect();
    let two = sample.wall();
    sample.with("one thread", one).with("scaling", 2.0 * one / two)
}

fn tree<P: Basic>(depth: usize) -> P::Tree {
    if depth == 0 {
        P::tree(None, None)
    } else {
        let left = tree::<P>(depth - 1);
        let right = tree::<P>(depth - 1);
        P::tree(Some(left), Some(right))
    }
}

/// 18 at full size.
pub fn depth(o: &Opts) -> usize {
    o.n(1 << 19).ilog2() as usize - usize::from(o.n(1 << 19) > 1)
}

fn trees<P: Basic>(o: &Opts) -> Sample {
    let depth = depth(o);
    let (sample, ()) = measure((2 << depth) - 1, || {
        drop(black_box(tree::<P>(depth)));
        if P::TRACING {
            P::collect();
        }
    });
    P::collect();
    sample
}

fn rings<P: Peer>(o: &Opts) -> Sample {
    let n = o.n(100_000);
    let (sample, built) = measure(n * 10, || {
        let start = Instant::now();
        for i in 0..n {
            let first = P::ring(i as u64);
            let mut last = first.clone();
            for j in 1..10 {
                let next = P::ring(j);
                P::link(&last, next.clone());
                last = next;
            }
            P::link(&last, first);
            if P::COLLECT_EVERY.is_some_and(|every| (i + 1) * 10 % every == 0) {
                P::collect();
            }
        }
        let built = start.elapsed();
        P::collect();
        built
    });
    let last = sample.wall_ns - built.as_nanos() as f64;
    sample.with("last collection ms", last / 1e6)
}

/// Which node an edge leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any.
    Random,
    /// Two edges of each make a tree over a random order of the nodes, so that all are reached from the first.
    Root,
    /// One at most 16 away.
    Near,
}

/// Calls `link` with every edge of a graph of `n` nodes of four edges; answers which is the root.
pub fn edges(n: usize, shape: Shape, mut link: impl FnMut(usize, usize, usize)) -> usize {
    let mut random = Random::new();
    match shape {
        Shape::Random => {
            for from in 0..n {
                for edge in 0..4 {
                    link(from, edge, random.below(n));
                }
            }
            0
        }
        Shape::Near => {
            for from in 0..n {
                for edge in 0..4 {
                    link(from, edge, (from + 16 * n + 16 - random.below(33)) % n);
                }
            }
            0
        }
        Shape::Root => {
            let mut order: Vec<u32> = (0..n as u32).collect();
            for i in (1..n).rev() {
                order.swap(i, random.below(i + 1));
            }
            for (i, from) in order.iter().enumerate() {
                for edge in 0..4 {
                    let to = match order.get(2 * i + 1 + edge) {
                        Some(child) if edge < 2 => *child as usize,
                        _ => random.below(n),
                    };
                    link(*from as usize, edge, to);
                }
            }
            order[0] as usize
        }
    }
}

fn graph<P: Peer>(n: usize, shape: Shape) -> (Vec<P::Quad>, usize) {
    let nodes: Vec<_> = (0..n as u64).map(P::quad).collect();
    let root = edges(n, shape, |from, edge, to| P::set(&nodes[from], edge, Some(nodes[to].clone())));
    (nodes, root)
}

/// Cuts all edges, so that `Arc` does not leak, and waits for the memory.
fn take_apart<P: Peer>(nodes: Vec<P::Quad>) {
    for node in &nodes {
        for edge in 0..4 {
            P::set(node, edge, None);
        }
    }
    drop(nodes);
    P::collect();
}

fn overwrites<P: Peer>(o: &Opts, live: usize) -> Sample {
    let (live, n) = (o.n(live), o.n(2_000_000));
    let (nodes, _) = graph::<P>(live, Shape::Random);
    P::collect();
    let mut random = Random::new();
    let (sample, ()) = measure(n, || {
        for i in 0..n {
            let (from, to) = (random.below(live), random.below(live));
            P::set(&nodes[from], i, Some(nodes[to].clone()));
        }
    });
    take_apart::<P>(nodes);
    sample
}

fn overwrites_1e5<P: Peer>(o: &Opts) -> Sample {
    overwrites::<P>(o, 100_000)
}

fn overwrites_1e6<P: Peer>(o: &Opts) -> Sample {
    overwrites::<P>(o, 1_000_000)
}

fn touch<P: Peer>(nodes: &[P::Quad]) {
    for node in nodes {
        drop(black_box(node.clone()));
    }
}

fn collect_handles<P: Peer>(o: &Opts, n: usize, shape: Shape) -> Sample {
    let n = o.n(n);
    let (nodes, _) = graph::<P>(n, shape);
    touch::<P>(&nodes);
    let (sample, ()) = measure(n, P::collect);
    let (again, ()) = measure(n, P::collect);
    take_apart::<P>(nodes);
    sample.with("again", again.wall()).with("again CPU", again.cpu())
}

fn collect_root<P: Peer>(o: &Opts, n: usize) -> Sample {
    let n = o.n(n);
    let (nodes, root) = graph::<P>(n, Shape::Root);
    let root = nodes[root].clone();
    drop(nodes);
    let (sample, ()) = measure(n, P::collect);
    let (dead, ()) = measure(n, || {
        drop(root);
        P::collect();
    });
    sample.with("all dead", dead.wall()).with("all dead CPU", dead.cpu())
}

macro_rules! collections {
    ($($name:ident = $of:ident($n:literal $(, $shape:expr)?);)*) => {$(
        fn $name<P: Peer>(o: &Opts) -> Sample {
            $of::<P>(o, $n $(, $shape)?)
        }
    )*};
}
collections! {
    collect_handles_1e5 = collect_handles(100_000, Shape::Random);
    collect_handles_1e6 = collect_handles(1_000_000, Shape::Random);
    collect_handles_1e7 = collect_handles(10_000_000, Shape::Random);
    collect_near_1e5 = collect_handles(100_000, Shape::Near);
    collect_near_1e6 = collect_handles(1_000_000, Shape::Near);
    collect_near_1e7 = collect_handles(10_000_000, Shape::Near);
    collect_root_1e5 = collect_root(100_000);
    collect_root_1e6 = collect_root(1_000_000);
    collect_root_1e7 = collect_root(10_000_000);
}

fn collect_half_dead<P: Peer>(o: &Opts) -> Sample {
    let half = o.n(500_000);
    let n = half * 2;
    let nodes: Vec<_> = (0..n as u64).map(P::quad).collect();
    let mut random = Random::new();
    for from in 0..n {
        for edge in 0..4 {
            // Even to even and odd to odd.
            let to = random.below(half) * 2 + from % 2;
            P::set(&nodes[from], edge, Some(nodes[to].clone()));
        }
    }
    let mut living = Vec::with_capacity(half);
    let mut dead = Vec::with_capacity(half);
    for (i, node) in nodes.into_iter().enumerate() {
        if i % 2 == 0 { living.push(node) } else { dead.push(node) }
    }
    touch::<P>(&living);
    touch::<P>(&dead);
    let (all_live, ()) = measure(half, P::collect);
    touch::<P>(&living);
    let (sample, ()) = measure(half, || {
        drop(dead);
        P::collect();
    });
    take_apart::<P>(living);
    let more = sample.wall() - all_live.wall() / 2.0;
    let more_cpu = sample.cpu() - all_live.cpu() / 2.0;
    sample.with("more", more).with("more CPU", more_cpu)
}

/// Counts durations in buckets that are at most 1/32 wide.
struct Histogram {
    buckets: Vec<u64>,
    max: u64,
}

impl Histogram {
    fn add(&mut self, ns: u64) {
        self.max = self.max.max(ns);
        let bucket = if ns < 32 {
            ns as usize
        } else {
            let exponent = ns.ilog2();
            (exponent as usize - 4) * 32 + (ns >> (exponent - 5)) as usize % 32
        };
        self.buckets[bucket] += 1;
    }

    fn quantile(&self, q: f64) -> f64 {
        let wanted = (self.buckets.iter().sum::<u64>() as f64 * q) as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen > wanted {
                return if bucket < 32 {
                    bucket as f64
                } else {
                    ((bucket % 32 + 32) as f64) * 2f64.powi((bucket / 32) as i32 - 1)
                };
            }
        }
        self.max as f64
    }
}

fn mutate<P: SendPeer>(o: &Opts, collecting: bool) -> Sample {
    let live = o.n(1_000_000);
    let length = Duration::from_secs(2).mul_f64(o.scale.min(1.0));
    let (nodes, _) = graph::<P>(live, Shape::Random);
    P::collect();
    let (stop, collections) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut histogram = Histogram { buckets: vec![0; 64 * 32], max: 0 };
    let sample = thread::scope(|scope| {
        if collecting && P::CYCLES {
            let collector = || {
                while !stop.load(Ordering::Relaxed) {
                    P::collect();
                    collections.fetch_add(1, Ordering::Relaxed);
                }
            };
            // Room for those that trace recursively.
            let builder = thread::Builder::new().stack_size(1 << 30);
            builder.spawn_scoped(scope, collector).expect("the collecting thread");
        }
        let mut random = Random::new();
        let (mut sample, turns) = measure(1, || {
            let start = Instant::now();
            let mut last = start;
            let mut turns = 0u64;
            while last.duration_since(start) < length {
                drop(black_box(nodes[random.below(live)].clone()));
                drop(black_box(P::leaf([turns, 2, 3])));
                let now = Instant::now();
                histogram.add(now.duration_since(last).as_nanos() as u64);
                last = now;
                turns += 1;
            }
            turns
        });
        stop.store(true, Ordering::Relaxed);
        sample.ops = turns as f64;
        sample
    });
    take_apart::<P>(nodes);
    sample
        .with("p50", histogram.quantile(0.5))
        .with("p99", histogram.quantile(0.99))
        .with("p99.99", histogram.quantile(0.9999))
        .with("max us", histogram.max as f64 / 1e3)
        .with("collections", collections.into_inner() as f64)
}

fn latency<P: SendPeer>(o: &Opts) -> Sample {
    mutate::<P>(o, true)
}

fn latency_idle<P: SendPeer>(o: &Opts) -> Sample {
    mutate::<P>(o, false)
}

fn memory<P: Basic>(o: &Opts) -> Sample {
    let n = o.n(10_000_000);
    let mut handles = Vec::with_capacity(n);
    // What the first object sets up is not counted.
    drop(black_box(P::small([1, 2])));
    let before = rss();
    let (sample, ()) = measure(n, || {
        for i in 0..n as u64 {
            handles.push(P::small([i, 2]));
        }
    });
    let handle = size_of::<P::Small>() as f64;
    let bytes = (rss() - before) / n as f64 - handle;
    // The process ends with it.
    std::mem::forget(handles);
    sample.with("bytes", bytes).with("handle", handle)
}

fn weak_upgrade<P: WeakPeer>(o: &Opts) -> Sample {
    let n = o.n(1_000_000);
    let leaf = P::leaf([1, 2, 3]);
    let weak = P::downgrade(&leaf);
    let (sample, ()) = measure(n, || {
        for _ in 0..n {
            drop(black_box(P::upgrade(black_box(&weak))));
        }
    });
    drop(weak);
    drop(leaf);
    P::collect();
    sample
}

fn deep_drop<P: Basic>(o: &Opts) -> Sample {
    let n = o.n(10_000_000);
    let mut list = P::cons(0, None);
    for i in 1..n {
        list = P::cons(i as u64, Some(list));
    }
    let (sample, ()) = measure(n, || {
        P::drop_list(list);
        if P::TRACING {
            P::collect();
        }
    });
    P::collect();
    sample
}
