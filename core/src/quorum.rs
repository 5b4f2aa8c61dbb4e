//! Every quorum and bound of the library, once, for any number of nodes.
//!
//! `f = floor((n - 1) / 3)` of `n` replicas may be Byzantine. A *weak* quorum of `f + 1` holds at
//! least one correct replica. Two *strong* quorums of `floor((n + f) / 2) + 1` share at least
//! `f + 1` replicas, so at least one correct one; and `n - f` correct replicas always make one.
//! The well-known `2f + 1` is that number only when `n = 3f + 1`: with six replicas two sets of
//! three can be disjoint but for one liar, and a cluster that counts to three splits.

use crate::node::MAX_NODES;

/// The quorums of a cluster of `n` replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Quorum {
    nodes: u8,
}

impl Quorum {
    /// The quorums of `n` nodes, `1..=64`; `None` outside of that.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the count was compared with 64")]
    pub const fn of(nodes: usize) -> Option<Self> {
        if nodes == 0 || nodes > MAX_NODES { None } else { Some(Self { nodes: nodes as u8 }) }
    }

    /// `n`, the number of nodes.
    #[must_use]
    pub const fn nodes(self) -> usize {
        self.nodes as usize
    }

    /// `f`, the most Byzantine nodes that the cluster withstands: the largest with `n >= 3f + 1`.
    #[must_use]
    pub const fn faults(self) -> usize {
        (self.nodes() - 1) / 3
    }

    /// `f + 1`: one of them is correct.
    #[must_use]
    pub const fn weak(self) -> usize {
        self.faults() + 1
    }

    /// `floor((n + f) / 2) + 1`: any two of them share a correct node.
    #[must_use]
    pub const fn strong(self) -> usize {
        let two_f = 2 * self.faults();
        if canary!(const "two_f_plus_one") {
            two_f + 1
        } else {
            usize::midpoint(self.nodes(), self.faults()) + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_published_sizes() {
        let table = [
            (4, 1, 3),
            (5, 1, 4),
            (6, 1, 4),
            (7, 2, 5),
            (8, 2, 6),
            (9, 2, 6),
            (10, 3, 7),
            (11, 3, 8),
            (12, 3, 8),
            (13, 4, 9),
            (14, 4, 10),
            (15, 4, 10),
            (16, 5, 11),
        ];
        for (n, f, strong) in table {
            let quorum = Quorum::of(n).unwrap();
            assert_eq!((quorum.faults(), quorum.strong()), (f, strong), "n = {n}");
            assert_eq!(quorum.weak(), f + 1);
        }
    }

    #[test]
    fn general_strong_quorum_intersects_in_a_correct_node_and_is_reachable_for_every_n() {
        for n in 1..=MAX_NODES {
            let q = Quorum::of(n).unwrap();
            assert!(n > 3 * q.faults() && n <= 3 * (q.faults() + 1), "n = {n}");
            assert!(
                2 * q.strong() - n > q.faults(),
                "two strong quorums of {n} share a correct node"
            );
            assert!(q.strong() <= n - q.faults(), "the correct nodes of {n} make a strong quorum");
            assert!(
                2 * (q.strong() - 1) - n.min(2 * (q.strong() - 1)) <= q.faults(),
                "smallest, {n}"
            );
        }
        assert_eq!(Quorum::of(0), None);
        assert_eq!(Quorum::of(65), None);
    }
}
