//! The derive macro of the `tracegc` crate, which re-exports it: depend on `tracegc`, not on this crate.

mod attr;
mod check;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `tracegc::Trace`: the collector finds every handle in every field.
///
/// ```
/// use std::sync::Mutex;
/// use tracegc::{Gc, Trace};
///
/// #[derive(Trace)]
/// struct Node<T> {
///     value: T,
///     edges: Mutex<Vec<Gc<Node<T>>>>,
///     #[trace(skip)]
///     on_visit: Option<Box<dyn Fn() + Send + Sync>>,
/// }
///
/// let leaf = Gc::new(Node { value: 1, edges: Mutex::default(), on_visit: None });
/// let root = Gc::new(Node { value: 2, edges: Mutex::new(vec![leaf]), on_visit: None });
/// assert_eq!(root.edges.lock().unwrap()[0].value, 1);
/// ```
///
/// Structs and enums can derive it, unions and packed structs cannot, and neither can types with a lifetime parameter:
/// the heap owns its values.
///
/// # Attributes of a type
///
/// | attribute | effect |
/// |---|---|
/// | `#[trace(bound = "T: Trace")]` | these where predicates replace the bound `T: Trace` that every type parameter gets; `""` is no bound at all |
/// | `#[trace(crate = path)]` | where `tracegc` is found, for macros and renamed dependencies; `::tracegc` otherwise |
/// | `#[trace(unsafe_drop)]` | lets the type implement `Drop` (see below) |
///
/// # Attributes of a field
///
/// | attribute | effect |
/// |---|---|
/// | `#[trace(skip)]` | the collector does not look into the field, whose type then need not be `Trace` |
///
/// Skipping is always safe. What a skipped field holds is kept alive by it, so a cycle that leads through it is never
/// collected. Fields that are references or pointers, to data or to functions, are skipped without being asked, as are
/// `Option`s of those: they own nothing.
///
/// # `Drop`
///
/// A type that derives `Trace` must not implement `Drop`: when a cycle dies, `drop` could follow a handle to an object
/// that is already gone. Register the work with `Gc::add_cleanup`, or move the resource into a field with a `Drop` of
/// its own, which may be skipped.
///
/// ```compile_fail
/// # use tracegc::{Gc, Trace};
/// #[derive(Trace)]
/// struct Node {
///     next: Option<Gc<Node>>,
/// }
///
/// impl Drop for Node {
///     fn drop(&mut self) {}
/// }
/// ```
///
/// `#[trace(unsafe_drop)]` lifts the ban. It is a promise, as `unsafe impl Trace` is: this `Drop` does not follow
/// any handle that the type holds in a field that is not skipped, and does not clone one; it may only drop them.
///
/// ```
/// # use tracegc::{Gc, Trace};
/// #[derive(Trace)]
/// #[trace(unsafe_drop)]
/// struct Session {
///     id: u32,
///     parent: Option<Gc<Session>>,
/// }
///
/// impl Drop for Session {
///     fn drop(&mut self) {
///         println!("session {} has ended", self.id); // looks at no handle
///     }
/// }
/// ```
#[proc_macro_derive(Trace, attributes(trace))]
pub fn derive_trace(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
