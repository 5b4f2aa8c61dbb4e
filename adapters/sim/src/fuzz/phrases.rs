//! What somebody could say in a PBFT cluster: messages that a fuzzer composes.

use super::whim::Whim;
use crate::scheme::{Key, Scheme};
use quorate::auth::{Roster, Signed};
use quorate::pbft::{
    Batch, Histories, History, Message, NewView, Pairs, Part, Place, PrePrepared, Request,
    Sequence, View, ViewChange, Vote,
};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, NodeId, NodeSet, Principal, PublicKey, Signature, Signer};
use std::rc::Rc;

/// Replicas of a cluster that is fuzzed.
pub(super) const NODES: usize = 4;
/// Its clients.
pub(super) const CLIENTS: usize = 3;
/// Its window.
pub(super) const WINDOW: usize = 4;
/// The seed of its keys and of its id: that of the runs from which corpora are made.
pub const SEED: u64 = 1;

/// All replicas.
pub(super) fn all() -> NodeSet {
    (0..NODES as u8).map(NodeId).collect()
}

/// An encoded message.
pub(super) type Payload = Rc<[u8]>;

/// The most things of one kind that are remembered.
const MEMORY: usize = 24;

/// Somebody's vocabulary: the keys of those whom the fuzzer speaks for, and what was said so far,
/// so that it can be repeated and named.
#[derive(Debug)]
pub(super) struct Phrases {
    pub(super) roster: Roster<Vec<PublicKey>>,
    pub(super) scheme: Scheme,
    /// Whose keys the fuzzer has.
    pub(super) hands: NodeSet,
    /// Of which client it has the keys: this one and all after it.
    clients: usize,
    /// About where things happen: a checkpoint that somebody may hold.
    pub(super) low: u64,
    /// A view that somebody may be in.
    pub(super) view: u64,
    batches: Vec<Rc<[u8]>>,
    /// Digests of batches, and of checkpoints.
    digests: Vec<Digest>,
    states: Vec<(u64, Digest)>,
    pub(super) changes: Vec<(NodeId, u64, Digest)>,
    heard: Vec<Payload>,
}

fn remember<T: PartialEq>(list: &mut Vec<T>, thing: T) {
    if !list.contains(&thing) {
        if list.len() == MEMORY {
            list.remove(0);
        }
        list.push(thing);
    }
}

impl Phrases {
    /// The vocabulary of a fuzzer that speaks for these replicas, and for all clients.
    pub(super) fn new(hands: NodeSet) -> Self {
        let scheme = Scheme::new(SEED, NODES, CLIENTS);
        let (nodes, clients) = (scheme.nodes().to_vec(), scheme.clients().to_vec());
        let cluster = Digest::of(&SEED.to_le_bytes());
        let roster = Roster::new(cluster, 0, nodes, clients, &scheme).expect("all keys differ");
        let mut phrases = Self {
            roster,
            scheme,
            hands,
            clients: 0,
            low: 0,
            view: 0,
            batches: Vec::new(),
            digests: Vec::new(),
            states: Vec::new(),
            changes: Vec::new(),
            heard: Vec::new(),
        };
        phrases.forget();
        phrases
    }

    /// Has no keys of the clients before this one.
    pub(super) fn sparing(mut self, clients: usize) -> Self {
        self.clients = clients;
        self
    }

    /// Forgets what was said.
    pub(super) fn forget(&mut self) {
        (self.low, self.view) = (0, 0);
        self.batches.clear();
        self.digests = vec![Batch::null_digest()];
        self.states = vec![(0, Digest::ZERO)];
        self.changes.clear();
        self.heard.clear();
    }

    pub(super) fn key(who: Principal) -> Key {
        Key::new(SEED, who)
    }

    /// A principal by one byte; most bytes are one that there is.
    pub(super) fn principal(byte: u8) -> Principal {
        match byte {
            0..128 => Principal::Node(NodeId(byte % 5)),
            _ => Principal::Client(ClientId(u16::from(byte % 4))),
        }
    }

    /// Takes note of what somebody else said: it may be repeated and named.
    pub(super) fn hear(&mut self, payload: &Payload) {
        let Ok(message) = wire::decode::<Message<'_>>(payload) else { return };
        match message {
            Message::PrePrepare { batch, .. } | Message::Batch { batch, .. } => {
                remember(&mut self.digests, batch.digest());
                remember(&mut self.batches, Rc::from(batch.bytes()));
            }
            Message::Checkpoint { sequence, digest } => {
                remember(&mut self.states, (sequence.0, digest));
            }
            Message::ViewChange(change) => self.name(&change),
            Message::Status(_) | Message::Reply(_) => return,
            _ => {}
        }
        remember(&mut self.heard, Rc::clone(payload));
    }

    pub(super) fn name(&mut self, change: &ViewChange<'_>) {
        let digest = change.digest(self.roster.scope());
        remember(&mut self.changes, (change.author, change.view.0, digest));
    }

    /// Something that was said before, by whomever.
    pub(super) fn repeat(&self, whim: &mut Whim<'_>) -> Option<Payload> {
        whim.pick(&self.heard).cloned()
    }

    /// A message with the signature of its author if the fuzzer has that key; with none if not.
    pub(super) fn seal(&self, mut message: Message<'_>) -> Payload {
        let author = match &message {
            Message::Request(request) => Principal::Client(request.client),
            Message::Read(read) => Principal::Client(read.client),
            Message::ViewChange(change) => Principal::Node(change.author),
            Message::NewView(new_view) => Principal::Node(new_view.author),
            _ => Principal::Node(NodeId(0)),
        };
        let mine = match author {
            Principal::Node(node) => self.hands.contains(node),
            Principal::Client(client) => client.index() >= self.clients,
        };
        if mine {
            message.sign(author, self.roster.scope(), &Self::key(author));
        }
        let mut buffer = vec![0; wire::encoded_len(&message)];
        wire::encode(&message, &mut buffer).expect("as long as it says");
        Payload::from(buffer)
    }

    pub(super) fn view(&self, whim: &mut Whim<'_>) -> View {
        View(match whim.number(8) {
            0..4 => self.view,
            4 => self.view.saturating_add(1),
            5 => self.view.saturating_sub(1),
            number => number - 6,
        })
    }

    pub(super) fn sequence(&self, whim: &mut Whim<'_>) -> Sequence {
        let near = 2 * WINDOW as u8 + 2;
        Sequence(self.low.saturating_add(whim.number(near)))
    }

    /// A checkpoint: every half window there is one.
    pub(super) fn checkpoint(&self, whim: &mut Whim<'_>) -> (u64, Digest) {
        if whim.chance(96) {
            let at = self.low.saturating_add(whim.number(8).saturating_mul(WINDOW as u64 / 2));
            return (at, Digest::of(&[whim.byte() % 4]));
        }
        whim.pick(&self.states).copied().unwrap_or_default()
    }

    pub(super) fn digest(&self, whim: &mut Whim<'_>) -> Digest {
        if whim.chance(16) {
            return Digest::of(&[whim.byte() % 4]);
        }
        // The newest first: what is at the end of the input is about the last batch.
        let at = self.digests.len() - 1 - whim.below(self.digests.len());
        self.digests[at]
    }

    pub(super) fn request<'o>(&self, whim: &mut Whim<'_>, operation: &'o [u8]) -> Request<'o> {
        let client = ClientId(whim.below(CLIENTS) as u16);
        let timestamp = whim.number(8);
        self.request_of(client, timestamp, operation)
    }

    /// A client's request, signed if the fuzzer has its key.
    pub(super) fn request_of<'o>(
        &self,
        client: ClientId,
        timestamp: u64,
        operation: &'o [u8],
    ) -> Request<'o> {
        let (operation, signature) = (Bytes(operation), Signature::ZERO);
        let mut request = Request { client, timestamp, operation, signature };
        if client.index() >= self.clients {
            let key = Self::key(Principal::Client(client));
            request.signature = key.sign(&request.digest(self.roster.scope()));
        }
        request
    }

    /// A batch of up to three requests, or one that was met.
    pub(super) fn batch(&mut self, whim: &mut Whim<'_>) -> Rc<[u8]> {
        if whim.chance(128)
            && let Some(batch) = whim.pick(&self.batches)
        {
            return Rc::clone(batch);
        }
        let mut bytes = Vec::new();
        for _ in 0..whim.below(4) {
            let operation = whim.bytes(12);
            append(&mut bytes, &self.request(whim, operation));
        }
        if whim.chance(8) {
            bytes.push(whim.byte());
        }
        let batch: Rc<[u8]> = bytes.into();
        remember(&mut self.digests, Batch::from_bytes(&batch).digest());
        remember(&mut self.batches, Rc::clone(&batch));
        batch
    }

    pub(super) fn place(whim: &mut Whim<'_>) -> Place {
        let part = [Part::Roots, Part::Clients, Part::State][whim.below(3)];
        let (level, index) = (whim.number(3) as u8, whim.number(6) as u32);
        if part == Part::Roots { Place::ROOTS } else { Place { part, level, index } }
    }

    pub(super) fn histories(&self, whim: &mut Whim<'_>, stable: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut sequence = stable;
        for _ in 0..whim.below(4) {
            sequence = sequence.saturating_add(whim.number(2).saturating_add(1));
            let entry = |whim: &mut Whim<'_>| {
                let (view, digest) = (self.view(whim), self.digest(whim));
                PrePrepared { view, digest }
            };
            let first = Some(entry(whim));
            let second = whim.chance(64).then(|| entry(whim));
            let prepared = whim.chance(160).then(|| (whim.below(2), self.view(whim)));
            let (sequence, pre_prepared) = (Sequence(sequence), [first, second]);
            bytes.extend(History { sequence, pre_prepared, prepared }.encode());
        }
        bytes
    }

    fn view_change(&mut self, whim: &mut Whim<'_>, from: NodeId) -> Payload {
        let author = if whim.chance(24) { NodeId(whim.byte() % 5) } else { from };
        let stable = self.checkpoint(whim);
        let mut held = vec![stable];
        held.extend(whim.chance(64).then(|| self.checkpoint(whim)));
        let checkpoints = pairs(&held);
        let histories = self.histories(whim, stable.0);
        let change = ViewChange {
            author,
            view: self.view(whim),
            stable: Sequence(stable.0),
            checkpoints: Pairs::from_bytes(&checkpoints),
            histories: Histories::from_bytes(&histories),
            signature: Signature::ZERO,
        };
        self.name(&change);
        let payload = self.seal(Message::ViewChange(change));
        remember(&mut self.heard, Rc::clone(&payload));
        payload
    }

    /// A NEW-VIEW for a view that somebody wants, of the last VIEW-CHANGE of each.
    pub(super) fn new_view(&mut self, whim: &mut Whim<'_>, from: NodeId) -> Payload {
        let wanted = whim.pick(&self.changes).map_or(1, |(_, view, _)| *view);
        let view = if whim.chance(16) { self.view(whim) } else { View(wanted) };
        let mut named: Vec<(u64, Digest)> = Vec::new();
        for (author, _, digest) in self.changes.iter().filter(|(_, of, _)| *of == view.0) {
            if whim.chance(224) || whim.is_over() {
                named.retain(|(other, _)| *other != u64::from(author.0));
                named.push((u64::from(author.0), *digest));
            }
        }
        named.sort_unstable();
        let mut chosen: Vec<(u64, Digest)> = Vec::new();
        for _ in 0..whim.below(4) {
            let after = chosen.last().map_or(self.low, |(at, _)| *at);
            chosen
                .push((after.saturating_add(whim.number(2).saturating_add(1)), self.digest(whim)));
        }
        let author = if whim.chance(16) { from } else { view.primary(NODES) };
        let (view_changes, chosen) = (pairs(&named), pairs(&chosen));
        self.seal(Message::NewView(NewView {
            author,
            view,
            view_changes: Pairs::from_bytes(&view_changes),
            chosen: Pairs::from_bytes(&chosen),
            signature: Signature::ZERO,
        }))
    }

    /// A message that `from` may send, or may not.
    pub(super) fn compose(&mut self, whim: &mut Whim<'_>, from: NodeId) -> Payload {
        match whim.below(24) {
            0..3 => {
                let batch = self.batch(whim);
                let view = self.view(whim);
                let (sequence, batch) = (self.sequence(whim), Batch::from_bytes(&batch));
                self.seal(Message::PrePrepare { view, sequence, batch })
            }
            3..6 => self.seal(Message::Prepare(self.vote(whim))),
            6..9 => self.seal(Message::Commit(self.vote(whim))),
            9 | 10 => {
                let (sequence, digest) = self.checkpoint(whim);
                self.seal(Message::Checkpoint { sequence: Sequence(sequence), digest })
            }
            11 | 12 => self.view_change(whim, from),
            13 | 14 => self.new_view(whim, from),
            15 => {
                let operation = whim.bytes(12);
                self.seal(Message::Request(self.request(whim, operation)))
            }
            16 => {
                let batch = self.batch(whim);
                let (sequence, batch) = (self.sequence(whim), Batch::from_bytes(&batch));
                self.seal(Message::Batch { sequence, batch })
            }
            17 => {
                let (sequence, digest) = (self.sequence(whim), self.digest(whim));
                self.seal(Message::Settled { sequence, digest })
            }
            18 => self.status(whim),
            19 => self.question(whim),
            20 => self.recovery(whim),
            21 => {
                let (sequence, _) = self.checkpoint(whim);
                let (place, bytes) = (Self::place(whim), whim.bytes(64));
                let (sequence, bytes) = (Sequence(sequence), Bytes(bytes));
                self.seal(Message::State { sequence, place, bytes })
            }
            22 => self.to_a_client(whim),
            _ => self.repeat(whim).unwrap_or_else(|| self.status(whim)),
        }
    }

    fn vote(&self, whim: &mut Whim<'_>) -> Vote {
        let (view, sequence) = (self.view(whim), self.sequence(whim));
        Vote { view, sequence, digest: self.digest(whim) }
    }
}

/// A request as it stands in a batch.
pub(super) fn append(batch: &mut Vec<u8>, request: &Request<'_>) {
    batch.extend(request.client.0.to_le_bytes());
    batch.extend(request.timestamp.to_le_bytes());
    batch.extend((request.operation.0.len() as u32).to_le_bytes());
    batch.extend(request.operation.0);
    batch.extend(request.signature.to_bytes());
}

pub(super) fn pairs(entries: &[(u64, Digest)]) -> Vec<u8> {
    entries.iter().flat_map(|(n, digest)| [&n.to_le_bytes()[..], &digest.0].concat()).collect()
}
