//! What a general and its host say to each other.

use super::proposal::Proposal;
use crate::auth::Digest;
use crate::node::{ClientId, NodeId};
use crate::service::{ClientTable, Request};
use crate::vector::{Broadcast, Vector};
use core::fmt;

/// What the host asks of its general.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Command<'a> {
    /// A request of the last [`Decision::Execute`] was executed. One command for each request of
    /// the decision, in its order.
    Executed {
        /// The slot of that decision: what the general gave up when it counted itself faulty may
        /// be answered later, and is refused then.
        slot: u64,
        /// Whose request.
        client: ClientId,
        /// The application's reply; one longer than the cluster's constant is replaced by
        /// [`Outcome::ReplyTooLong`](crate::service::Outcome::ReplyTooLong), everywhere alike.
        reply: &'a [u8],
    },
    /// The state of a [`Decision::Capture`] is captured.
    Captured {
        /// The slot.
        slot: u64,
        /// [`Digest::of`] the application's state.
        state: Digest,
    },
}

/// What was agreed, in the order in which the host carries it out.
pub enum Decision<'a, P> {
    /// Execute these requests, in order, and answer each with [`Command::Executed`]. The next
    /// slot's come when all are answered. A general that counts itself faulty gives up what is
    /// under way: answers to it are refused with
    /// [`NotExecuting`](crate::Refusal::NotExecuting), which changes nothing, and the next
    /// `Execute` follows an [`Install`](Self::Install).
    Execute(Execution<'a, P>),
    /// Between this slot and the next one: capture application state and client table, for a
    /// general that rejoins; then answer with [`Command::Captured`]. Only the latest is kept.
    Capture {
        /// The last slot that the state includes.
        slot: u64,
        /// The client table, to be kept with the application's state.
        clients: ClientTable<'a>,
    },
    /// Send `Message::State` with what was captured after this slot to a general that rejoins.
    ServeState {
        /// Who asks.
        to: NodeId,
        /// The slot.
        slot: u64,
    },
    /// Replace the application's state by the `state` of the `Message::State` that was the
    /// input of this very step: m + 1 generals vouch for it. What the application still executes
    /// is in that state already, and must have no effect on it.
    Install {
        /// The last slot that the state includes.
        slot: u64,
    },
}

impl<P: Broadcast> fmt::Debug for Decision<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Execute(execution) => write!(f, "execute slot {}", execution.slot),
            Self::Capture { slot, .. } => write!(f, "capture after slot {slot}"),
            Self::ServeState { to, slot } => write!(f, "serve state {slot} to {}", to.0),
            Self::Install { slot } => write!(f, "install state {slot}"),
        }
    }
}

#[cfg(feature = "defmt")]
impl<P> defmt::Format for Decision<'_, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Self::Execute(execution) => defmt::write!(f, "execute slot {}", execution.slot),
            Self::Capture { slot, .. } => defmt::write!(f, "capture after slot {}", slot),
            Self::ServeState { to, slot } => defmt::write!(f, "serve state {} to {}", slot, to.0),
            Self::Install { slot } => defmt::write!(f, "install state {}", slot),
        }
    }
}

/// The requests of a slot that are to be executed.
pub struct Execution<'a, P> {
    pub(super) slot: u64,
    pub(super) vector: Vector<'a, P>,
    pub(super) peers: &'a [super::memory::Peer],
}

impl<'a, P: Broadcast<Value = Proposal<B>>, const B: usize> Execution<'a, P> {
    /// The slot.
    #[must_use]
    pub const fn slot(&self) -> u64 {
        self.slot
    }

    /// The requests, in the order in which all generals execute them.
    pub fn requests(&self) -> impl Iterator<Item = Request<'a>> + use<'a, P, B> {
        let peers = self.peers;
        self.vector.rotated(self.slot).flat_map(move |(proposer, proposal)| {
            let fresh = peers.get(proposer.index()).map_or(0, |peer| peer.fresh);
            let requests = proposal.batch().unwrap_or_default().iter().zip(0u32..);
            let wanted = move |at: u32| fresh.checked_shr(at).unwrap_or(0) & 1 != 0;
            requests.filter(move |(_, at)| wanted(*at)).map(|(request, _)| request)
        })
    }
}

impl<P> fmt::Debug for Execution<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "execution of slot {}", self.slot)
    }
}

#[cfg(feature = "defmt")]
impl<P> defmt::Format for Execution<'_, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "execution of slot {}", self.slot);
    }
}
