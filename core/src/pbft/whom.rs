//! To whom a replica says what it says.

use crate::node::NodeId;
use crate::protocol::Target;

/// All others, or one of them. A [`Target`] can also be a set of nodes, which no rule here needs
/// and for which every effect would be eight bytes larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    All,
    One(NodeId),
}

impl From<Whom> for Target {
    fn from(whom: Whom) -> Self {
        match whom {
            Whom::All => Self::All,
            Whom::One(node) => Self::Node(node),
        }
    }
}
