//! Tests of the worker pool. Each has a pool of its own, so that numbers are exact and none disturbs another.

use std::collections::HashSet;
use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::hook::{PanicOrigin, report_panic, set_panic_hook, take_panic_hook};
use super::pool::Pool;
use super::{CleanupStats, Job};

/// Longer than anything here takes. Only a failing test waits for it.
const LONG: Duration = Duration::from_secs(60);
/// For waits that are to fail.
const SHORT: Duration = Duration::from_millis(5);

/// Ends the workers of a pool before the test ends.
struct Ends(&'static Pool);

impl Drop for Ends {
    fn drop(&mut self) {
        let ended = self.0.shutdown(LONG);
        assert!(ended || thread::panicking(), "the workers do not end");
    }
}

/// A pool of at most `max` workers for the test that calls.
macro_rules! test_pool {
    ($pool:ident, $max:expr) => {
        static POOL: Pool = Pool::new();
        let $pool: &'static Pool = &POOL;
        $pool.set_max_workers($max);
        let _ends = Ends($pool);
    };
}

fn job(f: impl FnOnce() + Send + 'static) -> Job {
    Box::new(f)
}

fn one(f: impl FnOnce() + Send + 'static) -> [Job; 1] {
    [job(f)]
}

/// A job that says when it runs and then blocks until it is let go. Dropping the gate lets it go too.
struct Gate {
    entered: Receiver<()>,
    let_go: Sender<()>,
}

fn gate() -> (Gate, Job) {
    let (enter, entered) = mpsc::channel();
    let (let_go, go) = mpsc::channel();
    let run = job(move || {
        let _ = enter.send(());
        let _ = go.recv();
    });
    (Gate { entered, let_go }, run)
}

impl Gate {
    /// Waits until the job runs.
    fn entered(&self) {
        self.entered.recv_timeout(LONG).expect("the job runs");
    }

    fn open(self) {
        self.let_go.send(()).expect("the job is blocked");
    }
}

/// Waits for what another thread brings about and nothing announces.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "never came true: {what}");
        thread::yield_now();
    }
}

/// Tests that set the panic hook, of which there is one per process, take turns.
fn hook_turn() -> impl Drop {
    static TURN: Mutex<()> = Mutex::new(());
    struct Turn(#[expect(dead_code, reason = "held")] std::sync::MutexGuard<'static, ()>);
    impl Drop for Turn {
        fn drop(&mut self) {
            take_panic_hook();
        }
    }
    Turn(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

#[test]
fn c01_runs_on_a_worker_thread_with_a_name() {
    test_pool!(pool, 1);
    let (tx, rx) = mpsc::channel();
    pool.enqueue(one(move || tx.send(thread::current().name().map(str::to_owned)).unwrap()));
    assert_eq!(rx.recv_timeout(LONG).unwrap().as_deref(), Some("tracegc-cleanup-1"));
}

#[test]
fn c01_each_runs_exactly_once() {
    test_pool!(pool, 4);
    // Workers leave at once when idle, so that enqueueing keeps meeting leavers and starters.
    pool.set_idle_timeout(Duration::ZERO);
    const THREADS: usize = 4;
    const EACH: usize = if cfg!(miri) { 10 } else { 2_000 };
    let runs: Arc<Vec<AtomicUsize>> = Arc::new((0..THREADS * EACH).map(|_| AtomicUsize::new(0)).collect());
    thread::scope(|s| {
        for t in 0..THREADS {
            let runs = &runs;
            s.spawn(move || {
                for i in 0..EACH {
                    let (at, counts) = (t * EACH + i, Arc::clone(runs));
                    pool.enqueue(one(move || {
                        counts[at].fetch_add(1, Ordering::Relaxed);
                    }));
                    if i % 64 == 0 {
                        assert!(pool.wait(LONG));
                        let done = runs[t * EACH..=at].iter().all(|r| r.load(Ordering::Relaxed) == 1);
                        assert!(done, "wait returned before the jobs of its own thread had run");
                    }
                }
            });
        }
    });
    assert!(pool.wait(LONG));
    assert!(runs.iter().all(|r| r.load(Ordering::Relaxed) == 1));
}

#[test]
fn no_job_is_lost_between_a_push_and_a_worker_that_sleeps() {
    test_pool!(pool, 1);
    // Half of the rounds meet workers on their way out too.
    for (idle, base) in [(LONG, 0), (Duration::ZERO, ROUNDS)] {
        pool.set_idle_timeout(idle);
        let ran = Arc::new(AtomicUsize::new(base));
        for i in base..base + ROUNDS {
            let count = Arc::clone(&ran);
            pool.enqueue(one(move || count.store(i + 1, Ordering::Release)));
            // Not `wait`, which rouses workers itself. Spins, to be back while the worker is about to sleep.
            let ran = || ran.load(Ordering::Acquire) == i + 1;
            if !(0..500).any(|_| ran()) {
                eventually("the job runs", ran);
            }
            (0..i % 256).for_each(|_| std::hint::spin_loop());
        }
    }
    const ROUNDS: usize = if cfg!(miri) { 20 } else { 10_000 };
}

#[test]
fn c06_grows_to_the_maximum_and_no_further() {
    test_pool!(pool, 3);
    const JOBS: usize = if cfg!(miri) { 12 } else { 300 };
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Three at a time can pass the barrier, so three must run at once.
    let barrier = Arc::new(Barrier::new(3));
    pool.enqueue((0..JOBS).map(|_| {
        let (now, most, barrier) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&barrier));
        job(move || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            barrier.wait();
            now.fetch_sub(1, Ordering::SeqCst);
        })
    }));
    assert!(pool.wait(LONG));
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(pool.stats().workers, 3);
}

#[test]
fn c06_default_maximum_is_the_parallelism_and_at_least_two() {
    static POOL: Pool = Pool::new();
    let parallelism = thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(POOL.max_workers(), parallelism.max(2));
    POOL.set_max_workers(0);
    assert_eq!(POOL.max_workers(), 1);
}

#[test]
fn c06_raised_maximum_serves_jobs_already_queued() {
    test_pool!(pool, 1);
    let ((a, run_a), (b, run_b)) = (gate(), gate());
    pool.enqueue([run_a, run_b]);
    a.entered();
    assert_eq!(pool.stats().queue_depth, 1);
    pool.set_max_workers(2);
    b.entered();
}

#[test]
fn c06_lowered_maximum_sends_workers_away() {
    test_pool!(pool, 3);
    let (gates, runs): (Vec<Gate>, Vec<Job>) = (0..3).map(|_| gate()).unzip();
    pool.enqueue(runs);
    gates.iter().for_each(Gate::entered);
    let mut gates = gates.into_iter();
    gates.next().unwrap().open();
    eventually("one of three is idle", || pool.stats().busy_workers == 2);
    pool.set_max_workers(1);
    gates.for_each(Gate::open);
    eventually("one worker is left", || pool.stats().workers == 1);
    let (tx, rx) = mpsc::channel();
    pool.enqueue(one(move || tx.send(()).unwrap()));
    rx.recv_timeout(LONG).expect("the one that is left works");
    assert_eq!(pool.stats().workers, 1);
}

#[test]
fn c06_lowered_maximum_sends_idle_workers_away() {
    test_pool!(pool, 3);
    let barrier = Arc::new(Barrier::new(3));
    pool.enqueue([0; 3].map(|_| {
        let barrier = Arc::clone(&barrier);
        job(move || _ = barrier.wait())
    }));
    eventually("all three sleep", || pool.idle() == 3);
    pool.set_max_workers(1);
    eventually("one worker is left", || pool.stats().workers == 1);
}

#[test]
fn c06_lowered_maximum_holds_for_jobs_already_queued() {
    test_pool!(pool, 2);
    let (gates, runs): (Vec<Gate>, Vec<Job>) = (0..4).map(|_| gate()).unzip();
    pool.enqueue(runs);
    let mut gates = gates.into_iter();
    let (a, b) = (gates.next().unwrap(), gates.next().unwrap());
    a.entered();
    b.entered();
    pool.set_max_workers(1);
    a.open();
    b.open();
    eventually("one worker is left", || pool.stats().workers == 1);
    let (c, d) = (gates.next().unwrap(), gates.next().unwrap());
    c.entered();
    assert_eq!(pool.stats().queue_depth, 1);
    c.open();
    d.entered();
}

#[test]
fn a_worker_on_its_way_is_enough_for_one_job() {
    test_pool!(pool, 8);
    for _ in 0..if cfg!(miri) { 2 } else { 20 } {
        pool.ensure_worker().unwrap();
        pool.enqueue(one(|| {}));
        assert!(pool.wait(LONG));
        // The worker may arrive just before the job, be at rest when it comes, and get company: one, not more.
        assert!((1..=2).contains(&pool.stats().workers));
        assert!(pool.shutdown(LONG));
    }
}

#[test]
fn c07_panicking_cleanup_leaves_worker_alive() {
    let _turn = hook_turn();
    set_panic_hook(|_| {});
    test_pool!(pool, 1);
    let (tx, rx) = mpsc::channel();
    let after = tx.clone();
    pool.enqueue([
        job(move || {
            tx.send(thread::current().id()).unwrap();
            panic!("on purpose");
        }),
        job(move || after.send(thread::current().id()).unwrap()),
    ]);
    let (first, second) = (rx.recv_timeout(LONG).unwrap(), rx.recv_timeout(LONG).unwrap());
    assert_eq!(first, second, "another worker had to take over");
    assert!(pool.wait(LONG));
    let CleanupStats { executed, panicked, workers, .. } = pool.stats();
    assert_eq!((executed, panicked, workers), (2, 1, 1));
}

#[test]
fn c07_panic_is_reported_to_the_hook_before_wait_returns() {
    let _turn = hook_turn();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reports);
    set_panic_hook(move |report| {
        sink.lock().unwrap().push((
            report.origin(),
            report.message().map(str::to_owned),
            report.payload().downcast_ref::<u32>().copied(),
        ));
    });
    test_pool!(pool, 1);
    pool.enqueue([job(|| panic!("plain")), job(|| panic!("number {}", 7)), job(|| panic_any(9_u32))]);
    assert!(pool.wait(LONG));
    let expected = [
        (PanicOrigin::Cleanup, Some("plain".to_owned()), None),
        (PanicOrigin::Cleanup, Some("number 7".to_owned()), None),
        (PanicOrigin::Cleanup, None, Some(9)),
    ];
    assert_eq!(*reports.lock().unwrap(), expected);
}

#[test]
#[cfg_attr(miri, ignore = "leaks what such panics carry")]
fn c07_panicking_hook_and_panicking_payload_do_no_harm() {
    struct Bomb(Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("payload dropped");
        }
    }
    let _turn = hook_turn();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    set_panic_hook(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        panic!("hook");
    });
    test_pool!(pool, 1);
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = Bomb(Arc::clone(&drops));
    pool.enqueue([job(move || panic_any(bomb)), job(|| {})]);
    assert!(pool.wait(LONG));
    assert_eq!(pool.stats().executed, 2);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    report_panic(PanicOrigin::Drop, Box::new(Bomb(Arc::clone(&drops))));
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn c07_hook_is_given_back_and_may_be_replaced_by_itself() {
    let _turn = hook_turn();
    assert!(take_panic_hook().is_none());
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    set_panic_hook(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        // Deadlocks if the hook runs, or is dropped, under the lock that it is kept in.
        set_panic_hook(|_| {});
    });
    report_panic(PanicOrigin::Trace, Box::new("a"));
    report_panic(PanicOrigin::Trace, Box::new("b"));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(take_panic_hook().is_some());
    assert!(take_panic_hook().is_none());
}

#[test]
fn c08_blocked_cleanup_delays_no_other() {
    test_pool!(pool, 2);
    let (blocked, run) = gate();
    let (tx, rx) = mpsc::channel();
    // One batch: the worker that takes the blocking job must call for another before it blocks.
    let after = tx.clone();
    pool.enqueue([run, job(move || after.send("same batch").unwrap())]);
    assert_eq!(rx.recv_timeout(LONG), Ok("same batch"));
    blocked.entered();
    pool.enqueue(one(move || tx.send("later batch").unwrap()));
    assert_eq!(rx.recv_timeout(LONG), Ok("later batch"));
    assert_eq!(pool.stats().executed + pool.stats().busy_workers as u64, 3);
}

#[test]
fn c08_pool_grows_while_all_workers_are_blocked() {
    const MAX: usize = 8;
    test_pool!(pool, MAX);
    let mut gates = Vec::new();
    for _ in 0..MAX {
        let (gate, run) = gate();
        pool.enqueue([run]);
        gate.entered(); // With all before it still blocked.
        gates.push(gate);
    }
    assert_eq!(pool.stats().busy_workers, MAX);
}

#[test]
fn c08_pool_grows_for_jobs_queued_before_the_first_is_taken() {
    const MAX: usize = 4;
    for idle in 0..2 {
        test_pool!(pool, MAX);
        if idle == 1 {
            pool.ensure_worker().unwrap();
            eventually("a worker sleeps", || pool.idle() == 1);
        }
        let (gates, runs): (Vec<Gate>, Vec<Job>) = (0..MAX).map(|_| gate()).unzip();
        runs.into_iter().for_each(|run| pool.enqueue([run]));
        gates.iter().for_each(Gate::entered);
    }
}

#[test]
fn c11_the_argument_is_dropped_once_whether_it_runs_or_panics() {
    let _turn = hook_turn();
    set_panic_hook(|_| {});
    test_pool!(pool, 2);
    let arg = Arc::new(());
    let jobs = [false, true].map(|panics| {
        let arg = Arc::clone(&arg);
        job(move || {
            let _arg = arg;
            assert!(!panics, "on purpose");
        })
    });
    assert_eq!(Arc::strong_count(&arg), 3);
    pool.enqueue(jobs);
    assert!(pool.wait(LONG));
    assert_eq!(Arc::strong_count(&arg), 1, "after wait, the arguments are gone too");
}

#[test]
fn c13_wait_inside_a_cleanup_leaves_itself_out() {
    test_pool!(pool, 2);
    let (tx, rx) = mpsc::channel();
    let (other, run_other) = gate();
    pool.enqueue([run_other]);
    other.entered();
    let (ready_tx, ready) = mpsc::channel();
    pool.enqueue(one(move || {
        let early = pool.wait(SHORT);
        ready_tx.send(()).unwrap();
        tx.send((early, pool.wait(LONG))).unwrap();
    }));
    ready.recv_timeout(LONG).unwrap();
    other.open();
    assert_eq!(rx.recv_timeout(LONG), Ok((false, true)), "others are waited for, the caller is not");
}

#[test]
fn c13_wait_inside_a_cleanup_with_no_worker_to_spare_times_out() {
    test_pool!(pool, 1);
    let (tx, rx) = mpsc::channel();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    pool.enqueue([
        job(move || tx.send(pool.wait(SHORT)).unwrap()),
        job(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }),
    ]);
    assert_eq!(rx.recv_timeout(LONG), Ok(false));
    assert!(pool.wait(LONG));
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

#[test]
fn c13_cleanup_may_queue_more_and_change_the_pool() {
    test_pool!(pool, 1);
    let (tx, rx) = mpsc::channel();
    pool.enqueue(one(move || {
        pool.ensure_worker().unwrap();
        pool.set_max_workers(2);
        pool.enqueue(one(move || tx.send(pool.stats().queued).unwrap()));
    }));
    assert_eq!(rx.recv_timeout(LONG), Ok(2));
}

#[test]
fn c16_statistics_are_exact_at_rest() {
    let _turn = hook_turn();
    set_panic_hook(|_| {});
    test_pool!(pool, 2);
    const JOBS: u64 = if cfg!(miri) { 10 } else { 1_000 };
    for _ in 0..JOBS + 3 {
        pool.note_registered();
    }
    pool.note_stopped();
    pool.enqueue((0..JOBS).map(|i| job(move || assert!(i % 10 != 0, "every tenth"))));
    // A snapshot taken at any moment is consistent.
    eventually("all have run", || {
        let s = pool.stats();
        assert!(s.panicked <= s.executed && s.executed <= s.queued && s.queued <= s.registered);
        s.executed == JOBS
    });
    assert!(pool.wait(LONG));
    let s = pool.stats();
    assert_eq!((s.registered, s.stopped, s.queued), (JOBS + 3, 1, JOBS));
    assert_eq!((s.executed, s.panicked), (JOBS, JOBS / 10));
    assert_eq!((s.queue_depth, s.busy_workers), (0, 0));
    assert!((1..=2).contains(&s.workers));
}

#[test]
fn c16_queue_depth_and_busy_workers_show_what_goes_on() {
    test_pool!(pool, 1);
    let (gate, run) = gate();
    pool.enqueue([run, job(|| {}), job(|| {})]);
    gate.entered();
    let s = pool.stats();
    assert_eq!((s.queued, s.queue_depth, s.busy_workers, s.executed), (3, 2, 1, 0));
}

#[test]
fn c17_wait_says_whether_the_queue_emptied() {
    test_pool!(pool, 1);
    assert!(pool.wait(Duration::ZERO), "nothing is queued");
    let (gate, run) = gate();
    pool.enqueue([run]);
    gate.entered();
    assert!(!pool.wait(Duration::ZERO));
    assert!(!pool.wait(SHORT));
    gate.open();
    assert!(pool.wait(Duration::MAX), "the clock cannot express this deadline");
    assert!(pool.wait(Duration::ZERO));
    assert_eq!(pool.waiting(), 0);
}

#[test]
fn c17_wait_is_not_held_up_by_what_is_queued_later() {
    test_pool!(pool, 2);
    let ((a, run_a), (b, run_b)) = (gate(), gate());
    pool.enqueue([run_a]);
    a.entered();
    thread::scope(|s| {
        let waiter = s.spawn(|| pool.wait(LONG));
        eventually("the waiter waits", || pool.waiting() == 1);
        pool.enqueue([run_b]);
        b.entered();
        a.open();
        assert!(waiter.join().unwrap());
        assert_eq!(pool.stats().busy_workers, 1, "b is blocked still");
    });
}

#[test]
fn c17_waiters_are_told_and_need_not_look_again() {
    static POOL: Pool = Pool::with_retry(Duration::from_secs(3600));
    POOL.set_max_workers(2);
    let (gate, run) = gate();
    POOL.enqueue([run]);
    gate.entered();
    thread::scope(|s| {
        let waiters = [(); 2].map(|()| s.spawn(|| POOL.wait(2 * LONG)));
        let ender = s.spawn(|| POOL.shutdown(2 * LONG));
        eventually("the waiters wait", || POOL.waiting() == 2 && POOL.closing());
        gate.open();
        // One that nobody tells finds its goal reached after twice as long.
        let start = Instant::now();
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
        assert!(ender.join().unwrap());
        assert!(start.elapsed() < LONG);
    });
}

#[test]
fn c20_registration_reports_that_no_worker_can_be_started() {
    test_pool!(pool, 2);
    pool.fail_worker_starts(true);
    pool.ensure_worker().expect_err("no worker can be started");
    pool.fail_worker_starts(false);
    pool.ensure_worker().expect("tried again");
    assert_eq!(pool.stats().workers, 1, "the registration has started it");
    pool.fail_worker_starts(true);
    pool.ensure_worker().expect("one is alive");
    assert!(pool.shutdown(LONG));
    pool.ensure_worker().expect_err("none is alive again");
    pool.fail_worker_starts(false);
}

/// The jobs that wait while no worker can be started, and what they have done.
fn stranded(pool: &'static Pool) -> Receiver<u32> {
    let (tx, rx) = mpsc::channel();
    pool.fail_worker_starts(true);
    pool.enqueue((0..3).map(|i| {
        let tx = tx.clone();
        job(move || tx.send(i).unwrap())
    }));
    assert!(!pool.wait(SHORT));
    assert_eq!(pool.stats().queue_depth, 3, "nothing is lost");
    pool.fail_worker_starts(false);
    rx
}

fn assert_all_ran(rx: &Receiver<u32>) {
    let ran: HashSet<u32> = (0..3).map(|_| rx.recv_timeout(LONG).unwrap()).collect();
    assert_eq!(ran, HashSet::from([0, 1, 2]));
}

#[test]
fn c20_jobs_kept_without_a_worker_run_after_the_next_registration() {
    test_pool!(pool, 1);
    let rx = stranded(pool);
    pool.ensure_worker().unwrap();
    assert_all_ran(&rx);
}

#[test]
fn c20_jobs_kept_without_a_worker_run_after_the_next_enqueue() {
    test_pool!(pool, 1);
    let rx = stranded(pool);
    pool.enqueue(one(|| {}));
    assert_all_ran(&rx);
}

#[test]
fn c20_jobs_kept_without_a_worker_run_after_the_next_wait() {
    test_pool!(pool, 1);
    let rx = stranded(pool);
    // Even one that does not stay.
    pool.wait(Duration::ZERO);
    assert_all_ran(&rx);
}

#[test]
fn c20_wait_in_progress_starts_the_worker_as_soon_as_it_can() {
    test_pool!(pool, 1);
    pool.fail_worker_starts(true);
    pool.enqueue(one(|| {}));
    thread::scope(|s| {
        let waiter = s.spawn(|| pool.wait(LONG));
        eventually("the waiter waits", || pool.waiting() == 1);
        pool.fail_worker_starts(false);
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn idle_workers_leave_and_are_started_again() {
    test_pool!(pool, 2);
    pool.set_idle_timeout(Duration::ZERO);
    for round in 1..=if cfg!(miri) { 3 } else { 50 } {
        pool.enqueue([job(|| {}), job(|| {})]);
        assert!(pool.wait(LONG));
        eventually("all have left", || pool.stats().workers == 0);
        assert_eq!(pool.stats().executed, 2 * round);
        let (live, left) = pool.handles();
        assert_eq!(live, 0);
        assert!(left <= 1, "each that leaves joins the one before, so handles do not pile up: {left}");
    }
}

#[test]
fn registration_does_not_need_a_live_worker_once_one_was_started() {
    test_pool!(pool, 1);
    pool.set_idle_timeout(Duration::ZERO);
    pool.ensure_worker().unwrap();
    eventually("it has left", || pool.stats().workers == 0);
    pool.ensure_worker().unwrap();
    assert_eq!(pool.stats().workers, 0);
}

#[test]
fn shutdown_runs_what_is_queued_and_ends_the_workers() {
    test_pool!(pool, 2);
    let ran = Arc::new(AtomicUsize::new(0));
    for round in 1..=2 {
        let (gate, run) = gate();
        pool.enqueue([run]);
        gate.entered();
        pool.enqueue((0..10).map(|_| {
            let ran = Arc::clone(&ran);
            job(move || {
                ran.fetch_add(1, Ordering::SeqCst);
            })
        }));
        assert!(!pool.shutdown(SHORT), "one is blocked");
        gate.open();
        assert!(pool.shutdown(LONG));
        assert_eq!(ran.load(Ordering::SeqCst), 10 * round);
        assert_eq!(pool.stats().workers, 0);
        assert_eq!(pool.handles(), (0, 0), "all joined");
    }
}

#[test]
fn shutdown_inside_a_cleanup_is_refused() {
    test_pool!(pool, 1);
    let (tx, rx) = mpsc::channel();
    pool.enqueue(one(move || tx.send(pool.shutdown(Duration::MAX)).unwrap()));
    assert_eq!(rx.recv_timeout(LONG), Ok(false));
}

#[test]
fn enqueue_works_in_destructors_of_thread_locals() {
    struct AtExit(&'static Pool, Sender<()>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            let tx = self.1.clone();
            self.0.enqueue(one(move || tx.send(()).unwrap()));
        }
    }
    thread_local!(static AT_EXIT: std::cell::RefCell<Option<AtExit>> = const { std::cell::RefCell::new(None) });
    test_pool!(pool, 1);
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || AT_EXIT.set(Some(AtExit(pool, tx)))).join().unwrap();
    rx.recv_timeout(LONG).expect("the job runs");
}
