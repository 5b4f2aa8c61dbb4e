//! Slots in time: each begins when its time comes, whether the one before is resolved or not.

use super::memory::Desk;
use super::proposal::Proposal;
use super::rules::{Behind, Effect, Rules, place};
use crate::fault::Refusal;
use crate::protocol::{Input, Protocol};
use crate::rounds::Rules as _;
use crate::service::Batch;
use crate::value::Order;
use crate::vector::Broadcast;

impl<P, T, A, const B: usize> Rules<'_, P, T, A>
where
    P: Broadcast<Value = Proposal<B>>,
    T: AsRef<[P]> + AsMut<[P]>,
{
    /// Before everything else, once: if the first slot has begun, this general was started late, or
    /// again. It may have proposed something in slots that have begun, so it says nothing in them
    /// and goes on at the next one.
    pub(super) fn start(&mut self) {
        if core::mem::replace(&mut self.node.started, true)
            || self.node.now < self.node.config.start(0)
        {
            return;
        }
        let next = self.node.config.slot_after(self.node.now);
        self.node.next = next;
        self.renew_tries();
        self.fall_behind();
        self.refuse(Refusal::MissedDeadline { round: 1 });
        for ahead in 0..self.memory.lanes.len() as u64 {
            let Some(slot) = next.checked_add(ahead).filter(|slot| *slot != u64::MAX) else {
                break;
            };
            self.prepare(slot);
        }
    }

    /// Begins every slot whose time has come. A general that slept through more slots than it
    /// has lanes for goes on at the next one.
    pub(super) fn begin_slots(&mut self) {
        let lanes = self.memory.lanes.len() as u64;
        if self.node.now >= self.node.config.start(self.node.next.saturating_add(lanes)) {
            let next = self.node.config.slot_after(self.node.now);
            if next > self.node.next {
                self.wake_lanes();
                self.node.next = next;
                self.renew_tries();
                self.fall_behind();
                return self.prepare(next);
            }
        }
        for _ in 0..=lanes {
            let slot = self.node.next;
            if self.node.now < self.node.config.start(slot) || slot == u64::MAX {
                return;
            }
            self.renew_tries();
            let proposal = self.propose(slot);
            if let Ok(lane) = self.lane(slot) {
                // It is before its first round, and this general commands its own instance.
                let given = lane.rules_mut().on_command(0, Order(proposal));
                assert!(given.is_ok(), "a lane that waits takes its general's proposal");
            }
            self.node.next = slot + 1;
            self.prepare(slot + 1);
        }
    }

    /// Gives a slot its lane, in which it hears frames of peers whose clocks are ahead.
    pub(super) fn prepare(&mut self, slot: u64) {
        let lanes = self.memory.lanes.len();
        let oldest = slot.checked_sub(lanes as u64);
        if oldest.is_some_and(|oldest| oldest >= self.node.executed) {
            // The host did not execute in time, or the state did not come.
            self.fall_behind();
        }
        let Ok(schedule) = self.node.config.schedule(slot) else { return };
        if slot == u64::MAX {
            return self.refuse(Refusal::Exhausted);
        }
        if let Some(lane) = self.memory.lanes.get_mut(place(slot, lanes)) {
            lane.rules_mut().renew(slot);
            lane.restart(schedule);
        }
    }

    /// Lets every lane whose time has come close its round and open the next.
    pub(super) fn wake_lanes(&mut self) {
        let now = self.node.now;
        for lane in self.memory.lanes.iter_mut() {
            if lane.deadline().is_some_and(|deadline| deadline <= now) && lane.is_drained() {
                // What comes of it is put out together with the other lanes' outputs.
                let _ = lane.step(now, Input::Wake);
            }
        }
    }

    /// The requests that wait, oldest first, as many as fit and are not under way already.
    fn propose(&mut self, slot: u64) -> Proposal<B> {
        let mut bytes = [0; B];
        let mut used = 0;
        let mut after = 0;
        // By arrival: each turn takes the oldest of those that are younger than the last.
        while let Some((client, desk)) = self.oldest(after) {
            after = desk.arrival;
            let request = self.request(client);
            let Some(end) = used_end(used, request.len(), B) else { break };
            if let Some(room) = bytes.get_mut(used..end) {
                room.copy_from_slice(request);
                used = end;
            }
            if let Some(desk) = self.memory.desks.get_mut(client) {
                desk.proposed = slot + 1;
            }
            if Batch::from_bytes(bytes.get(..used).unwrap_or_default()).is_full() {
                break;
            }
        }
        let batch = bytes.get(..used).filter(|batch| !batch.is_empty());
        batch.and_then(Proposal::from_bytes).unwrap_or(Proposal::NULL)
    }

    /// The oldest request that arrived after this one and is not under way.
    fn oldest(&self, after: u64) -> Option<(usize, Desk)> {
        let executed = self.node.executed;
        let desks = self.memory.desks.iter().copied().enumerate();
        let waiting = desks.filter(|(_, desk)| {
            desk.timestamp != 0 && desk.arrival > after && desk.proposed <= executed
        });
        waiting.min_by_key(|(_, desk)| desk.arrival)
    }

    /// The general counts itself faulty: it asks for the state after the next slot whose state is
    /// captured, and holds what is agreed on from there on until it comes.
    pub(super) fn fall_behind(&mut self) {
        let after = self.capture_after(self.node.next);
        self.node.executed = after.saturating_add(1);
        self.node.executing = None;
        self.node.capturing = None;
        let retry_at = self.node.now.after(self.node.config.interval);
        self.node.behind = Some(Behind { after, certified: None, retry_at });
        for peer in self.memory.peers.iter_mut() {
            peer.vouched = None;
        }
        for desk in self.memory.desks.iter_mut() {
            desk.unanswered = false;
        }
        self.emit(Effect::Rejoin { after });
    }
}

/// Where the next request ends, if it fits.
fn used_end(used: usize, length: usize, limit: usize) -> Option<usize> {
    used.checked_add(length).filter(|end| *end <= limit)
}
