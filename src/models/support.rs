//! What models are made of.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::heap::pages::PAGE_HEAP;
use crate::object::{Count, Header};
use crate::sync::Mutex;
use crate::{Gc, Trace, Tracer, collect};

#[cfg(loom)]
use loom as checker;
#[cfg(shuttle)]
use shuttle as checker;

/// Objects of a model.
const OBJECTS: usize = 8;

/// Deaths, by object.
#[derive(Default)]
pub(super) struct Log {
    born: [AtomicUsize; OBJECTS],
    dead: [AtomicUsize; OBJECTS],
}

impl Log {
    /// How often the object died.
    pub(super) fn deaths(&self, id: usize) -> usize {
        self.dead[id].load(Ordering::Relaxed)
    }

    /// All that were born have died once.
    fn check(&self) {
        for id in 0..OBJECTS {
            assert_eq!(
                self.dead[id].load(Ordering::Relaxed),
                self.born[id].load(Ordering::Relaxed),
                "object {id}: deaths and births differ at the end"
            );
        }
    }
}

const ALIVE: usize = 0x5afe;

/// Part of a value: it can be looked at as long as the value is there.
pub(super) struct Canary {
    id: usize,
    #[cfg(loom)]
    cell: loom::cell::UnsafeCell<usize>,
    #[cfg(shuttle)]
    cell: std::cell::UnsafeCell<usize>,
    log: Arc<Log>,
}

// SAFETY: the checker finds accesses that are not ordered, or there are none.
unsafe impl Sync for Canary {}

impl Canary {
    fn new(log: &Arc<Log>, id: usize) -> Canary {
        log.born[id].fetch_add(1, Ordering::Relaxed);
        Canary { id, cell: (ALIVE + id).into(), log: log.clone() }
    }

    fn read(&self) -> usize {
        // SAFETY (both): a look at a value that is there, if all is well.
        #[cfg(loom)]
        return self.cell.with(|cell| unsafe { cell.read_volatile() });
        #[cfg(shuttle)]
        return unsafe { self.cell.get().read_volatile() };
    }

    fn write(&mut self, value: usize) {
        // SAFETY (both): exclusive access.
        #[cfg(loom)]
        self.cell.with_mut(|cell| unsafe { cell.write_volatile(value) });
        #[cfg(shuttle)]
        unsafe {
            self.cell.get().write_volatile(value);
        }
    }

    fn look(&self) {
        assert_eq!(self.read(), ALIVE + self.id, "object {} is looked at, and it is not there", self.id);
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.look();
        self.write(0);
        let before = self.log.dead[self.id].fetch_add(1, Ordering::Relaxed);
        assert!(before < self.log.born[self.id].load(Ordering::Relaxed), "object {} dies twice", self.id);
    }
}

/// The object of all models: a field that never changes, one behind a lock, and a canary.
pub(super) struct Node {
    canary: Canary,
    pub(super) fixed: Option<Gc<Node>>,
    pub(super) cell: Mutex<Option<Gc<Node>>>,
}

impl Node {
    pub(super) fn make(log: &Arc<Log>, id: usize, fixed: Option<Gc<Node>>, cell: Option<Gc<Node>>) -> Gc<Node> {
        Gc::new(Node { canary: Canary::new(log, id), fixed, cell: Mutex::new(cell) })
    }

    /// An object that says that it can hold no handles.
    pub(super) fn make_leaf(log: &Arc<Log>, id: usize) -> Gc<Leaf> {
        Gc::new(Leaf(Canary::new(log, id)))
    }

    /// Looks whether the value is there.
    pub(super) fn look(&self) {
        self.canary.look();
    }

    pub(super) fn id(&self) -> usize {
        self.canary.id
    }

    /// Writes to the value.
    pub(super) fn touch(&mut self) {
        let id = self.canary.id;
        self.canary.look();
        self.canary.write(0);
        self.canary.write(ALIVE + id);
    }

    /// Puts a handle into the locked cell.
    pub(super) fn put(&self, handle: Gc<Node>) {
        let mut cell = self.cell.lock();
        let old = cell.replace(handle);
        drop(cell);
        drop(old);
    }

    pub(super) fn take(&self) -> Option<Gc<Node>> {
        self.cell.lock().take()
    }
}

// SAFETY: the handles are the value's own; the one behind the lock is visited with its guard.
unsafe impl Trace for Node {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.look();
        self.fixed.trace(tracer);
        match self.cell.try_lock() {
            // SAFETY: the guard borrows from `self`, and its target lies in `self`.
            Some(guard) => unsafe { tracer.visit_guarded(guard) },
            None => tracer.busy(),
        }
    }
}

/// An object without handles.
pub(super) struct Leaf(Canary);

impl Leaf {
    pub(super) fn look(&self) {
        self.0.look();
    }
}

// SAFETY: there are no handles in it.
unsafe impl Trace for Leaf {
    fn trace(&self, _: &mut Tracer<'_>) {
        panic!("exclusive access to a leaf is not claimed, so nobody may look into it");
    }

    fn has_edges() -> bool {
        false
    }
}

pub(super) fn header(handle: &Gc<Node>) -> NonNull<Header> {
    handle.header()
}

/// An address for another thread.
#[derive(Clone, Copy)]
pub(super) struct Address(pub(super) NonNull<Header>);
// SAFETY: headers are shared by all threads.
unsafe impl Send for Address {}
// SAFETY: as above.
unsafe impl Sync for Address {}

impl Address {
    pub(super) fn of(handle: &Gc<Node>) -> Address {
        Address(header(handle))
    }

    /// The count of the object.
    ///
    /// # Safety
    ///
    /// It is there, and stays so.
    pub(super) unsafe fn count<'a>(self) -> &'a Count {
        // SAFETY: by contract.
        &unsafe { self.0.as_ref() }.count
    }
}

/// The verdict on a guess.
pub(super) fn judge<const N: usize>(guess: [Address; N]) -> usize {
    // SAFETY: the addresses are those of objects.
    unsafe { collect::modelled::judge(&guess.map(|address| address.0)) }
}

pub(super) use checker::thread::JoinHandle;

/// A thread that hands its cache over at its end.
pub(super) fn spawn<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    checker::thread::spawn(move || {
        let result = f();
        crate::heap::thread_exits();
        result
    })
}

/// How a model is run.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// The ways of counting to zero: the dear one, the cheap one.
    pub(super) ways: &'static [bool],
    /// Switches away from a thread that could go on.
    pub(super) preemptions: usize,
    pub(super) turns: bool,
}

/// One way only, for models in which no race is about a count that reaches zero.
pub(super) const DEAR: Plan = Plan { ways: &[false], preemptions: 2, turns: true };
/// Both ways of counting to zero.
pub(super) const BOTH: Plan = Plan { ways: &[false, true], preemptions: 2, turns: true };

/// Runs a model: `body` in all schedules, and the checks at its end.
pub(super) fn check(name: &'static str, plan: Plan, body: impl Fn(&Arc<Log>) + Send + Sync + 'static) {
    // A panic may happen where this crate catches it, so it ends the process here and now.
    std::panic::set_hook(Box::new(move |info| {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "model {name}: FAILED: {info}");
        std::process::exit(101);
    }));
    let body = Arc::new(body);
    for &cheap in plan.ways {
        crate::barrier::set_cheap(cheap);
        let started = std::time::Instant::now();
        let runs = Arc::new(AtomicUsize::new(0));
        let (body, counter) = (body.clone(), runs.clone());
        run(plan, move || {
            counter.fetch_add(1, Ordering::Relaxed);
            let log = Arc::new(Log::default());
            // Statics are made here, so that making them orders nothing later.
            collect();
            body(&log);
            collect();
            crate::heap::thread_exits();
            log.check();
            assert_eq!(PAGE_HEAP.used_bytes(), 0, "a slot was not given back");
        });
        let way = if cheap { "cheap" } else { "dear" };
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("model {name} ({way}): {} runs, {:.1?}\n", runs.load(Ordering::Relaxed), started.elapsed())
                .as_bytes(),
        );
    }
}

#[cfg(loom)]
fn run(plan: Plan, body: impl Fn() + Send + Sync + 'static) {
    crate::sync::modelled::set_turns(plan.turns);
    let mut builder = loom::model::Builder::new();
    builder.max_branches = builder.max_branches.max(20_000);
    builder.preemption_bound = builder.preemption_bound.or(Some(plan.preemptions));
    builder.check(body);
}

/// The number of schedules is that of the variable `SHUTTLE_RUNS`; half are random, half from PCT.
#[cfg(shuttle)]
fn run(_plan: Plan, body: impl Fn() + Send + Sync + 'static) {
    let runs = std::env::var("SHUTTLE_RUNS").map_or(5_000, |runs| runs.parse().expect("a number of runs"));
    let body = Arc::new(body);
    let again = body.clone();
    shuttle::check_random(move || body(), runs / 2);
    // It refuses what has one thread only, as some of the models.
    let with_another = move || {
        let other = shuttle::thread::spawn(|| ());
        again();
        other.join().expect("it does nothing");
    };
    shuttle::check_pct(with_another, runs / 2, 3);
}
