//! What the images need beside Rust, and how to get it.

use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// Checks that everything is there; installs what rustup has, and names the rest.
///
/// # Errors
/// One sentence that says what is missing, and how to install it.
pub(crate) fn check(qemus: &[&str]) -> Result<()> {
    for qemu in qemus {
        if Command::new(qemu).arg("--version").output().is_err() {
            bail!(
                "{qemu} is missing, which runs the images: apt-get install --no-install-recommends \
                 qemu-system-arm qemu-system-misc"
            );
        }
    }
    if !has_sources()? {
        let added = Command::new("rustup").args(["component", "add", "rust-src"]).status();
        if !added.is_ok_and(|status| status.success()) || !has_sources()? {
            bail!(
                "the sources of Rust's library are missing, of which `core` is built for the \
                 boards: rustup component add rust-src"
            );
        }
    }
    if linker()?.is_none() {
        bail!(
            "rust-lld is missing, the linker for the boards, which comes with rustup's Rust; \
             with Debian's: apt-get install lld-22 rust-web-llvm"
        );
    }
    Ok(())
}

/// What `rustc` answers.
pub(crate) fn rustc(arguments: &[&str]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc).args(arguments).output();
    let output = output.ok().filter(|output| output.status.success());
    let output = output.with_context(|| {
        let rustc = rustc.display();
        format!("{rustc} does not run, which compiles the images: install Rust, https://rustup.rs")
    })?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn has_sources() -> Result<bool> {
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?);
    Ok(sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml").is_file())
}

fn linker() -> Result<Option<PathBuf>> {
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?);
    let version = rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let own = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join("rust-lld"));
    Ok(if own.is_file() { Some(own) } else { places.find(|place| place.is_file()) })
}
