//! Votes, by who cast them.

use super::message::Vote;
use super::rules::Rules;
use crate::fault::Fault;
use crate::node::{NodeId, NodeSet};

/// Which of the two votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Prepare,
    Commit,
}

impl Rules<'_> {
    /// Puts a vote in its sender's place; false if it is not new there. One vote for each sender,
    /// phase, sequence and view; a later view's takes the place of an earlier one's.
    pub(super) fn cast(&mut self, vote: Vote, from: NodeId, phase: Phase) -> bool {
        if self.slot_mut(vote.sequence).is_none() {
            return false;
        }
        let range = self.ring().votes(vote.sequence);
        let votes = match phase {
            Phase::Prepare => &mut *self.memory.prepares,
            Phase::Commit => &mut *self.memory.commits,
        };
        let Some(place) = votes.get_mut(range).and_then(|votes| votes.get_mut(from.index())) else {
            return false;
        };
        if place.is_cast() && place.view == vote.view && place.digest != vote.digest {
            self.accuse(from, Fault::Equivocation);
            return false;
        }
        if place.is_cast() && place.view >= vote.view {
            return false;
        }
        // One that only takes the place of another is borne once a view.
        let view = self.node.view;
        let fruitless = place.is_cast() && (place.view >= view || vote.view < view);
        *place = vote;
        self.note_spoken(from);
        self.node.fruitless = fruitless;
        true
    }
}

/// The distinct replicas whose votes are exactly this one. Votes lie by sender, so nobody is
/// counted twice; votes of two views, or for two digests, never add up.
pub(super) fn backers(votes: &[Vote], vote: &Vote) -> NodeSet {
    let cast = (0u8..).zip(votes).filter(|(_, cast)| {
        let other = canary!("votes_of_two_views") && cast.digest == vote.digest;
        cast.is_cast() && (*cast == vote || other)
    });
    cast.map(|(node, _)| NodeId(node)).collect()
}
