//! Where in a general's memory the order that came along a path is kept.

use super::cost::{product, rounds, saturate, slots};
use super::path::{MAX_ROUNDS, Path, Paths, paths};
use crate::fault::Fault;
use crate::node::{MAX_NODES, NodeId};
use crate::rounds::Config;

/// The shape of one general's memory: the tree of all paths to it, one level for each round, the
/// level of the first round first.
///
/// A level is in ascending order of the ids on its paths, so the paths that are longer by one than
/// a certain path stand side by side in the next level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    nodes: usize,
    rounds: u8,
    commander: NodeId,
    owner: NodeId,
}

impl Tree {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            nodes: config.nodes,
            rounds: rounds(config.traitors),
            commander: config.instance.commander,
            owner: config.me,
        }
    }

    pub(super) const fn rounds(&self) -> u8 {
        self.rounds
    }

    /// How many slots the levels of the rounds before this one have together.
    pub(super) fn start(&self, round: u8) -> usize {
        match usize::from(round) {
            0 | 1 => 0,
            round => slots(self.nodes, round - 2),
        }
    }

    /// How many paths of this length there are.
    pub(super) fn level(&self, round: u8) -> usize {
        let among = self.nodes.saturating_sub(2);
        saturate(product(among, usize::from(round).saturating_sub(1)))
    }

    /// The slot of a path.
    ///
    /// # Errors
    /// [`Fault::OutOfBounds`] for too many ids or unknown ones, [`Fault::OffPath`] for a path that
    /// does not begin with the commander, or on which the owner is, or anybody twice.
    pub(super) fn slot(&self, path: &[NodeId]) -> Result<usize, Fault> {
        let known = |id: &NodeId| id.index() < self.nodes.min(MAX_NODES);
        if path.is_empty() || path.len() > usize::from(self.rounds) || !path.iter().all(known) {
            return Err(Fault::OutOfBounds);
        }
        if self.owner == self.commander || path.first() != Some(&self.commander) {
            return Err(Fault::OffPath);
        }
        // Bits of the ids that can not come next.
        let mut gone = bit(self.owner) | bit(self.commander);
        let mut slot = 0;
        for (id, above) in path.iter().skip(1).zip(2usize..) {
            if gone & bit(*id) != 0 {
                return Err(Fault::OffPath);
            }
            let lower = gone & (bit(*id) - 1);
            let rank = id.index() - lower.count_ones() as usize;
            slot = slot * (self.nodes - above) + rank;
            gone |= bit(*id);
        }
        let round = u8::try_from(path.len()).map_err(|_| Fault::OutOfBounds)?;
        Ok(self.start(round) + slot)
    }

    /// Whether `from` has something to say to the owner in this round.
    ///
    /// # Errors
    /// [`Fault::OutOfBounds`] if there is no such round, [`Fault::OffPath`] if it has not.
    pub(super) fn expects(&self, from: NodeId, round: u8) -> Result<(), Fault> {
        if round == 0 || round > self.rounds {
            return Err(Fault::OutOfBounds);
        }
        let first = from == self.commander;
        let told = self.owner != self.commander && from != self.owner;
        if told && first == (round == 1) { Ok(()) } else { Err(Fault::OffPath) }
    }

    /// The paths along which `from` has something to say to the owner in this round.
    pub(super) fn inward(&self, from: NodeId, round: u8) -> Paths {
        paths(self.nodes, self.commander, from, self.owner, round)
    }

    /// The paths along which the owner has something to say to `to` in this round.
    pub(super) fn outward(&self, to: NodeId, round: u8) -> Paths {
        paths(self.nodes, self.commander, self.owner, to, round)
    }

    /// The slots of all that `from` has to say to the owner in this round.
    pub(super) fn said_by(self, from: NodeId, round: u8) -> impl Iterator<Item = usize> {
        self.inward(from, round).filter_map(move |path| self.slot(path.ids()).ok())
    }

    /// The slot of what the owner relays as the last on this path.
    pub(super) fn relayed(&self, path: &Path) -> Option<usize> {
        self.slot(path.earlier()).ok()
    }
}

const _: () = assert!(MAX_ROUNDS < MAX_NODES);

const fn bit(id: NodeId) -> u64 {
    1 << (id.0 & 63)
}
