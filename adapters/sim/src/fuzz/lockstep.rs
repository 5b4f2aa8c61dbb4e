//! A replicated service in lockstep, with a traitor in it.

use super::phrases::SEED;
use super::service::{Answer, Member, Oral, Proposed, Scrolls, Slots, member};
use super::whim::Whim;
use crate::scheme::{Key, Scheme};
use core::time::Duration;
use quorate::auth::{Scope, Signed};
use quorate::lockstep::{Client, ClientConfig, ClientMessage, Command, Decision, Message};
use quorate::service::{ClientCommand, ClientDecision};
use quorate::wire::{self, Bytes};
use quorate::{
    Admission, ClientId, Digest, Input, Instant, NodeId, Output, Principal, Protocol, PublicKey,
    Roster, Signer, Target,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub(super) const CLIENTS: usize = 3;
pub(super) const FIRST: u64 = 1_000_000;
pub(super) const ROUND: u64 = 100_000;
pub(super) const MARGIN: u64 = 10_000;
const DELAY: u64 = 30_000;
/// Slots in which the fuzzer does what it likes, and those after it.
const SLOTS: u64 = 8;
const REST: u64 = 12;
/// The most frames that the traitor remembers.
const SEEN: usize = 48;

/// A whole run of a service in lockstep: four generals over oral messages or three over signed
/// ones, one of them a traitor, and three clients. What the traitor's machine wants to say to each
/// is sent, held back, dropped, bent, replaced by what it heard before, or by another proposal;
/// clients ask when the fuzzer says so, also two things at once at different generals.
///
/// Loyal generals execute the same requests in the same order, each once, all of them authentic,
/// reply alike and blame nobody loyal. What a client asked for is executed and answered, whatever
/// the traitor does.
pub fn lockstep(data: &[u8]) {
    let mut whim = Whim::new(data);
    if whim.chance(128) {
        World::<Oral>::new(4, &mut whim).run(&mut whim);
    } else {
        World::<Scrolls>::new(3, &mut whim).run(&mut whim);
    }
}

enum Event {
    Wake(usize),
    WakeClient(usize),
    Arrival { from: Principal, to: Principal, payload: Rc<[u8]> },
}

/// An operation that was executed: slot, client, timestamp, operation.
type Entry = (u64, u16, u64, Vec<u8>);

/// A captured state: slot, client table, log.
type State = (u64, Vec<u8>, Vec<u8>);

struct World<P: Slots> {
    nodes: usize,
    traitor: usize,
    roster: Roster<Vec<PublicKey>>,
    scheme: Scheme,
    generals: Vec<Option<Member<P>>>,
    logs: Vec<Vec<Entry>>,
    captured: Vec<Option<State>>,
    clients: Vec<Client<Vec<u8>>>,
    asked: Vec<BTreeSet<Vec<u8>>>,
    replies: BTreeMap<(u16, u64), Vec<u8>>,
    queue: BTreeMap<(u64, usize), Event>,
    queued: usize,
    now: u64,
    seen: Vec<Rc<[u8]>>,
    requests: Vec<Rc<[u8]>>,
}

fn node(id: usize) -> Principal {
    Principal::Node(NodeId(id as u8))
}

impl<P: Slots> World<P>
where
    for<'a> P::Message<'a>: Signed,
{
    fn new(nodes: usize, whim: &mut Whim<'_>) -> Self {
        let scheme = Scheme::new(SEED, nodes, CLIENTS);
        let (keys, clients) = (scheme.nodes().to_vec(), scheme.clients().to_vec());
        let cluster = Digest::of(&SEED.to_le_bytes());
        let roster = Roster::new(cluster, 0, keys, clients, &scheme).expect("all keys differ");
        let client = |id: usize| {
            let config = ClientConfig {
                me: ClientId(id as u16),
                traitors: 1,
                retry: Duration::from_millis(400),
                give_up: Duration::from_secs(600),
            };
            Client::new(config, vec![0; 48], vec![0; super::service::REPLY])
        };
        let mut world = Self {
            nodes,
            traitor: whim.below(nodes),
            generals: (0..nodes)
                .map(|me| Some(member(nodes, me, roster.clone(), scheme.clone())))
                .collect(),
            roster,
            scheme,
            logs: vec![Vec::new(); nodes],
            captured: vec![None; nodes],
            clients: (0..CLIENTS).map(client).collect(),
            asked: vec![BTreeSet::new(); CLIENTS],
            replies: BTreeMap::new(),
            queue: BTreeMap::new(),
            queued: 0,
            now: 0,
            seen: Vec::new(),
            requests: Vec::new(),
        };
        (0..nodes).for_each(|id| world.enqueue(0, Event::Wake(id)));
        world
    }

    fn run(mut self, whim: &mut Whim<'_>) {
        for slot in 0..SLOTS {
            for _ in 0..whim.below(3) {
                let client = whim.below(CLIENTS);
                let operation = whim.bytes(24);
                self.submit(client, operation);
            }
            self.run_until(FIRST + ROUND * (slot + 1), whim);
        }
        // What was asked for is executed, with a traitor that says nothing any more.
        let silent = &mut Whim::new(&[]);
        (0..CLIENTS).for_each(|client| self.submit(client, b"the last"));
        self.run_until(FIRST + ROUND * (SLOTS + REST), silent);
        for (id, client) in self.clients.iter().enumerate() {
            assert!(!client.is_busy(), "c{id} has no answer");
        }
        let loyal: Vec<usize> = (0..self.nodes).filter(|id| *id != self.traitor).collect();
        for id in &loyal {
            assert!(self.logs[*id] == self.logs[loyal[0]], "g{id} executed something else");
        }
        let mut once = BTreeSet::new();
        for (_, client, timestamp, _) in &self.logs[loyal[0]] {
            assert!(once.insert((client, timestamp)), "c{client}@{timestamp} twice");
        }
    }

    fn is_loyal(&self, id: usize) -> bool {
        id != self.traitor
    }

    fn enqueue(&mut self, at: u64, event: Event) {
        self.queue.insert((at, self.queued), event);
        self.queued += 1;
    }

    fn post(&mut self, from: Principal, to: Principal, delay: u64, payload: Rc<[u8]>) {
        self.enqueue(self.now + delay, Event::Arrival { from, to, payload });
    }

    fn run_until(&mut self, end: u64, whim: &mut Whim<'_>) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now = self.now.max(at);
            match event {
                Event::Wake(id) => self.step_general(id, None, whim),
                Event::WakeClient(id) => self.step_client(id, Input::Wake),
                Event::Arrival { from, to: Principal::Node(to), payload } => {
                    self.step_general(to.index(), Some((from, payload)), whim);
                }
                Event::Arrival { from, to: Principal::Client(to), payload } => {
                    let Ok(message) = wire::decode::<ClientMessage<'_>>(&payload) else { continue };
                    let (roster, scheme) = (self.roster.clone(), self.scheme.clone());
                    if let Ok(message) = roster.verify(&scheme, from, message) {
                        self.step_client(to.index(), Input::Message(message));
                    }
                }
            }
        }
        self.now = end;
    }

    fn submit(&mut self, client: usize, operation: &[u8]) {
        if !self.clients[client].is_busy() {
            self.asked[client].insert(operation.to_vec());
            let command = ClientCommand::Submit { operation, wall_micros: 0 };
            self.step_client(client, Input::Command(command));
        }
    }

    fn step_client(&mut self, id: usize, input: Input<ClientCommand<'_>, ClientMessage<'_>>) {
        let (now, me) = (Instant::from_micros(self.now), Principal::Client(ClientId(id as u16)));
        let mut sent = Vec::new();
        for output in self.clients[id].step(now, input) {
            match output {
                Output::Send { message, .. } => sent.push(seal(me, self.roster.scope(), message)),
                Output::Decide(ClientDecision::Done { reply }) => {
                    let said = self
                        .replies
                        .iter()
                        .any(|((client, _), known)| usize::from(*client) == id && known == reply);
                    assert!(said, "c{id} believes a reply that no loyal general sent");
                }
                Output::Decide(ClientDecision::Failed(failure)) => {
                    panic!("c{id} fails: {failure:?}")
                }
                Output::Accuse { node, .. } => assert!(node.index() == self.traitor),
                _ => {}
            }
        }
        if let Some(due) = self.clients[id].deadline() {
            self.enqueue(due.as_micros().max(self.now + 1), Event::WakeClient(id));
        }
        for payload in sent {
            self.requests.push(Rc::clone(&payload));
            (0..self.nodes).for_each(|to| self.post(me, node(to), DELAY, Rc::clone(&payload)));
        }
    }

    fn step_general(
        &mut self,
        id: usize,
        arrived: Option<(Principal, Rc<[u8]>)>,
        whim: &mut Whim<'_>,
    ) {
        let Some(mut general) = self.generals[id].take() else { return };
        let now = Instant::from_micros(self.now);
        let mut answers = Vec::new();
        if let Some((from, payload)) = &arrived {
            match self.wall(&mut general, now, *from, payload) {
                Ok(Some(input)) => {
                    self.perform(id, general.step(now, input), &mut answers, whim);
                }
                Ok(None) => {}
                Err(fault) => self.accuse(id, *from, fault),
            }
        } else {
            self.perform(id, general.step(now, Input::Wake), &mut answers, whim);
        }
        while !answers.is_empty() {
            let answer = answers.remove(0);
            let command = match &answer {
                Answer::Executed(slot, client, reply) => {
                    Command::Executed { slot: *slot, client: *client, reply }
                }
                Answer::Captured(slot, state) => Command::Captured { slot: *slot, state: *state },
            };
            self.perform(id, general.step(now, Input::Command(command)), &mut answers, whim);
        }
        if let Some(due) = general.deadline()
            && (arrived.is_none() || due <= now)
        {
            self.enqueue(due.as_micros().max(self.now), Event::Wake(id));
        }
        self.generals[id] = Some(general);
    }

    #[allow(clippy::type_complexity, reason = "the type of a general's input")]
    fn wall<'p>(
        &self,
        general: &mut Member<P>,
        now: Instant,
        from: Principal,
        payload: &'p [u8],
    ) -> Result<Option<Input<Command<'p>, Message<'p, P>>>, quorate::Fault> {
        let message = wire::decode::<Message<'p, P>>(payload);
        let mut message = message.map_err(|_| quorate::Fault::Malformed)?;
        match general.admit(now, from, &mut message) {
            Admission::Refused(fault) => Err(fault),
            Admission::Known | Admission::Later { .. } => Ok(None),
            Admission::Verify => {
                let verified = self.roster.verify(&self.scheme, from, message);
                verified.map(|it| Some(Input::Message(it)))
            }
        }
    }

    fn perform<'g>(
        &mut self,
        id: usize,
        outputs: impl Iterator<Item = quorate::OutputOf<'g, Member<P>>>,
        answers: &mut Vec<Answer>,
        whim: &mut Whim<'_>,
    ) where
        P: 'g,
    {
        for output in outputs {
            match output {
                Output::Persist(never) => match never {},
                Output::Send { to, message } => {
                    let payload = seal(node(id), self.roster.scope(), message);
                    self.send(id, to, payload, whim);
                }
                Output::Accuse { node, fault } => self.accuse(id, Principal::Node(node), fault),
                Output::Refuse(refusal) => {
                    assert!(!self.is_loyal(id), "g{id} refuses: {refusal:?}");
                }
                Output::Decide(decision) => self.decide(id, decision, answers, whim),
            }
        }
    }

    fn decide(
        &mut self,
        id: usize,
        decision: Decision<'_, P>,
        answers: &mut Vec<Answer>,
        whim: &mut Whim<'_>,
    ) {
        match decision {
            Decision::Execute(execution) => {
                for request in execution.requests() {
                    let (client, operation) = (request.client, request.operation.0.to_vec());
                    let asked = self.asked[client.index()].contains(&operation);
                    assert!(asked, "g{id} executes what c{} never asked for", client.0);
                    let entry = (execution.slot(), client.0, request.timestamp, operation);
                    self.logs[id].push(entry);
                    let reply = (self.logs[id].len() as u64).to_le_bytes().to_vec();
                    answers.push(Answer::Executed(execution.slot(), client, reply));
                }
            }
            Decision::Capture { slot, clients } => {
                let mut table = vec![0; clients.encoded_len()];
                clients.encode(&mut table).expect("as long as it says");
                let state = format!("{:?}", self.logs[id]).into_bytes();
                answers.push(Answer::Captured(slot, Digest::of(&state)));
                self.captured[id] = Some((slot, table, state));
            }
            Decision::ServeState { to, slot } => {
                let captured = self.captured[id].clone().filter(|(at, ..)| *at == slot);
                let (_, clients, state) = captured.expect("the state that is served was captured");
                let (clients, state) = (Bytes(&clients), Bytes(&state));
                let message: Message<'_, P> = Message::State { slot, clients, state };
                let payload = seal(node(id), self.roster.scope(), message);
                self.send(id, Target::Node(to), payload, whim);
            }
            Decision::Install { .. } => {
                assert!(!self.is_loyal(id), "g{id} missed nothing, and takes over a state");
            }
        }
    }

    fn accuse(&self, by: usize, who: Principal, fault: quorate::Fault) {
        let fair = !self.is_loyal(by) || who == node(self.traitor);
        assert!(fair, "g{by} says of the loyal {who:?}: {fault}");
    }

    fn send(&mut self, from: usize, to: Target, payload: Rc<[u8]>, whim: &mut Whim<'_>) {
        if let Target::Client(client) = to {
            if self.is_loyal(from)
                && let Ok(ClientMessage::Reply(reply)) = wire::decode(&payload)
            {
                let key = (client.0, reply.timestamp);
                let known = self.replies.entry(key).or_insert_with(|| reply.reply.0.to_vec());
                assert!(*known == reply.reply.0, "two replies for c{}@{}", key.0, key.1);
            }
            return self.post(node(from), Principal::Client(client), DELAY, payload);
        }
        if self.seen.len() == SEEN {
            self.seen.remove(0);
        }
        self.seen.push(Rc::clone(&payload));
        for peer in (0..self.nodes).filter(|peer| *peer != from) {
            if !to.includes(NodeId(peer as u8)) {
                continue;
            }
            if self.is_loyal(from) {
                self.post(node(from), node(peer), DELAY, Rc::clone(&payload));
            } else {
                self.lie(peer, &payload, whim);
            }
        }
    }

    /// What the traitor says to one peer instead of what its machine would.
    fn lie(&mut self, peer: usize, payload: &[u8], whim: &mut Whim<'_>) {
        for _ in 0..whim.below(4) {
            let said: Rc<[u8]> = match whim.below(8) {
                0 => whim.pick(&self.seen).cloned().unwrap_or_default(),
                1 => whim.bytes(64).into(),
                2 | 3 => {
                    let mut bent = payload.to_vec();
                    let at = whim.below(bent.len());
                    match whim.below(3) {
                        0 => bent.truncate(at),
                        1 => bent[at] ^= 1 << whim.below(8),
                        _ => bent[at] = whim.byte(),
                    }
                    bent.into()
                }
                4 | 5 => self.propose(payload, whim).unwrap_or_default(),
                _ => payload.into(),
            };
            let delay = if whim.chance(224) { DELAY } else { whim.below(32) as u64 * ROUND / 8 };
            self.post(node(self.traitor), node(peer), delay, said);
        }
    }

    /// Another proposal of the traitor's for the slot that its machine speaks about.
    fn propose(&self, payload: &[u8], whim: &mut Whim<'_>) -> Option<Rc<[u8]>> {
        let message = wire::decode::<Message<'_, P>>(payload);
        let Ok(Message::Slot(frame)) = message else { return None };
        let slot = if whim.chance(16) { whim.number(8) } else { frame.number };
        let mut batch = Vec::new();
        for _ in 0..whim.below(3) {
            let request = wire::decode(whim.pick(&self.requests)?).ok()?;
            let ClientMessage::Request(request) = request else { return None };
            super::phrases::append(&mut batch, &request);
        }
        if whim.chance(32) {
            batch.extend(whim.bytes(16));
        }
        let proposal = if batch.is_empty() { None } else { Proposed::from_bytes(&batch) };
        let proposal = proposal.unwrap_or(Proposed::NULL);
        let me = NodeId(self.traitor as u8);
        let key = Key::new(SEED, Principal::Node(me));
        let sign = |statement: &Digest| key.sign(statement);
        let parts = P::propose(slot, me, proposal, self.roster.scope(), &sign);
        let frame = quorate::vector::Message::from_parts(slot, &parts);
        let message: Message<'_, P> = Message::Slot(frame);
        Some(seal(node(self.traitor), self.roster.scope(), message))
    }
}

fn seal<M: Signed + serde::Serialize>(me: Principal, scope: &Scope, message: M) -> Rc<[u8]> {
    let mut buffer = vec![0; wire::encoded_len(&message)];
    let sealed = wire::seal(message, me, scope, &Key::new(SEED, me), &mut buffer);
    Rc::from(sealed.expect("as long as it says"))
}
