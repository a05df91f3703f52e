//! gc-arena: its pointers live inside `mutate`, so the workloads are written apart.

use std::hint::black_box;

use gc_arena::{Arena, Collect, Gc, Mutation, RefLock, Rootable};

use crate::{
    harness::{Opts, Sample, measure, rss},
    workloads::{Random, Shape, depth, edges},
};

#[derive(Collect)]
#[collect(require_static)]
struct Leaf {
    _a: u64,
    _b: u64,
    _c: u64,
}

#[derive(Collect)]
#[collect(require_static)]
struct Small {
    _a: u64,
    _b: u64,
}

/// Nothing but what is allocated in one call of `mutate`.
type Nothing = Rootable![()];

pub fn alloc_drop(o: &Opts) -> Sample {
    let n = o.n(1_000);
    let mut arena = Arena::<Nothing>::new(|_| ());
    let (sample, ()) = measure(n * 1_000, || {
        for i in 0..n as u64 {
            arena.mutate(|mc, ()| {
                for _ in 0..1_000 {
                    black_box(Gc::new(mc, Leaf { _a: i, _b: 2, _c: 3 }));
                }
            });
            arena.collect_debt();
        }
    });
    sample
}

pub fn alloc_drop_batch(o: &Opts) -> Sample {
    let n = o.n(1_000);
    let mut arena = Arena::<Nothing>::new(|_| ());
    let (sample, ()) = measure(n * 1_000, || {
        for i in 0..n as u64 {
            arena.mutate(|mc, ()| {
                let mut batch = Vec::with_capacity(1_000);
                for _ in 0..1_000 {
                    batch.push(Gc::new(mc, Leaf { _a: i, _b: 2, _c: 3 }));
                }
                black_box(&batch);
            });
            arena.collect_debt();
        }
    });
    sample
}

pub fn memory(o: &Opts) -> Sample {
    let n = o.n(10_000_000);
    let mut arena = Arena::<Rootable![Vec<Gc<'_, Small>>]>::new(|_| Vec::with_capacity(n));
    let before = rss();
    let (sample, ()) = measure(n, || {
        arena.mutate_root(|mc, handles| {
            for i in 0..n as u64 {
                handles.push(Gc::new(mc, Small { _a: i, _b: 2 }));
            }
        });
    });
    let bytes = (rss() - before) / n as f64 - 8.0;
    std::mem::forget(arena);
    sample.with("bytes", bytes).with("handle", 8.0)
}

#[derive(Collect)]
#[collect(no_drop)]
struct ListNode<'gc> {
    value: u64,
    tail: Option<Gc<'gc, ListNode<'gc>>>,
}

type ListRoot = Rootable![Option<Gc<'_, ListNode<'_>>>];

fn list(n: usize) -> Arena<ListRoot> {
    let mut arena = Arena::<ListRoot>::new(|_| None);
    arena.mutate_root(|mc, root| {
        for i in 0..n as u64 {
            *root = Some(Gc::new(mc, ListNode { value: i, tail: *root }));
        }
    });
    arena
}

pub fn deref_list(o: &Opts) -> Sample {
    let (n, times) = (o.n(100_000), 20);
    let arena = list(n);
    let (sample, ()) = measure(n * times, || {
        arena.mutate(|_, root| {
            for _ in 0..times {
                let mut at = black_box(root).as_ref();
                let mut total = 0u64;
                while let Some(node) = at {
                    total = total.wrapping_add(node.value);
                    at = node.tail.as_ref();
                }
                black_box(total);
            }
        });
    });
    sample
}

pub fn deep_drop(o: &Opts) -> Sample {
    let n = o.n(10_000_000);
    let mut arena = list(n);
    let (sample, ()) = measure(n, || {
        arena.mutate_root(|_, root| *root = None);
        finish(&mut arena);
    });
    sample
}

/// A whole cycle, whatever phase it is in.
fn finish<R>(arena: &mut Arena<R>)
where
    R: for<'a> gc_arena::arena::Rootable<'a>,
    for<'a> <R as gc_arena::arena::Rootable<'a>>::Root: Collect<'a>,
{
    if arena.collection_phase() != gc_arena::arena::CollectionPhase::Sleeping {
        arena.finish_cycle();
    }
    arena.finish_cycle();
}

#[derive(Collect)]
#[collect(no_drop)]
struct Tree<'gc> {
    _left: Option<Gc<'gc, Tree<'gc>>>,
    _right: Option<Gc<'gc, Tree<'gc>>>,
}

fn tree<'gc>(mc: &Mutation<'gc>, depth: usize) -> Gc<'gc, Tree<'gc>> {
    if depth == 0 {
        Gc::new(mc, Tree { _left: None, _right: None })
    } else {
        let left = tree(mc, depth - 1);
        let right = tree(mc, depth - 1);
        Gc::new(mc, Tree { _left: Some(left), _right: Some(right) })
    }
}

pub fn trees(o: &Opts) -> Sample {
    let depth = depth(o);
    let (sample, ()) = measure((2 << depth) - 1, || {
        let mut arena = Arena::<Rootable![Option<Gc<'_, Tree<'_>>>]>::new(|_| None);
        arena.mutate_root(|mc, root| *root = Some(tree(mc, depth)));
        arena.mutate_root(|_, root| *root = None);
        finish(&mut arena);
    });
    sample
}

#[derive(Collect)]
#[collect(no_drop)]
struct RingNode<'gc> {
    next: RefLock<Option<Gc<'gc, RingNode<'gc>>>>,
    _payload: u64,
}

impl<'gc> RingNode<'gc> {
    fn link(mc: &Mutation<'gc>, from: Gc<'gc, Self>, to: Gc<'gc, Self>) {
        let from = Gc::write(mc, from);
        *gc_arena::barrier::field!(from, RingNode, next).unlock().borrow_mut() = Some(to);
    }
}

pub fn rings(o: &Opts) -> Sample {
    let n = o.n(1_000);
    let mut arena = Arena::<Nothing>::new(|_| ());
    let (sample, last) = measure(n * 1_000, || {
        for _ in 0..n {
            arena.mutate(|mc, ()| {
                for i in 0..100 {
                    let first = Gc::new(mc, RingNode { next: RefLock::new(None), _payload: i });
                    let mut last = first;
                    for j in 1..10 {
                        let next = Gc::new(mc, RingNode { next: RefLock::new(None), _payload: j });
                        RingNode::link(mc, last, next);
                        last = next;
                    }
                    RingNode::link(mc, last, first);
                }
            });
            arena.collect_debt();
        }
        let start = std::time::Instant::now();
        finish(&mut arena);
        start.elapsed()
    });
    sample.with("last collection ms", last.as_secs_f64() * 1e3)
}

#[derive(Collect)]
#[collect(no_drop)]
struct Edges<'gc> {
    a: Option<Gc<'gc, Quad<'gc>>>,
    b: Option<Gc<'gc, Quad<'gc>>>,
    c: Option<Gc<'gc, Quad<'gc>>>,
    d: Option<Gc<'gc, Quad<'gc>>>,
}

#[derive(Collect)]
#[collect(no_drop)]
struct Quad<'gc> {
    edges: RefLock<Edges<'gc>>,
    _payload: u64,
}

impl<'gc> Quad<'gc> {
    fn set(mc: &Mutation<'gc>, from: Gc<'gc, Self>, edge: usize, to: Gc<'gc, Self>) {
        let from = Gc::write(mc, from);
        let mut edges = gc_arena::barrier::field!(from, Quad, edges).unlock().borrow_mut();
        let slot = match edge & 3 {
            0 => &mut edges.a,
            1 => &mut edges.b,
            2 => &mut edges.c,
            _ => &mut edges.d,
        };
        *slot = Some(to);
    }
}

type Graph = Arena<Rootable![Vec<Gc<'_, Quad<'_>>>]>;

/// `edges` as in `workloads`; only the root stays in the `Vec` if that is the shape.
fn graph(n: usize, shape: impl FnOnce(&mut dyn FnMut(usize, usize, usize)) -> Option<usize>) -> Graph {
    let mut arena = Graph::new(|_| Vec::new());
    arena.mutate_root(|mc, nodes| {
        for i in 0..n as u64 {
            let edges = RefLock::new(Edges { a: None, b: None, c: None, d: None });
            nodes.push(Gc::new(mc, Quad { edges, _payload: i }));
        }
        let root = shape(&mut |from, edge, to| Quad::set(mc, nodes[from], edge, nodes[to]));
        if let Some(root) = root {
            *nodes = vec![nodes[root]];
        }
    });
    arena
}

fn overwrites(o: &Opts, live: usize) -> Sample {
    let (live, n) = (o.n(live), o.n(2_000));
    let mut arena = graph(live, |link| {
        edges(live, Shape::Random, link);
        None
    });
    finish(&mut arena);
    let mut random = Random::new();
    let (sample, ()) = measure(n * 1_000, || {
        for _ in 0..n {
            arena.mutate(|mc, nodes| {
                for i in 0..1_000 {
                    let (from, to) = (random.below(live), random.below(live));
                    Quad::set(mc, nodes[from], i, nodes[to]);
                }
            });
            arena.collect_debt();
        }
    });
    sample
}

pub fn overwrites_1e5(o: &Opts) -> Sample {
    overwrites(o, 100_000)
}

pub fn overwrites_1e6(o: &Opts) -> Sample {
    overwrites(o, 1_000_000)
}

fn collect_handles(o: &Opts, n: usize, shape: Shape) -> Sample {
    let n = o.n(n);
    let mut arena = graph(n, |link| {
        edges(n, shape, link);
        None
    });
    let (sample, ()) = measure(n, || finish(&mut arena));
    let (again, ()) = measure(n, || finish(&mut arena));
    sample.with("again", again.wall()).with("again CPU", again.cpu())
}

fn collect_root(o: &Opts, n: usize) -> Sample {
    let n = o.n(n);
    let mut arena = graph(n, |link| Some(edges(n, Shape::Root, link)));
    let (sample, ()) = measure(n, || finish(&mut arena));
    let (dead, ()) = measure(n, || {
        arena.mutate_root(|_, nodes| nodes.clear());
        finish(&mut arena);
    });
    sample.with("all dead", dead.wall()).with("all dead CPU", dead.cpu())
}

macro_rules! collections {
    ($($name:ident = $of:ident($n:literal $(, $shape:expr)?);)*) => {$(
        pub fn $name(o: &Opts) -> Sample {
            $of(o, $n $(, $shape)?)
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

pub fn collect_half_dead(o: &Opts) -> Sample {
    let half = o.n(500_000);
    let n = half * 2;
    let mut arena = graph(n, |link| {
        let mut random = Random::new();
        for from in 0..n {
            for edge in 0..4 {
                link(from, edge, random.below(half) * 2 + from % 2);
            }
        }
        None
    });
    let (all_live, ()) = measure(half, || finish(&mut arena));
    let (sample, ()) = measure(half, || {
        arena.mutate_root(|_, nodes| *nodes = nodes.iter().step_by(2).copied().collect());
        finish(&mut arena);
    });
    let more = sample.wall() - all_live.wall() / 2.0;
    let more_cpu = sample.cpu() - all_live.cpu() / 2.0;
    sample.with("more", more).with("more CPU", more_cpu)
}
