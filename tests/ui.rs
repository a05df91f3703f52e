//! What must not compile, and what the compiler then says; and what must compile without a warning.
//!
//! A case is a file `ui-tests/<group>/<case>.rs`; the output that it must give lies beside it as `<case>.stderr`.
//! After a change of a message run `TRYBUILD=overwrite cargo test --test ui` and read the difference.
//! Run one case with `cargo test --test ui -- <group> trybuild=<case>`.

#![cfg(all(feature = "derive", not(loom), not(shuttle)))]

use std::env;
use std::io::{self, Write};
use std::process::Command;

/// The toolchain whose messages the `.stderr` files hold. Others word them differently.
const UI_TOOLCHAIN: &str = "1.95";

#[test]
#[cfg_attr(miri, ignore = "runs the compiler")]
fn derive() {
    compile_fail("ui-tests/derive/*.rs");
}

#[test]
#[cfg_attr(miri, ignore = "runs the compiler")]
fn api() {
    compile_fail("ui-tests/api/*.rs");
}

#[test]
#[cfg_attr(miri, ignore = "runs the compiler")]
fn arena() {
    compile_fail("ui-tests/arena/*.rs");
}

#[test]
#[cfg_attr(miri, ignore = "runs the compiler")]
fn pass() {
    trybuild::TestCases::new().pass("ui-tests/pass/*.rs");
}

fn compile_fail(cases: &str) {
    let version = rustc_version();
    if release(&version) == Some(UI_TOOLCHAIN) {
        trybuild::TestCases::new().compile_fail(cases);
    } else {
        // Past the capture of the test's output: it should be seen that nothing was tested.
        let _ = writeln!(
            io::stderr(),
            "ui tests skipped ({cases}): they compare on rustc {UI_TOOLCHAIN}, this is {version}"
        );
    }
}

/// The first line of `rustc -V`, such as `rustc 1.95.0 (59807616e 2026-04-14)`.
fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output =
        Command::new(&rustc).arg("-V").output().unwrap_or_else(|error| panic!("cannot run {rustc:?}: {error}"));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// `1.95` of `rustc 1.95.0 (..)`; nothing of a beta or a nightly.
fn release(version: &str) -> Option<&str> {
    let number = version.split_whitespace().nth(1)?;
    let (minor, _) = number.rsplit_once('.')?;
    number.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()).then_some(minor)
}

#[test]
fn releases_are_told_from_other_builds() {
    assert_eq!(release("rustc 1.95.0 (59807616e 2026-04-14)"), Some("1.95"));
    assert_eq!(release("rustc 1.95.0"), Some("1.95"));
    assert_eq!(release("rustc 1.96.0-nightly (0123456 2026-02-01)"), None);
    assert_eq!(release("rustc 1.95.0-beta.3 (0123456 2026-02-01)"), None);
    assert_eq!(release(""), None);
}
