//! Loops whose instructions are counted by callgrind.

use std::{env, hint::black_box, process::exit};

use crate::{
    contenders::{Arc, Rc, Tracegc},
    peer::Peer,
};

fn clone_drop<P: Peer>(n: usize) {
    let leaf = P::leaf([1, 2, 3]);
    for _ in 0..n {
        drop(black_box(black_box(&leaf).clone()));
    }
}

fn alloc_drop<P: Peer>(n: usize) {
    for i in 0..n as u64 {
        drop(black_box(P::leaf([i, 2, 3])));
    }
}

fn tree<P: Peer>(n: usize) {
    fn build<P: Peer>(nodes: usize) -> Option<P::Tree> {
        (nodes > 0).then(|| P::tree(build::<P>((nodes - 1) / 2), build::<P>(nodes / 2)))
    }
    drop(black_box(build::<P>(n)));
}

fn run<P: Peer>(workload: &str, n: usize) {
    // Whatever the first object sets up is done before callgrind begins to count.
    drop(black_box(P::leaf([0, 0, 0])));
    match workload {
        "clone-drop" => counted(clone_drop::<P>, n),
        "alloc-drop" => counted(alloc_drop::<P>, n),
        "tree" => counted(tree::<P>, n),
        _ => usage(),
    }
}

/// The function that callgrind counts inside of.
#[inline(never)]
#[unsafe(no_mangle)]
fn tracegc_counted(work: fn(usize), n: usize) {
    work(n);
}

fn counted(work: fn(usize), n: usize) {
    black_box(tracegc_counted as fn(fn(usize), usize))(work, n);
}

fn usage() -> ! {
    eprintln!("usage: icount clone-drop|alloc-drop|tree arc|rc|tracegc N");
    exit(2)
}

/// Runs what the command line asks for.
pub fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [workload, contender, n] = args.as_slice() else { usage() };
    let Ok(n) = n.parse() else { usage() };
    match contender.as_str() {
        "arc" => run::<Arc>(workload, n),
        "rc" => run::<Rc>(workload, n),
        "tracegc" => run::<Tracegc>(workload, n),
        _ => usage(),
    }
}
