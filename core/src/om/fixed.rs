//! Memory in an array.

use super::cost::slots;
use super::entry::Entry;

/// Memory for one general among `N` with up to `M` traitors: an array of `SLOTS` entries, which
/// is `slots(N, M)`. What cannot work does not compile.
///
/// ```
/// use quorate::om::{Fixed, slots};
/// static MEMORY: Fixed<u8, 7, 2, { slots(7, 2) }> = Fixed::new();
/// ```
///
/// ```compile_fail
/// // Three generals withstand no traitor.
/// static MEMORY: quorate::om::Fixed<u8, 3, 1, 2> = quorate::om::Fixed::new();
/// ```
///
/// ```compile_fail
/// // OM(2) of seven takes 26 slots.
/// static MEMORY: quorate::om::Fixed<u8, 7, 2, 25> = quorate::om::Fixed::new();
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fixed<V, const N: usize, const M: usize, const SLOTS: usize>([Entry<V>; SLOTS]);

impl<V, const N: usize, const M: usize, const SLOTS: usize> Fixed<V, N, M, SLOTS> {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(N <= crate::node::MAX_NODES, "at most 64 generals");
            assert!(N >= 2, "agreement takes a commander and a lieutenant");
            assert!(N > 3 * M, "oral messages withstand m traitors only among n > 3m generals");
            assert!(SLOTS == slots(N, M), "SLOTS must be om::slots(N, M)");
        }
        Self([const { Entry::EMPTY }; SLOTS])
    }
}

impl<V, const N: usize, const M: usize, const SLOTS: usize> Default for Fixed<V, N, M, SLOTS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V, const N: usize, const M: usize, const SLOTS: usize> AsRef<[Entry<V>]>
    for Fixed<V, N, M, SLOTS>
{
    fn as_ref(&self) -> &[Entry<V>] {
        &self.0
    }
}

impl<V, const N: usize, const M: usize, const SLOTS: usize> AsMut<[Entry<V>]>
    for Fixed<V, N, M, SLOTS>
{
    fn as_mut(&mut self) -> &mut [Entry<V>] {
        &mut self.0
    }
}
