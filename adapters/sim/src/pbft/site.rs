//! Everything around a replica's machine: disk, application, and the messages that wait.

use super::checks::content;
use super::journal::Journal;
use super::line::Line;
use super::owed::Owed;
use super::pages::{Draft, Holdings, Image};
use super::record::encode;
use super::stage::{Happening, Stage};
use crate::disk::{Capture, Disk, Held, Write};
use crate::engine::{Alarm, Host, Payload};
use crate::scheme::Key;
use crate::traitor::{Rights, Traitor};
use core::time::Duration;
use quorate::fault::{Evidence, verify};
use quorate::pbft::{
    Decision, Execution, Message, Place, Record, Replica, Roots, Sequence, View, merkle,
};
use quorate::protocol::Target;
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, Fault, Instant, NodeId, Principal, Refusal};
use std::collections::VecDeque;
use std::rc::Rc;

/// One replica's site.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) me: NodeId,
    /// Where the network finds it: its name, unless the network tells instances from each other.
    pub(super) address: NodeId,
    pub(super) nodes: usize,
    pub(super) clients: usize,
    pub(super) life: u32,
    pub(super) disk: Disk,
    pub(super) journal: Journal,
    /// What is known of a state that is being fetched.
    pub(super) draft: Draft,
    /// The checkpoint that the last record wants installed.
    installing: Option<(u64, Digest)>,
    client_pages: u32,
    pub(super) owed: VecDeque<Owed>,
    /// When the application is done with the request that it executes.
    pub(super) done: Option<Instant>,
    pub(super) alarm: Alarm,
    pub(super) traitor: Option<Box<dyn Traitor>>,
    /// Whether the next loss of power is that of the disk too.
    pub(super) fragile: bool,
    /// Whether the disk was lost since the replica last ran.
    pub(super) lost: bool,
    /// Whether a replica that finds an empty log asks whether it is new.
    pub(super) asks: bool,
    /// Writes left until the power fails.
    pub(super) fuel: Option<u64>,
    /// Outputs performed so far: records, messages and decisions.
    pub(super) outputs: u64,
    /// Outputs left until the power fails, with everything before it durable; and whether the
    /// messages among them leave.
    pub(super) cut: Option<(u64, bool)>,
    pub(super) compact: bool,
    /// Whether the replica was told that its disk is old: it stops.
    pub(super) outdated: bool,
    pub(super) key: Key,
    disk_latency: Duration,
    pub(super) host_latency: Duration,
    compaction: u32,
    /// Messages that wait until what was written before them is durable.
    outbox: Held<(Target, Payload)>,
    /// Captures that are not durable: writes, sequence, digest of the state.
    capturing: VecDeque<(u64, u64, Digest)>,
    /// Up to which write durability is under way, and when it comes.
    syncing: (u64, Instant),
}

/// The sizes and habits of a site.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground {
    pub(super) nodes: usize,
    pub(super) clients: usize,
    pub(super) client_pages: u32,
    pub(super) disk_latency: Duration,
    pub(super) host_latency: Duration,
    pub(super) compaction: u32,
    pub(super) asks: bool,
}

impl Site {
    pub(super) fn new(me: NodeId, key: Key, ground: Ground) -> Self {
        let Ground { nodes, clients, client_pages, disk_latency, host_latency, compaction, asks } =
            ground;
        Self {
            me,
            address: me,
            nodes,
            clients,
            life: 0,
            disk: Disk::default(),
            journal: Journal::new(clients),
            draft: Draft::default(),
            installing: None,
            client_pages,
            owed: VecDeque::new(),
            done: None,
            alarm: Alarm::default(),
            traitor: None,
            fragile: false,
            lost: false,
            asks,
            fuel: None,
            outputs: 0,
            cut: None,
            compact: false,
            outdated: false,
            key,
            disk_latency,
            host_latency,
            compaction,
            outbox: Held::default(),
            capturing: VecDeque::new(),
            syncing: (0, Instant::ZERO),
        }
    }

    /// The power fails. What was not durable is lost, but for a random beginning of it.
    pub(super) fn crash(&mut self, stage: &mut Stage<'_>) {
        let (node, checks, now) = (self.me, &mut *stage.checks, stage.engine.now());
        let each = |write: &Write| checks.durable(now, node, write);
        let (survived, lost) = self.disk.crash(&mut stage.engine.random, each);
        if core::mem::take(&mut self.fragile) {
            self.disk.wipe();
            self.lost = true;
            stage.checks.wiped(node);
        }
        self.life += 1;
        self.outbox.clear();
        self.capturing.clear();
        self.owed.clear();
        self.done = None;
        self.alarm.reset();
        self.fuel = None;
        self.cut = None;
        self.syncing = (0, stage.engine.now());
        stage.checks.statistics.crashes += 1;
        stage.checks.statistics.torn += u64::from(lost > 0);
        stage.enter(&Line::Crashed { node, survived, lost });
    }

    /// That the disk was lost is durable before anything is said.
    pub(super) fn note_loss(&mut self, nonce: u64) {
        let record = encode(&Record::Recovering { nonce, lost: true, signed: View(0) });
        self.disk.write(Write::Record(record));
        self.disk.settle(self.disk.written(), |_| {});
    }

    /// Reads the log when the power is back. `None`: it is damaged, and the replica does not
    /// start.
    pub(super) fn power_up(&mut self, stage: &mut Stage<'_>) -> Option<Vec<Vec<u8>>> {
        let spoiled = self.disk.spoiled();
        let problem = match (self.disk.read(), spoiled) {
            (Ok(records), None) => return Some(records),
            (Err(damage), _) => format!("is damaged at byte {}", damage.at),
            (_, at) => format!("has a damaged snapshot of s{}", at.unwrap_or_default()),
        };
        let node = self.me;
        stage.checks.statistics.damaged += 1;
        stage.enter(&Line::Disk { node, what: &format!("{problem}: it does not start") });
        if stage.checks.correct(node) {
            let what = format!("r{}'s disk is damaged, and nobody did it", node.0);
            stage.checks.fail("disk", stage.engine.now(), what);
        }
        None
    }

    /// Whether there is power to perform one more output.
    fn spend(&mut self) -> bool {
        match &mut self.cut {
            Some((0, _)) => return false,
            Some((left, _)) => *left -= 1,
            None => {}
        }
        self.outputs += 1;
        true
    }

    /// Makes durable what was written when the power is about to be cut; what was sent leaves,
    /// or is lost.
    pub(super) fn cut_off(&mut self, stage: &mut Stage<'_>, leave: bool) {
        if !leave {
            self.outbox.clear();
        }
        self.flush(stage);
    }

    /// Writes to the disk, and burns fuel.
    pub(super) fn write(&mut self, write: Write) {
        self.disk.write(write);
        if let Some(fuel) = &mut self.fuel {
            *fuel = fuel.saturating_sub(1);
        }
    }

    /// Has the disk begin to make durable what is new, and lets go what waits for nothing.
    pub(super) fn flush(&mut self, stage: &mut Stage<'_>) {
        let written = self.disk.written();
        if written > self.disk.durable().max(self.syncing.0) {
            let latency = stage.engine.random.between(0, self.disk_latency.as_micros() as u64);
            let ready = stage.engine.now().after(Duration::from_micros(latency));
            let at = ready.max(self.syncing.1);
            self.syncing = (written, at);
            if at <= stage.engine.now() {
                self.settle(stage, written);
            } else {
                let (node, life) = (self.me, self.life);
                stage.engine.schedule(at, Happening::Durable { node, life, written });
            }
        }
        self.release(stage);
    }

    /// So many writes are durable now: tells the checkers, and the machine of its captures.
    pub(super) fn settle(&mut self, stage: &mut Stage<'_>, written: u64) {
        let (node, checks, now) = (self.me, &mut *stage.checks, stage.engine.now());
        self.disk.settle(written, |write| checks.durable(now, node, write));
        stage.enter(&Line::Durable { node, written });
        while let Some(&(needs, sequence, state)) = self.capturing.front() {
            if needs > written {
                break;
            }
            self.capturing.pop_front();
            self.owed.push_back(Owed::Captured { sequence, state });
        }
    }

    /// Law 2: a send leaves only when every earlier write is durable.
    pub(super) fn release(&mut self, stage: &mut Stage<'_>) {
        while let Some((to, payload)) = self.outbox.release(&self.disk) {
            let message = wire::decode::<Message<'_>>(&payload).expect("encoded here");
            stage.checks.sent(stage.engine.now(), self.me, &message);
            let from = Principal::Node(self.address);
            let receiver = match to {
                Target::All | Target::Nodes(_) => None,
                Target::Node(node) => Some(Principal::Node(node)),
                Target::Client(client) => Some(Principal::Client(client)),
            };
            stage.enter(&Line::Sent { from, to: receiver, payload: &payload });
            match receiver {
                Some(to) => self.utter(stage, to, &payload),
                None => {
                    let me = self.me;
                    let others = (0..self.nodes as u8).map(NodeId).filter(|node| *node != me);
                    for node in others.filter(|node| to.includes(*node)) {
                        self.utter(stage, Principal::Node(node), &payload);
                    }
                }
            }
        }
    }

    /// Sends to one receiver what a correct node would, or what the traitor says instead.
    fn utter(&mut self, stage: &mut Stage<'_>, to: Principal, payload: &Payload) {
        let from = Principal::Node(self.address);
        let Some(traitor) = &mut self.traitor else { return stage.send(from, to, payload) };
        let rights = Rights {
            me: self.me,
            nodes: self.nodes,
            random: &mut stage.engine.random,
            scope: stage.registry.scope(),
            key: &self.key,
        };
        let mut said = Vec::new();
        traitor.utter(rights, to, payload, &mut said);
        let told = |it: &(Principal, Payload)| it.0 == to && it.1 == *payload;
        if !said.iter().any(told) {
            stage.checks.statistics.lies += u64::from(said.is_empty());
            stage.enter(&Line::Withheld { from, to, payload });
        }
        for it in said {
            let (kept_back, lied) = (traitor.holds_back(&it.1), !told(&it));
            let (to, payload) = it;
            if lied {
                stage.enter(&Line::Lied { from, to, payload: &payload });
            }
            if !kept_back.is_zero() {
                stage.enter(&Line::KeptBack { from, to, payload: &payload, kept_back });
            }
            stage.checks.statistics.lies += u64::from(lied || !kept_back.is_zero());
            stage.send_after(kept_back, from, to, &payload);
        }
    }

    /// The pages that are on the disk or on their way there.
    pub(super) fn held(&self) -> Holdings {
        let (captures, staged) = self.disk.settled();
        Holdings { staged, images: captures.values().map(|capture| Image::of(capture)).collect() }
    }

    fn post(&mut self, to: Target, payload: Payload) {
        self.outbox.hold(&self.disk, (to, payload));
    }
}

/// The host of one step of a replica.
#[derive(Debug)]
pub(super) struct Step<'h, 's> {
    pub(super) site: &'h mut Site,
    pub(super) stage: &'h mut Stage<'s>,
    /// The message that is the input, if it is one.
    pub(super) said: Option<Message<'h>>,
}

impl Host<Replica<super::Memory>> for Step<'_, '_> {
    fn persist(&mut self, record: Record<'_>) {
        if !self.site.spend() {
            return;
        }
        let bytes = encode(&record);
        self.stage.enter(&Line::Persisted { node: self.site.me, record: &bytes });
        self.site.write(Write::Record(bytes));
        if let Record::Install { sequence, digest } = record {
            self.site.installing = Some((sequence.0, digest));
        }
        if let Record::Stable { sequence, .. } = record {
            self.site.write(Write::Forget(sequence.0));
            self.site.compact |= self.stage.engine.random.chance(self.site.compaction);
        }
    }

    fn send(&mut self, to: Target, message: Message<'_>) {
        if !self.site.spend() {
            return;
        }
        let me = Principal::Node(self.site.me);
        // Pieces of the application's state are as long as the application likes.
        let bounded = !matches!(message, Message::State { .. });
        let payload = self.stage.seal(message, me, &self.site.key);
        if bounded {
            self.stage.checks.said(self.stage.engine.now(), self.site.me, payload.len());
        }
        self.site.post(to, payload);
    }

    fn decide(&mut self, decision: Decision<'_>) {
        if !self.site.spend() {
            return;
        }
        match decision {
            Decision::Execute(execution) => self.execute(&execution),
            Decision::Checkpoint { sequence, clients } => {
                let page = |at| {
                    let mut page = vec![0; clients.page_len(at)];
                    clients.encode_page(at, &mut page).expect("as long as it says");
                    page
                };
                self.capture(sequence.0, (0..clients.pages()).map(page).collect());
            }
            Decision::ServeState { to, sequence, place } => self.serve(to, sequence.0, place),
            Decision::Stage { sequence, place } => self.stage_piece(sequence.0, place),
            Decision::Seek { sequence, room } => {
                self.site.owed.push_back(Owed::Seek { sequence: sequence.0, room });
            }
            Decision::Install { sequence } => self.install(sequence.0),
            Decision::Contradiction { kept } => {
                let said = self.said.expect("what came contradicts what is kept");
                prove(self.stage, self.site.me, Evidence::between(kept, said));
            }
            Decision::Read { client, state } => self.read(client, state.0),
        }
    }

    fn accuse(&mut self, node: NodeId, fault: Fault) {
        blame(self.stage, self.site.me, Principal::Node(node), fault);
    }

    fn refuse(&mut self, refusal: Refusal) {
        let me = self.site.me;
        self.stage.enter(&Line::Refused { who: Principal::Node(me), refusal });
        if matches!(refusal, Refusal::OldLog { .. }) && !self.stage.checks.correct(me) {
            self.site.outdated = true;
            return;
        }
        // A capture or a batch that was under way when a newer state was installed, or its own
        // turned out wrong, is nobody's wrong.
        let given_up = match refusal {
            Refusal::NotCapturing { .. } => true,
            Refusal::NotExecuting { .. } => self.site.installs() || !self.stage.checks.correct(me),
            _ => false,
        };
        if !given_up {
            let what = format!("r{} refuses a command: {refusal}", me.0);
            self.stage.checks.fail("host", self.stage.engine.now(), what);
        }
    }
}

impl Step<'_, '_> {
    fn execute(&mut self, execution: &Execution<'_>) {
        let (now, me, sequence) = (self.stage.engine.now(), self.site.me, execution.sequence().0);
        self.stage.checks.agreed(now, me, sequence, content(execution));
        self.stage.checks.settled(now, me, execution);
        for request in execution.requests() {
            let (client, timestamp) = (request.client, request.timestamp);
            self.stage.enter(&Line::Executed { node: me, sequence, client, timestamp });
            self.stage.attach(request.operation.0);
            let reply = self.site.journal.execute(client, request.operation.0);
            self.stage.checks.executed(now, me, sequence, &request, &reply);
            self.site.owed.push_back(Owed::Executed { client, reply });
        }
        self.stage.checks.reached_state(now, me, sequence, self.site.journal.digest());
    }

    fn read(&mut self, client: ClientId, state: u64) {
        let Some(Message::Read(read)) = self.said else { panic!("a read came") };
        let answer = self.site.journal.read(client, read.operation.0);
        self.stage.enter(&Line::Answered { node: self.site.me, client, state });
        self.site.owed.push_back(Owed::Answered { client, answer });
    }

    fn capture(&mut self, sequence: u64, clients: Vec<Vec<u8>>) {
        let (now, me) = (self.stage.engine.now(), self.site.me);
        let state = self.site.journal.snapshot();
        let (digest, table) = (Digest::of(&state), Digest::of(&clients.concat()));
        self.stage.enter(&Line::Captured { node: me, sequence });
        self.stage.checks.captured(now, me, sequence, digest, table);
        let capture = Capture { clients, state };
        let state = Image::of(&capture).roots().state();
        self.site.write(Write::Capture(sequence, Rc::new(capture)));
        self.site.capturing.push_back((self.site.disk.written(), sequence, state));
    }

    fn serve(&mut self, to: NodeId, sequence: u64, place: Place) {
        let me = self.site.me;
        // One before the last stable one is gone, unless somebody fetches it.
        let Some(capture) = self.site.disk.capture(sequence) else { return };
        self.site.disk.lease(to, sequence);
        let Some(bytes) = Image::of(&capture).bytes(place) else { return };
        self.stage.enter(&Line::Served { node: me, to, sequence, place });
        let (sequence, bytes) = (Sequence(sequence), Bytes(&bytes));
        self.send(Target::Node(to), Message::State { sequence, place, bytes });
    }

    fn stage_piece(&mut self, sequence: u64, place: Place) {
        let Some(Message::State { bytes, .. }) = self.said else { panic!("a piece came") };
        let piece = bytes.0;
        self.stage.checks.statistics.pieces += 1;
        self.stage.enter(&Line::Staged { node: self.site.me, sequence, place });
        match place {
            Place::ROOTS => {
                let roots = Roots::from_bytes(piece).expect("verified by the core");
                self.site.draft.begin(sequence, &roots, self.site.client_pages);
            }
            Place { part, level: 0, index } => {
                let digest = merkle::page_digest(part, index, piece);
                self.site.write(Write::Stage(digest, piece.into()));
            }
            node => self.site.draft.open(node, piece),
        }
    }

    fn install(&mut self, sequence: u64) {
        let (now, me) = (self.stage.engine.now(), self.site.me);
        let held = self.site.held();
        let wanted = self.site.installing.take().filter(|(at, _)| *at == sequence);
        let capture = wanted.and_then(|(at, digest)| self.site.draft.finish(&held, at, digest));
        let journal = capture.as_ref().and_then(|capture| Journal::restore(&capture.state));
        let (Some(capture), Some(journal)) = (capture, journal) else {
            let what = format!("r{} is to install s{sequence}, which is not complete", me.0);
            return self.stage.checks.fail("host", now, what);
        };
        self.site.journal = journal;
        self.stage.enter(&Line::Installed { node: me, sequence });
        self.stage.checks.statistics.transfers += 1;
        self.stage.checks.resumed(now, me, sequence, self.site.journal.digest());
        let clients = capture.clients.concat();
        self.site.write(Write::Install(sequence, Rc::new(capture)));
        self.site.owed.push_back(Owed::Installed { sequence, clients });
    }
}

/// A replica, or the wall before it, blames somebody.
pub(super) fn blame(stage: &mut Stage<'_>, node: NodeId, who: Principal, fault: Fault) {
    stage.enter(&Line::Accused { node, who, fault });
    stage.checks.accused(stage.engine.now(), node, who, fault);
}

/// Evidence as it is handed on: encoded, decoded by somebody else, and judged with the roster.
pub(super) fn prove(stage: &mut Stage<'_>, node: NodeId, evidence: Option<Evidence<'_>>) {
    let (now, registry) = (stage.engine.now(), stage.registry);
    let judged = evidence.map(|evidence| {
        let mut bytes = vec![0; wire::encoded_len(&evidence)];
        wire::encode(&evidence, &mut bytes).expect("as long as it says");
        let received = wire::decode::<Evidence<'_>>(&bytes).expect("encoded here");
        verify(&received, &registry.roster, &registry.scheme)
    });
    stage.checks.proved(now, node, judged);
}
