//! The locks of std, or of a model checker, in the shape of `parking_lot`'s.
//!
//! `parking_lot` keeps pointers in integers, which Miri refuses under strict provenance; and a model checker has to see
//! the locks.

#[cfg(loom)]
use loom::sync as base;
#[cfg(shuttle)]
use shuttle::sync as base;
#[cfg(not(any(loom, shuttle)))]
use std::sync as base;

use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, TryLockError};
use std::time::Instant;

pub(crate) struct Mutex<T>(base::Mutex<T>);

/// The guard of std is taken out only while a [`Condvar`] waits with it.
pub(crate) struct MutexGuard<'a, T>(Option<base::MutexGuard<'a, T>>);

pub(crate) struct Condvar(base::Condvar);

pub(crate) struct WaitTimeoutResult(bool);

impl<T> Mutex<T> {
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) const fn new(value: T) -> Self {
        Mutex(base::Mutex::new(value))
    }

    #[cfg(any(loom, shuttle))]
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        Mutex(base::Mutex::new(value))
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    #[track_caller]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(MutexGuard(Some(guard))),
            Err(TryLockError::Poisoned(poisoned)) => Some(MutexGuard(Some(poisoned.into_inner()))),
            Err(TryLockError::WouldBlock) => None,
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
    crate::sync::made_const! {
        pub(crate) fn new() -> Self {
            Condvar(base::Condvar::new())
        }
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

    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: std::time::Duration) -> WaitTimeoutResult {
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
