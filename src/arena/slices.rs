//! Slices and strings in an arena.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::{Aligned, Arena, ArenaBox};

/// Elements written so far; drops them if making the rest panics.
struct Filling<T> {
    first: NonNull<T>,
    done: usize,
}

impl<T> Filling<T> {
    fn elements(&self) -> NonNull<[T]> {
        NonNull::slice_from_raw_parts(self.first, self.done)
    }
}

impl<T> Drop for Filling<T> {
    fn drop(&mut self) {
        // SAFETY: so many elements were written, and nobody else knows of them.
        unsafe { self.elements().drop_in_place() };
    }
}

/// All methods panic with "capacity overflow" if the slice would be larger than `isize::MAX` bytes.
impl Arena {
    /// Copies a slice into the arena.
    ///
    /// ```
    /// let arena = tracegc::Arena::new();
    /// let mut numbers = arena.alloc_slice_copy(&[1, 2, 3]);
    /// numbers[0] = 7;
    /// assert_eq!(*numbers, [7, 2, 3]);
    /// ```
    #[inline]
    pub fn alloc_slice_copy<T: Copy>(&self, elements: &[T]) -> ArenaBox<'_, [T]> {
        let () = Aligned::<T>::CHECKED;
        let first = self.reserve(Layout::for_value(elements)).cast::<T>();
        // SAFETY: the place is new, large enough and aligned for the elements, and stays while the arena is borrowed.
        unsafe {
            first.as_ptr().copy_from_nonoverlapping(elements.as_ptr(), elements.len());
            ArenaBox::from_place(NonNull::slice_from_raw_parts(first, elements.len()))
        }
    }

    /// Copies a string into the arena.
    ///
    /// ```
    /// let arena = tracegc::Arena::new();
    /// let mut word = arena.alloc_str("word");
    /// word.make_ascii_uppercase();
    /// assert_eq!(&*word, "WORD");
    /// ```
    #[inline]
    pub fn alloc_str(&self, text: &str) -> ArenaBox<'_, str> {
        let bytes = ArenaBox::into_raw(self.alloc_slice_copy(text.as_bytes()));
        // SAFETY: the pointer is that of a box, and the bytes are those of a `str`, which has the same layout.
        unsafe { ArenaBox::from_raw(bytes as *mut str) }
    }

    /// Clones the elements of a slice into the arena. If that panics, those that were cloned are dropped.
    ///
    /// ```
    /// let arena = tracegc::Arena::new();
    /// let names = arena.alloc_slice_clone(&["Ann".to_string(), "Bob".to_string()]);
    /// assert_eq!(names[1], "Bob");
    /// ```
    pub fn alloc_slice_clone<T: Clone>(&self, elements: &[T]) -> ArenaBox<'_, [T]> {
        self.alloc_slice_fill_iter(elements.iter().cloned())
    }

    /// Makes a slice of `len` elements, of which each is what `make` gives for its index. If that panics, those that
    /// were made are dropped.
    ///
    /// ```
    /// let arena = tracegc::Arena::new();
    /// let squares = arena.alloc_slice_fill_with(4, |i| i * i);
    /// assert_eq!(*squares, [0, 1, 4, 9]);
    /// ```
    pub fn alloc_slice_fill_with<T>(&self, len: usize, make: impl FnMut(usize) -> T) -> ArenaBox<'_, [T]> {
        self.fill(len, (0..len).map(make))
    }

    /// Moves the elements of an iterator into the arena. It must know its length: collect another one into a `Vec` and
    /// move that. Should it give fewer elements than it said, the slice is shorter; if more, they are not asked for.
    /// If it panics, the elements that it gave are dropped.
    ///
    /// ```
    /// let arena = tracegc::Arena::new();
    /// let names = vec!["Ann".to_string(), "Bob".to_string()];
    /// let names = arena.alloc_slice_fill_iter(names);
    /// assert_eq!(names.len(), 2);
    ///
    /// let odd: Vec<u32> = (0..10).filter(|n| n % 2 == 1).collect();
    /// assert_eq!(*arena.alloc_slice_fill_iter(odd), [1, 3, 5, 7, 9]);
    /// ```
    pub fn alloc_slice_fill_iter<T, I>(&self, elements: I) -> ArenaBox<'_, [T]>
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: ExactSizeIterator,
    {
        let elements = elements.into_iter();
        self.fill(elements.len(), elements)
    }

    /// Makes a slice of the first `len` elements, or of as many as there are.
    fn fill<T>(&self, len: usize, elements: impl Iterator<Item = T>) -> ArenaBox<'_, [T]> {
        let () = Aligned::<T>::CHECKED;
        let layout = Layout::array::<T>(len).expect("capacity overflow");
        let first = self.reserve(layout).cast::<T>();
        let mut filling = Filling { first, done: 0 };
        for element in elements.take(len) {
            // SAFETY: the place is new, and large enough and aligned for `len` elements.
            unsafe { first.add(filling.done).write(element) };
            filling.done += 1;
        }
        let elements = filling.elements();
        std::mem::forget(filling);
        // SAFETY: so many elements were written; the place stays while the arena is borrowed.
        unsafe { ArenaBox::from_place(elements) }
    }
}
