//! A test bench: whole replicas in one process, every message in the test's hands.
//!
//! Messages go through the real wall (seal, decode, admit, verify) with the tests' scheme for
//! signatures. A test delivers what it wants to whom it
//! wants, forges what a traitor could forge, and reads every output.

use crate::pages::{Captured, Draft, Staged, state_digest};
pub use crate::scheme::*;
use quorate::auth::{Scope, Statement, Tag};
use quorate::fault::Evidence;
use quorate::pbft::*;
use quorate::{
    ClientId, Digest, Fault, Input, Instant, NodeId, Output, Principal, Protocol, PublicKey,
    Refusal, Roster, Signature, Signer, Target, Verifier, wire,
};
use std::collections::{BTreeMap, VecDeque};

/// Clients of every bench cluster.
pub const CLIENTS: usize = 4;
/// The window of every bench cluster; checkpoints are taken every 4 sequences.
pub const WINDOW: usize = 8;
/// Bytes of the longest reply: so long that each row of the client table is a page of its own.
pub const REPLY: usize = 500;
pub type Memory<const N: usize> = Fixed<N, WINDOW, 1024, CLIENTS, REPLY>;

pub fn node(id: usize) -> NodeId {
    NodeId(u8::try_from(id).unwrap())
}

/// A message as its author sends it.
fn sealed(me: Principal, to: Target, message: Message<'_>, scope: &Scope) -> Letter {
    let mut buffer = vec![0; 1 << 16];
    let bytes = wire::seal(message, me, scope, &TestSigner(me), &mut buffer).unwrap();
    Letter { from: me, to, bytes: bytes.to_vec() }
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Letter {
    pub from: Principal,
    pub to: Target,
    pub bytes: Vec<u8>,
}

/// What a step leaves its host to do.
enum Task {
    Capture(Sequence, Digest),
    Serve(NodeId, Sequence, Place),
    Seek(Sequence, usize),
    Install(Sequence),
}

/// The captured checkpoints of a host, in pages.
pub fn held(captured: &BTreeMap<u64, (Vec<u8>, Digest)>) -> Vec<Captured> {
    captured.values().map(|(table, state)| Captured::of(table, state)).collect()
}

/// An operation to execute: sequence, client, timestamp, operation.
type Executed = (u64, ClientId, u64, Vec<u8>);

/// A replica with its host: application, disk, and what it did.
pub struct Host<const N: usize> {
    pub replica: Box<Replica<Memory<N>>>,
    /// Executed operations: (sequence, client, timestamp, operation).
    pub history: Vec<(u64, u16, u64, Vec<u8>)>,
    /// Application state: a running digest of the history.
    pub state: Digest,
    pub records: Vec<Vec<u8>>,
    pub captured: BTreeMap<u64, (Vec<u8>, Digest)>,
    /// What is being fetched, and the pages of it that have come.
    pub draft: Draft,
    pub staged: Staged,
    pub accusations: Vec<(usize, Fault)>,
    pub refusals: Vec<Refusal>,
    pub installs: Vec<u64>,
    /// Evidence of contradictions, encoded.
    pub proofs: Vec<Vec<u8>>,
    /// Whether captured checkpoints are answered.
    pub captures: bool,
}

/// A cluster of `N` replicas.
pub struct Bench<const N: usize> {
    pub hosts: Vec<Host<N>>,
    pub roster: Roster<Vec<PublicKey>>,
    pub now: u64,
    pub mail: VecDeque<Letter>,
    /// Replies that clients received: (replica, client, timestamp, outcome, reply).
    pub replies: Vec<(usize, u16, u64, Outcome, Vec<u8>)>,
    /// Every message sent, for tests that count.
    pub sent: Vec<Letter>,
    /// Answers to reads that clients received: (replica, the answer's message, encoded).
    pub answers: Vec<(usize, Vec<u8>)>,
    switches: Switches,
}

pub fn scope() -> Scope {
    Scope { cluster: Digest::of(b"bench"), epoch: 0, profile: TestVerifier::PROFILE }
}

impl<const N: usize> Bench<N> {
    pub fn new() -> Self {
        let nodes = (0..N).map(|id| key(Principal::Node(node(id)))).collect();
        let clients = (0..CLIENTS as u16).map(|id| key(Principal::Client(ClientId(id)))).collect();
        let cluster = scope().cluster;
        let roster = Roster::new(cluster, 0, nodes, clients, &TestVerifier).unwrap();
        let hosts = (0..N)
            .map(|id| Host {
                replica: Box::new(Replica::new(Self::config(id), Memory::<N>::new()).unwrap()),
                history: Vec::new(),
                state: Digest::ZERO,
                records: Vec::new(),
                captured: BTreeMap::new(),
                draft: Draft::default(),
                staged: Staged::new(),
                accusations: Vec::new(),
                refusals: Vec::new(),
                installs: Vec::new(),
                proofs: Vec::new(),
                captures: true,
            })
            .collect();
        let (mail, replies, sent) = (VecDeque::new(), Vec::new(), Vec::new());
        let (answers, switches) = (Vec::new(), Switches::default());
        Self { hosts, roster, now: 0, mail, replies, sent, answers, switches }
    }

    /// A cluster with fast reads.
    pub fn fast() -> Self {
        let mut bench = Self::new();
        bench.switches.fast_reads = true;
        for (id, host) in bench.hosts.iter_mut().enumerate() {
            let config = Config { switches: bench.switches, ..Self::config(id) };
            *host.replica = Replica::new(config, Memory::<N>::new()).unwrap();
        }
        bench
    }

    pub fn config(id: usize) -> Config {
        Config::new(node(id), scope())
    }

    /// A client's signed request.
    pub fn request<'a>(&self, client: u16, timestamp: u64, operation: &'a [u8]) -> Request<'a> {
        let mut request = Request {
            client: ClientId(client),
            timestamp,
            operation: wire::Bytes(operation),
            signature: Signature::ZERO,
        };
        let who = Principal::Client(ClientId(client));
        request.signature = TestSigner(who).sign(&request.digest(self.roster.scope()));
        request
    }

    /// A client's signed read.
    pub fn read<'a>(&self, client: u16, number: u64, operation: &'a [u8]) -> Read<'a> {
        let operation = wire::Bytes(operation);
        let (client, signature) = (ClientId(client), Signature::ZERO);
        let mut read = Read { client, number, operation, signature };
        let who = Principal::Client(client);
        read.signature = TestSigner(who).sign(&read.digest(self.roster.scope()));
        read
    }

    /// The bytes of a batch of requests.
    pub fn batch(&self, requests: &[Request<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for request in requests {
            bytes.extend(request.client.0.to_le_bytes());
            bytes.extend(request.timestamp.to_le_bytes());
            bytes.extend((request.operation.0.len() as u32).to_le_bytes());
            bytes.extend(request.operation.0);
            bytes.extend(request.signature.to_bytes());
        }
        bytes
    }

    /// A message as its author would send it.
    pub fn letter(&self, from: Principal, to: Target, message: Message<'_>) -> Letter {
        let mut buffer = vec![0; 1 << 16];
        let signer = TestSigner(from);
        let bytes = wire::seal(message, from, self.roster.scope(), &signer, &mut buffer).unwrap();
        Letter { from, to, bytes: bytes.to_vec() }
    }

    /// Gives a replica a message from somebody, through the wall. False if the wall kept it out.
    pub fn give(&mut self, to: usize, from: Principal, message: Message<'_>) -> bool {
        let letter = self.letter(from, Target::Node(node(to)), message);
        self.deliver(to, &letter)
    }

    /// The same from replica `from`.
    pub fn tell(&mut self, to: usize, from: usize, message: Message<'_>) -> bool {
        self.give(to, Principal::Node(node(from)), message)
    }

    /// A client sends its request to a replica.
    pub fn ask(&mut self, to: usize, client: u16, timestamp: u64, operation: &[u8]) {
        let request = self.request(client, timestamp, operation);
        self.give(to, Principal::Client(ClientId(client)), Message::Request(request));
    }

    /// Passes a letter through the wall of a replica. False if it was kept out.
    pub fn deliver(&mut self, to: usize, letter: &Letter) -> bool {
        let Ok(message) = wire::decode::<Message<'_>>(&letter.bytes) else { return false };
        let now = Instant::from_micros(self.now);
        match self.hosts[to].replica.admit(now, letter.from, &message) {
            Admission::Verify => {}
            Admission::Known | Admission::Later { .. } => return false,
            Admission::Refused(fault) => {
                if let Principal::Node(from) = letter.from {
                    self.hosts[to].accusations.push((from.index(), fault));
                }
                return false;
            }
        }
        match self.roster.verify(&TestVerifier, letter.from, message) {
            Ok(verified) => {
                self.step(to, Input::Message(verified));
                true
            }
            Err(fault) => {
                if let Principal::Node(from) = letter.from {
                    self.hosts[to].accusations.push((from.index(), fault));
                }
                false
            }
        }
    }

    /// Steps a replica past the wall's `admit`, as if the message had been admitted earlier.
    pub fn force(&mut self, to: usize, from: usize, message: Message<'_>) {
        let letter = self.letter(Principal::Node(node(from)), Target::Node(node(to)), message);
        let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
        let verified = self.roster.verify(&TestVerifier, letter.from, message).unwrap();
        self.step(to, Input::Message(verified));
    }

    pub fn wake(&mut self, id: usize) {
        self.step(id, Input::Wake);
    }

    /// Steps a replica and plays its host.
    pub fn step(&mut self, id: usize, input: Input<Command<'_>, Message<'_>>) {
        let said = match &input {
            Input::Message(verified) => Some(*verified.message()),
            _ => None,
        };
        let piece = match said {
            Some(Message::State { bytes, .. }) => bytes.0.to_vec(),
            _ => Vec::new(),
        };
        let now = Instant::from_micros(self.now);
        let me = Principal::Node(node(id));
        let mut execute = Vec::new();
        let mut tasks = Vec::new();
        let mut letters = Vec::new();
        let mut reads = Vec::new();
        let host = &mut self.hosts[id];
        for output in host.replica.step(now, input) {
            match output {
                Output::Persist(record) => {
                    let mut buffer = vec![0; 1 << 16];
                    host.records.push(wire::encode(&record, &mut buffer).unwrap().to_vec());
                }
                Output::Send { to, message } => {
                    letters.push(sealed(me, to, message, self.roster.scope()));
                }
                Output::Decide(Decision::Execute(execution)) => {
                    let sequence = execution.sequence().0;
                    execute.extend(execution.requests().map(|request| {
                        let operation = request.operation.0.to_vec();
                        (sequence, request.client, request.timestamp, operation)
                    }));
                }
                Output::Decide(Decision::Checkpoint { sequence, clients }) => {
                    let mut table = vec![0; clients.encoded_len()];
                    clients.encode(&mut table).unwrap();
                    host.captured.insert(sequence.0, (table, host.state));
                    tasks.push(Task::Capture(sequence, state_digest(&host.state)));
                }
                Output::Decide(Decision::ServeState { to, sequence, place }) => {
                    tasks.push(Task::Serve(to, sequence, place));
                }
                Output::Decide(Decision::Stage { sequence, place }) => {
                    host.draft.stage(&mut host.staged, sequence.0, place, &piece);
                }
                Output::Decide(Decision::Seek { sequence, room }) => {
                    tasks.push(Task::Seek(sequence, room));
                }
                Output::Decide(Decision::Install { sequence }) => {
                    tasks.push(Task::Install(sequence));
                }
                Output::Decide(Decision::Contradiction { kept }) => {
                    let evidence = Evidence::between(kept, said.unwrap()).unwrap();
                    let mut buffer = vec![0; 1 << 16];
                    host.proofs.push(wire::encode(&evidence, &mut buffer).unwrap().to_vec());
                }
                Output::Decide(Decision::Read { client, .. }) => reads.push(client),
                Output::Accuse { node, fault } => host.accusations.push((node.index(), fault)),
                Output::Refuse(refusal) => host.refusals.push(refusal),
            }
        }
        self.post(id, letters);
        for client in reads {
            let state = self.hosts[id].state.0;
            let answer = Some(&state[..8]);
            self.step(id, Input::Command(Command::Answered { client, answer }));
        }
        self.carry_out(id, execute, tasks);
    }

    /// Does what a step decided: executes requests, then the rest in order.
    fn carry_out(&mut self, id: usize, execute: Vec<Executed>, tasks: Vec<Task>) {
        for (sequence, client, timestamp, operation) in execute {
            let host = &mut self.hosts[id];
            host.history.push((sequence, client.0, timestamp, operation.clone()));
            let next = Statement::unscoped(Tag::Frame).digest(&host.state).bytes(&operation);
            host.state = next.finish();
            let reply = host.state.0[..8].to_vec();
            self.step(id, Input::Command(Command::Executed { client, reply: &reply }));
        }
        for task in tasks {
            self.perform(id, task);
        }
    }

    fn perform(&mut self, id: usize, task: Task) {
        let host = &mut self.hosts[id];
        match task {
            Task::Capture(sequence, state) if host.captures => {
                self.step(id, Input::Command(Command::Captured { sequence, state }));
            }
            Task::Capture(..) => {}
            Task::Serve(to, sequence, place) => {
                let Some((table, state)) = host.captured.get(&sequence.0) else { return };
                let Some(bytes) = Captured::of(table, state).bytes(place) else { return };
                let message = Message::State { sequence, place, bytes: wire::Bytes(&bytes) };
                let letter = self.letter(Principal::Node(node(id)), Target::Node(to), message);
                self.post(id, vec![letter]);
            }
            Task::Seek(sequence, room) => {
                let pieces = host.draft.seek(&host.staged, &held(&host.captured), room);
                self.step(id, Input::Command(Command::Seek { sequence, pieces: &pieces }));
            }
            Task::Install(sequence) => {
                let held = held(&host.captured);
                let (table, state) = host.draft.finish(&host.staged, &held, sequence.0);
                host.state = state;
                host.captured.retain(|at, _| *at < sequence.0);
                host.captured.insert(sequence.0, (table.clone(), state));
                host.installs.push(sequence.0);
                host.staged.clear();
                let command = Command::Installed { sequence, clients: &table };
                self.step(id, Input::Command(command));
            }
        }
    }

    fn post(&mut self, id: usize, letters: Vec<Letter>) {
        for letter in letters {
            self.sent.push(letter.clone());
            if let Target::Client(client) = letter.to {
                if let Ok(Message::Reply(reply)) = wire::decode::<Message<'_>>(&letter.bytes) {
                    let bytes = reply.reply.0.to_vec();
                    self.replies.push((id, client.0, reply.timestamp, reply.outcome, bytes));
                } else {
                    self.answers.push((id, letter.bytes));
                }
            } else {
                self.mail.push_back(letter);
            }
        }
    }

    /// Delivers all mail, in order, that `passes` says yes to; the rest is lost.
    pub fn run_where(&mut self, passes: impl Fn(usize, usize, &Message<'_>) -> bool) {
        while let Some(letter) = self.mail.pop_front() {
            let Principal::Node(from) = letter.from else { continue };
            let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
            for to in 0..N {
                let meant = to != from.index() && letter.to.includes(node(to));
                if meant && passes(from.index(), to, &message) {
                    self.deliver(to, &letter);
                }
            }
        }
    }

    /// Delivers all mail.
    pub fn run(&mut self) {
        self.run_where(|_, _, _| true);
    }

    /// Lets time pass for some replicas in steps of 10 ms, waking each at its deadline and
    /// delivering what passes.
    pub fn pass_where(
        &mut self,
        millis: u64,
        awake: &[usize],
        passes: impl Fn(usize, usize, &Message<'_>) -> bool,
    ) {
        let end = self.now + millis * 1000;
        while self.now < end {
            self.now += 10_000;
            for &id in awake {
                for _ in 0..64 {
                    let due = self.hosts[id].replica.deadline();
                    if due.is_none_or(|due| due.as_micros() > self.now) {
                        break;
                    }
                    self.wake(id);
                }
            }
            self.run_where(&passes);
        }
    }

    /// Lets time pass for everybody.
    pub fn pass(&mut self, millis: u64) {
        let all: Vec<usize> = (0..N).collect();
        self.pass_where(millis, &all, |_, _, _| true);
    }

    /// Crashes a replica and starts it again from its records and newest captured checkpoint.
    pub fn restart(&mut self, id: usize) {
        let host = &mut self.hosts[id];
        let mut stable = 0;
        let records: Vec<Record<'_>> =
            host.records.iter().map(|bytes| wire::decode(bytes).unwrap()).collect();
        for record in &records {
            if let Record::Stable { sequence, .. } = record {
                stable = sequence.0;
            }
        }
        let snapshot = host.captured.iter().next_back().filter(|(at, _)| **at >= stable);
        let snapshot = snapshot.map(|(at, (table, state))| (*at, table.clone(), *state));
        let lent = snapshot.as_ref().map(|(at, table, state)| Snapshot {
            sequence: Sequence(*at),
            clients: table,
            state: state_digest(state),
        });
        let config = Config { switches: self.switches, ..Self::config(id) };
        let now = Instant::from_micros(self.now);
        let memory = Memory::<N>::new();
        let replica = Replica::recover(config, memory, now, lent, records).unwrap();
        *host.replica = replica;
        host.state = snapshot.as_ref().map_or(Digest::ZERO, |(_, _, state)| *state);
        let executed = snapshot.map_or(0, |(at, _, _)| at);
        host.history.retain(|(sequence, ..)| *sequence <= executed);
    }

    /// The operations that a replica executed, in order.
    pub fn operations(&self, id: usize) -> Vec<Vec<u8>> {
        self.hosts[id].history.iter().map(|(_, _, _, operation)| operation.clone()).collect()
    }

    /// The messages of one kind that were sent since the start.
    pub fn count_sent(&self, kind: impl Fn(&Message<'_>) -> bool) -> usize {
        let receivers = |letter: &Letter| match letter.to {
            Target::All => N - 1,
            _ => 1,
        };
        let of_kind = self.sent.iter().filter(|letter| {
            wire::decode::<Message<'_>>(&letter.bytes).is_ok_and(|message| kind(&message))
        });
        of_kind.map(receivers).sum()
    }

    pub fn view(&self, id: usize) -> (u64, bool) {
        let status = self.hosts[id].replica.status();
        (status.view.0, status.active)
    }
}

/// A digest of nothing in particular.
pub fn digest(name: &[u8]) -> Digest {
    Digest::of(name)
}

/// The picture of a replica without what its peers owe it: what is not accepted changes nothing
/// but its sender's own budget.
pub fn without_budgets(picture: &str) -> String {
    let (before, rest) = picture.split_once("replica_budgets").unwrap();
    let (_, after) = rest.split_once("checkpoints: ").unwrap();
    format!("{before}checkpoints: {after}")
}
