//! Hands the linker the memory of the board.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let arm = env::var("CARGO_CFG_TARGET_ARCH").unwrap() == "arm";
    let (script, text) = match arm {
        true => ("memory.x", include_str!("mps2.x")),
        false => ("link.x", include_str!("virt.x")),
    };
    fs::write(folder.join(script), text).unwrap();
    println!("cargo:rustc-link-search={}", folder.display());
    println!("cargo:rerun-if-changed=mps2.x");
    println!("cargo:rerun-if-changed=virt.x");
}
