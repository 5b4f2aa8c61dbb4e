#!/usr/bin/env bash
# Drives a cluster with clients that this project did not write: redis-cli and redis-benchmark.
# Expects "${CARGO_TARGET_DIR:-target}"/release/quorate-kv to be built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

logs=$(mktemp -d)
set -m # the cluster gets a process group of its own, so that all of it can be ended
"${CARGO_TARGET_DIR:-target}"/release/quorate-kv demo --input CHANGELOG.md --liar none --json --stay \
    >"$logs/report" 2>"$logs/log" &
cluster=$!
set +m
finish() {
    kill -KILL -- "-$cluster" 2>/dev/null || true
    rm -rf "$logs"
}
trap finish EXIT

fail() {
    echo "$*"
    cat "$logs/log" "$logs/report"
    exit 1
}

port=
deadline=$((SECONDS + 180))
while [ -z "$port" ]; do
    kill -0 "$cluster" 2>/dev/null || fail "the cluster ended before it could be used"
    [ "$SECONDS" -lt "$deadline" ] || fail "the cluster was not up after 180 seconds"
    sleep 0.2
    port=$(sed -n 's/^redis-cli -p \([0-9]\{1,5\}\)$/\1/p' "$logs/log")
done
echo "a cluster listens on port $port"

expect() { # the answer, then the command
    local expected=$1 answer
    shift
    answer=$(timeout 60 redis-cli -p "$port" "$@" 2>&1) || fail "redis-cli $* failed: $answer"
    [ "$answer" = "$expected" ] || fail "redis-cli $*: expected '$expected', got '$answer'"
}
expect PONG PING
expect OK SET ci:text "sixty-four bytes"
expect "sixty-four bytes" GET ci:text
expect 1 INCR ci:count
expect 11 INCRBY ci:count 10
expect "sixty-four bytes"$'\n'11 MGET ci:text ci:count
expect 11 -3 GET ci:count
expect 2 DEL ci:text ci:count
expect "" GET ci:text
expect 0 EXISTS ci:text ci:count
answer=$(timeout 60 redis-cli -p "$port" NOSUCHCOMMAND 2>&1 || true)
[[ $answer == ERR* ]] || fail "an unknown command was answered by '$answer', not by an error"
echo "redis-cli: all answers are right"

timeout 300 redis-benchmark -p "$port" --csv -t set,get,incr -n 20000 -c 32 -P 8 \
    >"$logs/benchmark" 2>&1 || fail "redis-benchmark failed: $(cat "$logs/benchmark")"
cat "$logs/benchmark"
! grep -i -E 'error|could not|warning' "$logs/benchmark" || fail "redis-benchmark saw errors"
for command in SET GET INCR; do
    grep -q "^\"$command\",\"[1-9]" "$logs/benchmark" || fail "no result for $command"
done

kill -INT "$cluster"
for _ in $(seq 150); do
    kill -0 "$cluster" 2>/dev/null || break
    sleep 0.2
done
wait "$cluster" || fail "the cluster did not end well: exit code $?"
! kill -0 -- "-$cluster" 2>/dev/null || fail "the demo left processes behind"
echo "redis-benchmark: no error; the cluster ended at Ctrl-C and left nothing behind"
