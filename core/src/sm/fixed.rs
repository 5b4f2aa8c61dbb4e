//! Memory in an array, sized when it compiles.

use super::cost::slots;
use super::endorsement::Row;
use crate::node::MAX_NODES;

/// The memory of one general among `N` with at most `M` traitors: `SLOTS` rows, which is
/// [`slots(N, M)`](slots). Sizes that cannot work do not compile.
///
/// ```
/// use quorate::sm::{self, Fixed};
/// static MEMORY: Fixed<4, 1, { sm::slots(4, 1) }> = Fixed::new();
/// ```
///
/// ```compile_fail
/// // Among three generals of whom two are traitors there is nobody to agree with.
/// static MEMORY: quorate::sm::Fixed<3, 2, 4> = quorate::sm::Fixed::new();
/// ```
///
/// ```compile_fail
/// // SM(1) keeps two rows.
/// static MEMORY: quorate::sm::Fixed<4, 1, 1> = quorate::sm::Fixed::new();
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fixed<const N: usize, const M: usize, const SLOTS: usize>([Row; SLOTS]);

impl<const N: usize, const M: usize, const SLOTS: usize> Fixed<N, M, SLOTS> {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(N >= 2 && N <= MAX_NODES, "there are 2 to 64 generals");
            assert!(N >= M.saturating_add(2), "signed messages need n >= m + 2 generals");
            assert!(SLOTS == slots(N, M), "SLOTS must be sm::slots(N, M)");
        }
        Self([[0; 65]; SLOTS])
    }
}

impl<const N: usize, const M: usize, const SLOTS: usize> Default for Fixed<N, M, SLOTS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const M: usize, const SLOTS: usize> AsRef<[Row]> for Fixed<N, M, SLOTS> {
    fn as_ref(&self) -> &[Row] {
        &self.0
    }
}

impl<const N: usize, const M: usize, const SLOTS: usize> AsMut<[Row]> for Fixed<N, M, SLOTS> {
    fn as_mut(&mut self) -> &mut [Row] {
        &mut self.0
    }
}
