//! A replica and everything around it, with every occasion in the fuzzer's hand: when a write is
//! durable, when the application answers, when the power fails.

use super::application::Application;
use super::ground::Ground;
use super::phrases::{Payload, Phrases};
use super::witness::Witness;
use crate::disk::{Capture, Disk, Held, Write};
use crate::pbft::owed::Owed;
use crate::pbft::pages::{Draft, Holdings, Image};
use crate::pbft::record::{decode, encode};
use quorate::pbft::{
    Config, Decision, Execution, Message, Part, Place, Record, RecoverError, Replica, Roots,
    Sequence, Snapshot, View, merkle,
};
use quorate::protocol::{Admission, Input, InputOf, Output, OutputOf, Protocol, Target};
use quorate::wire::{self, Bytes};
use quorate::{Digest, Fault, Instant, NodeId, Principal, Refusal};
use std::collections::VecDeque;
use std::rc::Rc;

/// The machine that is fuzzed.
pub(super) type Machine = Replica<Ground>;

/// What a replica has beside its machine.
#[derive(Debug)]
pub(super) struct House<A> {
    pub(super) me: NodeId,
    pub(super) application: A,
    /// The application as a replica would have it that restored the last capture. It executes
    /// what follows as well, so that nothing that a snapshot forgets stays unseen.
    other: Option<A>,
    pub(super) disk: Disk,
    pub(super) owed: VecDeque<Owed>,
    /// What left, and to whom.
    pub(super) said: Vec<(Target, Payload)>,
    /// Whom the machine, or the wall before it, blamed since the last look.
    pub(super) accused: Vec<(Principal, Fault)>,
    pub(super) refused: Vec<Refusal>,
    /// The states that were installed: sequence, and digest of the checkpoint.
    pub(super) installed: Vec<(u64, Digest)>,
    draft: Draft,
    installing: Option<(u64, Digest)>,
    outbox: Held<(Target, Payload)>,
    scratch: Vec<u8>,
}

/// A replica, up or down.
pub(super) struct Host<A, F> {
    pub(super) machine: Option<Machine>,
    pub(super) house: House<A>,
    pub(super) config: Config,
    blank: F,
    lives: u64,
    /// Whether its disk was lost and it has not begun again.
    lost: bool,
}

/// How far a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It was kept out: it is malformed, refused, forged, or of no use.
    Kept,
    /// It was stepped.
    Stepped,
}

impl<A: Application, F: Fn() -> A> Host<A, F> {
    pub(super) fn new(config: Config, blank: F) -> Self {
        let house = House {
            me: config.me,
            application: blank(),
            other: None,
            disk: Disk::default(),
            owed: VecDeque::new(),
            said: Vec::new(),
            accused: Vec::new(),
            refused: Vec::new(),
            installed: Vec::new(),
            draft: Draft::default(),
            installing: None,
            outbox: Held::default(),
            scratch: vec![0; 1 << 14],
        };
        let machine = Replica::new(config, Ground::new()).expect("the sizes work");
        Self { machine: Some(machine), house, config, blank, lives: 0, lost: false }
    }

    /// Brings a message to the wall, and through it if it passes.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        from: Principal,
        payload: &[u8],
        phrases: &Phrases,
        witness: &mut Witness,
    ) -> Passage {
        let Some(machine) = &mut self.machine else { return Passage::Kept };
        let Ok(message) = wire::decode::<Message<'_>>(payload) else {
            self.house.accused.push((from, Fault::Malformed));
            return Passage::Kept;
        };
        match machine.admit(now, from, &message) {
            Admission::Verify => {}
            Admission::Known | Admission::Later { .. } => return Passage::Kept,
            Admission::Refused(fault) => {
                self.house.accused.push((from, fault));
                return Passage::Kept;
            }
        }
        match phrases.roster.verify(&phrases.scheme, from, message) {
            Err(fault) => {
                self.house.accused.push((from, fault));
                Passage::Kept
            }
            Ok(verified) => {
                self.step(now, Input::Message(verified), phrases, witness);
                Passage::Stepped
            }
        }
    }

    /// Steps the machine and carries out what comes of it.
    pub(super) fn step(
        &mut self,
        now: Instant,
        input: InputOf<'_, Machine>,
        phrases: &Phrases,
        witness: &mut Witness,
    ) {
        let Some(machine) = &mut self.machine else { return };
        let said = match &input {
            Input::Message(verified) => Some(*verified.message()),
            _ => None,
        };
        let most = machine_outputs();
        let mut performed = 0;
        for output in machine.step(now, input) {
            performed += 1;
            assert!(performed <= most, "a step has more than {most} outputs");
            self.house.perform(output, said, phrases, witness, &self.blank);
        }
        let diverged = machine.is_diverged();
        witness.diverges(self.house.me, diverged);
    }

    /// Tells the machine the next thing that it is owed. Returns whether there was one.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        phrases: &Phrases,
        witness: &mut Witness,
    ) -> bool {
        let Some(owed) = self.house.owed.pop_front() else { return false };
        let pieces = owed.room().map(|(at, room)| self.house.seek(at, room)).unwrap_or_default();
        let command = owed.command(&pieces);
        self.step(now, Input::Command(command), phrases, witness);
        true
    }

    /// Wakes the machine if it is time.
    pub(super) fn wake(&mut self, now: Instant, phrases: &Phrases, witness: &mut Witness) {
        for _ in 0..64 {
            let due = self.machine.as_ref().and_then(Protocol::deadline);
            if due.is_none_or(|due| due > now) {
                return;
            }
            self.step(now, Input::Wake, phrases, witness);
        }
        let machine = &self.machine;
        panic!("r{} is woken for ever at one instant: {machine:?}", self.config.me.0);
    }

    /// So many more writes are durable; what waited for them leaves.
    pub(super) fn settle(&mut self, writes: u64, witness: &mut Witness) {
        let House { me, disk, .. } = &mut self.house;
        let upto = disk.durable().saturating_add(writes).min(disk.written());
        disk.settle(upto, |write| {
            if let Write::Record(bytes) = write {
                witness.durable(*me, &decode(bytes));
            }
        });
        self.house.release(witness);
    }

    /// The power fails: so many of the writes that are under way survive, and of the next one
    /// some bytes.
    pub(super) fn crash(&mut self, survive: u64, torn: usize, witness: &mut Witness) {
        if self.machine.take().is_none() {
            return;
        }
        let House { me, disk, .. } = &mut self.house;
        let survive = survive.min(disk.written() - disk.durable());
        disk.cut(survive, torn, |write| {
            if let Write::Record(bytes) = write {
                witness.durable(*me, &decode(bytes));
            }
        });
        self.house.outbox.clear();
        self.house.owed.clear();
        self.lives += 1;
    }

    /// The power is back: what is on the disk is all that there is.
    pub(super) fn restart(&mut self, now: Instant, phrases: &Phrases, witness: &mut Witness) {
        if self.machine.is_some() {
            return;
        }
        let me = self.config.me;
        let written = self.house.disk.read().expect("a log that nobody damaged");
        let records: Vec<Record<'_>> = written.iter().map(|record| decode(record)).collect();
        let stable = last_stable(&records);
        let newest = self.house.disk.captures().range(stable..).next_back();
        let newest = newest.map(|(sequence, capture)| (*sequence, Rc::clone(capture)));
        (self.house.application, self.house.other) = ((self.blank)(), None);
        self.house.draft = Draft::default();
        if let Some((_, capture)) = &newest {
            self.house.application.restore(&capture.state);
        }
        let recovered = if self.lost {
            // That the disk was lost is durable before anything is said.
            let record = Record::Recovering { nonce: self.lives, lost: true, signed: View(0) };
            self.house.disk.write(Write::Record(encode(&record)));
            self.house.disk.settle(self.house.disk.written(), |_| {});
            Replica::amnesiac(self.config, Ground::new(), self.lives).map_err(RecoverError::Config)
        } else {
            recover(self.config, now, newest.as_ref(), records)
        };
        let machine = recovered.unwrap_or_else(|error| {
            panic!("r{} does not recover from its own disk: {error}", me.0);
        });
        self.machine = Some(machine);
        self.lost = false;
        let snapshot = self.house.application.snapshot();
        witness.resumed(me, newest.map_or(0, |(at, _)| at), Digest::of(&snapshot));
        self.step(now, Input::Wake, phrases, witness);
    }

    /// Writes a fresh log in place of the old one, from which the same machine must come.
    pub(super) fn compact(&mut self) {
        let Some(machine) = &self.machine else { return };
        let records = machine.records().map(|record| encode(&record)).collect();
        self.house.disk.write(Write::Rewrite(records));
    }

    /// Begins a life without a disk.
    pub(super) fn lose(&mut self, witness: &mut Witness) {
        self.crash(0, 0, witness);
        self.house.disk.wipe();
        self.lost = true;
        witness.wiped(self.config.me);
    }
}

/// A machine from its records and newest captured checkpoint.
pub(super) fn recover(
    config: Config,
    now: Instant,
    newest: Option<&(u64, Rc<Capture>)>,
    records: Vec<Record<'_>>,
) -> Result<Machine, RecoverError> {
    let clients = newest.map(|(_, capture)| capture.clients.concat()).unwrap_or_default();
    let snapshot = newest.map(|(sequence, capture)| Snapshot {
        sequence: Sequence(*sequence),
        clients: &clients,
        state: Image::of(capture).roots().state(),
    });
    Replica::recover(config, Ground::new(), now, snapshot, records)
}

/// The last stable checkpoint that records tell of.
pub(super) fn last_stable(records: &[Record<'_>]) -> u64 {
    let stable = records.iter().rev().find_map(|record| match record {
        Record::Stable { sequence, .. } => Some(sequence.0),
        _ => None,
    });
    stable.unwrap_or_default()
}

/// The published bound on the outputs of one step.
fn machine_outputs() -> usize {
    super::ground::DIMENSIONS.outputs_per_step()
}

impl<A: Application> House<A> {
    fn perform(
        &mut self,
        output: OutputOf<'_, Machine>,
        said: Option<Message<'_>>,
        phrases: &Phrases,
        witness: &mut Witness,
        blank: &impl Fn() -> A,
    ) {
        match output {
            Output::Persist(record) => {
                if let Record::Install { sequence, digest } = record {
                    self.installing = Some((sequence.0, digest));
                }
                self.disk.write(Write::Record(encode(&record)));
                if let Record::Stable { sequence, .. } = record {
                    self.disk.write(Write::Forget(sequence.0));
                }
            }
            Output::Send { to, message } => self.post(to, message, phrases),
            Output::Decide(decision) => self.decide(decision, said, phrases, witness, blank),
            Output::Accuse { node, fault } => self.accused.push((Principal::Node(node), fault)),
            Output::Refuse(refusal) => self.refused.push(refusal),
        }
    }

    fn post(&mut self, to: Target, message: Message<'_>, phrases: &Phrases) {
        let me = Principal::Node(self.me);
        let scope = phrases.roster.scope();
        let bytes = wire::seal(message, me, scope, &Phrases::key(me), &mut self.scratch);
        let payload = Payload::from(bytes.expect("no message of this cluster is longer"));
        self.outbox.hold(&self.disk, (to, payload));
    }

    fn decide(
        &mut self,
        decision: Decision<'_>,
        said: Option<Message<'_>>,
        phrases: &Phrases,
        witness: &mut Witness,
        blank: &impl Fn() -> A,
    ) {
        match decision {
            Decision::Execute(execution) => self.execute(&execution, witness),
            Decision::Checkpoint { sequence, clients } => {
                let page = |at| {
                    let mut page = vec![0; clients.page_len(at)];
                    clients.encode_page(at, &mut page).expect("as long as it says");
                    page
                };
                let clients = (0..clients.pages()).map(page).collect();
                self.capture(sequence.0, clients, witness, blank);
            }
            Decision::ServeState { to, sequence, place } => {
                let Some(capture) = self.disk.capture(sequence.0) else { return };
                let Some(bytes) = Image::of(&capture).bytes(place) else { return };
                let message = Message::State { sequence, place, bytes: Bytes(&bytes) };
                self.post(Target::Node(to), message, phrases);
            }
            Decision::Stage { sequence, place } => {
                let Some(Message::State { bytes, .. }) = said else { panic!("a piece came") };
                self.stage(sequence.0, place, bytes.0);
            }
            Decision::Seek { sequence, room } => {
                self.owed.push_back(Owed::Seek { sequence: sequence.0, room });
            }
            Decision::Install { sequence } => self.install(sequence.0, witness),
            Decision::Contradiction { .. } => assert!(said.is_some(), "nothing came"),
            Decision::Read { client, .. } => {
                self.owed.push_back(Owed::Answered { client, answer: None });
            }
        }
    }

    fn execute(&mut self, execution: &Execution<'_>, witness: &mut Witness) {
        let (me, sequence) = (self.me, execution.sequence().0);
        witness.agreed(me, execution);
        for request in execution.requests() {
            let reply = self.application.execute(request.client, request.operation.0);
            witness.executed(me, sequence, &request, &reply);
            if let Some(other) = &mut self.other {
                let again = other.execute(request.client, request.operation.0);
                assert!(again == reply, "a restored application gives another reply");
            }
            self.owed.push_back(Owed::Executed { client: request.client, reply });
        }
        let state = self.application.snapshot();
        let alike = self.other.as_ref().is_none_or(|other| other.snapshot() == state);
        assert!(alike, "a restored application comes to another state");
        witness.reached(me, sequence, Digest::of(&state));
    }

    fn capture(
        &mut self,
        sequence: u64,
        clients: Vec<Vec<u8>>,
        witness: &mut Witness,
        blank: &impl Fn() -> A,
    ) {
        let state = self.application.snapshot();
        let mut other = blank();
        other.restore(&state);
        assert!(other.snapshot() == state, "a restored application has another snapshot");
        self.other = Some(other);
        witness.captured(self.me, sequence, Digest::of(&state), Digest::of(&clients.concat()));
        let capture = Capture { clients, state };
        let state = Image::of(&capture).roots().state();
        self.disk.write(Write::Capture(sequence, Rc::new(capture)));
        self.owed.push_back(Owed::Captured { sequence, state });
    }

    fn stage(&mut self, sequence: u64, place: Place, piece: &[u8]) {
        match place {
            Place::ROOTS => {
                let roots = Roots::from_bytes(piece).expect("verified by the core");
                self.draft.begin(sequence, &roots, super::ground::DIMENSIONS.client_pages());
            }
            Place { part: part @ (Part::Clients | Part::State), level: 0, index } => {
                let digest = merkle::page_digest(part, index, piece);
                self.disk.write(Write::Stage(digest, piece.into()));
            }
            node => self.draft.open(node, piece),
        }
    }

    fn held(&self) -> Holdings {
        let (captures, staged) = self.disk.settled();
        Holdings { staged, images: captures.values().map(|capture| Image::of(capture)).collect() }
    }

    fn seek(&mut self, sequence: u64, room: usize) -> Vec<quorate::pbft::Sought> {
        let held = self.held();
        self.draft.seek(sequence, &held, room)
    }

    fn install(&mut self, sequence: u64, witness: &mut Witness) {
        let (at, digest) = self.installing.take().expect("a record says what is installed");
        assert_eq!(at, sequence, "the record is about another checkpoint");
        let capture = self.draft.finish(&self.held(), at, digest);
        let capture = capture.expect("all pieces of what is installed are there");
        self.application.restore(&capture.state);
        self.other = None;
        self.installed.push((sequence, digest));
        witness.resumed(self.me, sequence, Digest::of(&self.application.snapshot()));
        let clients = capture.clients.concat();
        self.disk.write(Write::Install(sequence, Rc::new(capture)));
        self.owed.push_back(Owed::Installed { sequence, clients });
    }

    /// Law 2: a send leaves only when every earlier write is durable.
    fn release(&mut self, witness: &mut Witness) {
        while let Some((to, payload)) = self.outbox.release(&self.disk) {
            let message = wire::decode::<Message<'_>>(&payload).expect("encoded here");
            witness.sent(self.me, &message);
            self.said.push((to, payload));
        }
    }
}

/// The settings of a replica that is fuzzed.
pub(super) fn config(me: NodeId, phrases: &Phrases) -> Config {
    use core::time::Duration;
    Config {
        batch_delay: Duration::from_millis(1),
        timeout: Duration::from_millis(400),
        timeout_cap: Duration::from_millis(1_600),
        status_interval: Duration::from_millis(40),
        budget_interval: Duration::from_millis(40),
        watch_window: Duration::from_millis(200),
        ..Config::new(me, *phrases.roster.scope())
    }
}
