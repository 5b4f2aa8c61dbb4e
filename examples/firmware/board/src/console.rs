//! What a board says to the one who runs it, and is told, over semihosting.

use crate::machine::semihost;
use core::fmt;

const WRITE0: usize = 0x04;
const GET_CMDLINE: usize = 0x15;
const EXIT_EXTENDED: usize = 0x20;
/// The reason of an exit that is not a crash.
const APPLICATION_EXIT: usize = 0x20026;

/// Where text goes: the standard output of QEMU.
#[derive(Debug, Default)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.as_bytes().chunks(127) {
            let mut line = [0; 128];
            line[..piece.len()].copy_from_slice(piece);
            semihost(WRITE0, line.as_ptr() as usize);
        }
        Ok(())
    }
}

/// The arguments that the board was started with, in the buffer; none if they do not fit.
pub fn arguments(buffer: &mut [u8]) -> &str {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    if semihost(GET_CMDLINE, block.as_mut_ptr() as usize) != 0 {
        return "";
    }
    // The debugger wrote to memory that the compiler does not know it can reach.
    core::hint::black_box(&mut *buffer);
    let end = buffer.iter().position(|byte| *byte == 0).unwrap_or(buffer.len());
    core::str::from_utf8(&buffer[..end]).unwrap_or_default()
}

/// Ends the run; QEMU's exit status is 0 if all is well, else 1.
pub fn exit(well: bool) -> ! {
    let block = [APPLICATION_EXIT, usize::from(!well)];
    loop {
        semihost(EXIT_EXTENDED, block.as_ptr() as usize);
    }
}
