//! Oral messages, signed messages or the phase king: what each costs, and when to prefer which.
//!
//! All three let `n` generals agree on one general's order in [rounds](crate::rounds), and are used
//! alike. The tables count one agreement without a fault that withstands the most traitors that
//! [`om`](crate::om) and [`king`](crate::king) can, the largest `t` with `n > 3t`; for
//! [`sm`](crate::sm) the same `t`. They are computed by [`om()`], [`sm()`] and [`king()`] here,
//! which answer for other numbers too.
//!
//! # Which
//!
//! * *You have signatures, and time to verify them:* [`sm`](crate::sm). No other sends fewer frames
//!   at any size, and it is the only one that withstands any number of traitors, `n >= t + 2`: two
//!   among four. Without a fault each lieutenant makes one signature and checks one; but a round
//!   must leave time for as many as traitors can make it check, [`sm::verifications`]. What it
//!   needs of RAM is 130 bytes for each traitor, whatever the values.
//! * *One or two traitors, links that are authentic:* [`om`](crate::om). Up to nine generals it
//!   needs the fewest bytes for small values, `t + 1` rounds, at most 100 bytes of RAM, and no
//!   signature. Nothing beats it for `n = 4`: nine frames, two rounds, six bytes.
//! * *Three traitors, 10 to 12 generals:* either. For values of one byte both send about as much;
//!   `om` decides after 4 rounds and not 13, `king` needs a twentieth of the RAM or less, and
//!   for values of 32 bytes it also sends a third or less. A machine with little memory takes
//!   `king`, one with a deadline takes `om`.
//! * *Four traitors and more, without signatures:* [`king`](crate::king). Oral messages are
//!   exponential: from 13 generals on they take some ten times its bytes and more, hundreds of
//!   times its RAM, and at 16 a single frame has 34 kilobytes, where every frame of the king
//!   has 14 bytes at any `n`. Where frames are small or of one size, on a CAN bus or in a
//!   TDMA slot, that is a reason to take `king` earlier.
//!
//! The price of the king is time and the number of frames: `3t + 4` rounds where the others have
//! `t + 1`, and about `2n^2` frames in each three of them. The proof that an authentic
//! link adds to each of them weighs more than what it says.
//!
//! Traitors cannot raise what the loyal send by `om` and `king`: everybody says as much in any
//! case. By `sm` the loyal relay at most twice as many messages, [`sm::relays`], with chains of up
//! to `t + 1` signatures.
//!
//! # The figures
//!
//! Messages are counted as the papers do, each with one opinion or one chain of signatures; `om`
//! packs many into a frame. RAM is the memory that is handed to each general; what it has
//! besides is a few hundred bytes in all three. Bytes are those of the payload, without what a
//! link adds.
//!
#![doc = include_str!("cost.md")]

use crate::{king, om, sm};

/// What one agreement costs if nobody is a traitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cost {
    /// Rounds until all decide.
    pub rounds: u8,
    /// Messages as the papers count them, each with one opinion of one general for one other.
    pub messages: u64,
    /// Frames in which they travel, each from one general to one other.
    pub frames: u64,
    /// Payload bytes of all frames, at most; a link adds its own header and proof to each.
    pub bytes: u64,
    /// Elements of the memory that each general is given.
    pub slots: usize,
    /// Bytes of that memory, for values that need no alignment.
    pub memory_bytes: u64,
}

/// The cost of oral messages, OM(`traitors`), with values of `value_bytes` bytes. Saturates.
#[must_use]
pub const fn om(nodes: usize, traitors: usize, value_bytes: usize) -> Cost {
    let slots = om::slots(nodes, traitors);
    Cost {
        rounds: om::rounds(traitors),
        messages: om::messages(nodes, traitors),
        frames: om::frames(nodes, traitors),
        bytes: om::bytes(nodes, traitors, value_bytes),
        slots,
        memory_bytes: tagged(slots, value_bytes),
    }
}

/// The cost of signed messages, SM(`traitors`), with values of `value_bytes` bytes. Saturates.
#[must_use]
pub const fn sm(nodes: usize, traitors: usize, value_bytes: usize) -> Cost {
    let slots = sm::slots(nodes, traitors);
    Cost {
        rounds: sm::rounds(traitors),
        messages: sm::messages(nodes, traitors),
        frames: sm::frames(nodes, traitors),
        bytes: sm::bytes(nodes, traitors, value_bytes),
        slots,
        memory_bytes: (slots as u64).saturating_mul(size_of::<sm::Row>() as u64),
    }
}

/// The cost of the phase king with values of `value_bytes` bytes. Saturates.
#[must_use]
pub const fn king(nodes: usize, traitors: usize, value_bytes: usize) -> Cost {
    let slots = king::slots(nodes, traitors);
    Cost {
        rounds: king::rounds(traitors),
        messages: king::messages(nodes, traitors),
        frames: king::frames(nodes, traitors),
        bytes: king::bytes(nodes, traitors, value_bytes),
        slots,
        memory_bytes: tagged(slots, value_bytes),
    }
}

/// The size of slots that hold a value or say why there is none: one byte more than the value.
const fn tagged(slots: usize, value_bytes: usize) -> u64 {
    (slots as u64).saturating_mul((value_bytes as u64).saturating_add(1))
}
