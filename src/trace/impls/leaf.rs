//! Types that show no handle.
//!
//! Most of them cannot hold one. Others can, and keep what it leads to alive, because looking into them is impossible
//! or would break the contract of [`Trace`]; each of these says why.

use std::marker::{PhantomData, PhantomPinned};
use std::mem::{Discriminant, ManuallyDrop, MaybeUninit};
use std::sync::atomic;
use std::{alloc, any, cmp, convert, env, error, ffi, fmt, fs, hash, io, net, num, ops, panic, path, process, ptr};
use std::{rc, str, string, sync, task, thread, time};

use crate::{Trace, Tracer};

/// Implements [`Trace`] for types that visit nothing.
macro_rules! leaf {
    ($($(#[$meta:meta])* $ty:ty),+ $(,)?) => {
        generic_leaf!($($(#[$meta])* [] $ty),+);
    };
}

/// The same for generic types: `[generics] Type`.
macro_rules! generic_leaf {
    ($($(#[$meta:meta])* [$($generics:tt)*] $ty:ty),+ $(,)?) => {$(
        $(#[$meta])*
        // SAFETY: nothing is visited, which is always allowed.
        unsafe impl<$($generics)*> Trace for $ty {
            #[inline]
            fn trace(&self, _: &mut Tracer<'_>) {}

            #[inline]
            fn has_edges() -> bool {
                false
            }
        }
    )+};
}

/// The same for types without a size, which cannot be asked for `has_edges`.
macro_rules! unsized_leaf {
    ($($ty:ty),+ $(,)?) => {$(
        // SAFETY: nothing is visited, which is always allowed.
        unsafe impl Trace for $ty {
            #[inline]
            fn trace(&self, _: &mut Tracer<'_>) {}
        }
    )+};
}

// Numbers and other plain values.
leaf!(
    (),
    bool,
    char,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    num::NonZeroI8,
    num::NonZeroI16,
    num::NonZeroI32,
    num::NonZeroI64,
    num::NonZeroI128,
    num::NonZeroIsize,
    num::NonZeroU8,
    num::NonZeroU16,
    num::NonZeroU32,
    num::NonZeroU64,
    num::NonZeroU128,
    num::NonZeroUsize,
    num::FpCategory,
    cmp::Ordering,
    atomic::Ordering,
    ops::RangeFull,
    convert::Infallible,
    any::TypeId,
    alloc::Layout,
    PhantomPinned,
    time::Duration,
    time::Instant,
    time::SystemTime,
    panic::Location<'static>,
);
generic_leaf!([T] Discriminant<T>, [T: ?Sized] PhantomData<T>);

leaf!(
    #[cfg(target_has_atomic = "8")]
    atomic::AtomicBool,
    #[cfg(target_has_atomic = "8")]
    atomic::AtomicI8,
    #[cfg(target_has_atomic = "8")]
    atomic::AtomicU8,
    #[cfg(target_has_atomic = "16")]
    atomic::AtomicI16,
    #[cfg(target_has_atomic = "16")]
    atomic::AtomicU16,
    #[cfg(target_has_atomic = "32")]
    atomic::AtomicI32,
    #[cfg(target_has_atomic = "32")]
    atomic::AtomicU32,
    #[cfg(target_has_atomic = "64")]
    atomic::AtomicI64,
    #[cfg(target_has_atomic = "64")]
    atomic::AtomicU64,
    #[cfg(target_has_atomic = "ptr")]
    atomic::AtomicIsize,
    #[cfg(target_has_atomic = "ptr")]
    atomic::AtomicUsize,
);
// A handle that was turned into a raw pointer still counts, and is not found.
generic_leaf!(#[cfg(target_has_atomic = "ptr")] [T] atomic::AtomicPtr<T>);

// Text.
leaf!(String, ffi::CString, ffi::OsString, path::PathBuf);
unsized_leaf!(str, ffi::CStr, ffi::OsStr, path::Path);

// The network.
leaf!(
    net::IpAddr,
    net::Ipv4Addr,
    net::Ipv6Addr,
    net::SocketAddr,
    net::SocketAddrV4,
    net::SocketAddrV6,
    net::Shutdown,
    net::TcpListener,
    net::TcpStream,
    net::UdpSocket,
);

// Files, streams, processes. A `Command` can own closures; like all closures they are opaque.
leaf!(
    fs::DirBuilder,
    fs::DirEntry,
    fs::File,
    fs::FileTimes,
    fs::FileType,
    fs::Metadata,
    fs::OpenOptions,
    fs::Permissions,
    fs::ReadDir,
    io::Empty,
    io::ErrorKind,
    io::Repeat,
    io::SeekFrom,
    io::Sink,
    io::Stderr,
    io::Stdin,
    io::Stdout,
    process::Child,
    process::ChildStderr,
    process::ChildStdin,
    process::ChildStdout,
    process::Command,
    process::ExitCode,
    process::ExitStatus,
    process::Output,
    process::Stdio,
);

#[cfg(unix)]
leaf!(
    std::os::fd::BorrowedFd<'static>,
    std::os::fd::OwnedFd,
    std::os::unix::net::SocketAddr,
    std::os::unix::net::UnixDatagram,
    std::os::unix::net::UnixListener,
    std::os::unix::net::UnixStream,
);

#[cfg(windows)]
leaf!(
    std::os::windows::io::BorrowedHandle<'static>,
    std::os::windows::io::BorrowedSocket<'static>,
    std::os::windows::io::OwnedHandle,
    std::os::windows::io::OwnedSocket,
);

// The drop glue of a `BufWriter` flushes, so it calls `W::write`, which is the user's and may use any handle that `W`
// owns: the contract forbids to visit those. The reader follows suit, so that wrapping the one in the other changes
// nothing.
generic_leaf!(
    [R: ?Sized] io::BufReader<R>, [W: io::Write + ?Sized] io::BufWriter<W>,
    [W: io::Write + ?Sized] io::LineWriter<W>,
);

// Errors. What a boxed one owns is opaque.
leaf!(
    alloc::LayoutError,
    std::char::CharTryFromError,
    std::char::DecodeUtf16Error,
    std::char::ParseCharError,
    env::VarError,
    fmt::Error,
    io::Error,
    net::AddrParseError,
    num::IntErrorKind,
    num::ParseFloatError,
    num::ParseIntError,
    num::TryFromIntError,
    std::array::TryFromSliceError,
    std::collections::TryReserveError,
    str::ParseBoolError,
    str::Utf8Error,
    string::FromUtf8Error,
    string::FromUtf16Error,
    time::SystemTimeError,
    ffi::FromBytesWithNulError,
    ffi::NulError,
    path::StripPrefixError,
    thread::AccessError,
    sync::mpsc::RecvError,
    sync::mpsc::RecvTimeoutError,
    sync::mpsc::TryRecvError,
    std::backtrace::Backtrace,
);
unsized_leaf!(dyn error::Error, dyn error::Error + Send, dyn error::Error + Sync, dyn error::Error + Send + Sync,);

// Hashers.
leaf!(hash::DefaultHasher, hash::RandomState);
generic_leaf!([H] hash::BuildHasherDefault<H>);

// Threads and tasks. The result of a thread lies in an allocation that it shares with the thread.
leaf!(
    task::Waker,
    thread::Thread,
    thread::ThreadId,
    thread::Builder,
    sync::Barrier,
    sync::BarrierWaitResult,
    sync::Condvar,
    sync::Once,
    sync::WaitTimeoutResult,
);
generic_leaf!([T] thread::JoinHandle<T>);

// Shared ownership: two owners of one handle would count it twice. Channels are shared by their ends.
generic_leaf!(
    [T: ?Sized] sync::Arc<T>, [T: ?Sized] sync::Weak<T>, [T: ?Sized] rc::Rc<T>, [T: ?Sized] rc::Weak<T>,
     [T] sync::mpsc::Sender<T>, [T] sync::mpsc::SyncSender<T>, [T] sync::mpsc::Receiver<T>,
);

// Nobody but their user knows whether these hold a live value, or own it.
generic_leaf!(
     [T: ?Sized] *const T, [T: ?Sized] *mut T, [T: ?Sized] ptr::NonNull<T>,
    [T: ?Sized] ManuallyDrop<T>, [T] MaybeUninit<T>,
);

// Without forcing it nobody can look whether it holds a value yet, and forcing it runs the user's code.
generic_leaf!([T, F] sync::LazyLock<T, F>);

// What is behind a reference has another owner. The target has to be `Trace` all the same: otherwise the compiler, told of
// a type that is not, would advise to borrow it.
generic_leaf!([T: Trace + ?Sized] &'static T);
