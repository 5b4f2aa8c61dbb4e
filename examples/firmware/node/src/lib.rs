//! What the boards of a cluster have in common: how they end.
#![no_std]
#![forbid(unsafe_code)]

use board::console::{self, Console};
use core::fmt::{self, Write as _};
use defmt::{Debug2Format, Display2Format, error};
use ed25519_compact as _;

/// Why a board stops, in a few words; the details were printed.
#[derive(Clone, Copy, Debug)]
pub struct Broken(pub &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Prints and logs the details.
pub fn tell(what: &'static str, why: &impl fmt::Debug) -> Broken {
    error!("{=str}: {}", what, Debug2Format(why));
    let _ = writeln!(Console, "{why:?}");
    Broken(what)
}

/// Ends the run, and says why.
pub fn stop(why: fmt::Arguments<'_>) -> ! {
    let _ = writeln!(Console, "the board stops: {why}");
    error!("the board stops: {}", Display2Format(&why));
    console::exit(false)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    stop(format_args!("{info}"))
}
