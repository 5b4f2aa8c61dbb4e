//! Ctrl-C: the first one ends a campaign with a summary of what was played, the second at once.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a program that was interrupted: 128 and the number of the signal.
pub(crate) const CODE: u8 = 130;

static PRESSED: AtomicBool = AtomicBool::new(false);

/// Listens from now on. If the system does not allow that, Ctrl-C ends the program as ever.
pub(crate) fn listen() {
    let _ = ctrlc::set_handler(|| {
        if PRESSED.swap(true, Ordering::AcqRel) {
            process::exit(CODE.into());
        }
        eprintln!("no more seeds are begun; once more ends at once");
    });
}

/// Whether it was pressed.
pub(crate) fn came() -> bool {
    PRESSED.load(Ordering::Acquire)
}
