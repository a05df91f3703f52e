//! Something small to count instructions of: `icount WORKLOAD CONTENDER N`, for `benches/callgrind.sh`.

fn main() {
    #[cfg(unix)]
    tracegc_peers::icount::main();
}
