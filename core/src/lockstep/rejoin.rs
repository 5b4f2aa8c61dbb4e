//! Rejoining: a general that missed a deadline takes over the state that m + 1 others vouch for.

use super::message::state_digest;
use super::rules::{Behind, Effect, Rules};
use crate::auth::Digest;
use crate::fault::{Fault, Refusal};
use crate::node::NodeId;
use crate::service;
use crate::vector::Broadcast;

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>, A> Rules<'_, P, T, A> {
    /// A peer missed something. Its question is kept until that slot is executed: one for each
    /// peer, and no new one before the last was due.
    pub(super) fn on_rejoin(&mut self, from: NodeId, after: u64) {
        let horizon = self.node.next.saturating_add(self.memory.lanes.len() as u64);
        let executed = self.node.executed;
        if after < executed || after > horizon {
            return;
        }
        let Some(peer) = self.memory.peers.get_mut(from.index()) else { return };
        if peer.asked <= executed {
            peer.asked = after.saturating_add(1);
        }
    }

    /// The host captured the state: those who asked are told its digest.
    pub(super) fn on_captured(&mut self, slot: u64, state: &Digest) {
        let Some((_, table)) = self.node.capturing.filter(|(at, _)| *at == slot) else {
            return self.refuse(Refusal::NotCapturing { sequence: slot });
        };
        self.node.capturing = None;
        self.node.captured = Some(slot);
        let to = self.peers_where(|peer| peer.asked == slot.saturating_add(1));
        let digest = state_digest(slot, &table, state);
        self.emit(Effect::Vouch { to, slot, digest });
    }

    /// "A general rejoins with m + 1 equal state digests": one of them is loyal.
    pub(super) fn on_vouch(&mut self, from: NodeId, slot: u64, digest: Digest) {
        let Some(behind) = self.node.behind.filter(|behind| behind.after == slot) else { return };
        let Some(peer) = self.memory.peers.get_mut(from.index()) else { return };
        match peer.vouched {
            Some(held) if held != digest => return self.accuse_vouch(from),
            Some(_) => return,
            None => peer.vouched = Some(digest),
        }
        let equal = self.peers_where(|peer| peer.vouched == Some(digest));
        if behind.certified.is_none() && equal.len() > self.node.config.traitors {
            let behind = Behind { certified: Some(digest), server: from, ..behind };
            self.fetch(behind, from);
        }
    }

    fn accuse_vouch(&mut self, node: NodeId) {
        self.emit(Effect::Accuse { node, fault: Fault::Equivocation });
    }

    /// A peer fetches what it was told of: once for each capture.
    pub(super) fn on_fetch_state(&mut self, from: NodeId, slot: u64) {
        let captured = self.node.captured == Some(slot);
        let Some(peer) = self.memory.peers.get_mut(from.index()) else { return };
        let asked = slot.saturating_add(1);
        if captured && peer.asked == asked && peer.served != asked {
            peer.served = asked;
            self.emit(Effect::ServeState { to: from, slot });
        }
    }

    /// Whether a state is what this general waits for.
    pub(super) fn awaits_state(&self, slot: u64) -> bool {
        let behind = self.node.behind;
        behind.is_some_and(|behind| behind.after == slot && behind.certified.is_some())
    }

    /// The state: installed only if it is what m + 1 generals vouch for.
    pub(super) fn on_state(&mut self, from: NodeId, slot: u64, clients: &[u8], digest: &Digest) {
        let Some(behind) = self.node.behind.filter(|behind| behind.after == slot) else { return };
        let Some(certified) = behind.certified else { return };
        if certified != *digest {
            self.emit(Effect::Accuse { node: from, fault: Fault::BadContent });
            return if from == behind.server {
                self.fetch_from_next(behind)
            };
        }
        let size = self.reply_bytes();
        let (rows, replies) = (&mut *self.memory.rows, &mut *self.memory.replies);
        if service::install(rows, replies, size, clients).is_none() {
            // m + 1 generals vouch for it, so one that is loyal made it with other constants.
            return self.refuse(Refusal::WrongConstants);
        }
        self.node.behind = None;
        for (desk, row) in self.memory.desks.iter_mut().zip(self.memory.rows.iter()) {
            if desk.timestamp <= row.timestamp {
                *desk = super::memory::Desk::default();
            }
        }
        self.emit(Effect::Install { slot });
    }

    /// Another one is asked when the one that was asked does not answer.
    pub(super) fn retry_fetch(&mut self) {
        let Some(behind) = self.node.behind else { return };
        if behind.retry_at.is_some_and(|at| at <= self.node.now) {
            self.fetch_from_next(behind);
        }
    }

    fn fetch_from_next(&mut self, behind: Behind) {
        let vouching =
            self.peers_where(|peer| peer.vouched.is_some() && peer.vouched == behind.certified);
        let next = vouching.iter().find(|node| *node > behind.server);
        if let Some(server) = next.or_else(|| vouching.iter().next()) {
            self.fetch(behind, server);
        }
    }

    fn fetch(&mut self, behind: Behind, server: NodeId) {
        let retry_at = Some(self.node.now.after(self.node.config.interval));
        self.node.behind = Some(Behind { server, retry_at, ..behind });
        self.emit(Effect::FetchState { to: server, slot: behind.after });
    }
}
