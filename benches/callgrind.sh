#!/bin/sh
# Instructions per operation, counted by callgrind: the difference between a run of 2N and one of N, divided by N, so that
# whatever happens once does not count. Only what runs inside of `tracegc_counted` is counted, background threads are not.
#
# usage: benches/callgrind.sh [N]    (default 20000; a tree has so many nodes)
#        ALLOCATOR=mimalloc benches/callgrind.sh
set -eu
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 2; }
n="${1:-20000}"
target="${CARGO_TARGET_DIR:-target}"
case "${ALLOCATOR:-system}" in
    system) bin=icount ;;
    mimalloc) bin=icount-mimalloc ;;
    *) echo "ALLOCATOR is system or mimalloc" >&2; exit 2 ;;
esac
features=""
[ "$bin" = icount ] || features="--features mimalloc"
# shellcheck disable=SC2086
cargo build --quiet --release --package tracegc-peers --bin "$bin" $features

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

instructions() {
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" --toggle-collect=tracegc_counted \
        "$target/release/$bin" "$1" "$2" "$3" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
    awk '/^(summary|totals):/ { total = $2 } END { print total + 0 }' "$scratch/out"
}

echo "instructions per operation, allocator: ${ALLOCATOR:-system}"
printf '%-12s %10s %10s %10s\n' '' arc rc tracegc
for workload in clone-drop alloc-drop tree; do
    printf '%-12s' "$workload"
    for contender in arc rc tracegc; do
        once=$(instructions "$workload" "$contender" "$n")
        twice=$(instructions "$workload" "$contender" "$((2 * n))")
        awk -v a="$once" -v b="$twice" -v n="$n" 'BEGIN { printf " %10.2f", (b - a) / n }'
    done
    echo
done
