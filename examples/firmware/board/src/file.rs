//! A file of the host's, over semihosting.

use crate::machine::semihost;

const OPEN: usize = 0x01;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
const SEEK: usize = 0x0A;
/// "r+b": there already, to be read and written.
const UPDATE: usize = 3;
/// "ab": written at its end.
#[cfg(feature = "log")]
const APPEND: usize = 9;
const FAILED: usize = usize::MAX;

/// An open file. What was written to it outlives the emulator, however that ends.
#[derive(Debug)]
pub(crate) struct File(usize);

impl File {
    /// Opens a file that exists; its name ends with a zero.
    pub(crate) fn open(name: &core::ffi::CStr) -> Option<Self> {
        Self::open_as(name, UPDATE)
    }

    /// Opens a file to be written at its end only; its name ends with a zero.
    #[cfg(feature = "log")]
    pub(crate) fn open_to_append(name: &core::ffi::CStr) -> Option<Self> {
        Self::open_as(name, APPEND)
    }

    fn open_as(name: &core::ffi::CStr, mode: usize) -> Option<Self> {
        let block = [name.as_ptr() as usize, mode, name.count_bytes()];
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
        self.seek(from) && self.put(bytes)
    }

    /// Writes bytes at the end of a file that is open for that; false if not all were.
    #[cfg(feature = "log")]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> bool {
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> bool {
        let block = [self.0, bytes.as_ptr() as usize, bytes.len()];
        semihost(WRITE, block.as_ptr() as usize) == 0
    }

    fn seek(&mut self, to: usize) -> bool {
        let block = [self.0, to];
        semihost(SEEK, block.as_ptr() as usize) == 0
    }
}
