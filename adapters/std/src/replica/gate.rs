//! The wall between the network and the step thread: frames in, verified messages out.

use super::arrival::{Arrival, Asker, Core};
use super::load::{Load, Ticket};
use super::turns::Turns;
use super::witness::Witness;
use crate::net::{Channel, Intake, LinkId, Post};
use crate::status::Control;
use quorate::ed25519::Ed25519;
use quorate::link::Hello;
use quorate::pbft::Message;
use quorate::{Fault, Principal, PublicKey, Roster, wire};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Takes what authentic links bring. Votes, which carry no signature, are checked here and are
/// ready to be stepped; what carries signatures goes to the step thread first, which knows
/// whether it is worth verifying.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) roster: Arc<Roster<Vec<PublicKey>>>,
    pub(crate) peers: Vec<Principal>,
    pub(crate) loads: Vec<Arc<Load>>,
    /// Bytes of the largest message that is no state.
    pub(crate) largest_message: usize,
    pub(crate) arrivals: Arc<Turns<Arrival>>,
    pub(crate) witness: Witness,
    /// Links that are not read before their time, the earliest first.
    pub(crate) waiting: BTreeSet<(Instant, LinkId)>,
    pub(crate) post: Arc<Post>,
}

impl Gate {
    fn message(&self, from: Principal, bytes: &[u8], ticket: Ticket) -> Result<Arrival, Fault> {
        let message = wire::decode::<Message<'_>>(bytes).map_err(|_| Fault::Malformed)?;
        if bytes.len() > self.largest_message && !matches!(message, Message::State { .. }) {
            return Err(Fault::OutOfBounds);
        }
        let payload = bytes.to_vec();
        if is_signed(&message) {
            return Ok(Arrival::Signed { from, payload, ticket });
        }
        let message = self.roster.check_payload::<Core, _, _>(&Ed25519, from, payload)?;
        Ok(Arrival::Checked { message, ticket })
    }
}

/// Whether verifying the message costs signatures, or the hash of a whole batch or page.
const fn is_signed(message: &Message<'_>) -> bool {
    matches!(
        message,
        Message::Request(_)
            | Message::PrePrepare { .. }
            | Message::ViewChange(_)
            | Message::NewView(_)
            | Message::State { .. }
            | Message::Batch { .. }
            | Message::Read(_)
    )
}

impl Intake for Gate {
    fn ready(&mut self, link: LinkId) -> bool {
        let load = &self.loads[link.0];
        if let Some(until) = load.paused() {
            self.waiting.insert((until, link));
            return false;
        }
        load.has_room()
    }

    fn frame(&mut self, link: LinkId, payload: &[u8]) {
        let from = self.peers[link.0];
        let ticket = self.loads[link.0].ticket(payload.len());
        let arrival = match Channel::split(payload) {
            Some((Channel::Protocol, bytes)) => self.message(from, bytes, ticket),
            Some((Channel::Control, bytes)) => match wire::decode::<Control>(bytes) {
                Ok(Control::StatusRequest { number }) => {
                    Ok(Arrival::Asked { by: Asker::Link(link, number), _ticket: Some(ticket) })
                }
                Ok(Control::StatusReport { .. }) => Err(Fault::NotAllowed),
                Err(_) => Err(Fault::Malformed),
            },
            Some((Channel::Proof, _)) | None => Err(Fault::Malformed),
        };
        let arrival = arrival.unwrap_or_else(|fault| Arrival::Refused { from, fault });
        self.arrivals.push(Some(from), arrival);
    }

    fn signed(&mut self, _link: LinkId, frame: &[u8], hellos: &[Hello; 2]) {
        if let Some(evidence) = self.witness.note(frame, hellos, &self.roster) {
            self.arrivals.push(Some(hellos[0].from), Arrival::Proved { evidence });
        }
    }

    fn turn(&mut self) {
        let now = Instant::now();
        while let Some((_, link)) = self.waiting.first().copied().filter(|it| it.0 <= now) {
            self.waiting.pop_first();
            self.post.resume(link);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|(until, _)| *until)
    }

    fn changed(&mut self, _link: LinkId, _up: bool) {}
}
