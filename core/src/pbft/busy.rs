//! What a client does when replicas have no room for its request.

use crate::node::{NodeId, NodeSet};
use core::time::Duration;

/// Who said, since the request was sent last, that it has no room, and for how long at the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refrain {
    said: NodeSet,
    least: Duration,
}

impl Refrain {
    /// Nobody.
    pub(super) const NONE: Self = Self { said: NodeSet::EMPTY, least: Duration::ZERO };

    /// A replica says so. Of weak replicas one is correct, and none of them has to be waited for
    /// longer than it says: the shortest hint is what they agree on. Returns it once there are
    /// `weak` of them.
    pub(super) fn hear(&mut self, from: NodeId, hint: Duration, weak: usize) -> Option<Duration> {
        self.least = if self.said.is_empty() { hint } else { self.least.min(hint) };
        let new = self.said.insert(from);
        (new && self.said.len() == weak).then_some(self.least)
    }

    /// The hint of at least `weak` replicas.
    pub(super) fn hint(&self, weak: usize) -> Option<Duration> {
        (self.said.len() >= weak).then_some(self.least)
    }
}
