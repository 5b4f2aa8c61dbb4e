//! Who takes part: node ids, client ids, and sets of nodes.

use serde::{Deserialize, Serialize};

/// The most nodes one cluster can have: [`NodeSet`] counts them in one machine word.
pub const MAX_NODES: usize = 64;

/// A general or a replica: an index into the cluster's roster, `0..n`.
///
/// An id that came over the wire may be anything; it is compared with `n` before it is used.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NodeId(pub u8);

impl NodeId {
    /// The id as an index. It is in bounds only if the id was checked against `n`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A client: an index into the cluster's list of client keys, `0..C`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientId(pub u16);

impl ClientId {
    /// The id as an index. It is in bounds only if the id was checked against the client count.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The author of a frame or of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Principal {
    /// A member of the cluster.
    Node(NodeId),
    /// A client of the cluster.
    Client(ClientId),
}

impl Principal {
    /// Three bytes that name a principal in everything that is signed or authenticated:
    /// kind (0 node, 1 client), then the id, little-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 3] {
        match self {
            Self::Node(NodeId(id)) => [0, id, 0],
            Self::Client(ClientId(id)) => {
                let [low, high] = id.to_le_bytes();
                [1, low, high]
            }
        }
    }

    /// The inverse of [`Principal::to_bytes`]; `None` for bytes that it never makes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 3]) -> Option<Self> {
        match bytes {
            [0, id, 0] => Some(Self::Node(NodeId(id))),
            [1, low, high] => Some(Self::Client(ClientId(u16::from_le_bytes([low, high])))),
            _ => None,
        }
    }
}

/// A set of nodes, at most [`MAX_NODES`] of them: one bit each. Every count of distinct
/// nodes in this library is the length of such a set, so nobody is counted twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NodeSet(u64);

impl NodeSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Adds a node; says whether it was new. An id of 64 or more is no node: nothing changes.
    pub const fn insert(&mut self, node: NodeId) -> bool {
        let bit = Self::bit(node);
        let new = bit != 0 && self.0 & bit == 0;
        self.0 |= bit;
        new
    }

    /// Takes a node out.
    pub const fn remove(&mut self, node: NodeId) {
        self.0 &= !Self::bit(node);
    }

    /// Whether the node is in the set.
    #[must_use]
    pub const fn contains(self, node: NodeId) -> bool {
        self.0 & Self::bit(node) != 0
    }

    /// How many distinct nodes the set holds.
    #[must_use]
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set holds nobody.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in ascending order.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let [lowest, ..] = rest.trailing_zeros().to_le_bytes();
            rest &= rest.checked_sub(1)?;
            Some(NodeId(lowest))
        })
    }

    const fn bit(node: NodeId) -> u64 {
        if (node.0 as usize) < MAX_NODES { 1 << node.0 } else { 0 }
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_counts_once_and_far_ids_never() {
        let mut set = NodeSet::EMPTY;
        assert!(set.insert(NodeId(63)));
        assert!(!set.insert(NodeId(63)));
        for id in [64, 65, 127, 255] {
            assert!(!set.insert(NodeId(id)));
            assert!(!set.contains(NodeId(id)));
        }
        assert_eq!(set.len(), 1);
        set.remove(NodeId(63));
        assert!(set.is_empty());
    }

    #[test]
    fn members_come_in_ascending_order_and_each_once() {
        for ids in [&[][..], &[0], &[63], &[0, 1, 5, 62, 63]] {
            let set: NodeSet = ids.iter().rev().copied().map(NodeId).collect();
            assert!(set.iter().eq(ids.iter().copied().map(NodeId)), "{ids:?}");
        }
        let all: NodeSet = (0..64).map(NodeId).collect();
        assert!(all.iter().eq((0..64).map(NodeId)));
    }

    #[test]
    fn principals_survive_their_bytes_and_nothing_else_parses() {
        for principal in [Principal::Node(NodeId(7)), Principal::Client(ClientId(0x1234))] {
            assert_eq!(Principal::from_bytes(principal.to_bytes()), Some(principal));
        }
        assert_eq!(Principal::from_bytes([0, 1, 1]), None);
        assert_eq!(Principal::from_bytes([2, 0, 0]), None);
    }
}
