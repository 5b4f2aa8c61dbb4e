//! Serves states that nobody has.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::Principal;
use quorate::pbft::{Message, Sequence};
use quorate::wire::{self, Bytes};

/// A traitor that gives whoever fetches a state something else: a page with other bytes, a right
/// one in the wrong place or of another checkpoint, one without end, or none at all. It claims
/// to be as far as anybody and later that it is not, so that it is asked and asked in vain.
#[derive(Clone, Copy, Debug)]
pub struct Poisoner;

/// Bytes of a piece that does not end.
const ENDLESS: usize = 8_192;

impl Traitor for Poisoner {
    fn name(&self) -> &'static str {
        "poisoner"
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
        let mut poison = Vec::new();
        match &mut message {
            Message::State { sequence, place, bytes } => {
                poison.extend_from_slice(bytes.0);
                let at = rights.random.below(poison.len().max(1) as u64) as usize;
                match rights.random.below(7) {
                    0 => return,
                    1 => place.index = place.index.wrapping_add(1),
                    2 => place.level ^= 1,
                    3 => *sequence = Sequence(sequence.0 + 1),
                    4 => poison.resize(ENDLESS, 0),
                    5 => poison.truncate(at),
                    _ => poison.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1),
                }
                *bytes = Bytes(&poison);
            }
            Message::Status(status) if rights.random.chance(300) => {
                status.stable = Sequence(status.stable.0 / 2);
                status.executed = status.stable;
            }
            _ => return out.push(honest),
        }
        out.push((to, rights.seal(message)));
    }
}
