//! Objects that know whether they are whole, and tell when they are dropped.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tracegc::{Cleanup, CleanupError, Gc, Trace, Tracer, Weak, collect, unsize};

use crate::op::Act;

pub(crate) type Id = usize;

/// What happened. Some of it happens on the threads that run cleanups.
pub(crate) struct Ledger {
    objects: Box<[Entry]>,
    tasks: Box<[Task]>,
    pub(crate) made: AtomicUsize,
    /// Parts that were dropped, of all objects.
    pub(crate) dropped: AtomicUsize,
}

#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) dropped: AtomicUsize,
    /// The value was moved out, or will be: the object can die before it.
    pub(crate) moved: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Task {
    pub(crate) ran: AtomicU32,
    pub(crate) arg_dropped: AtomicU32,
}

impl Ledger {
    pub(crate) fn new(capacity: usize) -> Self {
        Ledger {
            objects: (0..capacity).map(|_| Entry::default()).collect(),
            tasks: (0..capacity).map(|_| Task::default()).collect(),
            made: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
        }
    }

    pub(crate) fn object(&self, id: Id) -> &Entry {
        &self.objects[id]
    }

    pub(crate) fn task(&self, id: usize) -> &Task {
        &self.tasks[id]
    }
}

const LIVE: u64 = 0x0123_4567_89ab_cdef;

struct Canary {
    magic: u64,
    id: Id,
    ledger: Arc<Ledger>,
}

impl Canary {
    fn new(id: Id, ledger: &Arc<Ledger>) -> Self {
        Canary { magic: LIVE ^ id as u64, id, ledger: ledger.clone() }
    }

    fn check(&self, id: Id) {
        assert_eq!(self.id, id, "a handle leads to the object that the model says");
        assert_eq!(self.magic, LIVE ^ id as u64, "an object that is held is whole");
        assert_eq!(self.ledger.object(id).dropped.load(SeqCst), 0, "an object that is held was not dropped");
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        // Elements of a slice die one after another.
        assert_eq!(self.magic, LIVE ^ self.id as u64, "an object is whole when it is dropped");
        self.magic = 0xdead;
        self.ledger.object(self.id).dropped.fetch_add(1, SeqCst);
        self.ledger.dropped.fetch_add(1, SeqCst);
    }
}

// SAFETY: it holds no handle.
unsafe impl Trace for Canary {
    fn trace(&self, _: &mut Tracer<'_>) {}
    fn has_edges() -> bool {
        false
    }
}

/// What objects consist of: a place for an edge.
#[derive(Trace)]
pub(crate) struct Part {
    canary: Canary,
    pub(crate) cell: Mutex<Option<Handle>>,
}

impl Part {
    pub(crate) fn new(id: Id, ledger: &Arc<Ledger>) -> Self {
        Part { canary: Canary::new(id, ledger), cell: Mutex::default() }
    }
}

/// What the drop of a value does besides.
pub(crate) struct OnDrop {
    pub(crate) act: Act,
    pub(crate) weak: Option<WeakHandle>,
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        act(self.act, self.weak.as_ref());
    }
}

// SAFETY: it holds no handle.
unsafe impl Trace for OnDrop {
    fn trace(&self, _: &mut Tracer<'_>) {}
    fn has_edges() -> bool {
        false
    }
}

pub(crate) fn act(act: Act, weak: Option<&WeakHandle>) {
    match act {
        Act::Nothing => {}
        // The hook of the standard library would end the process.
        Act::Panic => std::panic::resume_unwind(Box::new("as told")),
        Act::Collect => drop(collect()),
        Act::Make => {
            let own = Gc::new((Mutex::new(None::<Handle>), 5_u64));
            drop(own.clone());
            assert_eq!(own.1, 5);
        }
        Act::Upgrade => {
            if let Some(handle) = weak.and_then(WeakHandle::upgrade) {
                handle.check_whole();
            }
        }
    }
}

/// An edge that the collector does not see. Whoever keeps a weak pointer to it can take it out.
pub(crate) type Skipped = Arc<Mutex<Option<Handle>>>;

#[derive(Trace)]
pub(crate) struct Body {
    pub(crate) parts: [Part; 2],
    pub(crate) fixed: Option<Handle>,
    #[trace(skip)]
    pub(crate) skipped: Option<Skipped>,
    pub(crate) weak: Mutex<Option<WeakHandle>>,
    pub(crate) on_drop: OnDrop,
}

impl Body {
    pub(crate) fn new(id: Id, ledger: &Arc<Ledger>, on_drop: OnDrop) -> Self {
        let part = || Part::new(id, ledger);
        Body { parts: [part(), part()], fixed: None, skipped: None, weak: Mutex::default(), on_drop }
    }
}

/// What makes objects large, or aligned.
pub(crate) trait Pad: Trace + Send + Sync + 'static {
    fn new(id: Id) -> Self;
    fn is_whole(&self, id: Id) -> bool;
}

impl Pad for () {
    fn new(_: Id) -> Self {}
    fn is_whole(&self, _: Id) -> bool {
        true
    }
}

impl<const N: usize> Pad for [u64; N] {
    fn new(id: Id) -> Self {
        [id as u64; N]
    }
    fn is_whole(&self, id: Id) -> bool {
        self[0] == id as u64 && self[N - 1] == id as u64
    }
}

macro_rules! aligned {
    ($name:ident, $align:literal) => {
        #[derive(Trace)]
        #[repr(align($align))]
        pub(crate) struct $name(usize);

        impl Pad for $name {
            fn new(id: Id) -> Self {
                $name(id)
            }
            fn is_whole(&self, id: Id) -> bool {
                self.0 == id && std::ptr::from_ref(self).addr() % $align == 0
            }
        }
    };
}
aligned!(Line, 64);
aligned!(Page, 4096);

#[derive(Trace)]
pub(crate) struct Node<P> {
    pub(crate) body: Body,
    pad: P,
}

impl<P: Pad> Node<P> {
    pub(crate) fn new(id: Id, body: Body) -> Self {
        Node { body, pad: P::new(id) }
    }
}

pub(crate) type Plain = Node<()>;

/// Another object with the same edges.
impl Clone for Plain {
    fn clone(&self) -> Self {
        let ledger = &self.body.parts[0].canary.ledger;
        let id = ledger.made.fetch_add(1, SeqCst);
        let mut body = Body::new(id, ledger, OnDrop { act: Act::Nothing, weak: None });
        for (new, old) in body.parts.iter_mut().zip(&self.body.parts) {
            *new.cell.get_mut().expect("not poisoned") = old.cell.lock().expect("not poisoned").clone();
        }
        body.fixed = self.body.fixed.clone();
        Node::new(id, body)
    }
}

impl Plain {
    pub(crate) fn id(&self) -> Id {
        self.body.parts[0].canary.id
    }
}

pub(crate) trait Dynamic: Trace + Send + Sync {
    fn body(&self) -> &Body;
    fn is_whole(&self) -> bool;
}

impl<P: Pad> Dynamic for Node<P> {
    fn body(&self) -> &Body {
        &self.body
    }
    fn is_whole(&self) -> bool {
        self.pad.is_whole(self.body.parts[0].canary.id)
    }
}

/// A handle to an object of any kind.
#[derive(Clone, Trace)]
pub(crate) enum Handle {
    Plain(Gc<Plain>),
    Dynamic(Gc<dyn Dynamic>),
    Opaque(Gc<dyn Any + Send + Sync>),
    Slice(Gc<[Part]>),
    Text(Gc<str>),
}

#[derive(Clone, Trace)]
pub(crate) enum WeakHandle {
    Plain(Weak<Plain>),
    Dynamic(Weak<dyn Dynamic>),
    Opaque(Weak<dyn Any + Send + Sync>),
    Slice(Weak<[Part]>),
    Text(Weak<str>),
}

/// Evaluates an expression for the handle that it is.
macro_rules! each {
    ($self:expr, $handle:ident => $what:expr) => {
        match $self {
            Handle::Plain($handle) => $what,
            Handle::Dynamic($handle) => $what,
            Handle::Opaque($handle) => $what,
            Handle::Slice($handle) => $what,
            Handle::Text($handle) => $what,
        }
    };
}

impl Handle {
    pub(crate) fn body(&self) -> Option<&Body> {
        match self {
            Handle::Plain(node) => Some(&node.body),
            Handle::Dynamic(node) => Some(node.body()),
            Handle::Opaque(any) => any.downcast_ref::<Plain>().map(|node| &node.body),
            Handle::Slice(_) | Handle::Text(_) => None,
        }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        match self {
            Handle::Slice(slice) => slice,
            _ => self.body().map_or(&[], |body| &body.parts),
        }
    }

    /// Panics if it leads to something else, or to what is no object any more.
    pub(crate) fn check(&self, id: Id) {
        for part in self.parts() {
            part.canary.check(id);
        }
        match self {
            Handle::Dynamic(node) => assert!(node.is_whole(), "what surrounds an object is whole"),
            Handle::Text(text) => assert!(text.is_empty() || is_text_of(text, id), "a string is whole"),
            _ => {}
        }
    }

    fn check_whole(&self) {
        if let Some(part) = self.parts().first() {
            self.check(part.canary.id);
        }
    }

    pub(crate) fn strong_count(&self) -> usize {
        each!(self, handle => Gc::strong_count(handle))
    }

    pub(crate) fn weak_count(&self) -> usize {
        each!(self, handle => Gc::weak_count(handle))
    }

    pub(crate) fn downgrade(&self) -> WeakHandle {
        match self {
            Handle::Plain(handle) => WeakHandle::Plain(Gc::downgrade(handle)),
            Handle::Dynamic(handle) => WeakHandle::Dynamic(Gc::downgrade(handle)),
            Handle::Opaque(handle) => WeakHandle::Opaque(Gc::downgrade(handle)),
            Handle::Slice(handle) => WeakHandle::Slice(Gc::downgrade(handle)),
            Handle::Text(handle) => WeakHandle::Text(Gc::downgrade(handle)),
        }
    }

    pub(crate) fn add_cleanup(&self, arg: Arg) -> Result<Cleanup, CleanupError<Arg>> {
        each!(self, handle => Gc::add_cleanup(handle, arg, run))
    }

    /// The same object through another type.
    pub(crate) fn convert(self, round: usize) -> Handle {
        match self {
            Handle::Plain(node) if round % 2 == 0 => Handle::Dynamic(unsize!(node => dyn Dynamic)),
            Handle::Plain(node) => Handle::Opaque(unsize!(node => dyn Any + Send + Sync)),
            Handle::Opaque(any) => {
                let any = any.downcast::<String>().expect_err("it is no string");
                Handle::Plain(any.downcast().expect("it was one before"))
            }
            other => other,
        }
    }
}

pub(crate) fn text(id: Id, len: usize) -> String {
    char::from(b'a' + (id % 26) as u8).to_string().repeat(len)
}

fn is_text_of(text: &str, id: Id) -> bool {
    let expected = b'a' + (id % 26) as u8;
    text.as_bytes()[0] == expected && text.as_bytes()[text.len() - 1] == expected
}

impl WeakHandle {
    pub(crate) fn upgrade(&self) -> Option<Handle> {
        match self {
            WeakHandle::Plain(weak) => weak.upgrade().map(Handle::Plain),
            WeakHandle::Dynamic(weak) => weak.upgrade().map(Handle::Dynamic),
            WeakHandle::Opaque(weak) => weak.upgrade().map(Handle::Opaque),
            WeakHandle::Slice(weak) => weak.upgrade().map(Handle::Slice),
            WeakHandle::Text(weak) => weak.upgrade().map(Handle::Text),
        }
    }
}

/// The argument of a cleanup.
pub(crate) struct Arg {
    pub(crate) task: usize,
    /// The object, and its number of parts.
    pub(crate) on: (Id, usize),
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) act: Act,
    pub(crate) weak: Option<WeakHandle>,
    pub(crate) holds: Option<Handle>,
}

impl Drop for Arg {
    fn drop(&mut self) {
        self.ledger.task(self.task).arg_dropped.fetch_add(1, SeqCst);
    }
}

/// What a cleanup does.
pub(crate) fn run(arg: Arg) {
    let (id, parts) = arg.on;
    let entry = arg.ledger.object(id);
    let gone = entry.dropped.load(SeqCst) == parts || entry.moved.load(SeqCst);
    assert!(gone, "a cleanup runs after the death of its object");
    assert!(arg.weak.as_ref().is_none_or(|weak| weak.upgrade().is_none()), "weak pointers are dead by then");
    if let Some(handle) = &arg.holds {
        handle.check_whole();
    }
    arg.ledger.task(arg.task).ran.fetch_add(1, SeqCst);
    act(arg.act, arg.weak.as_ref());
}
