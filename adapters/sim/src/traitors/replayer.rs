//! Says again what was said before, by anybody, anywhere.

use crate::engine::Payload;
use crate::scheme::{Key, Scheme};
use crate::traitor::{Rights, Traitor};
use quorate::auth::{Scope, Verifier};
use quorate::pbft::{Histories, Message, Pairs, Request, Sequence, View, ViewChange};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, NodeId, Principal, Signature};

/// A traitor that tells the truth and beside it sends, to anybody, what it heard or said long
/// before: in other views, at other sequences. What others signed is good wherever it is said
/// again, and must change nothing. It also has what the same replicas and clients signed in
/// another epoch and in another cluster, where they have the same keys.
#[derive(Clone, Debug)]
pub struct Replayer {
    heard: Vec<Payload>,
    abroad: Vec<Payload>,
}

/// Messages that are remembered; which ones is left to chance.
const MEMORY: usize = 256;

impl Replayer {
    /// A traitor with a past: the keys are those of a seed.
    #[must_use]
    pub fn new(seed: u64, nodes: usize, clients: usize) -> Self {
        let scope = |cluster, epoch| Scope { cluster, epoch, profile: Scheme::PROFILE };
        let here = Digest::of(&seed.to_le_bytes());
        let scopes = [scope(here, 1), scope(Digest::of(b"another cluster"), 0)];
        let mut abroad = Vec::new();
        for scope in scopes {
            for client in (0..clients as u16).map(ClientId) {
                // Far ahead of anything that the client asks for here.
                let request = Request {
                    client,
                    timestamp: u64::MAX / 2,
                    operation: Bytes(b"asked for elsewhere"),
                    signature: Signature::ZERO,
                };
                let who = Principal::Client(client);
                abroad.push(sign(Message::Request(request), seed, who, &scope));
            }
            for author in (0..nodes as u8).map(NodeId) {
                let start = [&0u64.to_le_bytes()[..], &[0; 32]].concat();
                let change = ViewChange {
                    author,
                    view: View(1),
                    stable: Sequence(0),
                    checkpoints: Pairs::from_bytes(&start),
                    histories: Histories::default(),
                    signature: Signature::ZERO,
                };
                let who = Principal::Node(author);
                abroad.push(sign(Message::ViewChange(change), seed, who, &scope));
            }
        }
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

fn sign(message: Message<'_>, seed: u64, who: Principal, scope: &Scope) -> Payload {
    let mut buffer = vec![0; wire::encoded_len(&message)];
    let key = Key::new(seed, who);
    wire::seal(message, who, scope, &key, &mut buffer).expect("as long as it says");
    Payload::from(buffer)
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
