//! Reporting of panics that user code lets out where nobody can catch them: cleanups, drop glue, tracing.

use std::any::Any;
use std::fmt;
use std::io::Write;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sync::{Arc, Mutex, global};

/// What was running when the panic happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PanicOrigin {
    /// A cleanup, on a worker thread.
    Cleanup,
    /// The drop of a value that had become unreachable.
    Drop,
    /// An implementation of [`Trace`](crate::Trace).
    Trace,
    /// A finalizer, on the finalizer thread.
    Finalizer,
}

impl fmt::Display for PanicOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PanicOrigin::Cleanup => "cleanup",
            PanicOrigin::Drop => "drop",
            PanicOrigin::Trace => "trace",
            PanicOrigin::Finalizer => "finalizer",
        })
    }
}

/// A caught panic, as the hook of [`set_panic_hook`] gets to see it.
pub struct PanicReport<'a> {
    origin: PanicOrigin,
    payload: &'a (dyn Any + Send),
}

impl<'a> PanicReport<'a> {
    /// What was running.
    pub fn origin(&self) -> PanicOrigin {
        self.origin
    }

    /// What the panic carried, as from [`std::panic::catch_unwind`].
    pub fn payload(&self) -> &'a (dyn Any + Send) {
        self.payload
    }

    /// The message, if the panic carried a string, as those of `panic!` with a message do.
    pub fn message(&self) -> Option<&'a str> {
        let string = || self.payload.downcast_ref::<String>().map(String::as_str);
        self.payload.downcast_ref::<&'static str>().copied().or_else(string)
    }
}

impl fmt::Debug for PanicReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicReport")
            .field("origin", &self.origin)
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for PanicReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} panicked: {}", self.origin, self.message().unwrap_or("(no message)"))
    }
}

/// The form in which [`take_panic_hook`] gives a hook back.
pub type PanicHook = Arc<dyn Fn(&PanicReport<'_>) + Send + Sync>;

global! {
    /// The hook in force; `None` stands for the default. Never locked while a hook runs or is dropped.
    static HOOK: Mutex<Option<PanicHook>> = Mutex::new(None);
}

/// Has `hook` called with every panic that the crate catches in user code.
///
/// It replaces the hook in force. The default writes one line to the standard error stream. The hook runs on the
/// thread that caught the panic, with no lock of this crate held; a panic in the hook itself is swallowed. The
/// hook of [`std::panic::set_hook`] has been called before, when the panic began.
///
/// # Examples
///
/// ```
/// use tracegc::cleanup;
///
/// cleanup::set_panic_hook(|report| eprintln!("oh no, {report}"));
/// # cleanup::take_panic_hook();
/// ```
pub fn set_panic_hook(hook: impl Fn(&PanicReport<'_>) + Send + Sync + 'static) {
    replace(Some(Arc::new(hook)));
}

/// Takes back the hook of [`set_panic_hook`], if one is set, and puts the default in force.
pub fn take_panic_hook() -> Option<PanicHook> {
    replace(None)
}

/// The old hook leaves the lock before anybody can drop it: its drop is user code.
fn replace(hook: Option<PanicHook>) -> Option<PanicHook> {
    mem::replace(&mut *HOOK.lock(), hook)
}

/// Reports a caught panic and disposes of its payload. Never unwinds, whatever hook and payload do.
pub(crate) fn report_panic(origin: PanicOrigin, payload: Box<dyn Any + Send>) {
    let hook = HOOK.lock().clone();
    contain(|| {
        let report = PanicReport { origin, payload: &*payload };
        match &hook {
            Some(hook) => hook(&report),
            None => print(&report),
        }
    });
    // Both may be the last owner of something with a drop of its own.
    contain(|| drop(hook));
    contain(|| drop(payload));
}

/// Runs user code whose panics are of no interest. What a panic carried is leaked: its drop could panic again.
fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        mem::forget(payload);
    }
}

/// One line. If the stream is closed, there is nobody left to tell.
fn print(report: &PanicReport<'_>) {
    let _ = writeln!(std::io::stderr(), "tracegc: {report}");
}
