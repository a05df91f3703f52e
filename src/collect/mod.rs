//! The collector: from candidates to condemned objects.
//!
//! One collection runs at a time. It announces itself in the epoch, tries ([`trial`]), judges ([`verdict`]), ends, and
//! then destroys what it condemned ([`reclaim`]), outside of its lock.

mod burials;
mod lists;
#[cfg(all(test, any(loom, shuttle)))]
pub(crate) mod modelled;
mod notes;
mod pacer;
pub(crate) mod reclaim;
mod trial;
mod verdict;

pub(crate) use lists::{List, Trail};
pub(crate) use notes::note;
pub(crate) use pacer::before_growth;
pub(crate) use trial::READING;

use std::cell::Cell;
use std::time::Instant;

use crate::cleanup;
use crate::heap::pages::PAGE_HEAP;
use crate::heap::{self, Cache, Config, EPOCH, HeapStats, with_cache};
use crate::sync::plain::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, global, local};
use crate::trace::Tracer;

/// Candidates are followed to this many objects each, on average, before the rest is left to a whole collection.
const BUDGET_PER_NOTE: usize = 64;
/// The same after a collection that found little.
const SMALL_BUDGET_PER_NOTE: usize = 2;
const MIN_BUDGET: usize = 1 << 16;
/// So many rounds of `collect` in a row may find nothing while other threads bury what they found.
const PATIENCE: usize = 64;
/// Free memory that a full collection leaves in the process.
const KEEP: usize = 32 << 20;

/// How far a collection looks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Reach {
    /// What the noted candidates reach.
    Candidates,
    /// Everything.
    Whole,
}

/// What a call of [`collect`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectStats {
    /// Collections: one of the whole heap, and more while what was destroyed let go of further garbage.
    pub rounds: usize,
    /// Objects that were looked at, in all rounds.
    pub traced: usize,
    /// Objects that were destroyed.
    pub reclaimed: usize,
    /// Some objects could not be decided on, because a lock in them was held or poisoned or somebody had exclusive
    /// access.
    pub undecided: bool,
}

/// Held by the thread that collects.
struct Collector {
    /// Whole collections that began so far.
    began: u64,
    /// The last whole collection's beginning and result.
    last: CollectStats,
}

/// Collections of the whole heap that wait for the running one: it gives way if it was to be a small one.
static AWAITED: AtomicUsize = AtomicUsize::new(0);

struct Figures {
    collections: AtomicU64,
    full: AtomicU64,
    /// Collections since the last one of the whole heap.
    since_whole: AtomicU64,
    collected: AtomicU64,
    nanos: AtomicU64,
}

global! {
    static COLLECTOR: Mutex<Collector> =
        Mutex::new(Collector { began: 0, last: CollectStats { rounds: 0, traced: 0, reclaimed: 0, undecided: false } });
}
static FIGURES: Figures = Figures {
    collections: AtomicU64::new(0),
    full: AtomicU64::new(0),
    since_whole: AtomicU64::new(0),
    collected: AtomicU64::new(0),
    nanos: AtomicU64::new(0),
};

local! {
    /// This thread is tracing: nothing of the crate may be called.
    static TRACING: Cell<bool> = Cell::new(false);
}

/// True inside a `Trace` impl.
pub(crate) fn is_tracing() -> bool {
    TRACING.with(Cell::get)
}

/// True while this thread must not wait for the collector: it is the collector, or in somebody's drop glue.
fn may_not_wait() -> bool {
    is_tracing() || with_cache(|cache| cache.local.reclaiming.get())
}

/// Collects the whole heap, on the calling thread.
///
/// When it returns, every object that was unreachable before the call has been destroyed and its cleanups are queued
/// (see [`cleanup::wait`](crate::cleanup::wait())). Spared are objects with a lock that is held or poisoned during the
/// call, and what such objects reach. The program is not stopped: other threads go on, and may go on using the heap.
///
/// It can be called anywhere, also in a destructor or in a cleanup, from any number of threads at once, and with locks
/// held that objects are behind. Destructors run on the calling thread, so a lock that one of them takes must not be held,
/// as with any drop. Destructors that another collection is running are waited for, unless nothing ends there for ten seconds.
/// Inside a destructor it does not wait for others.
///
/// Takes time in proportion to the number of objects that can hold handles, some 50 to 200 ns for each.
///
/// ```
/// use std::sync::Mutex;
/// use tracegc::{Gc, Trace, collect};
///
/// #[derive(Trace)]
/// struct Node(Mutex<Option<Gc<Node>>>);
///
/// let node = Gc::new(Node(Mutex::new(None)));
/// *node.0.lock().unwrap() = Some(node.clone());
/// let weak = Gc::downgrade(&node);
/// drop(node);
/// collect();
/// assert!(weak.upgrade().is_none());
/// ```
pub fn collect() -> CollectStats {
    let mut stats = CollectStats::default();
    if is_tracing() {
        return stats;
    }
    with_cache(notes::hand_over);
    let mut born_until = None;
    let mut idle = 0;
    let budgets_spent = || trial::BUDGETS_SPENT.load(Ordering::Relaxed);
    let mut spent = budgets_spent();
    loop {
        // The first one looks at everything. So does a later one if another collection has dropped notes: they may have
        // been of what the one before let go of.
        let before = std::mem::replace(&mut spent, budgets_spent());
        let whole = born_until.is_none() || before != spent;
        let round = round(if whole { Reach::Whole } else { Reach::Candidates }, born_until, &mut born_until);
        // Other threads' burials too: they may be of what was unreachable before the call, and may let go of more of it.
        let waited = wait_for_burials(round.burial + 1);
        stats.rounds += 1;
        stats.traced += round.stats.traced;
        stats.reclaimed += round.stats.reclaimed;
        stats.undecided |= round.stats.undecided;
        idle = if round.stats.reclaimed == 0 { idle + 1 } else { 0 };
        let done = idle > 0 && !waited && (whole || spent == budgets_spent());
        if stats.rounds > 1 && (done || idle > PATIENCE) {
            break;
        }
    }
    with_cache(Cache::tidy);
    crate::arena::trim_idle();
    PAGE_HEAP.trim(KEEP);
    stats
}

/// A collection on the collector's thread; `None` if it gave way to another.
fn background(reach: Reach) -> Option<CollectStats> {
    with_cache(notes::hand_over);
    // Births have 16 bits, so they must be renewed from time to time.
    let overdue = FIGURES.since_whole.load(Ordering::Relaxed) > u64::from(trial::RENEW);
    let round = round(if overdue { Reach::Whole } else { reach }, None, &mut None);
    with_cache(Cache::cool);
    (!round.gave_way).then_some(round.stats)
}

struct Round {
    stats: CollectStats,
    gave_way: bool,
    /// The number of its burial.
    burial: u64,
}

/// One collection. `birth` is told the birth of the youngest objects it could see.
fn round(reach: Reach, born_until: Option<u16>, birth: &mut Option<u16>) -> Round {
    let started = Instant::now();
    let whole = usize::from(reach == Reach::Whole);
    // Relaxed: who does not see it only makes this wait longer.
    AWAITED.fetch_add(whole, Ordering::Relaxed);
    let mut collector = COLLECTOR.lock();
    AWAITED.fetch_sub(whole, Ordering::Relaxed);
    if reach == Reach::Whole {
        // Before it begins: whoever notes something in it tells the pacer of it.
        pacer::whole_begins();
    }
    let before = if reach == Reach::Whole { heap::object_bytes() } else { 0 };
    // First of all: what is noted in this collection is for the next one, see `object::Count`. And a decrement that comes
    // after anything is looked at notes its object anew.
    let noted = notes::take();
    let moment = EPOCH.begin();
    #[cfg(tracegc_break = "take-first")]
    let noted = noted.and(notes::take());
    PAGE_HEAP.settle();
    birth.get_or_insert(moment.birth().wrapping_sub(1));
    let mut tracer = Tracer::new(moment);
    TRACING.with(|tracing| tracing.set(true));
    let trial = match reach {
        Reach::Whole => trial::whole(&mut tracer, noted),
        Reach::Candidates => {
            // `collect` promises to find all of what destroyed objects let go of.
            let budget = match born_until {
                Some(_) => usize::MAX,
                None if pacer::looks_far() => (noted.count() * BUDGET_PER_NOTE).max(MIN_BUDGET),
                None => (noted.count() * SMALL_BUDGET_PER_NOTE).max(MIN_BUDGET),
            };
            let gives_way = || born_until.is_none() && AWAITED.load(Ordering::Relaxed) > 0;
            trial::local(&mut tracer, noted, budget, born_until, gives_way)
        }
    };
    let gave_way = trial.gave_way;
    let (condemned, decided) = verdict::judge(&mut tracer, trial.suspects);
    TRACING.with(|tracing| tracing.set(false));
    trial.marked.clear();
    let deferred = reclaim::end_collection();
    PAGE_HEAP.clear_limbo();
    let stats = CollectStats {
        rounds: 1,
        traced: trial.visited,
        reclaimed: condemned.objects.len(),
        undecided: trial.undecided || !decided,
    };
    collector.began += 1;
    collector.last = stats;
    let burial = burials::begin();
    drop(collector);
    let mut panics = Vec::new();
    let freed = reclaim::bury(burial, condemned, deferred, &mut panics);
    // With nothing held or waited for by others: the hook is the user's.
    reclaim::report(panics);
    for payload in std::mem::take(&mut tracer.panics) {
        cleanup::report_panic(cleanup::PanicOrigin::Trace, payload);
    }

    FIGURES.collections.fetch_add(1, Ordering::Relaxed);
    FIGURES.collected.fetch_add(stats.reclaimed as u64, Ordering::Relaxed);
    FIGURES.nanos.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
    if reach == Reach::Candidates {
        FIGURES.since_whole.fetch_add(1, Ordering::Relaxed);
    } else {
        FIGURES.since_whole.store(0, Ordering::Relaxed);
        FIGURES.full.fetch_add(1, Ordering::Relaxed);
        pacer::whole_ended(stats.undecided, before.saturating_sub(freed));
    }
    Round { stats, gave_way, burial }
}

/// Waits until all that died before is gone, by whatever thread; false if nothing was left to wait for.
fn wait_for_burials(end: u64) -> bool {
    !may_not_wait() && burials::wait(end)
}

/// Waits until nobody reads the object that the caller has just claimed.
pub(crate) fn wait_until_unread() {
    // SeqCst: the other side of *claims*: the collector announces itself before it reads flags.
    if EPOCH.now().running() {
        drop(READING.lock());
    }
}

/// Called when a thread gives its cache back.
pub(crate) fn thread_exits(cache: &Cache) {
    notes::hand_over(cache);
}

/// Follows new settings.
pub(crate) fn settings_changed(config: &Config) {
    pacer::configure(config);
}

/// Ends the collector's thread; false if called on it.
pub(crate) fn shutdown() -> bool {
    pacer::shutdown()
}

/// The collector's part of the figures.
pub(crate) fn figures() -> HeapStats {
    HeapStats {
        collections: FIGURES.collections.load(Ordering::Relaxed),
        full_collections: FIGURES.full.load(Ordering::Relaxed),
        collected_objects: FIGURES.collected.load(Ordering::Relaxed),
        collector_nanos: FIGURES.nanos.load(Ordering::Relaxed),
        drop_panics: reclaim::DROP_PANICS.load(Ordering::Relaxed),
        ..HeapStats::default()
    }
}
