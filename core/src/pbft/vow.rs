//! What this replica has said at a sequence: one PREPARE, or one proposal, in each view, and none
//! in a view below one in which it has spoken.

use super::message::{Sequence, View};
use super::rules::Rules;
use crate::auth::Digest;

impl Rules<'_> {
    /// What this replica prepared in a view, or as its primary proposed.
    pub(super) fn cast_by_me(&self, sequence: Sequence, view: View) -> Option<Digest> {
        let vote = self.prepares(sequence).get(self.node.me().index())?;
        (vote.is_cast() && vote.view == view).then_some(vote.digest)
    }

    /// Whether this replica has prepared or proposed something in this view or a later one, so
    /// that it does neither here again. It is in no view below one that it has voted in; but what
    /// it says must not depend on that its log knows the view as well as it knows the votes.
    pub(super) fn is_bound(&self, sequence: Sequence, view: View) -> bool {
        let mine = self.prepares(sequence).get(self.node.me().index());
        mine.is_some_and(|vote| vote.is_cast() && vote.view >= view)
    }
}
