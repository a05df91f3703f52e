//! bumpalo, where memory is given back all at once.

use std::hint::black_box;

use bumpalo::Bump;

use crate::{
    harness::{Opts, Sample, measure},
    workloads::depth,
};

pub fn alloc_drop_batch(o: &Opts) -> Sample {
    let batches = o.n(1_000);
    let mut bump = Bump::new();
    let (sample, ()) = measure(batches * 1_000, || {
        let mut batch: Vec<*const [u64; 3]> = Vec::with_capacity(1_000);
        for i in 0..batches as u64 {
            for _ in 0..1_000 {
                batch.push(bump.alloc([i, 2, 3]));
            }
            black_box(&batch);
            batch.clear();
            bump.reset();
        }
    });
    sample
}

struct Tree<'a> {
    _left: Option<&'a Tree<'a>>,
    _right: Option<&'a Tree<'a>>,
}

fn tree(bump: &Bump, depth: usize) -> &Tree<'_> {
    if depth == 0 {
        bump.alloc(Tree { _left: None, _right: None })
    } else {
        let left = tree(bump, depth - 1);
        let right = tree(bump, depth - 1);
        bump.alloc(Tree { _left: Some(left), _right: Some(right) })
    }
}

pub fn trees(o: &Opts) -> Sample {
    let depth = depth(o);
    let (sample, ()) = measure((2 << depth) - 1, || {
        let bump = Bump::new();
        black_box(tree(&bump, depth));
    });
    sample
}
