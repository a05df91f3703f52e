//! The nodes, and what can be told from looking at them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, RwLock};

use tracegc::{Gc, Trace, Tracer, Weak};

use crate::common::{lock, write};
use crate::model::{CELLS, Model, NONE};

/// A generator of random numbers (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 32) as usize) % end.max(1)
    }

    /// True once in `n` times.
    pub(crate) fn chance(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

const LIVE: u64 = 0x0123_4567_89ab_cdef;

/// Tells whether a node is whole, and which it is.
pub(crate) struct Canary {
    magic: u64,
    id: u32,
    model: Arc<Model>,
}

impl Canary {
    fn new(model: &Arc<Model>) -> Self {
        let id = model.new_entry();
        Canary { magic: LIVE ^ u64::from(id), id, model: model.clone() }
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        if self.magic != LIVE ^ u64::from(self.id) {
            eprintln!("oracle: dropped a node that is not whole: {:x} {}", self.magic, self.id);
            std::process::abort();
        }
        if self.model.entry(self.id).dropped.fetch_add(1, Relaxed) != 0 {
            self.model.fail(format!("node {} dropped twice", self.id));
        }
        self.magic = 0xdead;
    }
}

// SAFETY: it holds no handle.
unsafe impl Trace for Canary {
    fn trace(&self, _: &mut Tracer<'_>) {}
    fn has_edges() -> bool {
        false
    }
}

#[derive(Trace)]
pub(crate) struct Node {
    canary: Canary,
    pub(crate) cells: [Mutex<Option<Gc<Node>>>; CELLS],
    pub(crate) shelf: RwLock<Vec<Gc<Node>>>,
    pub(crate) fixed: Option<Gc<Node>>,
    #[trace(skip)]
    skipped: Option<Arc<Skipped>>,
    pub(crate) weak: Mutex<Option<(Weak<Node>, u32)>>,
}

/// A handle that no node holds.
pub(crate) struct Root {
    pub(crate) handle: Gc<Node>,
    pub(crate) id: u32,
}

impl Clone for Root {
    fn clone(&self) -> Self {
        root(self.handle.clone(), self.id)
    }
}

/// A handle to the node that the model says it is to.
pub(crate) fn root(handle: Gc<Node>, id: u32) -> Root {
    handle.check(id);
    Root { handle, id }
}

fn id_in(handle: &Option<Gc<Node>>) -> u32 {
    handle.as_ref().map_or(NONE, |node| node.id())
}

/// An edge that the collector does not see, and that a circle may go through: the run ends it when it ends.
pub(crate) type Skipped = Mutex<Option<Gc<Node>>>;

impl Node {
    pub(crate) fn new(model: &Arc<Model>, fixed: Option<Gc<Node>>, skipped: Option<Gc<Node>>) -> Self {
        let canary = Canary::new(model);
        let entry = model.entry(canary.id);
        entry.fixed.store(id_in(&fixed), Relaxed);
        entry.skipped.store(id_in(&skipped), Relaxed);
        let skipped = skipped.map(|node| {
            let skipped = Arc::new(Mutex::new(Some(node)));
            lock(&model.skipped).push((Arc::downgrade(&skipped), canary.id));
            skipped
        });
        Node { canary, cells: Default::default(), shelf: RwLock::default(), fixed, skipped, weak: Mutex::default() }
    }

    fn skipped(&self) -> Option<Gc<Node>> {
        lock(self.skipped.as_deref()?).clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.canary.id
    }

    pub(crate) fn check(&self, expected: u32) {
        let Canary { magic, id, ref model } = self.canary;
        assert_eq!(id, expected, "a handle leads to the node that the model says");
        assert_eq!(magic, LIVE ^ u64::from(id), "a node that is held is whole");
        assert_eq!(model.entry(id).dropped.load(Relaxed), 0, "a node that is held was not dropped");
    }

    /// Locks a cell for `f`, which gets the model's entry of it as well.
    pub(crate) fn with_cell<R>(&self, index: usize, f: impl FnOnce(&mut Option<Gc<Node>>, &AtomicU32) -> R) -> R {
        let mut cell = lock(&self.cells[index]);
        let model = &self.canary.model.entry(self.id()).cells[index];
        check_edge(&cell, model);
        f(&mut cell, model)
    }

    /// The same with the shelf.
    pub(crate) fn with_shelf<R>(&self, f: impl FnOnce(&mut Vec<Gc<Node>>, &mut Vec<u32>) -> R) -> R {
        let mut shelf = write(&self.shelf);
        let mut model = lock(&self.canary.model.entry(self.id()).shelf);
        assert_eq!(shelf.len(), model.len());
        f(&mut shelf, &mut model)
    }
}

pub(crate) fn check_edge(handle: &Option<Gc<Node>>, model: &AtomicU32) {
    match handle {
        Some(node) => node.check(model.load(Relaxed)),
        None => assert_eq!(model.load(Relaxed), NONE, "a cell is empty if the model says so"),
    }
}

/// Another node with the same edges.
impl Clone for Node {
    fn clone(&self) -> Self {
        let model = &self.canary.model;
        let new = Node::new(model, self.fixed.clone(), self.skipped());
        let entry = model.entry(new.id());
        for index in 0..CELLS {
            let content = self.with_cell(index, |cell, _| cell.clone());
            entry.cells[index].store(id_in(&content), Relaxed);
            *lock(&new.cells[index]) = content;
        }
        let shelf = self.with_shelf(|shelf, _| shelf.clone());
        *lock(&entry.shelf) = shelf.iter().map(|node| node.id()).collect();
        *write(&new.shelf) = shelf;
        new
    }
}

/// Looks at everything that a handle reaches.
pub(crate) fn check_graph(start: &Gc<Node>, id: u32, model: &Model) {
    let mut seen = HashSet::new();
    let mut stack = vec![root(start.clone(), id)];
    while let Some(Root { handle: node, id }) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        for index in 0..CELLS {
            stack.extend(node.with_cell(index, |cell, model| cell.clone().map(|next| root(next, model.load(Relaxed)))));
        }
        node.with_shelf(|shelf, ids| {
            stack.extend(shelf.iter().zip(ids).map(|(next, id)| root(next.clone(), *id)));
        });
        let entry = model.entry(id);
        for (edge, id) in [(node.fixed.clone(), &entry.fixed), (node.skipped(), &entry.skipped)] {
            check_edge(&edge, id);
            stack.extend(edge.map(|next| root(next, id.load(Relaxed))));
        }
    }
}
