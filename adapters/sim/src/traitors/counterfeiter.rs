//! Vouches for checkpoints that there are not.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Histories, Message, Pairs, Sequence};
use quorate::{Digest, Principal, wire};

/// A traitor that signs checkpoints of states that nobody has: another digest at a place that
/// others have reached too, or a place that nobody can have reached. Its STATUS and its
/// VIEW-CHANGE say that it stands there, and, the next time, that it does not.
#[derive(Clone, Copy, Debug)]
pub struct Counterfeiter;

impl Traitor for Counterfeiter {
    fn name(&self) -> &'static str {
        "counterfeiter"
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let honest = (to, Payload::clone(payload));
        let Ok(mut message) = wire::decode::<Message<'_>>(payload) else { return };
        if rights.random.chance(250) {
            return out.push(honest);
        }
        let fake = Digest::of(&rights.random.bits().to_le_bytes());
        let reach = *rights.random.pick(&[0, 0, 2, 8, 64, 1 << 60]);
        let mut held = Vec::new();
        match &mut message {
            Message::Checkpoint { sequence, digest } => {
                (sequence.0, *digest) = (sequence.0 + reach, fake);
            }
            Message::Status(status) => {
                status.stable = Sequence(status.stable.0 + reach);
                status.executed = status.executed.max(status.stable);
            }
            Message::Settled { digest, .. } => *digest = fake,
            Message::ViewChange(change) if change.author == rights.me => {
                change.stable = Sequence(change.stable.0 + reach);
                held.extend_from_slice(&change.stable.0.to_le_bytes());
                held.extend_from_slice(&fake.0);
                change.checkpoints = Pairs::from_bytes(&held);
                change.histories = Histories::default();
            }
            _ => return out.push(honest),
        }
        out.push((to, rights.seal(message)));
    }
}
