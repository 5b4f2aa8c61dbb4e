#!/usr/bin/env bash
# Plays the runs of adapters/sim/tests/fingerprints.txt on a machine whose most significant byte
# comes first (s390x) and on one of 32 bits (i686), and the frozen vectors of the wire too: what a
# seed means and what is sent must not depend on either. Builds the standard library from source for
# both, with the toolchain at hand if it has, or can fetch, its sources, else with Debian's own
# Rust; QEMU's user mode is the machine. Not a part of .ci/run: it takes a quarter of an hour.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(s390x-unknown-linux-gnu i686-unknown-linux-gnu)

install() { # packages of Debian
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y \
        --no-install-recommends "$@"
}

has_sources() { # does this rustc have the sources of its own library?
    [ -f "$("$1" --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ]
}

if has_sources rustc || { rustup component add rust-src && has_sources rustc; }; then
    cargo=(cargo) rustc=rustc
else
    echo "endian: no library sources for $(rustc --version); taking Debian's Rust"
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && has_sources /usr/bin/rustc ||
        install rustc-web cargo-web rust-web-src
    cargo=(env RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc /usr/bin/cargo) rustc=/usr/bin/rustc
fi
command -v qemu-s390x qemu-i386 s390x-linux-gnu-gcc i686-linux-gnu-gcc >/dev/null ||
    install qemu-user gcc-s390x-linux-gnu libc6-dev-s390x-cross \
        gcc-i686-linux-gnu libc6-dev-i386-cross

# What is compared is not how fast it is.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0
export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc
export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER="qemu-s390x -L /usr/s390x-linux-gnu"
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUNNER="qemu-i386 -L /usr/i686-linux-gnu"

# RUSTC_BOOTSTRAP lets a stable compiler build its own library.
check() { # what, on which target: the arguments of cargo test
    RUSTC_BOOTSTRAP=1 "${cargo[@]}" test --quiet --release --locked \
        -Zbuild-std=std,panic_unwind,test --target-dir target/endian "$@"
}

for target in "${targets[@]}"; do
    about=$("$rustc" --print cfg --target "$target" | grep -E 'target_(endian|pointer_width)')
    echo "endian: $target: ${about//$'\n'/, }"
    check --target "$target" --package quorate-sim --no-default-features --test fingerprints
    check --target "$target" --package quorate --test wire_vectors --test wire_generals
done
runs=$(wc -l <adapters/sim/tests/fingerprints.txt)
echo "endian: $runs runs, and the bytes on the wire, are the same on ${targets[*]}"
