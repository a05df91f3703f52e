//! The reuse list: idle chunks of the whole process, at hand for the next arena.
//!
//! Taking a chunk from it costs a lock and a few instructions; a span of the page heap costs a search and a write for
//! every page. It holds at most [`CAP`] bytes, and goes back to the page heap when memory is asked back. The last chunk
//! to come is the first to go: it may still be in a cache of the processor.

use super::chunk::Chunk;
use crate::sync::{Mutex, global};

/// Bytes of idle chunks at most.
pub(super) const CAP: usize = 4 << 20;

struct Reserve {
    idle: Vec<Chunk>,
    bytes: usize,
}

global! {
    static RESERVE: Mutex<Reserve> = Mutex::new(Reserve { idle: Vec::new(), bytes: 0 });
}

/// An idle chunk of exactly this size.
pub(super) fn take(bytes: usize) -> Option<Chunk> {
    let mut reserve = RESERVE.lock();
    let index = reserve.idle.iter().rposition(|chunk| chunk.bytes() == bytes)?;
    reserve.bytes -= bytes;
    Some(reserve.idle.remove(index))
}

/// Keeps as many of the chunks as there is room for; the others go back to the page heap.
pub(super) fn keep(mut chunks: Vec<Chunk>) {
    if chunks.is_empty() {
        return;
    }
    let mut reserve = RESERVE.lock();
    while let Some(chunk) = chunks.pop() {
        if chunk.bytes() > CAP - reserve.bytes {
            chunks.push(chunk);
            break;
        }
        reserve.bytes += chunk.bytes();
        reserve.idle.push(chunk);
    }
    // The lock is not held while the others are dropped.
    drop(reserve);
    drop(chunks);
}

/// Gives all idle chunks back to the page heap.
pub(crate) fn trim_idle() {
    let mut reserve = RESERVE.lock();
    let idle = std::mem::take(&mut reserve.idle);
    reserve.bytes = 0;
    drop(reserve);
    drop(idle);
}

#[cfg(all(test, not(any(miri, tracegc_asan))))]
mod tests {
    use super::*;
    use crate::arena::Arena;
    use crate::heap::segment::PAGE;

    /// A size that nothing else in the test binary uses.
    const SIZE: usize = 11 * PAGE;

    #[test]
    fn a11_the_reserve_is_capped_and_given_back() {
        // More of them than one list may hold.
        let arenas: Vec<Arena> = (0..2 * CAP / SIZE)
            .map(|_| {
                let arena = Arena::with_chunk_size(SIZE);
                arena.alloc(1);
                arena
            })
            .collect();
        drop(arenas);
        let reserve = RESERVE.lock();
        assert!(reserve.bytes <= CAP && reserve.bytes > CAP / 2);
        assert_eq!(reserve.bytes, reserve.idle.iter().map(Chunk::bytes).sum::<usize>());
        drop(reserve);
        trim_idle();
        assert!(take(SIZE).is_none());
    }

    #[test]
    fn a01_the_last_chunk_that_came_is_the_first_to_go() {
        let size = SIZE + PAGE;
        let [first, second] = [0; 2].map(|_| Chunk::fresh(size).unwrap());
        let addresses = [first.base().addr(), second.base().addr()];
        keep(vec![first]);
        keep(vec![second]);
        assert!(take(SIZE + 2 * PAGE).is_none());
        let again = [0; 2].map(|_| take(size).map(|chunk| chunk.base().addr()));
        // The other test, or a collection, may have given one back meanwhile.
        if let [Some(one), Some(two)] = again {
            assert_eq!([one, two], [addresses[1], addresses[0]]);
        }
    }
}
