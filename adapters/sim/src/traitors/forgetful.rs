//! Reports an old or an empty history when the view changes.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Histories, Message, Pairs, Sequence};
use quorate::{Principal, wire};

/// A traitor that, for each VIEW-CHANGE and receiver, tells the truth, or claims to have
/// prepared nothing, or repeats the first history that it ever reported.
#[derive(Clone, Debug, Default)]
pub struct Forgetful {
    first: Option<Report>,
}

/// h, C, P and Q of a VIEW-CHANGE.
#[derive(Clone, Debug)]
struct Report {
    stable: Sequence,
    checkpoints: Vec<u8>,
    histories: Vec<u8>,
}

impl Traitor for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let honest = (to, Payload::clone(payload));
        let Ok(Message::ViewChange(mut change)) = wire::decode(payload) else {
            return out.push(honest);
        };
        if change.author != rights.me {
            return out.push(honest);
        }
        let first = self.first.get_or_insert_with(|| Report {
            stable: change.stable,
            checkpoints: change.checkpoints.bytes().to_vec(),
            histories: change.histories.bytes().to_vec(),
        });
        match rights.random.below(3) {
            0 => return out.push(honest),
            1 => change.histories = Histories::default(),
            _ => {
                change.stable = first.stable;
                change.checkpoints = Pairs::from_bytes(&first.checkpoints);
                change.histories = Histories::from_bytes(&first.histories);
            }
        }
        out.push((to, rights.seal(Message::ViewChange(change))));
    }
}
