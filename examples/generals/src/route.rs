//! The way an order took: the path of an oral message, the chain of signers of a signed one.

use quorate::NodeId;
use std::fmt;

/// Ids of generals in order. Empty for the phase king, whose messages have no path.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route(Vec<NodeId>);

impl Route {
    /// The route that begins with this general.
    #[must_use]
    pub fn from_commander(commander: NodeId) -> Self {
        Self(vec![commander])
    }

    /// The route with one more general at its end.
    #[must_use]
    pub fn then(&self, next: NodeId) -> Self {
        Self(self.0.iter().copied().chain([next]).collect())
    }

    /// The ids, the first one first.
    #[must_use]
    pub fn ids(&self) -> &[NodeId] {
        &self.0
    }

    /// How many generals are on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The general at its end.
    #[must_use]
    pub fn last(&self) -> Option<NodeId> {
        self.0.last().copied()
    }

    /// The general at its beginning.
    #[must_use]
    pub fn first(&self) -> Option<NodeId> {
        self.0.first().copied()
    }

    /// Whether the general is on it.
    #[must_use]
    pub fn contains(&self, general: NodeId) -> bool {
        self.0.contains(&general)
    }

    /// Whether nobody is on it twice.
    #[must_use]
    pub fn is_distinct(&self) -> bool {
        self.0.iter().enumerate().all(|(at, id)| !self.0[..at].contains(id))
    }
}

impl FromIterator<NodeId> for Route {
    fn from_iter<I: IntoIterator<Item = NodeId>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(":");
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_as_the_papers_write_it() {
        let route = Route::from_commander(NodeId(0)).then(NodeId(3)).then(NodeId(12));
        assert_eq!(route.to_string(), "0:3:12");
        assert_eq!((route.first(), route.last()), (Some(NodeId(0)), Some(NodeId(12))));
        assert!(route.is_distinct() && !route.then(NodeId(3)).is_distinct());
    }
}
