//! Says again what was said before, by anybody, anywhere.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::Principal;

/// A traitor that tells the truth and beside it sends, to anybody, what it heard or said long
/// before: in other views, at other sequences. What others signed is good wherever it is said
/// again, and must change nothing. It also has what the same replicas and clients signed in
/// another epoch and in another cluster, where they have the same keys: the messages, not the keys.
#[derive(Clone, Debug)]
pub struct Replayer {
    heard: Vec<Payload>,
    abroad: Vec<Payload>,
}

/// Messages that are remembered; which ones is left to chance.
const MEMORY: usize = 256;

impl Replayer {
    /// A traitor that has these messages from abroad.
    #[must_use]
    pub const fn new(abroad: Vec<Payload>) -> Self {
        Self { heard: Vec::new(), abroad }
    }

    fn remember(&mut self, payload: Payload, at: usize) {
        if self.heard.len() < MEMORY {
            self.heard.push(payload);
        } else {
            self.heard[at % MEMORY] = payload;
        }
    }
}

impl Traitor for Replayer {
    fn name(&self) -> &'static str {
        "replayer"
    }

    fn overhear(&mut self, _: Principal, payload: &[u8]) {
        // Any place will do that does not depend on the order of events alone.
        let at = payload.iter().fold(0usize, |at, byte| at.wrapping_mul(31) + usize::from(*byte));
        self.remember(Payload::from(payload), at);
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        out.push((to, Payload::clone(payload)));
        if !matches!(to, Principal::Node(_)) {
            return;
        }
        let again = match rights.random.below(8) {
            0 => Some(rights.random.pick(&self.abroad)),
            1..=3 if !self.heard.is_empty() => Some(rights.random.pick(&self.heard)),
            _ => None,
        };
        out.extend(again.map(|again| (to, Payload::clone(again))));
        let at = rights.random.bits() as usize;
        self.remember(Payload::clone(payload), at);
    }
}
