#!/bin/sh
# Shows that a dereference of `Gc` compiles to the instructions of one of `Arc`: prints both, and fails if they differ in
# more than the offset of the field (in an `Arc` the value lies 16 bytes behind the address that the handle holds).
set -eu
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target"
asm="$(cd "$target" && pwd)/deref-asm.s"
# Cargo does not know of the file, and would not write it again.
[ -f "$asm" ] || touch benches/peers/src/bin/deref-asm.rs
cargo rustc --quiet --release --package tracegc-peers --bin deref-asm -- \
    --emit "asm=$asm" -C codegen-units=1 -C debuginfo=0

# Two functions with the very same instructions may be made one: `field_of_gc = field_of_arc`.
resolve() {
    awk -v name="$1" '
        ($1 == ".set" && $2 == name ",") || ($1 == name && $2 == "=") { print $3; found = 1; exit }
        END { if (!found) print name }' "$asm"
}

# The instructions of one function, without directives, comments and the numbers of labels.
body() {
    awk -v name="$(resolve "$1")" '
        $1 == name ":" || $1 == "_" name ":" { on = 1; next }
        !on { next }
        /^\t\.size|^\t\.cfi_endproc|^\.?L?func_end/ { exit }
        /^\t\./ || /^[.L]*(func_begin|tmp)/ { next }
        { sub(/[ \t]*(#|\/\/|@).*$/, ""); if ($0 != "") print }
    ' "$asm" | awk '
        # Labels become L1, L2, .. in the order in which they are met.
        {
            line = $0; out = ""
            while (match(line, /\.?L(BB)?[0-9]+(_[0-9]+)?/)) {
                label = substr(line, RSTART, RLENGTH)
                if (!(label in number)) number[label] = ++count
                out = out substr(line, 1, RSTART - 1) "L" number[label]
                line = substr(line, RSTART + RLENGTH)
            }
            print out line
        }'
}

# Offsets in `16(%rax)`, `[rax + 16]` and `[x0, #16]` become D; one that is 0 is not written at all.
without_offsets() {
    sed -E -e 's/[-+]?[0-9]*\((%[a-z0-9]+)\)/D(\1)/g' \
        -e 's/\[([a-z0-9]+)( ?[-+,] ?#?[0-9]+)?\]/[\1+D]/g'
}

failed=0
for what in field_of sum_of; do
    arc=$(body "${what}_arc")
    gc=$(body "${what}_gc")
    [ "$(resolve "${what}_gc")" = "${what}_gc" ] || echo "-- the compiler made the two one function"
    printf '== %s_arc\n%s\n== %s_gc\n%s\n' "$what" "$arc" "$what" "$gc"
    if [ -z "$arc" ] || [ -z "$gc" ]; then
        echo "-- not found in $asm"
        failed=1
    elif [ "$(echo "$arc" | without_offsets)" = "$(echo "$gc" | without_offsets)" ]; then
        echo "-- the same but for offsets"
    else
        echo "-- DIFFERENT"
        failed=1
    fi
done
exit "$failed"
