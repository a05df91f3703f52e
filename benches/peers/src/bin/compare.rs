//! The comparison, with the allocator of the system.

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    tracegc_peers::harness::main("system")
}

#[cfg(not(unix))]
fn main() {}
