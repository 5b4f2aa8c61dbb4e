//! What a protocol's frames say, and how to make frames that say something else.

use super::ledger::Utterance;
use crate::lie::Lie;
use crate::problem::Problem;
use crate::route::Route;
use crate::scenario::Scenario;
use crate::word::Word;
use quorate::rounds::{Config, Instance, Rules};
use quorate::{ConfigError, NodeId, Refusal, Verdict};

/// The number of the agreement that is fought out.
pub(super) const NUMBER: u64 = 1;
/// The number of another one, in which loyal commanders sign any order that a replay needs.
pub(super) const ANOTHER: u64 = 2;

/// Bytes that say some of what was to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Whose order it is about.
    pub(super) commander: NodeId,
    /// The encoded message.
    pub(super) bytes: Vec<u8>,
    /// Which of the utterances are in it, as places in their list.
    pub(super) says: Vec<usize>,
}

/// The language of one protocol.
pub(super) trait Tongue {
    /// The protocol.
    type Rules: Rules;

    /// The rules of one general.
    fn rules(config: Config, unchecked: bool) -> Result<Self::Rules, ConfigError>;

    /// Gives the commander its order.
    fn order(rules: &mut Self::Rules, order: Word) -> Result<(), Refusal>;

    /// What was decided, after the last round.
    fn verdict(rules: &Self::Rules) -> Verdict<Word>;

    /// Takes a message apart. What it is signed with is remembered.
    fn read(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: &<Self::Rules as Rules>::Message<'_>,
        says: &mut Vec<Utterance>,
    );

    /// Makes messages of one traitor to one receiver about one commander's order.
    fn write(&self, from: NodeId, to: NodeId, says: &[(usize, &Utterance)]) -> Vec<Part>;

    /// The loyal general whose signature would have to be forged for this, if any.
    fn victim(&self, _utterance: &Utterance) -> Option<NodeId> {
        None
    }

    /// The places of a message that is sent in addition: its route and the round it belongs to.
    fn places(
        &self,
        lie: &Lie,
        round: u8,
        to: NodeId,
        commander: NodeId,
        value: Word,
    ) -> Vec<(Route, u8)>;
}

/// A tongue that is spoken in frames: one message in each, or one for each commander.
pub(super) trait Speech {
    /// The protocol, or n of them.
    type Rules: Rules;

    /// The rules of one general.
    fn rules(&self, scenario: &Scenario, me: NodeId) -> Result<Self::Rules, Problem>;

    /// Gives a general its order.
    fn order(rules: &mut Self::Rules, order: Word) -> Result<(), Refusal>;

    /// Takes a frame apart.
    fn read(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: &<Self::Rules as Rules>::Message<'_>,
    ) -> Vec<Utterance>;

    /// Makes frames that say this.
    fn write(&self, from: NodeId, to: NodeId, says: &[Utterance]) -> Vec<Part>;

    /// As [`Tongue::victim`].
    fn victim(&self, utterance: &Utterance) -> Option<NodeId>;

    /// As [`Tongue::places`].
    fn places(
        &self,
        lie: &Lie,
        round: u8,
        to: NodeId,
        commander: NodeId,
        value: Word,
    ) -> Vec<(Route, u8)>;

    /// What was decided, one verdict for each commander.
    fn verdicts(rules: &Self::Rules) -> Vec<Verdict<Word>>;
}

/// The place of a general in the agreement about this commander's order.
pub(super) fn config(scenario: &Scenario, me: NodeId, commander: NodeId) -> Config {
    let instance = Instance { number: NUMBER, commander };
    Config { me, nodes: scenario.n, traitors: scenario.m, instance }
}

/// A message encoded, its own statements signed already.
pub(super) fn encoded<M: serde::Serialize>(message: &M) -> Vec<u8> {
    let mut buffer = vec![0; quorate::wire::encoded_len(message)];
    let length = quorate::wire::encode(message, &mut buffer).map_or(0, <[u8]>::len);
    buffer.truncate(length);
    buffer
}
