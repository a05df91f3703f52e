//! The pool of cleanups under a model checker: no threads. Cleanups are queued under a lock, and models run them.

use std::io;
use std::time::Duration;

use super::{CleanupStats, Job};
use crate::sync::{Mutex, global};

pub(super) struct Pool {
    queue: Mutex<Vec<Job>>,
}

global! {
    static POOL: Pool = Pool { queue: Mutex::new(Vec::new()) };
}

pub(super) fn pool() -> &'static Pool {
    &POOL
}

impl Pool {
    pub(super) fn ensure_worker(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn enqueue(&self, jobs: impl IntoIterator<Item = Job>) {
        self.queue.lock().extend(jobs);
    }

    /// Runs what is queued, on the calling thread.
    pub(super) fn run_queued(&self) {
        let jobs = std::mem::take(&mut *self.queue.lock());
        for job in jobs {
            job();
        }
    }

    pub(super) fn wait(&self, _timeout: Duration) -> bool {
        self.run_queued();
        true
    }

    pub(super) fn shutdown(&self, _timeout: Duration) -> bool {
        true
    }

    pub(super) fn stats(&self) -> CleanupStats {
        CleanupStats::default()
    }

    pub(super) fn max_workers(&self) -> usize {
        1
    }

    pub(super) fn note_registered(&self) {}

    pub(super) fn note_stopped(&self) {}

    pub(super) fn set_max_workers(&self, _max: usize) {}

    pub(super) fn set_idle_timeout(&self, _timeout: Duration) {}

    pub(super) fn fail_worker_starts(&self, _on: bool) {}
}
