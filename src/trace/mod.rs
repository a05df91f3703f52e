//! What the collector has to know of a type: where its handles are.

#[doc(hidden)]
pub mod derive;
mod guards;
mod impls;
pub(crate) mod tracer;

pub use tracer::Tracer;

/// A type whose handles the collector can find.
///
/// Derive it. A manual implementation is for container and lock types.
///
/// ```
/// use tracegc::{Gc, Trace};
/// use std::sync::Mutex;
///
/// #[derive(Trace)]
/// struct Node {
///     name: String,
///     next: Mutex<Option<Gc<Node>>>,
/// }
/// # let _ = Gc::new(Node { name: String::new(), next: Mutex::new(None) });
/// ```
///
/// What lies in one object is traced as its drop glue runs: a long chain of `Box`es in one object recurses, in whatever
/// thread collects. Chains of `Gc` do not.
///
/// # Safety
///
/// An implementation promises that `trace`
///
/// - visits only handles that `self` owns exclusively: never one behind an `Arc`, an `Rc`, a `&'static` or a global
///   (two owners would count one handle twice);
/// - visits each handle at most once;
/// - visits a handle that can be moved or dropped through `&self` (one behind a lock) only by way of
///   [`Tracer::visit_guarded`], with the guard that prevents it;
/// - never creates, clones or drops a handle, and calls nothing else of this crate;
///
/// and that neither the type's own `Drop` nor the `Drop` of a part of it uses a handle that `trace` visits in any
/// way but dropping it: it may belong to an object that is already gone.
///
/// Not visiting is always allowed: what is behind an unvisited handle is merely kept alive by it. A panic in `trace`
/// leaves the object alive.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a traced object: it does not implement `Trace`",
    label = "the collector does not know where the handles of `{Self}` are",
    note = "derive it with `#[derive(tracegc::Trace)]`, or mark the field `#[trace(skip)]` (safe: what a skipped field holds is just kept alive by it)"
)]
pub unsafe trait Trace {
    /// Shows every handle that `self` owns to the tracer.
    fn trace(&self, tracer: &mut Tracer<'_>);

    /// Whether values of this type can own handles at all; objects of a type that says `false` never meet the
    /// collector, so it must be `false` only if `trace` never visits anything.
    ///
    /// Keep it free of recursion: a container behind a pointer answers [`std::mem::needs_drop`] of its element.
    #[inline]
    fn has_edges() -> bool
    where
        Self: Sized,
    {
        true
    }
}
