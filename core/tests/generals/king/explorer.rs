//! Every strategy of a few traitors, by visiting every state that loyal generals can be brought
//! into, round by round.
//!
//! What a loyal general is after a round follows from what it was, from what the loyal say, and
//! from what each traitor says to it alone. So from each state of the army all choices of all
//! traitors are tried at each receiver, and combined; states that come out equal go on as one,
//! which counts for all strategies that lead to it. Traitors that choose by what they see are
//! covered: a strategy here is any sequence of sayings.

use super::reference::{Processor, Received, Said};
use super::{Army, Broken, Votes};
use crate::field::roster;
use crate::scheme::TestVerifier;
use quorate::king::Opinion;
use quorate::rounds::{Blame, Rules};
use quorate::{NodeId, Principal, PublicKey, Roster};
use std::collections::BTreeMap;

/// What a traitor can do to one receiver in one round: say this, or nothing.
pub type Saying = Option<Opinion<u8>>;

/// A loyal general and its reference.
#[derive(Clone, Debug)]
struct Loyal {
    rules: Votes,
    reference: Processor,
}

impl Loyal {
    fn state(&self) -> String {
        format!("{:?}", self)
    }
}

/// All loyal generals at the end of a round, and how many strategies lead there.
#[derive(Clone, Debug)]
struct State {
    loyal: Vec<Loyal>,
    strategies: u128,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Different states of the loyal generals that were visited, over all rounds.
    pub states: usize,
    /// Strategies of the traitors that were covered.
    pub strategies: u128,
    /// Of them, how many broke IC1, and IC2.
    pub ic1: u128,
    pub ic2: u128,
}

impl Explored {
    pub fn add(&mut self, other: Self) {
        self.states += other.states;
        self.strategies += other.strategies;
        self.ic1 += other.ic1;
        self.ic2 += other.ic2;
    }
}

pub struct Explorer<'a> {
    pub army: Army,
    pub traitors: &'a [u8],
    pub sayings: &'a [Saying],
    roster: Roster<Vec<PublicKey>>,
}

impl<'a> Explorer<'a> {
    pub fn new(army: Army, traitors: &'a [u8], sayings: &'a [Saying]) -> Self {
        Self { army, traitors, sayings, roster: roster(army.nodes) }
    }

    fn is_loyal(&self, id: u8) -> bool {
        !self.traitors.contains(&id)
    }

    /// Whether the army is within the bound, so that what the paper proves must hold.
    fn is_in_bound(&self) -> bool {
        self.army.nodes > 3 * self.army.traitors && self.traitors.len() <= self.army.traitors
    }

    pub fn explore(&self) -> Explored {
        let loyal = self.army.ids().filter(|id| self.is_loyal(*id));
        let start = loyal.map(|id| Loyal {
            rules: self.army.rules(id),
            reference: Processor::new(self.army.nodes, self.army.traitors),
        });
        let mut states = vec![State { loyal: start.collect(), strategies: 1 }];
        let mut explored = Explored::default();
        for round in 1..=self.army.rounds() {
            let mut next: BTreeMap<Vec<String>, State> = BTreeMap::new();
            for state in &states {
                self.continue_from(state, round, &mut next);
            }
            states = next.into_values().collect();
            explored.states += states.len();
            if self.is_in_bound() {
                states.iter().for_each(|state| self.check_lemmas(state, round));
            }
        }
        for State { loyal, strategies } in states {
            let verdicts: Vec<_> = loyal.iter().map(|it| it.rules.decision()).collect();
            let order = self.is_loyal(self.army.commander).then_some(self.army.order);
            let broken = Broken::judge(&verdicts, order);
            explored.strategies = explored.strategies.saturating_add(strategies);
            explored.ic1 += if broken.ic1 { strategies } else { 0 };
            explored.ic2 += if broken.ic2 { strategies } else { 0 };
        }
        explored
    }

    /// All states at the end of the round that come of one at its beginning.
    fn continue_from(&self, state: &State, round: u8, next: &mut BTreeMap<Vec<String>, State>) {
        let ways = self.sayings.len().pow(self.traitors.len() as u32);
        let mut reached = vec![(vec![], State { loyal: vec![], ..state.clone() })];
        for receiver in &state.loyal {
            let mut outcomes: BTreeMap<String, (Loyal, u128)> = BTreeMap::new();
            for way in 0..ways {
                let outcome = self.hear(receiver, &state.loyal, round, way);
                let entry = outcomes.entry(outcome.state()).or_insert((outcome, 0));
                entry.1 += 1;
            }
            let mut longer = Vec::with_capacity(reached.len() * outcomes.len());
            for (key, before) in &reached {
                for (state, (loyal, ways)) in &outcomes {
                    let key: Vec<String> = [&key[..], std::slice::from_ref(state)].concat();
                    let loyal = [&before.loyal[..], std::slice::from_ref(loyal)].concat();
                    longer.push((
                        key,
                        State { loyal, strategies: before.strategies.saturating_mul(*ways) },
                    ));
                }
            }
            reached = longer;
        }
        for (key, state) in reached {
            let strategies = state.strategies;
            let known = next.entry(key).or_insert(State { strategies: 0, ..state });
            known.strategies = known.strategies.saturating_add(strategies);
        }
    }

    /// One general's round: what the loyal say, then what the traitors do to it.
    fn hear(&self, receiver: &Loyal, loyal: &[Loyal], round: u8, mut way: usize) -> Loyal {
        let Loyal { mut rules, mut reference } = receiver.clone();
        let me = rules.me();
        let mut received = Received::new();
        for speaker in loyal {
            let from = speaker.rules.me();
            if Processor::sends(round, from.0, self.army.commander) {
                let silent = round == 1 && self.army.order.is_none();
                let own = self.army.order.filter(|_| round == 1).map(Said::Order);
                let said = own.unwrap_or(speaker.reference.v);
                received.extend((!silent).then_some((from.0, said)));
            }
            if let Some(message) = speaker.rules.frame(round, me).filter(|_| from != me) {
                let from = Principal::Node(from);
                let heard = self.roster.verify(&TestVerifier, from, message).unwrap();
                let blame = rules.on_message(round, speaker.rules.me(), &heard);
                assert_eq!(blame, Blame::NONE, "a loyal general was blamed by {me:?}");
            }
        }
        for traitor in self.traitors {
            let saying = self.sayings[way % self.sayings.len()];
            way /= self.sayings.len();
            if let Some(opinion) = saying {
                self.lie(&mut rules, round, *traitor, opinion);
                let said = said(opinion);
                let sends = Processor::sends(round, *traitor, self.army.commander);
                if sends && Processor::can_say(round, said) {
                    received.insert(*traitor, said);
                }
            }
        }
        let missing = rules.close(round);
        let unfair = missing.iter().any(|id| self.is_loyal(id.0) && self.spoke(round, id));
        assert!(!unfair, "a loyal general that spoke in round {round} is missing at {me:?}");
        reference.round(round, &received);
        Loyal { rules, reference }
    }

    /// Whether a loyal general has something to say in a round: a commander may have no order.
    fn spoke(&self, round: u8, id: NodeId) -> bool {
        round > 1 || id.0 != self.army.commander || self.army.order.is_some()
    }

    /// A traitor says something. If it may not, nothing but the blame comes of it.
    fn lie(&self, rules: &mut Votes, round: u8, from: u8, opinion: Opinion<u8>) {
        let message = self.army.says(round, opinion);
        let from = Principal::Node(NodeId(from));
        let heard = self.roster.verify(&TestVerifier, from, message).unwrap();
        let Principal::Node(from) = heard.from() else { unreachable!() };
        rules.on_message(round, from, &heard);
    }

    /// What the paper proves of every state in the bound, and that the reference agrees.
    fn check_lemmas(&self, state: &State, round: u8) {
        for Loyal { rules, reference } in &state.loyal {
            assert_eq!(said(rules.opinion()), reference.v, "round {round}: {state:?}");
        }
        let opinions: Vec<_> = state.loyal.iter().map(|it| it.rules.opinion()).collect();
        let decided = opinions.iter().filter(|it| **it != Opinion::Undecided);
        let one = decided.clone().all(|it| Some(it) == decided.clone().next());
        let king = (round + 1) / 3;
        match (round, (round + 1) % 3) {
            (1, _) => {}
            (_, 0 | 1) => assert!(one, "two opinions after an exchange: {opinions:?}"),
            (_, _) => {
                let united = self.is_loyal(king - 1);
                assert!(!united || one, "a loyal king did not unite: {opinions:?}");
                assert!(!opinions.contains(&Opinion::Undecided), "undecided after a phase");
            }
        }
    }
}

/// An opinion in the words of the reference.
pub fn said(opinion: Opinion<u8>) -> Said {
    match opinion {
        Opinion::Order(order) => Said::Order(order),
        Opinion::Nothing => Said::Nothing,
        Opinion::Undecided => Said::Two,
    }
}
