//! Ctrl-C: the demonstration ends in good order, so that nothing is left behind.

use crate::problem::Problem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether Ctrl-C was pressed.
#[derive(Clone, Debug)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for Ctrl-C from now on. One process can do so once.
    pub(super) fn listen() -> Result<Self, Problem> {
        let pressed = Arc::new(AtomicBool::new(false));
        let press = Arc::clone(&pressed);
        ctrlc::set_handler(move || press.store(true, Ordering::Release))
            .map_err(|error| Problem::failed(format!("cannot listen for Ctrl-C: {error}")))?;
        Ok(Self(pressed))
    }

    /// Fails once it was pressed.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.0.load(Ordering::Acquire) { Err(Problem::Interrupted) } else { Ok(()) }
    }
}
