//! Sends more than anybody can use.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Message, Sequence, Status, View, Vote};
use quorate::{Digest, Principal, wire};

/// A traitor that tells the truth and, with each message to a replica, two more that are of no
/// use: votes and checkpoints for views and sequences near and far, each another one; questions
/// whose answers are long; bytes that are no message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spammer {
    view: View,
    sequence: Sequence,
}

/// Bytes of the longest one that is no message.
const GARBAGE: u64 = 2_000;

impl Spammer {
    fn spam(&self, rights: &mut Rights<'_>) -> Payload {
        let digest = Digest::of(&rights.random.bits().to_le_bytes());
        let reach = *rights.random.pick(&[0, 1, 4, 40, 1 << 40]);
        let view = View(self.view.0 + rights.random.below(reach + 1));
        let sequence = Sequence(self.sequence.0 + rights.random.below(reach + 1));
        let vote = Vote { view, sequence, digest };
        let message = match rights.random.below(8) {
            0 => Message::Prepare(vote),
            1 => Message::Commit(vote),
            2 => Message::Checkpoint { sequence, digest },
            3 => Message::FetchBatch { sequence, digest },
            4 => Message::Settled { sequence, digest },
            5 => {
                let (stable, executed) = (Sequence(0), Sequence(0));
                Message::Status(Status { view, active: true, stable, executed, wanting: true })
            }
            6 => Message::Recover { nonce: rights.random.bits(), lost: true, until: sequence },
            _ => {
                let length = rights.random.below(GARBAGE);
                let bytes: Vec<u8> = (0..length).map(|_| rights.random.bits() as u8).collect();
                return Payload::from(bytes);
            }
        };
        rights.seal(message)
    }
}

impl Traitor for Spammer {
    fn name(&self) -> &'static str {
        "spammer"
    }

    fn utter(
        &mut self,
        mut rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        if let Ok(Message::Prepare(vote) | Message::Commit(vote)) = wire::decode(payload) {
            (self.view, self.sequence) = (vote.view, vote.sequence);
        }
        out.push((to, Payload::clone(payload)));
        if matches!(to, Principal::Node(_)) {
            out.extend((0..2).map(|_| (to, self.spam(&mut rights))));
        }
    }
}
