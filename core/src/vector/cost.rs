//! How long the frames of a vector are.

use crate::wire::length_bytes;

/// The most bytes of one payload of a vector among `nodes` generals, if a frame of one instance
/// takes at most `part_bytes`, which is what `frame_bytes` of its protocol says: how long a buffer
/// must be to seal any frame and to hear every frame of a loyal peer.
///
/// ```
/// use quorate::{om, vector};
/// assert_eq!(vector::frame_bytes(4, om::frame_bytes(4, 1, 5)), 91);
/// ```
#[must_use]
pub const fn frame_bytes(nodes: usize, part_bytes: u64) -> u64 {
    // The number of the vector, how long its parts are, and the parts.
    let parts = part_bytes.saturating_mul(nodes as u64);
    parts.saturating_add(10 + length_bytes(parts))
}
