//! Types that hold their values in themselves.
//!
//! None of them lets a value be moved through `&self`, and none has a `Drop` of its own: their drop glue is that of their
//! values. They answer `has_edges` as their values do.

use std::cmp::Reverse;
use std::io::Cursor;
use std::num::{Saturating, Wrapping};
use std::ops::{Bound, ControlFlow, Range, RangeFrom, RangeInclusive, RangeTo, RangeToInclusive};
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::task::Poll;

use crate::{Trace, Tracer};

/// Implements [`Trace`] for a type by a pattern that borrows each of its values once.
macro_rules! inline {
    ($ty:ident<$($param:ident),+>: $($pattern:pat => $($value:expr),*;)+) => {
        // SAFETY: each value that the type owns is traced once, through a shared borrow that keeps it where it is; the
        // rest is the promise of the value's own impl.
        unsafe impl<$($param: Trace),+> Trace for $ty<$($param),+> {
            #[inline]
            fn trace(&self, tracer: &mut Tracer<'_>) {
                let _ = &tracer;
                match self {
                    $($pattern => { $(Trace::trace($value, tracer);)* })+
                }
            }

            #[inline]
            fn has_edges() -> bool {
                false $(|| $param::has_edges())+
            }
        }
    };
}

inline!(Option<T>: Some(value) => value; None => ;);
inline!(Result<T, E>: Ok(value) => value; Err(error) => error;);
inline!(Poll<T>: Poll::Ready(value) => value; Poll::Pending => ;);
inline!(ControlFlow<B, C>: ControlFlow::Break(value) => value; ControlFlow::Continue(value) => value;);
inline!(Bound<T>: Bound::Included(value) | Bound::Excluded(value) => value; Bound::Unbounded => ;);
inline!(Range<T>: Range { start, end } => start, end;);
inline!(RangeFrom<T>: RangeFrom { start } => start;);
inline!(RangeTo<T>: RangeTo { end } => end;);
inline!(RangeInclusive<T>: range => range.start(), range.end(););
inline!(RangeToInclusive<T>: RangeToInclusive { end } => end;);
inline!(Wrapping<T>: Wrapping(value) => value;);
inline!(Saturating<T>: Saturating(value) => value;);
inline!(Reverse<T>: Reverse(value) => value;);
inline!(AssertUnwindSafe<T>: AssertUnwindSafe(value) => value;);
inline!(Cursor<T>: cursor => cursor.get_ref(););

// SAFETY: a value that has been set cannot be taken or replaced through `&self`; it is traced once. One that is being
// set at this moment is passed over, which is always allowed.
unsafe impl<T: Trace> Trace for OnceLock<T> {
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if let Some(value) = self.get() {
            value.trace(tracer);
        }
    }

    #[inline]
    fn has_edges() -> bool {
        T::has_edges()
    }
}

// SAFETY: as for slices.
unsafe impl<T: Trace, const N: usize> Trace for [T; N] {
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.as_slice().trace(tracer);
    }

    #[inline]
    fn has_edges() -> bool {
        N != 0 && T::has_edges()
    }
}

// SAFETY: each element is owned by the slice and traced once, through a shared borrow that keeps it where it is.
unsafe impl<T: Trace> Trace for [T] {
    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if T::has_edges() {
            self.iter().for_each(|element| element.trace(tracer));
        }
    }
}

macro_rules! tuples {
    ($($param:ident)+) => {
        // SAFETY: each field is owned by the tuple and traced once, through a shared borrow that keeps it where it is.
        unsafe impl<$($param: Trace),+> Trace for ($($param,)+) {
            #[inline]
            fn trace(&self, tracer: &mut Tracer<'_>) {
                #[allow(non_snake_case)]
                let ($($param,)+) = self;
                $($param.trace(tracer);)+
            }

            #[inline]
            fn has_edges() -> bool {
                false $(|| $param::has_edges())+
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
