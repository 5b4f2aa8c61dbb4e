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
//! A replica that knows that it lost its log, or is not sure, learns from it what it has signed.
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
        if change.view <= own.view && !other {
            return;
        }
        if let Some(recovering) = self.node.recovering.filter(|it| !it.lost) {
            // It had a log after all.
            self.begin_recovery(recovering.nonce.wrapping_add(1), true);
        } else if self.node.is_mute() || self.node.signed_view > View(0) {
            // From before a loss that is known.
            self.node.signed_view = self.node.signed_view.max(change.view);
            if !self.node.is_mute() {
                self.emit(Effect::PersistRecovered { signed: self.node.signed_view });
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
