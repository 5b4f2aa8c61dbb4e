//! A log that is older than what its replica has said, and how that is noticed.
//!
//! A disk that was rolled back, by a backup that was restored or by writes that were acknowledged
//! and lost, makes a replica that has forgotten votes: it may contradict them, so it counts among
//! the f. Often it can be told. A replica that asks for help from a view below one for which a
//! peer holds its VIEW-CHANGE is sent that message back; and whoever is in a view that began with
//! its NEW-VIEW sends it that one. Nobody else could have signed them, and a
//! correct replica sends none before its log knows it; so the word of one peer, whoever it is, is
//! proof, and no liar can stop a replica whose log is whole. It then refuses everything, and the
//! host stops it: it is to be started again as a replica that has lost its log.
//!
//! A replica that knows that it lost its log, or is not sure, learns from it what it has signed;
//! one that has recovered from a loss recovers again.
//!
//! What this does not notice is a log that is old within one view: votes carry no signatures, so
//! nobody can prove to their sender that they were cast.

use super::amnesia::Recovering;
use super::message::{NewView, View, ViewChange};
use super::rules::{Effect, NewViewStage, Rules};
use super::view_change::Shelf;
use super::whom::Whom;
use crate::auth::Digest;
use crate::fault::Refusal;
use crate::node::NodeId;

impl Rules<'_> {
    /// A VIEW-CHANGE of this replica's own, back from a peer, its signature verified. Whether it
    /// has no say any more.
    pub(super) fn meet_own(&mut self, change: &ViewChange<'_>, digest: Digest) -> bool {
        let own = self.row(Shelf::Latest, self.node.me()).copied().unwrap_or_default();
        let other = change.view == own.view && digest != own.digest;
        let unknown = change.view > own.view || other;
        unknown && self.meet_forgotten(change.view, digest)
    }

    /// The same for a NEW-VIEW. Whoever makes one has signed a VIEW-CHANGE for its view before, and
    /// entered the view before it sent it: that was written down. Those of views that its log has
    /// left behind are not kept, and tell nothing.
    pub(super) fn meet_own_new_view(&mut self, new_view: &NewView<'_>, digest: Digest) -> bool {
        let own = self.row(Shelf::Latest, self.node.me()).copied().unwrap_or_default();
        let stored = &self.node.new_view;
        let entered = stored.stage == NewViewStage::Entered && stored.view == new_view.view;
        let current = new_view.view == own.view && new_view.view == self.node.view;
        let other = current && !(entered && stored.digest == digest);
        let unknown = new_view.view > own.view || other;
        unknown && self.meet_forgotten(new_view.view, digest)
    }

    /// This replica signed something for a view that its log does not know. One that has lost its
    /// log is not surprised, unless by something that was signed after what it lost.
    fn meet_forgotten(&mut self, view: View, digest: Digest) -> bool {
        let lost_before = self.node.signed_view > View(0);
        if view <= self.node.signed_view {
            return false;
        }
        if self.node.is_mute() || lost_before {
            self.node.signed_view = view;
            if let Some(Recovering { nonce, lost: true, .. }) = self.node.recovering {
                self.emit(Effect::PersistRecovering { nonce, lost: true });
                return false;
            }
            // It had a log after all, or another one than it thought: nobody was asked with this
            // number before.
            let nonce = digest.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            self.begin_recovery(nonce, true);
            return true;
        }
        self.node.old_log = Some(view);
        self.refuse_all();
        true
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
            let to = Whom::One(peer);
            self.emit(Effect::ViewChange { to, author: peer, named: false });
        }
    }
}
