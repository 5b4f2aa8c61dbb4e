//! Interactive consistency: n agreements in the same frames.

mod frames;
mod random;
mod select;

use crate::field::*;
use crate::rng::Rng;
use quorate::rounds::{Config, Instance, Rules};
use quorate::vector::{Broadcast, Instances, Message, Vector};
use quorate::{Input, Instant, NodeId, Order, Protocol, om, sm};

pub type Oral = om::Orders<u8, Vec<om::Entry<u8>>>;
pub type Scrolls = sm::Chains<u8, Vec<sm::Row>>;
pub type Voters<P> = Instances<P, Vec<P>>;

pub const NUMBER: u64 = 7;

fn config(me: usize, commander: usize, nodes: usize, traitors: usize) -> Config {
    let instance = Instance { number: NUMBER, commander: NodeId(commander as u8) };
    Config { me: NodeId(me as u8), nodes, traitors, instance }
}

pub fn oral(me: usize, nodes: usize, traitors: usize) -> Voters<Oral> {
    let memory = vec![om::Entry::EMPTY; om::slots(nodes, traitors)];
    let each = |commander| {
        om::Orders::new(config(me, commander, nodes, traitors), memory.clone()).unwrap()
    };
    Instances::new((0..nodes).map(each).collect()).unwrap()
}

pub fn signed(me: usize, nodes: usize, traitors: usize) -> Voters<Scrolls> {
    let memory = vec![[0; 65]; sm::slots(nodes, traitors)];
    let each = |commander| {
        sm::Chains::new(config(me, commander, nodes, traitors), memory.clone()).unwrap()
    };
    Instances::new((0..nodes).map(each).collect()).unwrap()
}

/// A field on which general i wants to say `value(i)`.
pub fn field<P: Broadcast<Value = u8> + Clone>(
    all: Vec<Voters<P>>,
    traitors: &[u8],
    value: impl Fn(usize) -> u8,
) -> Field<Voters<P>>
where
    for<'a> P::Message<'a>: quorate::auth::Signed,
{
    let mut field = Field::new(all, traitors);
    for (id, general) in field.generals.iter_mut().enumerate() {
        let order = Input::Command(Order(value(id)));
        assert_eq!(general.step(Instant::ZERO, order).count(), 0);
    }
    field
}

/// The values of a vector.
pub fn values<P: Broadcast<Value = u8>>(vector: Vector<'_, P>) -> Vec<Option<u8>> {
    vector.iter().map(quorate::Verdict::value).collect()
}

/// The encoded parts of a sealed frame, with their commanders.
pub fn parts<P: Broadcast>(payload: &[u8]) -> Vec<(NodeId, Vec<u8>)> {
    let message: Message<'_, P> = quorate::wire::decode(payload).unwrap();
    let encode = |part: &P::Message<'_>| {
        let mut buffer = vec![0; quorate::wire::encoded_len(part)];
        quorate::wire::encode(part, &mut buffer).unwrap();
        buffer
    };
    message.parts().map(|part| part.unwrap()).map(|(who, part)| (who, encode(&part))).collect()
}

/// A frame of these parts.
pub fn frame<P: Broadcast>(number: u64, parts: &[Vec<u8>]) -> Vec<u8>
where
    for<'a> P::Message<'a>: quorate::auth::Signed,
{
    let bytes = parts.concat();
    seal(NodeId(0), Message::<'_, P>::from_parts(number, &bytes))
}

#[test]
fn all_loyal_generals_hold_the_vector_of_all_values() {
    for (nodes, traitors) in [(4, 1), (5, 1), (7, 2)] {
        let all = (0..nodes).map(|me| oral(me, nodes, traitors)).collect();
        let battle = field(all, &[], |id| 10 + id as u8).fight(&mut nobody, values);
        let whole: Vec<_> = (0..nodes).map(|id| Some(10 + id as u8)).collect();
        assert_eq!(battle.decisions, vec![vec![whole]; nodes]);
        assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
        let rounds = traitors + 1;
        assert_eq!(battle.crowded, 1, "one frame to each peer and round");
        assert_eq!(battle.frames, rounds * nodes * (nodes - 1));
    }
    for (nodes, traitors) in [(3, 1), (4, 2), (7, 3)] {
        let all = (0..nodes).map(|me| signed(me, nodes, traitors)).collect();
        let battle = field(all, &[], |id| 10 + id as u8).fight(&mut nobody, values);
        let whole: Vec<_> = (0..nodes).map(|id| Some(10 + id as u8)).collect();
        assert_eq!(battle.decisions, vec![vec![whole]; nodes]);
        assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
        assert_eq!(battle.crowded, 1, "one frame to each peer and round");
        assert_eq!(battle.frames, 2 * nodes * (nodes - 1), "an order, and its relay");
    }
}

#[test]
fn a_general_without_a_value_leaves_a_default_that_says_missing() {
    let all: Vec<_> = (0..4).map(|me| oral(me, 4, 1)).collect();
    let mut field = Field::new(all, &[]);
    for id in [0, 2, 3] {
        let order = Input::Command(Order(b'a'));
        assert_eq!(field.generals[id].step(Instant::ZERO, order).count(), 0);
    }
    let reason = quorate::Verdict::Default(quorate::Reason::Missing);
    let battle = field.fight(&mut nobody, |vector| vector.entry(NodeId(1)).unwrap());
    assert_eq!(battle.decisions, vec![vec![reason]; 4]);
}

/// A vector of a general that will be asked for its rules' own answers.
#[test]
fn instances_that_do_not_belong_together_are_refused() {
    let each = |me: usize, commander: usize, nodes: usize, number: u64| {
        let mut config = config(me, commander, nodes, 1);
        config.instance.number = number;
        om::Orders::<u8, _>::new(config, vec![om::Entry::EMPTY; om::slots(nodes, 1)]).unwrap()
    };
    let make = |list: Vec<Oral>| Instances::new(list).map(|all| all.nodes());
    assert!(make((0..4).map(|c| each(0, c, 4, 1)).collect()).is_ok());
    assert!(make((0..3).map(|c| each(0, c, 4, 1)).collect()).is_err(), "one too few");
    assert!(make((0..5).map(|c| each(0, c % 4, 4, 1)).collect()).is_err(), "one too many");
    assert!(make((0..4).map(|c| each(0, 3 - c, 4, 1)).collect()).is_err(), "out of place");
    assert!(make((0..4).map(|c| each(c, c, 4, 1)).collect()).is_err(), "of several generals");
    assert!(make((0..4).map(|c| each(0, c, 4, c as u64)).collect()).is_err(), "of several numbers");
    assert!(make(vec![]).is_err());
}

#[test]
fn a_renewed_vector_remembers_nothing() {
    let mut rules = oral(0, 4, 1);
    rules.on_command(0, Order(b'x')).unwrap();
    rules.renew(NUMBER + 1);
    assert_eq!(rules.number(), NUMBER + 1);
    assert!(rules.frame(1, NodeId(1)).is_none(), "nothing to say without an order");
    assert_eq!(rules.vector().iter().filter_map(quorate::Verdict::value).count(), 0);
}

pub fn seeds() -> u64 {
    let runs = std::env::var("QUORATE_RUNS").ok();
    runs.map_or(1_500, |runs| runs.parse().expect("QUORATE_RUNS is a number"))
}

pub fn rng(seed: u64) -> Rng {
    Rng::new(seed)
}
