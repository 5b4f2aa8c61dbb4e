//! Rejoining: a general that missed a deadline takes over the state that m + 1 others vouch for.
//!
//! A host has room for one capture, and all who rejoin must find theirs in it until they have
//! fetched it. So states are captured after every `lanes`th slot and no other, with the least
//! number of lanes that a cluster of these settings can have, see [`Config::lanes`]: one capture
//! serves all who missed something since the last, and no question makes it go before the next
//! one is due. Until then there is time to vouch for it and to fetch it, there and back.
//!
//! [`Config::lanes`]: super::Config::lanes

use super::message::state_digest;
use super::rules::{Behind, Effect, Rules};
use crate::auth::Digest;
use crate::fault::{Fault, Refusal};
use crate::node::{NodeId, NodeSet};
use crate::rounds::Rules as _;
use crate::service;
use crate::vector::Broadcast;

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>, A> Rules<'_, P, T, A> {
    /// How many slots there are from one whose state is captured to the next such: the same for
    /// all generals.
    fn pause(&self) -> u64 {
        let rounds = self.memory.lanes.first().map_or(0, |lane| lane.rules().rounds());
        self.node.config.lanes(rounds) as u64
    }

    /// The first slot, from this one on, whose state is captured if somebody asks for it.
    pub(super) fn capture_after(&self, slot: u64) -> u64 {
        slot.checked_next_multiple_of(self.pause()).unwrap_or(u64::MAX)
    }

    /// A peer missed something. Its question, the latest it asked, is kept until that slot is
    /// executed.
    pub(super) fn on_rejoin(&mut self, from: NodeId, after: u64) {
        let horizon = self.node.next.saturating_add(self.memory.lanes.len() as u64);
        let past = after < self.node.executed;
        if past || after > horizon || after != self.capture_after(after) {
            return;
        }
        if let Some(peer) = self.memory.peers.get_mut(from.index()) {
            peer.asked = after.saturating_add(1);
        }
    }

    /// Whether the state after this slot is captured: for all who asked for it, once.
    pub(super) fn is_asked_for(&mut self, slot: u64) -> bool {
        let asked = slot.saturating_add(1);
        let mut any = false;
        for peer in self.memory.peers.iter_mut().filter(|peer| peer.asked == asked) {
            peer.captured = asked;
            any = true;
        }
        any
    }

    /// The host captured the state: those who asked are told its digest.
    pub(super) fn on_captured(&mut self, slot: u64, state: &Digest) {
        let Some((_, table)) = self.node.capturing.filter(|(at, _)| *at == slot) else {
            return self.refuse(Refusal::NotCapturing { sequence: slot });
        };
        self.node.capturing = None;
        self.node.captured = Some(slot);
        let to = self.peers_where(|peer| peer.captured == slot.saturating_add(1));
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
            // All of them are asked: one is loyal.
            self.fetch(Behind { certified: Some(digest), ..behind }, equal);
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
        if captured && peer.captured == asked && peer.served != asked {
            peer.served = asked;
            self.emit(Effect::ServeState { to: from, slot });
        }
    }

    /// Whether a slot is one whose outcome this general takes over with the others' state.
    pub(super) fn is_given_up(&self, slot: u64) -> bool {
        slot < self.node.next && self.node.behind.is_some_and(|behind| slot <= behind.after)
    }

    /// Whether a state from this peer is what this general waits for.
    pub(super) fn awaits_state(&self, from: NodeId, slot: u64) -> bool {
        let vouched = self.memory.peers.get(from.index()).and_then(|peer| peer.vouched);
        self.node.behind.is_some_and(|behind| {
            behind.after == slot && behind.certified.is_some() && vouched == behind.certified
        })
    }

    /// The state: installed only if it is what m + 1 generals vouch for. Who vouched and sends
    /// another is not heard again.
    pub(super) fn on_state(&mut self, from: NodeId, slot: u64, clients: &[u8], digest: &Digest) {
        if !self.awaits_state(from, slot) {
            return;
        }
        if self.node.behind.and_then(|behind| behind.certified) != Some(*digest) {
            if let Some(peer) = self.memory.peers.get_mut(from.index()) {
                peer.vouched = None;
            }
            return self.emit(Effect::Accuse { node: from, fault: Fault::BadContent });
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
                desk.clear();
            }
        }
        self.emit(Effect::Install { slot });
    }

    /// Asks again for what did not come: who stands where, or the state.
    pub(super) fn ask_again(&mut self) {
        let due = |behind: &Behind| behind.retry_at <= self.node.now;
        let Some(behind) = self.node.behind.filter(due) else { return };
        if behind.certified.is_some() {
            let vouching = self.peers_where(|peer| peer.vouched == behind.certified);
            self.fetch(behind, vouching);
        } else {
            let retry_at = self.node.now.after(self.node.config.interval);
            self.node.behind = Some(Behind { retry_at, ..behind });
            self.emit(Effect::Rejoin { after: behind.after });
        }
    }

    fn fetch(&mut self, behind: Behind, to: NodeSet) {
        let retry_at = self.node.now.after(self.node.config.interval);
        self.node.behind = Some(Behind { retry_at, ..behind });
        self.emit(Effect::FetchState { to, slot: behind.after });
    }

    /// The longest reply to a client.
    pub(super) fn reply_bytes(&self) -> usize {
        self.memory.replies.len().checked_div(self.memory.rows.len()).unwrap_or(0)
    }
}
