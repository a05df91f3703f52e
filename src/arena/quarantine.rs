//! What becomes of a chunk whose values are gone, in builds that look for stale pointers.
//!
//! No safe code can have a pointer into such a chunk: references and boxes borrow the arena. Unsafe code can, and
//! these builds make its use known:
//!
//! | build | which chunks | a stale use |
//! |---|---|---|
//! | ordinary | none: all are reused at once | is not noticed |
//! | `--cfg tracegc_hardened` | full ones and those of large values; the partly used one is reused at once | faults |
//! | `--cfg tracegc_asan`, for AddressSanitizer | all | is reported |
//! | Miri | all | is reported: the bytes are not initialised |
//!
//! Such a chunk is *sealed* and waits in a line of [`CAP`] bytes; the oldest leaves it when others come, and goes back to
//! the page heap. Until then its addresses are not used again.

use std::collections::VecDeque;
use std::mem::MaybeUninit;

use super::chunk::Chunk;
use crate::heap::{os, poison};
use crate::sync::{Mutex, global};

/// Full chunks are quarantined.
const FULL: bool = cfg!(any(miri, tracegc_asan, tracegc_hardened));
/// So is the chunk that values were last placed in.
const CURRENT: bool = cfg!(any(miri, tracegc_asan));
/// The use of a quarantined chunk faults.
const FAULTS: bool = cfg!(all(tracegc_hardened, not(any(miri, tracegc_asan))));
/// Bytes of quarantined chunks at most.
const CAP: usize = if cfg!(miri) { 1 << 20 } else { 32 << 20 };

struct Quarantine {
    line: VecDeque<Chunk>,
    bytes: usize,
}

global! {
    static QUARANTINE: Mutex<Quarantine> = Mutex::new(Quarantine { line: VecDeque::new(), bytes: 0 });
}

/// Quarantines chunks, or has `reuse` take them.
pub(super) fn retire(chunks: impl Iterator<Item = Chunk>, reuse: impl FnMut(Chunk)) {
    if FULL {
        chunks.for_each(enter);
    } else {
        chunks.for_each(reuse);
    }
}

/// The same for the chunk that values were last placed in.
pub(super) fn retire_current(chunk: Option<Chunk>, reuse: impl FnMut(Chunk)) {
    if CURRENT {
        chunk.into_iter().for_each(enter);
    } else {
        chunk.into_iter().for_each(reuse);
    }
}

fn enter(chunk: Chunk) {
    seal(&chunk);
    let mut quarantine = QUARANTINE.lock();
    quarantine.bytes += chunk.bytes();
    quarantine.line.push_back(chunk);
    let mut released = Vec::new();
    while quarantine.bytes > CAP {
        let Some(oldest) = quarantine.line.pop_front() else {
            break;
        };
        quarantine.bytes -= oldest.bytes();
        released.push(oldest);
    }
    drop(quarantine);
    released.iter().for_each(unseal);
}

/// Makes any use of the chunk known.
fn seal(chunk: &Chunk) {
    let (start, bytes) = (chunk.base(), chunk.bytes());
    poison::poison(start.as_ptr(), bytes);
    if cfg!(miri) {
        let blank = Vec::<MaybeUninit<u8>>::with_capacity(bytes);
        // SAFETY: the chunk is ours, and the vector has as many bytes, none of them initialised: now the chunk's are not.
        unsafe { start.cast::<MaybeUninit<u8>>().as_ptr().copy_from_nonoverlapping(blank.as_ptr(), bytes) };
    }
    if FAULTS {
        // SAFETY: the chunk is ours and holds nothing. It takes no memory while it waits.
        unsafe {
            os::decommit(start, bytes);
            os::protect(start, bytes, false);
        }
    }
}

/// Makes the chunk fit for the page heap.
fn unseal(chunk: &Chunk) {
    poison::unpoison(chunk.base().as_ptr(), chunk.bytes());
    if FAULTS {
        // SAFETY: the chunk is ours.
        unsafe { os::protect(chunk.base(), chunk.bytes(), true) };
    }
}
