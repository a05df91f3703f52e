//! A use after free inside the crate's own heap is seen by AddressSanitizer: the heap tells it which slots are free.
//!
//! Runs only in builds with `--cfg tracegc_asan`.

#![cfg(tracegc_asan)]

use std::process::Command;

use tracegc::Gc;

const CHILD: &str = "TRACEGC_POISON_CHILD";

#[test]
fn stale_read_is_caught() {
    if std::env::var_os(CHILD).is_some() {
        let object = Gc::new(7_u64);
        let stale = Gc::as_ptr(&object);
        drop(object);
        // SAFETY: none: this is the mistake that the sanitizer must report.
        let value = unsafe { stale.read_volatile() };
        println!("read {value}");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stale_read_is_caught", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success(), "the stale read went unnoticed");
    assert!(report.contains("use-after-poison"), "ended otherwise: {report}");
}
