//! Choices written down as the bytes from which a body reads them.

/// The bytes of an input, choice after choice: what [`Whim`](super::Whim) reads, in that order.
#[derive(Clone, Debug, Default)]
pub(super) struct Pen(pub(super) Vec<u8>);

impl Pen {
    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    /// One of `bound` choices: no byte if there is only one.
    pub(super) fn below(&mut self, bound: usize, choice: usize) -> &mut Self {
        assert!(choice < bound.max(1), "{choice} is not below {bound}");
        let last = bound.saturating_sub(1);
        let bytes = (0..size_of::<usize>()).take_while(|at| last >> (8 * at) > 0).count();
        let all = choice.to_be_bytes();
        self.0.extend_from_slice(&all[all.len() - bytes..]);
        self
    }

    /// What happens sometimes happens, or does not.
    pub(super) fn chance(&mut self, happens: bool) -> &mut Self {
        self.byte(if happens { 0 } else { 255 })
    }

    /// A small number.
    pub(super) fn number(&mut self, small: u8, number: u8) -> &mut Self {
        assert!(number < small && number < 254, "{number} is not small");
        self.byte(number)
    }

    /// Some of at most so many bytes.
    pub(super) fn bytes(&mut self, most: usize, bytes: &[u8]) -> &mut Self {
        self.below(most + 1, bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Whim;

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut pen = Pen::default();
        for bound in [1, 2, 16, 256, 257, 70_000] {
            pen.below(bound, bound - 1).below(bound, bound / 2);
        }
        pen.chance(true).chance(false).number(9, 7).bytes(300, b"abc").byte(5);
        let mut whim = Whim::new(&pen.0);
        for bound in [1, 2, 16, 256, 257, 70_000] {
            assert_eq!((whim.below(bound), whim.below(bound)), (bound - 1, bound / 2));
        }
        assert!(whim.chance(1) && !whim.chance(255));
        assert_eq!((whim.number(9), whim.bytes(300), whim.byte()), (7, &b"abc"[..], 5));
        assert!(whim.is_over());
    }
}
