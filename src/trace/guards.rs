//! Lock guards of any type, kept until a verdict is over.

use std::mem::{MaybeUninit, align_of, size_of};

const WORDS: usize = 3;
type Room = [MaybeUninit<usize>; WORDS];

struct Kept {
    drop: unsafe fn(*mut Room),
    room: Room,
}

/// A stack of guards; the last one in is the first one out, since a guard may lie in what an earlier one protects.
#[derive(Default)]
pub(crate) struct Guards(Vec<Kept>);

impl Guards {
    /// Keeps a guard.
    ///
    /// # Safety
    ///
    /// What the guard borrows from stays until it is released, which happens on this thread.
    pub(crate) unsafe fn keep<G>(&mut self, guard: G) {
        if size_of::<G>() <= size_of::<Room>() && align_of::<G>() <= align_of::<Room>() {
            self.push(guard);
        } else {
            self.push(Box::new(guard));
        }
    }

    /// Pushes something that fits, which `keep` has seen to.
    fn push<G>(&mut self, guard: G) {
        assert!(size_of::<G>() <= size_of::<Room>() && align_of::<G>() <= align_of::<Room>());
        // SAFETY: called once, on a room that a `G` was written to.
        let drop = |room: *mut Room| unsafe { room.cast::<G>().drop_in_place() };
        let mut kept = Kept { drop, room: [MaybeUninit::uninit(); WORDS] };
        // SAFETY: the room is large enough and aligned, as was just checked.
        unsafe { (&raw mut kept.room).cast::<G>().write(guard) };
        self.0.push(kept);
    }

    /// Releases all but the first `keep`, last first.
    pub(crate) fn release(&mut self, keep: usize) {
        while self.0.len() > keep {
            if let Some(mut kept) = self.0.pop() {
                // SAFETY: the room holds the guard that `drop` was made for, and is dropped once.
                unsafe { (kept.drop)(&raw mut kept.room) };
            }
        }
    }
}

impl Drop for Guards {
    fn drop(&mut self) {
        self.release(0);
    }
}
