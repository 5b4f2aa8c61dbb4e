//! Who may speak: a seat for each node and each client, so that memory is theirs beforehand.

use quorate::{ClientId, NodeId, Principal};

/// How many nodes and clients a cluster has. Tables with a row for each of them begin with the
/// nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seats {
    /// Nodes, n.
    pub nodes: usize,
    /// Clients.
    pub clients: usize,
}

impl Seats {
    /// Rows of a table.
    #[must_use]
    pub const fn count(self) -> usize {
        self.nodes.saturating_add(self.clients)
    }

    /// The row of a principal; `None` for one that does not exist.
    #[must_use]
    pub fn row(self, who: Principal) -> Option<usize> {
        match who {
            Principal::Node(node) => Some(node.index()).filter(|at| *at < self.nodes),
            Principal::Client(client) => {
                let at = Some(client.index()).filter(|at| *at < self.clients)?;
                self.nodes.checked_add(at)
            }
        }
    }

    /// Whose row it is; `None` behind the last one.
    #[must_use]
    pub fn principal(self, row: usize) -> Option<Principal> {
        match row.checked_sub(self.nodes) {
            None => u8::try_from(row).ok().map(|id| Principal::Node(NodeId(id))),
            Some(at) => {
                let id = u16::try_from(at).ok().filter(|_| at < self.clients)?;
                Some(Principal::Client(ClientId(id)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_row_and_nobody_else() {
        let seats = Seats { nodes: 4, clients: 3 };
        for row in 0..seats.count() {
            assert_eq!(seats.row(seats.principal(row).unwrap()), Some(row));
        }
        assert_eq!(seats.principal(seats.count()), None);
        for who in [Principal::Node(NodeId(4)), Principal::Client(ClientId(3))] {
            assert_eq!(seats.row(who), None);
        }
        for who in [Principal::Node(NodeId(255)), Principal::Client(ClientId(u16::MAX))] {
            assert_eq!(seats.row(who), None);
        }
    }
}
