//! When to collect, and the thread that does it.
//!
//! The collector's thread starts when there is something for it to do. It wakes up
//!
//! - when enough candidates were noted: a *local* collection of what they reach;
//! - when the heap has grown by the configured percentage since the last collection of the whole heap and anything was
//!   noted since, or when it has reached the memory limit: a collection of the *whole* heap;
//! - after the configured period, if anything was noted or left undecided since.
//!
//! After a collection that took a time `d` it rests for `4 d`: so it takes at most a fifth of one core over any long
//! stretch. There are two exceptions. It does not rest while memory grows, or is more than it can cope with. And it does
//! not while collections of candidates find most of what they look at to be garbage: that is work which somebody has to do.
//! If the program makes garbage faster than it is found, so that notes or memory pile up, threads that need slots wait a
//! little for it ([`before_growth`]).
//!
//! How many candidates are enough depends on what the last ones were worth, see [`State::after_candidates`].

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use super::{CollectStats, Reach, notes};
use crate::heap::pages::PAGE_HEAP;
use crate::heap::{self, Config, config};
use crate::sync::plain::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering};
use crate::sync::thread::{JoinHandle, spawn_named};

/// Notes that make a local collection worth while, at least.
const NOTES: usize = 1 << 14;
/// And one for so many bytes of the heap: were they all of garbage, it would be about a tenth.
const BYTES_PER_NOTE: usize = 1024;
/// As long as collections of candidates find little, each wants twice as many notes as the last, this often at most.
const BACK_OFF: u32 = 4;
/// A collection of candidates was worth its time if it destroyed at least this part of what it looked at.
const WORTH: usize = 4;
/// This many times the notes that make a collection due mean that garbage outruns the collector.
const PRESSURE: usize = 2;
/// A heap smaller than this is not collected for its growth.
const MIN_TRIGGER: usize = 16 << 20;
/// Bytes of objects are counted once in so many times that it may be of use.
const LOOKS: usize = 32;
/// A heap that is so many times as large as what makes a collection due outgrows the collector.
const OUTGROWN: usize = 2;
/// Growth beyond this share of the heap (an eighth) ends the collector's rest.
const REST_SHIFT: u32 = 3;
/// The longest time that a thread waits at one time for the collector to catch up.
const PATIENCE: Duration = Duration::from_millis(2);
/// The longest time that a thread waits for the collection that the memory limit asks for.
const LIMIT_PATIENCE: Duration = Duration::from_secs(1);

impl State {
    /// Learns from a collection of candidates how many notes should make the next one due. What is dropped and is no
    /// garbage, since the program goes on using it, is noted once between two collections; so where they find little, fewer
    /// of them cost less, and garbage that they would have found is found when the heap has grown.
    fn after_candidates(&mut self, stats: &CollectStats) {
        self.productive = stats.reclaimed > 0 && stats.reclaimed >= stats.traced / 2;
        self.worth = stats.reclaimed > 0 && stats.reclaimed >= stats.traced / WORTH;
        self.in_vain = if self.worth { 0 } else { BACK_OFF.min(self.in_vain + 1) };
        set_due(self.in_vain);
    }
}

fn set_due(in_vain: u32) {
    let enough = NOTES.max(PAGE_HEAP.object_bytes() / BYTES_PER_NOTE);
    PACER.due.store(enough << in_vain, Ordering::Relaxed);
}

struct Pacer {
    state: Mutex<State>,
    wake: Condvar,
    /// A collection ended.
    progress: Condvar,
    /// Bytes of objects that make a whole collection due.
    trigger: AtomicUsize,
    /// Bytes of objects, as they were when somebody last looked.
    bytes: AtomicUsize,
    /// How often a thread has taken more memory since it was due, if only for how its slots are spread.
    looked: AtomicUsize,
    limit: AtomicUsize,
    /// Notes that make a local collection due.
    due: AtomicUsize,
    /// Threads should wait for the collector before they take more memory.
    pressed: AtomicBool,
    /// Automatic collections are on.
    automatic: AtomicBool,
    /// A candidate was noted since the last collection of the whole heap began.
    noted: AtomicBool,
}

struct State {
    running: bool,
    thread: Option<JoinHandle<()>>,
    stop: bool,
    wanted: Option<Reach>,
    /// Something was left undecided by a local collection.
    undecided: bool,
    /// The last collection of candidates was worth its time.
    productive: bool,
    /// It found at least some garbage.
    worth: bool,
    /// When the last collection of the whole heap ended, or the thread began.
    last_whole: Option<Instant>,
    /// Collections of candidates in a row that did not.
    in_vain: u32,
    /// Number of collections by the thread that ended.
    rounds: u64,
    /// A sixteenth more than what the last collection of the whole heap left: beyond, the memory limit asks for another.
    at_limit: usize,
}

static PACER: Pacer = Pacer {
    state: Mutex::new(State {
        running: false,
        thread: None,
        stop: false,
        wanted: None,
        undecided: false,
        productive: true,
        worth: false,
        last_whole: None,
        in_vain: 0,
        rounds: 0,
        at_limit: 0,
    }),
    wake: Condvar::new(),
    progress: Condvar::new(),
    trigger: AtomicUsize::new(MIN_TRIGGER),
    bytes: AtomicUsize::new(0),
    looked: AtomicUsize::new(0),
    limit: AtomicUsize::new(usize::MAX),
    due: AtomicUsize::new(NOTES),
    pressed: AtomicBool::new(false),
    automatic: AtomicBool::new(!cfg!(any(miri, loom, shuttle))),
    noted: AtomicBool::new(false),
};

/// Tells the pacer that there is a note, with whatever thread. The first one starts the collector's thread, so that the
/// period is kept.
#[inline]
pub(crate) fn something_noted() {
    // Relaxed, both: a figure for the pacer.
    if !PACER.noted.load(Ordering::Relaxed) && !PACER.noted.swap(true, Ordering::Relaxed) {
        start();
    }
}

#[cold]
fn start() {
    if PACER.automatic.load(Ordering::Relaxed) {
        let mut state = PACER.state.lock();
        if !state.stop {
            run_thread(&mut state);
        }
    }
}

/// Tells the pacer how many notes are on the board.
pub(crate) fn noted(count: usize) {
    // Relaxed: a figure.
    let due = PACER.due.load(Ordering::Relaxed);
    if count >= due && PACER.automatic.load(Ordering::Relaxed) {
        want(Reach::Candidates, count >= PRESSURE * due);
    }
}

/// Called before a thread takes more memory than it has at hand.
#[inline]
pub(crate) fn before_growth() {
    let used = PAGE_HEAP.object_bytes();
    if used >= PACER.trigger.load(Ordering::Relaxed)
        || used >= PACER.limit.load(Ordering::Relaxed)
        || PACER.pressed.load(Ordering::Relaxed)
    {
        grown(used);
    }
}

/// Whether objects take so much that threads wait for the collector.
fn is_outgrown() -> bool {
    PACER.bytes.load(Ordering::Relaxed) / OUTGROWN >= PACER.trigger.load(Ordering::Relaxed)
}

#[cold]
fn grown(used: usize) {
    let automatic = PACER.automatic.load(Ordering::Relaxed);
    let mut outgrown = false;
    if used >= PACER.limit.load(Ordering::Relaxed) {
        limit_reached(used);
    } else if automatic && used >= PACER.trigger.load(Ordering::Relaxed) && PACER.noted.load(Ordering::Relaxed) {
        // Where nothing was noted there is no garbage that a collection could find. Spans hold free slots, too, so this
        // is only a sign; to count objects takes a while.
        if PACER.looked.fetch_add(1, Ordering::Relaxed) % LOOKS == 0 {
            PACER.bytes.store(heap::object_bytes(), Ordering::Relaxed);
        }
        let (bytes, trigger) = (PACER.bytes.load(Ordering::Relaxed), PACER.trigger.load(Ordering::Relaxed));
        if bytes >= trigger {
            want(Reach::Whole, false);
        }
        outgrown = is_outgrown();
    }
    if automatic && (outgrown || PACER.pressed.load(Ordering::Relaxed)) && !super::may_not_wait() {
        let mut state = PACER.state.lock();
        if state.running {
            PACER.progress.wait_for(&mut state, PATIENCE);
        }
        drop(state);
        PACER.bytes.store(heap::object_bytes(), Ordering::Relaxed);
    }
}

/// One whole collection each time the heap reaches the limit anew; the thread waits for it, but not for ever: the
/// collector may be running drop glue that waits for this thread.
fn limit_reached(used: usize) {
    let mut state = PACER.state.lock();
    if used <= state.at_limit {
        return;
    }
    // Until the collection has ended, and says what is left.
    state.at_limit = usize::MAX;
    let round = state.rounds;
    drop(state);
    want(Reach::Whole, false);
    if super::may_not_wait() {
        return;
    }
    let deadline = Instant::now() + LIMIT_PATIENCE;
    let mut state = PACER.state.lock();
    while state.running && state.rounds <= round {
        if PACER.progress.wait_until(&mut state, deadline).timed_out() {
            break;
        }
    }
}

/// Asks the collector's thread for a collection, and starts it if it does not run. `pressed`: candidates pile up.
fn want(reach: Reach, pressed: bool) {
    let mut state = PACER.state.lock();
    if state.stop {
        return;
    }
    if pressed && state.productive && !PACER.pressed.swap(true, Ordering::Relaxed) {
        // It may be resting.
        PACER.wake.notify_one();
    }
    if state.wanted.is_none_or(|wanted| wanted < reach) {
        state.wanted = Some(reach);
        PACER.wake.notify_one();
    }
    run_thread(&mut state);
}

/// Starts the collector's thread, if it does not run.
fn run_thread(state: &mut State) {
    if state.running {
        return;
    }
    // In the last moments of a thread, starting another may panic. Without a collector's thread `collect` still works, and
    // the next event tries again.
    let spawned = catch_unwind(|| spawn_named("tracegc-collector".into(), work));
    if let Ok(Ok(thread)) = spawned {
        state.thread = Some(thread);
        state.running = true;
    }
}

/// Ends the collector's thread and waits for it; it starts again when it is needed. False if called on it.
pub(crate) fn shutdown() -> bool {
    let mut state = PACER.state.lock();
    let Some(thread) = state.thread.take() else {
        return true;
    };
    if thread.thread().id() == std::thread::current().id() {
        state.thread = Some(thread);
        return false;
    }
    state.stop = true;
    PACER.wake.notify_one();
    drop(state);
    // The thread catches all panics of user code.
    let _ = thread.join();
    let mut state = PACER.state.lock();
    state.stop = false;
    state.wanted = None;
    // A collection that it asked for may not have come.
    state.at_limit = 0;
    true
}

/// Whether collections of candidates may look far: the last one was worth its time.
pub(super) fn looks_far() -> bool {
    PACER.state.lock().worth
}

/// Follows new settings.
pub(crate) fn configure(config: &Config) {
    PACER.automatic.store(config.gc_percent.is_some() && !cfg!(any(miri, loom, shuttle)), Ordering::Relaxed);
    PACER.limit.store(config.memory_limit.unwrap_or(usize::MAX), Ordering::Relaxed);
    set_trigger(config, heap::object_bytes());
    PACER.state.lock().at_limit = 0;
    PACER.wake.notify_one();
}

/// The next collection is due when objects take so much more than those that were left.
fn set_trigger(config: &Config, left: usize) {
    let trigger = match config.gc_percent {
        Some(percent) => {
            let growth = (left as u128 * u128::from(percent) / 100).min(usize::MAX as u128 / 2) as usize;
            left.saturating_add(growth).max(MIN_TRIGGER)
        }
        None => usize::MAX,
    };
    PACER.trigger.store(trigger, Ordering::Relaxed);
}

/// A collection of the whole heap begins, on whatever thread: it will see all that was noted.
pub(crate) fn whole_begins() {
    PACER.noted.store(false, Ordering::Relaxed);
}

/// A collection of the whole heap ended, on whatever thread, that has left so many bytes of the objects which were there
/// when it began.
pub(crate) fn whole_ended(undecided: bool, left: usize) {
    // What was made meanwhile does not count: a program that makes nothing but garbage could go on to do so for twice as
    // long each time.
    let bytes = heap::object_bytes();
    PACER.bytes.store(bytes, Ordering::Relaxed);
    set_trigger(&config(), bytes.min(left));
    let used = PAGE_HEAP.object_bytes();
    let mut state = PACER.state.lock();
    set_due(state.in_vain);
    state.undecided = undecided;
    state.last_whole = Some(Instant::now());
    state.at_limit = used + (used >> 4);
}

fn work() {
    let mut state = PACER.state.lock();
    let mut rested = Instant::now();
    let mut used_then = usize::MAX;
    while !state.stop {
        let config = config();
        let automatic = PACER.automatic.load(Ordering::Relaxed);
        let grown = |used_then: usize| {
            PAGE_HEAP.object_bytes() > used_then.saturating_add((used_then >> REST_SHIFT).max(1 << 20))
        };
        let now = Instant::now();
        let period = config.period.saturating_sub(now - *state.last_whole.get_or_insert(now));
        if period.is_zero() && automatic && (state.undecided || PACER.noted.load(Ordering::Relaxed)) {
            state.wanted = Some(Reach::Whole);
        }
        let Some(reach) = state.wanted else {
            let nap = if period.is_zero() { config.period.max(Duration::from_millis(1)) } else { period };
            PACER.wake.wait_for(&mut state, nap);
            continue;
        };
        if now < rested && !grown(used_then) && !PACER.pressed.load(Ordering::Relaxed) && !is_outgrown() {
            // A short wait, since growth does not wake this thread each time.
            let nap = (rested - now).min(Duration::from_millis(5));
            PACER.wake.wait_for(&mut state, nap);
            continue;
        }
        state.wanted = None;
        drop(state);
        let stats = super::background(reach);
        let took = now.elapsed();
        used_then = PAGE_HEAP.object_bytes();
        PACER.bytes.store(heap::object_bytes(), Ordering::Relaxed);
        state = PACER.state.lock();
        // One that gave way says nothing.
        state.undecided |= stats.is_none_or(|stats| stats.undecided);
        if let (Reach::Candidates, Some(stats)) = (reach, &stats) {
            state.after_candidates(stats);
        }
        let rest = if reach == Reach::Candidates && state.productive { Duration::ZERO } else { 4 * took };
        rested = Instant::now() + rest;
        let due = PACER.due.load(Ordering::Relaxed);
        let pressed = state.productive && notes::count() >= PRESSURE * due;
        PACER.pressed.store(pressed, Ordering::Relaxed);
        if notes::count() >= due {
            state.wanted = state.wanted.max(Some(Reach::Candidates));
        }
        state.rounds += 1;
        PACER.progress.notify_all();
    }
    state.running = false;
    PACER.progress.notify_all();
}
