//! Checkpoints and garbage collection (Castro-Liskov 1999, section 4.3).

use super::merkle::{checkpoint_digest, clients_top};
use super::message::Sequence;
use super::rules::{Effect, Rules};
use super::slot::CheckpointVote;
use super::view_store::CHECKPOINTS;
use super::whom::Whom;
use crate::auth::Digest;
use crate::fault::{Fault, Refusal};
use crate::node::{NodeId, NodeSet};
use crate::service::ClientTable;

/// The most replicas that one step accuses of a wrong checkpoint.
const ACCUSED: usize = 4;

impl Rules<'_> {
    /// The client table as it is now.
    pub(super) fn client_table(&self) -> ClientTable<'_> {
        ClientTable {
            rows: self.memory.clients,
            replies: self.memory.replies,
            reply_bytes: self.node.sizes.reply_bytes,
        }
    }

    /// "These proofs are generated periodically, when a request with a sequence number divisible
    /// by some constant is executed" (4.3). The client table is part of the state.
    pub(super) fn capture(&mut self, sequence: Sequence) {
        let clients = clients_top(&self.client_table());
        let stable = self.node.stable;
        let mut places = self.node.captures.iter_mut();
        let free = places.find(|place| place.is_none_or(|(taken, _)| taken <= stable));
        if let Some(place) = free {
            *place = Some((sequence, clients));
            self.emit(Effect::Capture { sequence });
        }
    }

    /// The host captured its state: "when a replica i produces a checkpoint, it multicasts a
    /// message <CHECKPOINT, n, d, i> to the other replicas" (4.3).
    pub(super) fn on_captured(&mut self, sequence: Sequence, state: &Digest) {
        let mut captures = self.node.captures.iter_mut();
        let capture = captures.find(|place| place.is_some_and(|(of, _)| of == sequence));
        let Some((_, clients)) = capture.and_then(Option::take) else {
            return self.refuse(Refusal::NotCapturing { sequence: sequence.0 });
        };
        if sequence <= self.node.stable || self.node.diverged {
            return;
        }
        self.vouch(sequence, checkpoint_digest(sequence, &clients, state));
    }

    /// Vouches for a checkpoint that this replica holds.
    pub(super) fn vouch(&mut self, sequence: Sequence, digest: Digest) {
        self.put_checkpoint(self.node.me(), CheckpointVote { sequence, digest });
        self.say_checkpoint(sequence, digest);
        self.count_checkpoint(sequence);
    }

    /// Multicasts a CHECKPOINT that is entered already. A replica that recovers keeps it to itself.
    pub(super) fn say_checkpoint(&mut self, sequence: Sequence, digest: Digest) {
        if !self.node.is_mute() {
            self.emit(Effect::PersistCheckpoint { sequence, digest });
            self.emit(Effect::Checkpoint { to: Whom::All, sequence, digest });
        }
    }

    /// Counts the votes for whatever digests replicas vouch for at a sequence: the others may
    /// have agreed on another one than this replica's before it had its own.
    pub(super) fn count_checkpoint(&mut self, sequence: Sequence) {
        for node in self.nodes() {
            if let Some(digest) = self.checkpoint_of(node, sequence) {
                self.try_stabilize(sequence, digest);
            }
        }
    }

    /// "Each replica collects checkpoint messages in its log until it has 2f + 1 of them for
    /// sequence number n with the same digest d signed by different replicas" (4.3).
    pub(super) fn on_checkpoint(&mut self, from: NodeId, sequence: Sequence, digest: Digest) {
        if !sequence.0.is_multiple_of(self.node.sizes.checkpoint_interval()) {
            return self.accuse(from, Fault::OutOfBounds);
        }
        if sequence <= self.node.stable {
            return;
        }
        let known = self.checkpoint_of(from, sequence);
        if known.is_some_and(|known| known != digest) {
            // One whose state was repaired says so too: its state was wrong, and not its word.
            return self.accuse(from, Fault::WrongDigest);
        }
        if known.is_none() {
            // One that only takes the place of another above the stable one leaves nothing new.
            let stable = self.node.stable;
            let free = self.checkpoints_of(from).iter().any(|vote| vote.sequence <= stable);
            self.put_checkpoint(from, CheckpointVote { sequence, digest });
            self.note_spoken(from);
            self.node.fruitless = !free;
        }
        self.try_stabilize(sequence, digest);
    }

    /// The checkpoints that a replica vouches for.
    pub(super) fn checkpoints_of(&self, node: NodeId) -> &[CheckpointVote] {
        let mut rows = self.memory.checkpoints.chunks_exact(CHECKPOINTS);
        rows.nth(node.index()).unwrap_or_default()
    }

    /// The digest that a replica vouches for at a sequence.
    pub(super) fn checkpoint_of(&self, node: NodeId, sequence: Sequence) -> Option<Digest> {
        // Sequence 0 marks a free place: the initial state is nobody's checkpoint.
        let mut votes = self.checkpoints_of(node).iter().filter(|vote| vote.sequence.0 != 0);
        votes.find(|vote| vote.sequence == sequence).map(|vote| vote.digest)
    }

    /// Keeps a checkpoint vote in its sender's own row: the lowest of the row makes room for a
    /// higher one, so that a sender can push out only its own.
    pub(super) fn put_checkpoint(&mut self, from: NodeId, vote: CheckpointVote) {
        let mut rows = self.memory.checkpoints.chunks_exact_mut(CHECKPOINTS);
        let Some(row) = rows.nth(from.index()) else { return };
        if let Some(same) = row.iter_mut().find(|place| place.sequence == vote.sequence) {
            *same = vote;
        } else if let Some(lowest) = row.iter_mut().min_by_key(|place| place.sequence)
            && lowest.sequence < vote.sequence
        {
            *lowest = vote;
        }
    }

    /// Takes back what this replica vouched for above a state that it installs: it led there from
    /// another state.
    pub(super) fn forget_checkpoints_above(&mut self, sequence: Sequence) {
        let me = self.node.me();
        let mut rows = self.memory.checkpoints.chunks_exact_mut(CHECKPOINTS);
        for vote in rows.nth(me.index()).unwrap_or_default() {
            if vote.sequence > sequence {
                *vote = CheckpointVote::NONE;
            }
        }
    }

    /// The replicas that vouch for exactly this checkpoint.
    pub(super) fn vouchers(&self, sequence: Sequence, digest: &Digest) -> NodeSet {
        let nodes = (0..self.node.sizes.nodes).filter_map(|node| u8::try_from(node).ok());
        let vote = CheckpointVote { sequence, digest: *digest };
        nodes.map(NodeId).filter(|node| self.checkpoints_of(*node).contains(&vote)).collect()
    }

    /// What follows from the votes for a checkpoint.
    pub(super) fn try_stabilize(&mut self, sequence: Sequence, digest: Digest) {
        let mut vouchers = self.vouchers(sequence, &digest);
        if self.node.is_mute() {
            vouchers.remove(self.node.me());
        }
        let quorum = self.node.quorum;
        let weak = canary!("stable_by_a_weak_quorum");
        if vouchers.len() < if weak { quorum.weak() } else { quorum.strong() } {
            return;
        }
        match self.checkpoint_of(self.node.me(), sequence) {
            // What was given up when it found out that it had diverged is not made up for by a
            // later state that is right: a batch may be half executed.
            Some(mine) if mine == digest && self.node.diverged => {
                self.begin_transfer(sequence, digest, true);
            }
            Some(mine) if mine == digest => self.stabilize(sequence, digest),
            Some(_) if canary!("own_digest_unnoticed") => {}
            Some(_) => self.diverge(sequence, digest),
            None => self.certify_transfer(sequence, &digest),
        }
    }

    /// "A checkpoint with a proof is a stable checkpoint; the replica discards all messages with
    /// sequence number less than or equal to n from its log; it also discards all earlier
    /// checkpoints" (4.3). The ring frees itself as the water marks move.
    pub(super) fn stabilize(&mut self, sequence: Sequence, digest: Digest) {
        if sequence <= self.node.stable || sequence > self.node.executed {
            return;
        }
        self.node.stable = sequence;
        self.node.stable_digest = digest;
        self.emit(Effect::PersistStable { sequence, digest });
        self.accuse_dissenters(sequence, &digest);
        self.node.proposed = self.node.proposed.max(sequence);
        self.end_transfer_at(sequence);
        self.try_recovered();
        self.review_log();
        self.propose();
    }

    fn accuse_dissenters(&mut self, sequence: Sequence, digest: &Digest) {
        let nodes = (0..self.node.sizes.nodes).filter_map(|node| u8::try_from(node).ok());
        let dissents =
            |node: &NodeId| self.checkpoint_of(*node, sequence).is_some_and(|own| own != *digest);
        let dissenters: NodeSet = nodes.map(NodeId).filter(dissents).collect();
        for node in dissenters.iter().take(ACCUSED) {
            self.accuse(node, Fault::WrongDigest);
        }
    }

    /// A strong quorum holds another state than this replica at a sequence that it executed: its
    /// own state is wrong. It stops executing, replying and vouching, and fetches theirs.
    fn diverge(&mut self, sequence: Sequence, digest: Digest) {
        if sequence <= self.node.stable {
            return;
        }
        if !self.node.diverged {
            self.node.diverged = true;
            self.node.executing = None;
            self.close_reads();
            self.accuse(self.node.me(), Fault::WrongDigest);
        }
        self.begin_transfer(sequence, digest, true);
    }
}
