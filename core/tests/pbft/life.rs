//! One replica whose every input and output is written down, so that it can live again from any
//! point of its log.

use crate::bench::*;
use crate::forgery::*;
use crate::pages::{Draft, Staged, state_digest};
use quorate::auth::{Statement, Tag};
use quorate::pbft::*;
use quorate::{
    Digest, Input, Instant, Output, Principal, Protocol, PublicKey, Roster, Target, wire,
};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

/// What a replica did, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It had a record written.
    Wrote(Vec<u8>),
    /// It sent a message.
    Sent(Vec<u8>, Target),
    /// It had a checkpoint captured: sequence, client table, state.
    Captured(u64, Vec<u8>, Digest),
}

/// What happened to a replica: time, and a message unless only time passed.
pub type Happening = (u64, Option<Letter>);

/// A replica of four with its host.
pub struct Life {
    pub id: usize,
    pub replica: Box<Replica<Memory<4>>>,
    pub events: Vec<Event>,
    pub state: Digest,
    pub roster: Roster<Vec<PublicKey>>,
    /// How many events there were after each happening.
    pub marks: Vec<usize>,
    /// The last piece of a state that came, and what is kept of those before.
    piece: Vec<u8>,
    draft: Draft,
    staged: Staged,
    captured: BTreeMap<u64, (Vec<u8>, Digest)>,
}

impl Life {
    pub fn new(id: usize) -> Self {
        let replica = Replica::new(Bench::<4>::config(id), Memory::<4>::new()).unwrap();
        Self::of(id, replica, Digest::ZERO)
    }

    fn of(id: usize, replica: Replica<Memory<4>>, state: Digest) -> Self {
        let roster = Bench::<4>::new().roster;
        let (events, marks, piece) = (Vec::new(), Vec::new(), Vec::new());
        let (draft, staged, captured) = Default::default();
        let replica = Box::new(replica);
        Self { id, replica, events, state, roster, marks, piece, draft, staged, captured }
    }

    /// Begins again from records, with the newest of the captured checkpoints.
    pub fn again(
        id: usize,
        now: u64,
        records: &[Record<'_>],
        captured: &[Event],
    ) -> Result<Self, RecoverError> {
        let mut kept = BTreeMap::new();
        for event in captured {
            if let Event::Captured(at, table, state) = event {
                kept.insert(*at, (table.clone(), *state));
            }
        }
        let newest = kept.iter().next_back();
        let snapshot = newest.map(|(at, (clients, state))| Snapshot {
            sequence: Sequence(*at),
            clients,
            state: state_digest(state),
        });
        let (config, now) = (Bench::<4>::config(id), Instant::from_micros(now));
        let memory = Memory::<4>::new();
        let replica = Replica::recover(config, memory, now, snapshot, records.iter().copied())?;
        let state = newest.map_or(Digest::ZERO, |(_, (_, state))| *state);
        Ok(Self { captured: kept, ..Self::of(id, replica, state) })
    }

    /// Lets something happen to it, through the wall.
    pub fn meet(&mut self, happening: &Happening) {
        self.face(happening);
        self.marks.push(self.events.len());
    }

    fn face(&mut self, happening: &Happening) {
        let now = Instant::from_micros(happening.0);
        let mut commands = VecDeque::new();
        let letter = match &happening.1 {
            None => {
                self.step(now, Input::Wake, &mut commands);
                None
            }
            Some(letter) => Some(letter),
        };
        if let Some(letter) = letter {
            let decoded = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
            if self.replica.admit(now, letter.from, &decoded) != Admission::Verify {
                return;
            }
            let roster = self.roster.clone();
            let Ok(verified) = roster.verify(&TestVerifier, letter.from, decoded) else { return };
            if let Message::State { bytes, .. } = verified.message() {
                self.piece = bytes.0.to_vec();
            }
            self.step(now, Input::Message(verified), &mut commands);
        }
        while let Some(command) = commands.pop_front() {
            let pieces = match &command {
                Answer::Seek(_, room) => {
                    self.draft.seek(&self.staged, &held(&self.captured), *room)
                }
                _ => Vec::new(),
            };
            let input = match &command {
                Answer::Executed(client, reply) => Command::Executed { client: *client, reply },
                Answer::Captured(sequence, state) => {
                    Command::Captured { sequence: *sequence, state: *state }
                }
                Answer::Seek(sequence, _) => Command::Seek { sequence: *sequence, pieces: &pieces },
                Answer::Installed(sequence, clients) => {
                    Command::Installed { sequence: *sequence, clients }
                }
            };
            self.step(now, Input::Command(input), &mut commands);
        }
    }

    fn step(
        &mut self,
        now: Instant,
        input: Input<Command<'_>, Message<'_>>,
        answers: &mut VecDeque<Answer>,
    ) {
        let me = replica(self.id);
        let mut buffer = vec![0; 1 << 14];
        for output in self.replica.step(now, input) {
            match output {
                Output::Persist(record) => {
                    let bytes = wire::encode(&record, &mut buffer).unwrap().to_vec();
                    self.events.push(Event::Wrote(bytes));
                }
                Output::Send { to, message } => {
                    let scope = self.roster.scope();
                    let signer = TestSigner(me);
                    let bytes = wire::seal(message, me, scope, &signer, &mut buffer).unwrap();
                    self.events.push(Event::Sent(bytes.to_vec(), to));
                }
                Output::Decide(Decision::Execute(execution)) => {
                    for request in execution.requests() {
                        let next = Statement::unscoped(Tag::Frame).digest(&self.state);
                        self.state = next.bytes(request.operation.0).finish();
                        let reply = self.state.0[..8].to_vec();
                        answers.push_back(Answer::Executed(request.client, reply));
                    }
                }
                Output::Decide(Decision::Checkpoint { sequence, clients }) => {
                    let mut table = vec![0; clients.encoded_len()];
                    clients.encode(&mut table).unwrap();
                    self.captured.insert(sequence.0, (table.clone(), self.state));
                    self.events.push(Event::Captured(sequence.0, table, self.state));
                    answers.push_back(Answer::Captured(sequence, state_digest(&self.state)));
                }
                Output::Decide(Decision::Stage { sequence, place }) => {
                    self.draft.stage(&mut self.staged, sequence.0, place, &self.piece);
                }
                Output::Decide(Decision::Seek { sequence, room }) => {
                    answers.push_back(Answer::Seek(sequence, room));
                }
                Output::Decide(Decision::Install { sequence }) => {
                    let held = held(&self.captured);
                    let (table, state) = self.draft.finish(&self.staged, &held, sequence.0);
                    self.state = state;
                    self.captured.insert(sequence.0, (table.clone(), state));
                    self.events.push(Event::Captured(sequence.0, table.clone(), state));
                    answers.push_back(Answer::Installed(sequence, table));
                }
                _ => {}
            }
        }
    }

    /// The records that it wrote so far.
    pub fn records(&self) -> Vec<Record<'static>> {
        let written = self.events.iter().filter_map(|event| match event {
            Event::Wrote(bytes) => Some(wire::decode(bytes.clone().leak()).unwrap()),
            _ => None,
        });
        written.collect()
    }
}

/// What the host answers.
enum Answer {
    Executed(quorate::ClientId, Vec<u8>),
    Captured(Sequence, Digest),
    Seek(Sequence, usize),
    Installed(Sequence, Vec<u8>),
}

/// A cluster of four, and what happened to each replica of it.
pub struct Chronicle {
    pub bench: Bench<4>,
    pub happenings: RefCell<Vec<Vec<Happening>>>,
    now: Cell<u64>,
}

impl Chronicle {
    pub fn new() -> Self {
        let happenings = RefCell::new(vec![Vec::new(); 4]);
        Self { bench: Bench::new(), happenings, now: Cell::new(0) }
    }

    /// A client asks these replicas.
    pub fn ask(&mut self, to: &[usize], client: u16, timestamp: u64, operation: &[u8]) {
        let request = self.bench.request(client, timestamp, operation);
        let from = Principal::Client(request.client);
        for &id in to {
            let letter = self.bench.letter(from, Target::Node(node(id)), Message::Request(request));
            self.happenings.borrow_mut()[id].push((self.now.get(), Some(letter.clone())));
            self.bench.deliver(id, &letter);
        }
    }

    /// Delivers the mail that passes.
    pub fn run_where(&mut self, passes: impl Fn(usize, usize, &Message<'_>) -> bool) {
        let (happenings, now) = (&self.happenings, &self.now);
        self.bench.run_where(|from, to, message| {
            let passes = passes(from, to, message);
            if passes {
                let mut buffer = vec![0; 1 << 14];
                let bytes = wire::encode(message, &mut buffer).unwrap().to_vec();
                let letter = Letter { from: replica(from), to: Target::Node(node(to)), bytes };
                happenings.borrow_mut()[to].push((now.get(), Some(letter)));
            }
            passes
        });
    }

    /// Lets time pass in steps of 10 ms.
    pub fn pass_where(
        &mut self,
        millis: u64,
        awake: &[usize],
        passes: impl Fn(usize, usize, &Message<'_>) -> bool,
    ) {
        for _ in 0..millis / 10 {
            self.now.set(self.now.get() + 10_000);
            self.bench.now = self.now.get();
            for &id in awake {
                while self.bench.hosts[id].replica.deadline().unwrap().as_micros() <= self.now.get()
                {
                    self.happenings.borrow_mut()[id].push((self.now.get(), None));
                    self.bench.wake(id);
                }
            }
            self.run_where(&passes);
        }
    }
}
