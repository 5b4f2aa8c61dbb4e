//! The checkers of a service in lockstep.

use super::super::court::Court;
use super::super::mishap::Mishap;
use super::super::plan::Plan;
use super::bounds::Bounds;
use super::ledger::Ledger;
use quorate::wire;
use quorate::{ClientId, Digest, Fault, Instant, NodeId, NodeSet};
use std::collections::{BTreeMap, BTreeSet};

/// An operation that was executed: slot, client, timestamp, operation.
pub(super) type Entry = (u64, u16, u64, Vec<u8>);

/// A history, as the bytes of a state.
pub(super) fn encode(log: &[Entry]) -> Vec<u8> {
    let mut bytes = vec![0; wire::encoded_len(&log)];
    let length = wire::encode(&log, &mut bytes).map_or(0, <[u8]>::len);
    bytes.truncate(length);
    bytes
}

/// The history of a state; `None` if it is none.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    wire::decode(bytes).ok()
}

/// What the application answers to the entry at a place of the history.
pub(super) fn reply(place: usize, entry: &Entry) -> [u8; 16] {
    let mut reply = [0; 16];
    reply[..8].copy_from_slice(&(place as u64).to_le_bytes());
    reply[8..].copy_from_slice(&Digest::of(&entry.3).0[..8]);
    reply
}

/// What is promised, and the one history that all have to have.
#[derive(Clone, Debug)]
pub(super) struct Annals {
    pub(super) court: Court,
    /// Beside the correct ones those who notice what is wrong with them, and rejoin.
    honest: NodeSet,
    common: Vec<Entry>,
    once: BTreeSet<(u16, u64)>,
    asked: BTreeSet<(u16, Vec<u8>)>,
    replies: BTreeMap<(u16, u64), [u8; 16]>,
    pub(super) ledger: Ledger,
    bounds: Bounds,
}

impl Annals {
    pub(super) fn new(plan: &Plan, bounds: Bounds) -> Self {
        let wakes = |mishap: &Mishap| {
            matches!(mishap, Mishap::Frozen(..) | Mishap::Crashed(_) | Mishap::Slow(_))
        };
        let all = (0..plan.nodes as u8).map(NodeId);
        let liars = plan.liars();
        let honest =
            |node: &NodeId| !liars.contains(*node) && plan.mishaps_of(*node).all(|it| wakes(&it));
        Self {
            court: Court::new(plan),
            honest: all.filter(honest).collect(),
            common: Vec::new(),
            once: BTreeSet::new(),
            asked: BTreeSet::new(),
            replies: BTreeMap::new(),
            ledger: Ledger::new(plan),
            bounds,
        }
    }

    pub(super) const fn is_honest(&self, node: NodeId) -> bool {
        self.honest.contains(node)
    }

    /// A client asks for something.
    pub(super) fn asked(&mut self, client: ClientId, operation: &[u8]) {
        self.asked.insert((client.0, operation.to_vec()));
    }

    /// A general executes the entry at this place of its history.
    pub(super) fn executed(&mut self, now: Instant, node: NodeId, place: usize, entry: &Entry) {
        if !self.is_honest(node) {
            return;
        }
        self.court.statistics.executions += 1;
        let (slot, client, timestamp, operation) = entry;
        match self.common.get(place) {
            Some(known) if known == entry => {}
            Some((other, who, when, _)) => {
                let what = format!(
                    "at place {place} r{} executes c{client}@{timestamp} of slot {slot}, and \
                     another c{who}@{when} of slot {other}",
                    node.0
                );
                self.court.fail("agreement", now, what);
            }
            None if place > self.common.len() => {
                let what = format!("r{} executes at place {place} and knows more than all", node.0);
                self.court.fail("agreement", now, what);
            }
            None => {
                if !self.once.insert((*client, *timestamp)) {
                    let what = format!("r{} executes c{client}@{timestamp} again", node.0);
                    self.court.fail("once", now, what);
                }
                if !self.asked.contains(&(*client, operation.clone())) {
                    let what = format!("r{} executes what c{client} never asked for", node.0);
                    self.court.fail("validity", now, what);
                }
                self.replies.insert((*client, *timestamp), reply(place, entry));
                self.common.push(entry.clone());
            }
        }
    }

    /// A general proposes something in a slot.
    pub(super) fn proposed(&mut self, now: Instant, node: NodeId, slot: u64, what: Vec<u8>) {
        if self.is_honest(node)
            && let Err(what) = self.ledger.proposed(node, slot, what)
        {
            self.court.fail("ledger", now, what);
        }
    }

    /// A step of a general puts so many outputs out.
    pub(super) fn stepped(&mut self, now: Instant, node: NodeId, outputs: usize) {
        if let Err(what) = self.bounds.stepped(outputs) {
            self.court.fail("bounds", now, format!("r{}: {what}", node.0));
        }
    }

    /// A general has verified so many signatures since the last slot began. One that stood still
    /// does not know yet which slots have begun.
    pub(super) fn verified(&mut self, now: Instant, node: NodeId, signatures: u64) {
        if self.court.is_correct(node)
            && let Err(what) = self.bounds.verified(signatures)
        {
            self.court.fail("bounds", now, format!("r{}: {what}", node.0));
        }
    }

    /// A general accuses another: one who does not lie may have been away, and no more.
    pub(super) fn accused(&mut self, now: Instant, by: NodeId, who: NodeId, fault: Fault) {
        self.court.accused(now, by, who, fault);
        let mishap = self.is_honest(who) && !self.court.is_correct(who);
        if mishap
            && self.court.is_correct(by)
            && let Err(what) = self.ledger.accused(now, who, fault)
        {
            self.court.fail("accusation", now, format!("by r{}: {what}", by.0));
        }
    }

    /// A general takes over a history.
    pub(super) fn installed(&mut self, now: Instant, node: NodeId, log: &[Entry]) {
        self.court.statistics.rejoins += 1;
        if self.court.is_correct(node) {
            let what = format!("r{} missed nothing, and takes over a state", node.0);
            self.court.fail("silence", now, what);
        }
        if self.is_honest(node) && !self.common.starts_with(log) {
            let what = format!("r{} takes over a history that nobody has", node.0);
            self.court.fail("agreement", now, what);
        }
    }

    /// A general answers a client.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        node: NodeId,
        client: ClientId,
        timestamp: u64,
        said: &[u8],
    ) {
        let known = self.replies.get(&(client.0, timestamp));
        if self.is_honest(node) && known.is_none_or(|known| known != said) {
            let what = format!("r{} answers c{}@{timestamp} with another reply", node.0, client.0);
            self.court.fail("replies", now, what);
        }
    }

    /// A client believes a reply to what it asked last.
    pub(super) fn believed(&mut self, now: Instant, client: ClientId, timestamp: u64, said: &[u8]) {
        self.court.statistics.replies += 1;
        if self.replies.get(&(client.0, timestamp)).is_none_or(|known| known != said) {
            let what =
                format!("c{}@{timestamp} believes a reply that nobody correct gave", client.0);
            self.court.fail("replies", now, what);
        }
    }

    /// Everything is over: a general stands at a slot, with a history.
    pub(super) fn stands(&mut self, now: Instant, node: NodeId, behind: bool, log: &[Entry]) {
        if !self.is_honest(node) {
            return;
        }
        if behind {
            self.court.fail("progress", now, format!("r{} has not rejoined in the end", node.0));
        } else if log != self.common {
            let (has, all) = (log.len(), self.common.len());
            let what = format!("r{} has executed {has} requests in the end, of {all}", node.0);
            self.court.fail("progress", now, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::creed::Costs;
    use super::super::super::mouth::Role;
    use super::super::super::plan::Protocol;
    use super::super::room::Slots;
    use super::*;
    use crate::faults::Faults;

    /// What has come of a client's two requests, executed by one who is correct.
    fn two_requests() -> (Annals, [[u8; 16]; 2]) {
        let plan = Plan::draw(Protocol::Lockstep, 1, Some(4), Faults::None, Role::ALL, false);
        let slots = Slots { first: Instant::ZERO, interval: plan.interval, work: 0 };
        let costs = Costs { frames: 0, exactly: None, frame_bytes: 0, verifications: 0 };
        let mut annals = Annals::new(&plan, Bounds::new(&plan, &slots, costs));
        let replies = [0, 1].map(|place| {
            let entry = (place, 0, 1 + place, vec![place as u8]);
            annals.asked(ClientId(0), &entry.3);
            annals.executed(Instant::ZERO, NodeId(0), place as usize, &entry);
            reply(place as usize, &entry)
        });
        (annals, replies)
    }

    #[test]
    fn the_reply_to_another_request_of_the_same_client_is_not_to_be_believed() {
        for (timestamp, at, holds) in [(1, 0, true), (2, 1, true), (2, 0, false), (1, 1, false)] {
            let (mut annals, replies) = two_requests();
            annals.believed(Instant::ZERO, ClientId(0), timestamp, &replies[at]);
            let checker = annals.court.violation().map(|violation| violation.checker);
            assert_eq!(checker, (!holds).then_some("replies"), "{timestamp}, {at}");
        }
    }
}
