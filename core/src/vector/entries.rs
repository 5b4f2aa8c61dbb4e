//! The vector that was agreed on, and the usual ways to use one.

use super::broadcast::Broadcast;
use crate::node::NodeId;
use crate::value::Verdict;
use core::fmt;

/// What each general said, as all loyal generals have it: [`Verdict::value`] of each entry is
/// the same everywhere, and a loyal general's entry is its own value.
pub struct Vector<'a, P> {
    instances: &'a [P],
}

impl<'a, P: Broadcast> Vector<'a, P> {
    pub(super) const fn new(instances: &'a [P]) -> Self {
        Self { instances }
    }

    /// How many generals there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.instances.len()
    }

    /// Never: there is a general at least.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// The entry of one general; `None` if there is no such general.
    #[must_use]
    pub fn entry(&self, node: NodeId) -> Option<Verdict<P::Value>> {
        self.instances.get(node.index()).map(P::verdict)
    }

    /// The value of one general, if there is one.
    #[must_use]
    pub fn agreed(&self, node: NodeId) -> Option<&'a P::Value> {
        self.instances.get(node.index()).and_then(P::agreed)
    }

    /// All entries, in order of ids.
    pub fn iter(&self) -> impl Iterator<Item = Verdict<P::Value>> + Clone + use<'a, P> {
        self.instances.iter().map(P::verdict)
    }

    /// The entries that are values, in order of ids.
    pub fn values(&self) -> impl Iterator<Item = P::Value> + Clone + use<'a, P> {
        self.iter().filter_map(Verdict::value)
    }

    /// The value of strictly more than half of all generals, absent ones counted: exact voting,
    /// for replicas whose results are equal bit for bit. With n > 2m the common value of all
    /// loyal generals wins.
    #[must_use]
    pub fn majority(&self) -> Option<P::Value> {
        let mut candidate = None;
        let mut lead = 0usize;
        for value in self.values() {
            if candidate == Some(value) {
                lead += 1;
            } else if lead == 0 {
                (candidate, lead) = (Some(value), 1);
            } else {
                lead -= 1;
            }
        }
        let count = self.values().filter(|value| Some(*value) == candidate).count();
        candidate.filter(|_| count > self.len() / 2)
    }

    /// The middle one of the values, in order of size: mid-value select, for sensors whose
    /// readings differ a little. Of an even number of values it is the lower one of the two in
    /// the middle. If more than 2m values are valid, m of them from traitors, it lies
    /// between two values of loyal generals or is one.
    #[must_use]
    pub fn mid_value(&self) -> Option<P::Value>
    where
        P::Value: Ord,
    {
        let middle = self.values().count().checked_sub(1)? / 2;
        self.values().find(|value| {
            let below = self.values().filter(|other| other < value).count();
            let equal = self.values().filter(|other| other == value).count();
            (below..below + equal).contains(&middle)
        })
    }

    /// The first valid value from a place that moves with `turn`: one general decides, and each
    /// has its turn. With m traitors a loyal general's value wins at least n - m of n turns.
    #[must_use]
    pub fn first_valid(&self, turn: u64) -> Option<(NodeId, P::Value)> {
        self.rotated(turn).next().map(|(node, value)| (node, *value))
    }

    /// The entries that are values with their generals, from the one whose turn it is, around.
    pub fn rotated(
        &self,
        turn: u64,
    ) -> impl Iterator<Item = (NodeId, &'a P::Value)> + Clone + use<'a, P> {
        let start = turn.checked_rem(self.len() as u64).unwrap_or(0);
        let start = usize::try_from(start).unwrap_or(0);
        let all = (0u8..).map(NodeId).zip(self.instances);
        let around = all.clone().skip(start).chain(all.take(start));
        around.filter_map(|(node, instance)| instance.agreed().map(|value| (node, value)))
    }
}

impl<P> Clone for Vector<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Vector<'_, P> {}

impl<P: Broadcast> fmt::Debug for Vector<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(feature = "defmt")]
impl<P> defmt::Format for Vector<'_, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "vector of {}", self.instances.len());
    }
}
