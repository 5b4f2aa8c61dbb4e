//! Answers reads from states that are past.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Message, Sequence};
use quorate::wire::{self, Bytes};
use quorate::{Digest, Principal};

/// A traitor that, half of the time, answers a read as it answered one before: the right answer
/// of an old state, under the number of the new read. Whoever lags behind says the same.
#[derive(Clone, Debug, Default)]
pub struct Stale {
    /// What was answered so far: state, operation, answer.
    past: Vec<(Sequence, Digest, Vec<u8>)>,
}

impl Traitor for Stale {
    fn name(&self) -> &'static str {
        "stale"
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let honest = (to, Payload::clone(payload));
        let Ok(Message::ReadReply(mut reply)) = wire::decode(payload) else {
            return out.push(honest);
        };
        let Some(answer) = reply.answer else { return out.push(honest) };
        self.past.push((reply.state, reply.operation, answer.0.to_vec()));
        let same =
            |it: &&(Sequence, Digest, Vec<u8>)| it.0 < reply.state && it.1 == reply.operation;
        let mut older = self.past.iter().rev().filter(same);
        let back = rights.random.below(4) as usize;
        match older.nth(back) {
            Some((state, _, answer)) if rights.random.chance(500) => {
                reply.state = *state;
                reply.answer = Some(Bytes(answer));
                out.push((to, rights.seal(Message::ReadReply(reply))));
            }
            _ => out.push(honest),
        }
    }
}
