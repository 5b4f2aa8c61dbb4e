#!/usr/bin/env bash
# Fuzzes each target of fuzz/ for so many seconds (30 if not said), as many at a time as there are
# processors, from the corpora that lie there, which it leaves as they are. Takes the nightly
# compiler if there is one; else this one, told to accept what nightly does. SANITIZER=address turns
# AddressSanitizer on; it is off, since there is no unsafe code of ours for it to look at.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-30}

if ! command -v cargo-fuzz >/dev/null; then
    echo "fuzz: cargo-fuzz is missing; installing it"
    cargo install cargo-fuzz --locked
fi
if ! command -v c++ >/dev/null; then
    echo "fuzz: a C++ compiler is missing, which builds the fuzzer itself; installing g++"
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y \
        --no-install-recommends g++
fi
if rustc +nightly --version 2>/dev/null; then
    fuzz=(cargo +nightly fuzz)
else
    echo "fuzz: no nightly compiler; $(rustc --version) is told to accept what it does"
    export RUSTC_BOOTSTRAP=1
    fuzz=(cargo fuzz)
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Comparisons are not traced: bodies read choices, for which that is of no use, and it takes time.
"${fuzz[@]}" build --sanitizer "${SANITIZER:-none}" --no-trace-compares
host=$(rustc -vV | sed -n 's/^host: //p')
targets=$(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | grep -v quorate-fuzz)

run() { # a target
    local target=$1 corpus=fuzz/corpus/$1 log=$folder/$1.log
    mkdir -p "$folder/$target" "fuzz/artifacts/$target"
    local corpora=("$folder/$target")
    [ ! -d "$corpus" ] || corpora+=("$corpus")
    # As long as a run has a use for.
    local longest=4096
    case $target in wire | link | om | sm | king | client) longest=1024 ;; esac
    if ! "$binaries/$target" -max_total_time="$seconds" -max_len=$longest -len_control=0 -timeout=25 \
        -dict=fuzz/quorate.dict -artifact_prefix="fuzz/artifacts/$target/" \
        -print_final_stats=1 "${corpora[@]}" >"$log" 2>&1; then
        tail -60 "$log"
        echo "fuzz: $target fails; the input is under fuzz/artifacts/$target"
        return 1
    fi
    local rate runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    printf 'fuzz: %-13s %9s runs, %7s a second\n' "$target" "$runs" "$rate"
}
export -f run
export binaries=fuzz/target/$host/release folder seconds
[ -z "${CARGO_TARGET_DIR:-}" ] || binaries=$CARGO_TARGET_DIR/$host/release

xargs -P "$(nproc)" -I '{}' bash -c 'set -euo pipefail; run {}' <<<"$targets"
echo "fuzz: no target fails"
