//! Hands the linker the memory of the board.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let arm = env::var("CARGO_CFG_TARGET_ARCH").unwrap() == "arm";
    let nrf51 = env::var_os("CARGO_FEATURE_NRF51").is_some();
    let (script, text) = match (arm, nrf51) {
        (true, false) => ("memory.x", include_str!("mps2.x")),
        (true, true) => ("memory.x", include_str!("nrf51.x")),
        (false, _) => ("link.x", include_str!("virt.x")),
    };
    fs::write(folder.join(script), text).unwrap();
    // No interrupt has a handler of its own.
    fs::write(folder.join("device.x"), "").unwrap();
    println!("cargo:rustc-link-search={}", folder.display());
    println!("cargo:rustc-check-cfg=cfg(armv6m)");
    if env::var("TARGET").unwrap().starts_with("thumbv6m") {
        println!("cargo:rustc-cfg=armv6m");
    }
    println!("cargo:rerun-if-changed=mps2.x");
    println!("cargo:rerun-if-changed=nrf51.x");
    println!("cargo:rerun-if-changed=virt.x");
}
