//! Turns: whose request gets room at a primary that has none.
//!
//! The log has room for W batches and the pool for one. Clients that ask without end keep both
//! full, a single one can, and whoever comes at the right moment takes what becomes free: a
//! request that a backup passes on every twentieth of the timeout might never find any, and the
//! backups would leave a primary that did nothing wrong.
//!
//! So a primary remembers since when it has had no room for a client that goes on asking. The
//! request of such a client displaces from the pool what came after that, the last ones first;
//! those clients are told that there is no room, and have a turn themselves. It lies in the next
//! batch then: it waits for those that asked before it did, each of them once, however often the
//! others ask. Nothing is kept free for anybody, so nobody can make a primary idle with this.
//!
//! What remains: where so many clients asked for whole batches before it that these take half the
//! timeout, a request waits for that long, and backups may take it for passed over; and a long one
//! for which more than [`DISPLACED`] short ones had to go finds room when fewer of them wait. Nor
//! does this hold back a client that has several requests under way: it gets what room there is.

use super::rules::{Effect, Rules};
use super::slot::Pending;
use crate::node::ClientId;
use crate::service::Request;
use crate::time::Instant;

/// The most requests that one displaces.
const DISPLACED: usize = 16;
/// A turn is kept for this part of the timeout after it was last asked for.
const KEPT: u32 = 4;

impl Rules<'_> {
    /// Since when a client waits for room: since now, if it does not.
    pub(super) fn turn(&self, pending: &Pending) -> Instant {
        let (now, kept) = (self.node.now, self.patience() / KEPT);
        let asks = pending.refused.is_some_and(|refused| refused.after(kept) > now);
        if pending.pooled || asks { pending.turn } else { now }
    }

    /// There is no room for a client's request. What else is known of it stays; and since when it
    /// asks, at a primary.
    pub(super) fn refuse_room(&mut self, client: ClientId, known: Pending, turn: Instant) {
        let mut known = if known.pooled { Pending::NONE } else { known };
        if self.node.leads() {
            (known.turn, known.refused) = (turn, Some(self.node.now));
        }
        self.set_pending(client.index(), known);
    }

    /// As primary: takes requests that came after its turn out of the pool until there is room for
    /// this one. False, and nothing is done, if that would not be enough.
    pub(super) fn displace(&mut self, request: &Request<'_>, turn: Instant) -> bool {
        let room = self.memory.pool.len().saturating_sub(self.node.pool_used);
        let mut lacking = request.len().saturating_sub(room);
        let mut last = heapless::Vec::<(ClientId, u64, usize), DISPLACED>::new();
        for waiting in self.pool().iter() {
            let pending = self.memory.pending.get(waiting.client.index());
            if pending.is_some_and(|pending| self.turn(pending) > turn) {
                if last.is_full() {
                    #[expect(clippy::disallowed_methods, reason = "one that is full has a first")]
                    last.remove(0);
                }
                let _ = last.push((waiting.client, waiting.timestamp, waiting.len()));
            }
        }
        if !self.node.leads() || last.iter().map(|(_, _, bytes)| bytes).sum::<usize>() < lacking {
            return false;
        }
        while lacking != 0 {
            let Some((client, timestamp, bytes)) = last.pop() else { break };
            lacking = lacking.saturating_sub(bytes);
            let known = self.memory.pending.get(client.index()).copied().unwrap_or_default();
            let _ = self.pool_remove(client);
            self.refuse_room(client, known, known.turn);
            self.emit(Effect::Busy { client, timestamp });
        }
        true
    }
}
