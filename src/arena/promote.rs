//! From an arena into the traced heap.

use super::ArenaBox;
use crate::gc::Gc;
use crate::trace::Trace;

impl<T: Trace + Send + Sync + 'static> From<ArenaBox<'_, T>> for Gc<T> {
    /// As [`ArenaBox::into_gc`].
    #[inline]
    fn from(value: ArenaBox<'_, T>) -> Self {
        // SAFETY: *boxes own*: with the box gone nobody uses the value.
        unsafe { Gc::<T>::moved_from(ArenaBox::into_place(value)) }
    }
}

impl<T: Trace + Send + Sync + 'static> From<ArenaBox<'_, [T]>> for Gc<[T]> {
    /// As [`ArenaBox::into_gc`].
    fn from(elements: ArenaBox<'_, [T]>) -> Self {
        // SAFETY: *boxes own*: with the box gone nobody uses the elements.
        unsafe { Gc::<[T]>::moved_from(ArenaBox::into_place(elements)) }
    }
}

impl From<ArenaBox<'_, str>> for Gc<str> {
    /// As [`ArenaBox::into_gc`].
    fn from(text: ArenaBox<'_, str>) -> Self {
        Gc::from(&*text)
    }
}

impl<'a> From<ArenaBox<'a, str>> for ArenaBox<'a, [u8]> {
    /// The bytes of the string, where they are.
    fn from(text: ArenaBox<'a, str>) -> Self {
        // SAFETY: the pointer is that of a box, and a string has the layout of its bytes.
        unsafe { ArenaBox::from_raw(ArenaBox::into_raw(text) as *mut [u8]) }
    }
}
