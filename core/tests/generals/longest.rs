//! The longest frame of each protocol, with the longest values, beside what it says of itself.

use crate::field::*;
use quorate::auth::Signed;
use quorate::rounds::{Config, Instance, Rules};
use quorate::vector::{self, Broadcast, Instances};
use quorate::{Input, Instant, NodeId, Order, Protocol, king, om, sm, wire};

/// Bytes of the longest `u32`.
const VALUE: usize = 5;

/// Traitors that do nothing but to measure what the loyal say.
struct Ruler(usize);

impl Treason for Ruler {
    fn letters(&mut self, _: u8, _: NodeId, _: NodeId, loyal: Option<Vec<u8>>) -> Vec<Letter> {
        nobody(0, NodeId(0), NodeId(0), loyal)
    }

    fn overhear(&mut self, _: u8, _: NodeId, _: NodeId, payload: &[u8]) {
        self.0 = self.0.max(payload.len());
    }
}

fn config(me: usize, commander: usize, (nodes, traitors): (usize, usize)) -> Config {
    let instance = Instance { number: u64::MAX, commander: NodeId(commander as u8) };
    Config { me: NodeId(me as u8), nodes, traitors, instance }
}

/// The longest frame among these, when they are ordered what is longest.
fn longest<R>(all: impl IntoIterator<Item = R>, commanders: usize) -> u64
where
    R: for<'a> Rules<Command<'a> = Order<u32>> + Clone,
    for<'a> R::Message<'a>: Signed,
{
    let mut field = Field::new(all, &[]);
    for general in field.generals.iter_mut().take(commanders) {
        let order = Input::Command(Order(u32::MAX));
        assert_eq!(general.step(Instant::ZERO, order).count(), 0);
    }
    let mut ruler = Ruler(0);
    let battle = field.fight(&mut ruler, |_| ());
    assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
    ruler.0 as u64
}

type Oral = om::Orders<u32, Vec<om::Entry<u32>>>;
type Scrolls = sm::Chains<u32, Vec<sm::Row>>;
type Ballots = king::Ballots<u32, Vec<king::Opinion<u32>>>;

fn oral(me: usize, commander: usize, army: (usize, usize)) -> Oral {
    let memory = vec![om::Entry::EMPTY; om::slots(army.0, army.1)];
    om::Orders::new(config(me, commander, army), memory).unwrap()
}

fn scrolls(me: usize, commander: usize, army: (usize, usize)) -> Scrolls {
    let memory = vec![[0; 65]; sm::slots(army.0, army.1)];
    sm::Chains::new(config(me, commander, army), memory).unwrap()
}

fn ballots(me: usize, commander: usize, army: (usize, usize)) -> Ballots {
    let memory = vec![king::Opinion::default(); king::slots(army.0, army.1)];
    king::Ballots::new(config(me, commander, army), memory).unwrap()
}

/// All of an army, each with one instance for each commander.
fn vectors<P: Broadcast<Value = u32>>(
    army: (usize, usize),
    make: fn(usize, usize, (usize, usize)) -> P,
) -> Vec<Instances<P, Vec<P>>> {
    let each = |me| {
        let instances = (0..army.0).map(|commander| make(me, commander, army));
        Instances::new(instances.collect()).unwrap()
    };
    (0..army.0).map(each).collect()
}

#[test]
fn the_longest_frame_of_oral_messages_is_as_long_as_published() {
    for army in [(4, 0), (4, 1), (7, 2), (10, 3)] {
        let all = (0..army.0).map(|me| oral(me, 0, army));
        assert_eq!(longest(all, 1), om::frame_bytes(army.0, army.1, VALUE), "{army:?}");
    }
}

#[test]
fn the_longest_frame_of_the_king_is_as_long_as_published() {
    for army in [(4, 1), (7, 2)] {
        let all = (0..army.0).map(|me| ballots(me, 0, army));
        assert_eq!(longest(all, 1), king::frame_bytes(VALUE), "{army:?}");
    }
}

#[test]
fn no_frame_of_a_vector_is_longer_than_published() {
    let check = |said: u64, army: (usize, usize), part: u64| {
        let bound = vector::frame_bytes(army.0, part);
        // A general relays the others' values, but to each not that one's own.
        let nearest = vector::frame_bytes(army.0 - 2, part);
        assert!((nearest..=bound).contains(&said), "{said} of {nearest}..={bound}: {army:?}");
    };
    for army in [(4, 1), (7, 2)] {
        let part = om::frame_bytes(army.0, army.1, VALUE);
        check(longest(vectors(army, oral), army.0), army, part);
        let part = king::frame_bytes(VALUE);
        check(longest(vectors(army, ballots), army.0), army, part);
    }
    // Without a traitor nobody has two chains to tell of.
    let said = longest(vectors((4, 1), scrolls), 4);
    assert!(said <= vector::frame_bytes(4, sm::frame_bytes(1, VALUE)), "{said}");
}

#[test]
fn a_frame_with_a_part_of_each_general_is_as_long_as_published() {
    for (nodes, part) in [(1, 1), (4, 31), (4, 32), (64, 256), (4, 5000)] {
        let parts = vec![0; nodes * part];
        let frame = vector::Message::<Oral>::from_parts(u64::MAX, &parts);
        let length = wire::encoded_len(&frame) as u64;
        assert_eq!(length, vector::frame_bytes(nodes, part as u64), "{nodes} parts of {part}");
    }
    assert_eq!(vector::frame_bytes(usize::MAX, u64::MAX), u64::MAX);
}
