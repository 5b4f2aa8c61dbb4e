//! Requests that wait to be proposed, one a client, in the order in which they came.
//!
//! Every replica keeps the requests that clients sent to it: a backup may be the next primary.
//! The pool has room for one batch, so a primary's next batch is a front part of it.

use super::rules::Rules;
use super::slot::Pending;
use crate::node::ClientId;
use crate::service::{Batch, Request};

impl Rules<'_> {
    /// The requests that wait.
    pub(super) fn pool(&self) -> Batch<'_> {
        Batch::from_bytes(self.memory.pool.get(..self.node.pool_used).unwrap_or_default())
    }

    /// Keeps a request in the pool and starts its timer, unless that was done before; in the
    /// place of an older one of its client. False if there is no room for it.
    pub(super) fn keep_request(&mut self, request: &Request<'_>, known: Pending) -> bool {
        let client = request.client;
        let mut pending = known;
        let mut place = None;
        if request.timestamp > known.timestamp {
            place = self.pool_remove(client);
            let (timestamp, since, turn) = (request.timestamp, self.node.now, self.turn(&known));
            pending = Pending { timestamp, since, turn, ..Pending::NONE };
        }
        let under_way = self.node.leads() && pending.proposed == Some(self.node.view);
        if !pending.pooled && !under_way {
            pending.pooled = self.pool_add(request, place);
            pending.stamp = self.node.watch.clock();
        }
        let kept = pending.pooled || under_way || request.timestamp == known.timestamp;
        self.set_pending(client.index(), if kept { pending } else { Pending::NONE });
        kept
    }

    pub(super) fn set_pending(&mut self, client: usize, pending: Pending) {
        if let Some(row) = self.memory.pending.get_mut(client) {
            *row = pending;
        }
    }

    /// Adds a request at its end, or at the place where an older one of its client lay: a client
    /// that asks for something else all the time keeps its turn, or it could wait for ever at a
    /// correct primary. False if there is no room for it now.
    pub(super) fn pool_add(&mut self, request: &Request<'_>, place: Option<usize>) -> bool {
        let Some(used) = request.append(self.memory.pool, self.node.pool_used) else {
            return false;
        };
        let length = used.saturating_sub(self.node.pool_used);
        if let Some(rest) = place.and_then(|place| self.memory.pool.get_mut(place..used)) {
            rest.rotate_right(length.min(rest.len()));
        }
        if self.node.pool_used == 0 {
            self.node.pool_since = self.node.now;
        }
        self.node.pool_used = used;
        self.node.pool_count += 1;
        true
    }

    /// Takes a client's request out, if it is there, and says where it lay.
    pub(super) fn pool_remove(&mut self, client: ClientId) -> Option<usize> {
        let mut start = 0usize;
        let found = self.pool().iter().find_map(|request| {
            let range = start..start.saturating_add(request.len());
            start = range.end;
            (request.client == client).then_some(range)
        });
        let place = found.as_ref().map(|range| range.start);
        if let Some(range) = found {
            let used = self.node.pool_used;
            #[expect(clippy::disallowed_methods, reason = "both ends are at most what is in use")]
            self.memory.pool.copy_within(range.end.min(used)..used, range.start.min(used));
            self.node.pool_used = used.saturating_sub(range.len());
            self.node.pool_count = self.node.pool_count.saturating_sub(1);
        }
        if let Some(pending) = self.memory.pending.get_mut(client.index()) {
            pending.pooled = false;
        }
        place
    }

    /// How many bytes the first `most` requests are.
    pub(super) fn pool_front(&self, most: usize) -> usize {
        self.pool().iter().map(|request| request.len()).take(most).sum()
    }

    /// Takes out the first `bytes` bytes, which are whole requests.
    pub(super) fn pool_drop_front(&mut self, bytes: usize) {
        let used = self.node.pool_used;
        let front = Batch::from_bytes(self.memory.pool.get(..bytes).unwrap_or_default());
        for request in front.iter() {
            self.node.pool_count = self.node.pool_count.saturating_sub(1);
            if let Some(pending) = self.memory.pending.get_mut(request.client.index()) {
                pending.pooled = false;
                pending.proposed = Some(self.node.view);
            }
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the begin is at most the end, what is in use"
        )]
        self.memory.pool.copy_within(bytes.min(used)..used, 0);
        self.node.pool_used = used.saturating_sub(bytes);
        self.node.pool_since = self.node.now;
    }
}
