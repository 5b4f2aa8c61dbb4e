//! How a language is spoken in frames: alone, or that of n agreements together.

use super::ledger::Utterance;
use super::tongue::{NUMBER, Part, Speech, Tongue, config, encoded};
use crate::lie::Lie;
use crate::problem::Problem;
use crate::route::Route;
use crate::scenario::Scenario;
use crate::word::Word;
use quorate::rounds::Rules;
use quorate::vector::{Broadcast, Instances, Message};
use quorate::{NodeId, Order, Refusal, Verdict};

/// One agreement: each frame is one message.
#[derive(Clone, Debug)]
pub(super) struct Alone<T>(pub(super) T);

/// Interactive consistency: each frame has a message for each commander.
#[derive(Clone, Debug)]
pub(super) struct Together<T>(pub(super) T);

impl<T: Tongue> Speech for Alone<T> {
    type Rules = T::Rules;

    fn rules(&self, scenario: &Scenario, me: NodeId) -> Result<T::Rules, Problem> {
        let config = config(scenario, me, scenario.commander);
        T::rules(config, scenario.unchecked).map_err(Problem::configuration)
    }

    fn order(rules: &mut T::Rules, order: Word) -> Result<(), Refusal> {
        T::order(rules, order)
    }

    fn verdicts(rules: &T::Rules) -> Vec<Verdict<Word>> {
        vec![T::verdict(rules)]
    }

    fn read(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: &<T::Rules as Rules>::Message<'_>,
    ) -> Vec<Utterance> {
        let mut says = Vec::new();
        self.0.read(from, to, message, &mut says);
        says
    }

    fn write(&self, from: NodeId, to: NodeId, says: &[Utterance]) -> Vec<Part> {
        self.0.write(from, to, &says.iter().enumerate().collect::<Vec<_>>())
    }

    fn victim(&self, utterance: &Utterance) -> Option<NodeId> {
        self.0.victim(utterance)
    }

    fn places(
        &self,
        lie: &Lie,
        round: u8,
        to: NodeId,
        commander: NodeId,
        value: Word,
    ) -> Vec<(Route, u8)> {
        self.0.places(lie, round, to, commander, value)
    }
}

impl<T: Tongue<Rules: Broadcast<Value = Word>>> Speech for Together<T> {
    type Rules = Instances<T::Rules, Vec<T::Rules>>;

    fn rules(&self, scenario: &Scenario, me: NodeId) -> Result<Self::Rules, Problem> {
        let one = |commander| T::rules(config(scenario, me, commander), scenario.unchecked);
        let instances = scenario.commanders().map(one).collect::<Result<_, _>>();
        instances.and_then(Instances::new).map_err(Problem::configuration)
    }

    fn order(rules: &mut Self::Rules, order: Word) -> Result<(), Refusal> {
        rules.on_command(0, Order(order))
    }

    fn verdicts(rules: &Self::Rules) -> Vec<Verdict<Word>> {
        rules.vector().iter().collect()
    }

    fn read(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: &Message<'_, T::Rules>,
    ) -> Vec<Utterance> {
        let mut says = Vec::new();
        for (_, part) in message.parts().flatten() {
            self.0.read(from, to, &part, &mut says);
        }
        says
    }

    /// The first part about each commander goes into the first frame, the second ones into the
    /// second, and so on: a frame has one part about each at most.
    fn write(&self, from: NodeId, to: NodeId, says: &[Utterance]) -> Vec<Part> {
        let mut order: Vec<(usize, &Utterance)> = says.iter().enumerate().collect();
        order.sort_by_key(|(_, utterance)| utterance.commander);
        let mut frames: Vec<Part> = Vec::new();
        for about_one in order.chunk_by(|(_, one), (_, two)| one.commander == two.commander) {
            for (at, part) in self.0.write(from, to, about_one).into_iter().enumerate() {
                match frames.get_mut(at) {
                    None => frames.push(part),
                    Some(frame) => {
                        frame.bytes.extend(part.bytes);
                        frame.says.extend(part.says);
                    }
                }
            }
        }
        for frame in &mut frames {
            frame.bytes = encoded(&Message::<T::Rules>::from_parts(NUMBER, &frame.bytes));
        }
        frames
    }

    fn victim(&self, utterance: &Utterance) -> Option<NodeId> {
        self.0.victim(utterance)
    }

    fn places(
        &self,
        lie: &Lie,
        round: u8,
        to: NodeId,
        commander: NodeId,
        value: Word,
    ) -> Vec<(Route, u8)> {
        self.0.places(lie, round, to, commander, value)
    }
}
