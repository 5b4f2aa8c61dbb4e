//! How long messages are.

use crate::service::Request;
use crate::wire::length_bytes;

/// The most bytes of a [`Proposal`](super::Proposal) of `batch_bytes` when it is encoded: the
/// bytes of a value, as `frame_bytes` of the protocol of the slots takes them.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "10 at most")]
pub const fn value_bytes(batch_bytes: usize) -> usize {
    // That it is not NULL, how long it is, and the batch.
    let length = length_bytes(batch_bytes as u64) as usize;
    batch_bytes.saturating_add(1 + length)
}

/// The most bytes of any message but a `State`, which is as large as the host makes it:
/// `frame_bytes` of the slots' [vector](crate::vector::frame_bytes), requests of `request_bytes`
/// as in a batch, and replies of `reply_bytes`.
///
/// ```
/// use quorate::{lockstep, om, vector};
/// let part = om::frame_bytes(4, 1, lockstep::value_bytes(256));
/// let frame = vector::frame_bytes(4, part);
/// assert_eq!((part, frame), (275, 1112));
/// assert_eq!(lockstep::message_bytes(frame, 128, 32), 1113);
/// ```
#[must_use]
pub const fn message_bytes(frame_bytes: u64, request_bytes: usize, reply_bytes: usize) -> u64 {
    let longer = client_message_bytes(request_bytes, reply_bytes);
    let frame = frame_bytes.saturating_add(1);
    let vouch = 1 + 10 + 32;
    let longest = if frame > longer { frame } else { longer };
    if longest > vouch { longest } else { vouch }
}

/// The most bytes of any message that a client says or hears: requests of `request_bytes` as in a
/// batch, and replies of `reply_bytes`.
#[must_use]
pub const fn client_message_bytes(request_bytes: usize, reply_bytes: usize) -> u64 {
    let operation = request_bytes.saturating_sub(Request::OVERHEAD) as u64;
    // The kind of message, whose it is, its timestamp, how long it is, and the signature.
    let request = operation.saturating_add(1 + 3 + 10 + length_bytes(operation) + 64);
    // The same with the outcome and no signature.
    let reply = reply_bytes as u64;
    let reply = reply.saturating_add(1 + 3 + 10 + 1 + length_bytes(reply));
    if request > reply { request } else { reply }
}
