//! The contenders.

#[cfg(feature = "peers")]
pub use peers::*;
pub use {
    arc::{Arc, ListNode as ArcListNode},
    boxed::Boxed,
    rc::Rc,
    tracegc_peer::{ListNode as GcListNode, Tracegc},
};

mod arc {
    use std::sync::Arc as Ptr;

    use parking_lot::Mutex;

    use crate::peer::{WeakPeer, peer};

    peer! {
        Arc = "Arc";
        attrs: [];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: Mutex;
        lock: |c| c.lock();
        walk: deref;
        drop_list: |l| {
            let mut at = Some(l);
            while let Some(node) = at {
                at = Ptr::into_inner(node).and_then(|node| node.tail);
            }
        };
        cycles: false;
        tracing: false;
        every: None;
        collect: ();
    }

    impl WeakPeer for Arc {
        type Weak = std::sync::Weak<LeafData>;
        #[inline]
        fn downgrade(leaf: &Self::Leaf) -> Self::Weak {
            Ptr::downgrade(leaf)
        }
        #[inline]
        fn upgrade(weak: &Self::Weak) -> Option<Self::Leaf> {
            weak.upgrade()
        }
    }
}

mod rc {
    use std::{cell::RefCell, rc::Rc as Ptr};

    use crate::peer::{WeakPeer, peer};

    peer! {
        Rc = "Rc";
        attrs: [];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: RefCell;
        lock: |c| c.borrow_mut();
        walk: deref;
        drop_list: |l| {
            let mut at = Some(l);
            while let Some(node) = at {
                at = Ptr::into_inner(node).and_then(|node| node.tail);
            }
        };
        cycles: false;
        tracing: false;
        every: None;
        collect: ();
    }

    impl WeakPeer for Rc {
        type Weak = std::rc::Weak<LeafData>;
        #[inline]
        fn downgrade(leaf: &Self::Leaf) -> Self::Weak {
            Ptr::downgrade(leaf)
        }
        #[inline]
        fn upgrade(weak: &Self::Weak) -> Option<Self::Leaf> {
            weak.upgrade()
        }
    }
}

mod boxed {
    use crate::peer::Basic;

    pub struct ListNode {
        value: u64,
        tail: Option<Box<ListNode>>,
    }

    pub struct TreeNode {
        _left: Option<Box<TreeNode>>,
        _right: Option<Box<TreeNode>>,
    }

    /// `Box`, where ownership is a tree.
    pub struct Boxed;

    impl Basic for Boxed {
        const NAME: &'static str = "Box";

        type Leaf = Box<[u64; 3]>;
        #[inline]
        fn leaf(v: [u64; 3]) -> Self::Leaf {
            Box::new(v)
        }
        #[inline]
        fn read(leaf: &Self::Leaf) -> u64 {
            leaf[0] ^ leaf[1] ^ leaf[2]
        }

        type Small = Box<[u64; 2]>;
        #[inline]
        fn small(v: [u64; 2]) -> Self::Small {
            Box::new(v)
        }

        type List = Box<ListNode>;
        #[inline]
        fn cons(value: u64, tail: Option<Self::List>) -> Self::List {
            Box::new(ListNode { value, tail })
        }
        #[inline]
        fn sum(list: &Self::List) -> u64 {
            crate::peer::walk!(deref list, |p| &**p)
        }
        fn drop_list(list: Self::List) {
            let mut at = Some(list);
            while let Some(node) = at {
                at = node.tail;
            }
        }

        type Tree = Box<TreeNode>;
        #[inline]
        fn tree(left: Option<Self::Tree>, right: Option<Self::Tree>) -> Self::Tree {
            Box::new(TreeNode { _left: left, _right: right })
        }
    }
}

mod tracegc_peer {
    use parking_lot::Mutex;
    use tracegc::Gc as Ptr;

    use crate::peer::{WeakPeer, peer};

    peer! {
        Tracegc = "tracegc";
        attrs: [derive(tracegc::Trace)];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: Mutex;
        lock: |c| c.lock();
        walk: deref;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: false;
        every: None;
        collect: { tracegc::collect(); };
    }

    impl WeakPeer for Tracegc {
        type Weak = tracegc::Weak<LeafData>;
        #[inline]
        fn downgrade(leaf: &Self::Leaf) -> Self::Weak {
            Ptr::downgrade(leaf)
        }
        #[inline]
        fn upgrade(weak: &Self::Weak) -> Option<Self::Leaf> {
            weak.upgrade()
        }
    }
}

#[cfg(feature = "peers")]
mod peers {
    pub use super::{
        boa_peer::Boa, dumpster_sync::DumpsterSync, dumpster_unsync::DumpsterUnsync, gc_peer::RustGc,
        jrsonnet_peer::Jrsonnet, jrsonnet_threaded::JrsonnetThreaded, rust_cc_peer::RustCc, shredder_peer::Shredder,
    };
}

/// By hand, as the derive macro asks the types of the fields whether they are tracked, and never gets an answer from a
/// type that refers to itself.
#[cfg(feature = "peers")]
macro_rules! jrsonnet_trace {
    () => {
        jrsonnet_trace!(
            LeafData: false {}
            SmallData: false {}
            ListNode: true { tail }
            TreeNode: true { left, right }
            RingNode: true { next }
            Edges: true { a, b, c, d }
            QuadNode: true { edges }
        );
    };
    ($($node:ident: $tracked:literal { $($field:ident),* })*) => {$(
        impl Trace for $node {
            fn trace(&self, _tracer: &mut Tracer<'_>) {
                $(self.$field.trace(_tracer);)*
            }
            fn is_type_tracked() -> bool {
                $tracked
            }
        }
    )*};
}

/// By hand, as dumpster's derive macro does not work on the fields of a type that a macro defines.
#[cfg(feature = "peers")]
macro_rules! dumpster_trace {
    () => {
        dumpster_trace!(
            LeafData { a, b, c }
            SmallData { a, b }
            ListNode { value, tail }
            TreeNode { left, right }
            RingNode { next, payload }
            Edges { a, b, c, d }
            QuadNode { edges, payload }
        );
    };
    ($($node:ident { $($field:ident),* })*) => {$(
        // SAFETY: all fields are visited.
        unsafe impl<V: dumpster::Visitor> dumpster::TraceWith<V> for $node {
            fn accept(&self, visitor: &mut V) -> Result<(), ()> {
                $(self.$field.accept(visitor)?;)*
                Ok(())
            }
        }
    )*};
}

#[cfg(feature = "peers")]
mod dumpster_sync {
    use std::sync::Mutex;

    use dumpster::sync::Gc as Ptr;

    use crate::peer::peer;

    peer! {
        DumpsterSync = "dumpster::sync";
        attrs: [];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: Mutex;
        lock: |c| c.lock().unwrap();
        walk: deref;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: false;
        every: None;
        collect: dumpster::sync::collect();
    }
    dumpster_trace!();
}

#[cfg(feature = "peers")]
mod dumpster_unsync {
    use std::cell::RefCell;

    use dumpster::unsync::Gc as Ptr;

    use crate::peer::peer;

    peer! {
        DumpsterUnsync = "dumpster::unsync";
        attrs: [];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: RefCell;
        lock: |c| c.borrow_mut();
        walk: deref;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: false;
        every: None;
        collect: dumpster::unsync::collect();
    }
    dumpster_trace!();
}

#[cfg(feature = "peers")]
mod rust_cc_peer {
    use std::cell::RefCell;

    use rust_cc::Cc as Ptr;

    use crate::peer::peer;

    peer! {
        RustCc = "rust-cc";
        attrs: [derive(rust_cc::Trace, rust_cc::Finalize)];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: RefCell;
        lock: |c| c.borrow_mut();
        walk: deref;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: false;
        every: None;
        collect: rust_cc::collect_cycles();
    }
}

#[cfg(feature = "peers")]
mod boa_peer {
    use boa_gc::{Finalize, Gc as Ptr, GcRefCell, Trace, WeakGc};

    use crate::peer::{WeakPeer, peer};

    peer! {
        Boa = "boa_gc";
        attrs: [derive(Trace, Finalize)];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: GcRefCell;
        lock: |c| c.borrow_mut();
        walk: deref;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: true;
        every: None;
        collect: boa_gc::force_collect();
    }

    impl WeakPeer for Boa {
        type Weak = WeakGc<LeafData>;
        #[inline]
        fn downgrade(leaf: &Self::Leaf) -> Self::Weak {
            WeakGc::new(leaf)
        }
        #[inline]
        fn upgrade(weak: &Self::Weak) -> Option<Self::Leaf> {
            weak.upgrade()
        }
    }
}

#[cfg(feature = "peers")]
mod gc_peer {
    use gc::{Finalize, Gc as Ptr, GcCell, Trace};

    use crate::peer::peer;

    peer! {
        RustGc = "gc";
        attrs: [derive(Trace, Finalize)];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: GcCell;
        lock: |c| c.borrow_mut();
        walk: deref;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: true;
        every: None;
        collect: gc::force_collect();
    }
}

#[cfg(feature = "peers")]
mod jrsonnet_peer {
    use std::cell::RefCell;

    use jrsonnet_gcmodule::{Cc as Ptr, Trace, Tracer, Weak};

    use crate::peer::{WeakPeer, peer};

    peer! {
        Jrsonnet = "jrsonnet Cc";
        attrs: [];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| &**p;
        cell: RefCell;
        lock: |c| c.borrow_mut();
        walk: deref;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: false;
        every: Some(10_000);
        collect: { let _ = jrsonnet_gcmodule::collect_thread_cycles(); };
    }
    jrsonnet_trace!();

    impl WeakPeer for Jrsonnet {
        type Weak = Weak<LeafData>;
        #[inline]
        fn downgrade(leaf: &Self::Leaf) -> Self::Weak {
            leaf.downgrade()
        }
        #[inline]
        fn upgrade(weak: &Self::Weak) -> Option<Self::Leaf> {
            weak.upgrade()
        }
    }
}

#[cfg(feature = "peers")]
mod jrsonnet_threaded {
    use std::sync::{LazyLock, Mutex};

    use jrsonnet_gcmodule::{ThreadedCc as Ptr, ThreadedObjectSpace, Trace, Tracer};

    use crate::peer::peer;

    static SPACE: LazyLock<ThreadedObjectSpace> = LazyLock::new(ThreadedObjectSpace::default);

    peer! {
        JrsonnetThreaded = "jrsonnet ThreadedCc";
        attrs: [];
        handle: Ptr;
        new: |v| SPACE.create(v);
        get: |p| p.borrow();
        cell: Mutex;
        lock: |c| c.lock().unwrap();
        walk: clone;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: false;
        every: Some(10_000);
        collect: { let _ = SPACE.collect_cycles(); };
    }
    jrsonnet_trace!();
}

#[cfg(feature = "peers")]
mod shredder_peer {
    use std::sync::Mutex;

    use shredder::{Gc as Ptr, Scan};

    use crate::peer::peer;

    peer! {
        Shredder = "shredder";
        attrs: [derive(Scan)];
        handle: Ptr;
        new: |v| Ptr::new(v);
        get: |p| p.get();
        cell: Mutex;
        lock: |c| c.lock().unwrap();
        walk: clone;
        drop_list: |l| drop(l);
        cycles: true;
        tracing: true;
        every: None;
        collect: { shredder::collect(); shredder::synchronize_destructors(); };
    }
}
