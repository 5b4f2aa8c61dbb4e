//! Whether what cannot be read may have been cut short.
//!
//! A loss of power tears the one thing that was being written: the last of what was appended, or
//! the mark of the start that follows it. So of several things in a row that cannot be read only
//! the first may be longer than such a mark; a longer one behind it was there as a whole.
//!
//! The queue passes over what it cannot read in silence, but looks at it twice before: the same
//! bytes, one read after the other. What is whole is read once.

use super::item::HEAD;
use core::cell::Cell;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// What was found out while a half was read.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// Address and length of the last read.
    last: Cell<Option<(u32, usize)>>,
    /// Whether something behind the last whole item could not be read.
    torn: Cell<bool>,
    spoiled: Cell<bool>,
}

impl Doubt {
    /// An item is whole.
    pub(super) fn clear(&self) {
        self.torn.set(false);
    }

    /// Whether something was spoiled that no loss of power can have cut short.
    pub(super) const fn is_certain(&self) -> bool {
        self.spoiled.get()
    }

    /// Bytes are read; the mark of a start has up to `mark`.
    fn read(&self, from: u32, length: usize, mark: usize) {
        let twice = self.last.replace(Some((from, length))) == Some((from, length));
        if twice {
            let before = self.torn.replace(true);
            self.spoiled.set(self.spoiled.get() || (before && length > mark));
        }
    }
}

/// A flash that is watched as it is read.
pub(super) struct Watched<'f, F> {
    pub(super) flash: &'f mut F,
    pub(super) doubt: &'f Doubt,
}

impl<F: ErrorType> ErrorType for Watched<'_, F> {
    type Error = F::Error;
}

impl<F: NorFlash> ReadNorFlash for Watched<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), F::Error> {
        let word = F::WRITE_SIZE.max(F::READ_SIZE);
        self.doubt.read(offset, bytes.len(), HEAD.next_multiple_of(word));
        self.flash.read(offset, bytes).await
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl<F: NorFlash> NorFlash for Watched<'_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), F::Error> {
        self.flash.erase(from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), F::Error> {
        self.flash.write(offset, bytes).await
    }
}
