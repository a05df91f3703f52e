//! The verdict on the suspects: the part that must be right.
//!
//! ```text
//!   pass A   read the counts of all suspects, and watch them
//!   freeze   trace all suspects, keep the guard of every lock that is met, count the edges among them;
//!            an object whose count is not the number of its edges, or that cannot be looked at, leaves
//!   doors    take the lock of every weak record of a suspect: upgrades wait
//!   pass B   look at the counts again: an object that lost its watch leaves
//!   commit   condemn what is left; its weak pointers are cleared; the doors open again
//!   release  the guards, last first
//! ```
//!
//! If a suspect with a record leaves, the next attempt begins with the doors: whoever upgrades again and again would
//! spoil them all.
//!
//! Whoever leaves takes along what it reaches, and the rest starts again. Why this is sound is argued in
//! `docs/ARCHITECTURE.md`, "Why a condemned object cannot be reached".

use std::ptr::NonNull;

use super::lists::{List, Trail};
use super::trial::{self, READING, mark_of};
use crate::object::{Header, Reading, flag};
use crate::special::{self, Door, Farewell};
use crate::sync::atomic::Ordering;
use crate::trace::tracer::{Tracer, mark, prefetch_object};

/// How often a set may shrink before its rest is left to a later collection.
const ATTEMPTS: usize = 64;

/// So many suspects are not in the cache any more when their locks are released.
const FAR: usize = 1 << 16;
/// An object is fetched this many steps before it is traced, or its locks are released.
const AHEAD: usize = 6;

/// Objects that nobody can reach any more, and what is to be done when they are gone.
#[derive(Default)]
pub(crate) struct Condemned {
    pub(crate) objects: List,
    /// See [`Tracer::trail`].
    pub(crate) trail: Trail,
    pub(crate) farewells: Vec<Farewell>,
}

/// Judges the suspects; the second value is false if some of them were given up undecided.
pub(crate) fn judge(tracer: &mut Tracer<'_>, mut suspects: List) -> (Condemned, bool) {
    let mut doors_first = false;
    for _ in 0..ATTEMPTS {
        if suspects.is_empty() {
            return (Condemned::default(), true);
        }
        let leavers = match attempt(tracer, &suspects, doors_first) {
            Ok(farewells) => {
                let trail = std::mem::take(&mut tracer.trail);
                return (Condemned { objects: suspects, trail, farewells }, true);
            }
            Err(leavers) => leavers,
        };
        // Somebody may be upgrading again and again: then the doors are closed for longer.
        if !doors_first && leavers.iter().any(has_specials) {
            doors_first = true;
            continue;
        }
        trial::leave(tracer, &leavers);
        // SAFETY: suspects were visited by this collection.
        suspects.retain(|&header| unsafe { *mark_of(header) } & mark::LIVE == 0);
    }
    (Condemned::default(), false)
}

/// One attempt: `Err` with the objects that leave. With `doors_first` it begins with the doors.
fn attempt(
    tracer: &mut Tracer<'_>,
    suspects: &[NonNull<Header>],
    doors_first: bool,
) -> Result<Vec<Farewell>, Vec<NonNull<Header>>> {
    let mut doors = if doors_first { close_doors(suspects, Vec::new()) } else { Vec::new() };
    let mut flagged = Vec::new();
    let watch = |header: &NonNull<Header>| {
        // SAFETY: *deferral*: what the collection found stays until it ends.
        let reading = unsafe { header.as_ref() }.count.watch();
        // After the reading: whoever has read a count without its surplus sees the flag.
        if has_specials(header) {
            flagged.push(*header);
        }
        reading
    };
    let before: Vec<Reading> = suspects.iter().map(watch).collect();
    let surplus = surplus(&flagged, &doors);

    let _section = READING.lock();
    let mut leavers = Vec::new();
    if cfg!(tracegc_break = "freeze-order") {
        leavers.extend(changed(suspects, &before));
    }
    leavers.extend(freeze(tracer, suspects, &before, &surplus));
    if leavers.is_empty() {
        // Also where doors were closed first: others may have got a record since, and whoever made it may be gone.
        let deleted = cfg!(tracegc_break = "doors") || doors_first && cfg!(tracegc_break = "late-doors");
        if !deleted {
            doors = close_doors(suspects, doors);
        }
        if !cfg!(any(tracegc_break = "pass-b", tracegc_break = "freeze-order")) {
            leavers.extend(changed(suspects, &before));
        }
        if leavers.is_empty() {
            for &header in suspects {
                // SAFETY: as above.
                let this = unsafe { header.as_ref() };
                this.count.condemn();
                // Nobody else writes it: that takes a handle from outside.
                this.set_meta(this.meta(Ordering::Relaxed).dead(), Ordering::Release);
            }
            let farewells = doors.into_iter().map(Door::condemn).collect();
            release(tracer, suspects);
            return Ok(farewells);
        }
    }
    release(tracer, suspects);
    Err(leavers)
}

/// Releases all guards, last first.
fn release(tracer: &mut Tracer<'_>, suspects: &[NonNull<Header>]) {
    // The objects are fetched as if each had as many locks as the others.
    let each = (tracer.guards.len() / suspects.len()).max(1);
    let mut fetched = suspects.len();
    if suspects.len() < FAR {
        return tracer.guards.release();
    }
    while !tracer.guards.is_empty() {
        while fetched > 0 && (fetched + AHEAD) * each > tracer.guards.len() {
            fetched -= 1;
            prefetch_object(suspects[fetched]);
        }
        tracer.guards.release_last();
    }
}

/// The suspects whose words are not what they were.
fn changed<'a>(
    suspects: &'a [NonNull<Header>],
    before: &'a [Reading],
) -> impl Iterator<Item = NonNull<Header>> + use<'a> {
    // SAFETY: *deferral*.
    let still = |header: NonNull<Header>, reading| unsafe { header.as_ref() }.count.is_still(reading);
    suspects.iter().zip(before).filter(move |&(&header, &reading)| !still(header, reading)).map(|(&header, _)| header)
}

/// Traces all suspects under kept guards; the objects that leave.
fn freeze(
    tracer: &mut Tracer<'_>,
    suspects: &[NonNull<Header>],
    before: &[Reading],
    surplus: &[(NonNull<Header>, u64)],
) -> Vec<NonNull<Header>> {
    for &header in suspects {
        // SAFETY: visited by this collection.
        unsafe { *mark_of(header) = mark::VISITED };
    }
    tracer.begin_to_freeze(suspects.len());
    let mut leavers = Vec::new();
    let mut failures = Vec::new();
    let mut next = 0;
    tracer.run(
        |tracer| {
            let Some(&header) = suspects.get(next) else {
                return false;
            };
            next += 1;
            if let Some(&ahead) = suspects.get(next + AHEAD) {
                prefetch_object(ahead);
            }
            // SAFETY: visited by this collection; the caller is in a reading section.
            if !unsafe { tracer.trace_object(header) } {
                leavers.push(header);
            }
            true
        },
        |header| failures.push(header),
    );
    for (&header, reading) in suspects.iter().zip(before) {
        let surplus = surplus.iter().find(|&&(of, _)| of == header).map_or(0, |&(_, surplus)| surplus);
        // SAFETY: visited by this collection.
        if reading.handles() + surplus != tracer.edges(header, unsafe { *mark_of(header) }) {
            leavers.push(header);
        }
    }
    tracer.forget_carries();
    leavers.append(&mut failures);
    leavers
}

/// Takes the locks of all weak records of the suspects but those that are among `doors` already, in the order of the suspects.
fn close_doors(suspects: &[NonNull<Header>], doors: Vec<Door>) -> Vec<Door> {
    let mut doors = doors.into_iter().peekable();
    let close = |&header: &NonNull<Header>| match doors.next_if(|door| door.header() == header) {
        // SAFETY: the flag is set, and the object stays.
        None => has_specials(&header).then(|| unsafe { Door::close(header) }),
        closed => closed,
    };
    suspects.iter().filter_map(close).collect()
}

/// Those suspects with records that have more handles than their counts say, and how many. If handles are moved to or from a
/// record after pass A has read the count, pass B sees that.
fn surplus(flagged: &[NonNull<Header>], doors: &[Door]) -> Vec<(NonNull<Header>, u64)> {
    let mut doors = doors.iter().peekable();
    let mut found = Vec::new();
    for &header in flagged {
        let surplus = match doors.next_if(|door| door.header() == header) {
            Some(door) => door.surplus(),
            // SAFETY: *deferral*.
            None => unsafe { special::surplus(header) },
        };
        if surplus > 0 {
            found.push((header, surplus));
        }
    }
    found
}

fn has_specials(header: &NonNull<Header>) -> bool {
    // SAFETY: *deferral*.
    unsafe { header.as_ref() }.meta(Ordering::Acquire).has(flag::SPECIALS)
}
