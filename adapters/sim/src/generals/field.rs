//! A whole run of agreements in rounds, in one virtual world.

use super::cabal::{Cabal, Occasion};
use super::checks::Checks;
use super::creed::Creed;
use super::desk::Desk;
use super::line::Line;
use super::member::{Counting, Member};
use super::mishap::{is_deaf, outbound};
use super::mouth::{Mouth, Speech};
use super::muster::{member, orders, visible};
use super::plan::Plan;
use super::statistics::Statistics;
use super::telling::said;
use super::word::Word;
use crate::engine::{Engine, Event, Payload, perform};
use crate::network::Traffic;
use crate::random::Random;
use crate::scheme::Scheme;
use crate::transcript::{Fingerprint, Transcript};
use crate::violation::Violation;
use core::time::Duration;
use quorate::protocol::Target;
use quorate::rounds::{General, Instance, Rules};
use quorate::value::Order;
use quorate::{
    Admission, Digest, Fault, Input, Instant, NodeId, Principal, Protocol, PublicKey, Roster, wire,
};
use std::cell::Cell;
use std::hash::Hasher;

/// The number of the first agreement.
pub(crate) const FIRST: u64 = 3;
/// Bytes of the longest frame of a small field.
const SMALL: usize = 1 << 15;
/// And of any.
const LARGE: usize = 1 << 22;

/// What else happens in a field.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// A frame waited for a general that stood still.
    Held(Principal, NodeId, Payload),
    /// A wake-up did.
    Woken(NodeId, u32),
}

/// Generals of the creed `C` in a virtual world.
#[derive(Debug)]
pub struct Field<C: Creed> {
    plan: Plan,
    pub(super) engine: Engine<Happening>,
    roster: Roster<Vec<PublicKey>>,
    scheme: Scheme,
    members: Vec<Member<C>>,
    cabal: Cabal<C::Value>,
    checks: Checks<C::Value>,
    /// What wake-ups and mishaps draw from.
    luck: Random,
}

impl<C: Creed<Value: Word>> Field<C> {
    /// The field of a plan at time zero; `text`: keep a readable transcript.
    ///
    /// # Panics
    /// The sizes of the plan cannot work.
    #[must_use]
    pub fn new(plan: Plan, text: bool) -> Self {
        Self::raise(plan, None, text)
    }

    /// The same with these orders, of each general in each agreement, instead of drawn ones.
    ///
    /// # Panics
    /// The sizes of the plan cannot work, or there are not as many orders.
    #[must_use]
    pub fn ordered(plan: Plan, orders: Vec<Vec<C::Value>>, text: bool) -> Self {
        Self::raise(plan, Some(orders), text)
    }

    fn raise(plan: Plan, given: Option<Vec<Vec<C::Value>>>, text: bool) -> Self {
        let bytes = if plan.nodes <= 10 { SMALL } else { LARGE };
        let mut engine = Engine::with_room(plan.seed, plan.timing.weather(), text, bytes);
        engine.network.terrain.tail = plan.timing.tail;
        engine.transcript.remark(&plan);
        let scheme = Scheme::new(plan.seed, plan.nodes, 0);
        let (cluster, keys) = (Digest::of(&plan.seed.to_le_bytes()), scheme.nodes().to_vec());
        let roster = Roster::new(cluster, 0, keys, Vec::new(), &scheme);
        let roster = roster.expect("keys of the simulation are a roster");
        let mut luck = engine.random.fork();
        let (scope, lies) = (*roster.scope(), engine.random.fork());
        let mut cabal = Cabal::new(plan.seed, plan.liars(), plan.nodes, scope, lies);
        cabal.plot(&C::Value::pool(&mut luck));
        let orders = given.unwrap_or_else(|| orders(&plan, &mut luck));
        let costs = C::costs(plan.nodes, plan.faults, C::Value::BYTES);
        let told = visible(&plan, C::all_command(), &orders);
        let members = (0..plan.nodes as u8).map(|id| member(&plan, NodeId(id), &orders));
        let mut field = Self {
            checks: Checks::new(&plan, costs, told),
            members: members.collect(),
            plan,
            engine,
            roster,
            scheme,
            cabal,
            luck,
        };
        for id in 0..field.members.len() {
            (0..field.members[id].machines.len()).for_each(|which| field.set_alarm(id, which));
        }
        field
    }

    /// Has a traitor speak with another mouth than its role has.
    pub fn corrupt(&mut self, node: NodeId, mouth: Box<dyn Mouth<C>>) {
        self.members[node.index()].mouth = Some(mouth);
    }

    /// What a general has decided in an agreement, if it has: one entry for each commander.
    #[must_use]
    pub fn decision(&self, agreement: usize, node: NodeId) -> Option<&[Option<C::Value>]> {
        self.checks.decision(agreement, node)
    }

    /// Plays to the end.
    ///
    /// # Errors
    /// The first violation.
    pub fn run(&mut self) -> Result<(), Violation> {
        while self.checks.court.violation().is_none()
            && let Some(event) = self.engine.advance()
        {
            match event {
                Event::Deliver { from, to: Principal::Node(to), payload }
                | Event::Own(Happening::Held(from, to, payload)) => {
                    self.receive(from, to, payload);
                }
                Event::Wake { who: Principal::Node(node), life }
                | Event::Own(Happening::Woken(node, life)) => self.wake(node, life),
                Event::Deliver { .. } | Event::Wake { .. } => {}
            }
        }
        let now = self.engine.now();
        if self.checks.court.violation().is_none() {
            self.checks.finish(now);
        }
        self.checks.court.verdict()
    }

    /// What a checker objected to first.
    #[must_use]
    pub const fn violation(&self) -> Option<&Violation> {
        self.checks.court.violation()
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
        &self.checks.court.statistics
    }

    /// What became of frames so far.
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.engine.network.traffic()
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.engine.now()
    }

    /// Has a machine woken when its deadline has come by its general's clock, and its host has
    /// taken its time.
    fn set_alarm(&mut self, id: usize, which: usize) {
        let member = &mut self.members[id];
        let machine = &mut member.machines[which];
        let deadline = machine.general.deadline();
        if deadline == machine.due {
            return;
        }
        machine.due = deadline;
        let Some(deadline) = deadline else { return };
        let at = member.clock.reaches(self.engine.now(), deadline);
        let nap = self.plan.timing.nap(&mut self.luck);
        self.engine.wake_at(at.after(nap), Principal::Node(member.me), which as u32);
    }

    fn wake(&mut self, node: NodeId, life: u32) {
        let (now, id, which) = (self.engine.now(), node.index(), life as usize);
        let member = &self.members[id];
        if member.is_down(now) {
            return;
        }
        if let Some(until) = member.frozen(now) {
            return self.engine.schedule(until, Happening::Woken(node, life));
        }
        let local = member.clock.read(now);
        let due = member.machines[which].general.deadline();
        if due.is_some_and(|due| due <= local) {
            self.step(id, which, Input::Wake);
        }
    }

    /// A frame comes to the wall of a general: decoded, admitted, verified, then stepped.
    fn receive(&mut self, from: Principal, to: NodeId, payload: Payload) {
        let (now, id) = (self.engine.now(), to.index());
        if self.members[id].is_down(now) {
            return;
        }
        if let Some(until) = self.members[id].frozen(now) {
            return self.engine.schedule(until, Happening::Held(from, to, payload));
        }
        let line = Line::Heard { from, to: Principal::Node(to), said: said::<C>(&payload) };
        self.enter(&line);
        if self.members[id].twin.is_some() {
            self.tell_copy(to, &line);
        }
        let Ok(message) = wire::decode::<<C::Rules as Rules>::Message<'_>>(&payload) else {
            return self.reject(id, from, Fault::Malformed);
        };
        let agreements = self.plan.agreements.len();
        let number = C::number(&message).wrapping_sub(FIRST);
        let which = (number % agreements as u64) as usize;
        let copies = (which..self.members[id].machines.len()).step_by(agreements);
        // Both machines of a twin hear everything.
        copies.for_each(|which| self.hear(id, which, from, &payload));
    }

    fn hear(&mut self, id: usize, which: usize, from: Principal, payload: &[u8]) {
        let Ok(mut message) = wire::decode::<<C::Rules as Rules>::Message<'_>>(payload) else {
            return;
        };
        let suspect = !matches!(from, Principal::Node(node) if self.checks.court.is_correct(node));
        let machine = &mut self.members[id].machines[which];
        let before = (machine.general.round(), suspect.then(|| memory::<C>(&machine.general)));
        let second = match from {
            Principal::Node(node) if suspect => {
                C::is_second_word(machine.general.rules(), node, &message)
            }
            _ => false,
        };
        let admission = machine.general.admit(from, &mut message);
        let counting = Counting { scheme: &self.scheme, count: Cell::new(0) };
        let fault = match admission {
            Admission::Verify => match self.roster.verify(&counting, from, message) {
                Ok(verified) => {
                    machine.verified += counting.count.get();
                    self.step_message(id, which, before, Input::Message(verified));
                    if second {
                        // Nobody need be blamed again for it, but the first word stays.
                        self.unmoved(id, which, before, Fault::Equivocation);
                    }
                    return;
                }
                Err(fault) => fault,
            },
            Admission::Refused(fault) => fault,
            Admission::Known | Admission::Later { .. } => return,
        };
        machine.verified += counting.count.get();
        self.unmoved(id, which, before, fault);
        self.reject(id, from, fault);
    }

    /// Steps a message in; if its sender is blamed for it, it has changed nothing.
    fn step_message(
        &mut self,
        id: usize,
        which: usize,
        before: (u8, Option<u64>),
        input: Input<Order<C::Value>, <C::Rules as Rules>::Message<'_>>,
    ) {
        if let Some(fault) = self.step(id, which, input).filter(|_| C::WHOLE) {
            self.unmoved(id, which, before, fault);
        }
    }

    /// A frame was rejected: what the general remembers is what it was.
    fn unmoved(&mut self, id: usize, which: usize, before: (u8, Option<u64>), fault: Fault) {
        let general = &self.members[id].machines[which].general;
        let (round, Some(before)) = before else { return };
        if round == general.round() && memory::<C>(general) != before {
            let what = format!("a rejected frame ({fault:?}) has changed what r{id} remembers");
            self.checks.court.fail("unmoved", self.engine.now(), what);
        }
    }

    fn reject(&mut self, by: usize, from: Principal, fault: Fault) {
        let (now, node) = (self.engine.now(), NodeId(by as u8));
        self.checks.court.statistics.rejected += 1;
        if let Principal::Node(who) = from {
            self.checks.court.accused(now, node, who, fault);
            self.enter(&Line::Accused { node, who, fault });
        }
    }

    /// Steps a machine and does what it wants. Returns what the sender of the message that it was
    /// stepped with is blamed for, unless the message counts all the same.
    fn step(
        &mut self,
        id: usize,
        which: usize,
        input: Input<Order<C::Value>, <C::Rules as Rules>::Message<'_>>,
    ) -> Option<Fault> {
        let copy = which >= self.plan.agreements.len();
        self.turn_to(copy.then_some(Principal::Node(NodeId(id as u8))));
        let blame = self.step_machine(id, which, input);
        self.turn_to(None);
        blame
    }

    fn step_machine(
        &mut self,
        id: usize,
        which: usize,
        input: Input<Order<C::Value>, <C::Rules as Rules>::Message<'_>>,
    ) -> Option<Fault> {
        let now = self.engine.now();
        let sender = match &input {
            Input::Message(message) => Some(message.from()),
            _ => None,
        };
        let member = &mut self.members[id];
        let local = member.clock.read(now);
        let machine = &mut member.machines[which];
        let margin = Duration::from_micros(self.plan.timing.margin);
        let due = machine.general.deadline();
        machine.overslept |= due.is_some_and(|due| local > due.after(margin));
        let before = machine.general.round();
        let (overslept, scope) = (machine.overslept, self.roster.scope());
        let mut desk = Desk::<C> {
            me: Principal::Node(member.me),
            engine: &mut self.engine,
            key: &member.key,
            scope,
            sent: Vec::new(),
            entries: None,
            accused: Vec::new(),
            refused: None,
            outputs: 0,
        };
        perform(&mut machine.general, local, input, &mut desk);
        let Desk { sent, entries, accused, refused, outputs, .. } = desk;
        let (after, verified) = (machine.general.round(), machine.verified);
        if after != before {
            machine.verified = 0;
        }
        let me = member.me;
        let liar = member.mouth.is_some() || member.twin.is_some();
        let number = FIRST + (which % self.plan.agreements.len()) as u64;
        self.checks.spent(now, me, outputs, verified);
        if overslept && !liar && (entries.is_some() || !sent.is_empty()) {
            let what = format!("r{id} was stepped too late in round {before}, and goes on");
            self.checks.court.fail("silence", now, what);
        }
        if after != before {
            self.enter(&Line::Round { node: me, number, round: after });
        }
        if let Some(refusal) = refused {
            self.enter(&Line::Refused { who: Principal::Node(me), refusal });
            self.checks.court.refused(now, me, refusal);
        }
        let blame = accused.iter().find(|(who, fault)| {
            sender == Some(Principal::Node(*who))
                && !matches!(fault, Fault::Missing | Fault::Equivocation)
        });
        let blame = blame.map(|(_, fault)| *fault);
        for (who, fault) in accused {
            self.enter(&Line::Accused { node: me, who, fault });
            self.checks.court.accused(now, me, who, fault);
        }
        if let Some(entries) = entries {
            self.decide(me, which, number, entries);
        }
        let began = (after != before).then_some(after);
        self.speak(id, which, began, sent);
        self.set_alarm(id, which);
        blame
    }

    fn decide(&mut self, me: NodeId, which: usize, number: u64, entries: Vec<Option<C::Value>>) {
        self.enter(&Line::Decided { node: me, number, what: &format!("{entries:?}") });
        let agreements = self.plan.agreements.len();
        if which < agreements {
            self.checks.decided(self.engine.now(), which, me, entries);
        }
    }

    /// Sends what a machine wants to send, or what its mouth makes of it.
    fn speak(&mut self, id: usize, which: usize, began: Option<u8>, sent: Vec<(Target, Payload)>) {
        let me = NodeId(id as u8);
        let agreements = self.plan.agreements.len();
        let mut mouth = self.members[id].mouth.take();
        let sides = self.members[id].twin;
        let hearing = sides.map(|sides| sides[usize::from(which >= agreements)]);
        let everybody = (0..self.plan.nodes as u8).map(NodeId).filter(|to| *to != me);
        for to in everybody {
            let meant = sent.iter().filter(|(target, _)| target.includes(to));
            let mut frames = meant.map(|(_, payload)| payload);
            match (&mut mouth, hearing) {
                (None, Some(hearing)) if !hearing.contains(to) => {}
                (None, _) => frames.for_each(|payload| self.send(me, to, payload)),
                (Some(mouth), _) => {
                    let rounds = self.plan.rounds();
                    let Some(round) = began.filter(|round| (1..=rounds).contains(round)) else {
                        continue;
                    };
                    let (_, commander) = self.plan.agreements[which % agreements];
                    let number = FIRST + which as u64;
                    let at = Occasion {
                        instance: Instance { number, commander },
                        round,
                        rounds,
                        from: me,
                        to,
                        length: Duration::from_micros(self.plan.timing.round),
                    };
                    let (mut out, truth) = (Vec::new(), frames.next_back());
                    mouth.speak(&mut self.cabal, at, truth, &mut out);
                    // Silence is a lie too.
                    let mute = truth.is_some() && out.is_empty();
                    self.checks.court.statistics.lies += u64::from(mute);
                    out.into_iter().for_each(|speech| self.utter(me, to, truth, &speech));
                }
            }
        }
        self.members[id].mouth = mouth;
    }

    /// A frame of one who speaks the truth, as far as it knows it.
    fn send(&mut self, from: NodeId, to: NodeId, payload: &Payload) {
        let (sender, receiver) = (Principal::Node(from), Principal::Node(to));
        self.enter(&Line::Sent { from: sender, to: Some(receiver), said: said::<C>(payload) });
        self.checks.sent(self.engine.now(), from, payload.len());
        self.cabal.overhear(from, payload);
        let round = self.plan.timing.round;
        let late = outbound(&self.members[from.index()].mishaps, &mut self.luck, round);
        let deaf = is_deaf(&self.members[to.index()].mishaps, &mut self.luck);
        let Some(late) = late.filter(|_| !deaf) else {
            self.checks.court.statistics.losses += 1;
            return self.enter(&Line::Lost { from: sender, to: receiver });
        };
        self.engine.send_after(late, sender, receiver, payload);
    }

    /// What a traitor says. It is a lie if its machine says something else, or says it now.
    fn utter(&mut self, from: NodeId, to: NodeId, truth: Option<&Payload>, speech: &Speech) {
        let Speech { after, payload } = speech;
        let (after, said) = (*after, said::<C>(payload));
        let (sender, receiver) = (Principal::Node(from), Principal::Node(to));
        if truth == Some(payload) && after.is_zero() {
            self.enter(&Line::Sent { from: sender, to: Some(receiver), said });
        } else {
            self.checks.court.statistics.lies += 1;
            self.enter(&Line::Lied { from, to, after, said });
        }
        self.cabal.overhear(from, payload);
        self.engine.send_after(after, sender, receiver, payload);
    }
}

/// What a general remembers, in one number.
fn memory<C: Creed>(general: &General<C::Rules>) -> u64 {
    let mut hasher = Fingerprint::default();
    C::remember(general.rules(), &mut hasher);
    hasher.finish()
}
