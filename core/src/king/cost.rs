//! What one agreement by phase king costs.

/// Rounds: the commander's, then three for each of `t + 1` kings.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "compared with the most that fits")]
pub const fn rounds(traitors: usize) -> u8 {
    let rounds = traitors.saturating_mul(3).saturating_add(4);
    if rounds < u8::MAX as usize { rounds as u8 } else { u8::MAX }
}

/// Messages of a run without faults, each from one general to one other: `n - 1` by the commander,
/// `2n(n - 1)` by everybody and `n - 1` by the king in each of `t + 1` phases.
#[must_use]
pub const fn messages(nodes: usize, traitors: usize) -> u64 {
    let peers = (nodes as u64).saturating_sub(1);
    let phases = (traitors as u64).saturating_add(1);
    let phase = (nodes as u64).saturating_mul(2).saturating_add(1).saturating_mul(peers);
    phase.saturating_mul(phases).saturating_add(peers)
}

/// Frames of a run without faults: each message is one.
#[must_use]
pub const fn frames(nodes: usize, traitors: usize) -> u64 {
    messages(nodes, traitors)
}

/// Elements of the memory of one general, each an [`Opinion`](super::Opinion): what everybody said
/// in the round that is open, and in the next one, for clocks that are ahead.
#[must_use]
pub const fn slots(nodes: usize, _traitors: usize) -> usize {
    nodes.saturating_mul(2)
}

/// The most bytes of a message that are not the value's: the instance (the number of an instance
/// takes 1 to 10), the round, and the kind of opinion.
const OVERHEAD: u64 = 10 + 1 + 1 + 1;

/// Payload bytes of all frames of a run without faults, at most, with values that take at most
/// `value_bytes` bytes when they are encoded.
#[must_use]
pub const fn bytes(nodes: usize, traitors: usize, value_bytes: usize) -> u64 {
    frames(nodes, traitors).saturating_mul(frame_bytes(value_bytes))
}

/// The most bytes of one payload, with values that take at most `value_bytes` bytes when they are
/// encoded: how long a buffer must be to seal any frame and to hear every frame of a loyal peer.
#[must_use]
pub const fn frame_bytes(value_bytes: usize) -> u64 {
    OVERHEAD.saturating_add(value_bytes as u64)
}
