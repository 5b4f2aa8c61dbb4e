//! Two signed statements of one author that cannot both be a correct one's.
//!
//! What is kept is compared with what comes, and where they contradict the host is told, which
//! makes evidence of both (see [`crate::fault::verify`]). It costs a comparison, and a verification
//! more for a VIEW-CHANGE or NEW-VIEW that would else not be looked at, once for each replica.

use super::message::{NewView, ViewChange};
use super::rules::{Effect, Kept, NewViewStage, Rules};
use super::view_change::Shelf;
use crate::auth::Digest;
use crate::node::NodeId;
use crate::service::Request;

impl Rules<'_> {
    /// Tells the host of the first contradiction of a replica.
    pub(super) fn convict(&mut self, author: NodeId, kept: Kept) {
        if self.node.convicted.insert(author) {
            self.emit(Effect::Contradiction(kept));
        }
    }

    /// Whether the pool holds another operation of this client under the same timestamp.
    pub(super) fn contradicts_pool(&self, request: &Request<'_>) -> bool {
        let pending = self.memory.pending.get(request.client.index());
        let same = pending.is_some_and(|it| it.pooled && it.timestamp == request.timestamp);
        let mut pool = self.pool().iter().filter(|_| same);
        let kept = pool.find(|kept| kept.client == request.client);
        kept.is_some_and(|kept| kept.operation != request.operation)
    }

    /// Whether it is another VIEW-CHANGE than the one that is kept of its author for its view.
    pub(super) fn contradicts_view_change(&self, change: &ViewChange<'_>) -> bool {
        let author = change.author;
        let kept = self.row(Shelf::Latest, author).filter(|row| row.view == change.view);
        author != self.node.me()
            && !self.node.convicted.contains(author)
            && kept.is_some_and(|row| row.digest != change.digest(&self.node.config.scope))
    }

    /// Whether it is another NEW-VIEW of its view than the one that is kept.
    pub(super) fn contradicts_new_view(&self, new_view: &NewView<'_>, digest: &Digest) -> bool {
        let stored = &self.node.new_view;
        let same = stored.stage != NewViewStage::None
            && (stored.author, stored.view) == (new_view.author, new_view.view);
        same && !self.node.convicted.contains(stored.author) && stored.digest != *digest
    }
}
