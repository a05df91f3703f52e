//! Arc-backed stand-in of the public surface, so that users of it can be compiled before the real one lands.
use std::{fmt, ops::Deref, sync};
use crate::Trace;

pub struct Gc<T: ?Sized>(sync::Arc<T>);
pub struct Weak<T: ?Sized>(sync::Weak<T>);
impl<T: ?Sized> Clone for Gc<T> { fn clone(&self) -> Self { Gc(self.0.clone()) } }
impl<T: ?Sized> Clone for Weak<T> { fn clone(&self) -> Self { Weak(self.0.clone()) } }
impl<T: ?Sized> Deref for Gc<T> { type Target = T; fn deref(&self) -> &T { &self.0 } }
impl<T: ?Sized + fmt::Debug> fmt::Debug for Gc<T> { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { (**self).fmt(f) } }
impl<T: ?Sized> fmt::Debug for Weak<T> { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("(Weak)") } }
impl<T: Trace + Send + Sync + 'static> Gc<T> {
    pub fn new(v: T) -> Self { Gc(sync::Arc::new(v)) }
    pub fn new_cyclic<F: FnOnce(&Weak<T>) -> T>(f: F) -> Self { Gc(sync::Arc::new_cyclic(|w| f(&Weak(w.clone())))) }
}
impl<T: ?Sized> Gc<T> {
    pub fn ptr_eq(a: &Self, b: &Self) -> bool { sync::Arc::ptr_eq(&a.0, &b.0) }
    pub fn as_ptr(this: &Self) -> *const T { sync::Arc::as_ptr(&this.0) }
    pub fn strong_count(this: &Self) -> usize { sync::Arc::strong_count(&this.0) }
    pub fn downgrade(this: &Self) -> Weak<T> { Weak(sync::Arc::downgrade(&this.0)) }
    pub fn add_cleanup<A, F>(_this: &Self, _arg: A, _f: F) -> Result<Cleanup, CleanupError<A>>
    where A: Send + 'static, F: FnOnce(A) + Send + 'static { Ok(Cleanup) }
}
impl<T: ?Sized> Weak<T> { pub fn upgrade(&self) -> Option<Gc<T>> { self.0.upgrade().map(Gc) } }
impl From<&str> for Gc<str> { fn from(s: &str) -> Self { Gc(s.into()) } }
unsafe impl<T: ?Sized> Trace for Gc<T> { fn trace(&self, t: &mut crate::Tracer<'_>) { t.visit(self) } }
unsafe impl<T: ?Sized> Trace for Weak<T> { fn trace(&self, _: &mut crate::Tracer<'_>) {} fn has_edges() -> bool { false } }

#[derive(Clone, Debug)]
pub struct Cleanup;
impl Cleanup { pub fn stop(&self) -> bool { false } pub fn is_pending(&self) -> bool { true } }
#[derive(Debug)]
pub struct CleanupError<A> { pub arg: A }

#[derive(Debug, Default, Clone, Copy)]
pub struct CollectStats { pub rounds: usize, pub traced: usize, pub reclaimed: usize }
pub fn collect() -> CollectStats { CollectStats::default() }
pub mod heap {
    #[derive(Debug, Default, Clone, Copy)]
    pub struct HeapStats { pub live_objects: u64, pub live_bytes: u64, pub allocated_objects: u64, pub freed_objects: u64, pub committed_bytes: u64, pub collections: u64, pub collected_objects: u64 }
    pub fn stats() -> HeapStats { HeapStats::default() }
}
