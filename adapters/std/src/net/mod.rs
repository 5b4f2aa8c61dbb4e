//! Authentic links over TCP: one thread, many sockets, no lock held while it waits.
//!
//! Each pair of principals has one connection. The replica with the higher id dials the one
//! with the lower; clients dial replicas. A connection begins with one [`Hello`] from each
//! side, in the clear; then each proves itself by one sealed, empty frame, the dialler first.
//! Only then does the connection count and replace an older one of the same pair: whoever lacks
//! the key displaces nobody. Until then it costs one of a bounded number of half-open places,
//! of which the oldest is given up when all are taken, and it has a deadline.
//!
//! On the stream each frame has its length before it, four bytes little-endian, which is
//! compared with the cap of the link before anything is read or allocated for it.
//!
//! [`Hello`]: quorate::link::Hello

mod backoff;
mod connection;
mod frame;
mod handshake;
mod post;
mod reactor;
mod session;
mod timers;

pub(crate) use backoff::Random;
pub(crate) use post::{Bounds, Payload, Post};
pub(crate) use reactor::{Intake, Limits, Reactor, Route, poll};
pub(crate) use session::{Identities, Identity};

/// One possible link: an index into the reactor's routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(pub(crate) usize);

/// The first byte of every sealed payload: what the rest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Channel {
    /// A message of the protocol.
    Protocol = quorate::link::PROTOCOL,
    /// A message of this adapter.
    Control = 1,
    /// The proof that ends a handshake. Nothing follows.
    Proof = 2,
}

impl Channel {
    /// Splits a payload; `None` for one of an unknown channel.
    pub(crate) fn split(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (channel, rest) = payload.split_first()?;
        match channel {
            0 => Some((Self::Protocol, rest)),
            1 => Some((Self::Control, rest)),
            2 => Some((Self::Proof, rest)),
            _ => None,
        }
    }
}
