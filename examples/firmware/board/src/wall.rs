//! The time of day, as a board with a receiver for it would have, and the hour at which something
//! is to begin; both by the host.

use crate::file::File;
use crate::machine::semihost;

const TIME: usize = 0x11;

/// Digits of an hour in its file.
const DIGITS: usize = 10;

/// Seconds since 1970.
#[must_use]
pub fn seconds() -> u32 {
    semihost(TIME, 0) as u32
}

/// When it is to begin, in seconds since 1970: ten digits in the file `hour` of the folder that
/// QEMU was started in. `None` if there is none yet.
#[must_use]
pub fn hour() -> Option<u32> {
    let mut digits = [0; DIGITS];
    let read = File::open(c"hour")?.read(0, &mut digits);
    core::str::from_utf8(&digits).ok().filter(|_| read)?.parse().ok()
}
