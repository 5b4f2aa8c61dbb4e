//! A NOR flash, which QEMU's boards have not: memory that is read where it lies, and a file of the
//! host's behind it. What a write has returned from is in the file, and outlives SIGKILL.

use crate::file::File;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// A chip of so many bytes, in pages and words of so many.
#[derive(Debug)]
pub struct Flash<'c, const SIZE: usize, const PAGE: usize, const WORD: usize> {
    file: File,
    cells: &'c mut [u8; SIZE],
}

impl<'c, const SIZE: usize, const PAGE: usize, const WORD: usize> Flash<'c, SIZE, PAGE, WORD> {
    /// The chip whose contents are in the file `flash.bin` of the folder that QEMU was started
    /// in; `None` if there is none, or a shorter one.
    pub fn open(cells: &'c mut [u8; SIZE]) -> Option<Self> {
        let mut file = File::open(c"flash.bin")?;
        file.read(0, cells).then_some(Self { file, cells })
    }

    /// Brings a range of the cells to the file.
    fn keep(&mut self, from: usize, to: usize) -> Result<(), NorFlashErrorKind> {
        let bytes = self.cells.get(from..to).ok_or(NorFlashErrorKind::OutOfBounds)?;
        let written = self.file.write(from, bytes);
        if written { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }
}

impl<const SIZE: usize, const PAGE: usize, const WORD: usize> ErrorType
    for Flash<'_, SIZE, PAGE, WORD>
{
    type Error = NorFlashErrorKind;
}

impl<const SIZE: usize, const PAGE: usize, const WORD: usize> ReadNorFlash
    for Flash<'_, SIZE, PAGE, WORD>
{
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        let cells = self.cells.get(offset as usize..).and_then(|cells| cells.get(..bytes.len()));
        bytes.copy_from_slice(cells.ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        SIZE
    }
}

impl<const SIZE: usize, const PAGE: usize, const WORD: usize> NorFlash
    for Flash<'_, SIZE, PAGE, WORD>
{
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        let (from, to) = (from as usize, to as usize);
        self.cells.get_mut(from..to).ok_or(NorFlashErrorKind::OutOfBounds)?.fill(0xFF);
        self.keep(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        let cells = self.cells.get_mut(from..to).ok_or(NorFlashErrorKind::OutOfBounds)?;
        // As on a chip: a write clears bits, and only erasing sets them.
        cells.iter_mut().zip(bytes).for_each(|(cell, byte)| *cell &= byte);
        self.keep(from, to)
    }
}
