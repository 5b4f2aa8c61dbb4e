#!/usr/bin/env bash
# Builds the core and its adapter for boards for microcontrollers with no library present but
# `core`, which proves that they need neither an allocator nor an operating system. Builds the standard library's `core` from
# source for that: with the toolchain at hand if it has, or can fetch, its sources; else with
# Debian's own Rust, which is installed for the purpose.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

targets=(thumbv7em-none-eabihf thumbv6m-none-eabi riscv32imac-unknown-none-elf)

has_sources() { # does this rustc have the sources of its own library?
    [ -f "$("$1" --print sysroot)/lib/rustlib/src/rust/library/core/Cargo.toml" ]
}

if has_sources rustc || { rustup component add rust-src && has_sources rustc; }; then
    echo "bare metal: with $(rustc --version) and its library sources"
    cargo=(cargo)
else
    echo "bare metal: no library sources for $(rustc --version); taking Debian's Rust"
    if ! { [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && has_sources /usr/bin/rustc; }; then
        as_root=()
        [ "$(id -u)" = 0 ] || as_root=(sudo)
        "${as_root[@]}" apt-get update
        DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y \
            --no-install-recommends rustc-web cargo-web rust-web-src
    fi
    cargo=(env RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc /usr/bin/cargo)
    "${cargo[@]}" --version
fi

# RUSTC_BOOTSTRAP lets a stable compiler build its own library.
build() { # a package for a target
    echo "bare metal: $*"
    RUSTC_BOOTSTRAP=1 "${cargo[@]}" build --quiet --release --locked --package "$1" \
        -Zbuild-std=core --target-dir target/bare-metal --target "${@:2}"
}

for target in "${targets[@]}"; do
    build quorate "$target"
    build quorate-embedded "$target" --features ed25519,edge-nal,embassy-time,defmt
done
build quorate "${targets[0]}" --no-default-features
build quorate "${targets[0]}" --features defmt
build quorate-embedded "${targets[0]}"
echo "bare metal: the core and its adapter for boards build for ${targets[*]} with nothing but core"
