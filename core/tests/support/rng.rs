//! Seeded randomness.
#![allow(dead_code, reason = "each test uses what it needs")]

use quorate::Digest;

/// SplitMix64: the same numbers for the same seed, everywhere.
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A number of any length: small ones are as likely as large ones.
    pub(crate) fn number(&mut self) -> u64 {
        let bits = self.below(64);
        self.next() >> bits
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.next() as u8)
    }

    pub(crate) fn bytes(&mut self, below: usize) -> Vec<u8> {
        let length = self.below(below);
        (0..length).map(|_| self.next() as u8).collect()
    }

    pub(crate) fn digest(&mut self) -> Digest {
        Digest(self.array())
    }
}
