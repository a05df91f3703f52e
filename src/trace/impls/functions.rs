//! Function pointers, which own nothing.
//!
//! A pointer whose signature has a lifetime of its own, such as `fn(&str)`, is a type that these impls do not cover. The
//! derive passes over a field of such a type, or an `Option` of it; elsewhere it takes `#[trace(skip)]`.

use crate::{Trace, Tracer};

macro_rules! function {
    ($ty:ty; $($arg:ident)*) => {
        // SAFETY: nothing is visited, which is always allowed.
        unsafe impl<Ret, $($arg),*> Trace for $ty {
            #[inline]
            fn trace(&self, _: &mut Tracer<'_>) {}

            #[inline]
            fn has_edges() -> bool {
                false
            }
        }
    };
}

macro_rules! functions {
    ($($arg:ident)*) => {
        function!(fn($($arg),*) -> Ret; $($arg)*);
        function!(unsafe fn($($arg),*) -> Ret; $($arg)*);
        function!(extern "C" fn($($arg),*) -> Ret; $($arg)*);
        function!(unsafe extern "C" fn($($arg),*) -> Ret; $($arg)*);
        function!(extern "system" fn($($arg),*) -> Ret; $($arg)*);
        function!(unsafe extern "system" fn($($arg),*) -> Ret; $($arg)*);
    };
}

macro_rules! variadic_functions {
    ($($arg:ident)*) => {
        functions!($($arg)*);
        function!(unsafe extern "C" fn($($arg),*, ...) -> Ret; $($arg)*);
    };
}

functions!();
variadic_functions!(A);
variadic_functions!(A B);
variadic_functions!(A B C);
variadic_functions!(A B C D);
variadic_functions!(A B C D E);
variadic_functions!(A B C D E F);
variadic_functions!(A B C D E F G);
variadic_functions!(A B C D E F G H);
variadic_functions!(A B C D E F G H I);
variadic_functions!(A B C D E F G H I J);
variadic_functions!(A B C D E F G H I J K);
variadic_functions!(A B C D E F G H I J K L);
