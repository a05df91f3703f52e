//! A path to the crate does not get a type past the rule about `Drop`.

mod not_the_crate {
    pub use tracegc::{Trace, Tracer};

    pub mod __private {
        pub struct DropProbe<T: ?Sized>(std::marker::PhantomData<T>);
        pub trait NoDrop {
            fn must_not_implement_drop() {}
        }
        impl<T: ?Sized> NoDrop for DropProbe<T> {}
    }
}

#[derive(tracegc::Trace)]
#[trace(crate = not_the_crate)]
struct Sly {
    handle: tracegc::Gc<u8>,
}

impl Drop for Sly {
    fn drop(&mut self) {
        println!("{}", self.handle);
    }
}

fn main() {}
