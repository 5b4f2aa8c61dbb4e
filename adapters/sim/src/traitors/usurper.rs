//! Proposes although another replica leads.

use super::heard::Heard;
use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Batch, Message};
use quorate::{Principal, wire};

/// A traitor that acts as the primary of a view that is another's: with a PREPARE it proposes, for
/// the same sequence or for the next, a batch of one request that it heard, to those to whom it
/// votes. The request is authentic, so that nothing is wrong with the proposal but who makes it.
#[derive(Clone, Debug, Default)]
pub struct Usurper {
    requests: Heard,
}

impl Traitor for Usurper {
    fn name(&self) -> &'static str {
        "usurper"
    }

    fn overhear(&mut self, _: Principal, payload: &[u8]) {
        self.requests.overhear(payload);
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        out.push((to, Payload::clone(payload)));
        let Ok(Message::Prepare(vote)) = wire::decode(payload) else { return };
        let next = vote.sequence.next().filter(|_| rights.random.chance(500));
        let (view, sequence) = (vote.view, next.unwrap_or(vote.sequence));
        if let Some((_, request)) = self.requests.newest().next() {
            let batch = Batch::from_bytes(request);
            out.push((to, rights.seal(Message::PrePrepare { view, sequence, batch })));
        }
    }
}
