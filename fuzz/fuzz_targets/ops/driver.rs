//! Does the operations, on the objects and on the model.

mod arena;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tracegc::{Arena, Cleanup, Gc, cleanup, collect, heap, unsize};

use crate::model::{Model, Object, State, Task};
use crate::objects::{Arg, Body, Handle, Id, Ledger, Line, Node, OnDrop, Page, Part, Plain, Skipped, WeakHandle, text};
use crate::op::{Act, Op, Pick, Shape};

const LONG: Duration = Duration::from_secs(60);
/// More roots are not needed to reach anything.
const ROOTS: usize = 64;

pub(crate) struct Driver {
    ledger: Arc<Ledger>,
    model: Model,
    roots: Vec<(Handle, Id)>,
    weaks: Vec<(WeakHandle, Id)>,
    cleanups: Vec<(Cleanup, usize)>,
    /// The edges that the collector does not see, by the object that has them.
    skipped: Vec<(std::sync::Weak<std::sync::Mutex<Option<Handle>>>, Id)>,
    arena: Option<Arena>,
    /// Objects that were there before.
    live_before: u64,
    steps: usize,
}

fn live() -> u64 {
    heap::stats().live_objects
}

/// Waits until all cleanups have run, those too that were queued by what others of them let go.
fn run_cleanups() {
    loop {
        assert!(cleanup::wait(LONG), "cleanups run to their end");
        let stats = cleanup::stats();
        if stats.executed == stats.queued {
            return;
        }
    }
}

impl Driver {
    /// For so many operations.
    pub(crate) fn new(operations: usize) -> Self {
        Driver {
            ledger: Arc::new(Ledger::new(operations)),
            model: Model::default(),
            roots: Vec::new(),
            weaks: Vec::new(),
            cleanups: Vec::new(),
            skipped: Vec::new(),
            arena: None,
            live_before: live(),
            steps: 0,
        }
    }

    pub(crate) fn step(&mut self, op: Op) {
        self.steps += 1;
        if self.roots.len() > ROOTS {
            self.drop_root(self.steps % ROOTS);
            // The operation may be about a cleanup that is due now.
            self.quiesce();
        }
        // Where there is nothing to do it on, nothing is done.
        let _ = self.act(op);
        self.quiesce();
        self.check_deaths();
    }

    /// Lets all go, and looks whether anything is left.
    pub(crate) fn finish(mut self) {
        self.settle();
        self.weaks.drain(..).for_each(|(_, id)| self.model.objects[id].weaks -= 1);
        while !self.roots.is_empty() {
            self.drop_root(self.roots.len() - 1);
            self.quiesce();
            self.check_deaths();
        }
        self.settle();
        // What is still there is held by cleanups, or by edges that the collector does not see.
        while !self.cleanups.is_empty() {
            self.stop_cleanup(0);
            self.quiesce();
        }
        for (skipped, id) in std::mem::take(&mut self.skipped) {
            let Some(skipped) = skipped.upgrade() else { continue };
            let handle = skipped.lock().expect("not poisoned").take();
            drop(skipped);
            drop(handle);
            if let Some(held) = self.model.objects[id].skipped.take() {
                self.model.release(held);
            }
            self.quiesce();
        }
        self.settle();
        assert_eq!(self.model.alive, 0, "the model lets all go");
        assert_eq!(live(), self.live_before, "nothing is left");
    }

    fn act(&mut self, op: Op) -> Option<()> {
        match op {
            Op::Node { shape, fixed, skipped, weak, act } => self.make_node(shape, fixed, skipped, weak, act),
            Op::Cyclic { fixed } => self.make_cyclic(fixed),
            Op::Slice { len, from_array } => self.make_slice(len, from_array),
            Op::Text { len } => self.make_text(usize::from(len)),
            Op::Clone(what) => {
                let (handle, id) = self.pick(what)?;
                self.push(handle, id);
            }
            Op::Drop(what) => {
                let index = what.of(self.roots.len())?;
                self.drop_root(index);
            }
            Op::Convert(what) => {
                let (handle, id) = self.take(what)?;
                let handle = handle.convert(self.steps);
                self.roots.push((handle, id));
            }
            Op::Walk { from, cell } => self.walk(from, cell)?,
            Op::Link { from, cell, to, under_lock } => {
                let (to, id) = self.pick(to)?;
                self.model.acquire(id);
                self.replace(from, cell, Some((to, id)), under_lock);
            }
            Op::Unlink { from, cell, under_lock } => self.replace(from, cell, None, under_lock),
            Op::MoveIn { what, to, cell } => {
                let what = self.take(what)?;
                self.replace(to, cell, Some(what), false);
            }
            Op::MoveOut { from, cell } => {
                let (handle, id, cell) = self.cell(from, cell)?;
                let out = handle.parts()[cell].cell.lock().expect("not poisoned").take();
                let out_id = self.model.objects[id].cells[cell].take();
                self.roots.extend(out.zip(out_id));
                drop_counted(handle);
            }
            Op::Swap { a, i, b, j } => self.swap(a, i, b, j)?,
            Op::Downgrade(what) => {
                let (handle, id) = self.pick(what)?;
                self.model.objects[id].weaks += 1;
                self.weaks.push((handle.downgrade(), id));
            }
            Op::CloneWeak(what) => {
                let (weak, id) = self.weaks[what.of(self.weaks.len())?].clone();
                self.model.objects[id].weaks += 1;
                self.weaks.push((weak, id));
            }
            Op::DropWeak(what) => {
                let (_, id) = self.weaks.swap_remove(what.of(self.weaks.len())?);
                self.model.objects[id].weaks -= 1;
            }
            Op::StoreWeak { weak, to } => self.store_weak(weak, to)?,
            Op::Upgrade(what) => {
                let (weak, id) = &self.weaks[what.of(self.weaks.len())?];
                let (found, id) = (weak.upgrade(), *id);
                assert_eq!(found.is_none(), self.model.objects[id].dead, "a weak pointer knows whether {id} is alive");
                if let Some(handle) = found {
                    self.push(handle, id);
                }
            }
            Op::AddCleanup { on, part, holds, act } => self.add_cleanup(on, part, holds, act)?,
            Op::StopCleanup(which) => {
                let index = which.of(self.cleanups.len())?;
                self.stop_cleanup(index);
            }
            Op::GetMut { what, with, collect } => self.get_mut(what, with, collect)?,
            Op::MakeMut { what } => self.make_mut(what)?,
            Op::Unwrap { what, whatever, keep_edges } => self.unwrap(what, whatever, keep_edges)?,
            Op::CollectLocked { what, cell } => {
                let (handle, _, cell) = self.cell(what, cell)?;
                let guard = handle.parts()[cell].cell.lock().expect("not poisoned");
                collect();
                drop(guard);
                drop_counted(handle);
                self.model.collected = true;
            }
            Op::Collect => self.model.collected = true,
            Op::Trim => drop(heap::trim()),
            Op::InArena { value, end } => self.in_arena(value, end),
            Op::ResetArena { free } => self.reset_arena(free),
        }
        Some(())
    }

    /// A clone of a root; the model does not count it.
    fn pick(&self, pick: Pick) -> Option<(Handle, Id)> {
        Some(self.roots[pick.of(self.roots.len())?].clone())
    }

    fn take(&mut self, pick: Pick) -> Option<(Handle, Id)> {
        let index = pick.of(self.roots.len())?;
        Some(self.roots.swap_remove(index))
    }

    /// A clone of a root that has cells, and one of these.
    fn cell(&self, from: Pick, cell: Pick) -> Option<(Handle, Id, usize)> {
        let (handle, id) = self.pick(from)?;
        let cell = cell.of(handle.parts().len())?;
        Some((handle, id, cell))
    }

    /// A new handle that the model does not count yet.
    fn push(&mut self, handle: Handle, id: Id) {
        handle.check(id);
        self.model.acquire(id);
        self.roots.push((handle, id));
    }

    fn drop_root(&mut self, index: usize) {
        let (handle, id) = self.roots.swap_remove(index);
        handle.check(id);
        drop(handle);
        self.model.release(id);
    }

    fn new_id(&self) -> Id {
        let id = self.ledger.made.fetch_add(1, SeqCst);
        assert_eq!(id, self.model.objects.len());
        id
    }

    fn made(&mut self, handle: Handle, object: Object) {
        let id = self.model.add(object);
        handle.check(id);
        self.roots.push((handle, id));
    }

    /// A handle for a field, counted.
    fn field(&mut self, pick: Option<Pick>) -> Option<(Handle, Id)> {
        let (handle, id) = self.pick(pick?)?;
        self.model.acquire(id);
        Some((handle, id))
    }

    fn make_node(&mut self, shape: Shape, fixed: Option<Pick>, skipped: Option<Pick>, weak: Option<Pick>, act: Act) {
        let id = self.new_id();
        let (fixed, skipped) = (self.field(fixed), self.field(skipped));
        let weak = weak.and_then(|weak| self.pick(weak)).map(|(handle, id)| (handle.downgrade(), id));
        let mut object = Object { parts: 2, cells: vec![None; 2], collects: act == Act::Collect, ..Object::default() };
        let (weak, weak_id) = weak.unzip();
        if let Some(weak) = weak_id {
            self.model.objects[weak].weaks += 1;
        }
        object.weak_of_drop = weak_id;
        let mut body = Body::new(id, &self.ledger, OnDrop { act, weak });
        (body.fixed, object.fixed) = fixed.unzip();
        if let Some((handle, held)) = skipped {
            let edge = Skipped::new(Some(handle).into());
            self.skipped.push((Arc::downgrade(&edge), id));
            body.skipped = Some(edge);
            object.skipped = Some(held);
        }
        let handle = match shape {
            Shape::Plain => Handle::Plain(Gc::new(Plain::new(id, body))),
            Shape::Wide => Handle::Dynamic(unsize!(Gc::new(Node::<[u64; 30]>::new(id, body)) => _)),
            Shape::Huge => Handle::Dynamic(unsize!(Gc::new(Node::<[u64; 900]>::new(id, body)) => _)),
            Shape::Large => Handle::Dynamic(unsize!(Gc::new(Node::<[u64; 9_000]>::new(id, body)) => _)),
            Shape::Aligned => Handle::Dynamic(unsize!(Gc::new(Node::<Line>::new(id, body)) => _)),
            Shape::PageAligned => Handle::Dynamic(unsize!(Gc::new(Node::<Page>::new(id, body)) => _)),
        };
        self.made(handle, object);
    }

    fn make_cyclic(&mut self, fixed: Option<Pick>) {
        let id = self.new_id();
        let (fixed, fixed_id) = self.field(fixed).unzip();
        let node = Gc::new_cyclic(|weak| {
            assert!(weak.upgrade().is_none(), "it is not there yet");
            let mut body = Body::new(id, &self.ledger, OnDrop { act: Act::Nothing, weak: None });
            body.fixed = fixed;
            body.weak = Some(WeakHandle::Plain(weak.clone())).into();
            Node::new(id, body)
        });
        let cells = vec![None; 2];
        let object = Object { parts: 2, cells, fixed: fixed_id, weak: Some(id), weaks: 1, ..Object::default() };
        self.made(Handle::Plain(node), object);
    }

    fn make_slice(&mut self, len: u8, from_array: bool) {
        let id = self.new_id();
        let part = |_| Part::new(id, &self.ledger);
        let (slice, parts): (Gc<[Part]>, usize) = match (from_array, len) {
            (true, _) => (unsize!(Gc::new(std::array::from_fn::<Part, 3, _>(part)) => [Part]), 3),
            (false, 255) => ((0..1_000).map(part).collect(), 1_000),
            (false, len) => ((0..usize::from(len)).map(part).collect(), len.into()),
        };
        assert_eq!(slice.len(), parts);
        self.made(Handle::Slice(slice), Object { parts, cells: vec![None; parts], ..Object::default() });
    }

    fn make_text(&mut self, len: usize) {
        let id = self.new_id();
        let made: Gc<str> = text(id, len).into();
        assert_eq!(made.len(), len);
        self.made(Handle::Text(made), Object::default());
    }

    fn walk(&mut self, from: Pick, cell: Pick) -> Option<()> {
        let (handle, id, cell) = self.cell(from, cell)?;
        let next = handle.parts()[cell].cell.lock().expect("not poisoned").clone();
        let next_id = self.model.objects[id].cells[cell];
        drop_counted(handle);
        assert_eq!(next.is_some(), next_id.is_some(), "a cell is as the model says");
        self.push(next?, next_id?);
        Some(())
    }

    /// Puts something, which is counted, into a cell, and drops what was there.
    fn replace(&mut self, into: Pick, cell: Pick, what: Option<(Handle, Id)>, under_lock: bool) {
        let Some((holder, id, cell)) = self.cell(into, cell) else {
            if let Some((handle, id)) = what {
                drop(handle);
                self.model.release(id);
            }
            return;
        };
        let (handle, new) = what.unzip();
        let mut guard = holder.parts()[cell].cell.lock().expect("not poisoned");
        let old = std::mem::replace(&mut *guard, handle);
        if under_lock {
            drop(old);
            drop(guard);
        } else {
            drop(guard);
            drop(old);
        }
        if let Some(old) = std::mem::replace(&mut self.model.objects[id].cells[cell], new) {
            self.model.release(old);
        }
        drop(holder);
    }

    fn swap(&mut self, a: Pick, i: Pick, b: Pick, j: Pick) -> Option<()> {
        let (one, one_id, i) = self.cell(a, i)?;
        let (other, other_id, j) = self.cell(b, j)?;
        if let Ok(mut left) = one.parts()[i].cell.lock() {
            if let Ok(mut right) = other.parts()[j].cell.try_lock() {
                std::mem::swap(&mut *left, &mut *right);
                let content = self.model.objects[one_id].cells[i];
                let content = std::mem::replace(&mut self.model.objects[other_id].cells[j], content);
                self.model.objects[one_id].cells[i] = content;
            }
        }
        Some(())
    }

    fn store_weak(&mut self, weak: Pick, to: Pick) -> Option<()> {
        let (weak, target) = self.weaks[weak.of(self.weaks.len())?].clone();
        let (holder, id) = self.pick(to)?;
        let old = holder.body()?.weak.lock().expect("not poisoned").replace(weak);
        drop(old);
        self.model.objects[target].weaks += 1;
        if let Some(old) = self.model.objects[id].weak.replace(target) {
            self.model.objects[old].weaks -= 1;
        }
        Some(())
    }

    fn add_cleanup(&mut self, on: Pick, part: Option<Pick>, holds: Option<Pick>, act: Act) -> Option<()> {
        let (handle, id) = self.pick(on)?;
        let (holds, holds_id) = self.field(holds).unzip();
        let weak = (act == Act::Upgrade).then(|| handle.downgrade());
        self.model.objects[id].weaks += usize::from(weak.is_some());
        let task = self.model.add_task(Task { on: id, holds: holds_id, act, state: State::Waiting });
        let on = (id, self.model.objects[id].parts);
        let arg = Arg { task, on, ledger: self.ledger.clone(), act, weak, holds };
        let added = match part.and_then(|part| handle.parts().get(part.of(handle.parts().len())?)) {
            Some(part) => tracegc::add_cleanup(part, arg, crate::objects::run),
            None => handle.add_cleanup(arg),
        };
        let cleanup = added.expect("the object lives, and a worker starts");
        assert!(cleanup.is_pending());
        self.cleanups.push((cleanup, task));
        Some(())
    }

    fn stop_cleanup(&mut self, index: usize) {
        let (cleanup, id) = self.cleanups.swap_remove(index);
        let waits = self.model.tasks[id].state == State::Waiting;
        assert_eq!(cleanup.stop(), waits, "a cleanup is stopped if it waits");
        assert!(!cleanup.stop() && !cleanup.is_pending());
        let record = self.ledger.task(id);
        assert_eq!(record.arg_dropped.load(SeqCst), 1, "its argument is gone, either way");
        assert_eq!(record.ran.load(SeqCst), u32::from(!waits));
        if waits {
            self.model.end_task(id, State::Stopped);
        }
    }

    fn get_mut(&mut self, what: Pick, with: Option<Pick>, collects: bool) -> Option<()> {
        let index = what.of(self.roots.len())?;
        if !matches!(self.roots[index].0, Handle::Plain(_)) {
            return None;
        }
        let (mut handle, id) = self.roots.swap_remove(index);
        let mut with = with.and_then(|with| self.take(with));
        let Handle::Plain(node) = &mut handle else { return None };
        let alone = self.model.objects[id].handles == 1 && self.model.objects[id].weaks == 0;
        match Gc::get_mut(node) {
            Some(mut node) => {
                assert!(alone, "exclusive access to {id}, which is shared");
                if collects {
                    collect();
                    self.model.collected = true;
                }
                let (new, new_id) = with.take().unzip();
                let old = std::mem::replace(&mut node.body.fixed, new);
                let old_id = std::mem::replace(&mut self.model.objects[id].fixed, new_id);
                with = old.zip(old_id);
            }
            None => assert!(!alone, "no exclusive access to {id}, which is not shared"),
        }
        self.roots.push((handle, id));
        self.roots.extend(with);
        Some(())
    }

    fn make_mut(&mut self, what: Pick) -> Option<()> {
        let index = what.of(self.roots.len())?;
        let (Handle::Plain(node), id) = &mut self.roots[index] else { return None };
        let old = *id;
        let alone = self.model.objects[old].handles == 1 && self.model.objects[old].weaks == 0;
        let mut node = Gc::make_mut(node);
        *id = node.id();
        assert_eq!(*id == old, alone, "only what is shared is copied");
        let (id, fixed) = (*id, node.body.fixed.take());
        drop(node);
        drop(fixed);
        if !alone {
            let object = &self.model.objects[old];
            let (cells, fixed) = (object.cells.clone(), object.fixed);
            for &edge in cells.iter().flatten().chain(&fixed) {
                self.model.acquire(edge);
            }
            let added = self.model.add(Object { parts: 2, cells, fixed, ..Object::default() });
            assert_eq!(id, added);
            self.model.release(old);
        }
        if let Some(fixed) = self.model.objects[id].fixed.take() {
            self.model.release(fixed);
        }
        Some(())
    }

    fn unwrap(&mut self, what: Pick, whatever: bool, keep_edges: bool) -> Option<()> {
        let index = what.of(self.roots.len())?;
        if !matches!(self.roots[index].0, Handle::Plain(_)) {
            return None;
        }
        let (Handle::Plain(node), id) = self.roots.swap_remove(index) else { return None };
        let alone = self.model.objects[id].handles == 1;
        self.ledger.object(id).moved.store(alone, SeqCst);
        let value = match whatever {
            true => Gc::into_inner(node),
            false => match Gc::try_unwrap(node) {
                Ok(value) => Some(value),
                Err(node) => {
                    assert!(!alone, "the only handle gives the value");
                    self.roots.push((Handle::Plain(node), id));
                    return Some(());
                }
            },
        };
        assert_eq!(value.is_some(), alone, "the value of {id}");
        if let Some(mut value) = value {
            if keep_edges {
                for (index, part) in value.body.parts.iter_mut().enumerate() {
                    let out = part.cell.get_mut().expect("not poisoned").take();
                    let out_id = self.model.objects[id].cells[index].take();
                    self.roots.extend(out.zip(out_id));
                }
            }
            // Here a panic in drop glue is the caller's.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
        }
        self.model.release(id);
        Some(())
    }

    /// Waits for what the last operation has set off.
    fn quiesce(&mut self) {
        loop {
            let due = self.model.take_due();
            if !due.is_empty() {
                run_cleanups();
            }
            let none = due.is_empty();
            for task in due {
                let record = self.ledger.task(task);
                assert_eq!(record.ran.load(SeqCst), 1, "cleanup {task} ran");
                assert_eq!(record.arg_dropped.load(SeqCst), 1, "the argument of cleanup {task} is gone");
                self.model.end_task(task, State::Done);
            }
            if none && std::mem::take(&mut self.model.collected) {
                self.collect();
            } else if none {
                return;
            }
        }
    }

    /// Collects until nothing is left to be collected.
    fn collect(&mut self) {
        loop {
            // A cleanup may let go of a circle without freeing anything by itself.
            let done = || (heap::stats().freed_objects, cleanup::stats().executed);
            let before = done();
            collect();
            run_cleanups();
            if done() == before {
                break;
            }
        }
        loop {
            let more = self.model.collect(self.roots.iter().map(|root| root.1));
            let due = self.model.take_due();
            let more = more || !due.is_empty();
            for task in due {
                self.model.end_task(task, State::Done);
            }
            if !more {
                break;
            }
        }
        // All that drop glue and cleanups might collect is collected.
        self.model.collected = false;
        self.check();
    }

    fn settle(&mut self) {
        self.model.collected = true;
        self.quiesce();
    }

    fn check_deaths(&self) {
        assert_eq!(self.ledger.dropped.load(SeqCst), self.model.dropped, "parts of objects that died");
    }

    /// Compares everything.
    fn check(&self) {
        for (id, object) in self.model.objects.iter().enumerate() {
            let expected = if object.dead { object.parts } else { 0 };
            assert_eq!(self.ledger.object(id).dropped.load(SeqCst), expected, "drops of object {id}");
        }
        for (id, task) in self.model.tasks.iter().enumerate() {
            let (ran, gone) = match task.state {
                State::Waiting => (0, 0),
                State::Done => (1, 1),
                State::Stopped => (0, 1),
                State::Due => unreachable!("what is due was waited for"),
            };
            let record = self.ledger.task(id);
            assert_eq!(record.ran.load(SeqCst), ran, "runs of cleanup {id}");
            assert_eq!(record.arg_dropped.load(SeqCst), gone, "drops of the argument of cleanup {id}");
        }
        for (cleanup, id) in &self.cleanups {
            assert_eq!(cleanup.is_pending(), self.model.tasks[*id].state == State::Waiting);
        }
        for (weak, id) in &self.weaks {
            assert_eq!(weak.upgrade().is_none(), self.model.objects[*id].dead, "the weak pointers to object {id}");
        }
        self.check_graph();
        assert_eq!(live() - self.live_before, self.model.alive as u64, "objects alive");
    }

    /// Looks at everything that the roots reach.
    fn check_graph(&self) {
        let mut seen = vec![false; self.model.objects.len()];
        let mut stack: Vec<(Handle, Id)> = self.roots.clone();
        while let Some((handle, id)) = stack.pop() {
            if std::mem::replace(&mut seen[id], true) {
                continue;
            }
            handle.check(id);
            let object = &self.model.objects[id];
            assert_eq!(handle.weak_count(), object.weaks, "weak pointers to object {id}");
            for (part, model) in handle.parts().iter().zip(&object.cells) {
                let content = part.cell.lock().expect("not poisoned").clone();
                assert_eq!(content.is_some(), model.is_some(), "a cell of object {id} is as the model says");
                stack.extend(content.zip(*model));
            }
            if let Some(body) = handle.body() {
                assert_eq!(body.fixed.is_some(), object.fixed.is_some());
                stack.extend(body.fixed.clone().zip(object.fixed));
            }
        }
        // Now the only handles are those that the model knows.
        for (handle, id) in &self.roots {
            assert_eq!(handle.strong_count(), self.model.objects[*id].handles, "handles to object {id}");
        }
    }
}

/// Ends a clone that the model never counted: the object has other handles, so nothing dies.
fn drop_counted(handle: Handle) {
    assert!(handle.strong_count() > 1);
}
