//! A cluster of four, one of them a traitor, and every message in the fuzzer's hands.

use super::application::Application;
use super::caller::Caller;
use super::host::{Host, Machine, config};
use super::operations::{Operations, RAW};
use super::phrases::{CLIENTS, NODES, Payload, Phrases, all};
use super::story::{Deed, Story, happens};
use super::whim::Whim;
use super::witness::Witness;
use crate::pbft::Journal;
use arbitrary::Unstructured;
use core::time::Duration;
use quorate::pbft::{Message, Replica};
use quorate::protocol::Target;
use quorate::{ClientId, Digest, Instant, NodeId, NodeSet, Principal, Refusal};
use std::collections::VecDeque;

/// The most things that happen before everything is well again.
const DEEDS: usize = 256;
/// The most messages that wait; the oldest of more is lost.
const MAIL: usize = 192;
/// Clients that keep to the protocol; the others are in the fuzzer's hands.
const CORRECT_CLIENTS: usize = 2;
/// How long everything may take when nothing is broken any more.
const BOUND: Duration = Duration::from_secs(120);

/// Operations that a restored application executes once more in the end.
const AGAIN: usize = 8;
/// What the simulator's own application does in a cluster under the fuzzer: see [`cluster`].
pub fn pbft_cluster(data: &[u8]) {
    play(data, &|| Journal::new(CLIENTS), Operations::Raw(32));
}

/// A cluster of four replicas, each with an application that `new` makes, and three clients. The
/// fuzzer speaks for one replica, or takes its disk away in the middle instead, and for one of the
/// clients; it delivers, repeats, reorders and loses messages; it says when writes are durable and
/// applications answer, cuts and restores power, and lets time pass.
///
/// After every step it is checked that correct replicas agree, execute each request once and as it
/// was asked, have equal states, replies and client tables, contradict neither themselves nor their
/// disks, and blame no correct one; and that an application is what its snapshot says. In the end
/// everybody is up, every message arrives, and every request of a correct client must have its
/// reply within a bound.
///
/// A violation panics: the fuzzer reports the input. Before that the run is told on standard
/// error, as the draft of a [script](crate::script).
///
/// Operations are any bytes, 128 at most: see [`cluster_with`] for others.
///
/// ```
/// use quorate::ClientId;
/// use quorate_sim::fuzz::{self, Application};
///
/// /// Counts bytes.
/// struct Sum(u64);
///
/// impl Application for Sum {
///     fn execute(&mut self, _: ClientId, operation: &[u8]) -> Vec<u8> {
///         self.0 += operation.len() as u64;
///         self.0.to_le_bytes().to_vec()
///     }
///
///     fn snapshot(&self) -> Vec<u8> {
///         self.0.to_le_bytes().to_vec()
///     }
///
///     fn restore(&mut self, snapshot: &[u8]) {
///         self.0 = u64::from_le_bytes(snapshot.try_into().unwrap());
///     }
/// }
///
/// fuzz::cluster(b"any bytes, from a fuzzer", || Sum(0));
/// ```
pub fn cluster<A: Application>(data: &[u8], new: impl Fn() -> A) {
    play(data, &new, Operations::Raw(RAW));
}

/// The same as [`cluster`] with operations that `operation` makes of the fuzzer's bytes, which it
/// reads as far as it needs. An error, which comes where the bytes end, is no operation. The
/// traitorous client sends any bytes half of the time.
///
/// ```
/// # use quorate_sim::{fuzz, pbft::Journal};
/// use quorate_sim::fuzz::arbitrary::Unstructured;
///
/// // "add" and a number, or "clear".
/// let operation = |bytes: &mut Unstructured<'_>| {
///     let amount: u32 = bytes.arbitrary()?;
///     Ok(if bytes.ratio(1, 4)? { b"clear".to_vec() } else { format!("add {amount}").into() })
/// };
/// fuzz::cluster_with(b"any bytes, from a fuzzer", || Journal::new(3), operation);
/// ```
///
/// # Panics
/// As in [`cluster`]; and if an operation is longer than
/// [`OPERATION_BYTES`](super::OPERATION_BYTES).
pub fn cluster_with<A: Application>(
    data: &[u8],
    new: impl Fn() -> A,
    operation: impl Fn(&mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>>,
) {
    play(data, &new, Operations::Shaped(&operation));
}

fn play<A: Application>(data: &[u8], new: &impl Fn() -> A, operations: Operations<'_>) {
    let _story = Story::begin();
    let mut whim = Whim::new(data);
    let odd = NodeId(whim.below(NODES) as u8);
    // Who has lost its disk counts among the f until it has recovered: it is that or a traitor.
    let treason = !whim.chance(64);
    let mut world = World::new(odd, treason, new, operations);
    for _ in 0..DEEDS {
        if whim.is_over() {
            break;
        }
        world.deed(&mut whim);
        world.look();
    }
    world.heal();
}

/// A message on its way to one receiver.
struct Letter {
    from: Principal,
    to: Principal,
    payload: Payload,
}

struct World<'n, A, N> {
    hosts: Vec<Host<A, &'n N>>,
    callers: Vec<Caller>,
    /// The replica that is a traitor, or that may lose its disk.
    odd: NodeId,
    treason: bool,
    lost: bool,
    phrases: Phrases,
    witness: Witness,
    mail: VecDeque<Letter>,
    now: Instant,
    new: &'n N,
    operations: Operations<'n>,
    /// What correct clients asked for first.
    asked: Vec<(ClientId, Vec<u8>)>,
}

impl<'n, A: Application, N: Fn() -> A> World<'n, A, N> {
    fn new(odd: NodeId, treason: bool, new: &'n N, operations: Operations<'n>) -> Self {
        let hands: NodeSet = [odd].into_iter().filter(|_| treason).collect();
        let phrases = Phrases::new(hands).sparing(CORRECT_CLIENTS);
        let hosts = all().iter().map(|me| Host::new(config(me, &phrases), new)).collect();
        let mut world = Self {
            hosts,
            callers: (0..CORRECT_CLIENTS as u16).map(|id| Caller::new(ClientId(id))).collect(),
            odd,
            treason,
            lost: false,
            phrases,
            witness: Witness::new(hands, CORRECT_CLIENTS),
            mail: VecDeque::new(),
            now: Instant::ZERO,
            new,
            operations,
            asked: Vec::new(),
        };
        world.pass(Duration::ZERO);
        world
    }

    fn is_correct(&self, node: NodeId) -> bool {
        !(self.treason && node == self.odd)
    }

    /// One of the replicas that keep to the protocol.
    fn correct(&self, whim: &mut Whim<'_>) -> usize {
        let at = if self.treason { 1 + whim.below(NODES - 1) } else { whim.below(NODES) };
        (self.odd.index() + at) % NODES
    }

    fn deed(&mut self, whim: &mut Whim<'_>) {
        let at = whim.below(32);
        match at {
            0..6 => {
                let letter = whim.below(self.mail.len());
                self.bring(letter, whim.chance(24));
            }
            6..10 => (0..=whim.below(24)).for_each(|_| self.bring(0, false)),
            10 => {
                if let Some(Letter { from, to, payload }) =
                    self.mail.remove(whim.below(self.mail.len()))
                {
                    happens(self.now, Deed::Lost { from, to, payload });
                }
            }
            11..17 => self.lie(whim),
            17 | 18 => {
                let caller = whim.below(self.callers.len());
                if let Some(operation) = self.operations.next(whim) {
                    self.ask(caller, &operation);
                }
            }
            19 => self.ask_falsely(whim),
            20 | 21 => self.pass(Duration::from_millis(1 << whim.below(11))),
            22..31 => self.befall(at, whim),
            _ => self.calm(),
        }
    }

    /// Something happens to a disk, an application or the power of a correct replica.
    fn befall(&mut self, what: usize, whim: &mut Whim<'_>) {
        let now = self.now;
        match what {
            22..25 => {
                let (host, writes) = (self.correct(whim), whim.number(8).saturating_add(1));
                happens(now, Deed::Durable { node: host, writes });
                self.hosts[host].settle(writes, &mut self.witness);
            }
            25 | 26 => {
                let host = self.correct(whim);
                happens(now, Deed::Answered { node: host });
                self.hosts[host].answer(self.now, &self.phrases, &mut self.witness);
            }
            27 => {
                let host = self.correct(whim);
                let (survive, torn) = (whim.number(8), whim.below(64));
                happens(now, Deed::Crashed { node: host, survive, torn });
                self.hosts[host].crash(survive, torn, &mut self.witness);
            }
            28 => {
                let host = self.correct(whim);
                happens(now, Deed::Restarted { node: host });
                self.hosts[host].restart(self.now, &self.phrases, &mut self.witness);
            }
            29 => {
                let host = self.correct(whim);
                happens(now, Deed::Compacted { node: host });
                self.hosts[host].compact();
            }
            30 if !self.treason && !self.lost => {
                self.lost = true;
                happens(now, Deed::Wiped { node: self.odd.index() });
                self.hosts[self.odd.index()].lose(&mut self.witness);
            }
            _ => self.calm(),
        }
    }

    /// The traitor says something to one, or to all.
    fn lie(&mut self, whim: &mut Whim<'_>) {
        if !self.treason {
            return self.bring(0, false);
        }
        let payload = match whim.below(8) {
            0 => Payload::from(whim.bytes(300)),
            1 => self.phrases.repeat(whim).unwrap_or_default(),
            _ => self.phrases.compose(whim, self.odd),
        };
        let only = whim.chance(160).then(|| self.correct(whim));
        let from = Principal::Node(self.odd);
        happens(self.now, Deed::Lied { from, only, payload: payload.clone() });
        for to in (0..NODES).filter(|to| only.is_none_or(|only| *to == only)) {
            let to = NodeId(to as u8);
            if to != self.odd {
                self.post(Letter { from, to: Principal::Node(to), payload: payload.clone() });
            }
        }
        if whim.chance(32) {
            let payload = self.phrases.to_a_client(whim);
            let to = Principal::Client(ClientId(whim.below(CORRECT_CLIENTS) as u16));
            self.post(Letter { from, to, payload });
        }
    }

    /// A client that is a traitor asks.
    fn ask_falsely(&mut self, whim: &mut Whim<'_>) {
        let client = ClientId(CORRECT_CLIENTS as u16);
        let operation = self.operations.false_one(whim);
        let request = self.phrases.request_of(client, whim.number(8), &operation);
        let payload = self.phrases.seal(Message::Request(request));
        let to = Principal::Node(NodeId(self.correct(whim) as u8));
        self.post(Letter { from: Principal::Client(client), to, payload });
    }

    fn ask(&mut self, caller: usize, operation: &[u8]) {
        let client = ClientId(caller as u16);
        happens(self.now, Deed::Asked { client, operation: operation.into() });
        if self.asked.len() < AGAIN {
            self.asked.push((client, operation.to_vec()));
        }
        let said =
            self.callers[caller].submit(self.now, operation, &self.phrases, &mut self.witness);
        self.send(Principal::Client(ClientId(caller as u16)), said);
    }

    fn post(&mut self, letter: Letter) {
        if self.mail.len() == MAIL {
            self.mail.pop_front();
        }
        self.mail.push_back(letter);
    }

    fn send(&mut self, from: Principal, said: Vec<(Target, Payload)>) {
        for (to, payload) in said {
            if matches!(from, Principal::Node(_)) {
                self.phrases.hear(&payload);
            }
            let nodes = all().iter().filter(|node| to.includes(*node)).map(Principal::Node);
            let client = match to {
                Target::Client(client) => Some(Principal::Client(client)),
                _ => None,
            };
            let receivers: Vec<_> = nodes.chain(client).filter(|to| *to != from).collect();
            for to in receivers {
                self.post(Letter { from, to, payload: payload.clone() });
            }
        }
    }

    /// Delivers a message that waits; it stays, to be delivered again, if `again`.
    fn bring(&mut self, at: usize, again: bool) {
        let Some(letter) = self.mail.remove(at) else { return };
        let Letter { from, to, ref payload } = letter;
        happens(self.now, Deed::Brought { from, to, payload: payload.clone(), again });
        match letter.to {
            Principal::Node(to) if self.is_correct(to) => {
                let host = &mut self.hosts[to.index()];
                let (phrases, witness) = (&self.phrases, &mut self.witness);
                host.receive(self.now, letter.from, &letter.payload, phrases, witness);
            }
            Principal::Node(_) => {}
            Principal::Client(to) => {
                let Some(caller) = self.callers.get_mut(to.index()) else { return };
                let (phrases, witness) = (&self.phrases, &mut self.witness);
                let said = caller.receive(self.now, letter.from, &letter.payload, phrases, witness);
                self.send(letter.to, said);
            }
        }
        if again {
            self.post(letter);
        }
    }

    /// Lets time pass for everybody.
    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        happens(self.now, Deed::Passed);
        let (now, phrases, witness) = (self.now, &self.phrases, &mut self.witness);
        for host in &mut self.hosts {
            host.wake(now, phrases, witness);
        }
        for id in 0..self.callers.len() {
            let said = self.callers[id].wake(now, &self.phrases, &mut self.witness);
            self.send(Principal::Client(ClientId(id as u16)), said);
        }
    }

    /// Everything that is under way at correct replicas comes to its end.
    fn calm(&mut self) {
        happens(self.now, Deed::Calmed);
        for host in &mut self.hosts {
            loop {
                host.settle(u64::MAX, &mut self.witness);
                if !host.answer(self.now, &self.phrases, &mut self.witness) {
                    break;
                }
            }
        }
    }

    /// Takes what correct replicas said and whom they blamed.
    fn look(&mut self) {
        for at in 0..NODES {
            let (me, correct) = (NodeId(at as u8), self.is_correct(NodeId(at as u8)));
            let house = &mut self.hosts[at].house;
            let (said, accused) = (house.said.split_off(0), house.accused.split_off(0));
            let refused = house.refused.split_off(0);
            if !correct {
                continue;
            }
            for (who, fault) in accused {
                let client = matches!(who, Principal::Client(id) if id.index() >= CORRECT_CLIENTS);
                if !client {
                    self.witness.accused(me, who, fault);
                }
            }
            for refusal in refused {
                let expected = matches!(refusal, Refusal::NotCapturing { .. });
                assert!(expected, "r{at}, whose host does what it is told, says {refusal:?}");
            }
            self.send(Principal::Node(me), said);
            if let Some(status) = self.hosts[at].machine.as_ref().map(Replica::status) {
                self.phrases.low = self.phrases.low.max(status.stable.0);
                self.phrases.view = self.phrases.view.max(status.view.0);
            }
        }
    }

    /// All faults are over but the traitor, who is silent: what correct clients ask for is done.
    fn heal(&mut self) {
        happens(self.now, Deed::Healed);
        (0..NODES).for_each(|at| {
            self.hosts[at].restart(self.now, &self.phrases, &mut self.witness);
        });
        (0..self.callers.len()).for_each(|caller| self.ask(caller, b"the last"));
        let end = self.now.after(BOUND);
        while self.now < end {
            for _ in 0..64 {
                self.calm();
                self.look();
                if self.mail.is_empty() {
                    break;
                }
                (0..self.mail.len()).for_each(|_| self.bring(0, false));
            }
            if self.callers.iter().all(|caller| !caller.is_busy()) {
                self.compare();
                return self.restore();
            }
            self.pass(self.until_next());
        }
        let stand = |host: &Host<A, &N>| host.machine.as_ref().map(Replica::status);
        let stand: Vec<_> = self.hosts.iter().map(stand).collect();
        panic!("no reply {BOUND:?} after everything was well again: {stand:?}");
    }

    /// How long until somebody has something to do.
    fn until_next(&self) -> Duration {
        let due = |machine: &Machine| quorate::Protocol::deadline(machine);
        let hosts = (0..NODES).filter(|at| self.is_correct(NodeId(*at as u8)));
        let hosts = hosts.filter_map(|at| self.hosts[at].machine.as_ref().and_then(due));
        let callers = self.callers.iter().filter_map(Caller::deadline);
        let next = hosts.chain(callers).min().unwrap_or(self.now);
        next.since(self.now).max(Duration::from_millis(1))
    }

    /// Those that executed equally much have equal states.
    fn compare(&self) {
        let mut states: Vec<(u64, Digest)> = Vec::new();
        for at in (0..NODES).filter(|at| self.is_correct(NodeId(*at as u8))) {
            let Some(machine) = &self.hosts[at].machine else { continue };
            let executed = machine.status().executed.0;
            states.push((executed, Digest::of(&self.hosts[at].house.application.snapshot())));
        }
        for (executed, state) in &states {
            let same = states.iter().filter(|(other, _)| other == executed);
            assert!({ same }.all(|(_, other)| other == state), "states differ at s{executed}");
        }
    }

    /// An application that is restored goes on as the one whose snapshot it has.
    fn restore(&mut self) {
        let correct = (0..NODES).find(|at| self.is_correct(NodeId(*at as u8)));
        let Some(host) = correct.and_then(|at| self.hosts.get_mut(at)) else { return };
        let one = &mut host.house.application;
        let mut other = (self.new)();
        other.restore(&one.snapshot());
        for (client, operation) in &self.asked {
            let replies = (one.execute(*client, operation), other.execute(*client, operation));
            assert!(replies.0 == replies.1, "a restored application gives another reply");
        }
        let alike = one.snapshot() == other.snapshot();
        assert!(alike, "a restored application comes to another state");
    }
}
