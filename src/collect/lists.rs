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

/// The objects of a part of a trail.
const PART: usize = 1 << 13;
/// The longest trail has so many parts, since it takes memory.
const PARTS: usize = 256;

/// A long list that is written once and read once, in parts: an allocator that has given out a very large block may keep it
/// when that is free again.
#[derive(Debug, Default)]
pub(crate) struct Trail(Vec<List>);

impl Trail {
    /// Adds an object, unless the trail is too long.
    #[inline]
    pub(crate) fn push(&mut self, object: NonNull<Header>) {
        match self.0.last_mut() {
            Some(part) if part.len() < PART => part.push(object),
            _ => self.push_growing(object),
        }
    }

    #[cold]
    fn push_growing(&mut self, object: NonNull<Header>) {
        if self.0.len() < PARTS {
            let mut part = List::new();
            part.reserve(PART);
            part.push(object);
            self.0.push(part);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<Header>> {
        self.0.iter().flat_map(|part| part.iter().copied())
    }
}
