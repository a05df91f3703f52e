//! Which types of the standard library and of `parking_lot` are `Trace`, and which of them can hold edges.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock};

use tracegc::{Gc, Trace, Weak};

type Handle = Gc<str>;

#[track_caller]
fn no_edges<T: Trace>() {
    assert!(!T::has_edges(), "{} has no edges", std::any::type_name::<T>());
}

#[track_caller]
fn edges<T: Trace>() {
    assert!(T::has_edges(), "{} can have edges", std::any::type_name::<T>());
}

fn traced<T: Trace + ?Sized>() {}

macro_rules! each {
    ($check:ident: $($ty:ty),+ $(,)?) => {
        $($check::<$ty>();)+
    };
}

#[test]
fn a_handle_is_an_edge_and_a_weak_one_is_not() {
    edges::<Handle>();
    no_edges::<Weak<str>>();
}

#[test]
fn plain_values_have_no_edges() {
    each!(no_edges: (), bool, char, u8, i128, f64, usize, String, PathBuf, std::num::NonZeroU32);
    each!(no_edges: std::sync::atomic::AtomicBool, std::sync::atomic::AtomicU64, std::sync::atomic::AtomicPtr<u8>);
    each!(no_edges: std::time::Duration, std::time::Instant, std::time::SystemTime, std::any::TypeId);
    each!(no_edges: std::ffi::CString, std::ffi::OsString, std::cmp::Ordering, std::ops::RangeFull);
    each!(traced: str, Path, std::ffi::OsStr, std::ffi::CStr);
}

#[test]
fn resources_of_the_system_have_no_edges() {
    each!(no_edges: std::fs::File, std::fs::Metadata, std::net::TcpStream, std::net::UdpSocket, std::net::SocketAddr);
    each!(no_edges: std::process::Child, std::process::Command, std::io::Stdout, std::io::Error, std::fmt::Error);
    each!(no_edges: std::thread::Thread, std::thread::JoinHandle<Handle>, std::sync::Condvar, std::sync::Once);
    #[cfg(unix)]
    each!(no_edges: std::os::fd::OwnedFd, std::os::unix::net::UnixStream);
}

#[test]
fn shared_and_opaque_owners_hide_their_handles() {
    each!(no_edges: Arc<Handle>, std::sync::Weak<Handle>, std::rc::Rc<Handle>, std::rc::Weak<Handle>);
    each!(no_edges: &'static Handle, *const Handle, std::ptr::NonNull<Handle>);
    each!(no_edges: std::sync::mpsc::Sender<Handle>, std::sync::mpsc::Receiver<Handle>);
    each!(no_edges: std::mem::ManuallyDrop<Handle>, std::mem::MaybeUninit<Handle>, std::marker::PhantomData<Handle>);
    each!(no_edges: LazyLock<Handle>, std::io::BufReader<Handle>, std::io::BufWriter<Vec<u8>>);
    // They need not know whether what they hide could be traced.
    each!(no_edges: Arc<dyn Fn() + Send + Sync>, LazyLock<std::cell::Cell<u8>>, std::marker::PhantomData<dyn Fn()>);
}

#[test]
fn function_pointers_have_no_edges() {
    each!(no_edges: fn(), fn(Handle) -> Handle, unsafe fn(u8), extern "C" fn(*mut u8), unsafe extern "C" fn(u8, ...));
    each!(no_edges: fn(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8) -> u8, extern "system" fn() -> !);
}

#[test]
fn what_holds_values_inline_answers_as_they_do() {
    macro_rules! both {
        ($($ty:ident),+) => {$(
            no_edges::<$ty<String>>();
            edges::<$ty<Handle>>();
        )+};
    }
    use std::cmp::Reverse;
    use std::io::Cursor;
    use std::num::{Saturating, Wrapping};
    use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo, RangeToInclusive};
    use std::panic::AssertUnwindSafe;
    use std::task::Poll;

    both!(Option, Poll, Bound, Range, RangeFrom, RangeInclusive, RangeTo, RangeToInclusive);
    both!(Wrapping, Saturating, Reverse, AssertUnwindSafe, Cursor, OnceLock, Mutex, RwLock);
    each!(no_edges: Result<u8, String>, std::ops::ControlFlow<u8, String>, (u8,), (u8, String), [String; 3]);
    each!(edges: Result<u8, Handle>, Result<Handle, u8>, std::ops::ControlFlow<Handle>, (Handle,), (u8, Handle));
    each!(edges: [Handle; 3], (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, Handle));
    no_edges::<[Handle; 0]>();
    no_edges::<Cow<'static, str>>();
    edges::<Cow<'static, [Handle]>>();
}

#[test]
fn what_holds_values_behind_a_pointer_asks_for_drop_glue() {
    each!(no_edges: Box<u8>, Box<str>, Box<[u8]>, Pin<Box<u8>>, Vec<u8>, VecDeque<u8>, LinkedList<u8>, BinaryHeap<u8>);
    each!(no_edges: BTreeSet<u8>, HashSet<u8>, BTreeMap<u8, &'static str>, HashMap<u8, f32>);
    each!(edges: Box<Handle>, Box<[Handle]>, Pin<Box<Handle>>, Vec<Handle>, VecDeque<Handle>, LinkedList<Handle>);
    each!(edges: BTreeSet<Handle>, HashSet<Handle>, BTreeMap<Handle, u8>, BTreeMap<u8, Handle>, HashMap<u8, Handle>);
    edges::<Vec<String>>();
    // Any hasher will do.
    edges::<HashMap<u8, Handle, std::cell::Cell<u8>>>();
}

#[test]
fn trait_objects_can_be_boxed() {
    trait Shape: Trace {}
    each!(edges: Box<dyn Shape>, Vec<Box<dyn Shape>>, Mutex<Option<Box<dyn Shape>>>);
    traced::<Box<dyn std::error::Error + Send + Sync>>();
}

#[test]
fn objects_of_these_types_can_be_made() {
    let shared: Gc<str> = "shared".into();
    let names = Gc::new(Mutex::new(HashMap::from([(1, Gc::clone(&shared))])));
    let tree = Gc::new(RwLock::new(BTreeMap::from([(String::from("a"), vec![Gc::clone(&shared)])])));
    let boxed = Gc::new((Box::new([shared]), Some("text"), OnceLock::from(3_u8)));
    assert_eq!(&*names.lock().unwrap()[&1], "shared");
    assert_eq!(tree.read().unwrap()["a"].len(), 1);
    assert_eq!(&*boxed.0[0], "shared");
}

#[cfg(feature = "parking_lot")]
#[test]
fn locks_of_parking_lot_answer_as_their_values() {
    use parking_lot::{Condvar, FairMutex, Mutex, Once, ReentrantMutex, RwLock};

    each!(no_edges: Mutex<String>, RwLock<String>, FairMutex<String>, ReentrantMutex<String>, Condvar, Once);
    each!(edges: Mutex<Handle>, RwLock<Handle>, FairMutex<Handle>, ReentrantMutex<Handle>);
    let object = Gc::new(Mutex::new(Some(Gc::new(RwLock::new(1)))));
    *object.lock().as_ref().unwrap().write() += 1;
    assert_eq!(*object.lock().as_ref().unwrap().read(), 2);
}
