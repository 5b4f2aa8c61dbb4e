//! A whole run of a service in lockstep, in one virtual world.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::Creed;
use super::super::line::{Line, Said};
use super::super::mishap::{Mishap, is_deaf, outbound};
use super::super::mouth::{Speech, cast};
use super::super::plan::Plan;
use super::super::statistics::Statistics;
use super::annals::{self, Annals};
use super::bounds::Bounds;
use super::creed::Serving;
use super::errands::{Errands, Lie, Pace, Wish};
use super::host::{Answer, Host};
use super::patron::{OTHER, Patron, in_batch};
use super::room::{CLIENTS, Parcel, ROOM, Slots, member};
use crate::engine::{Engine, Event, Payload};
use crate::network::Traffic;
use crate::random::Random;
use crate::scheme::{Key, Scheme};
use crate::transcript::Transcript;
use crate::violation::Violation;
use core::time::Duration;
use quorate::lockstep::Message;
use quorate::protocol::Target;
use quorate::rounds::Instance;
use quorate::service::ClientCommand;
use quorate::vector::Broadcast;
use quorate::{
    ClientId, Digest, Fault, Input, Instant, NodeId, NodeSet, Principal, PublicKey, Roster, wire,
};
use std::collections::VecDeque;

/// Bytes of a signature: a proposal of fewer has no request in it.
const SIGNATURE: usize = 64;
/// Bytes of the longest message.
const BYTES: usize = 1 << 16;

/// What else happens in a town.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// A message waited for a general that stood still.
    Held(Principal, NodeId, Payload),
    /// A wake-up did.
    Woken(NodeId, u32),
    /// A general loses its power, and has it back after a while.
    Crash(NodeId, Duration),
    /// It is started again.
    Restart(NodeId),
    /// A host is done with what it was given.
    Answers(NodeId, u32, Vec<Answer>),
    /// A client asks for its next operation.
    Ask(ClientId),
    /// A client that lies makes a request.
    MakeUp(Lie),
    /// A host takes so long from now on.
    Pace(Pace),
}

/// Generals of a service, and its clients, in a virtual world.
#[derive(Debug)]
pub struct Town<C>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    pub(super) plan: Plan,
    pub(super) slots: Slots,
    pub(super) engine: Engine<Happening>,
    pub(super) roster: Roster<Vec<PublicKey>>,
    pub(super) scheme: Scheme,
    pub(super) hosts: Vec<Host<C>>,
    pub(super) patrons: Vec<Patron>,
    pub(super) cabal: Cabal<Parcel>,
    pub(super) annals: Annals,
    pub(super) luck: Random,
    /// Microseconds that hosts take which take the time that they are told.
    pub(super) backlog: u64,
    pool: Vec<Parcel>,
}

impl<C> Town<C>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    /// The town of a plan at time zero; `text`: keep a readable transcript.
    ///
    /// # Panics
    /// The sizes of the plan cannot work.
    #[must_use]
    pub fn new(plan: Plan, text: bool) -> Self {
        let mut town = Self::found(plan, text);
        town.invite();
        town.open();
        town
    }

    /// The same with clients that say this and nothing else, and hosts that take no time but this.
    ///
    /// # Panics
    /// The sizes of the plan cannot work, or there is no such client.
    #[must_use]
    pub fn told(plan: Plan, errands: &Errands, text: bool) -> Self {
        let mut town = Self::found(plan, text);
        town.slots.work = 0;
        for me in (0..CLIENTS as u16).map(ClientId) {
            let all: VecDeque<Wish> =
                errands.wishes.iter().filter(|wish| wish.client == me).cloned().collect();
            let first = all.front().map(|wish| wish.at);
            let lies = errands.lies.iter().any(|lie| lie.client == me);
            town.patrons.push(Patron { wishes: all.clone(), lies, ..town.patron(me, all.len()) });
            first.into_iter().for_each(|at| town.engine.schedule(at, Happening::Ask(me)));
        }
        for lie in &errands.lies {
            town.engine.schedule(lie.at, Happening::MakeUp(lie.clone()));
        }
        for pace in &errands.paces {
            town.engine.schedule(pace.at, Happening::Pace(*pace));
        }
        let faulty = town.plan.faulty();
        town.backlog = errands.work(|node| !faulty.contains(node)).as_micros() as u64;
        town.open();
        town
    }

    /// A client with so many requests.
    fn patron(&self, me: ClientId, requests: usize) -> Patron {
        let retry = Duration::from_micros(4 * self.plan.interval + self.agreement());
        Patron::new(self.plan.seed, me, self.plan.faults, retry, requests)
    }

    /// All generals are started.
    fn open(&mut self) {
        (0..self.plan.nodes as u8).for_each(|id| self.wake(NodeId(id), 0));
    }

    fn found(plan: Plan, text: bool) -> Self {
        let mut engine = Engine::with_room(plan.seed, plan.timing.weather(), text, BYTES);
        engine.network.terrain.tail = plan.timing.tail;
        engine.transcript.remark(&plan);
        let scheme = Scheme::new(plan.seed, plan.nodes, CLIENTS);
        let (nodes, clients) = (scheme.nodes().to_vec(), scheme.clients().to_vec());
        let cluster = Digest::of(&plan.seed.to_le_bytes());
        let roster = Roster::new(cluster, 0, nodes, clients, &scheme);
        let roster = roster.expect("keys of the simulation are a roster");
        let mut luck = engine.random.fork();
        let (scope, lies) = (*roster.scope(), engine.random.fork());
        let cabal = Cabal::new(plan.seed, plan.liars(), plan.nodes, scope, lies);
        let work = *luck.pick(&[0, 0, plan.interval / 4]);
        let slots = Slots { first: plan.timing.start(), interval: plan.interval, work };
        let hosts = (0..plan.nodes as u8).map(|id| {
            let me = NodeId(id);
            let role = plan.traitors.iter().find(|(node, _)| *node == me);
            let keys = (roster.clone(), scheme.clone());
            Host {
                me,
                key: Key::new(plan.seed, Principal::Node(me)),
                clock: plan.clocks[me.index()],
                general: Some(member(&plan, &slots, me, keys, C::rules)),
                life: 0,
                due: None,
                verified: 0,
                log: Vec::new(),
                takes: None,
                busy: Instant::ZERO,
                captured: None,
                mishaps: plan.mishaps_of(me).collect(),
                mouth: role.and_then(|(_, role)| cast(*role)),
            }
        });
        let hosts = hosts.collect();
        let costs = <Serving<C> as Creed>::costs(plan.nodes, plan.faults, ROOM + 4);
        let annals = Annals::new(&plan, Bounds::new(&plan, &slots, costs));
        let (patrons, pool) = (Vec::new(), vec![Parcel::NULL]);
        let backlog = 0;
        let mut town = Self {
            plan,
            slots,
            engine,
            roster,
            scheme,
            hosts,
            patrons,
            cabal,
            annals,
            luck,
            backlog,
            pool,
        };
        town.cabal.plot(&town.pool);
        town
    }

    /// Clients, and when they begin; power cuts.
    fn invite(&mut self) {
        let busy = self.plan.slots * self.plan.interval;
        for id in 0..CLIENTS as u16 {
            let requests = self.luck.between(0, 4) as usize;
            let me = ClientId(id);
            let mut patron = self.patron(me, requests);
            if !self.plan.traitors.is_empty() && self.luck.chance(200) {
                let all = (0..self.plan.nodes as u8).map(NodeId);
                patron.victims = all.filter(|_| self.luck.chance(500)).collect();
            }
            self.patrons.push(patron);
            let at = Instant::from_micros(self.luck.below(busy));
            self.engine.schedule(at, Happening::Ask(me));
        }
        for (node, mishap) in self.plan.mishaps.clone() {
            if let Mishap::Crashed(at) = mishap {
                let down = Duration::from_micros(self.luck.below(8 * self.plan.interval));
                self.engine.schedule(at, Happening::Crash(node, down));
            }
        }
    }

    /// Microseconds from the beginning of a slot until all have agreed.
    pub(super) fn agreement(&self) -> u64 {
        u64::from(self.plan.rounds()) * self.plan.timing.round
    }

    /// Plays to the end.
    ///
    /// # Errors
    /// The first violation.
    pub fn run(&mut self) -> Result<(), Violation> {
        let end = Instant::from_micros(self.plan.length());
        while self.annals.court.violation().is_none()
            && self.engine.next_at().is_some_and(|at| at <= end)
            && let Some(event) = self.engine.advance()
        {
            self.happen(event);
        }
        let now = self.engine.now();
        for host in &self.hosts {
            if let Some(general) = &host.general {
                self.annals.stands(now, host.me, general.status().is_behind, &host.log);
            }
        }
        for patron in &self.patrons {
            let promised = patron.is_promised(|node| self.annals.court.is_correct(node));
            if promised && (patron.client.is_busy() || patron.left > 0) {
                let what = format!("c{} has no answer in the end", patron.me.0);
                self.annals.court.fail("progress", now, what);
            }
        }
        self.annals.court.verdict()
    }

    fn happen(&mut self, event: Event<Happening>) {
        match event {
            Event::Deliver { from, to: Principal::Node(to), payload }
            | Event::Own(Happening::Held(from, to, payload)) => self.receive(from, to, payload),
            Event::Deliver { from, to: Principal::Client(to), payload } => {
                self.hear(to, from, &payload);
            }
            Event::Wake { who: Principal::Node(node), life }
            | Event::Own(Happening::Woken(node, life)) => self.wake(node, life),
            Event::Wake { who: Principal::Client(client), .. } => self.ring(client),
            Event::Own(Happening::Crash(node, down)) => {
                self.hosts[node.index()].fall();
                self.annals.court.statistics.crashes += 1;
                self.enter(&Line::Crashed { node });
                let now = self.engine.now();
                let back = now.after(down);
                self.annals.ledger.goes_away(&self.plan, node, now, back);
                self.engine.schedule(back, Happening::Restart(node));
            }
            Event::Own(Happening::Restart(node)) => {
                self.enter(&Line::Restarted { node });
                let keys = (self.roster.clone(), self.scheme.clone());
                let general = member(&self.plan, &self.slots, node, keys, C::rules);
                let host = &mut self.hosts[node.index()];
                host.general = Some(general);
                let life = host.life;
                self.wake(node, life);
            }
            Event::Own(Happening::Answers(node, life, answers)) => {
                self.answer(node.index(), life, answers);
            }
            Event::Own(Happening::Ask(client)) => self.ask(client),
            Event::Own(Happening::MakeUp(lie)) => self.make_up(&lie),
            Event::Own(Happening::Pace(Pace { node, takes, .. })) => {
                self.enter(&Line::Paced { node, takes });
                self.hosts[node.index()].takes = Some(takes);
            }
        }
    }

    /// What a general has executed: the slot of each operation, in order.
    pub fn history(&self, node: NodeId) -> impl Iterator<Item = (u64, &[u8])> {
        let host = self.hosts.get(node.index());
        host.into_iter().flat_map(|host| &host.log).map(|entry| (entry.0, &entry.3[..]))
    }

    /// Whether a general has proposed requests in a slot; `None`: nobody knows of a proposal of it.
    #[must_use]
    pub fn proposes(&self, node: NodeId, slot: u64) -> Option<bool> {
        self.annals.ledger.proposal(node, slot).map(|bytes| bytes.len() >= SIGNATURE)
    }

    /// What a checker objected to first.
    #[must_use]
    pub const fn violation(&self) -> Option<&Violation> {
        self.annals.court.violation()
    }

    /// What happened so far.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.engine.transcript
    }

    /// What happened, after the end.
    #[must_use]
    pub fn into_transcript(self) -> Transcript {
        self.engine.transcript
    }

    /// What happened so far, in numbers.
    #[must_use]
    pub const fn statistics(&self) -> &Statistics {
        &self.annals.court.statistics
    }

    /// What became of messages so far.
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.engine.network.traffic()
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.engine.now()
    }

    fn ask(&mut self, client: ClientId) {
        let patron = &mut self.patrons[client.index()];
        if patron.left == 0 || patron.client.is_busy() {
            return;
        }
        patron.left -= 1;
        patron.since = self.engine.now();
        let operation = patron.operation(&mut self.luck);
        self.annals.asked(client, &operation);
        if !self.patrons[client.index()].victims.is_empty() {
            self.annals.asked(client, OTHER);
        }
        self.enter(&Line::Asked { client, operation: &operation });
        let command = ClientCommand::Submit { operation: &operation, wall_micros: 0 };
        self.step_client(client, Input::Command(command));
    }

    /// A request was heard: traitors may propose it, alone, with others, or bent.
    pub(super) fn gossip(&mut self, payload: &[u8]) {
        if self.cabal.members.is_empty() {
            return;
        }
        let Some((request, forged)) = in_batch(payload) else { return };
        let two = [&request[..], &request].concat();
        let cut = &request[..request.len() / 2];
        for batch in [&request[..], &forged, &two, &[], cut] {
            self.pool.extend(Parcel::from_bytes(batch));
        }
        let excess = self.pool.len().saturating_sub(24);
        self.pool.drain(..excess);
        self.cabal.plot(&self.pool);
    }

    /// Sends a message of a general to all for whom it is, or what its mouth makes of it.
    pub(super) fn send(&mut self, id: usize, to: Target, payload: &Payload) {
        let me = NodeId(id as u8);
        if let Target::Client(client) = to {
            return self.post(me, Principal::Client(client), payload);
        }
        let everybody = (0..self.plan.nodes as u8).map(NodeId);
        let receivers: NodeSet =
            everybody.filter(|node| *node != me && to.includes(*node)).collect();
        let mut mouth = self.hosts[id].mouth.take();
        for receiver in receivers.iter() {
            let Some(mouth) = &mut mouth else {
                self.post(me, Principal::Node(receiver), payload);
                continue;
            };
            let mut out = Vec::new();
            let at = self.occasion(id, receiver, payload);
            mouth.speak(&mut self.cabal, at, Some(payload), &mut out);
            out.into_iter().for_each(|speech| self.lie(me, receiver, speech));
        }
        self.hosts[id].mouth = mouth;
    }

    /// In which slot and round a traitor speaks.
    fn occasion(&self, id: usize, to: NodeId, payload: &[u8]) -> Occasion {
        let (from, local) = (NodeId(id as u8), self.hosts[id].clock.read(self.engine.now()));
        let number = match wire::decode::<Message<'_, C::Rules>>(payload) {
            Ok(Message::Slot(frame)) => frame.number,
            _ => 0,
        };
        let length = Duration::from_micros(self.plan.timing.round);
        let start = self.slots.config(&self.plan, from).start(number);
        let passed = local.since(start).as_micros() / length.as_micros().max(1);
        let rounds = self.plan.rounds();
        let round = u8::try_from(passed).unwrap_or(u8::MAX).saturating_add(1).min(rounds);
        Occasion { instance: Instance { number, commander: from }, round, rounds, from, to, length }
    }

    /// A message of one who speaks the truth, as far as it knows it.
    fn post(&mut self, from: NodeId, to: Principal, payload: &Payload) {
        let sender = Principal::Node(from);
        self.enter(&Line::Sent { from: sender, to: Some(to), said: said::<C>(payload) });
        self.cabal.overhear(from, payload);
        let round = self.plan.timing.round;
        let late = outbound(&self.hosts[from.index()].mishaps, &mut self.luck, round);
        self.carry(sender, to, payload, late);
    }

    /// Hands a message to the network, so late; `None`, or a receiver that does not hear it: it is
    /// lost.
    pub(super) fn carry(
        &mut self,
        from: Principal,
        to: Principal,
        payload: &Payload,
        late: Option<Duration>,
    ) {
        let deaf = match to {
            Principal::Node(node) => is_deaf(&self.hosts[node.index()].mishaps, &mut self.luck),
            Principal::Client(_) => false,
        };
        let Some(late) = late.filter(|_| !deaf) else {
            self.annals.court.statistics.losses += 1;
            return self.enter(&Line::Lost { from, to });
        };
        self.engine.send_after(late, from, to, payload);
    }

    /// What a traitor says.
    fn lie(&mut self, from: NodeId, to: NodeId, Speech { after, payload }: Speech) {
        self.annals.court.statistics.lies += 1;
        self.enter(&Line::Lied { from, to, after, said: said::<C>(&payload) });
        self.cabal.overhear(from, &payload);
        let (from, to) = (Principal::Node(from), Principal::Node(to));
        self.engine.send_after(after, from, to, &payload);
    }

    /// A host is done: it tells its general.
    fn answer(&mut self, id: usize, life: u32, answers: Vec<Answer>) {
        if self.hosts[id].life != life || self.hosts[id].general.is_none() {
            return;
        }
        // A host that stands still is late with its answers too.
        if let Some(until) = self.hosts[id].frozen(self.engine.now()) {
            let held = Happening::Answers(NodeId(id as u8), life, answers);
            return self.engine.schedule(until, held);
        }
        self.tell(id, answers);
    }

    pub(super) fn accuse(&mut self, by: NodeId, who: NodeId, fault: Fault) {
        let now = self.engine.now();
        self.enter(&Line::Accused { node: by, who, fault });
        self.annals.accused(now, by, who, fault);
    }

    pub(super) fn enter(&mut self, line: &Line<'_>) {
        let now = self.engine.now();
        self.engine.transcript.enter(now, line);
        if let Some(chronicle) = self.engine.transcript.chronicle_mut() {
            line.tell(now, chronicle);
        }
    }

    /// The history of a general, as its state.
    pub(super) fn state(&self, id: usize) -> Vec<u8> {
        annals::encode(&self.hosts[id].log)
    }
}

pub(super) fn said<C>(bytes: &[u8]) -> Said<'_>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    Said { bytes, kind: <Serving<C> as Creed>::FRAME, tell: <Serving<C> as Creed>::tell }
}
