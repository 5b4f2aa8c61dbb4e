//! A log that is older than what its replica has said, and how that is noticed.
//!
//! A disk that was rolled back, by a backup that was restored or by writes that were acknowledged
//! and lost, makes a replica that has forgotten votes: it may contradict them, so it counts among
//! the f. Often it can be told. A replica that asks for help from a view below one for which a
//! peer holds its VIEW-CHANGE is sent that message back. Nobody else could have signed it, and a
//! correct replica sends none before its log knows it; so the word of one peer, whoever it is, is
//! proof, and no liar can stop a replica whose log is whole. It then refuses everything, and the
//! host stops it: it is to be started again as a replica that has lost its log.
//!
//! A replica that knows that it lost its log, or is not sure, learns from it what it has signed;
//! one that has recovered from a loss recovers again.
//!
//! What this does not notice is a log that is old within one view: votes carry no signatures, so
//! nobody can prove to their sender that they were cast.

use super::message::{View, ViewChange};
use super::rules::{Effect, Rules};
use super::view_change::Shelf;
use crate::auth::Digest;
use crate::fault::Refusal;
use crate::node::NodeId;
use crate::protocol::Target;

impl Rules<'_> {
    /// A VIEW-CHANGE of this replica's own, back from a peer, its signature verified.
    pub(super) fn meet_own(&mut self, change: &ViewChange<'_>, digest: Digest) {
        let Some(own) = self.row(Shelf::Latest, self.node.me()) else { return };
        let other = change.view == own.view && digest != own.digest;
        let unknown = change.view > own.view || other;
        if !unknown || change.view <= self.node.signed_view {
            return;
        }
        let lost_before = self.node.signed_view > View(0);
        if self.node.is_mute() || lost_before {
            self.node.signed_view = change.view;
            let known = self.node.recovering.is_some_and(|it| it.lost);
            if !known {
                // It had a log after all, or another one than it thought: nobody was asked with
                // this number before.
                let nonce = digest.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                self.begin_recovery(nonce, true);
            }
        } else {
            self.node.old_log = Some(change.view);
            self.refuse_all();
        }
    }

    /// Says that the log is old, and does nothing else any more.
    pub(super) fn refuse_all(&mut self) {
        if let Some(View(view)) = self.node.old_log {
            self.node.effects.clear();
            self.node.backlog = None;
            self.node.resend = None;
            self.refuse(Refusal::OldLog { view });
        }
    }

    /// Sends a peer that is in a lower view than it asked for its VIEW-CHANGE back.
    pub(super) fn remind(&mut self, peer: NodeId, view: View) {
        if self.row(Shelf::Latest, peer).is_some_and(|row| row.view > view) {
            let to = Target::Node(peer);
            self.emit(Effect::ViewChange { to, author: peer, named: false });
        }
    }
}
