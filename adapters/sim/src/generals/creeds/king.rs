//! The phase king.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Costs, Creed, Twist, encode};
use super::super::saying::{Lack, Saying, Told};
use core::marker::PhantomData;
use quorate::king::{self, Ballots, Message, Opinion};
use quorate::rounds::Config;
use quorate::value::{Value, Verdict};
use quorate::wire;
use std::hash::Hasher;

/// The phase king, of values `V`.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<V>(PhantomData<V>);

impl<V: Value> Creed for Ballot<V> {
    type Value = V;
    type Rules = Ballots<V, Vec<Opinion<V>>>;

    const FRAME: &'static str = "BALLOT";

    fn rules(config: Config) -> Self::Rules {
        let memory = vec![Opinion::Nothing; king::slots(config.nodes, config.traitors)];
        Ballots::unchecked(config, memory).expect("a plan has generals enough")
    }

    fn costs(nodes: usize, traitors: usize, value_bytes: usize) -> Costs {
        let frames = king::frames(nodes, traitors);
        let frame_bytes = king::frame_bytes(value_bytes);
        Costs { frames, exactly: Some(frames), frame_bytes, verifications: 0 }
    }

    fn entries(decision: Verdict<V>) -> Vec<Option<V>> {
        vec![decision.value()]
    }

    fn number(message: &Message<V>) -> u64 {
        message.instance.number
    }

    fn opening(message: &Message<V>) -> Option<Vec<u8>> {
        (message.round == 1).then(|| encode(&message.opinion))
    }

    /// All of it, as it is printed: what was heard has no other way out.
    fn remember(rules: &Self::Rules, hasher: &mut dyn Hasher) {
        hasher.write(format!("{rules:?}").as_bytes());
    }

    fn twist(frame: &[u8], cabal: &mut Cabal<V>, at: Occasion, twist: Twist) -> Option<Vec<u8>> {
        let mut message = wire::decode::<Message<V>>(frame).ok()?;
        match twist {
            Twist::Face => message.opinion = Opinion::Order(cabal.face(at.to)),
            Twist::Absent => message.opinion = Opinion::Nothing,
            Twist::Mixed => message.opinion = opinion(cabal, at),
            Twist::Instance(other) => message.instance = other,
            Twist::Round(other) => message.round = other,
        }
        Some(encode(&message))
    }

    fn invent(cabal: &mut Cabal<V>, at: Occasion) -> Option<Vec<u8>> {
        let opinion = opinion(cabal, at);
        Some(encode(&Message { instance: at.instance, round: at.round, opinion }))
    }

    fn utter(
        _: &Cabal<V>,
        at: Occasion,
        _: Option<&[u8]>,
        saying: &Saying<V>,
    ) -> Result<Vec<u8>, Lack> {
        let opinion = match saying.told {
            Told::Order(order) => Opinion::Order(order),
            Told::Nothing => Opinion::Nothing,
            Told::Undecided => Opinion::Undecided,
        };
        let round = saying.round.unwrap_or(at.round);
        Ok(encode(&Message { instance: at.instance, round, opinion }))
    }

    fn words(frame: &[u8]) -> String {
        let Ok(message) = wire::decode::<Message<V>>(frame) else { return String::new() };
        let Message { instance, round, opinion } = message;
        let (number, commander) = (instance.number, instance.commander.0);
        format!("BALLOT #{number} of r{commander}, round {round}: {opinion:?}")
    }
}

fn opinion<V: Value>(cabal: &mut Cabal<V>, at: Occasion) -> Opinion<V> {
    match cabal.random.below(8) {
        0 => Opinion::Nothing,
        1 => Opinion::Undecided,
        _ => Opinion::Order(cabal.lie(at.to)),
    }
}
