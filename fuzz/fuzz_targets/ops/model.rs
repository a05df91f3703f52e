//! What should be so. Counts of handles decide, and at collections what the roots reach.

use crate::objects::Id;
use crate::op::Act;

/// What the model knows of one object.
#[derive(Default)]
pub(crate) struct Object {
    /// Parts that tell when they are dropped.
    pub(crate) parts: usize,
    pub(crate) cells: Vec<Option<Id>>,
    pub(crate) fixed: Option<Id>,
    /// The edge that the collector does not see.
    pub(crate) skipped: Option<Id>,
    /// What its weak pointers lead to: the one that can be replaced, and the one that drop glue uses.
    pub(crate) weak: Option<Id>,
    pub(crate) weak_of_drop: Option<Id>,
    /// Handles and weak pointers to it.
    pub(crate) handles: usize,
    pub(crate) weaks: usize,
    pub(crate) dead: bool,
    /// Drop glue collects.
    pub(crate) collects: bool,
    pub(crate) tasks: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Waiting,
    Due,
    Done,
    Stopped,
}

/// What the model knows of one cleanup.
pub(crate) struct Task {
    pub(crate) on: Id,
    pub(crate) holds: Option<Id>,
    pub(crate) act: Act,
    pub(crate) state: State,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) objects: Vec<Object>,
    pub(crate) tasks: Vec<Task>,
    /// Objects that are not dead.
    pub(crate) alive: usize,
    /// Parts of dead objects.
    pub(crate) dropped: usize,
    /// Cleanups that are to run now.
    due: Vec<usize>,
    /// Somebody collected on the way.
    pub(crate) collected: bool,
}

impl Model {
    /// A new object, with one handle. What it holds was counted by [`acquire`](Self::acquire).
    pub(crate) fn add(&mut self, object: Object) -> Id {
        self.alive += 1;
        self.objects.push(Object { handles: 1, ..object });
        self.objects.len() - 1
    }

    pub(crate) fn acquire(&mut self, id: Id) {
        assert!(!self.objects[id].dead, "the model has handles to what is alive only");
        self.objects[id].handles += 1;
    }

    /// Takes a handle away; the object may die of it.
    pub(crate) fn release(&mut self, id: Id) {
        let mut dying = vec![id];
        while let Some(id) = dying.pop() {
            let object = &mut self.objects[id];
            object.handles -= 1;
            if object.handles == 0 && !object.dead {
                self.die(id);
                dying.extend(self.let_go(id));
            }
        }
    }

    fn die(&mut self, id: Id) {
        let object = &mut self.objects[id];
        object.dead = true;
        self.alive -= 1;
        self.dropped += object.parts;
        self.collected |= object.collects;
        for task in std::mem::take(&mut object.tasks) {
            if self.tasks[task].state == State::Waiting {
                self.tasks[task].state = State::Due;
                self.due.push(task);
            }
        }
    }

    /// The handles that a dead object had. Its weak pointers end.
    fn let_go(&mut self, id: Id) -> Vec<Id> {
        let object = &mut self.objects[id];
        let cells = std::mem::take(&mut object.cells);
        let handles = cells.into_iter().flatten().chain(object.fixed.take()).chain(object.skipped.take()).collect();
        for weak in [object.weak.take(), object.weak_of_drop.take()].into_iter().flatten() {
            self.objects[weak].weaks -= 1;
        }
        handles
    }

    pub(crate) fn add_task(&mut self, task: Task) -> usize {
        let id = self.tasks.len();
        self.objects[task.on].tasks.push(id);
        self.tasks.push(task);
        id
    }

    /// The cleanups that became due.
    pub(crate) fn take_due(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.due)
    }

    /// A cleanup has run or was stopped: its argument is gone.
    pub(crate) fn end_task(&mut self, id: usize, state: State) {
        let task = &mut self.tasks[id];
        task.state = state;
        let (on, holds) = (task.on, task.holds.take());
        if task.act == Act::Upgrade {
            self.objects[on].weaks -= 1;
        }
        self.collected |= task.act == Act::Collect && state == State::Done;
        if let Some(held) = holds {
            self.release(held);
        }
    }

    /// A collection: what the handles do not reach that are outside, or that the collector does not see, dies. True if
    /// anything did.
    pub(crate) fn collect(&mut self, roots: impl Iterator<Item = Id>) -> bool {
        let mut stack: Vec<Id> = roots.collect();
        stack.extend(self.objects.iter().filter_map(|object| object.skipped));
        stack.extend(self.tasks.iter().filter_map(|task| task.holds));
        let mut reached = vec![false; self.objects.len()];
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut reached[id], true) {
                let object = &self.objects[id];
                stack.extend(object.cells.iter().flatten().chain(&object.fixed));
            }
        }
        let condemned: Vec<Id> = (0..reached.len()).filter(|&id| !reached[id] && !self.objects[id].dead).collect();
        for &id in &condemned {
            self.die(id);
        }
        for &id in &condemned {
            for held in self.let_go(id) {
                self.release(held);
            }
        }
        !condemned.is_empty()
    }
}
