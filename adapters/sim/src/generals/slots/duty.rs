//! What happens to a general and to a client of a town in one step.

use super::super::creed::Creed;
use super::super::line::Line;
use super::super::member::Counting;
use super::super::timing::ORIGIN;
use super::annals::{self, decode, reply};
use super::creed::Serving;
use super::errands::Lie;
use super::host::Answer;
use super::room::{Member, Parcel};
use super::town::{Happening, Town, said};
use crate::engine::Payload;
use crate::probe::{self, Watched};
use crate::transcript::Fingerprint;
use core::time::Duration;
use quorate::lockstep::{ClientMessage, Command, Decision, Message};
use quorate::protocol::Target;
use quorate::service::{ClientCommand, ClientDecision};
use quorate::vector::Broadcast;
use quorate::wire::{self, Bytes};
use quorate::{
    Admission, ClientId, Digest, Fault, Input, NodeId, Output, Principal, Protocol, Refusal,
    Verified,
};
use std::cell::Cell;
use std::hash::Hasher;

/// What a step of a general leads to, with nothing borrowed from it.
#[derive(Debug)]
enum Deed {
    Say(Target, Payload),
    Blame(NodeId, Fault),
    Refuse(Refusal),
    Execute(Vec<annals::Entry>),
    Capture(u64, Vec<u8>),
    Serve(NodeId, u64),
    Install(u64),
}

impl<C> Town<C>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    /// Has a general woken when its deadline has come by its clock, and its host has taken its
    /// time.
    pub(super) fn set_alarm(&mut self, id: usize) {
        let host = &mut self.hosts[id];
        let Some(general) = &host.general else { return };
        let deadline = general.deadline();
        if deadline == host.due {
            return;
        }
        host.due = deadline;
        let Some(deadline) = deadline else { return };
        let at = host.clock.reaches(self.engine.now(), deadline);
        let nap = self.plan.timing.nap(&mut self.luck);
        self.engine.wake_at(at.after(nap), Principal::Node(host.me), host.life);
    }

    /// Steps a general whose deadline has come: also when it is started, for that it asks at once.
    pub(super) fn wake(&mut self, node: NodeId, life: u32) {
        let (now, id) = (self.engine.now(), node.index());
        let host = &self.hosts[id];
        let Some(general) = host.general.as_ref().filter(|_| host.life == life) else { return };
        if let Some(until) = host.frozen(now) {
            return self.engine.schedule(until, Happening::Woken(node, life));
        }
        let local = host.clock.read(now);
        if general.deadline().is_some_and(|due| due <= local) {
            self.hosts[id].due = None;
            self.step(id, Input::Wake, None);
        }
    }

    /// A message comes to the wall of a general: decoded, admitted, verified, then stepped.
    pub(super) fn receive(&mut self, from: Principal, to: NodeId, payload: Payload) {
        let (now, id) = (self.engine.now(), to.index());
        if self.hosts[id].general.is_none() {
            return;
        }
        if let Some(until) = self.hosts[id].frozen(now) {
            return self.engine.schedule(until, Happening::Held(from, to, payload));
        }
        self.enter(&Line::Heard { from, to: Principal::Node(to), said: said::<C>(&payload) });
        let local = self.hosts[id].clock.read(now);
        let Ok(mut message) = wire::decode::<Message<'_, C::Rules>>(&payload) else {
            return self.reject(to, from, Fault::Malformed);
        };
        let look = self.look(id, from, &message);
        let Some(general) = &mut self.hosts[id].general else { return };
        let fault = match general.admit(local, from, &mut message) {
            Admission::Verify => match self.verify(to, from, message) {
                Ok(verified) => return self.step(id, Input::Message(verified), Some(&payload)),
                Err(fault) => Some(fault),
            },
            Admission::Refused(fault) => Some(fault),
            Admission::Known | Admission::Later { .. } => None,
        };
        self.unmoved(id, look);
        if let Some(fault) = fault {
            self.reject(to, from, fault);
        }
    }

    /// Verifies the signatures of a message, and counts them.
    fn verify<'p>(
        &mut self,
        to: NodeId,
        from: Principal,
        message: Message<'p, C::Rules>,
    ) -> Result<Verified<Message<'p, C::Rules>>, Fault> {
        let counting = Counting { scheme: &self.scheme, count: Cell::new(0) };
        let verdict = self.roster.verify(&counting, from, message);
        let host = &mut self.hosts[to.index()];
        host.verified += counting.count.get();
        self.annals.verified(self.engine.now(), to, host.verified);
        verdict
    }

    /// What a general remembers before a message of one who is suspect, and whether that is about
    /// desks too: a request is charged at its client's. Of four runs one looks.
    fn look(
        &self,
        id: usize,
        from: Principal,
        message: &Message<'_, C::Rules>,
    ) -> Option<(u64, bool)> {
        let court = &self.annals.court;
        let trusted = matches!(from, Principal::Node(node) if court.is_correct(node));
        if trusted || !self.plan.seed.is_multiple_of(4) {
            return None;
        }
        let desks = !matches!(message, Message::Request(_));
        let general = self.hosts[id].general.as_ref()?;
        Some((memory::<C>(general, desks), desks))
    }

    /// A message was dropped at the wall: what the general remembers is what it was.
    fn unmoved(&mut self, id: usize, look: Option<(u64, bool)>) {
        let (Some((before, desks)), Some(general)) = (look, &self.hosts[id].general) else {
            return;
        };
        if memory::<C>(general, desks) != before {
            let what = format!("a message that was dropped has changed what r{id} remembers");
            self.annals.court.fail("unmoved", self.engine.now(), what);
        }
    }

    fn reject(&mut self, by: NodeId, from: Principal, fault: Fault) {
        self.annals.court.statistics.rejected += 1;
        if let Principal::Node(who) = from {
            self.accuse(by, who, fault);
        }
    }

    /// Hands a general what its host has for it.
    pub(super) fn tell(&mut self, id: usize, answers: Vec<Answer>) {
        for answer in answers {
            let command = match &answer {
                Answer::Executed(slot, client, reply) => {
                    Command::Executed { slot: *slot, client: *client, reply }
                }
                Answer::Captured(slot, state) => Command::Captured { slot: *slot, state: *state },
            };
            self.step(id, Input::Command(command), None);
        }
    }

    /// Steps a general, and carries out all that comes of it.
    fn step(
        &mut self,
        id: usize,
        input: Input<Command<'_>, Message<'_, C::Rules>>,
        payload: Option<&[u8]>,
    ) {
        let now = self.engine.now();
        let host = &mut self.hosts[id];
        let local = host.clock.read(now);
        let Some(general) = &mut host.general else { return };
        let (me, scope) = (Principal::Node(host.me), self.roster.scope());
        let slot = general.status().next;
        let mut deeds = Vec::new();
        probe::enter();
        for output in Watched::of(general.step(local, input)) {
            deeds.push(match output {
                Output::Persist(never) => match never {},
                Output::Send { to, message } => {
                    Deed::Say(to, self.engine.seal(message, me, scope, &host.key))
                }
                Output::Accuse { node, fault } => Deed::Blame(node, fault),
                Output::Refuse(refusal) => Deed::Refuse(refusal),
                Output::Decide(Decision::Execute(execution)) => {
                    let slot = execution.slot();
                    let requests = execution.requests().map(|request| {
                        let operation = request.operation.0.to_vec();
                        (slot, request.client.0, request.timestamp, operation)
                    });
                    Deed::Execute(requests.collect())
                }
                Output::Decide(Decision::Capture { slot, clients }) => {
                    let mut table = vec![0; clients.encoded_len()];
                    let length = clients.encode(&mut table).unwrap_or_default();
                    table.truncate(length);
                    Deed::Capture(slot, table)
                }
                Output::Decide(Decision::ServeState { to, slot }) => Deed::Serve(to, slot),
                Output::Decide(Decision::Install { slot }) => Deed::Install(slot),
            });
        }
        if general.status().next != slot {
            host.verified = 0;
        }
        self.annals.stepped(now, host.me, deeds.len());
        let mut answers = Vec::new();
        for deed in deeds {
            self.carry_out(id, deed, payload, &mut answers);
        }
        self.set_alarm(id);
        if !answers.is_empty() {
            self.work(id, answers);
        }
    }

    /// A host takes its time for what its general has it do.
    fn work(&mut self, id: usize, answers: Vec<Answer>) {
        let (now, host) = (self.engine.now(), &mut self.hosts[id]);
        let (node, life) = (host.me, host.life);
        let Some(takes) = host.takes else {
            let done = now.after(Duration::from_micros(self.slots.work));
            return self.engine.schedule(done, Happening::Answers(node, life, answers));
        };
        for (done, answer) in host.schedule(now, takes, answers) {
            self.engine.schedule(done, Happening::Answers(node, life, vec![answer]));
        }
    }

    fn carry_out(
        &mut self,
        id: usize,
        deed: Deed,
        payload: Option<&[u8]>,
        answers: &mut Vec<Answer>,
    ) {
        let (now, node) = (self.engine.now(), NodeId(id as u8));
        match deed {
            Deed::Say(to, payload) => {
                if let Ok(Message::Reply(said)) = wire::decode::<Message<'_, C::Rules>>(&payload)
                    && said.outcome == quorate::service::Outcome::Executed
                {
                    self.annals.answered(now, node, said.client, said.timestamp, said.reply.0);
                }
                self.note_proposal(node, &payload);
                self.send(id, to, &payload);
            }
            Deed::Blame(who, fault) => self.accuse(node, who, fault),
            Deed::Refuse(refusal) => {
                self.enter(&Line::Refused { who: Principal::Node(node), refusal });
                self.annals.court.refused(now, node, refusal);
            }
            Deed::Execute(entries) => {
                for entry in entries {
                    let (slot, client, timestamp) = (entry.0, ClientId(entry.1), entry.2);
                    self.enter(&Line::Executed { node, slot, client, timestamp });
                    let place = self.hosts[id].log.len();
                    self.annals.executed(now, node, place, &entry);
                    answers.push(Answer::Executed(slot, client, reply(place, &entry).to_vec()));
                    self.hosts[id].log.push(entry);
                }
            }
            Deed::Capture(slot, table) => {
                self.enter(&Line::Captured { node, slot });
                let state = self.state(id);
                answers.push(Answer::Captured(slot, Digest::of(&state)));
                self.hosts[id].captured = Some((slot, table, state));
            }
            Deed::Serve(to, slot) => self.serve(id, to, slot),
            Deed::Install(slot) => self.install(id, slot, payload),
        }
    }

    /// Takes note of what a general proposes, if it does so in this frame.
    fn note_proposal(&mut self, node: NodeId, payload: &[u8]) {
        let Ok(Message::Slot(frame)) = wire::decode::<Message<'_, C::Rules>>(payload) else {
            return;
        };
        let mut mine = frame.parts().flatten().filter(|(commander, _)| *commander == node);
        if let Some(proposal) = mine.find_map(|(_, part)| C::opening(&part)) {
            self.annals.proposed(self.engine.now(), node, frame.number, proposal);
        }
    }

    /// Sends the state that was captured to one that rejoins.
    fn serve(&mut self, id: usize, to: NodeId, slot: u64) {
        let captured = self.hosts[id].captured.clone().filter(|(at, ..)| *at == slot);
        let Some((_, clients, state)) = captured else {
            let what = format!("r{id} serves a state that it never captured, of slot {slot}");
            return self.annals.court.fail("agreement", self.engine.now(), what);
        };
        let (clients, state) = (Bytes(&clients), Bytes(&state));
        let message: Message<'_, C::Rules> = Message::State { slot, clients, state };
        let (me, scope) = (Principal::Node(self.hosts[id].me), self.roster.scope());
        let payload = self.engine.seal(message, me, scope, &self.hosts[id].key);
        self.send(id, Target::Node(to), &payload);
    }

    /// Takes over the state of the message that this step was about.
    fn install(&mut self, id: usize, slot: u64, payload: Option<&[u8]>) {
        let (now, node) = (self.engine.now(), NodeId(id as u8));
        self.enter(&Line::Installed { node, slot });
        let message = payload.and_then(|it| wire::decode::<Message<'_, C::Rules>>(it).ok());
        let log = match message {
            Some(Message::State { state, .. }) => decode(state.0),
            _ => None,
        };
        match log {
            Some(log) => {
                self.annals.installed(now, node, &log);
                self.hosts[id].log = log;
            }
            None => {
                self.annals.court.fail("agreement", now, format!("r{id} takes over no history"))
            }
        }
    }

    /// A message comes to a client.
    pub(super) fn hear(&mut self, client: ClientId, from: Principal, payload: &[u8]) {
        let to = Principal::Client(client);
        self.enter(&Line::Heard { from, to, said: said::<C>(payload) });
        let Ok(message) = wire::decode::<ClientMessage<'_>>(payload) else { return };
        if let Ok(verified) = self.roster.clone().verify(&self.scheme, from, message) {
            self.step_client(client, Input::Message(verified));
        }
    }

    pub(super) fn ring(&mut self, client: ClientId) {
        let (now, patron) = (self.engine.now(), &mut self.patrons[client.index()]);
        if patron.alarm.ring(now, patron.client.deadline()) {
            self.step_client(client, Input::Wake);
        }
    }

    pub(super) fn step_client(
        &mut self,
        client: ClientId,
        input: Input<ClientCommand<'_>, ClientMessage<'_>>,
    ) {
        let (now, me) = (self.engine.now(), Principal::Client(client));
        let patron = &mut self.patrons[client.index()];
        let (mut asks, mut replied, mut problem) = (None, None, None);
        for output in patron.client.step(now, input) {
            match output {
                Output::Persist(never) => match never {},
                Output::Send { message, .. } => {
                    if let ClientMessage::Request(request) = &message {
                        patron.timestamp = request.timestamp;
                    }
                    let scope = self.roster.scope();
                    asks = Some(self.engine.seal(message, me, scope, &patron.key));
                }
                Output::Decide(ClientDecision::Done { reply }) => replied = Some(reply.to_vec()),
                Output::Decide(ClientDecision::Failed(failure)) => {
                    problem = Some(format!("c{} fails: {failure:?}", client.0));
                }
                Output::Accuse { node, fault } if self.annals.court.is_correct(node) => {
                    let who = node.0;
                    problem =
                        Some(format!("c{} accuses the correct r{who} of {fault:?}", client.0));
                }
                Output::Accuse { .. } => {}
                Output::Refuse(refusal) => {
                    problem = Some(format!("c{} refuses: {refusal}", client.0));
                }
            }
        }
        patron.alarm.set(&mut self.engine, me, 0, patron.client.deadline());
        if let Some(what) = problem.filter(|_| !patron.lies) {
            self.annals.court.fail("client", now, what);
        }
        if let Some(payload) = asks {
            self.petition(client, &payload);
        }
        if let Some(reply) = replied {
            self.replied(client, &reply);
        }
    }

    /// A request goes to all generals.
    fn petition(&mut self, client: ClientId, payload: &Payload) {
        let patron = &self.patrons[client.index()];
        let (victims, hearers) = (patron.victims, patron.hearers);
        let other =
            (!victims.is_empty()).then(|| patron.other(self.roster.scope(), payload)).flatten();
        self.gossip(payload);
        let all = (0..self.plan.nodes as u8).map(NodeId);
        for node in all.filter(|node| hearers.is_none_or(|some| some.contains(*node))) {
            let request = other.as_ref().filter(|_| victims.contains(node)).unwrap_or(payload);
            let (from, to) = (Principal::Client(client), Principal::Node(node));
            self.enter(&Line::Sent { from, to: Some(to), said: said::<C>(request) });
            self.carry(from, to, request, Some(Duration::ZERO));
        }
    }

    /// A client makes a request as it likes, and sends it to whom it likes.
    pub(super) fn make_up(&mut self, lie: &Lie) {
        self.annals.asked(lie.client, &lie.operation);
        let patron = &self.patrons[lie.client.index()];
        let scope = self.roster.scope();
        let Some(request) = patron.request(scope, lie.timestamp, &lie.operation) else { return };
        self.gossip(&request);
        for node in lie.to.iter() {
            let (from, to) = (Principal::Client(lie.client), Principal::Node(node));
            self.enter(&Line::Sent { from, to: Some(to), said: said::<C>(&request) });
            self.carry(from, to, &request, Some(Duration::ZERO));
        }
    }

    /// A client has its reply: in time, and the right one.
    fn replied(&mut self, client: ClientId, reply: &[u8]) {
        let now = self.engine.now();
        self.enter(&Line::Replied { client });
        let patron = &self.patrons[client.index()];
        self.annals.believed(now, client, patron.timestamp, reply);
        // A request known to one correct general is executed in that general's next slot.
        let timing = self.plan.timing;
        let slot = self.plan.interval + 2 * timing.skew + self.agreement() + timing.margin;
        let most = slot + 2 * timing.delay.1 + 4 * self.slots.work + self.backlog;
        let first = self.slots.first.as_micros() - ORIGIN;
        let began = patron.since.as_micros().max(first.saturating_sub(self.plan.interval));
        let waited = now.as_micros() - began;
        let promised = patron.is_promised(|node| self.annals.court.is_correct(node));
        if waited > most && promised {
            let what = format!(
                "c{} waited for {waited} us, and {most} us is the most that censors make of it",
                client.0
            );
            self.annals.court.fail("progress", now, what);
        }
        if let Some(wish) = self.patrons[client.index()].wishes.front() {
            self.engine.schedule(wish.at, Happening::Ask(client));
        } else if self.patrons[client.index()].left > 0 {
            let pause = Duration::from_micros(self.luck.below(2 * self.plan.interval));
            self.engine.schedule(now.after(pause), Happening::Ask(client));
        }
    }
}

/// What a general remembers, in one number; what its clients have cost is at its desks.
fn memory<C>(general: &Member<C::Rules>, desks: bool) -> u64
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    let mut hasher = Fingerprint::default();
    let memory = general.memory();
    for lane in &memory.lanes {
        hasher.write(&[lane.round(), u8::from(lane.has_missed())]);
        Serving::<C>::remember(lane.rules(), &mut hasher);
    }
    hasher.write(&memory.requests);
    hasher.write(&memory.replies);
    let small = format!("{:?} {:?} {:?}", general.status(), memory.rows, memory.peers);
    hasher.write(small.as_bytes());
    if desks {
        hasher.write(format!("{:?}", memory.desks).as_bytes());
    }
    hasher.finish()
}
