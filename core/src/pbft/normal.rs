//! The normal case: REQUEST, PRE-PREPARE, PREPARE, COMMIT (Castro-Liskov 1999, section 4.2).

use super::history::PrePrepared;
use super::log;
use super::message::{Sequence, View, Vote};
use super::rules::{Effect, Kept, Rules};
use super::slot::Pending;
use super::tally::{Phase, backers};
use crate::auth::Digest;
use crate::fault::{Fault, Refusal};
use crate::node::{NodeId, NodeSet, Principal};
use crate::service::{Batch, Request};

/// The most batches that one step proposes.
const PROPOSALS: usize = 2;

impl Rules<'_> {
    /// "A client c requests the execution of state machine operation o by sending a
    /// <REQUEST, o, t, c> message to the primary" (4.1). A backup relays it to the primary and
    /// starts a timer for it (4.4).
    pub(super) fn on_request(&mut self, from: Principal, request: &Request<'_>) {
        let client = request.client;
        let direct = from == Principal::Client(client);
        let Some(row) = self.memory.clients.get(client.index()) else { return };
        if request.timestamp <= row.timestamp {
            return self.answer_again(direct, request, row.timestamp);
        }
        let Some(pending) = self.memory.pending.get(client.index()).copied() else { return };
        if request.timestamp < pending.timestamp {
            return;
        }
        if request.len() > self.node.sizes.batch_bytes {
            return self.accuse_sender(from, Fault::OutOfBounds);
        }

        if request.timestamp == pending.timestamp && self.contradicts_pool(request) {
            return self.emit(Effect::Contradiction(Kept::Request(client)));
        }
        let turn = self.turn(&pending);
        // What waits beside it goes first, so that a long request is not passed by short ones.
        let kept = self.keep_request(request, pending)
            || self.close_batch() && self.keep_request(request, pending)
            || self.displace(request, turn) && self.keep_request(request, pending);
        if !kept {
            // No room: no timer either, or clients could have a primary replaced that has none.
            self.refuse_room(client, pending, turn);
            if direct && !canary!("silence_when_full") {
                self.emit(Effect::Busy { client, timestamp: request.timestamp });
            }
            return;
        }

        if self.node.leads() {
            self.propose();
        } else if self.node.active && !self.node.is_mute() && request.timestamp > pending.timestamp
        {
            // Also one that another replica passed on, taking this one for the primary.
            self.watch_request(client);
        }
    }

    /// A request that was executed before: "replicas resend the reply" (4.1).
    fn answer_again(&mut self, direct: bool, request: &Request<'_>, last: u64) {
        let (client, timestamp) = (request.client, request.timestamp);
        if !direct || self.node.diverged {
        } else if timestamp == last {
            self.emit(Effect::Reply { client });
        } else {
            self.emit(Effect::Stale { client, timestamp });
        }
    }

    fn accuse_sender(&mut self, from: Principal, fault: Fault) {
        if let Principal::Node(node) = from {
            self.accuse(node, fault);
        }
    }

    /// "The primary assigns a sequence number n to the request, multicasts a pre-prepare message
    /// with m piggybacked" (4.2); batches as in section 5.1.4 of the 2002 paper: with nothing
    /// under way at once, else when one is full, half the room is used, or the delay is over.
    pub(super) fn propose(&mut self) {
        for _ in 0..PROPOSALS {
            if self.null_waits() {
                self.node.fill.left = self.node.fill.left.saturating_sub(1);
                self.propose_next(0);
                return;
            }
            if !self.node.leads() || self.node.pool_count == 0 || !self.batch_closes() {
                return;
            }
            let bytes = self.pool_front(self.node.config.batch_requests);
            if !self.propose_next(bytes) {
                return;
            }
        }
    }

    /// Proposes the first bytes of the pool at the next sequence, NULL if that is none of them,
    /// unless the window is full or all sequences are used up.
    fn propose_next(&mut self, bytes: usize) -> bool {
        let next = self.node.proposed.max(self.node.stable).next();
        let Some(sequence) = next.filter(|next| next.0 != u64::MAX) else {
            self.refuse(Refusal::Exhausted);
            return false;
        };
        if self.in_window(sequence) {
            self.propose_at(sequence, bytes);
        }
        self.node.proposed == sequence
    }

    /// Proposes what waits although more would have fitted in; false if it cannot.
    fn close_batch(&mut self) -> bool {
        if !self.node.leads() || self.node.pool_count == 0 || !self.has_room() {
            return false;
        }
        let bytes = self.pool_front(self.node.config.batch_requests);
        self.propose_next(bytes)
    }

    /// Whether the requests that wait are proposed now.
    fn batch_closes(&self) -> bool {
        let idle = self.node.proposed <= self.node.executed;
        let full = self.node.pool_count >= self.node.config.batch_requests
            || self.node.pool_used >= self.node.sizes.batch_bytes.div_ceil(2);
        let due = self.node.pool_since.after(self.node.config.batch_delay) <= self.node.now;
        idle || full || due
    }

    /// Whether the next sequence lies between the water marks.
    pub(super) fn has_room(&self) -> bool {
        let next = self.node.proposed.max(self.node.stable).next();
        next.is_some_and(|next| next.0 != u64::MAX && self.in_window(next))
    }

    /// Whether a batch could be proposed right now.
    pub(super) fn batch_waits(&self) -> bool {
        self.node.leads() && self.node.pool_count != 0 && self.has_room() && self.batch_closes()
    }

    fn propose_at(&mut self, sequence: Sequence, bytes: usize) {
        let view = self.node.view;
        let batch = Batch::from_bytes(self.memory.pool.get(..bytes).unwrap_or_default());
        let digest = batch.digest();
        let bound = self.is_bound(sequence, view);
        let Some(slot) = self.slot_mut(sequence) else { return };
        let free = !bound && slot.accepted(view).is_none();
        let Some(which) = free.then(|| slot.enter(view, digest)).flatten() else {
            self.node.proposed = sequence;
            return;
        };
        let range = self.ring().batch(sequence, which);
        let room = self.memory.batches.get_mut(range).and_then(|room| room.get_mut(..bytes));
        let (Some(room), Some(pool)) = (room, self.memory.pool.get(..bytes)) else { return };
        room.copy_from_slice(pool);
        if let Some(length) = self.slot_mut(sequence).and_then(|slot| slot.lengths.get_mut(which)) {
            *length = u32::try_from(bytes).unwrap_or(0);
        }
        self.pool_drop_front(bytes);
        self.node.proposed = sequence;
        self.emit(Effect::PersistPrePrepared { view, sequence, which });
        self.vote_prepare(Vote { view, sequence, digest });
        self.emit(Effect::PrePrepare { view, sequence, which });
        self.try_prepare(sequence);
    }

    /// "A backup accepts a pre-prepare message provided: the signatures are correct and d is the
    /// digest for m; it is in view v; it has not accepted a pre-prepare message for view v and
    /// sequence number n containing a different digest; the sequence number is between a low
    /// water mark, h, and a high water mark, H" (4.2).
    pub(super) fn on_pre_prepare(
        &mut self,
        from: NodeId,
        view: View,
        sequence: Sequence,
        batch: Batch<'_>,
        digest: Digest,
    ) {
        if from != self.node.primary(view) && !canary!("anyone_proposes") {
            return self.accuse(from, Fault::NotPrimary);
        }
        if view != self.node.view || !self.node.active || !self.in_window(sequence) {
            return;
        }
        if self.node.is_mute() {
            // It may have accepted another one before. What is committed is fetched.
            return;
        }
        assert!(self.knows_its_beginning(), "an active view's NEW-VIEW is kept");
        if batch.bytes().len() > self.node.sizes.batch_bytes {
            return self.accuse(from, Fault::BadBatch);
        }
        if self.is_settled_by_new_view(sequence) {
            return match self.chosen(sequence) {
                Some(chosen) if chosen == digest => self.bring(from, sequence, batch, digest),
                _ => self.accuse(from, Fault::Equivocation),
            };
        }
        let slot = self.slot(sequence).copied().unwrap_or_default();
        if let Some(settled) = slot.committed.filter(|_| slot.rivals(&digest)) {
            // A rival of what is settled for ever is never accepted; a lie in the same view.
            if settled.view == view && view < Vote::REPLAYED {
                self.accuse(from, Fault::Equivocation);
            }
            return;
        }
        if let Some(accepted) = slot.accepted(view).filter(|_| !canary!("second_digest")) {
            let said = self.cast_by_me(sequence, view);
            let sure = slot.committed.is_none_or(|settled| settled.view != Vote::REPLAYED);
            let adopted = accepted == digest && said.is_none() && sure;
            if adopted && !canary!("joins_without_prepare") {
                self.prepare_adopted(Vote { view, sequence, digest });
                self.try_prepare(sequence);
            } else if accepted != digest && said == Some(accepted) {
                self.accuse(from, Fault::Equivocation);
            }
            return;
        }

        self.accept(view, sequence, batch, digest);
        self.try_prepare(sequence);
        // A quorum of COMMITs may have come before the batch.
        self.try_execute();
    }

    /// Enters a batch in Q, keeps it, and votes for it.
    pub(super) fn accept(
        &mut self,
        view: View,
        sequence: Sequence,
        batch: Batch<'_>,
        digest: Digest,
    ) {
        if self.is_bound(sequence, view) && !canary!("second_digest") {
            return;
        }
        let which = self.slot_mut(sequence).and_then(|slot| slot.enter(view, digest));
        let Some(which) = which else { return };
        self.keep_batch(sequence, which, batch.bytes());
        self.emit(Effect::PersistPrePrepared { view, sequence, which });
        self.vote_prepare(Vote { view, sequence, digest });
        self.watch(sequence, &digest);
        if let Some(request) = batch.iter().find(|request| self.contradicts_pool(request)) {
            self.emit(Effect::Contradiction(Kept::Request(request.client)));
        }
    }

    /// "If backup i accepts the pre-prepare message, it enters the prepare phase by multicasting
    /// a <PREPARE, v, n, d, i> message" (4.2). A primary's PRE-PREPARE stands for its PREPARE; it
    /// keeps its own in the same place, as what it has said in this view. Its NEW-VIEW does not:
    /// it may have chosen a batch that the primary lacks, or that lies above its window.
    pub(super) fn vote_prepare(&mut self, vote: Vote) {
        let me = self.node.me();
        self.cast(vote, me, Phase::Prepare);
        if self.node.primary(vote.view) != me || self.is_settled_by_new_view(vote.sequence) {
            self.emit(Effect::Prepare(vote));
        }
    }

    /// Starts the timers of the requests of a batch that was pre-prepared in this view: whoever
    /// proposed them must get them executed.
    pub(super) fn watch(&mut self, sequence: Sequence, digest: &Digest) {
        let Some(slot) = self.slot(sequence).copied() else { return };
        let Some(which) = slot.position(digest) else { return };
        let (since, view) = (self.node.now, self.node.view);
        let settled = self.is_settled_by_new_view(sequence);
        let measured = !self.node.leads() && !settled;
        let mut fresh = settled;
        let bytes = log::batch_of(self.memory.batches, self.ring(), &slot, which);
        for request in Batch::from_bytes(bytes).iter() {
            let (client, timestamp) = (request.client.index(), request.timestamp);
            let executed = self.memory.clients.get(client).map_or(u64::MAX, |row| row.timestamp);
            let Some(pending) = self.memory.pending.get_mut(client) else { continue };
            if timestamp <= executed || timestamp < pending.timestamp {
                continue;
            }
            let known = pending.timestamp != 0;
            let again = pending.proposed == Some(view);
            let seen = again && timestamp <= pending.timestamp;
            let stamp = (pending.pooled && !again).then_some(pending.stamp);
            if !known {
                *pending = Pending { timestamp, since, ..Pending::NONE };
            }
            pending.proposed = Some(view);
            fresh = true;
            if measured && !seen {
                self.node.watch.propose(stamp);
            }
        }
        self.begin_agreement(sequence, fresh && !settled);
        // NULL, or a batch that was executed before, is no use that a primary makes of its log.
        if fresh {
            self.watch_sequence(sequence);
        }
    }

    /// Starts the timers of what its log knows as proposed in this view and not executed: those who
    /// asked may have their replies, and nobody else would have the view left in which it hangs.
    pub(super) fn watch_after_restart(&mut self) {
        let (view, since) = (self.node.view, self.node.now);
        if !self.node.active {
            return;
        }
        for below in self.node.executed.0..self.high().0 {
            let Some(sequence) = Sequence(below).next() else { return };
            let slot = self.slot(sequence).copied().unwrap_or_default();
            let accepted = slot.accepted(view).and_then(|digest| slot.position(&digest));
            let Some(which) = accepted else { continue };
            let bytes = log::batch_of(self.memory.batches, self.ring(), &slot, which);
            for request in Batch::from_bytes(bytes).iter() {
                let (client, timestamp) = (request.client.index(), request.timestamp);
                let row = self.memory.clients.get(client).map_or(u64::MAX, |row| row.timestamp);
                let Some(pending) = self.memory.pending.get_mut(client) else { continue };
                if timestamp > row.max(pending.timestamp) {
                    let proposed = Some(view);
                    *pending = Pending { timestamp, since, proposed, ..Pending::NONE };
                }
            }
        }
    }

    /// "A replica accepts prepare messages and adds them to its log provided their signatures
    /// are correct, their view number equals the replica's current view, and their sequence
    /// number is between h and H" (4.2). Those of a later view wait for it in their sender's own
    /// place.
    pub(super) fn on_prepare(&mut self, from: NodeId, vote: Vote) {
        let known = vote.view == self.node.view && self.node.active;
        let proposes = known && !self.is_settled_by_new_view(vote.sequence);
        if from == self.node.primary(vote.view) && (vote.view == View(0) || proposes) {
            return self.accuse(from, Fault::NotAllowed);
        }
        if vote.view < self.node.view || !self.in_window(vote.sequence) {
            return;
        }
        if self.cast(vote, from, Phase::Prepare) {
            self.try_prepare(vote.sequence);
        }
    }

    /// "Replicas accept commit messages and insert them in their log provided they are properly
    /// signed" (4.2). Those of an older view still count: a quorum of them settles the sequence
    /// for ever.
    pub(super) fn on_commit(&mut self, from: NodeId, vote: Vote) {
        if !self.in_window(vote.sequence) || vote.view == Vote::ANY_VIEW {
            return;
        }
        if self.cast(vote, from, Phase::Commit) {
            self.try_commit(vote);
        }
    }

    /// "We define the predicate prepared(m, v, n, i) to be true if and only if replica i has
    /// inserted in its log: the request m, a pre-prepare for m in view v with sequence number n,
    /// and 2f prepares from different backups that match the pre-prepare" (4.2). For any n it
    /// takes a strong quorum, the primary being one of it. What a NEW-VIEW chose is backed by its
    /// primary only if that says PREPARE: of those who back it, weak ones are correct and must have
    /// it in Q, or no later view could choose it by condition A2 when the others are gone.
    pub(super) fn try_prepare(&mut self, sequence: Sequence) {
        let view = self.node.view;
        let Some(slot) = self.slot(sequence) else { return };
        let Some(digest) = slot.accepted(view).filter(|digest| !slot.rivals(digest)) else {
            return;
        };
        let vote = Vote { view, sequence, digest };
        // What was adopted from a quorum of COMMITs after something else was accepted has no vote.
        if !self.may_swear(&vote) || self.cast_by_me(sequence, view) != Some(digest) {
            return;
        }
        let mut backers = backers(self.prepares(sequence), &vote);
        if !self.is_settled_by_new_view(sequence) || canary!("new_view_is_a_vote") {
            backers.insert(self.node.primary(view));
        }
        if backers.len() < self.node.quorum.strong() {
            return;
        }

        self.swear(vote);
        self.try_commit(vote);
    }

    /// Enters a digest in P and multicasts a COMMIT for it.
    pub(super) fn swear(&mut self, vote: Vote) {
        let me = self.node.me();
        let Some(slot) = self.slot_mut(vote.sequence) else { return };
        let Some(which) = slot.position(&vote.digest) else { return };
        slot.history.prepared = Some((which, vote.view));
        if !canary!("no_record_of_prepared") {
            self.emit(Effect::PersistPrepared(vote));
        }
        self.cast(vote, me, Phase::Commit);
        self.emit(Effect::Commit(vote));
    }

    /// "committed-local(m, v, n, i) is true if and only if prepared(m, v, n, i) is true and i has
    /// accepted 2f + 1 commits (possibly including its own) from different replicas that match
    /// the pre-prepare for m" (4.2). A strong quorum of COMMITs contains a correct replica that
    /// prepared, so it settles the sequence also where the PRE-PREPARE is missing.
    pub(super) fn try_commit(&mut self, vote: Vote) {
        let commits = backers(self.commits(vote.sequence), &vote);
        let words =
            backers(self.commits(vote.sequence), &Vote::settled(vote.sequence, vote.digest));
        let both = commits.iter().chain(words.iter()).collect::<NodeSet>();
        let voters = both.len() + usize::from(canary!("one_vote_twice"));
        let weak = self.node.quorum.weak();
        let enough = if canary!("settled_on_a_word") { 1 } else { weak };
        // Of weak COMMITs of one view one is a correct replica's, so that it was prepared in that
        // view. Fewer of them, beside the word of weak replicas, say nothing of when that was.
        let of_view = commits.len() >= weak || canary!("settled_when_a_liar_says");
        let of_view = of_view && !self.swore_another(&vote);
        let vote = if of_view { vote } else { Vote::settled(vote.sequence, vote.digest) };
        let counted = of_view && voters >= self.node.quorum.strong();
        // What a later view settled is entered once this replica has got there: until then it would
        // take the place of its own word. If nothing was settled, more than f lie.
        let lately = Vote { view: self.reached(), ..vote };
        let settled = (counted || words.len() >= enough) && !self.swore_another(&lately);
        let Some(slot) = self.slot_mut(vote.sequence) else { return };
        if slot.committed.is_some() || !settled {
            return;
        }
        slot.committed = Some(PrePrepared { view: vote.view, digest: vote.digest });
        if self.at_hand(vote.sequence, &vote.digest) {
            self.join_quorum(vote);
        } else {
            self.want(vote.sequence, &vote.digest);
        }
        self.try_execute();
    }

    /// The view that this replica is in, or was in last.
    pub(super) fn reached(&self) -> View {
        let View(view) = self.node.view;
        View(if self.node.active { view } else { view.saturating_sub(1) })
    }

    /// Whether this replica is in its view and has not sent a COMMIT at this sequence in it.
    pub(super) fn may_swear(&self, vote: &Vote) -> bool {
        let sworn = self.my_commit(vote.sequence).is_some_and(|mine| mine.view >= vote.view);
        self.node.active && !self.node.is_mute() && !sworn
    }

    /// Whether this replica sent a COMMIT for another digest in the same view. A strong quorum for
    /// this one is then made by more than f liars, since two of one view share a correct replica:
    /// whoever else contradicts itself, this one keeps its word.
    fn swore_another(&self, vote: &Vote) -> bool {
        let mine = self.my_commit(vote.sequence);
        mine.is_some_and(|mine| mine.view == vote.view && mine.digest != vote.digest)
    }

    /// The last COMMIT that this replica sent at a sequence.
    fn my_commit(&self, sequence: Sequence) -> Option<&Vote> {
        self.commits(sequence).get(self.node.me().index()).filter(|mine| mine.is_cast())
    }

    /// Whether the batch of a digest is kept at its sequence.
    pub(super) fn at_hand(&self, sequence: Sequence, digest: &Digest) -> bool {
        *digest == self.node.null
            || self.slot(sequence).is_some_and(|slot| slot.position(digest).is_some())
    }
}
