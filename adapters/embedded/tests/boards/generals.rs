//! Generals on boards: OM, SM and the phase king, over a line and through the air, in loops that
//! poll and in loops that wait.

use crate::air::{Air, Weather};
use crate::keys::{Board, member, node, nonce};
use crate::line::{Line, Noise, Waiting};
use crate::waiting::{Hands, Task, run};
use quorate::rounds::{Config, General, Instance, Rules, Schedule};
use quorate::{Instant, NodeId, Order, Verdict, king, om, sm};
use quorate_embedded::{
    Agent, Assembly, AsyncLink, Fragmented, Link, Node, Polling, Seats, Settings, Stream,
};
use std::cell::RefCell;
use std::rc::Rc;
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

/// The boards of all generals but one that has no power, if there is one: a traitor.
fn troops<R: Rules>(
    general: impl Fn(usize) -> General<R>,
    silent: Option<usize>,
) -> Vec<(usize, Troop<R>)>
where
    General<R>: Agent,
{
    let loyal = (0..4).filter(|me| Some(*me) != silent);
    let troop = |me| {
        let settings = Settings::new(nonce(node(me), 0));
        let identity = member(SEATS, node(me));
        let buffer = vec![0; 3 * FRAME];
        let node = Node::new(general(me), Assembly::new(), identity, buffer, settings);
        (me, node.unwrap())
    };
    loyal.map(troop).collect()
}

/// The protocol of a general that has decided.
fn general<R: Rules>(troop: Troop<R>) -> General<R>
where
    General<R>: Agent,
{
    assert!(troop.host().has_decided(), "{:?}", troop.host());
    troop.into_parts().0
}

/// Has generals agree on the order of the first, in loops that poll.
fn by_poll<R, L>(
    troops: Vec<(usize, Troop<R>)>,
    link: impl Fn(usize) -> L,
    order: R::Command<'static>,
) -> Vec<General<R>>
where
    R: Rules,
    General<R>: Agent + for<'a> quorate::Protocol<Command<'a> = R::Command<'a>>,
    R::Command<'static>: Copy,
    L: Link,
{
    let linked = troops.into_iter().map(|(me, troop)| (me, troop, link(me)));
    let mut troops: Vec<(usize, Troop<R>, L)> = linked.collect();
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
    troops.into_iter().map(|(_, troop, _)| general(troop)).collect()
}

/// The same in loops that wait.
fn by_turns<R, L>(
    troops: Vec<(usize, Troop<R>)>,
    link: impl Fn(usize) -> L,
    order: R::Command<'static>,
) -> Vec<General<R>>
where
    R: Rules + 'static,
    General<R>: Agent + for<'a> quorate::Protocol<Command<'a> = R::Command<'a>>,
    R::Command<'static>: Copy,
    L: AsyncLink + 'static,
{
    let (hands, count) = (Hands::default(), troops.len());
    let over: Rc<RefCell<Vec<General<R>>>> = Rc::default();
    let tasks = troops.into_iter().map(|(me, mut troop)| -> Task {
        let (mut link, mut timer, over) = (link(me), hands.clone(), over.clone());
        Box::pin(async move {
            if me == 0 {
                troop.tell(&mut link, &mut timer, order).await.unwrap();
                assert_eq!(troop.host().refusal(), None);
            }
            while !troop.protocol().is_over() {
                troop.turn(&mut link, &mut timer).await.unwrap();
            }
            over.borrow_mut().push(general(troop));
            std::future::pending().await
        })
    });
    run(&mut tasks.collect::<Vec<_>>(), &hands, || over.borrow().len() == count);
    over.take()
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
            let (line, air) = (Line::new(4, 1, Noise::NONE), Air::new(4, 1, Weather::FAIR));
            let waiting = |me| Stream::new(Waiting(line.port(me)), node(me), FRAME);
            let radio = |me| Polling(air.radio(me, 64));
            let fragments = |me| Fragmented::<_, 64, FRAME, 4>::new(radio(me), SEATS);
            let order = Order(b'A');
            for generals in [
                by_poll(troops($general, silent), wire, order),
                by_poll(troops($general, silent), can, order),
                by_turns(troops($general, silent), waiting, order),
                by_turns(troops($general, silent), fragments, order),
            ] {
                assert_eq!(generals.len(), if silent.is_some() { 3 } else { 4 });
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
