//! The way an order took.

use crate::node::{NodeId, NodeSet};
use crate::wire::Bytes;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The most rounds there can be, and so the longest path: `m + 1` where `n > 3m` and `n <= 64`.
pub const MAX_ROUNDS: usize = 22;

/// The generals through whose hands an order went, the commander first: 1 to [`MAX_ROUNDS`]
/// distinct ids below 64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Path {
    ids: [NodeId; MAX_ROUNDS],
    length: u8,
}

impl Path {
    /// A path; `None` if it is empty, too long, or names somebody twice.
    #[must_use]
    pub fn new(ids: &[NodeId]) -> Option<Self> {
        let mut seen = NodeSet::EMPTY;
        let mut path = Self { ids: [NodeId(0); MAX_ROUNDS], length: 0 };
        for id in ids {
            *path.ids.get_mut(usize::from(path.length))? = *id;
            path.length += 1;
            if !seen.insert(*id) {
                return None;
            }
        }
        (path.length > 0).then_some(path)
    }

    /// The generals on it, the commander first.
    #[must_use]
    pub fn ids(&self) -> &[NodeId] {
        self.ids.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The round in which an order is sent along it: as many as there are ids.
    #[must_use]
    pub const fn round(&self) -> u8 {
        self.length
    }

    /// All but the last.
    pub(super) fn earlier(&self) -> &[NodeId] {
        self.ids().split_last().map_or(&[], |(_, earlier)| earlier)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, NodeId(id)) in self.ids().iter().enumerate() {
            write!(f, "{}{id}", if at > 0 { ":" } else { "" })?;
        }
        Ok(())
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.ids.map(|NodeId(id)| id);
        serializer.serialize_bytes(bytes.get(..self.ids().len()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Bytes(bytes) = Bytes::deserialize(deserializer)?;
        let mut ids = [NodeId(0); MAX_ROUNDS];
        for (id, byte) in ids.iter_mut().zip(bytes) {
            *id = NodeId(*byte);
        }
        let path = ids.get(..bytes.len()).and_then(Self::new);
        path.ok_or_else(|| de::Error::custom("not a path of distinct generals"))
    }
}

/// The paths along which `sender` has something to say to `receiver` in this round, in ascending
/// order of their ids: the order of a [`Wave`](crate::om::Wave). There are none in a round
/// in which it does not speak to it.
pub fn paths(
    nodes: usize,
    commander: NodeId,
    sender: NodeId,
    receiver: NodeId,
    round: u8,
) -> Paths {
    let everybody = (0u8..64).map(NodeId).take(nodes);
    let ends = [commander, sender, receiver];
    let free = everybody.clone().filter(|node| !ends.contains(node)).collect();
    let apart =
        receiver != commander && receiver != sender && (sender == commander) == (round == 1);
    let known = ends.iter().all(|end| everybody.clone().any(|node| node == *end));
    let mut first = Path { ids: [NodeId(0); MAX_ROUNDS], length: 0 };
    let fits = usize::from(round) <= MAX_ROUNDS;
    let mut paths = Paths { free, path: None };
    if apart && known && fits && round > 0 {
        first.length = round;
        if let Some(id) = first.ids.first_mut() {
            *id = commander;
        }
        if let Some(id) = first.ids.get_mut(usize::from(round) - 1) {
            *id = sender;
        }
        paths.path = paths.fill(first, 1);
    }
    paths
}

/// An iterator over the [`paths`] of a wave.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Paths {
    /// Who may stand in the middle and does not in `path`.
    free: NodeSet,
    path: Option<Path>,
}

impl Paths {
    /// Fills the middle from `from` on with the lowest ids that are free.
    fn fill(&mut self, mut path: Path, from: usize) -> Option<Path> {
        let middle = path.ids.get_mut(from..usize::from(path.length) - 1).unwrap_or_default();
        for id in middle {
            *id = self.lowest(NodeId(0))?;
            self.free.remove(*id);
        }
        Some(path)
    }

    /// The path after this one: the last place that can name a higher general does.
    fn after(&mut self, mut path: Path) -> Option<Path> {
        for at in (1..usize::from(path.length).saturating_sub(1)).rev() {
            let id = path.ids.get_mut(at)?;
            self.free.insert(*id);
            if let Some(higher) = self.lowest(NodeId(id.0.saturating_add(1))) {
                self.free.remove(higher);
                *id = higher;
                return self.fill(path, at + 1);
            }
        }
        None
    }

    /// The lowest free id that is not below `from`.
    fn lowest(&self, NodeId(from): NodeId) -> Option<NodeId> {
        (from..64).map(NodeId).find(|node| self.free.contains(*node))
    }
}

impl Iterator for Paths {
    type Item = Path;

    fn next(&mut self) -> Option<Path> {
        let path = self.path?;
        self.path = self.after(path);
        Some(path)
    }
}
