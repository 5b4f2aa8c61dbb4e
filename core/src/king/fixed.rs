//! Memory in an array, sized when it compiles.

use super::cost::slots;
use super::opinion::Opinion;
use crate::node::MAX_NODES;

/// The memory of one general among `N` with at most `M` traitors: `SLOTS` opinions, which is
/// [`slots(N, M)`](slots). Sizes that cannot work do not compile.
///
/// ```
/// use quorate::king::{self, Fixed};
/// static MEMORY: Fixed<u32, 4, 1, { king::slots(4, 1) }> = Fixed::new();
/// ```
///
/// ```compile_fail
/// // Three generals withstand no traitor.
/// static MEMORY: quorate::king::Fixed<u32, 3, 1, 6> = quorate::king::Fixed::new();
/// ```
///
/// ```compile_fail
/// // Four generals need eight slots.
/// static MEMORY: quorate::king::Fixed<u32, 4, 1, 7> = quorate::king::Fixed::new();
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fixed<V, const N: usize, const M: usize, const SLOTS: usize>([Opinion<V>; SLOTS]);

impl<V: Copy, const N: usize, const M: usize, const SLOTS: usize> Fixed<V, N, M, SLOTS> {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(N >= 2 && N <= MAX_NODES, "there are 2 to 64 generals");
            assert!(N > M.saturating_mul(3), "the phase king needs n > 3t generals");
            assert!(SLOTS == slots(N, M), "SLOTS must be king::slots(N, M)");
        }
        Self([Opinion::Nothing; SLOTS])
    }
}

impl<V: Copy, const N: usize, const M: usize, const SLOTS: usize> Default
    for Fixed<V, N, M, SLOTS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<V, const N: usize, const M: usize, const SLOTS: usize> AsRef<[Opinion<V>]>
    for Fixed<V, N, M, SLOTS>
{
    fn as_ref(&self) -> &[Opinion<V>] {
        &self.0
    }
}

impl<V, const N: usize, const M: usize, const SLOTS: usize> AsMut<[Opinion<V>]>
    for Fixed<V, N, M, SLOTS>
{
    fn as_mut(&mut self) -> &mut [Opinion<V>] {
        &mut self.0
    }
}
