//! Which of all known bugs is switched on in a build that holds them all.
//!
//! The core has this file as a module of its own under `cfg(canary)`, and only then; such a build
//! has the standard library, and `lib.rs` lets no release build be one.

extern crate std;

use std::string::String;
use std::sync::OnceLock;

/// Whether `QUORATE_CANARY` names this bug.
pub(crate) fn chosen(name: &str) -> bool {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("QUORATE_CANARY").ok());
    chosen.as_deref() == Some(name)
}
