//! Types that hold their values behind a pointer.
//!
//! Each is the only owner of its values, gives `&self` no way to move one, and drops them without calling code of
//! theirs other than their `Drop`: no `Ord`, `Hash` or `Eq` runs when a map or a heap is dropped.
//!
//! `has_edges` asks for drop glue, not for `has_edges` of the element, whose type may be what is being asked about.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::mem::needs_drop;
use std::pin::Pin;

use crate::{Trace, Tracer};

// SAFETY: the box is the only owner of its value, which stays where it is while the box is borrowed.
unsafe impl<T: Trace + ?Sized> Trace for Box<T> {
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        (**self).trace(tracer);
    }

    #[inline]
    fn has_edges() -> bool {
        needs_drop::<T>()
    }
}

// SAFETY: as for `Box`.
unsafe impl<T: Trace + ?Sized> Trace for Pin<Box<T>> {
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        (**self).trace(tracer);
    }

    #[inline]
    fn has_edges() -> bool {
        needs_drop::<T>()
    }
}

// SAFETY: only an owned value is traced, through a shared borrow that keeps it where it is. A borrowed one has other
// owners.
unsafe impl<B> Trace for Cow<'static, B>
where
    B: ToOwned<Owned: Trace> + ?Sized,
{
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if let Cow::Owned(owned) = self {
            owned.trace(tracer);
        }
    }

    #[inline]
    fn has_edges() -> bool {
        // The value lies in the `Cow` itself: a type that contains itself this way would have no size.
        B::Owned::has_edges()
    }
}

// SAFETY: the vector is the only owner of its elements, which are traced as a slice.
unsafe impl<T: Trace> Trace for Vec<T> {
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.as_slice().trace(tracer);
    }

    #[inline]
    fn has_edges() -> bool {
        needs_drop::<T>()
    }
}

/// Implements [`Trace`] for collections by their iterator over shared references.
macro_rules! collections {
    ($($ty:ident<T $(, $hasher:ident)?>)+) => {$(
        // SAFETY: the collection is the only owner of its elements; the iterator yields each once, through a shared
        // borrow that keeps it where it is. A hasher is not looked into, which is always allowed.
        unsafe impl<T: Trace $(, $hasher)?> Trace for $ty<T $(, $hasher)?> {
            #[inline]
            fn trace(&self, tracer: &mut Tracer<'_>) {
                if T::has_edges() {
                    self.iter().for_each(|element| element.trace(tracer));
                }
            }

            #[inline]
            fn has_edges() -> bool {
                needs_drop::<T>()
            }
        }
    )+};
}

/// The same for maps.
macro_rules! maps {
    ($($ty:ident<K, V $(, $hasher:ident)?>)+) => {$(
        // SAFETY: as for the other collections, of the keys and the values.
        unsafe impl<K: Trace, V: Trace $(, $hasher)?> Trace for $ty<K, V $(, $hasher)?> {
            #[inline]
            fn trace(&self, tracer: &mut Tracer<'_>) {
                if K::has_edges() || V::has_edges() {
                    self.iter().for_each(|(key, value)| {
                        key.trace(tracer);
                        value.trace(tracer);
                    });
                }
            }

            #[inline]
            fn has_edges() -> bool {
                needs_drop::<K>() || needs_drop::<V>()
            }
        }
    )+};
}

collections! { VecDeque<T> LinkedList<T> BinaryHeap<T> BTreeSet<T> HashSet<T, S> }
maps! { BTreeMap<K, V> HashMap<K, V, S> }
