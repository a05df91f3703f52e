//! The collector's share of a core. Alone in its process, since figures are of the whole process.

#![cfg(not(miri))]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tracegc::{Gc, Trace, heap};

const NODES: usize = 200_000;

#[derive(Trace)]
struct Node {
    hub: Gc<Hub>,
    _next: Option<Gc<Node>>,
}

#[derive(Trace, Default)]
struct Hub {
    nodes: OnceLock<Vec<Gc<Node>>>,
}

/// Whoever clones and drops a handle to the hub notes it, and all of the heap hangs on it. The collector rests four times as
/// long as it works, by the same clock: what four collections took is at most a fifth of the time until the fifth has
/// ended. (A quarter is what is promised.)
#[test]
fn g12_a_hub_costs_a_bounded_share_of_a_core() {
    let mut config = heap::config();
    config.period = Duration::from_millis(1);
    heap::set_config(config);
    let hub = Gc::new(Hub::default());
    let mut nodes: Vec<Gc<Node>> = Vec::with_capacity(NODES);
    for _ in 0..NODES {
        nodes.push(Gc::new(Node { hub: hub.clone(), _next: nodes.last().cloned() }));
    }
    hub.nodes.set(nodes).ok();

    // From the end of one collection on.
    let first = heap::stats();
    let clone_until = |collections: u64| {
        loop {
            for _ in 0..10_000 {
                drop(std::hint::black_box(hub.clone()));
            }
            let stats = heap::stats();
            if stats.collections >= first.collections + collections {
                return stats;
            }
        }
    };
    let start = clone_until(1);
    let began = Instant::now();
    let fourth = clone_until(5);
    let fifth = clone_until(6);
    let took = began.elapsed();

    assert!(fifth.full_collections > start.full_collections, "none of them looked at the hub");
    let worked = Duration::from_nanos(fourth.collector_nanos - start.collector_nanos);
    assert!(worked <= took / 4, "the collector worked for {worked:?} of {took:?}");
    assert!(Gc::ptr_eq(&hub.nodes.get().unwrap()[7].hub, &hub), "all of it is alive");
}
