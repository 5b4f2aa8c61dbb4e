//! What a fuzzer wants: its bytes, read as choices.

use arbitrary::Unstructured;

/// The bytes of one input, read as choices from the front. Where they end, every choice is the
/// first one that there is, so that each input has a meaning and a shorter one means less.
#[derive(Debug)]
pub struct Whim<'a>(Unstructured<'a>);

impl<'a> Whim<'a> {
    /// The choices of an input.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    /// Whether all bytes are used up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte; 0 at the end.
    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.int_in_range(0..=bound.saturating_sub(1)).unwrap_or_default()
    }

    /// Whether something happens that happens `often` times in 256; never at the end.
    pub fn chance(&mut self, often: u8) -> bool {
        !self.is_over() && self.byte() < often
    }

    /// A number: a small one, below `small`, unless the first byte asks for another, which may be
    /// any, and is one of the last there are as often as not.
    pub fn number(&mut self, small: u8) -> u64 {
        match self.byte() {
            255 => self.0.arbitrary().unwrap_or_default(),
            254 => u64::MAX - u64::from(self.byte() % 4),
            byte => u64::from(byte % small.max(1)),
        }
    }

    /// At most `most` bytes.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = self.below(most.saturating_add(1)).min(self.0.len());
        self.0.bytes(length).unwrap_or_default()
    }

    /// One of the items, if there is one.
    pub fn pick<'t, T>(&mut self, items: &'t [T]) -> Option<&'t T> {
        items.get(self.below(items.len()))
    }

    /// The bytes that are left, for a reader of one's own.
    pub(super) fn unstructured(&mut self) -> &mut Unstructured<'a> {
        &mut self.0
    }

    /// All bytes that are left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0.take_rest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_in_their_bounds_and_the_first_ones_at_the_end() {
        let data: Vec<u8> = (0..=255).cycle().take(2_000).collect();
        let mut whim = Whim::new(&data);
        while !whim.is_over() {
            assert!(whim.below(7) < 7);
            assert!(whim.bytes(9).len() <= 9);
            assert!(whim.pick(&[1, 2, 3]).is_some());
            whim.number(4);
        }
        assert_eq!((whim.byte(), whim.below(300), whim.number(8)), (0, 0, 0));
        assert_eq!((whim.bytes(4), whim.pick(&[5, 6])), (&[][..], Some(&5)));
        assert!(!whim.chance(255) && whim.pick::<u8>(&[]).is_none());
        assert_eq!(Whim::new(b"abc").rest(), b"abc");
    }
}
