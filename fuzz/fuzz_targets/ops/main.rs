//! Any sequence of operations on one thread, checked after each against a plain model.
//!
//! One thread makes, links and drops objects of all kinds, and nothing collects but what the operations ask for, so the
//! model knows after each of them which objects are there: those with a handle, and after a collection those that are
//! reached. Objects say when they are dropped; the cleanups are waited for. At the end all is let go, and nothing may be
//! left. See `fuzz/README.md`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(all(fuzzing, not(tracegc_asan)))]
compile_error!("build with RUSTFLAGS='--cfg tracegc_asan', or a use of a freed slot goes unnoticed");

mod driver;
mod model;
mod objects;
mod op;

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use tracegc::heap::{Config, config, set_config};

use driver::Driver;
use op::Program;

fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_config(Config { gc_percent: None, workers: 2, ..config() });
        tracegc::cleanup::set_panic_hook(|_| {});
    });
}

fuzz_target!(|program: Program| {
    prepare();
    let mut driver = Driver::new(program.0.len());
    for op in program.0 {
        driver.step(op);
    }
    driver.finish();
});
