//! Lock guards of any type, kept until a verdict is over.

use std::mem::{MaybeUninit, align_of, size_of};

type Word = MaybeUninit<usize>;

/// How a guard is taken off the stack and released.
type Release = unsafe fn(&mut Vec<Word>);

/// A stack of guards, each below the function that releases it; the last one in is the first one out, since a guard may
/// lie in what an earlier one protects. There may be several for every object of a large set, so they take no more than
/// they need.
#[derive(Default)]
pub(crate) struct Guards(Vec<Word>);

impl Guards {
    /// Keeps a guard.
    ///
    /// # Safety
    ///
    /// What the guard borrows from stays until it is released, which happens on this thread.
    #[inline]
    pub(crate) unsafe fn keep<G>(&mut self, guard: G) {
        if align_of::<G>() <= align_of::<Word>() {
            self.push(guard);
        } else {
            self.push(Box::new(guard));
        }
    }

    /// Pushes something aligned as words are, which `keep` has seen to.
    #[inline]
    fn push<G>(&mut self, guard: G) {
        const { assert!(size_of::<Release>() == size_of::<Word>()) };
        assert!(align_of::<G>() <= align_of::<Word>());
        let words = size_of::<G>().div_ceil(size_of::<Word>());
        self.0.reserve(words + 1);
        let len = self.0.len();
        // SAFETY: there is room for the guard and the function, which are written before they count.
        unsafe {
            let place = self.0.as_mut_ptr().add(len);
            place.cast::<G>().write(guard);
            place.add(words).cast::<Release>().write(release::<G>);
            self.0.set_len(len + words + 1);
        }
    }

    /// Words taken.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Releases the last one.
    #[inline]
    pub(crate) fn release_last(&mut self) {
        let Some(last) = self.0.len().checked_sub(1) else { return };
        // SAFETY: on top is a function, below it the guard that it is for.
        unsafe {
            let release = self.0.as_ptr().add(last).cast::<Release>().read();
            self.0.set_len(last);
            release(&mut self.0);
        }
    }

    /// Releases all, last first.
    pub(crate) fn release(&mut self) {
        while !self.is_empty() {
            self.release_last();
        }
    }
}

/// Releases the guard on top.
///
/// # Safety
///
/// It is a `G`.
unsafe fn release<G>(stack: &mut Vec<Word>) {
    let below = stack.len() - size_of::<G>().div_ceil(size_of::<Word>());
    // SAFETY: by contract; it is taken off the stack before it is dropped.
    let guard = unsafe {
        let guard = stack.as_ptr().add(below).cast::<G>().read();
        stack.set_len(below);
        guard
    };
    drop(guard);
}

impl Drop for Guards {
    fn drop(&mut self) {
        self.release();
    }
}
