//! Execution: the requests of a vector, in an order that rotates with the slot.

use super::authority::Authority;
use super::memory::Desk;
use super::proposal::Proposal;
use super::rules::{Effect, Executing, Rules, place};
use crate::fault::{Fault, Refusal};
use crate::node::{ClientId, NodeId, NodeSet};
use crate::service::{self, Batch, ClientTable, MAX_REQUESTS, Request};
use crate::vector::Broadcast;

impl<P, T, A, const B: usize> Rules<'_, P, T, A>
where
    P: Broadcast<Value = Proposal<B>>,
    T: AsRef<[P]> + AsMut<[P]>,
    A: Authority,
{
    /// Executes slots in order as far as they are agreed on. One is with the host at a time;
    /// slots with nothing new in them need no host.
    pub(super) fn execute(&mut self) {
        self.node.unfinished = false;
        for _ in 0..self.memory.lanes.len() {
            let slot = self.node.executed;
            if self.node.executing.is_some() || self.node.behind.is_some() {
                return;
            }
            let Ok(lane) = self.lane(slot) else { return };
            if lane.has_missed() {
                return self.fall_behind();
            }
            if !lane.is_over() {
                return;
            }
            if !self.node.effects.is_empty() {
                // What this step puts out is read from the table when it is unfolded: the table
                // must not change any more.
                self.node.unfinished = true;
                return;
            }
            if self.judge(slot) {
                self.node.executing = Some(Executing { slot, place: 0 });
                return self.emit(Effect::Execute { slot });
            }
            self.finish(slot);
        }
    }

    /// Marks what is to be executed: requests of well-formed batches that their clients signed
    /// and that are newer than the client's last one. All generals mark the same, since they
    /// hold the same vector and the same table.
    fn judge(&mut self, slot: u64) -> bool {
        let (mut malformed, mut forged) = (NodeSet::EMPTY, NodeSet::EMPTY);
        let mut any = false;
        for turn in 0..self.node.config.nodes {
            let Some(proposer) = self.proposer(slot, turn) else { continue };
            let fresh = match self.judge_proposal(slot, proposer) {
                Ok((fresh, authentic)) => {
                    if !authentic {
                        forged.insert(proposer);
                    }
                    fresh
                }
                Err(_) => {
                    malformed.insert(proposer);
                    0
                }
            };
            any |= fresh != 0;
            if let Some(peer) = self.memory.peers.get_mut(proposer.index()) {
                peer.fresh = fresh;
            }
        }
        for (nodes, fault) in [(malformed, Fault::BadBatch), (forged, Fault::Forged)] {
            if !nodes.is_empty() {
                self.emit(Effect::AccuseAll { nodes, fault });
            }
        }
        any
    }

    /// One bit for each request of a proposal that is to be executed, and whether all of them
    /// are authentic.
    fn judge_proposal(&mut self, slot: u64, proposer: NodeId) -> Result<(u64, bool), Fault> {
        let lane = self.memory.lanes.get(place(slot, self.memory.lanes.len()));
        let instances = lane.map(|lane| lane.rules().vector());
        let proposal = instances.as_ref().and_then(|vector| vector.agreed(proposer));
        let Some(batch) = proposal.and_then(Proposal::batch).filter(|it| !it.bytes().is_empty())
        else {
            return Ok((0, true));
        };
        batch.check(self.memory.rows.len())?;
        let (mut fresh, mut authentic) = (0u64, true);
        for (request, at) in batch.iter().take(MAX_REQUESTS).zip(0u32..) {
            let client = request.client.index();
            let new =
                self.memory.rows.get(client).is_some_and(|row| request.timestamp > row.timestamp);
            if !new {
                continue;
            }
            let desk = self.memory.desks.get(client).copied().unwrap_or_default();
            if !is_held(&desk, self.memory.requests, self.memory.desks.len(), &request)
                && !self.authority.is_authentic(&request)
            {
                authentic = false;
                continue;
            }
            fresh |= 1u64.checked_shl(at).unwrap_or(0);
            if let Some(row) = self.memory.rows.get_mut(client) {
                row.begin(request.timestamp);
            }
            if let Some(desk) = self.memory.desks.get_mut(client) {
                if desk.timestamp <= request.timestamp {
                    desk.clear();
                }
                desk.unanswered = true;
            }
        }
        Ok((fresh, authentic))
    }

    /// Who has this turn in a slot.
    fn proposer(&self, slot: u64, turn: usize) -> Option<NodeId> {
        let nodes = self.node.config.nodes;
        let at = (place(slot, nodes) + turn).checked_rem(nodes)?;
        u8::try_from(at).ok().map(NodeId)
    }

    /// The host executed the next request of the slot.
    pub(super) fn on_executed(&mut self, slot: u64, client: ClientId, reply: &[u8]) {
        let refusal = Refusal::NotExecuting { client };
        let Some(executing) = self.node.executing.filter(|it| it.slot == slot) else {
            return self.refuse(refusal);
        };
        let Some((proposer, turn, timestamp)) = self.due(executing, client) else {
            return self.refuse(refusal);
        };

        let size = self.reply_bytes();
        let (rows, replies) = (&mut *self.memory.rows, &mut *self.memory.replies);
        service::remember(rows, replies, size, client, timestamp, reply);
        if let Some(desk) = self.memory.desks.get_mut(client.index()) {
            // An older request of the client may have been answered since this one was begun, so
            // that it was taken for a new one when it came again.
            if desk.timestamp <= timestamp {
                desk.clear();
            }
            desk.unanswered = false;
        }
        self.emit(Effect::Reply { client });
        if let Some(peer) = self.memory.peers.get_mut(proposer.index()) {
            peer.fresh &= peer.fresh.wrapping_sub(1);
        }
        self.node.executing = Some(Executing { place: turn, ..executing });
        if self.memory.peers.iter().all(|peer| peer.fresh == 0) {
            self.node.executing = None;
            self.finish(executing.slot);
        }
    }

    /// The request that the host has to answer next, if it is this client's: its proposer, the
    /// turn of that, and the timestamp.
    fn due(&self, executing: Executing, client: ClientId) -> Option<(NodeId, usize, u64)> {
        let Executing { slot, place: first } = executing;
        let mut turns = (first..self.node.config.nodes).filter_map(|turn| {
            let proposer = self.proposer(slot, turn)?;
            let fresh = self.memory.peers.get(proposer.index())?.fresh;
            (fresh != 0).then_some((proposer, turn, fresh))
        });
        let (proposer, turn, fresh) = turns.next()?;
        let lane = self.memory.lanes.get(place(slot, self.memory.lanes.len()))?;
        let vector = lane.rules().vector();
        let batch = vector.agreed(proposer)?.batch()?;
        let request = batch.iter().nth(fresh.trailing_zeros() as usize)?;
        (request.client == client).then_some((proposer, turn, request.timestamp))
    }

    /// A slot is executed. If somebody rejoins here, its state is captured.
    fn finish(&mut self, slot: u64) {
        self.node.executed = slot.saturating_add(1);
        if self.is_asked_for(slot) {
            let table = ClientTable {
                rows: self.memory.rows,
                replies: self.memory.replies,
                reply_bytes: self
                    .memory
                    .replies
                    .len()
                    .checked_div(self.memory.rows.len())
                    .unwrap_or(0),
            };
            self.node.capturing = Some((slot, table.digest()));
            // The host has room for one capture, and takes the new one into it now.
            self.node.captured = None;
            self.emit(Effect::Capture { slot });
        }
    }
}

/// Whether a request is, byte for byte, one that waits here: its signature was verified when it
/// came from its client.
fn is_held(desk: &Desk, requests: &[u8], desks: usize, request: &Request<'_>) -> bool {
    if desk.timestamp != request.timestamp {
        return false;
    }
    let size = requests.len().checked_div(desks).unwrap_or(0);
    let room = requests.chunks_exact(size.max(1)).nth(request.client.index());
    let held = room.and_then(|room| room.get(..usize::try_from(desk.length).ok()?));
    held.and_then(|bytes| Batch::from_bytes(bytes).iter().next()) == Some(*request)
}
