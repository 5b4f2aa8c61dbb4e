//! Execution: committed batches in sequence order, each request at most once.

use super::message::Sequence;
use super::rules::{Effect, Executing, Rules};
use super::slot::Pending;
use crate::fault::Refusal;
use crate::node::ClientId;
use crate::service;
use crate::service::{Batch, MAX_REQUESTS};

impl Rules<'_> {
    /// "Each replica executes the operation requested by m after committed-local(m, v, n, i) is
    /// true and i's state reflects the sequential execution of all requests with lower sequence
    /// numbers" (4.2). One batch is with the host at a time; batches that have nothing new in
    /// them need no host.
    pub(super) fn try_execute(&mut self) {
        for _ in 0..self.node.sizes.window {
            if self.node.executing.is_some() || self.node.diverged || self.is_installing() {
                return;
            }
            let Some(sequence) = self.node.executed.next() else { return };
            let Some(slot) = self.slot(sequence) else { return };
            let Some(committed) = slot.committed else { return };
            if !self.at_hand(sequence, &committed.digest) {
                return;
            }
            let which = slot.position(&committed.digest).unwrap_or(0);
            let null = committed.digest == self.node.null;
            let fresh = if null { 0 } else { self.fresh(sequence, which) };
            if fresh != 0 {
                self.node.executing = Some(Executing { sequence, which, remaining: fresh });
                return self.emit(Effect::Execute { sequence, which, fresh });
            }
            self.finish(sequence);
        }
    }

    /// One bit for each request of a batch that is newer than its client's last one.
    fn fresh(&self, sequence: Sequence, which: usize) -> u64 {
        let batch = Batch::from_bytes(self.batch_bytes(sequence, which));
        let requests = batch.iter().take(MAX_REQUESTS).zip(0u32..);
        requests.fold(0, |fresh, (request, at)| {
            let row = self.memory.clients.get(request.client.index());
            let new = row
                .is_some_and(|row| request.timestamp > row.timestamp || canary!("executed_twice"));
            fresh | u64::from(new) << at
        })
    }

    /// The host executed the next request of the batch.
    pub(super) fn on_executed(&mut self, client: ClientId, reply: &[u8]) {
        let refusal = Refusal::NotExecuting { client };
        let Some(executing) = self.node.executing else { return self.refuse(refusal) };
        let Executing { sequence, which, remaining } = executing;
        let batch = Batch::from_bytes(self.batch_bytes(sequence, which));
        let request = batch.iter().nth(remaining.trailing_zeros() as usize);
        let Some(timestamp) =
            request.filter(|next| next.client == client).map(|next| next.timestamp)
        else {
            return self.refuse(refusal);
        };

        self.remember(client, timestamp, reply);
        if canary!("one_timer_for_all") {
            self.memory.pending.iter_mut().for_each(|pending| pending.since = self.node.now);
        }
        self.node.failed_views *= u32::from(canary!("timeout_stays_doubled"));
        self.emit(Effect::Reply { client });
        let remaining = remaining & remaining.wrapping_sub(1);
        if remaining != 0 {
            self.node.executing = Some(Executing { sequence, which, remaining });
            return;
        }
        self.node.executing = None;
        self.finish(sequence);
        self.try_execute();
        self.propose();
    }

    /// Enters a reply in the client table: "each replica maintains the last reply it sent to
    /// each client" (4.1). What waited for this request is over.
    fn remember(&mut self, client: ClientId, timestamp: u64, reply: &[u8]) {
        let (rows, replies) = (&mut *self.memory.clients, &mut *self.memory.replies);
        service::remember(rows, replies, self.node.sizes.reply_bytes, client, timestamp, reply);
        self.forget_pending(client, timestamp);
    }

    /// Stops the timer of a client's request that was executed, or overtaken by a later one.
    pub(super) fn forget_pending(&mut self, client: ClientId, timestamp: u64) {
        let pending = self.memory.pending.get(client.index()).copied().unwrap_or_default();
        if pending.timestamp != 0 && pending.timestamp <= timestamp {
            if pending.pooled {
                let _ = self.pool_remove(client);
            }
            self.set_pending(client.index(), Pending::NONE);
        }
    }

    /// A sequence is executed.
    fn finish(&mut self, sequence: Sequence) {
        self.node.executed = sequence;
        self.end_transfer_at(sequence);
        if sequence.0.is_multiple_of(self.node.sizes.checkpoint_interval()) {
            self.capture(sequence);
        }
    }
}
