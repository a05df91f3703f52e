//! Quick figures for `Gc` beside `Arc`: `cargo bench --bench micro`. The comparison with other crates is in `peers`.

#![allow(missing_docs, reason = "a program")]

use std::{hint::black_box, sync::Arc};

use divan::Bencher;
use tracegc::Gc;

fn main() {
    divan::main();
}

mod nodes {
    use super::{Arc, Gc};

    #[allow(dead_code, reason = "only its size matters")]
    #[derive(tracegc::Trace)]
    pub(crate) struct Leaf(pub(crate) [u64; 3]);

    #[derive(tracegc::Trace)]
    pub(crate) struct GcList {
        pub(crate) value: u64,
        pub(crate) tail: Option<Gc<GcList>>,
    }

    #[derive(tracegc::Trace)]
    pub(crate) struct GcTree {
        pub(crate) _left: Option<Gc<GcTree>>,
        pub(crate) _right: Option<Gc<GcTree>>,
    }

    pub(crate) struct ArcList {
        pub(crate) value: u64,
        pub(crate) tail: Option<Arc<ArcList>>,
    }

    pub(crate) struct ArcTree {
        pub(crate) _left: Option<Arc<ArcTree>>,
        pub(crate) _right: Option<Arc<ArcTree>>,
    }
}

use nodes::{ArcList, ArcTree, GcList, GcTree, Leaf};

/// Quick enough for the whole to end within seconds.
const SAMPLES: u32 = 50;

#[divan::bench_group(sample_count = SAMPLES, sample_size = 20_000)]
mod clone_drop {
    use super::*;

    #[divan::bench]
    fn gc(bencher: Bencher<'_, '_>) {
        let leaf = Gc::new(Leaf([1, 2, 3]));
        bencher.bench_local(|| drop(black_box(black_box(&leaf).clone())));
    }

    #[divan::bench]
    fn arc(bencher: Bencher<'_, '_>) {
        let leaf = Arc::new(Leaf([1, 2, 3]));
        bencher.bench_local(|| drop(black_box(black_box(&leaf).clone())));
    }
}

#[divan::bench_group(sample_count = SAMPLES, sample_size = 20_000)]
mod alloc_drop_24 {
    use super::*;

    #[divan::bench]
    fn gc(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| drop(black_box(Gc::new(Leaf(black_box([1, 2, 3]))))));
    }

    #[divan::bench]
    fn arc(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| drop(black_box(Arc::new(Leaf(black_box([1, 2, 3]))))));
    }
}

/// Divide by 8,191 for one node.
#[divan::bench_group(sample_count = SAMPLES, sample_size = 5)]
mod trees_12 {
    use super::*;

    fn gc_tree(depth: u32) -> Gc<GcTree> {
        let child = || (depth > 0).then(|| gc_tree(depth - 1));
        let _left = child();
        Gc::new(GcTree { _left, _right: child() })
    }

    fn arc_tree(depth: u32) -> Arc<ArcTree> {
        let child = || (depth > 0).then(|| arc_tree(depth - 1));
        let _left = child();
        Arc::new(ArcTree { _left, _right: child() })
    }

    #[divan::bench]
    fn gc(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| drop(black_box(gc_tree(12))));
    }

    #[divan::bench]
    fn arc(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| drop(black_box(arc_tree(12))));
    }
}

/// Divide by 10,000 for one node.
#[divan::bench_group(sample_count = SAMPLES, sample_size = 20)]
mod deref_list_10k {
    use super::*;

    const LENGTH: u64 = 10_000;

    #[divan::bench]
    fn gc(bencher: Bencher<'_, '_>) {
        let list = (1..LENGTH)
            .fold(Gc::new(GcList { value: 0, tail: None }), |tail, value| Gc::new(GcList { value, tail: Some(tail) }));
        bencher.bench_local(|| {
            let (mut at, mut total) = (black_box(&list), 0u64);
            loop {
                total = total.wrapping_add(at.value);
                match &at.tail {
                    Some(tail) => at = tail,
                    None => break total,
                }
            }
        });
    }

    #[divan::bench]
    fn arc(bencher: Bencher<'_, '_>) {
        let list = (1..LENGTH).fold(Arc::new(ArcList { value: 0, tail: None }), |tail, value| {
            Arc::new(ArcList { value, tail: Some(tail) })
        });
        bencher.bench_local(|| {
            let (mut at, mut total) = (black_box(&list), 0u64);
            loop {
                total = total.wrapping_add(at.value);
                match &at.tail {
                    Some(tail) => at = tail,
                    None => break total,
                }
            }
        });
        // Not by recursion.
        let mut at = Some(list);
        while let Some(node) = at {
            at = Arc::into_inner(node).and_then(|node| node.tail);
        }
    }
}
