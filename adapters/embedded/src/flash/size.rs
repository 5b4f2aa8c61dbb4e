//! How large the region of a log has to be.

use super::chain::Grain;
use super::item::{CHUNK, HEAD};
use crate::service::Layout;

/// Bytes of the region that the log of a replica takes on a flash whose pages have `page` bytes
/// and whose words, to write or to read, whichever is larger, have `word` bytes.
///
/// Each of its halves holds four times what a rotation writes at most: the checkpoints that are
/// held, and [all records](quorate::pbft::Dimensions::record_bytes) of the replica with its
/// VIEW-CHANGE, those that its NEW-VIEW names, and its votes. So a quarter is left when the log is
/// three quarters full, and no message leads to more records than there is room for.
///
/// ```
/// use quorate::pbft::Dimensions;
/// use quorate_embedded::{Layout, flash};
/// let dimensions =
///     Dimensions { nodes: 4, window: 8, batch_bytes: 256, clients: 1, reply_bytes: 16 };
/// let layout = Layout { dimensions, state_bytes: 4 };
/// assert_eq!(flash::flash_bytes(&layout, 2048, 8) % (2 * 2048), 0);
/// ```
#[must_use]
pub const fn flash_bytes(layout: &Layout, page: usize, word: usize) -> usize {
    let grain = Grain { page: page.saturating_sub(2 * word), word };
    let chunk = chunk(page, word);
    let bytes = layout.dimensions.record_bytes() + Layout::HELD * layout.kept_bytes();
    // Each thing ends with an item that may be short. Two are marks.
    let items = bytes.div_ceil(max(chunk, 1)) + layout.dimensions.records() + Layout::HELD + 2;
    let taken = bytes + items * (grain.item(0) + word);
    // A page ends where the next item does not fit in; two that follow each other are more than
    // one together.
    let used = max(grain.page.saturating_sub(grain.item(chunk)), grain.page / 2);
    2 * 4 * taken.div_ceil(max(used, 1)) * page
}

/// Bytes of the body of an item: one that does not waste much of a page.
pub(super) const fn chunk(page: usize, word: usize) -> usize {
    let marks = 2 * word + 8_usize.next_multiple_of(word) + HEAD;
    let chunk = page.saturating_sub(marks) / word * word;
    if chunk < CHUNK { chunk } else { CHUNK }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}
