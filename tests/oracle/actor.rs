//! What a thread does.

use std::mem;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use tracegc::{Arena, ArenaBox, Cleanup, Gc, Weak, collect};

use crate::common::lock;
use crate::model::{CELLS, Model, NONE};
use crate::node::{Node, Random, Root, root};

/// Handles on their way from thread to thread.
pub(crate) type Mailbox = Mutex<Vec<Root>>;

const MANY: usize = 24;
const HUBS: usize = 4;

pub(crate) struct Actor {
    model: Arc<Model>,
    random: Random,
    roots: Vec<Root>,
    weaks: Vec<(Weak<Node>, u32)>,
    cleanups: Vec<(Cleanup, u32)>,
    arena: Arena,
}

/// The argument of a cleanup.
struct Arg {
    task: u32,
    model: Arc<Model>,
    _holds: Option<Gc<Node>>,
}

impl Drop for Arg {
    fn drop(&mut self) {
        self.model.task(self.task).arg_dropped.fetch_add(1, Relaxed);
    }
}

fn run_cleanup(arg: Arg) {
    let task = arg.model.task(arg.task);
    task.ran.fetch_add(1, Relaxed);
    let node = task.node.load(Relaxed);
    let entry = arg.model.entry(node);
    if entry.dropped.load(Relaxed) != 1 && !entry.unwrapped.load(Relaxed) {
        arg.model.fail(format!("the cleanup {} ran before the death of node {node}", arg.task));
    }
}

/// Gives all actors handles to the same few nodes.
pub(crate) fn share_hubs(model: &Arc<Model>, actors: &mut [Actor]) {
    for _ in 0..HUBS {
        let hub = Gc::new(Node::new(model, None, None));
        for actor in &mut *actors {
            actor.roots.push(root(hub.clone(), hub.id()));
        }
    }
}

impl Actor {
    pub(crate) fn new(model: Arc<Model>, random: Random) -> Self {
        let (roots, weaks, cleanups) = (Vec::new(), Vec::new(), Vec::new());
        Actor { model, random, roots, weaks, cleanups, arena: Arena::new() }
    }

    pub(crate) fn roots(&self) -> impl Iterator<Item = &Root> {
        self.roots.iter()
    }

    /// Lets all go. What a cleanup holds may hold the object of the cleanup, so these are stopped.
    pub(crate) fn let_go(&mut self) {
        self.roots.clear();
        while !self.cleanups.is_empty() {
            self.stop_cleanup();
        }
    }

    pub(crate) fn check_weaks(&self, alive: &[bool]) {
        for (weak, id) in &self.weaks {
            match weak.upgrade() {
                Some(node) => node.check(*id),
                None => assert!(!alive[*id as usize], "a weak pointer to live node {id} is None"),
            }
        }
    }

    pub(crate) fn step(&mut self, mailbox: &Mailbox) {
        if self.roots.len() > MANY {
            // Never the hubs.
            let index = HUBS + self.random.below(self.roots.len() - HUBS);
            drop(self.roots.swap_remove(index));
        }
        match self.random.below(100) {
            0..=17 => self.make(),
            18..=22 => self.clone_root(),
            23..=34 => self.drop_root(),
            35..=42 => self.walk(),
            43..=47 => self.reach_through_guards(),
            48..=57 => self.link(),
            58..=63 => self.move_in(),
            64..=69 => self.move_out(),
            70..=73 => self.swap_cells(),
            74..=77 => self.shelve(),
            78..=80 => self.unshelve(),
            81..=84 => self.downgrade(),
            85..=87 => self.upgrade(),
            88..=89 => self.exclusive(),
            90 => self.make_mut(),
            91 => self.unwrap(),
            92..=93 => self.add_cleanup(),
            94 => self.stop_cleanup(),
            95..=96 => self.send(mailbox),
            97..=98 => self.receive(mailbox),
            _ => {
                if self.random.chance(if cfg!(debug_assertions) { 8 } else { 4 }) {
                    collect();
                }
            }
        }
    }

    fn pick(&mut self) -> Root {
        let index = self.random.below(self.roots.len());
        self.roots[index].clone()
    }

    /// One of the roots that are not hubs, which it stops being.
    fn take(&mut self) -> Option<Root> {
        let more = self.roots.len() - HUBS;
        (more > 0).then(|| self.roots.swap_remove(HUBS + self.random.below(more)))
    }

    fn some(&mut self, one_in: usize) -> Option<Gc<Node>> {
        self.random.chance(one_in).then(|| self.pick().handle)
    }

    /// Makes an object of a value by way of the arena, where its edges are handles like any others for a while.
    fn promote(&mut self, node: Node) -> Gc<Node> {
        if self.random.chance(16) {
            self.arena.reset();
        }
        let boxed = self.arena.alloc(node);
        if self.random.chance(8) {
            collect();
        }
        boxed.check(boxed.id());
        ArenaBox::into_gc(boxed)
    }

    fn make(&mut self) {
        let (fixed, skipped) = (self.some(2), self.some(40));
        let node = Node::new(&self.model, fixed, skipped);
        let id = node.id();
        let node = if self.random.chance(8) { self.promote(node) } else { Gc::new(node) };
        self.roots.push(root(node, id));
    }

    fn clone_root(&mut self) {
        let clone = self.pick();
        self.roots.push(clone);
    }

    fn drop_root(&mut self) {
        drop(self.take());
    }

    /// Goes some steps, with a handle to each node on the way.
    fn walk(&mut self) {
        let mut here = self.pick();
        for _ in 0..self.random.below(5) {
            let index = self.random.below(CELLS);
            let next = here.handle.with_cell(index, |cell, id| cell.clone().map(|node| root(node, id.load(Relaxed))));
            match next {
                Some(next) => here = next,
                None => break,
            }
        }
        self.roots.push(here);
    }

    /// Goes some steps holding nothing but the guards of the cells on the way.
    fn reach_through_guards(&mut self) {
        fn go(node: &Node, model: &Model, random: &mut Random, steps: usize) -> Option<Root> {
            let index = random.below(CELLS);
            // Several locks are held at once here, in any order.
            let guard = node.cells[index].try_lock().ok()?;
            let next = guard.as_ref()?;
            let id = model.entry(node.id()).cells[index].load(Relaxed);
            next.check(id);
            if steps == 0 {
                return Some(root(next.clone(), id));
            }
            go(next, model, random, steps - 1)
        }
        let start = self.random.below(self.roots.len());
        let steps = self.random.below(4);
        let found = go(&self.roots[start].handle, &self.model, &mut self.random, steps);
        self.roots.extend(found);
    }

    /// Puts a clone into a cell; what was there is dropped, under the lock or after.
    fn link(&mut self) {
        let (from, to) = (self.pick(), self.pick());
        let index = self.random.below(CELLS);
        let under_lock = self.random.chance(2);
        let to = if self.random.chance(6) { None } else { Some(to) };
        let old = from.handle.with_cell(index, |cell, model| {
            model.store(to.as_ref().map_or(NONE, |to| to.id), Relaxed);
            let old = mem::replace(cell, to.map(|to| to.handle));
            if under_lock {
                drop(old);
                return None;
            }
            old
        });
        drop(old);
    }

    /// Moves a root into a cell. No count changes but that of what was there.
    fn move_in(&mut self) {
        let Some(what) = self.take() else { return };
        let to = self.pick();
        let index = self.random.below(CELLS);
        let old = to.handle.with_cell(index, |cell, model| {
            model.store(what.id, Relaxed);
            cell.replace(what.handle)
        });
        drop(to);
        drop(old);
    }

    /// Moves what is in a cell to the roots. No count changes.
    fn move_out(&mut self) {
        let from = self.random.below(self.roots.len());
        let index = self.random.below(CELLS);
        let out = self.roots[from].handle.with_cell(index, |cell, model| {
            let id = model.swap(NONE, Relaxed);
            cell.take().map(|node| root(node, id))
        });
        self.roots.extend(out);
    }

    /// Swaps two cells. No count changes.
    fn swap_cells(&mut self) {
        let (a, b) = (self.random.below(self.roots.len()), self.random.below(self.roots.len()));
        let (i, j) = (self.random.below(CELLS), self.random.below(CELLS));
        let (a, b) = (&self.roots[a], &self.roots[b]);
        a.handle.with_cell(i, |one, model_of_one| {
            let Ok(mut other) = b.handle.cells[j].try_lock() else {
                return;
            };
            mem::swap(one, &mut *other);
            let model_of_other = &self.model.entry(b.id).cells[j];
            let id = model_of_one.load(Relaxed);
            model_of_one.store(model_of_other.swap(id, Relaxed), Relaxed);
        });
    }

    fn shelve(&mut self) {
        let (what, to) = (self.pick(), self.pick());
        to.handle.with_shelf(|shelf, ids| {
            if shelf.len() < 8 {
                ids.push(what.id);
                shelf.push(what.handle);
            }
        });
    }

    fn unshelve(&mut self) {
        let from = self.pick();
        let all = self.random.chance(3);
        let mut out = Vec::new();
        from.handle.with_shelf(|shelf, ids| {
            if all {
                ids.clear();
                out = mem::take(shelf);
            } else if let (Some(node), Some(id)) = (shelf.pop(), ids.pop()) {
                self.roots.push(root(node, id));
            }
        });
    }

    fn downgrade(&mut self) {
        let node = self.pick();
        let weak = Gc::downgrade(&node.handle);
        if self.random.chance(3) {
            let holder = self.pick();
            let old = lock(&holder.handle.weak).replace((weak, node.id));
            drop(old);
            return;
        }
        if self.weaks.len() > MANY {
            let index = self.random.below(self.weaks.len());
            drop(self.weaks.swap_remove(index));
        }
        self.weaks.push((weak, node.id));
    }

    fn upgrade(&mut self) {
        if self.random.chance(3) {
            let holder = self.pick();
            let weak = lock(&holder.handle.weak).clone();
            let found = weak.and_then(|(weak, id)| Some(root(weak.upgrade()?, id)));
            self.roots.extend(found);
            return;
        }
        if self.weaks.is_empty() {
            return;
        }
        let index = self.random.below(self.weaks.len());
        let (weak, id) = &self.weaks[index];
        let found = weak.upgrade().map(|node| root(node, *id));
        let held = self.roots.iter().any(|root| root.id == *id);
        assert!(found.is_some() || !held, "a weak pointer to node {id} is None, which this thread holds");
        self.roots.extend(found);
    }

    /// Moves edges with exclusive access, without a lock and without a count.
    fn exclusive(&mut self) {
        let Some(mut what) = self.take() else { return };
        let mut other = self.take();
        if let Some(mut node) = Gc::get_mut(&mut what.handle) {
            node.check(what.id);
            let entry = self.model.entry(what.id);
            let (field, model) = match self.random.below(CELLS + 1) {
                CELLS => (&mut node.fixed, &entry.fixed),
                index => (node.cells[index].get_mut().expect("not poisoned"), &entry.cells[index]),
            };
            if self.random.chance(8) {
                collect();
            }
            let (new, new_id) = other.take().map_or((None, NONE), |root| (Some(root.handle), root.id));
            let old_id = model.swap(new_id, Relaxed);
            other = mem::replace(field, new).map(|node| root(node, old_id));
        }
        self.roots.push(what);
        self.roots.extend(other);
    }

    fn make_mut(&mut self) {
        let Some(mut what) = self.take() else { return };
        let mut node = Gc::make_mut(&mut what.handle);
        let id = node.id();
        node.check(id);
        self.model.entry(id).fixed.store(NONE, Relaxed);
        let old = node.fixed.take();
        drop(node);
        drop(old);
        self.roots.push(root(what.handle, id));
    }

    fn unwrap(&mut self) {
        let Some(what) = self.take() else { return };
        self.model.entry(what.id).unwrapped.store(true, Relaxed);
        let node = match self.random.chance(2) {
            true => Gc::into_inner(what.handle),
            false => match Gc::try_unwrap(what.handle) {
                Ok(node) => Some(node),
                Err(handle) => {
                    self.roots.push(root(handle, what.id));
                    None
                }
            },
        };
        let Some(mut node) = node else { return };
        node.check(what.id);
        // Its edges are ours now.
        let entry = self.model.entry(what.id);
        for (cell, model) in node.cells.iter_mut().zip(&entry.cells) {
            let id = model.swap(NONE, Relaxed);
            let out = cell.get_mut().expect("not poisoned").take();
            self.roots.extend(out.map(|node| root(node, id)));
        }
    }

    fn add_cleanup(&mut self) {
        let node = self.pick();
        let holds = if self.random.chance(6) { Some(self.pick()) } else { None };
        let Some(id) = self.model.new_task() else { return };
        let task = self.model.task(id);
        task.node.store(node.id, Relaxed);
        task.holds.store(holds.as_ref().map_or(NONE, |root| root.id), Relaxed);
        let arg = Arg { task: id, model: self.model.clone(), _holds: holds.map(|root| root.handle) };
        let cleanup = if self.random.chance(2) {
            tracegc::add_cleanup(&node.handle.weak, arg, run_cleanup)
        } else {
            Gc::add_cleanup(&node.handle, arg, run_cleanup)
        };
        let cleanup = cleanup.expect("the node lives, and a worker starts");
        assert!(cleanup.is_pending());
        self.cleanups.push((cleanup, id));
    }

    fn stop_cleanup(&mut self) {
        if self.cleanups.is_empty() {
            return;
        }
        let index = self.random.below(self.cleanups.len());
        let (cleanup, id) = self.cleanups.swap_remove(index);
        let task = self.model.task(id);
        let node = task.node.load(Relaxed);
        let held = self.roots.iter().any(|root| root.id == node);
        let stopped = cleanup.stop();
        assert!(stopped || !held, "stop fails, though this thread holds node {node}");
        task.stopped.fetch_add(u32::from(stopped), Relaxed);
        assert!(!cleanup.stop() && !cleanup.is_pending());
        if stopped {
            assert_eq!(task.arg_dropped.load(Relaxed), 1, "stop drops the argument");
        }
    }

    fn send(&mut self, mailbox: &Mailbox) {
        if let Some(root) = self.take() {
            let mut mail = lock(mailbox);
            if mail.len() < MANY {
                mail.push(root);
            } else {
                drop(mail);
            }
        }
    }

    fn receive(&mut self, mailbox: &Mailbox) {
        let root = lock(mailbox).pop();
        self.roots.extend(root);
    }
}
