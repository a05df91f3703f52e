//! What the tests share.

#![allow(dead_code)] // Each test uses a part of it.

use std::panic::resume_unwind;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockWriteGuard};
use std::time::Duration;

use tracegc::{Gc, Trace, Tracer};

/// Longer than anything takes that does not hang.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// Locks a mutex that nobody poisons.
///
/// ThreadSanitizer does not see how a thread that had to wait gets the lock: that part of std comes compiled without it.
/// It sees the attempts that need not wait.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    while cfg!(tracegc_tsan) {
        if let Ok(guard) = mutex.try_lock() {
            return guard;
        }
        std::thread::yield_now();
    }
    mutex.lock().expect("not poisoned")
}

/// The same for writing.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    while cfg!(tracegc_tsan) {
        if let Ok(guard) = lock.try_write() {
            return guard;
        }
        std::thread::yield_now();
    }
    lock.write().expect("not poisoned")
}

/// Under Miri, ends the threads of the crate with the test: it takes threads for an error that outlive the main one, and
/// each test has a process of its own there. To be held by every test that makes cleanups or sets a memory limit.
pub(crate) struct Threads;

impl Drop for Threads {
    fn drop(&mut self) {
        if cfg!(miri) {
            let ended = tracegc::heap::shutdown(LONG);
            assert!(ended || std::thread::panicking(), "the threads do not end");
        }
    }
}

/// Counts the drops of what it gave out.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

/// A field whose drop is counted.
pub(crate) struct Counted {
    drops: Drops,
    whole: bool,
}

impl Drops {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn counted(&self) -> Counted {
        Counted { drops: self.clone(), whole: true }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Counted {
    /// Panics if the value that it is a field of was dropped.
    pub(crate) fn check(&self) {
        assert!(self.whole, "a value in use is whole");
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.check();
        self.whole = false;
        self.drops.0.fetch_add(1, Ordering::SeqCst);
    }
}

// SAFETY: it holds no handle.
unsafe impl Trace for Counted {
    fn trace(&self, _: &mut Tracer<'_>) {}
    fn has_edges() -> bool {
        false
    }
}

/// A field whose drop does something.
pub(crate) struct OnDrop(Option<Box<dyn FnOnce() + Send + Sync>>);

impl OnDrop {
    pub(crate) fn new(f: impl FnOnce() + Send + Sync + 'static) -> Self {
        OnDrop(Some(Box::new(f)))
    }

    pub(crate) fn nothing() -> Self {
        OnDrop(None)
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

// SAFETY: it shows no handle.
unsafe impl Trace for OnDrop {
    fn trace(&self, _: &mut Tracer<'_>) {}
    fn has_edges() -> bool {
        false
    }
}

/// Panics without calling the panic hook of the standard library.
pub(crate) fn quiet_panic(message: &'static str) {
    resume_unwind(Box::new(message));
}

/// A node with one edge and some things that happen when it is dropped.
#[derive(Trace)]
pub(crate) struct Node {
    pub(crate) next: Mutex<Option<Gc<Node>>>,
    pub(crate) counted: Counted,
    pub(crate) on_drop: OnDrop,
}

impl Node {
    pub(crate) fn new(drops: &Drops) -> Gc<Node> {
        Self::with(drops, OnDrop::nothing())
    }

    pub(crate) fn with(drops: &Drops, on_drop: OnDrop) -> Gc<Node> {
        Gc::new(Node { next: Mutex::new(None), counted: drops.counted(), on_drop })
    }

    pub(crate) fn link(&self, next: &Gc<Node>) {
        let old = lock(&self.next).replace(next.clone());
        drop(old);
    }
}

/// A ring of `len` nodes; one of them is returned, the others are held by it alone.
pub(crate) fn ring(len: usize, drops: &Drops) -> Gc<Node> {
    let first = Node::new(drops);
    let mut last = first.clone();
    for _ in 1..len {
        let node = Node::new(drops);
        node.link(&last);
        last = node;
    }
    first.link(&last);
    first
}

/// Runs `body` in a process of its own, which runs nothing else but the test `name`, the caller; returns what came of
/// it. Under Miri there are no processes: it runs here then, and `None` is returned. A
/// child that hangs is ended.
pub(crate) fn child(name: &str, body: impl FnOnce()) -> Option<Output> {
    const VAR: &str = "TRACEGC_TEST_CHILD";
    if cfg!(miri) {
        body();
        return None;
    }
    if std::env::var_os(VAR).is_some_and(|value| value == name) {
        std::thread::spawn(|| {
            std::thread::sleep(LONG / 2);
            eprintln!("the child hangs");
            std::process::abort();
        });
        body();
        // Whatever the parent looks at has happened.
        std::process::exit(0);
    }
    let output = Command::new(std::env::current_exe().expect("the path of this test"))
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(VAR, name)
        .output()
        .expect("this test starts again");
    Some(output)
}

/// The same, for a body that is to come to its end.
pub(crate) fn in_child(name: &str, body: impl FnOnce()) {
    if let Some(output) = child(name, body) {
        assert!(
            output.status.success(),
            "{}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// No collections but those that are asked for. For child processes.
pub(crate) fn no_automatic_collections() {
    use tracegc::heap::{Config, config, set_config};
    set_config(Config { gc_percent: None, ..config() });
}

/// Joins threads one by one. The end of a scope waits for them too, but in a way that the thread sanitizer does not see.
pub(crate) fn join_all<'scope>(threads: impl IntoIterator<Item = std::thread::ScopedJoinHandle<'scope, ()>>) {
    for thread in threads {
        thread.join().unwrap_or_else(|payload| resume_unwind(payload));
    }
}
