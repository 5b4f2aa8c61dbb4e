//! The files of a cluster: `cluster.toml` for all, one file for each member, and its key.

mod cluster_file;
mod hex;
mod key_file;
mod keygen;
mod member;

pub use cluster_file::{BATCH_BYTES, REPLY_BYTES, WINDOW, read_cluster, write_cluster};
pub use hex::{from_hex, to_hex};
pub use key_file::{random_key, read_key, write_key};
pub use keygen::{Keygen, keygen};
pub use member::{GatewayFile, Member, ReplicaFile, Sessions};

use crate::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Reads a TOML file.
///
/// # Errors
/// It cannot be read, or it does not say what it should; the sentence names file and line.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Problem> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Problem::configuration(format!("cannot read {shown}: {error}")))?;
    toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let what = error.message().replace('\n', ", ");
        Problem::configuration(format!("{shown}, line {line}: {what}"))
    })
}

/// Writes a TOML file that is not there yet, with a comment at its head.
///
/// # Errors
/// It is there, or it cannot be written.
pub fn write_toml<T: Serialize>(path: &Path, comment: &str, value: &T) -> Result<(), Problem> {
    let text = toml::to_string(value)
        .map_err(|error| Problem::failed(format!("cannot write {}: {error}", path.display())))?;
    write_new(path, format!("{comment}{text}").as_bytes(), false)
}

/// Writes a file that is not there yet; a secret one is for its owner only.
fn write_new(path: &Path, bytes: &[u8], secret: bool) -> Result<(), Problem> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    options
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|error| {
            Problem::configuration(format!("cannot write {}: {error}", path.display()))
        })
}

/// A path that a file names, relative to the directory of that file.
fn beside(file: &Path, named: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(named)
}
