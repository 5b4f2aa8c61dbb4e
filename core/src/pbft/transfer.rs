//! Fetching a whole state from another replica (Castro-Liskov 2002, section 3.4), in one page.
//!
//! The target is certified before it is asked for: weak replicas vouch for its digest, so a
//! correct one holds it. It stays the same while servers are tried in turn, so that a moving
//! cluster or a lying server cannot make the transfer endless, and the state is checked against
//! it before anything is installed.

use super::checkpoint;
use super::message::Sequence;
use super::rules::{Effect, Rules, Transfer};
use super::slot::CheckpointVote;
use crate::auth::Digest;
use crate::fault::Fault;
use crate::node::{ClientId, NodeId};
use crate::service;

/// How often the patience with a server doubles.
const PATIENCE_DOUBLINGS: u32 = 4;

impl Rules<'_> {
    /// Looks for a certified checkpoint that is worth fetching. `stuck`: this replica has not
    /// executed anything for a while, so that a checkpoint inside of its window is worth it too.
    pub(super) fn consider_transfer(&mut self, stuck: bool) {
        if self.node.transfer.is_some() {
            return;
        }
        let next = self.node.executed.next();
        let least = if stuck { next } else { next.map(|next| next.max(self.high())) };
        let best = least.and_then(|least| self.best_certified(least));
        if let Some(CheckpointVote { sequence, digest }) = best {
            let vouchers = self.vouchers(sequence, &digest).len();
            self.begin_transfer(sequence, digest, vouchers >= self.node.quorum.strong());
        }
    }

    /// The highest checkpoint from `least` on that a weak quorum vouches for.
    fn best_certified(&self, least: Sequence) -> Option<CheckpointVote> {
        let votes = self.nodes().flat_map(|node| self.checkpoints_of(node).iter().copied());
        let certified = votes.filter(|vote| {
            vote.sequence >= least
                && self.vouchers(vote.sequence, &vote.digest).len() >= self.node.quorum.weak()
        });
        certified.max_by_key(|vote| (vote.sequence, vote.digest))
    }

    /// A strong quorum vouches for a checkpoint that this replica does not hold (yet).
    pub(super) fn certify_transfer(&mut self, sequence: Sequence, digest: &Digest) {
        if let Some(transfer) = self.node.transfer.as_mut()
            && transfer.sequence == sequence
            && transfer.digest == *digest
        {
            transfer.stable = true;
        }
        self.consider_transfer(false);
    }

    /// Pins a target and asks the first server for it.
    pub(super) fn begin_transfer(&mut self, sequence: Sequence, digest: Digest, stable: bool) {
        let same = |transfer: &Transfer| transfer.sequence == sequence && transfer.digest == digest;
        if self.node.transfer.as_ref().is_some_and(same) {
            return;
        }
        let asked = self.node.now;
        let server = self.server_after(self.node.me(), sequence, &digest);
        self.node.transfer = Some(Transfer { sequence, digest, stable, server, asked, tries: 0 });
        self.emit(Effect::FetchState { to: server, sequence });
    }

    /// The next replica to ask: one that vouches for the target if there is one.
    fn server_after(&self, node: NodeId, sequence: Sequence, digest: &Digest) -> NodeId {
        let n = self.node.sizes.nodes;
        let around = (1..=n).map(|step| (node.index() + step) % n);
        let others = around.filter_map(|at| u8::try_from(at).ok()).map(NodeId);
        let mut others = others.filter(|other| *other != self.node.me());
        let vouchers = self.vouchers(sequence, digest);
        let first = others.clone().next();
        others.find(|other| vouchers.contains(*other)).or(first).unwrap_or(node)
    }

    /// Gives up on a server that has not delivered and asks the next one, for a newer checkpoint
    /// if there is one, since the cluster may have moved on. Patience doubles each time, so that
    /// a large state over a slow link arrives before it is given up.
    pub(super) fn retry_transfer(&mut self) {
        let Some(mut transfer) = self.node.transfer else { return };
        let doublings = u32::from(transfer.tries).min(PATIENCE_DOUBLINGS);
        let patience = self.node.config.status_interval.saturating_mul(4 << doublings);
        if transfer.asked.after(patience) > self.node.now {
            return;
        }
        let newer = transfer.sequence.next().and_then(|least| self.best_certified(least));
        if let Some(CheckpointVote { sequence, digest }) = newer {
            let vouchers = self.vouchers(sequence, &digest).len();
            transfer.stable = vouchers >= self.node.quorum.strong();
            (transfer.sequence, transfer.digest) = (sequence, digest);
        }
        transfer.server = self.server_after(transfer.server, transfer.sequence, &transfer.digest);
        transfer.asked = self.node.now;
        transfer.tries = transfer.tries.saturating_add(1);
        self.node.transfer = Some(transfer);
        self.emit(Effect::FetchState { to: transfer.server, sequence: transfer.sequence });
    }

    /// Serves a state that was captured here, once a status interval to each peer.
    pub(super) fn on_fetch_state(&mut self, from: NodeId, sequence: Sequence) {
        let own = self.checkpoint_of(self.node.me(), sequence);
        let held = own.is_some() && sequence >= self.node.stable && !self.node.diverged;
        if held && self.node.status.served.insert(from) {
            self.emit(Effect::ServeState { to: from, sequence });
        }
    }

    /// Checks a state against the certified digest, then installs it: client table here,
    /// application state by the host.
    pub(super) fn on_state(
        &mut self,
        from: NodeId,
        sequence: Sequence,
        clients: &[u8],
        state: &Digest,
    ) {
        let Some(transfer) = self.node.transfer.filter(|it| it.sequence == sequence) else {
            return;
        };
        if sequence < self.node.stable || (sequence <= self.node.executed && !self.node.diverged) {
            self.node.transfer = None;
            return;
        }
        let digest = checkpoint::digest(sequence, &Digest::of(clients), state);
        if digest != transfer.digest {
            return self.accuse(from, Fault::BadContent);
        }
        let (rows, replies) = (&mut *self.memory.clients, &mut *self.memory.replies);
        if service::install(rows, replies, self.node.sizes.reply_bytes, clients).is_none() {
            return self.accuse(from, Fault::BadContent);
        }

        self.close_reads();
        self.node.transfer = None;
        self.node.diverged = false;
        self.node.executing = None;
        self.node.executed = sequence;
        self.node.captures = [None; 2];
        self.forget_executed();
        self.forget_checkpoints_above(sequence);
        self.emit(Effect::Install { sequence });
        self.put_checkpoint(self.node.me(), CheckpointVote { sequence, digest });
        self.say_checkpoint(sequence, digest);
        if transfer.stable {
            self.stabilize(sequence, digest);
        } else {
            self.count_checkpoint(sequence);
        }
        self.try_execute();
    }

    /// Stops the timers of requests that the installed client table shows as executed, and starts
    /// the others anew.
    fn forget_executed(&mut self) {
        for pending in self.memory.pending.iter_mut() {
            (pending.since, pending.stamp) = (self.node.now, self.node.watch.clock());
        }
        for at in 0..self.memory.clients.len() {
            let timestamp = self.memory.clients.get(at).map_or(0, |row| row.timestamp);
            if let Ok(client) = u16::try_from(at) {
                self.forget_pending(ClientId(client), timestamp);
            }
        }
    }
}
