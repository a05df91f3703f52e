//! The worker threads that run cleanups.
//!
//! # The queue and the workers
//!
//! Jobs wait in a lock-free queue. Workers take one at a time. Whoever pushes a job *rouses* one worker: wakes an
//! idle one or starts a new one. A worker that takes a job and leaves others behind rouses the next before it runs
//! its own. So there is always one worker on its way to a non-empty queue, until all are busy and the pool has
//! reached its maximum: a job that blocks holds up nobody. Workers that find nothing to do for a while leave; the
//! next job starts one again.
//!
//! # No wake-up is lost
//!
//! `rousable` says whether rousing would do anything. It is written under the lock of `state` and read without,
//! so that pushing to a busy pool costs no lock. The two sides are
//!
//! ```text
//!     pusher:  push the job       fence   read rousable
//!     worker:  write rousable     fence   look at the queue
//! ```
//!
//! Both fences are SeqCst, so at least one side sees the other: either the pusher rouses a worker, or the worker
//! that was about to sleep, leave or run a job sees the job. The rule for workers: after every write that may
//! have made `rousable` true, a fence and a look at the queue. `no_job_is_lost_between_a_push_and_a_worker_that_sleeps`
//! fails without it.
//!
//! # Starting fails
//!
//! Nothing is lost: the jobs stay queued, `rousable` stays true, and the next push, registration or wait tries
//! again. The first registration starts a worker, so a system that cannot start any says so at once.
//!
//! # Locks
//!
//! `state` and `ledger` are never held together, and no user code runs under either.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::time::{Duration, Instant};

use super::hook::{PanicOrigin, report_panic};
use super::ledger::{Goal, Ledger};
use super::{CleanupStats, Job};
use crate::sync::atomic::fence;
use crate::sync::plain::{AtomicBool, AtomicU64, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};
use crate::sync::{SegQueue, thread};

/// How long a worker stays with nothing to do.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often one who waits looks whether a worker that could not be started can be started now.
const RETRY: Duration = Duration::from_millis(100);

/// A queued cleanup.
struct Task {
    /// Its number, in the order of queueing.
    ticket: u64,
    job: Job,
}

/// What the lock guards: the census of the workers.
struct State {
    /// Threads that have been started and have not left.
    live: usize,
    /// Of these, the ones started that have not looked at the queue yet.
    starting: usize,
    /// Of these, the ones in [`Pool::sleep`].
    idle: usize,
    /// Sleepers that have been told to get up and have not yet. At most `idle`.
    called: usize,
    /// Calls of [`Pool::shutdown`] in progress; workers do not sleep then.
    closing: usize,
    idle_timeout: Duration,
    /// Number of the last thread started.
    serial: u64,
    /// The handles of the live threads.
    handles: Vec<(u64, thread::JoinHandle<()>)>,
    /// The handles of threads that have left. The next to leave joins them, so there are never many.
    left: Vec<thread::JoinHandle<()>>,
}

/// Everything the pool knows. The crate has one; tests make their own.
pub(super) struct Pool {
    /// How often those who wait try again to start a worker.
    retry: Duration,
    queue: SegQueue<Task>,
    state: Mutex<State>,
    /// Wakes one of the sleepers, who are all alike.
    wake: Condvar,
    /// Tells those in [`Pool::shutdown`] that a worker has left.
    gone: Condvar,
    /// Whether [`Pool::rouse`] would do anything. Written under `state`.
    rousable: AtomicBool,
    /// A worker has been started and nothing suggests that it could not be done again.
    ready: AtomicBool,
    /// The most threads there may be; 0 until somebody asks. Written under `state`.
    max: AtomicUsize,
    /// The live threads exceed `max`. Written under `state`.
    crowded: AtomicBool,
    /// Tests only: starting a thread fails.
    fail_starts: AtomicBool,
    ledger: Mutex<Ledger>,
    /// Tells those in [`Pool::wait`] that one of them has reached its goal.
    done: Condvar,
    /// The next ticket, so also the number of jobs queued.
    queued: AtomicU64,
    /// Workers that run a job. Falls under the lock of `ledger`, with the entry of the ticket.
    busy: AtomicUsize,
    registered: AtomicU64,
    stopped: AtomicU64,
}

static POOL: Pool = Pool::new();

/// The pool of the crate.
pub(super) fn pool() -> &'static Pool {
    &POOL
}

/// Which pool the current thread works for, and the ticket of the job it runs.
#[derive(Clone, Copy)]
struct Here {
    pool: *const Pool,
    ticket: Option<u64>,
}

thread_local! {
    // Without a destructor, so that it can be read in the destructors of other thread-locals.
    static HERE: Cell<Option<Here>> = const { Cell::new(None) };
}

/// How [`Pool::sleep`] ends.
enum Woken {
    Work,
    /// The worker is off the census and must end. It owes its predecessors a join.
    Leave(Vec<thread::JoinHandle<()>>),
}

impl Pool {
    pub(super) const fn new() -> Self {
        Pool::with_retry(RETRY)
    }

    /// A pool whose waiters look this often whether a worker can be started now.
    pub(super) const fn with_retry(retry: Duration) -> Self {
        Pool {
            retry,
            queue: SegQueue::new(),
            state: Mutex::new(State {
                live: 0,
                starting: 0,
                idle: 0,
                called: 0,
                closing: 0,
                idle_timeout: IDLE_TIMEOUT,
                serial: 0,
                handles: Vec::new(),
                left: Vec::new(),
            }),
            wake: Condvar::new(),
            gone: Condvar::new(),
            rousable: AtomicBool::new(true),
            ready: AtomicBool::new(false),
            max: AtomicUsize::new(0),
            crowded: AtomicBool::new(false),
            fail_starts: AtomicBool::new(false),
            ledger: Mutex::new(Ledger::new()),
            done: Condvar::new(),
            queued: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            registered: AtomicU64::new(0),
            stopped: AtomicU64::new(0),
        }
    }

    /// Makes sure that queued jobs will find a worker, or says why not.
    pub(super) fn ensure_worker(&'static self) -> io::Result<()> {
        // Relaxed: the flag publishes nothing; a job reaches its worker through the queue.
        if self.ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut state = self.state.lock();
        if state.live == 0 {
            self.start(&mut state)?;
        }
        self.ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Queues jobs. Never blocks on user code, never fails.
    pub(super) fn enqueue(&'static self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            // Relaxed: a waiter that must count this job runs after the call, and coherence is enough then.
            let ticket = self.queued.fetch_add(1, Ordering::Relaxed);
            self.queue.push(Task { ticket, job });
        }
        self.rouse();
    }

    /// Waits until the jobs queued before the call have run, except the one that calls. False on timeout.
    pub(super) fn wait(&'static self, timeout: Duration) -> bool {
        // Without a deadline if the clock cannot express it.
        let deadline = Instant::now().checked_add(timeout);
        // Relaxed: see enqueue.
        let goal = Goal { below: self.queued.load(Ordering::Relaxed), except: self.running_here() };
        // If a worker could not be started when the jobs were queued, perhaps it can be now.
        self.rouse();
        let mut ledger = self.ledger.lock();
        if ledger.reached(goal) {
            return true;
        }
        ledger.watch(goal);
        let reached = loop {
            let now = Instant::now();
            if deadline.is_some_and(|d| d <= now) {
                break false;
            }
            let retry = now + self.retry;
            let timed_out = self.done.wait_until(&mut ledger, deadline.map_or(retry, |d| d.min(retry))).timed_out();
            if ledger.reached(goal) {
                break true;
            }
            if timed_out {
                drop(ledger);
                self.rouse();
                ledger = self.ledger.lock();
            }
        };
        ledger.unwatch(goal);
        reached
    }

    /// Lets the workers run what is queued, ends them and joins them. False on timeout, or on a worker.
    pub(super) fn shutdown(&'static self, timeout: Duration) -> bool {
        if HERE.get().is_some_and(|here| ptr::eq(here.pool, self)) {
            return false;
        }
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.state.lock();
        state.closing += 1;
        self.wake.notify_all();
        let ended = loop {
            if !self.queue.is_empty() {
                // A failure is tried again before long.
                let _ = self.rouse_locked(&mut state);
            } else if state.live == 0 {
                break true;
            }
            let now = Instant::now();
            if deadline.is_some_and(|d| d <= now) {
                break false;
            }
            let retry = now + self.retry;
            self.gone.wait_until(&mut state, deadline.map_or(retry, |d| d.min(retry)));
        };
        state.closing -= 1;
        if ended {
            // The next registration shows again whether a worker can be started.
            self.ready.store(false, Ordering::Relaxed);
            let left = mem::take(&mut state.left);
            drop(state);
            join(left);
        }
        ended
    }

    pub(super) fn note_registered(&self) {
        // Relaxed, as below: a statistic, read where the program is at rest.
        self.registered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_stopped(&self) {
        self.stopped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> CleanupStats {
        let workers = self.state.lock().live;
        // What follows its cause is read before it, so that no snapshot shows more executed than queued.
        // The lock makes `queued` and `busy` at least as new as the entries of the ledger.
        let (executed, panicked, busy_workers) = {
            let ledger = self.ledger.lock();
            (ledger.executed(), ledger.panicked(), self.busy.load(Ordering::Relaxed))
        };
        CleanupStats {
            executed,
            panicked,
            busy_workers,
            workers,
            queue_depth: self.queue.len(),
            queued: self.queued.load(Ordering::Relaxed),
            stopped: self.stopped.load(Ordering::Relaxed),
            registered: self.registered.load(Ordering::Relaxed),
        }
    }

    /// The most workers there may be.
    pub(super) fn max_workers(&self) -> usize {
        // Relaxed here and for the store: a number by itself. Two who find 0 at once store the same.
        match self.max.load(Ordering::Relaxed) {
            0 => {
                let max = thread::parallelism().max(2);
                let _ = self.max.compare_exchange(0, max, Ordering::Relaxed, Ordering::Relaxed);
                self.max.load(Ordering::Relaxed)
            }
            max => max,
        }
    }

    /// Sets the most workers there may be; 0 counts as 1. Those in excess leave after their job.
    pub(super) fn set_max_workers(&'static self, max: usize) {
        let state = self.state.lock();
        self.max.store(max.max(1), Ordering::Relaxed);
        self.publish(&state);
        if self.crowded.load(Ordering::Relaxed) {
            self.wake.notify_all();
        }
        drop(state);
        // More may now be started for jobs already queued.
        self.rouse();
    }

    #[cfg(test)]
    pub(super) fn set_idle_timeout(&self, timeout: Duration) {
        self.state.lock().idle_timeout = timeout;
        // Sleepers take their new deadline at their next sleep.
    }

    pub(super) fn fail_worker_starts(&self, on: bool) {
        let _state = self.state.lock();
        // Relaxed, both: `start` runs under the lock too, and `ready` publishes nothing.
        self.fail_starts.store(on, Ordering::Relaxed);
        self.ready.store(false, Ordering::Relaxed);
    }

    /// The ticket of the job of this pool that the current thread runs.
    fn running_here(&self) -> Option<u64> {
        HERE.get().filter(|here| ptr::eq(here.pool, self)).and_then(|here| here.ticket)
    }

    /// Sees to it that a worker comes to a queue that is not empty, if one can.
    fn rouse(&'static self) {
        // Pairs with the fence of whoever made the pool rousable: see the head of the module.
        fence(Ordering::SeqCst);
        if self.rousable.load(Ordering::Relaxed) && !self.queue.is_empty() {
            // A failure has left the job in the queue and the pool rousable.
            let _ = self.rouse_locked(&mut self.state.lock());
        }
    }

    fn rouse_locked(&'static self, state: &mut MutexGuard<'_, State>) -> io::Result<()> {
        if state.starting + state.called > 0 {
            return Ok(()); // It rouses the next if there is need.
        }
        if state.idle > 0 {
            state.called += 1;
            self.publish(state);
            self.wake.notify_one();
            Ok(())
        } else if state.live < self.max_workers() {
            self.start(state)
        } else {
            Ok(()) // All are busy, and each looks at the queue after its job.
        }
    }

    /// Starts a worker. Under the lock, so that its handle is in place before it can leave.
    fn start(&'static self, state: &mut MutexGuard<'_, State>) -> io::Result<()> {
        let serial = state.serial + 1;
        match self.spawn(serial) {
            Ok(handle) => {
                state.serial = serial;
                state.live += 1;
                state.starting += 1;
                state.handles.push((serial, handle));
                self.publish(state);
                self.ready.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                if state.live == 0 {
                    self.ready.store(false, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }

    fn spawn(&'static self, serial: u64) -> io::Result<thread::JoinHandle<()>> {
        if self.fail_starts.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "worker threads are kept from starting"));
        }
        let body = move || self.work(serial);
        // std may panic here late in the life of the current thread, when its own thread-locals are gone.
        let spawn = || thread::spawn_named(format!("tracegc-cleanup-{serial}"), body);
        catch_unwind(AssertUnwindSafe(spawn)).unwrap_or_else(|payload| {
            mem::forget(payload);
            Err(io::Error::other("starting a thread panicked"))
        })
    }

    /// Writes what others read of the census without the lock. After each change of it, before the unlock.
    ///
    /// Relaxed: readers act on it under the lock only, and the fences at the head of the module order it against
    /// the queue.
    fn publish(&self, state: &State) {
        let max = self.max_workers();
        let on_the_way = state.starting + state.called > 0;
        self.rousable.store(!on_the_way && (state.idle > 0 || state.live < max), Ordering::Relaxed);
        self.crowded.store(state.live > max, Ordering::Relaxed);
    }

    /// The life of a worker.
    fn work(&'static self, serial: u64) {
        HERE.set(Some(Here { pool: self, ticket: None }));
        {
            let mut state = self.state.lock();
            state.starting -= 1;
            self.publish(&state);
        }
        loop {
            while let Some(task) = self.queue.pop() {
                // Relaxed: a statistic.
                self.busy.fetch_add(1, Ordering::Relaxed);
                // This worker is on its way no longer: others may be needed for what is left. Rousing begins with
                // the fence that the write of `rousable`, by this worker on arrival, calls for.
                self.rouse();
                self.run(task);
                // Relaxed: decided again under the lock.
                if self.crowded.load(Ordering::Relaxed) {
                    break;
                }
            }
            if let Woken::Leave(before) = self.sleep(serial) {
                return join(before);
            }
        }
    }

    fn run(&self, Task { ticket, job }: Task) {
        HERE.set(Some(Here { pool: self, ticket: Some(ticket) }));
        let outcome: Result<(), Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(job));
        let panicked = outcome.is_err();
        if let Err(payload) = outcome {
            report_panic(PanicOrigin::Cleanup, payload);
        }
        HERE.set(Some(Here { pool: self, ticket: None }));
        let mut ledger = self.ledger.lock();
        self.busy.fetch_sub(1, Ordering::Relaxed);
        let reached = ledger.finish(ticket, panicked);
        drop(ledger);
        if reached {
            self.done.notify_all();
        }
    }

    /// Waits for work, or leaves: after the idle timeout, when too many are alive, at shutdown.
    fn sleep(&self, serial: u64) -> Woken {
        let mut state = self.state.lock();
        // Without a deadline if the clock cannot express it.
        let deadline = Instant::now().checked_add(state.idle_timeout);
        let mut timed_out = false;
        state.idle += 1;
        loop {
            self.publish(&state);
            let crowded = self.crowded.load(Ordering::Relaxed);
            if state.called > 0 {
                // Perhaps another was meant; that one will find nothing and sleep on.
                state.called -= 1;
                break;
            }
            // Pairs with the fence in `rouse`.
            fence(Ordering::SeqCst);
            let work = !self.queue.is_empty();
            if work && !crowded {
                break;
            }
            if crowded || timed_out || state.closing > 0 {
                return Woken::Leave(self.leave(state, serial));
            }
            match deadline {
                Some(deadline) => timed_out = self.wake.wait_until(&mut state, deadline).timed_out(),
                None => self.wake.wait(&mut state),
            }
        }
        state.idle -= 1;
        self.publish(&state);
        Woken::Work
    }

    /// Takes the worker, idle and not called, off the census. Returns the handles it must join.
    ///
    /// An idle worker less never makes the pool rousable, so the look at the queue in [`sleep`](Self::sleep) will do.
    fn leave(&self, mut state: MutexGuard<'_, State>, serial: u64) -> Vec<thread::JoinHandle<()>> {
        state.idle -= 1;
        state.live -= 1;
        let before = mem::take(&mut state.left);
        if let Some(at) = state.handles.iter().position(|(s, _)| *s == serial) {
            let (_, own) = state.handles.swap_remove(at);
            state.left.push(own);
        }
        self.publish(&state);
        if state.closing > 0 {
            self.gone.notify_all();
        }
        before
    }
}

/// Joins threads that have left the pool: only the destructors of their thread-locals are still to run.
fn join(left: Vec<thread::JoinHandle<()>>) {
    for handle in left {
        if let Err(payload) = handle.join() {
            mem::forget(payload);
        }
    }
}

#[cfg(test)]
impl Pool {
    pub(super) fn waiting(&self) -> usize {
        self.ledger.lock().waiting()
    }

    pub(super) fn idle(&self) -> usize {
        self.state.lock().idle
    }

    pub(super) fn closing(&self) -> bool {
        self.state.lock().closing > 0
    }

    /// Handles held, of live threads and of those that have left.
    pub(super) fn handles(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.handles.len(), state.left.len())
    }
}
