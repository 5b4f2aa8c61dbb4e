//! The field: n generals in one process, each with a clock of its own, and a traitor's hand on
//! every frame that a traitor sends.
//!
//! Frames go through the real wall (seal, decode, admit, verify). Nothing here knows what a
//! protocol is about: it carries bytes and time.

use crate::scheme::{TestSigner, TestVerifier, key};
use quorate::auth::{Scope, Signed};
use quorate::rounds::{General, Rules, Schedule};
use quorate::{
    Admission, Digest, Fault, Input, Instant, NodeId, NodeSet, Output, Principal, Protocol,
    PublicKey, Refusal, Roster, Verifier, wire,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub const START: u64 = 1_000_000;
/// Microseconds of a round: twice the skew, the delay, and the margin.
pub const ROUND: u64 = 100_000;
pub const SKEW: u64 = 20_000;
pub const DELAY: u64 = 50_000;
pub const MARGIN: u64 = 10_000;

pub fn schedule() -> Schedule {
    let (round, margin) = (Duration::from_micros(ROUND), Duration::from_micros(MARGIN));
    Schedule::new(Instant::from_micros(START), round, margin).unwrap()
}

pub fn scope() -> Scope {
    Scope { cluster: Digest::of(b"field"), epoch: 1, profile: TestVerifier::PROFILE }
}

pub fn roster(nodes: usize) -> Roster<Vec<PublicKey>> {
    let keys = (0..nodes as u8).map(|id| key(Principal::Node(NodeId(id)))).collect();
    let Scope { cluster, epoch, .. } = scope();
    Roster::new(cluster, epoch, keys, vec![], &TestVerifier).unwrap()
}

/// Signs and encodes what `from` says.
pub fn seal<M: Signed + serde::Serialize>(from: NodeId, message: M) -> Vec<u8> {
    let mut buffer = vec![0; wire::encoded_len(&message)];
    let me = Principal::Node(from);
    let length = wire::seal(message, me, &scope(), &TestSigner(me), &mut buffer).unwrap().len();
    assert_eq!(length, buffer.len(), "a signed message is as long as an unsigned one");
    buffer
}

/// A frame on its way: it arrives `delay` microseconds after it was sent, by true time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub delay: u64,
    pub payload: Vec<u8>,
}

/// What the traitors do. They know everything, and hold the keys of traitors only.
pub trait Treason {
    /// Says what really leaves `from`, a traitor, for `to` in this round; `loyal` is what a loyal
    /// general in its place would send, if anything.
    fn letters(
        &mut self,
        round: u8,
        from: NodeId,
        to: NodeId,
        loyal: Option<Vec<u8>>,
    ) -> Vec<Letter>;

    /// A loyal general sends this frame: the traitors see everything that is on its way.
    fn overhear(&mut self, _round: u8, _from: NodeId, _to: NodeId, _payload: &[u8]) {}
}

impl<F: FnMut(u8, NodeId, NodeId, Option<Vec<u8>>) -> Vec<Letter>> Treason for F {
    fn letters(&mut self, at: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>) -> Vec<Letter> {
        self(at, from, to, loyal)
    }
}

/// Everybody is loyal.
pub fn nobody(_: u8, _: NodeId, _: NodeId, loyal: Option<Vec<u8>>) -> Vec<Letter> {
    loyal.map(|payload| Letter { delay: DELAY / 2, payload }).into_iter().collect()
}

/// What happened on the field.
#[derive(Clone, Debug)]
pub struct Battle<D> {
    /// What each general decided, in order of ids; traitors too, if their rules let them.
    pub decisions: Vec<Vec<D>>,
    /// Who blamed whom for what.
    pub accusations: Vec<(NodeId, NodeId, Fault)>,
    pub refusals: Vec<(NodeId, Refusal)>,
    /// Frames that loyal generals sent, one for each receiver.
    pub frames: usize,
    /// The most frames that one loyal general sent to one peer in one round.
    pub crowded: usize,
    /// Bytes of those frames.
    pub bytes: usize,
    /// Frames that were verified by each general.
    pub verified: Vec<usize>,
}

impl<D> Battle<D> {
    pub fn blamed(&self, by: u8, node: u8, fault: Fault) -> bool {
        self.accusations.contains(&(NodeId(by), NodeId(node), fault))
    }
}

enum Event {
    Wake(usize),
    Arrival { from: NodeId, to: usize, payload: Vec<u8> },
}

pub struct Field<R> {
    pub generals: Vec<General<R>>,
    pub traitors: NodeSet,
    /// How many microseconds each general's clock is ahead of true time.
    pub skews: Vec<i64>,
    /// How to tell what a general is, if its states are to be counted.
    pub portrait: Option<fn(&R) -> String>,
    /// All that the loyal generals were, together, whenever the last of them had closed a round.
    pub visited: BTreeSet<String>,
    roster: Roster<Vec<PublicKey>>,
    queue: BTreeMap<(u64, usize), Event>,
    queued: usize,
}

impl<R: Rules + Clone> Field<R>
where
    for<'a> R::Message<'a>: Signed,
{
    pub fn new(rules: impl IntoIterator<Item = R>, traitors: &[u8]) -> Self {
        let generals: Vec<_> =
            rules.into_iter().map(|rules| General::with_rules(rules, schedule())).collect();
        let nodes = generals.len();
        Self {
            generals,
            traitors: traitors.iter().copied().map(NodeId).collect(),
            skews: vec![0; nodes],
            portrait: None,
            visited: BTreeSet::new(),
            roster: roster(nodes),
            queue: BTreeMap::new(),
            queued: 0,
        }
    }

    /// Enters what the loyal generals are, if that is wanted.
    fn visit(&mut self) {
        let Some(portrait) = self.portrait else { return };
        let all = (0u8..).map(NodeId).zip(&self.generals);
        let loyal = all.filter(|(id, _)| !self.traitors.contains(*id));
        self.visited.insert(loyal.map(|(_, general)| portrait(general.rules())).collect());
    }

    fn enqueue(&mut self, at: u64, event: Event) {
        self.queue.insert((at, self.queued), event);
        self.queued += 1;
    }

    /// True time at which a general's clock shows `instant`.
    fn true_time(&self, id: usize, instant: Instant) -> u64 {
        instant.as_micros().saturating_add_signed(-self.skews[id])
    }

    /// Runs until nothing is left to happen; `keep` copies what is decided.
    pub fn fight<D>(
        &mut self,
        treason: &mut impl Treason,
        mut keep: impl FnMut(R::Decision<'_>) -> D,
    ) -> Battle<D> {
        let nodes = self.generals.len();
        let mut battle = Battle {
            decisions: (0..nodes).map(|_| Vec::new()).collect(),
            accusations: Vec::new(),
            refusals: Vec::new(),
            frames: 0,
            crowded: 0,
            bytes: 0,
            verified: vec![0; nodes],
        };
        for id in 0..nodes {
            let first = self.true_time(id, self.generals[id].deadline().unwrap());
            self.enqueue(first, Event::Wake(id));
        }
        while let Some(((at, _), event)) = self.queue.pop_first() {
            self.happen(at, event, treason, &mut keep, &mut battle);
        }
        battle
    }

    fn happen<D>(
        &mut self,
        at: u64,
        event: Event,
        treason: &mut impl Treason,
        keep: &mut impl FnMut(R::Decision<'_>) -> D,
        battle: &mut Battle<D>,
    ) {
        let (id, arrived) = match event {
            Event::Wake(id) => (id, None),
            Event::Arrival { from, to, payload } => (to, Some((from, payload))),
        };
        let now = Instant::from_micros(at.saturating_add_signed(self.skews[id]));
        let me = NodeId(id as u8);
        let woken = arrived.is_none();
        let general = &mut self.generals[id];
        let mut sent = Vec::new();
        let input = match &arrived {
            None => Input::Wake,
            Some((from, payload)) => {
                match wall(general, &self.roster, *from, payload, &mut battle.verified[id]) {
                    Ok(Some(input)) => input,
                    Ok(None) => return,
                    Err(fault) => return battle.accusations.push((me, *from, fault)),
                }
            }
        };
        for output in general.step(now, input) {
            match output {
                Output::Persist(never) => match never {},
                Output::Send { to, message } => sent.push((to, seal(me, message))),
                Output::Decide(decision) => battle.decisions[id].push(keep(decision)),
                Output::Accuse { node, fault } => battle.accusations.push((me, node, fault)),
                Output::Refuse(refusal) => battle.refusals.push((me, refusal)),
            }
        }
        let (round, deadline) = (general.round(), general.deadline());
        let over = general.is_over();
        for to in (0..self.generals.len() as u8).map(NodeId).filter(|to| *to != me) {
            let meant = sent.iter().filter(|(target, _)| target.includes(to));
            let frames: Vec<Vec<u8>> = meant.map(|(_, payload)| payload.clone()).collect();
            if self.traitors.contains(me) {
                if woken && !over {
                    let loyal = frames.into_iter().next();
                    self.deliver(at, me, to, treason.letters(round, me, to, loyal));
                }
            } else {
                battle.frames += frames.len();
                battle.crowded = battle.crowded.max(frames.len());
                battle.bytes += frames.iter().map(Vec::len).sum::<usize>();
                frames.iter().for_each(|payload| treason.overhear(round, me, to, payload));
                let carry = |payload| nobody(round, me, to, Some(payload));
                self.deliver(at, me, to, frames.into_iter().flat_map(carry).collect());
            }
        }
        if let (true, Some(next)) = (woken, deadline) {
            self.enqueue(self.true_time(id, next), Event::Wake(id));
        }
        if woken && id + 1 == self.generals.len() {
            self.visit();
        }
    }

    fn deliver(&mut self, at: u64, from: NodeId, to: NodeId, letters: Vec<Letter>) {
        for Letter { delay, payload } in letters {
            self.enqueue(at + delay, Event::Arrival { from, to: to.index(), payload });
        }
    }
}

/// From bytes to something that may be stepped; `None` if it is of no use.
#[allow(clippy::type_complexity, reason = "the type of a general's input")]
fn wall<'p, R: Rules>(
    general: &mut General<R>,
    roster: &Roster<Vec<PublicKey>>,
    from: NodeId,
    payload: &'p [u8],
    verified: &mut usize,
) -> Result<Option<Input<R::Command<'p>, R::Message<'p>>>, Fault>
where
    for<'a> R::Message<'a>: Signed,
{
    let mut message: R::Message<'p> = wire::decode(payload).map_err(|_| Fault::Malformed)?;
    let from = Principal::Node(from);
    match general.admit(from, &mut message) {
        Admission::Refused(fault) => Err(fault),
        Admission::Known | Admission::Later { .. } => Ok(None),
        Admission::Verify => {
            *verified += 1;
            roster.verify(&TestVerifier, from, message).map(|it| Some(Input::Message(it)))
        }
    }
}
