//! What an agreement costs when nobody is a traitor, for any number of generals.
//!
//! Everything here counts partial permutations: a path is a choice of distinct generals, in order.

use crate::wire::length_bytes;

/// How many rounds there are with up to `traitors` traitors: `m + 1`, at most 255.
#[must_use]
pub const fn rounds(traitors: usize) -> u8 {
    let [low, ..] = traitors.to_le_bytes();
    if traitors < 255 { low + 1 } else { u8::MAX }
}

/// How many single messages of the paper all generals together send: the sum over the rounds
/// `k = 1..=m + 1` of `(n - 1)! / (n - 1 - k)!`, at most `u64::MAX`.
#[must_use]
pub const fn messages(nodes: usize, traitors: usize) -> u64 {
    sum(nodes.saturating_sub(1), 1, rounds(traitors) as usize)
}

/// How many packed frames carry them, one for each sender, receiver and round:
/// `(n - 1) + m (n - 1) (n - 2)`, at most `u64::MAX`.
#[must_use]
pub const fn frames(nodes: usize, traitors: usize) -> u64 {
    let (lieutenants, others) = (nodes.saturating_sub(1), nodes.saturating_sub(2));
    let relays = (traitors as u64).saturating_mul(lieutenants as u64);
    relays.saturating_mul(others as u64).saturating_add(lieutenants as u64)
}

/// How many elements the memory of one general has, one for each path on which an order can
/// reach it: the sum over the rounds `k = 1..=m + 1` of `(n - 2)! / (n - 1 - k)!`, at most
/// `usize::MAX`.
///
/// ```
/// assert_eq!(quorate::om::slots(7, 2), 26);
/// ```
#[must_use]
pub const fn slots(nodes: usize, traitors: usize) -> usize {
    if nodes < 2 {
        return 0;
    }
    saturate(sum(nodes - 2, 1, traitors).saturating_add(1))
}

/// A count as the size of something in memory.
#[allow(clippy::cast_possible_truncation, reason = "what does not fit is compared first")]
pub(super) const fn saturate(count: u64) -> usize {
    if count < usize::MAX as u64 { count as usize } else { usize::MAX }
}

/// How many bytes the payloads of all frames have together, if no encoded value is longer than
/// `value_bytes`: an upper bound, which is reached if every value is as long and the
/// instance has the longest number. At most `u64::MAX`.
#[must_use]
pub const fn bytes(nodes: usize, traitors: usize, value_bytes: usize) -> u64 {
    let lieutenants = nodes.saturating_sub(1) as u64;
    let relays = lieutenants.saturating_mul(nodes.saturating_sub(2) as u64);
    let mut total = lieutenants.saturating_mul(frame(1, value_bytes));
    let mut round = 2;
    while round <= rounds(traitors) as usize && nodes > 2 {
        let orders = product(nodes.saturating_sub(3), round - 2);
        total = total.saturating_add(relays.saturating_mul(frame(orders, value_bytes)));
        round += 1;
    }
    total
}

/// The most bytes of one payload, with values that take at most `value_bytes` bytes when they are
/// encoded: how long a buffer must be to seal any frame and to hear every frame of a loyal peer.
///
/// ```
/// assert_eq!(quorate::om::frame_bytes(7, 2, 1), 22);
/// ```
#[must_use]
pub const fn frame_bytes(nodes: usize, traitors: usize, value_bytes: usize) -> u64 {
    let mut longest = frame(1, value_bytes);
    let mut round = 2;
    while round <= rounds(traitors) as usize && nodes > 2 {
        let bytes = frame(product(nodes.saturating_sub(3), round - 2), value_bytes);
        longest = if bytes > longest { bytes } else { longest };
        round += 1;
    }
    longest
}

/// The longest a frame of this many orders can be: the kind of message, the number of the
/// instance, its commander, the round, the length of the wave, and the wave.
const fn frame(orders: u64, value_bytes: usize) -> u64 {
    let wave = orders.saturating_mul((value_bytes as u64).saturating_add(1));
    wave.saturating_add(1 + 10 + 1 + 1 + length_bytes(wave))
}

/// How many ways there are to choose `count` of `among`, in order.
pub(super) const fn product(among: usize, count: usize) -> u64 {
    let (mut total, mut taken) = (1u64, 0);
    while taken < count && total > 0 {
        total = total.saturating_mul(among.saturating_sub(taken) as u64);
        taken += 1;
    }
    total
}

/// The sum of `product(among, count)` for `count` in `from..=to`.
const fn sum(among: usize, from: usize, to: usize) -> u64 {
    let (mut total, mut count) = (0u64, from);
    while count <= to && count <= among {
        total = total.saturating_add(product(among, count));
        count += 1;
    }
    total
}
