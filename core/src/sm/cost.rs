//! What one agreement by signed messages costs, at best and at worst.

use crate::wire::length_bytes;

/// Bytes of one endorsement.
const ROW: u64 = 65;

/// Rounds: `m + 1`, at most 255.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "compared with the most that fits")]
pub const fn rounds(traitors: usize) -> u8 {
    let rounds = traitors.saturating_add(1);
    if rounds < u8::MAX as usize { rounds as u8 } else { u8::MAX }
}

/// Messages of a run without faults, each a chain to one general: the commander's, and one relay
/// of each lieutenant to each other. That is `(n - 1)^2`, whatever m, unless it is 0.
///
/// ```
/// assert_eq!(quorate::sm::messages(7, 2), 36);
/// ```
#[must_use]
pub const fn messages(nodes: usize, traitors: usize) -> u64 {
    let lieutenants = (nodes as u64).saturating_sub(1);
    if traitors == 0 { lieutenants } else { lieutenants.saturating_mul(lieutenants) }
}

/// Frames of a run without faults: each carries one chain.
#[must_use]
pub const fn frames(nodes: usize, traitors: usize) -> u64 {
    messages(nodes, traitors)
}

/// The most messages that all loyal lieutenants together relay, whatever the traitors sign:
/// two orders each, `2(n - 1)(n - 2)`.
#[must_use]
pub const fn relays(nodes: usize, traitors: usize) -> u64 {
    if traitors == 0 {
        return 0;
    }
    let (lieutenants, others) = (nodes.saturating_sub(1), nodes.saturating_sub(2));
    (lieutenants as u64).saturating_mul(others as u64).saturating_mul(2)
}

/// The most signatures that one general verifies in one round, whatever the traitors send: two
/// chains of each peer, `2(n - 1)(m + 1)`.
#[must_use]
pub const fn verifications(nodes: usize, traitors: usize) -> u64 {
    let peers = (nodes as u64).saturating_sub(1);
    peers.saturating_mul((traitors as u64).saturating_add(1)).saturating_mul(2)
}

/// Elements of the memory of one general, each a [`Row`](super::Row): the signatures under two
/// orders of at most m generals each. A chain of `m + 1` is not relayed any more.
#[must_use]
pub const fn slots(_nodes: usize, traitors: usize) -> usize {
    traitors.saturating_mul(2)
}

/// Payload bytes of all frames of a run without faults, at most, with values that take at most
/// `value_bytes` bytes when they are encoded.
#[must_use]
pub const fn bytes(nodes: usize, traitors: usize, value_bytes: usize) -> u64 {
    let lieutenants = (nodes as u64).saturating_sub(1);
    let relays = messages(nodes, traitors).saturating_sub(lieutenants);
    let (order, relay) = (frame(1, 1, value_bytes), frame(1, 2, value_bytes));
    lieutenants.saturating_mul(order).saturating_add(relays.saturating_mul(relay))
}

/// The most bytes of one payload, with values that take at most `value_bytes` bytes when they are
/// encoded: how long a buffer must be to seal any frame and to hear every frame of a loyal peer.
#[must_use]
pub const fn frame_bytes(traitors: usize, value_bytes: usize) -> u64 {
    frame(2, (traitors as u64).saturating_add(1), value_bytes)
}

/// The longest a frame of `chains` chains of `endorsements` endorsements can be: the number of
/// the instance, its commander, whether there is a second chain, and for each chain the value,
/// how long the earlier endorsements are, and all endorsements.
const fn frame(chains: u64, endorsements: u64, value_bytes: usize) -> u64 {
    let earlier = endorsements.saturating_sub(1).saturating_mul(ROW);
    let chain =
        earlier.saturating_add(length_bytes(earlier) + ROW).saturating_add(value_bytes as u64);
    chain.saturating_mul(chains).saturating_add(10 + 1 + 1)
}
