//! Four replicas of a counter in lockstep, one client, and a virtual clock.

use crate::problem::Problem;
use quorate::auth::{Scope, Signed};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::lockstep::{
    Client, ClientConfig, ClientMessage, Clients, Command, Config, Decision, Desk, General, Lane,
    Memory, Message, Peer, Proposal, Reply,
};
use quorate::rounds::{self, Instance, Schedule};
use quorate::service::{ClientCommand, ClientDecision, ClientRow};
use quorate::vector::{self, Instances};
use quorate::wire::{self, Bytes};
use quorate::{
    Admission, ClientId, Digest, Input, Instant, NodeId, Output, Principal, Protocol, PublicKey,
    Roster, Target, om,
};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

/// Replicas, of which one lies.
pub(super) const REPLICAS: usize = 4;
const TRAITORS: usize = 1;
/// The one that lies.
pub(super) const LIAR: NodeId = NodeId(3);

const CLIENT: ClientId = ClientId(0);
/// Bytes of a proposal, a request and a reply at most.
const PROPOSAL: usize = 128;
const REQUEST: usize = 96;
const REPLY: usize = 20;

/// Microseconds.
const ROUND: u64 = 100_000;
const DELAY: u64 = 30_000;
/// How long a request may take before the demonstration counts as hung.
const PATIENCE: u64 = 60_000_000;

type Oral = om::Orders<Proposal<PROPOSAL>, Vec<om::Entry<Proposal<PROPOSAL>>>>;
type Room = Memory<
    (Oral, Vec<Oral>),
    Vec<Lane<Oral, Vec<Oral>>>,
    Vec<ClientRow>,
    Vec<Desk>,
    Vec<u8>,
    Vec<Peer>,
>;
type Replica = General<Room, Clients<Vec<PublicKey>, Ed25519>, PROPOSAL>;

/// What came of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// What each replica answered.
    pub(super) said: BTreeMap<NodeId, String>,
    /// What the client believes.
    pub(super) believed: String,
}

#[derive(Clone, Debug)]
enum Event {
    Wake(NodeId),
    Arrival { from: Principal, to: Principal, payload: Vec<u8> },
}

/// The replicas, their counters, and the client.
pub(super) struct Cluster {
    replicas: Vec<Replica>,
    counters: Vec<i64>,
    client: Client<Vec<u8>>,
    roster: Roster<Vec<PublicKey>>,
    queue: BTreeMap<(u64, usize), Event>,
    queued: usize,
    now: u64,
    answer: Answer,
    done: bool,
    lies: usize,
}

fn secret(who: Principal) -> SecretKey {
    SecretKey::from_seed(Digest::of(&[b"counter".as_slice(), &who.to_bytes()].concat()).0)
}

fn seal<M: Signed + serde::Serialize>(scope: &Scope, from: Principal, message: M) -> Vec<u8> {
    let mut buffer = vec![0; wire::encoded_len(&message)];
    let sealed = wire::seal(message, from, scope, &secret(from), &mut buffer);
    let length = sealed.map_or(0, <[u8]>::len);
    buffer.truncate(length);
    buffer
}

fn all() -> impl Iterator<Item = NodeId> {
    (0u8..).map(NodeId).take(REPLICAS)
}

fn room(me: NodeId, config: &Config) -> Result<Room, quorate::ConfigError> {
    let instance = |commander| {
        let instance = Instance { number: 0, commander };
        let config = rounds::Config { me, nodes: REPLICAS, traitors: TRAITORS, instance };
        om::Orders::new(config, vec![om::Entry::EMPTY; om::slots(REPLICAS, TRAITORS)])
    };
    let schedule = Schedule::new(Instant::ZERO, config.round, config.margin)?;
    let mut lanes = Vec::new();
    for _ in 0..config.lanes(om::rounds(TRAITORS)) {
        let instances = all().map(instance).collect::<Result<Vec<_>, _>>()?;
        lanes.push(Lane::with_rules(Instances::new(instances)?, schedule));
    }
    Ok(Memory {
        lanes,
        rows: vec![ClientRow::default()],
        desks: vec![Desk::default()],
        requests: vec![0; REQUEST],
        replies: vec![0; REPLY],
        peers: vec![Peer::default(); REPLICAS],
        protocol: PhantomData,
    })
}

impl Cluster {
    pub(super) fn new() -> Result<Self, Problem> {
        let nodes = all().map(|id| secret(Principal::Node(id)).public()).collect();
        let clients = vec![secret(Principal::Client(CLIENT)).public()];
        let roster = Roster::new(Digest::of(b"counter"), 0, nodes, clients, &Ed25519);
        let roster = roster.map_err(Problem::failed)?;
        let mut replicas = Vec::new();
        for me in all() {
            let config = Config {
                me,
                nodes: REPLICAS,
                traitors: TRAITORS,
                first: Instant::from_micros(ROUND),
                interval: Duration::from_micros(ROUND),
                round: Duration::from_micros(ROUND),
                margin: Duration::from_micros(ROUND / 10),
            };
            let authority = Clients { roster: roster.clone(), verifier: Ed25519 };
            let made = room(me, &config).and_then(|room| General::new(config, room, authority));
            replicas.push(made.map_err(Problem::failed)?);
        }
        let (retry, give_up) = (Duration::from_secs(2), Duration::from_secs(30));
        let config = ClientConfig { me: CLIENT, traitors: TRAITORS, retry, give_up };
        let mut cluster = Self {
            replicas,
            counters: vec![0; REPLICAS],
            client: Client::new(config, vec![0; 8], vec![0; REPLY]),
            roster,
            queue: BTreeMap::new(),
            queued: 0,
            now: 0,
            answer: Answer::default(),
            done: false,
            lies: 0,
        };
        for id in all() {
            cluster.enqueue(0, Event::Wake(id));
        }
        Ok(cluster)
    }

    /// What a replica's counter shows.
    pub(super) fn counter(&self, id: NodeId) -> i64 {
        self.counters[id.index()]
    }

    /// How many frames the liar changed.
    pub(super) const fn lies(&self) -> usize {
        self.lies
    }

    /// Has the client ask for one addition, and waits until all replicas have answered.
    pub(super) fn ask(&mut self, amount: i64) -> Result<Answer, Problem> {
        (self.answer, self.done) = (Answer::default(), false);
        let operation = amount.to_le_bytes();
        let command = ClientCommand::Submit { operation: &operation, wall_micros: 0 };
        self.step_client(Input::Command(command));
        let end = self.now + PATIENCE;
        while !self.done || self.answer.said.len() < REPLICAS {
            let Some(((at, _), event)) = self.queue.pop_first() else { break };
            self.now = self.now.max(at);
            if self.now > end {
                return Err(Problem::failed("the replicas do not answer"));
            }
            match event {
                Event::Wake(id) => self.step(id, None),
                Event::Arrival { from, to: Principal::Node(to), payload } => {
                    self.step(to, Some((from, payload)));
                }
                Event::Arrival { from, to: Principal::Client(_), payload } => {
                    self.hear(from, &payload);
                }
            }
        }
        Ok(self.answer.clone())
    }

    fn enqueue(&mut self, at: u64, event: Event) {
        self.queue.insert((at, self.queued), event);
        self.queued += 1;
    }

    fn post(&mut self, from: Principal, to: Principal, payload: Vec<u8>) {
        self.enqueue(self.now + DELAY, Event::Arrival { from, to, payload });
    }

    fn step_client(&mut self, input: Input<ClientCommand<'_>, ClientMessage<'_>>) {
        let from = Principal::Client(CLIENT);
        let mut sent = Vec::new();
        for output in self.client.step(Instant::from_micros(self.now), input) {
            match output {
                Output::Send { message, .. } => {
                    sent.push(seal(self.roster.scope(), from, message));
                }
                Output::Decide(ClientDecision::Done { reply }) => {
                    self.done = true;
                    self.answer.believed = String::from_utf8_lossy(reply).into_owned();
                }
                _ => {}
            }
        }
        for payload in sent {
            for to in all() {
                self.post(from, Principal::Node(to), payload.clone());
            }
        }
    }

    /// A reply arrives at the client.
    fn hear(&mut self, from: Principal, payload: &[u8]) {
        let Ok(message) = wire::decode::<ClientMessage<'_>>(payload) else { return };
        if let (Principal::Node(id), ClientMessage::Reply(reply)) = (from, &message) {
            let text = String::from_utf8_lossy(reply.reply.0).into_owned();
            self.answer.said.insert(id, text);
        }
        if let Ok(verified) = self.roster.verify(&Ed25519, from, message) {
            self.step_client(Input::Message(verified));
        }
    }

    /// A replica's deadline is there, or a frame.
    fn step(&mut self, id: NodeId, arrived: Option<(Principal, Vec<u8>)>) {
        let now = Instant::from_micros(self.now);
        let scope = *self.roster.scope();
        let replica = &mut self.replicas[id.index()];
        let input = match &arrived {
            None => Some(Input::Wake),
            Some((from, payload)) => wire::decode(payload).ok().and_then(|mut message| {
                let verify = replica.admit(now, *from, &mut message) == Admission::Verify;
                let verified = self.roster.verify(&Ed25519, *from, message);
                verified.ok().filter(|_| verify).map(Input::Message)
            }),
        };
        let Some(input) = input else { return };
        let (mut sent, mut executed) = (Vec::new(), Vec::new());
        let from = Principal::Node(id);
        for output in replica.step(now, input) {
            match output {
                Output::Persist(never) => match never {},
                Output::Send { to, message } => sent.push((to, seal(&scope, from, message))),
                Output::Decide(Decision::Execute(execution)) => {
                    for request in execution.requests() {
                        let amount = request.operation.0.first_chunk().copied();
                        self.counters[id.index()] += i64::from_le_bytes(amount.unwrap_or_default());
                        let reply = self.counters[id.index()].to_string();
                        executed.push((execution.slot(), request.client, reply));
                    }
                }
                // Nobody crashes here, so nobody rejoins.
                Output::Decide(_) | Output::Accuse { .. } | Output::Refuse(_) => {}
            }
        }
        for (slot, client, reply) in executed {
            let command = Command::Executed { slot, client, reply: reply.as_bytes() };
            for output in replica.step(now, Input::Command(command)) {
                if let Output::Send { to, message } = output {
                    sent.push((to, seal(&scope, from, message)));
                }
            }
        }
        if let (None, Some(due)) = (&arrived, replica.deadline()) {
            self.enqueue(due.as_micros().max(self.now), Event::Wake(id));
        }
        for (to, payload) in sent {
            self.send(id, to, payload);
        }
    }

    fn send(&mut self, from: NodeId, to: Target, mut payload: Vec<u8>) {
        if from == LIAR
            && let Some(lie) = lie(&payload)
        {
            payload = lie;
            self.lies += 1;
        }
        if let Target::Client(client) = to {
            return self.post(Principal::Node(from), Principal::Client(client), payload);
        }
        for peer in all().filter(|peer| *peer != from && to.includes(*peer)) {
            self.post(Principal::Node(from), Principal::Node(peer), payload.clone());
        }
    }
}

/// What the liar sends in place of this: a reply that is nonsense, and frames that say of every
/// proposal that it was empty. `None`: there is nothing to lie about.
fn lie(payload: &[u8]) -> Option<Vec<u8>> {
    let nothing = [Some(Proposal::<PROPOSAL>::NULL)];
    let encoded = |message: Message<'_, Oral>| {
        let mut buffer = vec![0; wire::encoded_len(&message)];
        wire::encode(&message, &mut buffer).ok().map(<[u8]>::to_vec)
    };
    match wire::decode::<Message<'_, Oral>>(payload).ok()? {
        Message::Reply(reply) => {
            let reply = Reply { reply: Bytes(b"1000000"), ..reply };
            encoded(Message::Reply(reply))
        }
        Message::Slot(frame) => {
            let mut parts = Vec::new();
            for (_, part) in frame.parts().flatten() {
                let om::Message::Wave { instance, round, .. } = part else { continue };
                let orders = om::Wave::from_orders(&nothing);
                let part = om::Message::Wave { instance, round, orders };
                let mut buffer = vec![0; wire::encoded_len(&part)];
                parts.extend_from_slice(wire::encode(&part, &mut buffer).ok()?);
            }
            let changed = Message::Slot(vector::Message::from_parts(frame.number, &parts));
            encoded(changed).filter(|changed| changed != payload)
        }
        _ => None,
    }
}
