//! The only place that knows where atomics, locks, threads and statics come from.
//!
//! A model checker's types can be put behind these names without touching their users. The locks have the
//! shape of `parking_lot`'s: no poisoning, a condition variable takes the guard by reference.

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

#[cfg(not(miri))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use std::sync::Arc;
#[cfg(miri)]
pub(crate) use std_locks::{Condvar, Mutex, MutexGuard};

/// A queue without locks, many producers and many consumers.
pub(crate) use crossbeam_queue::SegQueue;

pub(crate) mod thread {
    use std::io;

    pub(crate) use std::thread::JoinHandle;

    /// Starts a named thread, or says why it cannot.
    pub(crate) fn spawn_named(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(name).spawn(body)
    }

    /// How many threads the machine runs at once; 1 if it does not say.
    pub(crate) fn parallelism() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// A static that a model checker can make anew for each run.
macro_rules! global {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty = $init:expr;) => {
        $(#[$attr])* $vis static $name: $ty = $init;
    };
}
pub(crate) use global;

/// The locks of std in the shape of `parking_lot`'s.
///
/// `parking_lot` keeps pointers in integers, which Miri refuses under strict provenance.
#[cfg(miri)]
mod std_locks {
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;
    use std::time::Instant;

    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    /// The guard of std is taken out only while a [`Condvar`] waits with it.
    pub(crate) struct MutexGuard<'a, T>(Option<std::sync::MutexGuard<'a, T>>);

    pub(crate) struct Condvar(std::sync::Condvar);

    pub(crate) struct WaitTimeoutResult(bool);

    impl<T> Mutex<T> {
        pub(crate) const fn new(value: T) -> Self {
            Mutex(std::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(MutexGuard(Some(guard))),
                Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(MutexGuard(Some(poisoned.into_inner()))),
                Err(std::sync::TryLockError::WouldBlock) => None,
            }
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().expect("the guard is out only during a wait")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("the guard is out only during a wait")
        }
    }

    impl Condvar {
        pub(crate) const fn new() -> Self {
            Condvar(std::sync::Condvar::new())
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let inner = guard.0.take().expect("the guard is out only during a wait");
            guard.0 = Some(self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
        }

        pub(crate) fn wait_for<T>(
            &self,
            guard: &mut MutexGuard<'_, T>,
            time: std::time::Duration,
        ) -> WaitTimeoutResult {
            match Instant::now().checked_add(time) {
                Some(deadline) => self.wait_until(guard, deadline),
                None => {
                    self.wait(guard);
                    WaitTimeoutResult(false)
                }
            }
        }

        pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> WaitTimeoutResult {
            let inner = guard.0.take().expect("the guard is out only during a wait");
            let left = deadline.saturating_duration_since(Instant::now());
            let (inner, result) = self.0.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner);
            guard.0 = Some(inner);
            WaitTimeoutResult(result.timed_out())
        }
    }

    impl WaitTimeoutResult {
        pub(crate) fn timed_out(&self) -> bool {
            self.0
        }
    }
}

/// Lets others have a lock that is about to be taken again.
#[cfg(not(miri))]
pub(crate) fn bump<T>(guard: &mut MutexGuard<'_, T>) {
    MutexGuard::bump(guard);
}

/// Lets others have a lock that is about to be taken again: here, the next lock is as good a chance as any.
#[cfg(miri)]
pub(crate) fn bump<T>(_guard: &mut MutexGuard<'_, T>) {
    std::thread::yield_now();
}
