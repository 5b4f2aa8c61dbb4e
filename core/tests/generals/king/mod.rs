//! The phase king: its rules one by one, every strategy of small armies, random ones of larger
//! armies, all beside a reference written from the paper.

mod beyond;
mod clockwork;
mod counts;
mod exhaustive;
mod explorer;
mod random;
mod reference;
mod rules;

use quorate::king::{Ballots, Message, Opinion, rounds, slots};
use quorate::rounds::{Config, Instance, Rules};
use quorate::{NodeId, Order, Verdict};

/// The rules that most tests use: orders are bytes.
pub type Votes = Ballots<u8, Vec<Opinion<u8>>>;

pub const A: Opinion<u8> = Opinion::Order(b'A');
pub const B: Opinion<u8> = Opinion::Order(b'B');
pub const C: Opinion<u8> = Opinion::Order(b'C');
pub const NOTHING: Opinion<u8> = Opinion::Nothing;
pub const UNDECIDED: Opinion<u8> = Opinion::Undecided;

/// An army of `nodes` that believes to have at most `traitors` traitors.
#[derive(Clone, Copy, Debug)]
pub struct Army {
    pub nodes: usize,
    pub traitors: usize,
    pub commander: u8,
    pub order: Option<u8>,
}

pub const FOUR: Army = Army { nodes: 4, traitors: 1, commander: 0, order: Some(b'A') };
pub const SEVEN: Army = Army { nodes: 7, traitors: 2, commander: 0, order: Some(b'A') };

impl Army {
    pub fn instance(self) -> Instance {
        Instance { number: 9, commander: NodeId(self.commander) }
    }

    pub fn config(self, me: u8) -> Config {
        let Self { nodes, traitors, .. } = self;
        Config { me: NodeId(me), nodes, traitors, instance: self.instance() }
    }

    pub fn rounds(self) -> u8 {
        rounds(self.traitors)
    }

    pub fn ids(self) -> impl Iterator<Item = u8> {
        0..self.nodes as u8
    }

    /// The rules of one of its generals; if the bound does not hold, the unchecked ones.
    pub fn rules(self, me: u8) -> Votes {
        let memory = vec![NOTHING; slots(self.nodes, self.traitors)];
        let bound = self.nodes > 3 * self.traitors;
        let make = if bound { Ballots::new } else { Ballots::unchecked };
        let mut rules = make(self.config(me), memory).unwrap();
        if let Some(order) = self.order.filter(|_| me == self.commander) {
            rules.on_command(0, Order(order)).unwrap();
        }
        rules
    }

    /// What a general says in a round, truly or not.
    pub fn says(self, round: u8, opinion: Opinion<u8>) -> Message<u8> {
        Message { instance: self.instance(), round, opinion }
    }
}

/// What loyal generals have broken, by the names of the paper of 1982.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Two of them decided differently.
    pub ic1: bool,
    /// The commander is loyal, and one of them did not decide its order.
    pub ic2: bool,
}

impl Broken {
    pub const NONE: Self = Self { ic1: false, ic2: false };

    /// Judges the verdicts of the loyal generals; `order` is that of a loyal commander.
    pub fn judge(verdicts: &[Verdict<u8>], order: Option<Option<u8>>) -> Self {
        let values: Vec<Option<u8>> = verdicts.iter().map(|verdict| verdict.value()).collect();
        Self {
            ic1: values.windows(2).any(|two| two[0] != two[1]),
            ic2: order.is_some_and(|order| values.iter().any(|value| *value != order)),
        }
    }
}
