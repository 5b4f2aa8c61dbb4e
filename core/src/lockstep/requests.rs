//! Requests of clients, until a slot takes them.

use super::authority::Authority;
use super::memory::Desk;
use super::rules::{Effect, Rules};
use crate::fault::Fault;
use crate::node::Principal;
use crate::protocol::Admission;
use crate::service::Request;
use crate::vector::Broadcast;

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>, A: Authority> Rules<'_, P, T, A> {
    /// Before its signature is verified: whose it is, and whether there is room for it.
    pub(super) fn admit_request(&self, from: Principal, request: &Request<'_>) -> Admission {
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
        if self.admit_request(from, request) != Admission::Verify {
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
        *desk = Desk { timestamp, arrival, proposed: 0, length, unanswered: desk.unanswered };
        let size = self.request_bytes();
        let mut rooms = self.memory.requests.chunks_exact_mut(size.max(1));
        let written = rooms.nth(client.index()).and_then(|room| request.append(room, 0));
        assert!(written.is_some(), "a request that was admitted fits");
    }
}

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>, A> Rules<'_, P, T, A> {
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
