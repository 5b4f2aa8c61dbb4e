//! A test bench: generals with hosts, clients, clocks, and every frame in the test's hands.
//!
//! The application is a log of operations; its reply to one is the length of the log. Frames go
//! through the real wall (seal, decode, admit, verify).

pub use crate::host::*;
pub use crate::scheme::*;
use quorate::auth::{Scope, Signed};
use quorate::lockstep::*;
use quorate::rounds::{self, Instance, Schedule};
use quorate::service::{ClientDecision, ClientRow, Request};
use quorate::vector::{Broadcast, Instances};
use quorate::wire::Bytes;
use quorate::{
    ClientId, Digest, Fault, Input, Instant, NodeId, Output, Principal, Protocol, PublicKey,
    Roster, Signature, Target, Verifier, om, sm, wire,
};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

/// Bytes of a proposal.
pub const B: usize = 400;
pub const CLIENTS: usize = 4;
/// Bytes of a client's longest request, and of its longest reply.
pub const REQUEST: usize = 110;
pub const REPLY: usize = 8;

pub const FIRST: u64 = 1_000_000;
pub const ROUND: u64 = 100_000;
pub const MARGIN: u64 = 10_000;
pub const DELAY: u64 = 30_000;
pub const MS: u64 = 1_000;

pub type Oral = om::Orders<Proposal<B>, Vec<om::Entry<Proposal<B>>>>;
pub type Scrolls = sm::Chains<Proposal<B>, Vec<sm::Row>>;

/// A protocol that the slots of a bench can run.
pub trait Slots: Broadcast<Value = Proposal<B>> + Clone + std::fmt::Debug {
    fn make(config: rounds::Config) -> Self;
}

impl Slots for Oral {
    fn make(config: rounds::Config) -> Self {
        let memory = vec![om::Entry::EMPTY; om::slots(config.nodes, config.traitors)];
        om::Orders::new(config, memory).unwrap()
    }
}

impl Slots for Scrolls {
    fn make(config: rounds::Config) -> Self {
        let memory = vec![[0; 65]; sm::slots(config.nodes, config.traitors)];
        sm::Chains::new(config, memory).unwrap()
    }
}

type Room<P> =
    Memory<(P, Vec<P>), Vec<Lane<P, Vec<P>>>, Vec<ClientRow>, Vec<Desk>, Vec<u8>, Vec<Peer>>;
pub type Authorities = Clients<Vec<PublicKey>, TestVerifier>;
pub type Member<P> = General<Room<P>, Authorities, B>;

#[derive(Clone, Copy)]
pub struct Shape {
    pub nodes: usize,
    pub traitors: usize,
    /// Rounds between the beginnings of two slots.
    pub rounds: u64,
    /// More lanes than are needed.
    pub spare: usize,
}

impl Shape {
    pub const ORAL: Self = Self { nodes: 4, traitors: 1, rounds: 1, spare: 4 };
    pub const SIGNED: Self = Self { nodes: 3, traitors: 1, rounds: 1, spare: 4 };

    pub fn config(&self, me: usize) -> Config {
        Config {
            me: NodeId(me as u8),
            nodes: self.nodes,
            traitors: self.traitors,
            first: Instant::from_micros(FIRST),
            interval: Duration::from_micros(ROUND * self.rounds),
            round: Duration::from_micros(ROUND),
            margin: Duration::from_micros(MARGIN),
        }
    }
}

pub fn scope() -> Scope {
    Scope { cluster: Digest::of(b"lockstep"), epoch: 1, profile: TestVerifier::PROFILE }
}

pub fn node(id: usize) -> Principal {
    Principal::Node(NodeId(id as u8))
}

pub fn client(id: usize) -> Principal {
    Principal::Client(ClientId(id as u16))
}

pub fn roster(nodes: usize) -> Roster<Vec<PublicKey>> {
    let nodes = (0..nodes).map(|id| key(node(id))).collect();
    let clients = (0..CLIENTS).map(|id| key(client(id))).collect();
    Roster::new(scope().cluster, scope().epoch, nodes, clients, &TestVerifier).unwrap()
}

pub fn room<P: Slots>(shape: Shape, me: usize) -> Room<P> {
    let rounds = shape.traitors as u8 + 1;
    let lanes = shape.config(me).lanes(rounds) + shape.spare;
    let instance = |commander: usize| {
        let instance = Instance { number: 0, commander: NodeId(commander as u8) };
        let Shape { nodes, traitors, .. } = shape;
        P::make(rounds::Config { me: NodeId(me as u8), nodes, traitors, instance })
    };
    let schedule = Schedule::new(Instant::ZERO, Duration::from_secs(1), Duration::ZERO).unwrap();
    let lane = |_| {
        let instances = Instances::new((0..shape.nodes).map(instance).collect()).unwrap();
        Lane::with_rules(instances, schedule)
    };
    Memory {
        lanes: (0..lanes).map(lane).collect(),
        rows: vec![ClientRow::default(); CLIENTS],
        desks: vec![Desk::default(); CLIENTS],
        requests: vec![0; CLIENTS * REQUEST],
        replies: vec![0; CLIENTS * REPLY],
        peers: vec![Peer::default(); shape.nodes],
        protocol: PhantomData,
    }
}

pub fn member<P: Slots>(shape: Shape, me: usize) -> Member<P> {
    let authority = Clients { roster: roster(shape.nodes), verifier: TestVerifier };
    General::new(shape.config(me), room(shape, me), authority).unwrap()
}

pub fn seal<M: Signed + serde::Serialize>(from: Principal, message: M) -> Vec<u8> {
    let mut buffer = vec![0; wire::encoded_len(&message)];
    wire::seal(message, from, &scope(), &TestSigner(from), &mut buffer).unwrap().to_vec()
}

/// What a general says.
pub fn said<P: Slots>(from: usize, message: Message<'_, P>) -> Vec<u8>
where
    for<'a> P::Message<'a>: Signed,
{
    seal(node(from), message)
}

/// A request as its client signs it.
pub fn request(of: usize, timestamp: u64, operation: &[u8]) -> Vec<u8> {
    let request = Request {
        client: ClientId(of as u16),
        timestamp,
        operation: Bytes(operation),
        signature: Signature::ZERO,
    };
    seal(client(of), ClientMessage::Request(request))
}

enum Event {
    Wake(usize),
    WakeClient(usize),
    Arrival {
        from: Principal,
        to: Principal,
        payload: Vec<u8>,
    },
    /// A host is done with what it was given.
    Answers(usize, Vec<Answer>),
}

type Tamper = Box<dyn FnMut(usize, usize, Vec<u8>) -> Vec<(u64, Vec<u8>)>>;

pub struct Bench<P: Slots> {
    pub shape: Shape,
    pub hosts: Vec<Host<P>>,
    pub clients: Vec<Desktop>,
    pub now: u64,
    pub accusations: Vec<(usize, NodeId, Fault)>,
    /// The replies that the generals have sent: general, client, timestamp, reply.
    pub replied: Vec<(usize, u16, u64, Vec<u8>)>,
    /// Microseconds that a frame is under way.
    pub delay: u64,
    /// The questions for a state that were asked: by whom, and after which slot.
    pub rejoins: Vec<(usize, u64)>,
    /// Microseconds that each host takes to execute a slot.
    pub slow: Vec<u64>,
    pub traitors: Vec<usize>,
    /// What leaves a traitor for a peer, instead of the frame that it would send loyally.
    pub tamper: Option<Tamper>,
    /// Nodes that are frozen until a time: nothing reaches them, they do nothing.
    pub frozen: Vec<u64>,
    roster: Roster<Vec<PublicKey>>,
    queue: BTreeMap<(u64, usize), Event>,
    queued: usize,
}

impl<P: Slots> Bench<P>
where
    for<'a> P::Message<'a>: Signed,
{
    pub fn new(shape: Shape) -> Self {
        let host = |me| Host {
            general: Some(member(shape, me)),
            log: Vec::new(),
            captured: None,
            refusals: Vec::new(),
            installed: Vec::new(),
        };
        let desktop = |id: usize| {
            let config = ClientConfig {
                me: ClientId(id as u16),
                traitors: shape.traitors,
                retry: Duration::from_secs(2),
                give_up: Duration::from_secs(30),
            };
            let client = Client::new(config, vec![0; 64], vec![0; REPLY]);
            Desktop { client, replies: Vec::new(), failures: 0 }
        };
        let mut bench = Self {
            shape,
            hosts: (0..shape.nodes).map(host).collect(),
            clients: (0..CLIENTS).map(desktop).collect(),
            now: 0,
            accusations: Vec::new(),
            replied: Vec::new(),
            delay: DELAY,
            rejoins: Vec::new(),
            slow: vec![0; shape.nodes],
            traitors: Vec::new(),
            tamper: None,
            frozen: vec![0; shape.nodes],
            roster: roster(shape.nodes),
            queue: BTreeMap::new(),
            queued: 0,
        };
        for id in 0..shape.nodes {
            bench.enqueue(0, Event::Wake(id));
        }
        bench
    }

    fn enqueue(&mut self, at: u64, event: Event) {
        self.queue.insert((at, self.queued), event);
        self.queued += 1;
    }

    pub fn post(&mut self, from: Principal, to: Principal, delay: u64, payload: Vec<u8>) {
        self.enqueue(self.now + delay, Event::Arrival { from, to, payload });
    }

    /// When a slot begins.
    pub fn begin(&self, slot: u64) -> u64 {
        FIRST + ROUND * self.shape.rounds * slot
    }

    pub fn submit(&mut self, id: usize, operation: &[u8]) {
        let command = quorate::service::ClientCommand::Submit { operation, wall_micros: 0 };
        self.step_client(id, Input::Command(command));
    }

    pub fn run_until(&mut self, end: u64) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now = self.now.max(at);
            match event {
                Event::Wake(id) if self.frozen[id] > at => {
                    self.enqueue(self.frozen[id], Event::Wake(id));
                }
                Event::Wake(id) => self.step_node(id, None),
                Event::WakeClient(id) => self.step_client(id, Input::Wake),
                Event::Answers(id, answers) => {
                    if let Some(general) = self.hosts[id].general.take() {
                        self.answer(id, general, answers, false);
                    }
                }
                Event::Arrival { from, to: Principal::Node(to), payload } => {
                    let to = to.index();
                    if self.frozen[to] > at {
                        self.enqueue(
                            self.frozen[to],
                            Event::Arrival { from, to: node(to), payload },
                        );
                    } else {
                        self.step_node(to, Some((from, payload)));
                    }
                }
                Event::Arrival { from, to: Principal::Client(to), payload } => {
                    let message: ClientMessage<'_> = wire::decode(&payload).unwrap();
                    if let Ok(message) = self.roster.verify(&TestVerifier, from, message) {
                        self.step_client(to.index(), Input::Message(message));
                    }
                }
            }
        }
        self.now = end;
    }

    fn step_client(
        &mut self,
        id: usize,
        input: Input<quorate::service::ClientCommand<'_>, ClientMessage<'_>>,
    ) {
        let now = Instant::from_micros(self.now);
        let mut sent = Vec::new();
        let desktop = &mut self.clients[id];
        for output in desktop.client.step(now, input) {
            match output {
                Output::Send { message, .. } => sent.push(seal(client(id), message)),
                Output::Decide(ClientDecision::Done { reply }) => {
                    desktop.replies.push((self.now, reply.to_vec()));
                }
                Output::Decide(ClientDecision::Failed(_)) => desktop.failures += 1,
                _ => {}
            }
        }
        let due = desktop.client.deadline();
        for payload in sent {
            for to in 0..self.shape.nodes {
                self.post(client(id), node(to), self.delay, payload.clone());
            }
        }
        if let Some(due) = due {
            self.enqueue(due.as_micros().max(self.now + 1), Event::WakeClient(id));
        }
    }

    /// Steps a general, and carries out all that comes of it.
    fn step_node(&mut self, id: usize, arrived: Option<(Principal, Vec<u8>)>) {
        let Some(mut general) = self.hosts[id].general.take() else { return };
        let now = Instant::from_micros(self.now);
        let mut answers: Vec<Answer> = Vec::new();
        match &arrived {
            None => {
                let outputs = general.step(now, Input::Wake);
                self.perform(id, outputs, None, &mut answers);
            }
            Some((from, payload)) => match wall(&mut general, now, &self.roster, *from, payload) {
                Ok(Some(input)) => {
                    let outputs = general.step(now, input);
                    self.perform(id, outputs, Some(payload), &mut answers);
                }
                Ok(None) => {}
                Err(fault) => {
                    if let Principal::Node(node) = from {
                        self.accusations.push((id, *node, fault));
                    }
                }
            },
        }
        let woken = arrived.is_none();
        if self.slow[id] > 0 && !answers.is_empty() {
            // One after the other, the last of them when all of that time is over.
            let (all, took) = (answers.len() as u64, self.slow[id]);
            for (done, answer) in (1..).zip(answers) {
                let at = self.now + took * done / all;
                self.enqueue(at, Event::Answers(id, vec![answer]));
            }
            answers = Vec::new();
        }
        self.answer(id, general, answers, woken);
    }

    /// Hands the answers of its host to a general, and sets its alarm.
    fn answer(&mut self, id: usize, mut general: Member<P>, mut answers: Vec<Answer>, woken: bool) {
        let now = Instant::from_micros(self.now);
        while !answers.is_empty() {
            let answer = answers.remove(0);
            let command = match &answer {
                Answer::Executed(slot, client, reply) => {
                    Command::Executed { slot: *slot, client: *client, reply }
                }
                Answer::Captured(slot, state) => Command::Captured { slot: *slot, state: *state },
            };
            let outputs = general.step(now, Input::Command(command));
            self.perform(id, outputs, None, &mut answers);
        }
        // One alarm is always set; one more if there is something to do at once.
        if let Some(due) = general.deadline()
            && (woken || due <= now)
        {
            self.enqueue(due.as_micros().max(self.now), Event::Wake(id));
        }
        self.hosts[id].general = Some(general);
    }

    fn perform(
        &mut self,
        id: usize,
        outputs: Outputs<'_, P, Vec<P>>,
        input: Option<&Vec<u8>>,
        answers: &mut Vec<Answer>,
    ) {
        for output in outputs {
            match output {
                Output::Persist(never) => match never {},
                Output::Send { to, message } => {
                    if let Message::Rejoin { after } = message {
                        self.rejoins.push((id, after));
                    }
                    self.send(id, to, seal(node(id), message));
                }
                Output::Accuse { node, fault } => self.accusations.push((id, node, fault)),
                Output::Refuse(refusal) => self.hosts[id].refusals.push(refusal),
                Output::Decide(decision) => self.decide(id, decision, input, answers),
            }
        }
    }

    fn decide(
        &mut self,
        id: usize,
        decision: Decision<'_, P>,
        input: Option<&Vec<u8>>,
        answers: &mut Vec<Answer>,
    ) {
        let host = &mut self.hosts[id];
        match decision {
            Decision::Execute(execution) => {
                for request in execution.requests() {
                    let operation = request.operation.0.to_vec();
                    let client = request.client;
                    host.log.push((execution.slot(), client.0, request.timestamp, operation));
                    let reply = (host.log.len() as u64).to_le_bytes().to_vec();
                    answers.push(Answer::Executed(execution.slot(), client, reply));
                }
            }
            Decision::Capture { slot, clients } => {
                let mut table = vec![0; clients.encoded_len()];
                clients.encode(&mut table).unwrap();
                let state = encode(&host.log);
                answers.push(Answer::Captured(slot, Digest::of(&state)));
                host.captured = Some((slot, table, state));
            }
            Decision::ServeState { to, slot } => {
                let (captured, clients, state) = host.captured.clone().unwrap();
                assert_eq!(captured, slot);
                let (clients, state) = (Bytes(&clients), Bytes(&state));
                let payload = said::<P>(id, Message::State { slot, clients, state });
                self.send(id, Target::Node(to), payload);
            }
            Decision::Install { slot } => {
                let message: Message<'_, P> = wire::decode(input.unwrap()).unwrap();
                let Message::State { state, .. } = message else { panic!("not a state") };
                host.log = decode(state.0);
                host.installed.push(slot);
            }
        }
    }

    fn send(&mut self, from: usize, to: Target, payload: Vec<u8>) {
        if let Target::Client(to) = to {
            let reply: ClientMessage<'_> = wire::decode(&payload).unwrap();
            let ClientMessage::Reply(reply) = reply else { panic!("{reply:?}") };
            let (client, bytes) = (reply.client.0, reply.reply.0.to_vec());
            self.replied.push((from, client, reply.timestamp, bytes));
            return self.post(node(from), Principal::Client(to), self.delay, payload);
        }
        for peer in (0..self.shape.nodes).filter(|peer| *peer != from) {
            if !to.includes(NodeId(peer as u8)) {
                continue;
            }
            match (&mut self.tamper, self.traitors.contains(&from)) {
                (Some(tamper), true) => {
                    for (delay, payload) in tamper(from, peer, payload.clone()) {
                        self.post(node(from), node(peer), delay, payload);
                    }
                }
                _ => self.post(node(from), node(peer), self.delay, payload.clone()),
            }
        }
    }

    pub fn operations(&self, id: usize) -> Vec<&[u8]> {
        self.hosts[id].log.iter().map(|(.., operation)| operation.as_slice()).collect()
    }
}
