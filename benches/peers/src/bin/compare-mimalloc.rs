//! The comparison, with mimalloc.

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    tracegc_peers::harness::main("mimalloc")
}

#[cfg(not(unix))]
fn main() {}
