//! What the code that `#[derive(Trace)]` generates calls.

use std::marker::PhantomData;

/// Has two functions `must_not_implement_drop`: an inherent one if `T: Drop`, which takes precedence and whose bound
/// nothing meets, and that of [`NoDrop`] otherwise.
///
/// A type either implements `Drop` for all its parameters or not at all, so the choice does not depend on them.
pub struct DropProbe<T: ?Sized>(PhantomData<T>);

#[allow(drop_bounds)]
impl<T: ?Sized + Drop> DropProbe<T> {
    /// Cannot be called.
    pub fn must_not_implement_drop()
    where
        T: MayImplementDrop,
    {
    }
}

/// The probe's answer for types without a `Drop` of their own.
pub trait NoDrop {
    /// Does nothing.
    fn must_not_implement_drop() {}
}

impl<T: ?Sized> NoDrop for DropProbe<T> {}

/// What no type is; it exists for its message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` derives `Trace`, so it must not implement `Drop`",
    label = "this type implements `Drop`",
    note = "when a cycle dies, `drop` could follow a handle to an object that is already gone",
    note = "do the work in a cleanup (`Gc::add_cleanup`), or move the resource into a field with a `Drop` of its own",
    note = "or promise with `#[trace(unsafe_drop)]` that `drop` uses no traced handle"
)]
pub trait MayImplementDrop: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}
