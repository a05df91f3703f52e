//! Random operations by one to eight threads, checked against a plain model.
//!
//! Threads own their roots; edges go to shared objects through shared locked cells, and the model's entry of a cell is
//! written under that cell's own lock, so nothing but the cells keeps threads and collector apart. At the end of each
//! round everything stands still, and what the model says is compared with what happened: what it reaches is alive and
//! whole, what it does not reach was dropped once, cleanups ran once or were stopped.
//!
//! A run is repeated with `TRACEGC_SEED=<seed> cargo test --test oracle -- --nocapture`; `TRACEGC_OPS` sets the
//! operations of each thread in each round, `TRACEGC_RUNS` the number of runs; the seeds of later ones follow from the
//! first. With one thread a seed determines all.

mod actor;
#[path = "../common/mod.rs"]
mod common;
mod model;
mod node;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracegc::{cleanup, collect};

use actor::{Actor, Mailbox};
use common::{Threads, lock};
use model::Model;
use node::Random;

const ROUNDS: usize = if cfg!(miri) { 2 } else { 4 };
const OPS: usize = match (cfg!(miri), cfg!(debug_assertions)) {
    (true, _) => 40,
    (_, true) => 1_500,
    _ => 5_000,
};
const RUNS: usize = if cfg!(miri) { 1 } else { 6 };
const LONG: Duration = Duration::from_secs(300);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn one_thread() {
    runs(1);
}

#[test]
fn two_threads() {
    runs(2);
}

#[test]
fn four_threads() {
    runs(4);
}

#[test]
fn eight_threads() {
    runs(8);
}

fn runs(threads: usize) {
    let _threads = Threads;
    let given = setting("TRACEGC_SEED");
    let count = setting("TRACEGC_RUNS").map_or(if given.is_some() { 1 } else { RUNS }, |n| n as usize);
    let ops = setting("TRACEGC_OPS").map_or(OPS, |n| n as usize);
    let clock =
        if cfg!(miri) { Duration::ZERO } else { SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock") };
    let mut seed = given.unwrap_or(clock.as_nanos() as u64 ^ threads as u64);
    for _ in 0..count {
        println!("{threads} threads: TRACEGC_SEED={seed} TRACEGC_OPS={ops}");
        run(threads, seed, ops);
        seed = Random::new(seed).next() >> 16;
    }
}

fn run(threads: usize, seed: u64, ops: usize) {
    let model = Arc::new(Model::new(threads * ROUNDS * ops * 2 + 1024));
    let mailbox = Mailbox::default();
    let mut random = Random::new(seed);
    let mut actors: Vec<Actor> = (0..threads).map(|_| Actor::new(model.clone(), Random::new(random.next()))).collect();
    actor::share_hubs(&model, &mut actors);
    for round in 0..ROUNDS {
        let with_collector = threads > 1 && random.chance(2);
        actors = act(actors, ops, &mailbox, with_collector);
        check(&model, &actors, &mailbox, round);
    }
    for actor in &mut actors {
        actor.let_go();
    }
    lock(&mailbox).clear();
    model.end_skipped();
    check(&model, &actors, &mailbox, ROUNDS);
    assert_eq!(model.left(), 0, "nothing is left of the run");
}

/// Every actor does its operations on a thread of its own, which ends with the round: its caches change hands.
fn act(actors: Vec<Actor>, ops: usize, mailbox: &Mailbox, with_collector: bool) -> Vec<Actor> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collector = with_collector.then(|| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    collect();
                }
            })
        });
        let threads: Vec<_> = actors
            .into_iter()
            .map(|mut actor| {
                scope.spawn(move || {
                    for _ in 0..ops {
                        actor.step(mailbox);
                    }
                    actor
                })
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        if let Some(collector) = collector {
            collector.join().expect("collect does not panic");
        }
        results.into_iter().map(|result| result.unwrap_or_else(|payload| std::panic::resume_unwind(payload))).collect()
    })
}

/// Everything stands still: compares the model with the heap.
fn check(model: &Model, actors: &[Actor], mailbox: &Mailbox, round: usize) {
    // What a cleanup held is let go by a worker, and may be garbage then.
    let mut before = None;
    while before != Some(model.progress()) {
        before = Some(model.progress());
        collect();
        assert!(cleanup::wait(LONG), "cleanups run to their end");
    }
    let mail = lock(mailbox);
    let handles = || actors.iter().flat_map(Actor::roots).chain(mail.iter());
    let alive = model.alive(handles().map(|root| root.id));
    model.check_deaths(&alive, round);
    model.check_cleanups(&alive, round);
    for root in handles() {
        node::check_graph(&root.handle, root.id, model);
    }
    for actor in actors {
        actor.check_weaks(&alive);
    }
    model.check_failures();
}
