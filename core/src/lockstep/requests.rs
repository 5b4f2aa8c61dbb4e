//! Requests of clients, until a slot takes them.
//!
//! A verification is the dearest work that a client can cause, and a good signature pays for
//! nothing: a key of one's own signs whatever one likes. So of each client [`TRIES`] requests are
//! let through to be verified from the beginning of one slot to that of the next, whatever comes
//! of them. A correct client needs one for a new request and, if its answers were lost, one for
//! the last request again. What waits here already is dropped before, and costs nothing.

use super::authority::Authority;
use super::memory::Desk;
use super::rules::{Effect, Rules};
use crate::fault::Fault;
use crate::node::Principal;
use crate::protocol::Admission;
use crate::service::Request;
use crate::vector::Broadcast;
use core::time::Duration;

/// Requests of one client that are verified in one slot. A host has to verify so many of each of
/// its clients, twice if they are well signed, and keep its margins.
const TRIES: u8 = 2;

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>, A: Authority> Rules<'_, P, T, A> {
    /// Before its signature is verified: whose it is, whether there is room for it, and whether
    /// its client has not cost enough in this slot.
    pub(super) fn admit_request(&mut self, from: Principal, request: &Request<'_>) -> Admission {
        let verdict = self.is_of_use(from, request);
        let Some(desk) = self.memory.desks.get_mut(request.client.index()) else { return verdict };
        if verdict != Admission::Verify {
            return verdict;
        }
        if desk.tries >= TRIES {
            let (now, next) = (self.node.now, self.node.config.start(self.node.next));
            return Admission::Later { after: next.since(now).max(Duration::from_micros(1)) };
        }
        desk.tries += 1;
        Admission::Verify
    }

    /// Whether it can be of use, as far as that is seen without its signature.
    fn is_of_use(&self, from: Principal, request: &Request<'_>) -> Admission {
        if from != Principal::Client(request.client) {
            return Admission::Refused(Fault::Impersonation);
        }
        let Some(desk) = self.memory.desks.get(request.client.index()) else {
            return Admission::Refused(Fault::OutOfBounds);
        };
        if request.len() > self.request_bytes() {
            return Admission::Refused(Fault::OutOfBounds);
        }
        let held = request.timestamp <= desk.timestamp;
        if held { Admission::Known } else { Admission::Verify }
    }

    /// A client's request: it waits for this general's next slot. An executed one is answered
    /// again. Of two requests with one timestamp the first is kept.
    pub(super) fn on_request(&mut self, from: Principal, request: &Request<'_>) {
        if self.is_of_use(from, request) != Admission::Verify {
            return;
        }
        // What waits here is executed without another look at its signature.
        if !self.authority.is_authentic(request) {
            return;
        }
        let client = request.client;
        let (Some(row), Some(desk)) =
            (self.memory.rows.get(client.index()), self.memory.desks.get_mut(client.index()))
        else {
            return;
        };
        if request.timestamp <= row.timestamp {
            let (answered, timestamp) = (!desk.unanswered, request.timestamp);
            let current = timestamp == row.timestamp;
            return match (current, answered && self.node.behind.is_none()) {
                (_, false) => {}
                (true, true) => self.emit(Effect::Reply { client }),
                (false, true) => self.emit(Effect::Stale { client, timestamp }),
            };
        }

        self.node.arrivals += 1;
        let (timestamp, arrival) = (request.timestamp, self.node.arrivals);
        let length = u32::try_from(request.len()).unwrap_or(0);
        *desk = Desk { timestamp, arrival, proposed: 0, length, ..*desk };
        let size = self.request_bytes();
        let mut rooms = self.memory.requests.chunks_exact_mut(size.max(1));
        let written = rooms.nth(client.index()).and_then(|room| request.append(room, 0));
        assert!(written.is_some(), "a request that was admitted fits");
    }
}

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>, A> Rules<'_, P, T, A> {
    /// A slot begins: its clients may cost something again.
    pub(super) fn renew_tries(&mut self) {
        self.memory.desks.iter_mut().for_each(|desk| desk.tries = 0);
    }

    /// The bytes of a client's request that waits.
    pub(super) fn request(&self, client: usize) -> &[u8] {
        let length = self.memory.desks.get(client).map_or(0, |desk| desk.length);
        let mut rooms = self.memory.requests.chunks_exact(self.request_bytes().max(1));
        let room = rooms.nth(client).unwrap_or_default();
        usize::try_from(length).ok().and_then(|length| room.get(..length)).unwrap_or_default()
    }

    /// The longest request of a client.
    fn request_bytes(&self) -> usize {
        self.memory.requests.len().checked_div(self.memory.desks.len()).unwrap_or(0)
    }
}
