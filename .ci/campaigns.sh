#!/usr/bin/env bash
# Half a minute of processor time of each campaign of the simulator, from seeds that no test takes:
# PBFT with everything that may happen to correct replicas, with traitors of all kinds, with those
# that change messages or starve some, and with one that runs twice; and each protocol of generals
# with its traitors. The first seed that breaks a promise is told, with the command that shows it
# again. Then every script that is named for a bug must notice it when it is planted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --locked --package quorate-sim
simulator=${CARGO_TARGET_DIR:-target}/release/quorate-sim

campaign() { # seeds, then what is run
    local seeds=$1
    shift
    "$simulator" run --seed 700000001 --seeds "$seeds" --json "$@" |
        jq --raw-output --arg what "$*" \
            '"campaign: \($what): \(.seeds) seeds, \(.seeds / .seconds | floor) a second"'
}

campaign 1500 --protocol pbft --nodes mixed --faults swarm
campaign 1000 --protocol pbft --nodes mixed --faults traitors
campaign 1000 --protocol pbft --nodes mixed --traitor mutator
campaign 500 --protocol pbft --nodes 7 --traitor partial
campaign 300000 --protocol om --faults traitors
campaign 200000 --protocol sm --faults traitors
campaign 100000 --protocol king --faults traitors
campaign 100000 --protocol vector --faults traitors
campaign 2500 --protocol lockstep --faults traitors
"$simulator" twins --limit 1500 --seed 700000001 --json |
    jq --raw-output \
        '"campaign: twins: \(.scenarios) scenarios, \(.scenarios_per_second | floor) a second"'
"$simulator" canaries --by scripts
echo "campaigns: no promise was broken"
