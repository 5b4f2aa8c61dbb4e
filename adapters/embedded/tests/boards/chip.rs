//! A flash whose power can be cut at every word.

use crate::rng::Rng;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use std::cell::RefCell;
use std::rc::Rc;

/// What a flash says without power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPower;

impl NorFlashError for NoPower {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

#[derive(Clone, Debug)]
struct Cells {
    bytes: Vec<u8>,
    /// Words that were written since they were erased, and not cut short.
    written: Vec<bool>,
    /// Words that can be written or erased before the power goes.
    fuel: Option<u64>,
    used: u64,
    erased: u64,
    rng: u64,
}

/// A chip with words of `W` bytes and pages of `P`; copies are the same chip.
#[derive(Clone, Debug)]
pub struct Chip<const W: usize, const P: usize>(Rc<RefCell<Cells>>);

impl<const W: usize, const P: usize> Chip<W, P> {
    pub fn new(pages: usize) -> Self {
        let (bytes, written) = (vec![0xff; pages * P], vec![false; pages * P / W]);
        let cells = Cells { bytes, written, fuel: None, used: 0, erased: 0, rng: 1 };
        Self(Rc::new(RefCell::new(cells)))
    }

    /// Another chip with the same contents.
    pub fn twin(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// The power goes after so many words; `None`: it stays.
    pub fn cut_after(&self, fuel: Option<u64>) {
        let mut cells = self.0.borrow_mut();
        cells.fuel = fuel;
        cells.rng = fuel.unwrap_or(0) ^ cells.used;
    }

    pub fn has_power(&self) -> bool {
        self.0.borrow().fuel != Some(0)
    }

    /// Words that were written or erased, and pages that were erased.
    pub fn wear(&self) -> (u64, u64) {
        let cells = self.0.borrow();
        (cells.used, cells.erased)
    }

    pub fn len(&self) -> usize {
        self.0.borrow().bytes.len()
    }

    /// The first place from which so many bytes are all the same one.
    pub fn find(&self, byte: u8, count: usize) -> Option<usize> {
        let cells = self.0.borrow();
        cells.bytes.windows(count).position(|bytes| bytes.iter().all(|it| *it == byte))
    }

    /// Flips a bit of its own accord; false if it is one of a word that is empty.
    pub fn rot(&self, byte: usize, bit: usize) -> bool {
        let mut cells = self.0.borrow_mut();
        cells.bytes[byte] ^= 1 << bit;
        cells.written[byte / W]
    }
}

impl Cells {
    /// Whether the next word is done as a whole. If not, its bits are as chance has it.
    fn burn(&mut self) -> Result<bool, NoPower> {
        self.used += 1;
        let Some(fuel) = &mut self.fuel else { return Ok(true) };
        *fuel = fuel.checked_sub(1).ok_or(NoPower)?;
        Ok(*fuel > 0)
    }

    fn chance(&mut self) -> u8 {
        let mut rng = Rng::new(self.rng);
        self.rng = rng.next();
        self.rng as u8
    }
}

impl<const W: usize, const P: usize> ErrorType for Chip<W, P> {
    type Error = NoPower;
}

impl<const W: usize, const P: usize> ReadNorFlash for Chip<W, P> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NoPower> {
        let cells = self.0.borrow();
        if cells.fuel == Some(0) {
            return Err(NoPower);
        }
        bytes.copy_from_slice(&cells.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.len()
    }
}

impl<const W: usize, const P: usize> NorFlash for Chip<W, P> {
    const WRITE_SIZE: usize = W;
    const ERASE_SIZE: usize = P;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NoPower> {
        let mut cells = self.0.borrow_mut();
        let (from, to) = (from as usize, to as usize);
        assert!(from.is_multiple_of(P) && to.is_multiple_of(P), "erasing parts of pages");
        for at in (from..to).step_by(W) {
            let whole = cells.burn()?;
            cells.erased += u64::from(at.is_multiple_of(P));
            for byte in at..at + W {
                let bits = if whole { 0xff } else { cells.chance() };
                cells.bytes[byte] |= bits;
            }
            cells.written[at / W] &= !whole;
            if !whole {
                return Err(NoPower);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NoPower> {
        let mut cells = self.0.borrow_mut();
        let offset = offset as usize;
        assert!(offset.is_multiple_of(W) && bytes.len().is_multiple_of(W), "parts of words");
        assert!((bytes.as_ptr() as usize).is_multiple_of(4), "a buffer that is not aligned");
        for (word, at) in bytes.chunks_exact(W).zip((offset..).step_by(W)) {
            assert!(!cells.written[at / W], "a word is written twice");
            let whole = cells.burn()?;
            for (byte, place) in word.iter().zip(at..) {
                let chance = if whole { 0 } else { cells.chance() };
                cells.bytes[place] &= byte | chance;
            }
            cells.written[at / W] = whole;
            if !whole {
                return Err(NoPower);
            }
        }
        Ok(())
    }
}
