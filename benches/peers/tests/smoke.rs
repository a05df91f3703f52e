//! Every workload runs with every contender, very small. Nothing is timed.

#![cfg(unix)]

use tracegc_peers::{harness::Opts, workloads};

#[test]
fn every_workload_runs() {
    let opts = Opts { scale: 1e-4 };
    for workload in workloads::all() {
        for contender in &workload.contenders {
            let sample = (contender.run)(&opts);
            assert!(sample.ops >= 1.0, "{} with {}", workload.name, contender.name);
        }
    }
}
