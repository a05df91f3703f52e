//! `Trace` for the types of the standard library.
use crate::{Trace, Tracer};
unsafe impl Trace for u32 { fn trace(&self, _: &mut Tracer<'_>) {} fn has_edges() -> bool { false } }
