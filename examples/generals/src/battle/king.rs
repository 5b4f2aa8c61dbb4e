//! The language of the phase king.

use super::ledger::{Said, Utterance};
use super::tongue::{NUMBER, Part, Tongue, encoded};
use crate::lie::Lie;
use crate::route::Route;
use crate::word::Word;
use quorate::king::{Ballots, Message, Opinion, slots};
use quorate::rounds::{Config, Instance, Rules};
use quorate::{ConfigError, NodeId, Order, Refusal, Verdict};

/// Opinions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opinions;

impl Tongue for Opinions {
    type Rules = Ballots<Word, Vec<Opinion<Word>>>;

    fn rules(config: Config, unchecked: bool) -> Result<Self::Rules, ConfigError> {
        let memory = vec![Opinion::Nothing; slots(config.nodes, config.traitors)];
        if unchecked { Ballots::unchecked(config, memory) } else { Ballots::new(config, memory) }
    }

    fn order(rules: &mut Self::Rules, order: Word) -> Result<(), Refusal> {
        rules.on_command(0, Order(order))
    }

    fn verdict(rules: &Self::Rules) -> Verdict<Word> {
        rules.decision()
    }

    fn read(&mut self, _: NodeId, _: NodeId, message: &Message<Word>, says: &mut Vec<Utterance>) {
        let said = match message.opinion {
            Opinion::Nothing => Said::Nothing,
            Opinion::Undecided => Said::Undecided,
            Opinion::Order(word) => Said::Word(word),
        };
        let (commander, claims) = (message.instance.commander, message.round);
        says.push(Utterance { commander, route: Route::default(), claims, said, replay: None });
    }

    fn write(&self, _: NodeId, _: NodeId, says: &[(usize, &Utterance)]) -> Vec<Part> {
        let single = |(at, utterance): &(usize, &Utterance)| {
            let opinion = match utterance.said {
                Said::Nothing => Opinion::Nothing,
                Said::Undecided => Opinion::Undecided,
                Said::Word(word) => Opinion::Order(word),
            };
            let commander = utterance.commander;
            let instance = Instance { number: NUMBER, commander };
            let bytes = encoded(&Message { instance, round: utterance.claims, opinion });
            Part { commander, bytes, says: vec![*at] }
        };
        says.iter().map(single).collect()
    }

    fn places(&self, lie: &Lie, round: u8, _: NodeId, _: NodeId, _: Word) -> Vec<(Route, u8)> {
        vec![(Route::default(), lie.claims.unwrap_or(round))]
    }
}
