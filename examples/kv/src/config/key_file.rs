//! Secret keys in files: 64 hexadecimal digits and a line break.

use super::{from_hex, to_hex, write_new};
use crate::problem::Problem;
use quorate::ed25519::SecretKey;
use std::fs;
use std::path::Path;

/// Writes a secret key to a file that is not there yet, readable for its owner only.
///
/// # Errors
/// The file is there, or cannot be written.
pub fn write_key(path: &Path, seed: &[u8; 32]) -> Result<(), Problem> {
    write_new(path, format!("{}\n", to_hex(seed)).as_bytes(), true)
}

/// The seed of a new secret key, from the operating system's randomness.
///
/// # Errors
/// It has none.
pub fn random_key() -> Result<[u8; 32], Problem> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        Problem::failed(format!("the operating system gives no random numbers: {error}"))
    })?;
    Ok(seed)
}

/// Reads a secret key.
///
/// # Errors
/// The file cannot be read, or holds no key. The sentence does not repeat what it holds.
pub fn read_key(path: &Path) -> Result<SecretKey, Problem> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Problem::configuration(format!("cannot read {shown}: {error}")))?;
    let seed = from_hex(text.trim()).ok_or_else(|| {
        Problem::configuration(format!("{shown} holds no key: 64 hexadecimal digits are expected"))
    })?;
    secret(path, seed)
}

fn secret(path: &Path, seed: [u8; 32]) -> Result<SecretKey, Problem> {
    SecretKey::try_from_seed(seed).ok_or_else(|| {
        Problem::configuration(format!("{} holds a key that cannot be used", path.display()))
    })
}
