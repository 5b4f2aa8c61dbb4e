//! Generals on boards: OM, SM and the phase king, over a line and through the air.

use crate::air::{Air, Weather};
use crate::keys::{Board, member, node, nonce};
use crate::line::{Line, Noise};
use quorate::rounds::{Config, General, Instance, Rules, Schedule};
use quorate::{Instant, NodeId, Order, Verdict, king, om, sm};
use quorate_embedded::{Agent, Assembly, Fragmented, Link, Node, Seats, Settings, Stream};
use std::time::Duration;

const SEATS: Seats = Seats { nodes: 4, clients: 0 };
const FRAME: usize = 600;
type Troop<R> = Node<General<R>, Assembly, Board, Vec<u8>, 4>;

fn config(me: usize) -> Config {
    let instance = Instance { number: 1, commander: NodeId(0) };
    Config { me: NodeId(me as u8), nodes: 4, traitors: 1, instance }
}

/// Rounds that begin once there are sessions.
fn schedule() -> Schedule {
    let (round, margin) = (Duration::from_millis(20), Duration::from_millis(5));
    Schedule::new(Instant::from_micros(1_000_000), round, margin).unwrap()
}

/// Has generals agree on the order of the first; the traitor, if there is one, has no power.
fn agree<R, L>(
    general: impl Fn(usize) -> General<R>,
    link: impl Fn(usize) -> L,
    order: R::Command<'static>,
    silent: Option<usize>,
) -> Vec<General<R>>
where
    R: Rules,
    General<R>: Agent + for<'a> quorate::Protocol<Command<'a> = R::Command<'a>>,
    R::Command<'static>: Copy,
    L: Link,
{
    let mut troops: Vec<(usize, Troop<R>, L)> = (0..4)
        .filter(|me| Some(*me) != silent)
        .map(|me| {
            let settings = Settings::new(nonce(node(me), 0));
            let identity = member(SEATS, node(me));
            let buffer = vec![0; 3 * FRAME];
            let node = Node::new(general(me), Assembly::new(), identity, buffer, settings);
            (me, node.unwrap(), link(me))
        })
        .collect();
    for (me, troop, link) in &mut troops {
        if *me == 0 {
            troop.command(link, Instant::ZERO, order).unwrap();
            assert_eq!(troop.host().refusal(), None);
        }
    }
    let mut now = Instant::ZERO;
    while !troops.iter().all(|(_, troop, _)| troop.protocol().is_over()) {
        for (_, troop, link) in &mut troops {
            troop.poll(link, now).unwrap();
        }
        now = now.after(Duration::from_micros(500));
        assert!(now < Instant::from_micros(10_000_000), "no end");
    }
    let over = troops.into_iter().map(|(_, troop, _)| {
        assert!(troop.host().has_decided(), "{:?}", troop.host());
        troop.into_parts().0
    });
    over.collect()
}

fn oral(me: usize) -> General<om::Orders<u8, Vec<om::Entry<u8>>>> {
    om::General::new(config(me), schedule(), vec![om::Entry::EMPTY; om::slots(4, 1)]).unwrap()
}

fn signed(me: usize) -> General<sm::Chains<u8, Vec<sm::Row>>> {
    sm::General::new(config(me), schedule(), vec![[0; 65]; sm::slots(4, 1)]).unwrap()
}

fn kings(me: usize) -> General<king::Ballots<u8, king::Fixed<u8, 4, 1, { king::slots(4, 1) }>>> {
    king::General::new(config(me), schedule(), king::Fixed::new()).unwrap()
}

macro_rules! all_obey {
    ($general:expr) => {
        for silent in [None, Some(3), Some(0)] {
            let line = Line::new(4, 1, Noise::NONE);
            let wire = |me| Stream::new(line.port(me), node(me), FRAME);
            let air = Air::new(4, 1, Weather::FAIR);
            let can = |me| Fragmented::<_, 64, FRAME, 4>::new(air.radio(me, 64), SEATS);
            for generals in [
                agree($general, wire, Order(b'A'), silent),
                agree($general, can, Order(b'A'), silent),
            ] {
                let verdicts = generals.iter().map(|general| general.rules().decision());
                for verdict in verdicts {
                    match silent {
                        Some(0) => assert!(matches!(verdict, Verdict::Default(_)), "{verdict:?}"),
                        _ => assert_eq!(verdict, Verdict::Value(b'A')),
                    }
                }
            }
        }
    };
}

#[test]
fn generals_on_boards_obey_by_word_of_mouth() {
    all_obey!(oral);
}

#[test]
fn generals_on_boards_obey_signed_orders() {
    all_obey!(signed);
}

#[test]
fn generals_on_boards_obey_the_kings() {
    all_obey!(kings);
}
