//! Leaving a view: VIEW-CHANGE messages (Castro-Liskov 2002, section 3.2.4).

use super::config::Dimensions;
use super::history::{History, Pairs};
use super::message::{Sequence, View, ViewChange};
use super::peer::Peer;
use super::rules::{Effect, Kept, NewViewStage, Rules};
use super::view_store::{CHECKPOINTS, ViewRow};
use super::whom::Whom;
use crate::auth::{Digest, Signature};
use crate::fault::{Fault, Refusal};
use crate::node::{NodeId, NodeSet};
use core::time::Duration;

/// Which of the two VIEW-CHANGEs that are kept of each replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelf {
    /// The latest that it made.
    Latest,
    /// The one that the stored NEW-VIEW names.
    Named,
}

/// Whether the lists of a VIEW-CHANGE are as long as a correct replica's at most, and P and Q
/// inside of its window. (A checkpoint may lie above it: a state that was fetched is vouched for
/// before it is stable.) Cheap, so that it comes before the signature is looked at.
pub(super) fn plausible(change: &ViewChange<'_>, sizes: &Dimensions) -> bool {
    let high = change.stable.0.saturating_add(sizes.window as u64);
    let interval = sizes.checkpoint_interval();
    if canary!("any_view_change") {
        return true;
    }
    change.author.index() < sizes.nodes
        && change.checkpoints.len() <= CHECKPOINTS
        && change.histories.len() <= sizes.window
        && change.checkpoints.iter().all(|(at, _)| at.0.is_multiple_of(interval))
        && change.histories.iter().all(|history| history.sequence.0 <= high)
}

impl Rules<'_> {
    /// "The timeout for a request expires: the backup moves the system to view v + 1; it stops
    /// accepting messages (other than checkpoint, view-change, and new-view messages) and
    /// multicasts a VIEW-CHANGE" (1999, section 4.4).
    pub(super) fn start_view_change(&mut self, view: View) {
        self.node.view = view;
        self.node.active = false;
        self.node.failed_views = self.node.failed_views.saturating_add(1);
        self.node.new_view_deadline = None;
        if self.node.new_view.view < view {
            self.node.new_view.stage = NewViewStage::None;
        }
        if self.node.is_mute() || view <= self.node.signed_view {
            // It follows the others, and has no say in it: it may have had one before.
            self.emit(Effect::PersistLeft(view));
            return self.watch_new_view();
        }
        self.write_view_change(view);
        self.emit(Effect::PersistViewChange);
        let author = self.node.me();
        self.emit(Effect::ViewChange { to: Whom::All, author, named: false });
        self.watch_new_view();
        self.try_new_view();
        self.try_enter();
    }

    /// Whether this replica has signed a VIEW-CHANGE for the view that it is changing to.
    pub(super) fn has_a_say(&self) -> bool {
        let mine = self.row(Shelf::Latest, self.node.me());
        !self.node.active && mine.is_some_and(|row| row.view == self.node.view)
    }

    /// Asks for the view after this one.
    pub(super) fn next_view(&mut self) {
        let Some(view) = self.node.view.next() else {
            // There is nothing to change to: the host hears it again, but not at once.
            self.node.new_view_deadline = Some(self.node.now.after(self.patience()));
            return self.refuse(Refusal::Exhausted);
        };
        self.start_view_change(view);
        if !self.node.active && !self.has_a_say() {
            // It may have asked for this view before it lost its log. It says nothing now, but
            // follows the others if they begin it, and asks for one that it may ask for if not.
            self.node.new_view_deadline = Some(self.node.now.after(self.patience()));
        }
    }

    /// Writes this replica's own VIEW-CHANGE: C, P and Q as they stand. It is written once for a
    /// view and sent again as it is, since two that differ would be two statements.
    fn write_view_change(&mut self, view: View) {
        let me = self.node.me();
        let mut row = ViewRow { view, stable: self.node.stable, ..ViewRow::EMPTY };
        let mut held = [(Sequence(0), Digest::ZERO); CHECKPOINTS];
        let mut count = 0;
        for (at, digest) in self.own_checkpoints() {
            if let Some(place) = held.get_mut(count) {
                *place = (at, digest);
                count += 1;
            }
        }
        held.get_mut(..count).unwrap_or_default().sort_unstable();
        for (index, (at, digest)) in held.iter().take(count).enumerate() {
            let _ = Pairs::put(&mut row.checkpoints, index, *at, digest);
        }
        row.checkpoint_count = u8::try_from(count).unwrap_or(0);

        let (low, high) = (self.node.stable.0, self.high().0);
        let range = self.history_range(Shelf::Latest, me);
        let ring = self.ring();
        let bytes = self.memory.histories.get_mut(range).unwrap_or_default();
        let (entries, _) = bytes.as_chunks_mut::<{ History::ENTRY }>();
        let slots = &*self.memory.slots;
        let low = if canary!("executed_is_forgotten") { self.node.executed.0 } else { low };
        let histories = (low..high)
            .filter_map(|below| Sequence(below).next())
            .filter_map(|at| super::log::slot(slots, ring, at))
            .filter(|slot| slot.history.pre_prepared.iter().any(Option::is_some));
        for (entry, slot) in entries.iter_mut().zip(histories) {
            let history = slot.history.compact();
            let prepared = history.prepared.filter(|_| !canary!("p_left_out"));
            *entry = History { prepared, ..history }.encode();
            row.history_count += 1;
        }
        self.put_row(Shelf::Latest, me, row);
        let scope = self.node.config.scope;
        let digest = self.view_change(Shelf::Latest, me).map(|change| change.digest(&scope));
        if let (Some(row), Some(digest)) = (self.row_mut(Shelf::Latest, me), digest) {
            row.digest = digest;
        }
    }

    /// C: the stable checkpoint, and those above it that this replica vouches for.
    fn own_checkpoints(&self) -> impl Iterator<Item = (Sequence, Digest)> + '_ {
        let stable = (self.node.stable, self.node.stable_digest);
        let above = self.checkpoints_of(self.node.me()).iter();
        let above = above.filter(|vote| vote.sequence > self.node.stable && !self.node.diverged);
        core::iter::once(stable).chain(above.map(|vote| (vote.sequence, vote.digest)))
    }

    /// A VIEW-CHANGE, from its author or passed on by another. One that is malformed is rejected
    /// whole and hides no other.
    pub(super) fn on_view_change(&mut self, change: &ViewChange<'_>, digest: Digest) {
        let author = change.author;
        if author == self.node.me() {
            // A NEW-VIEW may name one that was signed before the log was lost.
            if !self.meet_own(change, digest) && plausible(change, &self.node.sizes) {
                self.fill_new_view(change, digest);
                self.try_enter();
            }
            return;
        }
        if !plausible(change, &self.node.sizes) {
            return self.accuse(author, Fault::BadViewChange);
        }
        self.fill_new_view(change, digest);
        let Some(known) = self.row(Shelf::Latest, author) else { return };
        let (known_view, known_digest) = (known.view, known.digest);
        if known_view == change.view && known_digest != digest {
            self.accuse(author, Fault::Equivocation);
            self.convict(author, Kept::ViewChange(author));
        }
        if change.view > known_view {
            self.store_view_change(Shelf::Latest, change, digest);
            self.note_spoken(author);
            self.join();
            self.watch_new_view();
            self.try_new_view();
        }
        self.try_enter();
    }

    /// "If a replica receives a set of f + 1 valid view-change messages from other replicas for
    /// views greater than its current view, it sends a view-change message for the smallest view
    /// in the set, even if its timer has not expired" (1999, section 4.5.2).
    fn join(&mut self) {
        let mut view = self.node.view;
        for _ in 0..self.node.sizes.nodes {
            let higher = self.wanting_above(view);
            let enough = if canary!("joins_a_single_one") { 1 } else { self.node.quorum.weak() };
            if higher.len() < enough {
                break;
            }
            let views = higher.iter().filter_map(|node| self.row(Shelf::Latest, node));
            view = views.map(|row| row.view).min().unwrap_or(view);
        }
        if view > self.node.view && !self.node.is_mute() {
            self.follow(view);
        }
    }

    /// The other replicas whose latest VIEW-CHANGE is for a view above this one.
    fn wanting_above(&self, view: View) -> NodeSet {
        let wants = |node: &NodeId| {
            *node != self.node.me()
                && self.row(Shelf::Latest, *node).is_some_and(|row| row.view > view)
        };
        self.nodes().filter(wants).collect()
    }

    /// The replicas, this one among them, that want exactly the view that this one wants.
    pub(super) fn wanting_mine(&self) -> NodeSet {
        let view = self.node.view;
        let wants =
            |node: &NodeId| self.row(Shelf::Latest, *node).is_some_and(|row| row.view == view);
        self.nodes().filter(wants).collect()
    }

    /// "After a replica has multicast a view-change message for view v + 1 it waits for 2f + 1
    /// view-change messages for view v + 1 and then starts its timer to expire after some time
    /// T" (1999, section 4.5.2); T doubles with each view that fails. One that wants a later view
    /// counts too: it no longer says what it wanted before, and must not be waited for; and so does
    /// one that waits for this view without a say, or its silence would make the others wait.
    pub(super) fn watch_new_view(&mut self) {
        let (view, me) = (self.node.view, self.node.me());
        let wants = |node: &NodeId| {
            let wanted = self.row(Shelf::Latest, *node).map_or(View(0), |row| row.view);
            *node == me || wanted.max(self.peer(*node).waits) >= view
        };
        let ready = self.nodes().filter(wants).count() >= self.node.quorum.strong();
        if !self.node.active && ready && self.node.new_view_deadline.is_none() {
            self.node.new_view_deadline = Some(self.node.now.after(self.patience()));
        }
    }

    /// T x 2^k for the k-th view in a row that failed, capped.
    pub(super) fn patience(&self) -> Duration {
        let doublings = self.node.failed_views.saturating_sub(1).min(31);
        let patience = self.node.config.timeout.saturating_mul(1 << doublings);
        if canary!("timeout_without_cap") {
            patience
        } else {
            patience.min(self.node.config.timeout_cap)
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + Clone + use<> {
        (0..self.node.sizes.nodes).filter_map(|node| u8::try_from(node).ok()).map(NodeId)
    }

    pub(super) fn row_index(&self, shelf: Shelf, node: NodeId) -> usize {
        let first = if shelf == Shelf::Named { self.node.sizes.nodes } else { 0 };
        first + node.index()
    }

    pub(super) fn history_range(&self, shelf: Shelf, node: NodeId) -> core::ops::Range<usize> {
        let size = self.node.sizes.window * History::ENTRY;
        let start = self.row_index(shelf, node) * size;
        start..start + size
    }

    pub(super) fn row(&self, shelf: Shelf, node: NodeId) -> Option<&ViewRow> {
        self.memory.view_rows.get(self.row_index(shelf, node))
    }

    /// What is known of a replica; nothing, if there is none of that name.
    pub(super) fn peer(&self, node: NodeId) -> Peer {
        self.memory.peers.get(node.index()).copied().unwrap_or_default()
    }

    pub(super) fn peer_mut(&mut self, node: NodeId) -> Option<&mut Peer> {
        self.memory.peers.get_mut(node.index())
    }

    fn row_mut(&mut self, shelf: Shelf, node: NodeId) -> Option<&mut ViewRow> {
        let index = self.row_index(shelf, node);
        self.memory.view_rows.get_mut(index)
    }

    fn put_row(&mut self, shelf: Shelf, node: NodeId, row: ViewRow) {
        if let Some(place) = self.row_mut(shelf, node) {
            *place = row;
        }
    }

    /// The VIEW-CHANGE that is kept of a replica.
    pub(super) fn view_change(&self, shelf: Shelf, node: NodeId) -> Option<ViewChange<'_>> {
        let row = self.row(shelf, node).filter(|row| row.view > View(0))?;
        let histories = self.memory.histories.get(self.history_range(shelf, node))?;
        Some(row.message(node, histories))
    }

    /// Keeps a VIEW-CHANGE, with its signature.
    pub(super) fn store_view_change(
        &mut self,
        shelf: Shelf,
        change: &ViewChange<'_>,
        digest: Digest,
    ) {
        let mut row = ViewRow {
            view: change.view,
            stable: change.stable,
            digest,
            signature: change.signature,
            ..ViewRow::EMPTY
        };
        let checkpoints = change.checkpoints.bytes();
        let histories = change.histories.bytes();
        let range = self.history_range(shelf, change.author);
        let store = self.memory.histories.get_mut(range).and_then(|s| s.get_mut(..histories.len()));
        let place = row.checkpoints.get_mut(..checkpoints.len());
        let (Some(store), Some(place)) = (store, place) else { return };
        store.copy_from_slice(histories);
        place.copy_from_slice(checkpoints);
        row.checkpoint_count = u8::try_from(change.checkpoints.len()).unwrap_or(0);
        row.history_count = u16::try_from(change.histories.len()).unwrap_or(0);
        self.put_row(shelf, change.author, row);
    }

    /// A replica has said something that it must not contradict.
    pub(super) fn note_spoken(&mut self, node: NodeId) {
        if let Some(peer) = self.peer_mut(node) {
            peer.spoken = true;
        }
    }

    /// Puts the latest VIEW-CHANGE of a replica among those that the stored NEW-VIEW names.
    pub(super) fn name_view_change(&mut self, node: NodeId) {
        let (from, to) =
            (self.history_range(Shelf::Latest, node), self.history_range(Shelf::Named, node));
        let in_bounds = to.end <= self.memory.histories.len() && from.end <= to.start;
        if let (Some(row), true) = (self.row(Shelf::Latest, node).copied(), in_bounds) {
            #[expect(
                clippy::disallowed_methods,
                reason = "both ranges were compared with the store"
            )]
            self.memory.histories.copy_within(from, to.start);
            self.put_row(Shelf::Named, node, row);
        }
    }

    /// Forgets what the shelf holds of a replica.
    pub(super) fn clear_named(&mut self, node: NodeId) {
        self.put_row(Shelf::Named, node, ViewRow::EMPTY);
    }

    /// Asks for a VIEW-CHANGE by its digest: answered from either shelf. One that lost its log may
    /// hold what it signed before the loss, from a peer; it says nothing of its own all the same.
    pub(super) fn on_fetch_view_change(&mut self, from: NodeId, author: NodeId, digest: &Digest) {
        if self.node.is_mute() && author == self.node.me() {
            return;
        }
        let to = Whom::One(from);
        let holds = |shelf| {
            self.row(shelf, author).is_some_and(|row| row.view > View(0) && row.digest == *digest)
        };
        let named = holds(Shelf::Named);
        if (named || holds(Shelf::Latest)) && self.spend_fetch(from) {
            self.emit(Effect::ViewChange { to, author, named });
        }
    }

    /// The list of an own VIEW-CHANGE carries no signature: it is signed as it leaves.
    pub(super) fn restore_own(&mut self, change: &ViewChange<'_>) {
        let digest = change.digest(&self.node.config.scope);
        let unsigned = ViewChange { signature: Signature::ZERO, ..*change };
        self.store_view_change(Shelf::Latest, &unsigned, digest);
    }
}
