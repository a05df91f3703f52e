//! `ArenaBox`: the owner of a value in an arena.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::gc::Gc;

/// The owner of a value that lies in an [`Arena`](crate::Arena).
///
/// It is used like a `Box`: it dereferences, drops its value when it is dropped, and can be sent to other threads if
/// its value can. Its memory comes back with the arena's only. It borrows the arena, so it cannot outlive it:
///
/// ```compile_fail,E0597
/// use tracegc::Arena;
///
/// let outlives = {
///     let arena = Arena::new();
///     arena.alloc(1)
/// };
/// ```
///
/// It is one word (two for slices and `dyn` types), and `Option<ArenaBox<'_, T>>` has the same size.
///
/// There is no way to pin a value in it: a pinned value must be dropped before its memory is used again, and a
/// forgotten box does not see to that, while the arena is reset or freed all the same.
///
/// ```
/// use tracegc::Arena;
///
/// let arena = Arena::new();
/// let mut list = arena.alloc(vec![1, 2]);
/// list.push(3);
/// assert_eq!(list.len(), 3);
/// ```
pub struct ArenaBox<'a, T: ?Sized> {
    /// With provenance over the whole segment.
    value: NonNull<T>,
    _owned: PhantomData<T>,
    _arena: PhantomData<&'a ()>,
}

// SAFETY: it owns its value as a `Box` does, and touches nothing else of the arena, not even when it is dropped.
unsafe impl<T: ?Sized + Send> Send for ArenaBox<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for ArenaBox<'_, T> {}

impl<T: ?Sized + std::panic::UnwindSafe> std::panic::UnwindSafe for ArenaBox<'_, T> {}
impl<T: ?Sized> Unpin for ArenaBox<'_, T> {}

impl<T: ?Sized> Deref for ArenaBox<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: *boxes own*: the value is there as long as the box is.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for ArenaBox<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: *boxes own*: nobody else has the value.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized> Drop for ArenaBox<'_, T> {
    /// Drops the value. Its memory comes back with the arena's.
    #[inline]
    fn drop(&mut self) {
        // SAFETY: *boxes own*; a box whose value was taken is not dropped.
        unsafe { self.value.drop_in_place() };
    }
}

impl<'a, T: ?Sized> ArenaBox<'a, T> {
    /// Owns the value at `value` from now on. *Boxes own*: nobody else uses it, and it stays for `'a`.
    ///
    /// # Safety
    ///
    /// That is so.
    #[inline]
    pub(super) unsafe fn from_place(value: NonNull<T>) -> Self {
        ArenaBox { value, _owned: PhantomData, _arena: PhantomData }
    }

    /// The value without its owner.
    #[inline]
    pub(super) fn into_place(this: Self) -> NonNull<T> {
        ManuallyDrop::new(this).value
    }

    /// Gives the box up and keeps the value, which is not dropped, and stays where it is for as long as the arena is
    /// borrowed.
    ///
    /// ```
    /// use tracegc::{Arena, ArenaBox};
    ///
    /// let arena = Arena::new();
    /// let number: &mut i32 = ArenaBox::leak(arena.alloc(1));
    /// *number += 1;
    /// assert_eq!(*number, 2);
    /// ```
    #[inline]
    pub fn leak(this: Self) -> &'a mut T
    where
        T: 'a,
    {
        // SAFETY: *boxes own*: with the box gone the reference is the only way to the value, which stays for `'a`.
        unsafe { Self::into_place(this).as_mut() }
    }

    /// Gives the box up for a pointer, from which [`from_raw`](ArenaBox::from_raw) makes one again.
    ///
    /// Between the two the pointer can be made one to a trait object:
    ///
    /// ```
    /// use std::fmt::Display;
    /// use tracegc::{Arena, ArenaBox};
    ///
    /// let arena = Arena::new();
    /// let number = ArenaBox::into_raw(arena.alloc(5)) as *mut dyn Display;
    /// // SAFETY: the pointer is that of a box, and the arena is still borrowed.
    /// let shown: ArenaBox<'_, dyn Display> = unsafe { ArenaBox::from_raw(number) };
    /// assert_eq!(shown.to_string(), "5");
    /// # let _ = &arena;
    /// ```
    #[inline]
    pub fn into_raw(this: Self) -> *mut T {
        Self::into_place(this).as_ptr()
    }

    /// Makes a box of the pointer that [`into_raw`](ArenaBox::into_raw) gave.
    ///
    /// # Safety
    ///
    /// The pointer, or one that it was coerced from, came from `into_raw`; it is made a box once only; and `'a` is no
    /// longer than the lifetime of that box: the caller sees to it that the arena is neither reset nor freed meanwhile.
    #[inline]
    pub unsafe fn from_raw(value: *mut T) -> Self {
        // SAFETY: by contract; the pointers of boxes are not null.
        unsafe { Self::from_place(NonNull::new_unchecked(value)) }
    }

    /// The address of the value, which does not change. It is valid as long as the box is.
    ///
    /// ```
    /// use tracegc::{Arena, ArenaBox};
    ///
    /// let arena = Arena::new();
    /// let here = arena.alloc(1);
    /// assert!(std::ptr::eq(ArenaBox::as_ptr(&here), &*here));
    /// ```
    #[inline]
    pub fn as_ptr(this: &Self) -> *const T {
        this.value.as_ptr()
    }

    /// Promotes the value: moves it into an object of the traced heap. For values that are `Trace + Send + Sync`, and
    /// for slices of them and `str`.
    ///
    /// ```
    /// use tracegc::{Arena, ArenaBox, Gc};
    ///
    /// let arena = Arena::new();
    /// let name = arena.alloc(String::from("Ann"));
    /// let kept: Gc<String> = ArenaBox::into_gc(name);
    /// let text: Gc<str> = ArenaBox::into_gc(arena.alloc_str("text"));
    /// arena.free();
    /// assert_eq!((kept.as_str(), &*text), ("Ann", "text"));
    /// ```
    #[inline]
    pub fn into_gc(this: Self) -> Gc<T>
    where
        Gc<T>: From<Self>,
    {
        Gc::from(this)
    }
}

impl<T> ArenaBox<'_, T> {
    /// Moves the value out.
    ///
    /// ```
    /// use tracegc::{Arena, ArenaBox};
    ///
    /// let arena = Arena::new();
    /// let name: String = ArenaBox::into_inner(arena.alloc(String::from("Ann")));
    /// arena.free();
    /// assert_eq!(name, "Ann");
    /// ```
    #[inline]
    pub fn into_inner(this: Self) -> T {
        // SAFETY: *boxes own*: with the box gone the value is the caller's.
        unsafe { Self::into_place(this).read() }
    }
}
