//! What the rules work on: the node's own small state, its memory, and the effects of a step.

use super::config::Config;
use super::memory::{Lane, Parts};
use crate::auth::Digest;
use crate::fault::{Fault, Refusal};
use crate::node::{ClientId, NodeId, NodeSet};
use crate::time::Instant;
use crate::vector::Broadcast;
use core::cell::Cell;

/// The most effects of one step.
pub(super) const EFFECTS: usize = 16;

/// What a step leads to; unfolded by [`Outputs`](super::Outputs).
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    Execute { slot: u64 },
    Capture { slot: u64 },
    ServeState { to: NodeId, slot: u64 },
    Install { slot: u64 },
    Reply { client: ClientId },
    Stale { client: ClientId, timestamp: u64 },
    Rejoin { after: u64 },
    Vouch { to: NodeSet, slot: u64, digest: Digest },
    FetchState { to: NodeSet, slot: u64 },
    Accuse { node: NodeId, fault: Fault },
    AccuseAll { nodes: NodeSet, fault: Fault },
    Refuse(Refusal),
}

/// A slot whose requests are with the host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Executing {
    pub(super) slot: u64,
    /// How many places of the rotation are done.
    pub(super) place: usize,
}

/// This general counts itself faulty and has no state of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    /// It waits for the state after this slot.
    pub(super) after: u64,
    /// What m + 1 generals vouch for.
    pub(super) certified: Option<Digest>,
    /// When it is asked for again.
    pub(super) retry_at: Instant,
}

/// The small state of a general.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) config: Config,
    pub(super) now: Instant,
    /// Whether it was stepped before.
    pub(super) started: bool,
    /// The next slot to begin; its lane hears early frames already.
    pub(super) next: u64,
    /// The next slot to execute.
    pub(super) executed: u64,
    pub(super) executing: Option<Executing>,
    pub(super) behind: Option<Behind>,
    /// The slot whose state the host captures, and the digest of the client table then.
    pub(super) capturing: Option<(u64, Digest)>,
    /// The slot whose state the host has captured.
    pub(super) captured: Option<u64>,
    /// How many requests arrived.
    pub(super) arrivals: u64,
    /// Whether there was more to execute than one step may put out.
    pub(super) unfinished: bool,
    pub(super) effects: heapless::Vec<Effect, EFFECTS>,
    pub(super) cursor: Cell<usize>,
    pub(super) undrained: Cell<bool>,
    /// Who was accused already of those that the current effect accuses.
    pub(super) told: Cell<NodeSet>,
}

impl Node {
    pub(super) const fn new(config: Config) -> Self {
        Self {
            config,
            now: Instant::ZERO,
            started: false,
            next: 0,
            executed: 0,
            executing: None,
            behind: None,
            capturing: None,
            captured: None,
            arrivals: 0,
            unfinished: false,
            effects: heapless::Vec::new(),
            cursor: Cell::new(0),
            undrained: Cell::new(false),
            told: Cell::new(NodeSet::EMPTY),
        }
    }
}

/// The rules: the node and its memory during one step.
pub(super) struct Rules<'s, P, T, A> {
    pub(super) node: &'s mut Node,
    pub(super) memory: Parts<'s, P, T>,
    pub(super) authority: &'s A,
}

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>, A> Rules<'_, P, T, A> {
    pub(super) fn emit(&mut self, effect: Effect) {
        let kept = self.node.effects.push(effect);
        assert!(kept.is_ok(), "the effects of one step have a bound");
    }

    /// The lane of a slot that is under way, or the next.
    pub(super) fn lane(&mut self, slot: u64) -> Result<&mut Lane<P, T>, Fault> {
        if slot > self.node.next {
            return Err(Fault::OutOfBounds);
        }
        let lane = self.memory.lanes.get_mut(place(slot, self.memory.lanes.len()));
        lane.filter(|lane| lane.rules().number() == slot).ok_or(Fault::Late)
    }

    /// Who of the peers satisfies something.
    pub(super) fn peers_where(&self, holds: impl Fn(&super::memory::Peer) -> bool) -> NodeSet {
        let peers = self.memory.peers.iter().zip((0u8..).map(NodeId));
        peers.filter(|(peer, _)| holds(peer)).map(|(_, node)| node).collect()
    }
}

/// Where in the ring of lanes a slot is.
pub(super) fn place(slot: u64, lanes: usize) -> usize {
    let place = slot.checked_rem(lanes as u64).unwrap_or(0);
    usize::try_from(place).unwrap_or(0)
}
