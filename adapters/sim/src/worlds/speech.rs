//! Everything that was ever said, each thing once.

use crate::scheme::{Key, Scheme};
use quorate::auth::Scope;
use quorate::pbft::Message;
use quorate::{ClientId, Digest, NodeId, NodeSet, Principal, PublicKey, Roster, wire};
use std::collections::HashMap;
use std::rc::Rc;

/// Replicas of the world.
pub(super) const NODES: u8 = 4;
/// The one client.
pub(super) const CLIENT: ClientId = ClientId(0);
/// The keys of the world are those of this seed.
pub(super) const SEED: u64 = 0;

/// The number of a speech.
pub(super) type SpeechId = u32;

/// A message with its author and those who may hear it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Speech {
    pub(super) from: Principal,
    pub(super) to: NodeSet,
    pub(super) payload: Rc<[u8]>,
}

/// All speeches so far, and who has which key.
#[derive(Clone, Debug)]
pub(super) struct Speeches {
    pub(super) roster: Roster<Vec<PublicKey>>,
    pub(super) scheme: Scheme,
    all: Vec<Speech>,
    numbers: HashMap<Speech, SpeechId>,
}

impl Speeches {
    pub(super) fn new() -> Self {
        let scheme = Scheme::new(SEED, usize::from(NODES), 1);
        let (nodes, clients) = (scheme.nodes().to_vec(), scheme.clients().to_vec());
        let roster = Roster::new(Digest::of(b"a small world"), 0, nodes, clients, &scheme);
        let roster = roster.expect("keys of the simulation are a roster");
        Self { roster, scheme, all: Vec::new(), numbers: HashMap::new() }
    }

    pub(super) const fn scope(&self) -> &Scope {
        self.roster.scope()
    }

    /// The number of a speech: that of an equal one, if there is one.
    pub(super) fn number(&mut self, speech: Speech) -> SpeechId {
        if let Some(number) = self.numbers.get(&speech) {
            return *number;
        }
        let number = self.all.len() as SpeechId;
        self.all.push(speech.clone());
        self.numbers.insert(speech, number);
        number
    }

    /// What somebody says to some replicas, signed where its own name stands.
    pub(super) fn say(&mut self, from: Principal, to: NodeSet, message: Message<'_>) -> SpeechId {
        let mut buffer = vec![0; wire::encoded_len(&message)];
        let key = Key::new(SEED, from);
        let sealed = wire::seal(message, from, self.scope(), &key, &mut buffer);
        let payload = Rc::from(sealed.expect("as long as it says"));
        self.number(Speech { from, to, payload })
    }

    /// How many there are.
    pub(super) fn count(&self) -> SpeechId {
        self.all.len() as SpeechId
    }

    pub(super) fn get(&self, number: SpeechId) -> &Speech {
        &self.all[number as usize]
    }

    /// The message of a speech.
    pub(super) fn message(&self, number: SpeechId) -> Message<'_> {
        wire::decode(&self.get(number).payload).expect("encoded here")
    }
}

/// Everybody but one.
pub(super) fn others(me: NodeId) -> NodeSet {
    (0..NODES).map(NodeId).filter(|node| *node != me).collect()
}

/// Everybody.
pub(super) fn everybody() -> NodeSet {
    (0..NODES).map(NodeId).collect()
}
