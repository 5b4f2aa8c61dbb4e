//! The memory of a general that serves clients: handed in by the host.

use super::proposal::Proposal;
use crate::auth::Digest;
use crate::rounds::General;
use crate::service::ClientRow;
use crate::vector::{Broadcast, Instances};
use core::fmt;
use core::marker::PhantomData;

/// What is agreed on in one slot: a vector of proposals.
pub type Lane<P, T> = General<Instances<P, T>>;

/// What is known of one client's request that is not executed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Desk {
    /// Its timestamp; 0 if there is none.
    pub(super) timestamp: u64,
    /// When it arrived, in order of arrivals.
    pub(super) arrival: u64,
    /// One more than the slot in which this general proposed it last; 0 if it did not.
    pub(super) proposed: u64,
    /// Bytes of the request.
    pub(super) length: u32,
    /// Whether a request of the client is with the host and not answered yet.
    pub(super) unanswered: bool,
    /// How many of its requests were let through to be verified since the last slot began.
    pub(super) tries: u8,
}

impl Desk {
    /// Nothing waits any more. What the client has cost stays.
    pub(super) const fn clear(&mut self) {
        let Self { unanswered, tries, .. } = *self;
        *self = Self { timestamp: 0, arrival: 0, proposed: 0, length: 0, unanswered, tries };
    }
}

/// What is known of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Peer {
    /// One bit for each request of its proposal that is to be executed.
    pub(super) fresh: u64,
    /// One more than the slot after which it asked for the state; 0 if it did not.
    pub(super) asked: u64,
    /// One more than the slot after which the state was last captured for it; 0 if it never was.
    pub(super) captured: u64,
    /// One more than the slot of the last state that it was sent; 0 if there is none.
    pub(super) served: u64,
    /// What it vouches for, in answer to this general's last question.
    pub(super) vouched: Option<Digest>,
}

/// Memory in containers of the host's choosing: arrays, slices, vectors.
///
/// * `lanes`: one for each slot at once, at least [`Config::lanes`](super::Config::lanes).
/// * `rows`, `desks`: one for each client.
/// * `requests`: for each client the bytes of its longest request, as in a batch.
/// * `replies`: for each client the bytes of its longest reply.
/// * `peers`: one for each general.
pub struct Memory<P, L, C, D, Q, N> {
    /// The slots.
    pub lanes: L,
    /// The client table.
    pub rows: C,
    /// The requests that wait.
    pub desks: D,
    /// Their bytes.
    pub requests: Q,
    /// The last replies.
    pub replies: Q,
    /// The peers.
    pub peers: N,
    /// The protocol of the lanes.
    pub protocol: PhantomData<fn() -> P>,
}

impl<P, L, C, D, Q, N> fmt::Debug for Memory<P, L, C, D, Q, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

#[cfg(feature = "defmt")]
impl<P, L, C, D, Q, N> defmt::Format for Memory<P, L, C, D, Q, N> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Memory");
    }
}

/// What [`Memory`] is made of, whatever the containers.
pub trait Storage<const B: usize> {
    /// The protocol that the slots run.
    type Protocol: Broadcast<Value = Proposal<B>>;
    /// The memory of one slot's instances.
    type Instances: AsRef<[Self::Protocol]> + AsMut<[Self::Protocol]>;

    /// Lends the memory for writing.
    fn parts(&mut self) -> Parts<'_, Self::Protocol, Self::Instances>;
    /// Lends the memory for reading.
    fn lend(&self) -> Lent<'_, Self::Protocol, Self::Instances>;
}

/// The memory, for writing.
pub struct Parts<'s, P, T> {
    pub(super) lanes: &'s mut [Lane<P, T>],
    pub(super) rows: &'s mut [ClientRow],
    pub(super) desks: &'s mut [Desk],
    pub(super) requests: &'s mut [u8],
    pub(super) replies: &'s mut [u8],
    pub(super) peers: &'s mut [Peer],
}

/// The memory, for reading.
pub struct Lent<'s, P, T> {
    pub(super) lanes: &'s [Lane<P, T>],
    pub(super) rows: &'s [ClientRow],
    pub(super) replies: &'s [u8],
    pub(super) peers: &'s [Peer],
}

impl<P, T> fmt::Debug for Parts<'_, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl<P, T> fmt::Debug for Lent<'_, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}

#[cfg(feature = "defmt")]
impl<P, T> defmt::Format for Parts<'_, P, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Parts({} clients)", self.rows.len());
    }
}

#[cfg(feature = "defmt")]
impl<P, T> defmt::Format for Lent<'_, P, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Lent({} clients)", self.rows.len());
    }
}

impl<P, T, L, C, D, Q, N, const B: usize> Storage<B> for Memory<(P, T), L, C, D, Q, N>
where
    P: Broadcast<Value = Proposal<B>>,
    T: AsRef<[P]> + AsMut<[P]>,
    L: AsRef<[Lane<P, T>]> + AsMut<[Lane<P, T>]>,
    C: AsRef<[ClientRow]> + AsMut<[ClientRow]>,
    D: AsMut<[Desk]>,
    Q: AsRef<[u8]> + AsMut<[u8]>,
    N: AsRef<[Peer]> + AsMut<[Peer]>,
{
    type Protocol = P;
    type Instances = T;

    fn parts(&mut self) -> Parts<'_, P, T> {
        Parts {
            lanes: self.lanes.as_mut(),
            rows: self.rows.as_mut(),
            desks: self.desks.as_mut(),
            requests: self.requests.as_mut(),
            replies: self.replies.as_mut(),
            peers: self.peers.as_mut(),
        }
    }

    fn lend(&self) -> Lent<'_, P, T> {
        Lent {
            lanes: self.lanes.as_ref(),
            rows: self.rows.as_ref(),
            replies: self.replies.as_ref(),
            peers: self.peers.as_ref(),
        }
    }
}
