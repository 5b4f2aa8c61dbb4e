//! A battle: generals in rounds, each with a clock of its own, and every frame of a traitor in the
//! fuzzer's hand.

use super::phrases::SEED;
use super::whim::Whim;
use crate::scheme::{Key, Scheme};
use core::time::Duration;
use quorate::auth::{Scope, Signed};
use quorate::rounds::{Config, General, Instance, Rules, Schedule};
use quorate::value::{Order, Verdict};
use quorate::{
    Admission, Digest, Input, Instant, NodeId, NodeSet, Output, Principal, Protocol, PublicKey,
    Roster, wire,
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What generals agree on.
pub(super) type Value = u32;

const START: u64 = 1_000_000;
/// Microseconds of a round: at least twice the skew, the delay, and the margin.
const ROUND: u64 = 100_000;
const SKEW: u64 = 20_000;
const DELAY: u64 = 50_000;
const MARGIN: u64 = 10_000;
/// The most frames that a traitor sends to one receiver at the beginning of one round.
const FRAMES: usize = 4;
/// The most frames that traitors remember.
const SEEN: usize = 64;

/// Who fights: how many generals, how many of them may be traitors, who they are.
#[derive(Debug)]
pub(super) struct Camp {
    pub(super) nodes: usize,
    pub(super) faults: usize,
    pub(super) instance: Instance,
    pub(super) traitors: NodeSet,
    pub(super) roster: Roster<Vec<PublicKey>>,
    pub(super) scheme: Scheme,
    /// The value that traitors like to tell each general, so that several lies fit together.
    faces: Vec<Value>,
    /// What everybody said so far, the newest last: traitors see it all.
    pub(super) seen: Vec<Rc<[u8]>>,
}

impl Camp {
    /// A camp of one of these sizes: how many generals, and how many traitors at most.
    pub(super) fn pitch(whim: &mut Whim<'_>, sizes: &[(usize, usize)]) -> Self {
        let (nodes, faults) = whim.pick(sizes).copied().expect("there is one");
        let commander = NodeId(whim.below(nodes) as u8);
        let mut traitors = NodeSet::EMPTY;
        for _ in 0..faults {
            traitors.insert(NodeId(whim.below(nodes) as u8));
        }
        let faces = (0..nodes).map(|_| 1 + Value::from(whim.byte() % 2)).collect();
        let scheme = Scheme::new(SEED, nodes, 0);
        let cluster = Digest::of(&SEED.to_le_bytes());
        let keys = scheme.nodes().to_vec();
        let roster = Roster::new(cluster, 0, keys, Vec::new(), &scheme).expect("all keys differ");
        let instance = Instance { number: 3, commander };
        Self { nodes, faults, instance, traitors, roster, scheme, faces, seen: Vec::new() }
    }

    pub(super) fn scope(&self) -> &Scope {
        self.roster.scope()
    }

    pub(super) fn key(node: NodeId) -> Key {
        Key::new(SEED, Principal::Node(node))
    }

    /// The settings of each general.
    pub(super) fn configs(&self) -> impl Iterator<Item = Config> + '_ {
        let (nodes, traitors, instance) = (self.nodes, self.faults, self.instance);
        (0..nodes as u8).map(move |id| Config { me: NodeId(id), nodes, traitors, instance })
    }

    /// A value that a traitor tells.
    pub(super) fn value(&self, whim: &mut Whim<'_>, to: NodeId) -> Value {
        match whim.byte() {
            0..160 => self.faces.get(to.index()).copied().unwrap_or(1),
            byte @ 160..224 => 1 + Value::from(byte % 2),
            byte => Value::from(byte % 8),
        }
    }

    fn is_loyal(&self, node: NodeId) -> bool {
        !self.traitors.contains(node)
    }

    /// The instance and the round that a traitor claims to speak in: mostly the true ones.
    pub(super) fn bend(&self, whim: &mut Whim<'_>, at: Occasion) -> (Instance, u8) {
        let mut instance = self.instance;
        if whim.chance(12) {
            instance.number = whim.number(5);
            instance.commander = NodeId(whim.byte() % 8);
        }
        let round = if whim.chance(24) { whim.byte() } else { at.round };
        (instance, round)
    }

    /// Encodes what a traitor says, as it is: what is to be signed in it was signed.
    pub(super) fn encode<M: serde::Serialize>(message: &M) -> Rc<[u8]> {
        let mut buffer = vec![0; wire::encoded_len(message)];
        wire::encode(message, &mut buffer).expect("as long as it says");
        buffer.into()
    }

    fn seal<M: Signed + serde::Serialize>(&self, me: NodeId, message: M) -> Rc<[u8]> {
        let mut buffer = vec![0; wire::encoded_len(&message)];
        let (principal, key) = (Principal::Node(me), Self::key(me));
        let sealed = wire::seal(message, principal, self.scope(), &key, &mut buffer);
        Rc::from(sealed.expect("as long as it says"))
    }
}

/// When a traitor speaks: in which round, who, and to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion {
    pub(super) round: u8,
    pub(super) from: NodeId,
    pub(super) to: NodeId,
}

enum Event {
    Wake,
    Arrival { from: NodeId, payload: Rc<[u8]> },
}

struct Battle<R, L> {
    camp: Camp,
    generals: Vec<General<R>>,
    /// How many microseconds each general's clock is ahead.
    skews: Vec<i64>,
    queue: BTreeMap<(u64, usize), (usize, Event)>,
    queued: usize,
    verdicts: Vec<Option<Verdict<Value>>>,
    lie: L,
}

/// Fights it out: a value for the commander, then what traitors say instead of what they should.
///
/// In the end all loyal generals have decided, they agree (IC1), and on the order of a loyal
/// commander (IC2); and none has accused a loyal one.
pub(super) fn fight<R>(
    camp: Camp,
    whim: &mut Whim<'_>,
    rules: impl IntoIterator<Item = R>,
    lie: impl Fn(&Camp, &mut Whim<'_>, Occasion, Option<&[u8]>) -> Rc<[u8]>,
) where
    R: Rules + Clone + 'static,
    R: for<'a> Rules<Command<'a> = Order<Value>, Decision<'a> = Verdict<Value>>,
    for<'a> R::Message<'a>: Signed,
{
    let (round, margin) = (Duration::from_micros(ROUND), Duration::from_micros(MARGIN));
    let schedule = Schedule::new(Instant::from_micros(START), round, margin).expect("it works");
    let generals = rules.into_iter().map(|rules| General::with_rules(rules, schedule)).collect();
    let skews = (0..camp.nodes).map(|_| skew(whim)).collect();
    let (verdicts, commander) = (vec![None; camp.nodes], camp.instance.commander);
    let (queue, order) = (BTreeMap::new(), 1 + Value::from(whim.byte() % 2));
    let mut battle = Battle { camp, generals, skews, queue, queued: 0, verdicts, lie };
    let command = Input::Command(Order(order));
    battle.generals[commander.index()].step(Instant::ZERO, command).for_each(drop);
    for id in 0..battle.generals.len() {
        battle.wake_next(id);
    }
    while let Some(((at, _), (id, event))) = battle.queue.pop_first() {
        battle.happen(whim, at, id, event);
    }
    battle.judge(order);
}

fn skew(whim: &mut Whim<'_>) -> i64 {
    [0, SKEW as i64, -(SKEW as i64), 1_000][whim.below(4)]
}

impl<R, L> Battle<R, L>
where
    R: Rules + Clone + 'static,
    R: for<'a> Rules<Command<'a> = Order<Value>, Decision<'a> = Verdict<Value>>,
    for<'a> R::Message<'a>: Signed,
    L: Fn(&Camp, &mut Whim<'_>, Occasion, Option<&[u8]>) -> Rc<[u8]>,
{
    fn enqueue(&mut self, at: u64, id: usize, event: Event) {
        self.queue.insert((at, self.queued), (id, event));
        self.queued += 1;
    }

    fn wake_next(&mut self, id: usize) {
        if let Some(due) = self.generals[id].deadline() {
            let at = due.as_micros().saturating_add_signed(-self.skews[id]);
            self.enqueue(at, id, Event::Wake);
        }
    }

    fn happen(&mut self, whim: &mut Whim<'_>, at: u64, id: usize, event: Event) {
        let (me, now) =
            (NodeId(id as u8), Instant::from_micros(at.saturating_add_signed(self.skews[id])));
        let woken = matches!(event, Event::Wake);
        let sent = match event {
            Event::Wake => self.step(now, id, Input::Wake),
            Event::Arrival { from, payload } => self.receive(now, id, from, &payload),
        };
        let (round, over) = (self.generals[id].round(), self.generals[id].is_over());
        for to in (0..self.camp.nodes as u8).map(NodeId).filter(|to| *to != me) {
            let meant = sent.iter().filter(|(target, _)| target.includes(to));
            let frames: Vec<Rc<[u8]>> = meant.map(|(_, payload)| Rc::clone(payload)).collect();
            if self.camp.is_loyal(me) {
                for payload in frames {
                    let late = [DELAY / 2, 0, DELAY][whim.below(3)];
                    self.enqueue(at + late, to.index(), Event::Arrival { from: me, payload });
                }
            } else if woken && !over {
                let occasion = Occasion { round, from: me, to };
                let loyal = frames.first().map(|payload| &**payload);
                for _ in 0..whim.below(FRAMES + 1) {
                    let payload = (self.lie)(&self.camp, whim, occasion, loyal);
                    let late = if whim.chance(200) { DELAY / 2 } else { random_delay(whim) };
                    self.enqueue(at + late, to.index(), Event::Arrival { from: me, payload });
                }
            }
        }
        if woken {
            self.wake_next(id);
        }
    }

    /// A frame comes to the wall of a general.
    fn receive(
        &mut self,
        now: Instant,
        id: usize,
        from: NodeId,
        payload: &[u8],
    ) -> Vec<(quorate::Target, Rc<[u8]>)> {
        let Ok(mut message) = wire::decode::<R::Message<'_>>(payload) else {
            self.accuse(id, from, "malformed");
            return Vec::new();
        };
        match self.generals[id].admit(Principal::Node(from), &mut message) {
            Admission::Verify => {}
            Admission::Refused(fault) => {
                self.accuse(id, from, &fault.to_string());
                return Vec::new();
            }
            Admission::Known | Admission::Later { .. } => return Vec::new(),
        }
        let Camp { roster, scheme, .. } = &self.camp;
        match roster.verify(scheme, Principal::Node(from), message) {
            Ok(verified) => self.step(now, id, Input::Message(verified)),
            Err(fault) => {
                self.accuse(id, from, &fault.to_string());
                Vec::new()
            }
        }
    }

    fn step(
        &mut self,
        now: Instant,
        id: usize,
        input: Input<Order<Value>, R::Message<'_>>,
    ) -> Vec<(quorate::Target, Rc<[u8]>)> {
        let (me, mut sent) = (NodeId(id as u8), Vec::new());
        let mut accused = Vec::new();
        for output in self.generals[id].step(now, input) {
            match output {
                Output::Persist(never) => match never {},
                Output::Send { to, message } => sent.push((to, self.camp.seal(me, message))),
                Output::Decide(verdict) => {
                    let before = self.verdicts[id].replace(verdict);
                    assert!(before.is_none(), "g{id} decides twice");
                }
                Output::Accuse { node, fault } => accused.push((node, fault)),
                Output::Refuse(refusal) => {
                    assert!(!self.camp.is_loyal(me), "g{id} refuses: {refusal:?}");
                }
            }
        }
        for (node, fault) in accused {
            self.accuse(id, node, &fault.to_string());
        }
        for (_, payload) in &sent {
            if self.camp.seen.len() == SEEN {
                self.camp.seen.remove(0);
            }
            self.camp.seen.push(Rc::clone(payload));
        }
        sent
    }

    fn accuse(&self, by: usize, who: NodeId, what: &str) {
        let slander = self.camp.is_loyal(NodeId(by as u8)) && self.camp.is_loyal(who);
        assert!(!slander, "the loyal g{by} says of the loyal g{}: {what}", who.0);
    }

    fn judge(&self, order: Value) {
        let Camp { instance, traitors, .. } = &self.camp;
        let loyal = (0..self.camp.nodes as u8).map(NodeId).filter(|id| self.camp.is_loyal(*id));
        let decided: Vec<Option<Value>> = loyal
            .map(|id| {
                let verdict = self.verdicts[id.index()];
                verdict.unwrap_or_else(|| panic!("g{} has not decided", id.0)).value()
            })
            .collect();
        let one = decided.iter().all(|value| *value == decided[0]);
        assert!(one, "IC1: traitors {traitors:?} have loyal generals decide {decided:?}");
        let obeyed = !self.camp.is_loyal(instance.commander) || decided[0] == Some(order);
        assert!(obeyed, "IC2: the order of a loyal commander is {order}, not {decided:?}");
    }
}

fn random_delay(whim: &mut Whim<'_>) -> u64 {
    whim.below(64) as u64 * ROUND / 16
}
