//! Entering a view: NEW-VIEW messages (Castro-Liskov 2002, section 3.2.4).

use super::choice::{Members, Start};
use super::history::Pairs;
use super::message::{NewView, Sequence, View, ViewChange, Vote};
use super::rules::{Effect, Kept, NewViewStage, Node, Rules, StoredNewView};
use super::slot::Pending;
use super::view_change::Shelf;
use super::whom::Whom;
use crate::auth::{Digest, Signature};
use crate::fault::Fault;
use crate::node::{NodeId, NodeSet};

/// How many sequences one step looks at again.
const REVIEWED: usize = 3;

impl Node {
    /// The last sequence that the NEW-VIEW of the view that this replica is in chose; 0 if none.
    pub(super) fn chosen_until(&self) -> Sequence {
        let stored = &self.new_view;
        let entered = stored.stage == NewViewStage::Entered && stored.view == self.view;
        if self.active && self.view > View(0) && entered { stored.last } else { Sequence(0) }
    }
}

impl Rules<'_> {
    /// "The new primary p collects view-change messages; when it has enough of them to decide
    /// every sequence, it multicasts a NEW-VIEW" (2002, section 3.2.4). Each VIEW-CHANGE that
    /// arrives is added, so that one that lies can delay the decision but not prevent it.
    pub(super) fn try_new_view(&mut self) {
        let (view, me) = (self.node.view, self.node.me());
        if self.node.primary(view) != me || self.node.is_mute() || !self.has_a_say() {
            return;
        }
        let members = self.wanting_mine();
        if members.len() < self.node.quorum.strong() {
            return;
        }
        // The procedure writes where a NEW-VIEW of a later view may wait: that one comes again.
        self.node.new_view.stage = NewViewStage::None;
        let Some(start) = self.decide(Shelf::Latest, members) else { return };
        for (index, author) in members.iter().enumerate() {
            self.name_view_change(author);
            let digest = self.row(Shelf::Named, author).map_or(Digest::ZERO, |row| row.digest);
            let _ = Pairs::put(self.memory.named, index, Sequence(author.0.into()), &digest);
        }
        self.node.new_view = StoredNewView {
            stage: NewViewStage::Entered,
            view,
            author: me,
            signature: Signature::ZERO,
            digest: Digest::ZERO,
            named: members.len(),
            chosen: start.chosen,
            start: start.sequence,
            last: start.last,
            since: self.node.now,
        };
        self.node.new_view.digest = self.own_new_view().digest(&self.node.config.scope);
        self.enter(&start);
        self.emit(Effect::NewView { to: Whom::All });
    }

    /// The NEW-VIEW that this replica has just made, before it is signed.
    fn own_new_view(&self) -> NewView<'_> {
        let StoredNewView { author, view, signature, .. } = self.node.new_view;
        let (view_changes, chosen) = (self.named(), self.choices());
        NewView { author, view, view_changes, chosen, signature }
    }

    /// Runs the decision procedure over the VIEW-CHANGEs of some replicas; the choices are left
    /// in the store.
    fn decide(&mut self, shelf: Shelf, members: NodeSet) -> Option<Start> {
        let n = self.node.sizes.nodes;
        let chosen = core::mem::take(&mut self.memory.chosen);
        let first = self.row_index(shelf, NodeId(0));
        let first_byte = self.history_range(shelf, NodeId(0)).start;
        let members = Members {
            rows: self.memory.view_rows.get(first..first + n).unwrap_or_default(),
            histories: self.memory.histories.get(first_byte..).unwrap_or_default(),
            set: members,
            quorum: self.node.quorum,
            window: self.node.sizes.window,
            null: self.node.null,
        };
        let outcome = members.decide(chosen);
        self.memory.chosen = chosen;
        outcome
    }

    /// "A backup accepts a new-view message if it is signed properly, the view-change messages
    /// it contains are valid, and the choices are correct; it verifies them by performing the
    /// computation of the primary" (1999, section 4.4). It is kept until all VIEW-CHANGEs that
    /// it names are at hand.
    pub(super) fn on_new_view(&mut self, from: NodeId, new_view: &NewView<'_>, digest: Digest) {
        let (view, author) = (new_view.view, new_view.author);
        if author == self.node.me() && self.meet_own_new_view(new_view, digest) {
            return;
        }
        if self.contradicts_new_view(new_view, &digest) {
            self.accuse(author, Fault::Equivocation);
            // The one that is kept stays for this step, to be shown; this one comes again.
            return self.convict(author, Kept::NewView);
        }
        if view < self.node.view || (view == self.node.view && self.node.active) {
            return;
        }
        if !self.names_a_quorum(new_view) {
            return self.accuse(author, Fault::BadNewView);
        }
        if !self.makes_room_for(new_view, digest) {
            return;
        }
        if view > self.node.view {
            // What the current view chose stands where this one is going to wait: leave it first,
            // or its primary could propose again what it chose.
            self.follow(view);
        }
        let (named, chosen) = (new_view.view_changes.bytes(), new_view.chosen.bytes());
        let (Some(named_store), Some(chosen_store)) =
            (self.memory.named.get_mut(..named.len()), self.memory.chosen.get_mut(..chosen.len()))
        else {
            return;
        };
        named_store.copy_from_slice(named);
        chosen_store.copy_from_slice(chosen);
        self.node.new_view = StoredNewView {
            stage: NewViewStage::Pending,
            view,
            author,
            signature: new_view.signature,
            digest,
            named: new_view.view_changes.len(),
            chosen: new_view.chosen.len(),
            start: Sequence(0),
            last: Sequence(0),
            since: self.node.now,
        };
        self.gather_named();
        self.fetch_named(Whom::One(from));
        self.try_enter();
    }

    fn names_a_quorum(&self, new_view: &NewView<'_>) -> bool {
        let (n, named) = (self.node.sizes.nodes, new_view.view_changes);
        (self.node.quorum.strong()..=n).contains(&named.len())
            && named.iter().all(|(node, _)| node.0 < n as u64)
            && new_view.chosen.len() <= self.node.sizes.window
    }

    /// Whether a NEW-VIEW may take the one place in which it waits. That of the view that this
    /// replica wants always may. One of a later view must be believable, weak peers being in that
    /// view or past it, and waits its turn behind another for two status intervals, so that a
    /// made-up one can delay a true one but not keep it out.
    fn makes_room_for(&self, new_view: &NewView<'_>, digest: Digest) -> bool {
        let stored = &self.node.new_view;
        let waits = stored.stage == NewViewStage::Pending && stored.view >= self.node.view;
        if waits && stored.digest == digest {
            return false;
        }
        if new_view.view == self.node.view {
            return !(waits && stored.view == new_view.view);
        }
        // Who has left that view for a later one is past it, and says no more that it is in it.
        let there = |node: &NodeId| {
            let reported = self.peer(*node).reported;
            let row = self.row(Shelf::Latest, *node);
            row.is_some_and(|row| reported.max(row.view) >= new_view.view)
        };
        let believable = self.nodes().filter(there).count() >= self.node.quorum.weak();
        let turn = self.node.config.status_interval.saturating_mul(2);
        believable && (!waits || stored.since.after(turn) <= self.node.now)
    }

    /// Whether exactly this NEW-VIEW waits already.
    pub(super) fn waits_already(&self, view: View, digest: impl FnOnce() -> Digest) -> bool {
        let stored = &self.node.new_view;
        let waits = stored.stage == NewViewStage::Pending && stored.view == view;
        waits && stored.digest == digest()
    }

    /// The VIEW-CHANGEs that the stored NEW-VIEW names: author and digest.
    pub(super) fn named(&self) -> Pairs<'_> {
        let used = self.node.new_view.named * Pairs::ENTRY;
        Pairs::from_bytes(self.memory.named.get(..used).unwrap_or_default())
    }

    /// The choices of the stored NEW-VIEW.
    pub(super) fn choices(&self) -> Pairs<'_> {
        let used = self.node.new_view.chosen * Pairs::ENTRY;
        Pairs::from_bytes(self.memory.chosen.get(..used).unwrap_or_default())
    }

    /// Takes those named VIEW-CHANGEs that arrived before, forgets the others of an older view.
    fn gather_named(&mut self) {
        for node in self.nodes() {
            let digest = self.named().get(Sequence(node.0.into()));
            let latest = self.row(Shelf::Latest, node).copied().unwrap_or_default();
            if digest == Some(latest.digest) && latest.view == self.node.new_view.view {
                self.name_view_change(node);
            } else {
                self.clear_named(node);
            }
        }
    }

    /// The VIEW-CHANGEs that the waiting NEW-VIEW names and that are not at hand.
    pub(super) fn missing(&self) -> impl Iterator<Item = (NodeId, Digest)> + '_ {
        let pending = self.node.new_view.stage == NewViewStage::Pending;
        let named = self
            .named()
            .iter()
            .filter(move |_| pending)
            .filter_map(|(node, digest)| Some((NodeId(u8::try_from(node.0).ok()?), digest)));
        named.filter(|(node, digest)| {
            self.row(Shelf::Named, *node).is_none_or(|row| row.digest != *digest)
        })
    }

    /// Asks for named VIEW-CHANGEs that are not at hand, a few at a time.
    pub(super) fn fetch_named(&mut self, to: Whom) {
        if self.node.new_view.stage != NewViewStage::Pending {
            return;
        }
        let mut wanted = [None; 8];
        for (place, missing) in wanted.iter_mut().zip(self.missing()) {
            *place = Some(missing);
        }
        for (author, digest) in wanted.into_iter().flatten() {
            self.emit(Effect::FetchViewChange { to, author, digest });
        }
    }

    /// A VIEW-CHANGE arrived that the waiting NEW-VIEW names.
    pub(super) fn fill_new_view(&mut self, change: &ViewChange<'_>, digest: Digest) {
        let stored = self.node.new_view;
        let named = self.named().get(Sequence(change.author.0.into())) == Some(digest);
        if stored.stage != NewViewStage::Pending || !named {
            return;
        }
        if change.view == stored.view {
            self.store_view_change(Shelf::Named, change, digest);
        } else {
            self.accuse(stored.author, Fault::BadNewView);
            self.node.new_view.stage = NewViewStage::None;
        }
    }

    /// Enters the view of the waiting NEW-VIEW if everything it names is at hand and its choices
    /// are those that follow from it.
    pub(super) fn try_enter(&mut self) {
        let stored = self.node.new_view;
        let current =
            stored.view > self.node.view || (stored.view == self.node.view && !self.node.active);
        if stored.stage != NewViewStage::Pending || !current || self.missing().next().is_some() {
            return;
        }
        let members: NodeSet = self
            .named()
            .iter()
            .filter_map(|(node, _)| u8::try_from(node.0).ok().map(NodeId))
            .collect();
        // The procedure writes its own choices over those of the message: compare by digest.
        let claimed = Digest::of(self.choices().bytes());
        let outcome = self.decide(Shelf::Named, members);
        let computed = outcome.as_ref().map(|start| {
            let used = start.chosen * Pairs::ENTRY;
            Digest::of(self.memory.chosen.get(..used).unwrap_or_default())
        });
        match outcome.filter(|_| computed == Some(claimed) || canary!("new_view_on_trust")) {
            Some(start) => {
                self.node.new_view.stage = NewViewStage::Entered;
                self.node.new_view.start = start.sequence;
                self.node.new_view.last = start.last;
                self.node.view = stored.view;
                self.enter(&start);
            }
            None => {
                self.node.new_view.stage = NewViewStage::None;
                self.accuse(stored.author, Fault::BadNewView);
            }
        }
    }

    /// "It enters view v + 1" (1999, section 4.4): what was chosen is pre-prepared in it.
    fn enter(&mut self, start: &Start) {
        self.node.active = true;
        self.node.new_view_deadline = None;
        self.node.proposed = start.last.max(self.node.stable);
        self.emit(Effect::PersistNewView);
        // A timer runs for what this replica can propose or see proposed in this view; the rest
        // its clients send again.
        for pending in self.memory.pending.iter_mut() {
            let since = self.node.now;
            *pending = if pending.pooled { Pending { since, ..*pending } } else { Pending::NONE };
        }
        self.node.status.due = self.node.now.after(self.node.config.status_interval);
        self.watch_view(self.node.proposed);
        self.review_log();
        if start.sequence > self.node.executed && !self.node.diverged {
            self.begin_transfer(start.sequence, start.digest, false);
        }
    }

    /// What the current view's NEW-VIEW chose at a sequence.
    pub(super) fn chosen(&self, sequence: Sequence) -> Option<Digest> {
        if self.is_settled_by_new_view(sequence) { self.choices().get(sequence) } else { None }
    }

    /// Whether the current view's NEW-VIEW covers a sequence, so that its primary may not propose
    /// anything else there.
    pub(super) fn is_settled_by_new_view(&self, sequence: Sequence) -> bool {
        sequence <= self.node.chosen_until()
    }

    /// Whether this replica knows what its view began with: it is in view 0, or has its NEW-VIEW.
    pub(super) fn knows_its_beginning(&self) -> bool {
        let stored = &self.node.new_view;
        let entered = stored.stage == NewViewStage::Entered && stored.view == self.node.view;
        self.node.view == View(0) || entered
    }

    /// Has all slots looked at again: the view or the water marks have moved.
    pub(super) fn review_log(&mut self) {
        self.node.backlog = self.node.stable.next().map(|first| (first, self.high()));
    }

    /// Looks at the next slots of the backlog: pre-prepares what the NEW-VIEW chose there, or
    /// asks for it, and counts votes that came early. A few a step, so that what a step emits
    /// does not grow with the window.
    pub(super) fn work_backlog(&mut self) {
        let mut left = REVIEWED;
        while let Some((at, last)) = self.node.backlog {
            if left == 0 {
                return;
            }
            self.node.backlog = at.next().filter(|next| *next <= last).map(|next| (next, last));
            let idle = self.chosen(at).is_none() && self.slot(at).is_none();
            if !idle {
                left -= 1;
                self.review(at);
            }
        }
    }

    /// Votes for a batch that is at hand, as the NEW-VIEW of this view chose it.
    fn vote_again(&mut self, vote: Vote) {
        let Vote { view, sequence, digest } = vote;
        let Some(slot) = self.slot_mut(sequence) else { return };
        let known = slot.position(&digest).is_some();
        let Some(which) = slot.enter(view, digest) else { return };
        // NULL has no bytes; the place may be one where another batch was.
        if let (false, Some(length)) = (known, slot.lengths.get_mut(which)) {
            *length = 0;
        }
        self.emit(Effect::PersistRePrePrepared(vote));
        self.vote_prepare(vote);
        self.watch(sequence, &digest);
    }

    fn review(&mut self, sequence: Sequence) {
        let view = self.node.view;
        if let Some(digest) = self.chosen(sequence).filter(|_| !self.node.is_mute()) {
            // It may have been adopted under this view, and then has no vote yet. A later view may
            // have settled something else.
            let slot = self.slot(sequence).copied().unwrap_or_default();
            let other = slot.accepted(view).is_some_and(|accepted| accepted != digest);
            let done = other || slot.rivals(&digest) || self.is_bound(sequence, view);
            if !done && self.at_hand(sequence, &digest) {
                self.vote_again(Vote { view, sequence, digest });
            } else if !done {
                self.want(sequence, &digest);
            }
        }
        self.try_prepare(sequence);
        self.count_commits(sequence);
        self.try_execute();
    }
}
