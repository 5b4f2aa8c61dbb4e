//! Votes for what nobody proposed, vouches for states that nobody has, misinforms clients.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::Message;
use quorate::wire::{self, Bytes};
use quorate::{Digest, Principal};

/// A traitor whose votes, checkpoints, states and replies are wrong, half of the time, and
/// otherwise for each receiver.
#[derive(Clone, Copy, Debug)]
pub struct Liar;

impl Traitor for Liar {
    fn name(&self) -> &'static str {
        "liar"
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let honest = (to, Payload::clone(payload));
        if rights.random.chance(500) {
            return out.push(honest);
        }
        let Ok(mut message) = wire::decode::<Message<'_>>(payload) else { return };
        let noise = rights.random.bits().to_le_bytes();
        let mut lie = Vec::new();
        match &mut message {
            Message::Prepare(vote) | Message::Commit(vote) => vote.digest = Digest::of(&noise),
            Message::Checkpoint { digest, .. } => *digest = Digest::of(&noise),
            Message::Reply(reply) => {
                lie.extend_from_slice(&noise);
                reply.reply = Bytes(&lie);
            }
            Message::ReadReply(reply) => {
                lie.extend_from_slice(&noise);
                reply.answer = Some(Bytes(&lie));
            }
            // A wrong piece, a right one that was not asked for, or one that never ends.
            Message::State { place, bytes, .. } => {
                lie.extend_from_slice(bytes.0);
                match noise[0] % 4 {
                    0 => place.index ^= 1,
                    1 => place.level ^= 1,
                    2 => lie.resize(4096, noise[1]),
                    _ => lie.iter_mut().take(1).for_each(|byte| *byte ^= 1),
                }
                *bytes = Bytes(&lie);
            }
            _ => return out.push(honest),
        }
        out.push((to, rights.seal(message)));
    }
}
