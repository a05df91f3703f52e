//! What should be so.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, Weak};

use crate::common::lock;
use crate::node::Skipped;

pub(crate) const CELLS: usize = 2;
/// No node.
pub(crate) const NONE: u32 = u32::MAX;

/// What the model knows of one node. An edge is written under the lock, or the exclusive access, that protects it.
pub(crate) struct Entry {
    pub(crate) cells: [AtomicU32; CELLS],
    pub(crate) shelf: Mutex<Vec<u32>>,
    pub(crate) fixed: AtomicU32,
    /// The handle that the collector does not see.
    pub(crate) skipped: AtomicU32,
    /// Its value may have been moved out of the object, which is dead then before the value is dropped.
    pub(crate) unwrapped: AtomicBool,
    pub(crate) dropped: AtomicU32,
}

/// What the model knows of one cleanup.
pub(crate) struct Task {
    pub(crate) node: AtomicU32,
    /// The node that its argument holds.
    pub(crate) holds: AtomicU32,
    pub(crate) ran: AtomicU32,
    pub(crate) stopped: AtomicU32,
    pub(crate) arg_dropped: AtomicU32,
}

pub(crate) struct Model {
    entries: Box<[Entry]>,
    next_entry: AtomicU32,
    tasks: Box<[Task]>,
    next_task: AtomicU32,
    failures: Mutex<Vec<String>>,
    /// The edges that the collector does not see, and the nodes that have them.
    pub(crate) skipped: Mutex<Vec<(Weak<Skipped>, u32)>>,
}

impl Model {
    pub(crate) fn new(capacity: usize) -> Self {
        let none = || AtomicU32::new(NONE);
        let entry = || Entry {
            cells: [none(), none()],
            shelf: Mutex::default(),
            fixed: none(),
            skipped: none(),
            unwrapped: AtomicBool::new(false),
            dropped: AtomicU32::new(0),
        };
        let task = || Task {
            node: none(),
            holds: none(),
            ran: AtomicU32::new(0),
            stopped: AtomicU32::new(0),
            arg_dropped: AtomicU32::new(0),
        };
        Model {
            entries: (0..capacity).map(|_| entry()).collect(),
            next_entry: AtomicU32::new(0),
            tasks: (0..capacity / 4).map(|_| task()).collect(),
            next_task: AtomicU32::new(0),
            failures: Mutex::default(),
            skipped: Mutex::default(),
        }
    }

    /// Ends all edges that the collector does not see.
    pub(crate) fn end_skipped(&self) {
        let all = std::mem::take(&mut *lock(&self.skipped));
        for (skipped, id) in all {
            if let Some(skipped) = skipped.upgrade() {
                self.entry(id).skipped.store(NONE, Relaxed);
                let node = lock(&skipped).take();
                drop(node);
            }
        }
    }

    pub(crate) fn entry(&self, id: u32) -> &Entry {
        &self.entries[id as usize]
    }

    pub(crate) fn task(&self, id: u32) -> &Task {
        &self.tasks[id as usize]
    }

    pub(crate) fn new_entry(&self) -> u32 {
        let id = self.next_entry.fetch_add(1, Relaxed);
        assert!((id as usize) < self.entries.len(), "the model is large enough");
        id
    }

    pub(crate) fn new_task(&self) -> Option<u32> {
        let id = self.next_task.fetch_add(1, Relaxed);
        let there = (id as usize) < self.tasks.len();
        if !there {
            self.next_task.fetch_sub(1, Relaxed);
        }
        there.then_some(id)
    }

    /// Notes what went wrong where a panic would be caught.
    pub(crate) fn fail(&self, what: String) {
        eprintln!("oracle: {what}");
        lock(&self.failures).push(what);
    }

    pub(crate) fn check_failures(&self) {
        let failures = lock(&self.failures);
        assert!(failures.is_empty(), "{failures:#?}");
    }

    fn all_entries(&self) -> std::ops::Range<u32> {
        0..self.next_entry.load(Relaxed)
    }

    fn all_tasks(&self) -> impl Iterator<Item = (u32, &Task)> {
        let made = self.next_task.load(Relaxed);
        (0..made).zip(&self.tasks)
    }

    /// Nodes that have not been dropped.
    pub(crate) fn left(&self) -> usize {
        self.all_entries().filter(|&id| self.entry(id).dropped.load(Relaxed) == 0).count()
    }

    /// Changes with everything that a collection or a cleanup does.
    pub(crate) fn progress(&self) -> u64 {
        let dropped = self.entries.iter().map(|e| u64::from(e.dropped.load(Relaxed)));
        let ended = self.tasks.iter().map(|t| u64::from(t.arg_dropped.load(Relaxed)));
        dropped.sum::<u64>() + ended.sum::<u64>()
    }

    /// Which nodes are alive when everything that can be destroyed has been.
    pub(crate) fn alive(&self, roots: impl Iterator<Item = u32>) -> Vec<bool> {
        let roots: Vec<u32> = roots.collect();
        let mut existing = vec![true; self.all_entries().len()];
        loop {
            let mut reached = vec![false; existing.len()];
            let mut stack = roots.clone();
            // What the collector does not see is held for as long as its holder exists.
            for id in self.all_entries().filter(|&id| existing[id as usize]) {
                stack.push(self.entry(id).skipped.load(Relaxed));
            }
            for (_, task) in self.all_tasks() {
                let waits = task.stopped.load(Relaxed) == 0;
                if waits && existing[task.node.load(Relaxed) as usize] {
                    stack.push(task.holds.load(Relaxed));
                }
            }
            while let Some(id) = stack.pop() {
                if id == NONE || std::mem::replace(&mut reached[id as usize], true) {
                    continue;
                }
                let entry = self.entry(id);
                stack.extend(entry.cells.iter().map(|cell| cell.load(Relaxed)));
                stack.push(entry.fixed.load(Relaxed));
                stack.extend_from_slice(&lock(&entry.shelf));
            }
            if reached == existing {
                return existing;
            }
            existing = reached;
        }
    }

    pub(crate) fn check_deaths(&self, alive: &[bool], round: usize) {
        for id in self.all_entries() {
            let dropped = self.entry(id).dropped.load(Relaxed);
            let expected = u32::from(!alive[id as usize]);
            assert_eq!(dropped, expected, "drops of node {id} after round {round}");
        }
    }

    pub(crate) fn check_cleanups(&self, alive: &[bool], round: usize) {
        for (id, task) in self.all_tasks() {
            let dead = u32::from(!alive[task.node.load(Relaxed) as usize]);
            let stopped = task.stopped.load(Relaxed);
            assert!(stopped <= 1, "cleanup {id} was stopped once");
            let ran = if stopped == 1 { 0 } else { dead };
            assert_eq!(task.ran.load(Relaxed), ran, "runs of cleanup {id} after round {round}");
            assert_eq!(
                task.arg_dropped.load(Relaxed),
                ran + stopped,
                "drops of the argument of cleanup {id} after round {round}"
            );
        }
    }
}
