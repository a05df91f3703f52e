//! The lists of a collection, which keep their memory until the next one.
//!
//! A collection needs a few lists of all that it looks at. Collections come often and are alike, so memory that goes back
//! to the system after each of them is paid for by page faults in the next.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::object::Header;
use crate::sync::plain::Mutex;

/// Lists that are kept.
const KEPT: usize = 6;
/// A longer one is not: a large collection leaves no memory behind.
const LONGEST: usize = 1 << 16;

struct Kept(Vec<Vec<NonNull<Header>>>);

// SAFETY: the lists are empty.
unsafe impl Send for Kept {}

static SPARE: Mutex<Kept> = Mutex::new(Kept(Vec::new()));

/// A list of objects.
#[derive(Debug)]
pub(crate) struct List(Vec<NonNull<Header>>);

impl List {
    pub(crate) fn new() -> List {
        List(SPARE.lock().0.pop().unwrap_or_default())
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let mut list = std::mem::take(&mut self.0);
        if list.capacity() > 0 && list.capacity() <= LONGEST {
            list.clear();
            let mut spare = SPARE.lock();
            if spare.0.len() < KEPT {
                spare.0.push(list);
            }
        }
    }
}

impl Deref for List {
    type Target = Vec<NonNull<Header>>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for List {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Extend<NonNull<Header>> for List {
    fn extend<I: IntoIterator<Item = NonNull<Header>>>(&mut self, objects: I) {
        self.0.extend(objects);
    }
}

impl FromIterator<NonNull<Header>> for List {
    fn from_iter<I: IntoIterator<Item = NonNull<Header>>>(objects: I) -> List {
        let mut list = List::new();
        list.extend(objects);
        list
    }
}
