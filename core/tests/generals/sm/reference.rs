//! SM(m) as section 4 of the paper has it, with sets and lists of any size, written for nothing but
//! to be compared with.
//!
//! The generals of the reference relay every order that they hear, not only two, one message for
//! each, by the clocks of the field. What the paper takes for granted is the wall below: that a
//! signature cannot be forged, that absence can be detected, and that a traitor's frame counts
//! as a whole and only as far as anybody looks at it.

use super::scroll::Scroll;
use super::{A, INSTANCE, NodeId, Value, Verdict};
use crate::field::{DELAY, ROUND, START};
use std::collections::{BTreeMap, BTreeSet};

/// What a traitor told a general, and when it arrived by true time. `None` is no frame of this
/// agreement.
#[derive(Clone, Debug)]
pub struct Told {
    pub at: u64,
    pub from: u8,
    pub to: u8,
    pub frame: Option<Vec<Scroll>>,
}

/// The battle to be repeated.
#[derive(Clone, Debug)]
pub struct Reference {
    pub nodes: usize,
    pub traitors: usize,
    /// Who they are.
    pub ids: Vec<u8>,
    /// The commander's order; it counts if the commander is loyal.
    pub order: Option<Value>,
    /// How many microseconds each clock is ahead.
    pub skews: Vec<i64>,
    /// In the order in which it was sent.
    pub told: Vec<Told>,
}

/// A message of the paper, `v : 0 : j1 : ... : jk`.
type Message = (Value, Vec<u8>);

enum Event {
    /// The lieutenant relays what it has to in this round.
    Speak(u8, u64),
    /// A loyal general's message arrives.
    Message(u8, Message),
    Frame(Told),
}

#[derive(Default)]
struct Lieutenant {
    /// The set V of the paper, in the order of its growth.
    orders: Vec<Value>,
    /// What is relayed in which round.
    due: Vec<(u64, Message)>,
    /// The wall: what each traitor has told, and how many chains of it were looked at in a round.
    told: BTreeMap<u8, BTreeSet<Value>>,
    looked: BTreeMap<(u8, u64), usize>,
}

impl Reference {
    /// What each loyal lieutenant obeys; `None` is the default.
    pub fn decide(&self) -> BTreeMap<u8, Option<Value>> {
        let mut lieutenants: BTreeMap<u8, Lieutenant> = BTreeMap::new();
        let loyal = (0..self.nodes as u8).filter(|id| !self.ids.contains(id));
        for id in loyal.clone().filter(|id| *id != 0) {
            lieutenants.insert(id, Lieutenant::default());
        }
        let mut events = BTreeMap::new();
        let mut seq = 0;
        let mut happen = |at: u64, event| {
            seq += 1;
            events.insert((at, seq), event);
        };
        for told in &self.told {
            happen(told.at, Event::Frame(told.clone()));
        }
        for id in loyal {
            for round in 1..=self.traitors as u64 + 1 {
                happen(self.begin(id, round), Event::Speak(id, round));
            }
        }
        while let Some(((at, _), event)) = events.pop_first() {
            let sent = self.react(at, event, &mut lieutenants);
            for (to, message) in sent {
                seq += 1;
                events.insert((at + DELAY / 2, seq), Event::Message(to, message));
            }
        }
        lieutenants.into_iter().map(|(id, general)| (id, choice(&general.orders))).collect()
    }

    fn begin(&self, id: u8, round: u64) -> u64 {
        (START + (round - 1) * ROUND).saturating_add_signed(-self.skews[usize::from(id)])
    }

    /// The round that is open at a general; one more than there are after the end.
    fn round(&self, id: u8, at: u64) -> u64 {
        let rounds = self.traitors as u64 + 1;
        (1..=rounds + 1).filter(|round| self.begin(id, *round) <= at).count() as u64
    }

    fn react(
        &self,
        at: u64,
        event: Event,
        lieutenants: &mut BTreeMap<u8, Lieutenant>,
    ) -> Vec<(u8, Message)> {
        let all = 1..self.nodes as u8;
        match event {
            // (1) The commander signs and sends his value to every lieutenant.
            Event::Speak(0, 1) => {
                let order = self.order.into_iter();
                order.flat_map(|v| all.clone().map(move |to| (to, (v, vec![0])))).collect()
            }
            Event::Speak(0, _) => vec![],
            // (2B) If k < m, then he sends the message v:0:j1:...:jk:i to every lieutenant other
            // than j1, ..., jk.
            Event::Speak(id, round) => {
                let due = lieutenants[&id].due.iter().filter(|(when, _)| *when == round);
                let send = |(_, (v, signers)): &(u64, Message)| {
                    let to = all.clone().filter(|to| *to != id && !signers.contains(to));
                    let signed = [&signers[..], &[id]].concat();
                    to.map(|to| (to, (*v, signed.clone()))).collect::<Vec<_>>()
                };
                due.flat_map(send).collect()
            }
            Event::Message(to, message) => {
                if let Some(general) = lieutenants.get_mut(&to) {
                    let round = self.round(to, at).max(1);
                    assert!(message.1.len() as u64 >= round, "what a loyal general says is late");
                    self.receive(general, round, message);
                }
                vec![]
            }
            Event::Frame(Told { from, to, frame, .. }) => {
                let round = self.round(to, at).max(1);
                if let (Some(general), Some(frame)) = (lieutenants.get_mut(&to), frame)
                    && self.is_believed(general, round, from, to, &frame)
                {
                    for scroll in frame {
                        self.receive(general, round, (scroll.value, scroll.signers()));
                    }
                }
                vec![]
            }
        }
    }

    /// (2) Lieutenant i receives a message of the form v:0:j1:...:jk. If v is not in the set V, he
    /// adds it; and if k < m he will relay it.
    fn receive(&self, general: &mut Lieutenant, round: u64, (v, signers): Message) {
        if !general.orders.contains(&v) {
            general.orders.push(v);
            if signers.len() <= self.traitors {
                general.due.push((round + 1, (v, signers)));
            }
        }
    }

    /// The wall. A traitor's frame counts if every chain in it could be a loyal general's: in
    /// its form, in time, and signed by those it names. Nobody looks at the signatures under an
    /// order that is held, or any more when two are; at more than two chains in a round; or
    /// believes a third order of one sender.
    fn is_believed(
        &self,
        general: &mut Lieutenant,
        round: u64,
        from: u8,
        to: u8,
        frame: &[Scroll],
    ) -> bool {
        let formed = |scroll: &Scroll| {
            let signers = scroll.signers();
            let distinct: BTreeSet<_> = signers.iter().copied().collect();
            signers[0] == 0
                && *signers.last().unwrap() == from
                && distinct.len() == signers.len()
                && !distinct.contains(&to)
                && signers.iter().all(|id| usize::from(*id) < self.nodes)
                && signers.len() <= self.traitors + 1
                && signers.len() as u64 >= round
        };
        if general.orders.len() >= 2
            || round > self.traitors as u64 + 1
            || !frame.iter().all(formed)
        {
            return false;
        }
        let told = general.told.entry(from).or_default();
        let looked = general.looked.entry((from, round)).or_default();
        let (mut fresh, mut genuine) = (BTreeSet::new(), true);
        for scroll in frame {
            if general.orders.contains(&scroll.value) {
                // It was told, whatever becomes of the rest.
                told.insert(scroll.value);
                continue;
            }
            *looked += 1;
            match *looked {
                ..=2 => genuine &= is_genuine(scroll),
                3 => return false,
                _ => genuine = false,
            }
            fresh.insert(scroll.value);
        }
        let all: BTreeSet<Value> = told.union(&fresh).copied().collect();
        let believed = genuine && all.len() <= 2;
        if believed {
            *told = all;
        }
        believed
    }
}

/// Whether everybody whom the chain names signed it: the field's signatures are deterministic.
fn is_genuine(scroll: &Scroll) -> bool {
    Scroll::signed(scroll.value, &scroll.signers()) == *scroll
}

/// choice(V) of the paper: the only order in V, else the default.
fn choice(orders: &[Value]) -> Option<Value> {
    match orders {
        [v] => Some(*v),
        _ => None,
    }
}

/// The verdicts of a battle, in the form in which the reference has them.
pub fn decided(decisions: &[Vec<Verdict<Value>>], traitors: &[u8]) -> BTreeMap<u8, Option<Value>> {
    let lieutenants = (0u8..).zip(decisions).skip(1).filter(|(id, _)| !traitors.contains(id));
    lieutenants.map(|(id, verdicts)| (id, verdicts[0].value())).collect()
}

/// The reference of the paper's own example (figure 5): a traitor commander tells one lieutenant
/// to attack and the other to retreat, and both fall back on the same.
#[test]
fn the_reference_decides_as_the_paper_does() {
    let told = |to, value: Value| {
        let frame = Some(vec![Scroll::signed(value, &[0])]);
        Told { at: START + 1, from: 0, to, frame }
    };
    let mut reference = Reference {
        nodes: 3,
        traitors: 1,
        ids: vec![0],
        order: None,
        skews: vec![0; 3],
        told: vec![told(1, A), told(2, A + 1)],
    };
    assert_eq!(reference.decide(), [(1, None), (2, None)].into());
    reference.told.pop();
    assert_eq!(reference.decide(), [(1, Some(A)), (2, Some(A))].into());
    (reference.order, reference.ids) = (Some(A), vec![2]);
    assert_eq!(reference.decide(), [(1, Some(A))].into());
    assert_eq!(INSTANCE.commander, NodeId(0));
}
