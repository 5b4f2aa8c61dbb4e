#!/usr/bin/env bash
# Changes the core in one place at a time, runs its tests, and tells which changes no test noticed.
# A long job and no part of `.ci/run`; core/MUTANTS.md holds its last result.
#
#   .ci/mutants.sh                       all groups, from where the last run ended
#   .ci/mutants.sh om sm                 these groups only
#   .ci/mutants.sh --shard 1/4 log       of each group the changes 1, 5, 9, ... (0/4 to 3/4)
#   .ci/mutants.sh --again               first once more what no test noticed
#   .ci/mutants.sh --report              what is known so far, as a table in Markdown
#
# What was tried is kept in .ci/mutants.tsv (outcome, change) and is not tried again until its place
# in the source moves: stop it at any time, and commit it. Shards may run side by side, each in a
# copy of the sources of its own; the ledgers of several machines are put together with `cat`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=never
state=$PWD/target/mutants
ledger=$PWD/.ci/mutants.tsv

all=(quorum om sm log view_change new_view)
describe() { # a group: its `files`, the test `target` and `names` that notice most changes, and
    # the tests that it is no part of: the long ones of other protocols
    files=("core/src/pbft/$1.rs") target=--test=pbft foreign=(generals lockstep wire_generals)
    case $1 in
    quorum) files=(core/src/quorum.rs) target=--lib names=(quorum) foreign=() ;;
    om)
        files=(core/src/om/{orders,resolve,tree,path,wave,entry}.rs) target=--test=generals
        names=(om::{rules,paths,frames,figures,small,majority}) foreign=(pbft)
        ;;
    sm)
        files=(core/src/sm/{chains,chain,accounts,orders,message}.rs) target=--test=generals
        names=(sm::{rules,scenarios,budget,statements,frames}) foreign=(pbft)
        ;;
    log) names=(agreement batches checkpoints catching_up settled normal_case) ;;
    view_change) names=(view_change timers records evidence followers choice) ;;
    new_view) names=(new_view waiting entering choice timers followers evidence) ;;
    *) echo "mutants: no group $1; there are: ${all[*]}" && exit 2 ;;
    esac
}

# All tests that run a group. The house rules would notice how a change looks, not what it does.
everything() {
    local file name
    echo --lib
    for file in core/tests/*.rs core/tests/*/main.rs; do
        name=${file#core/tests/} && name=${name%/main.rs} && name=${name%.rs}
        case " tidy ${foreign[*]} " in *" $name "*) ;; *) echo "--test=$name" ;; esac
    done
}

shard=0/1 again= report= groups=()
while [ $# -gt 0 ]; do
    case $1 in
    --shard) shard=$2 && shift ;;
    --again) again=yes ;;
    --report) report=yes ;;
    *) groups+=("$1") ;;
    esac
    shift
done
[ ${#groups[@]} -gt 0 ] || groups=("${all[@]}")
k=${shard%/*} n=${shard#*/}
[ "$k" -lt "$n" ] || { echo "mutants: no shard $k of $n" && exit 2; }

if ! command -v cargo-mutants >/dev/null; then
    echo "mutants: cargo-mutants is missing; installing it"
    cargo install cargo-mutants --locked
fi
mkdir -p "$state"
touch "$ledger"

# The changes of a group, one a line, in the order of the source.
changes() {
    describe "$1"
    cargo mutants --list "${files[@]/#/--file=}"
}

# What came of each change of a group, the last time: the ledger's lines.
known() {
    changes "$1" | awk -F '\t' '
        NR == FNR { outcome[$2] = $1; next }
        $0 in outcome { print outcome[$0] "\t" $0 }' "$ledger" -
}

tell() {
    local group known all count sum_all=0 sum_done=0
    echo "| group | changes | tried | killed | of these by a timeout | do not compile | survive |"
    echo "|---|---|---|---|---|---|---|"
    for group in "${groups[@]}"; do
        all=$(changes "$group" | wc -l) known=$(known "$group")
        count() { grep -cE "^($1)"$'\t' <<<"$known" || true; }
        echo "| $group | $all | $(count '.*') | $(count 'caught|timeout') | $(count timeout)" \
            "| $(count unviable) | $(count missed) |"
        sum_all=$((sum_all + all)) sum_done=$((sum_done + $(count '.*')))
    done
    printf '\n%s of %s changes tried (%s %%).' "$sum_done" "$sum_all" \
        "$((100 * sum_done / (sum_all ? sum_all : 1)))"
    printf ' Survivors:\n\n'
    for group in "${groups[@]}"; do
        known "$group" | sed -n 's/^missed\t\(.*\)$/* `\1`/p'
    done
}
[ -z "$report" ] || { tell && exit; }

# The copy of the sources in which changes are made. What the last run left changed is put right,
# with a new date, so that it is built again.
tree=$state/tree-$k-of-$n
git ls-files --cached --others --exclude-standard -z | while IFS= read -r -d '' file; do
    [ -f "$file" ] || continue
    if ! cmp -s "$file" "$tree/$file"; then
        mkdir -p "$(dirname "$tree/$file")"
        cp "$file" "$tree/$file"
    fi
done
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$state/build-$k-of-$n}
# One change leaves most of what is compiled as it is.
export CARGO_INCREMENTAL=1

# Makes one change and runs tests: prints caught, missed, timeout or unviable.
try() { # the change, the targets of the tests, `--`, their names: all if there are none
    local change=$1 file=${1%%:*} listed at out=$state/out-$k-of-$n targets=()
    shift
    while [ "$1" != -- ]; do
        targets+=("--cargo-arg=$1") && shift
    done
    # A shard of one change: what is chosen by a pattern brings all deleted fields with it.
    listed=$(cd "$tree" && cargo mutants --list --file "$file")
    at=$(grep -nxF -- "$change" <<<"$listed") && at=${at%%:*}
    rm -rf "$out" && mkdir -p "$out"
    # It says by its status whether something survived, which its lists tell as well.
    (cd "$tree" && cargo mutants --in-place --baseline skip --timeout 300 --build-timeout 600 \
        --output "$out" --file "$file" --shard "$((at - 1))/$(wc -l <<<"$listed")" "${targets[@]}" \
        -- "$@" >"$out/log" 2>&1) || true
    for outcome in caught missed timeout unviable; do
        if grep -qF "$change" "$out/mutants.out/$outcome.txt" 2>/dev/null; then
            echo "$outcome"
            return
        fi
    done
    tail -20 "$out/log" >&2
    return 1
}

for group in "${groups[@]}"; do
    describe "$group"
    echo "mutants: $group: do the tests pass without a change?"
    (cd "$tree" && cargo test --quiet --locked --profile canary --package quorate "$target" \
        -- "${names[@]}" >"$state/log" 2>&1) || { tail -40 "$state/log" && exit 1; }
    mapfile -t todo < <(changes "$group" | awk -v k="$k" -v n="$n" '(NR - 1) % n == k')
    at=0
    for change in "${todo[@]}"; do
        at=$((at + 1))
        before=$(awk -F '\t' -v it="$change" '$2 == it { last = $1 } END { print last }' "$ledger")
        [ -z "$before" ] || { [ "$before" = missed ] && [ -n "$again" ]; } || continue
        outcome=$(try "$change" "$target" -- "${names[@]}")
        # All tests there are, where those that should have noticed did not.
        [ "$outcome" != missed ] || outcome=$(try "$change" $(everything) --)
        printf '%s\t%s\n' "$outcome" "$change" >>"$ledger"
        echo "mutants: $group $at/${#todo[@]}: $outcome: $change"
    done
done
tell
