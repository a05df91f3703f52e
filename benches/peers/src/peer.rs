//! What a contender has to offer for the workloads to be written once, and the macro that makes one.

/// The part that a tree-shaped owner such as `Box` can offer too.
pub trait Basic: 'static {
    const NAME: &'static str;
    /// Reclaims nothing but in a collection: a workload that waits for the memory has to ask for one.
    const TRACING: bool = false;

    /// A handle to 24 bytes.
    type Leaf: 'static;
    fn leaf(v: [u64; 3]) -> Self::Leaf;
    fn read(leaf: &Self::Leaf) -> u64;

    /// A handle to 16 bytes.
    type Small: 'static;
    fn small(v: [u64; 2]) -> Self::Small;

    type List: 'static;
    fn cons(value: u64, tail: Option<Self::List>) -> Self::List;
    fn sum(list: &Self::List) -> u64;
    /// Drops a list of any length; `Arc` and its like need a loop for it.
    fn drop_list(list: Self::List);

    type Tree: 'static;
    fn tree(left: Option<Self::Tree>, right: Option<Self::Tree>) -> Self::Tree;

    /// A full collection, as far as the contender has such a thing.
    fn collect() {}
}

/// A pointer that can be shared.
pub trait Peer: Basic<Leaf: Clone> {
    /// Reclaims cycles.
    const CYCLES: bool;
    /// Collects only when asked: the rings ask after so many nodes.
    const COLLECT_EVERY: Option<usize> = None;

    /// A node with one edge behind a lock or cell.
    type Ring: Clone + 'static;
    fn ring(payload: u64) -> Self::Ring;
    fn link(from: &Self::Ring, to: Self::Ring);

    /// A node with four edges behind one lock or cell.
    type Quad: Clone + 'static;
    fn quad(payload: u64) -> Self::Quad;
    fn set(from: &Self::Quad, edge: usize, to: Option<Self::Quad>);
}

/// A pointer that crosses threads.
pub trait SendPeer: Peer<Quad: Send + Sync> + Basic<Leaf: Clone + Send + Sync> {}
impl<P: Peer<Quad: Send + Sync> + Basic<Leaf: Clone + Send + Sync>> SendPeer for P {}

/// A pointer with weak ones.
pub trait WeakPeer: Peer {
    type Weak: 'static;
    fn downgrade(leaf: &Self::Leaf) -> Self::Weak;
    fn upgrade(weak: &Self::Weak) -> Option<Self::Leaf>;
}

/// Defines the node types of one contender in the module it is called in, and a type that implements [`Basic`] and
/// [`Peer`] for them.
macro_rules! peer {
    (
        $name:ident = $label:literal;
        attrs: [$($attr:meta),*];
        handle: $ptr:ident;
        new: |$v:ident| $new:expr;
        get: |$g:ident| $get:expr;
        cell: $cell:ident;
        lock: |$c:ident| $lock:expr;
        walk: $walk:ident;
        drop_list: |$l:ident| $drop_list:expr;
        cycles: $cycles:literal;
        tracing: $tracing:literal;
        every: $every:expr;
        collect: $collect:expr;
    ) => {
        $(#[$attr])*
        pub struct LeafData { pub a: u64, pub b: u64, pub c: u64 }

        $(#[$attr])*
        pub struct SmallData { pub a: u64, pub b: u64 }

        $(#[$attr])*
        pub struct ListNode { pub value: u64, pub tail: Option<$ptr<ListNode>> }

        $(#[$attr])*
        pub struct TreeNode { pub left: Option<$ptr<TreeNode>>, pub right: Option<$ptr<TreeNode>> }

        $(#[$attr])*
        pub struct RingNode { pub next: $cell<Option<$ptr<RingNode>>>, pub payload: u64 }

        $(#[$attr])*
        pub struct Edges {
            pub a: Option<$ptr<QuadNode>>,
            pub b: Option<$ptr<QuadNode>>,
            pub c: Option<$ptr<QuadNode>>,
            pub d: Option<$ptr<QuadNode>>,
        }

        $(#[$attr])*
        pub struct QuadNode { pub edges: $cell<Edges>, pub payload: u64 }

        pub struct $name;

        impl $crate::peer::Basic for $name {
            const NAME: &'static str = $label;
            const TRACING: bool = $tracing;

            type Leaf = $ptr<LeafData>;
            #[inline]
            fn leaf([a, b, c]: [u64; 3]) -> Self::Leaf {
                let $v = LeafData { a, b, c };
                $new
            }
            #[inline]
            fn read(leaf: &Self::Leaf) -> u64 {
                let $g = leaf;
                let data = $get;
                data.a ^ data.b ^ data.c
            }

            type Small = $ptr<SmallData>;
            #[inline]
            fn small([a, b]: [u64; 2]) -> Self::Small {
                let $v = SmallData { a, b };
                $new
            }

            type List = $ptr<ListNode>;
            #[inline]
            fn cons(value: u64, tail: Option<Self::List>) -> Self::List {
                let $v = ListNode { value, tail };
                $new
            }
            #[inline]
            fn sum(list: &Self::List) -> u64 {
                $crate::peer::walk!($walk list, |$g| $get)
            }
            fn drop_list(list: Self::List) {
                let $l = list;
                $drop_list
            }

            type Tree = $ptr<TreeNode>;
            #[inline]
            fn tree(left: Option<Self::Tree>, right: Option<Self::Tree>) -> Self::Tree {
                let $v = TreeNode { left, right };
                $new
            }

            fn collect() {
                $collect
            }
        }

        impl $crate::peer::Peer for $name {
            const CYCLES: bool = $cycles;
            const COLLECT_EVERY: Option<usize> = $every;

            type Ring = $ptr<RingNode>;
            #[inline]
            fn ring(payload: u64) -> Self::Ring {
                let $v = RingNode { next: $cell::new(None), payload };
                $new
            }
            #[inline]
            fn link(from: &Self::Ring, to: Self::Ring) {
                let $g = from;
                let node = $get;
                let $c = &node.next;
                *$lock = Some(to);
            }

            type Quad = $ptr<QuadNode>;
            #[inline]
            fn quad(payload: u64) -> Self::Quad {
                let $v = QuadNode { edges: $cell::new(Edges { a: None, b: None, c: None, d: None }), payload };
                $new
            }
            #[inline]
            fn set(from: &Self::Quad, edge: usize, to: Option<Self::Quad>) {
                let old;
                {
                    let $g = from;
                    let node = $get;
                    let $c = &node.edges;
                    let mut edges = $lock;
                    let slot = match edge & 3 {
                        0 => &mut edges.a,
                        1 => &mut edges.b,
                        2 => &mut edges.c,
                        _ => &mut edges.d,
                    };
                    old = std::mem::replace(slot, to);
                }
                drop(old);
            }
        }
    };
}

/// The sum of a list: by references where the pointer hands them out, by clones where it has guards only.
macro_rules! walk {
    (deref $list:ident, |$g:ident| $get:expr) => {{
        let mut at = $list;
        let mut total = 0u64;
        loop {
            let node = {
                let $g = at;
                $get
            };
            total = total.wrapping_add(node.value);
            match &node.tail {
                Some(tail) => at = tail,
                None => break total,
            }
        }
    }};
    (clone $list:ident, |$g:ident| $get:expr) => {{
        let mut at = $list.clone();
        let mut total = 0u64;
        loop {
            let next = {
                let $g = &at;
                let node = $get;
                total = total.wrapping_add(node.value);
                node.tail.clone()
            };
            match next {
                Some(tail) => at = tail,
                None => break total,
            }
        }
    }};
}

pub(crate) use {peer, walk};
