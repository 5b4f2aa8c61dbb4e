//! A file of the host's, over semihosting.

use crate::machine::semihost;

const OPEN: usize = 0x01;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
const SEEK: usize = 0x0A;
/// "r+b": there already, to be read and written.
const UPDATE: usize = 3;
const FAILED: usize = usize::MAX;

/// An open file. What was written to it outlives the emulator, however that ends.
#[derive(Debug)]
pub(crate) struct File(usize);

impl File {
    /// Opens a file that exists; its name ends with a zero.
    pub(crate) fn open(name: &core::ffi::CStr) -> Option<Self> {
        let block = [name.as_ptr() as usize, UPDATE, name.count_bytes()];
        let handle = semihost(OPEN, block.as_ptr() as usize);
        (handle != FAILED).then_some(Self(handle))
    }

    /// Fills the buffer from a place on; false if the file ends before.
    pub(crate) fn read(&mut self, from: usize, buffer: &mut [u8]) -> bool {
        let block = [self.0, buffer.as_mut_ptr() as usize, buffer.len()];
        let read = self.seek(from) && semihost(READ, block.as_ptr() as usize) == 0;
        // The debugger wrote to memory that the compiler does not know it can reach.
        core::hint::black_box(buffer);
        read
    }

    /// Writes bytes from a place on; false if not all were.
    pub(crate) fn write(&mut self, from: usize, bytes: &[u8]) -> bool {
        let block = [self.0, bytes.as_ptr() as usize, bytes.len()];
        self.seek(from) && semihost(WRITE, block.as_ptr() as usize) == 0
    }

    fn seek(&mut self, to: usize) -> bool {
        let block = [self.0, to];
        semihost(SEEK, block.as_ptr() as usize) == 0
    }
}
