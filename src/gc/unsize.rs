//! `Gc<Circle>` to `Gc<dyn Shape>`, on stable Rust.

use std::any::Any;
use std::ptr::NonNull;

use super::Gc;

/// Turns a handle to a value into a handle to a trait object or a slice.
///
/// What `as` would do to a pointer: `unsize!(handle => dyn Trait)`, `unsize!(handle => [T])`.
///
/// ```
/// use tracegc::{Gc, Trace, unsize};
///
/// trait Shape: Trace + Send + Sync {
///     fn area(&self) -> f64;
/// }
///
/// #[derive(Trace)]
/// struct Square(f64);
/// impl Shape for Square {
///     fn area(&self) -> f64 {
///         self.0 * self.0
///     }
/// }
///
/// let shape: Gc<dyn Shape> = unsize!(Gc::new(Square(3.0)) => dyn Shape);
/// assert_eq!(shape.area(), 9.0);
/// let numbers: Gc<[i32]> = unsize!(Gc::new([1, 2, 3]) => [i32]);
/// assert_eq!(numbers.len(), 3);
/// ```
#[macro_export]
macro_rules! unsize {
    ($handle:expr => $target:ty) => {{
        let handle = $handle;
        // SAFETY: the closure is nothing but a coercion.
        unsafe { $crate::__unsize_with(handle, |value| -> *mut $target { value }) }
    }};
}

/// What [`unsize!`] expands to. The types are pinned down by `*mut`, so that no lifetime in them can change on the way.
///
/// # Safety
///
/// `cast` does nothing but coerce its argument: what it returns may be used as the argument may.
#[doc(hidden)]
pub unsafe fn unsize_with<T: 'static, U: ?Sized + 'static>(handle: Gc<T>, cast: fn(*mut T) -> *mut U) -> Gc<U> {
    let handle = std::mem::ManuallyDrop::new(handle);
    let value = NonNull::new(cast(handle.value.as_ptr())).expect("a value has an address");
    assert!(value.addr() == handle.value.addr(), "the cast must lead to the same object");
    // SAFETY: the handle is taken over; by contract the pointer is a coercion of the old one, with its
    // provenance.
    unsafe { Gc::from_counted(value) }
}

impl Gc<dyn Any + Send + Sync> {
    /// A handle to the value as what it is, if it is a `T`.
    ///
    /// # Errors
    ///
    /// Gives the handle back if the value is something else.
    ///
    /// ```
    /// use std::any::Any;
    /// use tracegc::{Gc, unsize};
    ///
    /// let any = unsize!(Gc::new(5_i32) => dyn Any + Send + Sync);
    /// assert_eq!(*any.downcast::<i32>().unwrap(), 5);
    /// ```
    pub fn downcast<T: Any + Send + Sync>(self) -> Result<Gc<T>, Self> {
        if !(*self).is::<T>() {
            return Err(self);
        }
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: the value is a `T`, as was just asked; the handle is taken over.
        Ok(unsafe { Gc::from_counted(this.value.cast()) })
    }
}
