//! Builds images.

use crate::board::Board;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of this workspace.
pub(crate) fn workspace() -> PathBuf {
    let hub = Path::new(env!("CARGO_MANIFEST_DIR"));
    hub.parent().unwrap_or(hub).to_path_buf()
}

/// Builds one image with nothing but `core`, which cargo makes from its sources; so whatever asks
/// for an allocator or an operating system does not build.
pub(crate) fn build(board: Board, package: &str, bin: &str, features: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace())
        .args(["rustc", "--quiet", "--locked", "--profile", "image", "-Zbuild-std=core"])
        .args(["--target", board.target(), "--message-format", "json-render-diagnostics"])
        .args(["--package", package, "--bin", bin, "--features", features])
        .args(["--", "-Zemit-stack-sizes"])
        // A stable compiler builds its own library if it is told that it may.
        .env("RUSTC_BOOTSTRAP", "1")
        .stderr(Stdio::inherit())
        .output()
        .context("cargo does not run, which builds the images: install Rust, https://rustup.rs")?;
    if !output.status.success() {
        bail!("the image {package}/{bin} does not build for {}", board.target());
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        if let Some(path) = message["executable"].as_str() {
            return Ok(PathBuf::from(path));
        }
    }
    bail!("cargo names no executable for {package}/{bin}")
}
