//! One general under test, with the wall before it and a clock in the test's hand.

use super::{General, Value, config, memory};
use crate::field::{ROUND, START, roster, schedule, seal};
use crate::scheme::TestVerifier;
use quorate::sm::Message;
use quorate::{
    Admission, Digest, Fault, Input, Instant, NodeId, Order, Output, Principal, Protocol,
    PublicKey, Refusal, Roster, Signature, Target, Verdict, Verifier, wire,
};
use std::cell::Cell;

/// Counts the signatures that are verified.
struct Counting<'a>(&'a Cell<usize>);

impl Verifier for Counting<'_> {
    const PROFILE: &'static str = TestVerifier::PROFILE;

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        self.0.set(self.0.get() + 1);
        TestVerifier.verify(key, statement, signature)
    }

    fn validate(&self, key: &PublicKey) -> bool {
        TestVerifier.validate(key)
    }
}

/// What came of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was dropped before its verification: it is of no use.
    Known,
    /// It was stepped; these were accused, in this order.
    Heard(Vec<(u8, Fault)>),
    /// It did not get past the wall.
    Refused(Fault),
}

impl Outcome {
    /// It was stepped, and nobody was blamed.
    pub const FINE: Self = Self::Heard(Vec::new());

    /// What its sender was blamed for, if anything.
    pub fn fault(&self, sender: u8) -> Option<Fault> {
        match self {
            Self::Known => None,
            Self::Refused(fault) => Some(*fault),
            Self::Heard(blamed) => {
                blamed.iter().find(|(node, _)| *node == sender).map(|(_, fault)| *fault)
            }
        }
    }
}

pub struct Post {
    pub general: General,
    roster: Roster<Vec<PublicKey>>,
    me: NodeId,
    now: Instant,
    verified: Cell<usize>,
    /// What it sent since it was last asked.
    sent: Vec<(Target, Vec<u8>)>,
    pub decision: Option<Verdict<Value>>,
    pub accused: Vec<(u8, Fault)>,
    pub refused: Vec<Refusal>,
}

impl Post {
    /// General `me` among n of SM(m), before the first round.
    pub fn new(me: u8, nodes: usize, traitors: usize) -> Self {
        let general =
            General::new(config(me, nodes, traitors), schedule(), memory(nodes, traitors));
        Self {
            general: general.unwrap(),
            roster: roster(nodes),
            me: NodeId(me),
            now: Instant::from_micros(START - 1),
            verified: Cell::new(0),
            sent: Vec::new(),
            decision: None,
            accused: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The same in this round already.
    pub fn in_round(me: u8, nodes: usize, traitors: usize, round: u8) -> Self {
        let mut post = Self::new(me, nodes, traitors);
        (1..=round).for_each(|round| post.begin(round));
        post.accused.clear();
        post
    }

    pub fn order(&mut self, value: Value) {
        self.step(Input::Command(Order(value)));
    }

    /// The round begins; one more than there are is the end.
    pub fn begin(&mut self, round: u8) {
        self.now = Instant::from_micros(START + ROUND * (u64::from(round) - 1));
        self.step(Input::Wake);
    }

    /// All remaining rounds pass, and it decides.
    pub fn decide(&mut self) -> Verdict<Value> {
        while let Some(deadline) = self.general.deadline() {
            self.now = deadline;
            self.step(Input::Wake);
        }
        self.decision.unwrap()
    }

    /// A frame arrives from a peer.
    pub fn hear(&mut self, from: u8, payload: &[u8]) -> Outcome {
        let Ok(mut message) = wire::decode::<Message<'_, Value>>(payload) else {
            return Outcome::Refused(Fault::Malformed);
        };
        let from = Principal::Node(NodeId(from));
        match self.general.admit(from, &mut message) {
            Admission::Refused(fault) => Outcome::Refused(fault),
            Admission::Known | Admission::Later { .. } => Outcome::Known,
            Admission::Verify => {
                match self.roster.verify(&Counting(&self.verified), from, message) {
                    Err(fault) => Outcome::Refused(fault),
                    Ok(verified) => {
                        let before = self.accused.len();
                        self.step(Input::Message(verified));
                        Outcome::Heard(self.accused[before..].to_vec())
                    }
                }
            }
        }
    }

    /// How many signatures were verified since it was last asked.
    pub fn verified(&self) -> usize {
        self.verified.take()
    }

    /// What it sent since it was last asked.
    pub fn said(&mut self) -> Vec<(Target, Vec<u8>)> {
        core::mem::take(&mut self.sent)
    }

    /// The orders that it holds.
    pub fn orders(&self) -> Vec<Value> {
        self.general.rules().orders().collect()
    }

    /// Everything that it knows.
    pub fn state(&self) -> String {
        format!("{:?}", self.general)
    }

    fn step(&mut self, input: Input<Order<Value>, Message<'_, Value>>) {
        for output in self.general.step(self.now, input) {
            match output {
                Output::Persist(never) => match never {},
                Output::Send { to, message } => self.sent.push((to, seal(self.me, message))),
                Output::Decide(verdict) => self.decision = Some(verdict),
                Output::Accuse { node, fault } => self.accused.push((node.0, fault)),
                Output::Refuse(refusal) => self.refused.push(refusal),
            }
        }
    }
}
