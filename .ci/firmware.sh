#!/usr/bin/env bash
# Holds the firmware to its word: its images are built with nothing but `core`, taken apart, and run
# under QEMU, where they must do word for word what they do here; four boards, then three and a
# Linux process, form a cluster that outlives lost frames, a kill and a liar; and four boards are
# generals with a traitor among them. Installs QEMU if it is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../examples/firmware"

packages=()
command -v qemu-system-arm >/dev/null || packages+=(qemu-system-arm)
command -v qemu-system-riscv32 >/dev/null || packages+=(qemu-system-misc)
if [ ${#packages[@]} -gt 0 ]; then
    echo "firmware: installing ${packages[*]}"
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y \
        --no-install-recommends "${packages[@]}"
fi

cargo fmt --all --check
cargo clippy --all-targets --locked -- -D warnings
RUSTC_BOOTSTRAP=1 cargo clippy --locked --package bench --package footprint --package board \
    --package node --bins --lib -Zbuild-std=core --target thumbv7em-none-eabihf -- -D warnings
cargo test --locked
cargo run --locked --package hub -- guarantees
cargo run --locked --package hub -- bench --quick --check
cargo run --locked --package hub -- demo --requests 100
cargo run --locked --package hub -- mixed --requests 60
cargo run --locked --package hub -- generals
