//! Oral messages: generals on a field, and traitors who choose what to say along each path.

mod counts;
mod figures;
mod frames;
mod majority;
mod paths;
mod random;
mod reference;
mod rules;
mod small;

use crate::field::*;
use crate::scheme::TestVerifier;
use quorate::om::{self, Entry, Message, Orders, Path, Wave, rounds, slots};
use quorate::rounds::{Config, Instance, Rules};
use quorate::{
    Fault, Input, Instant, NodeId, Output, Principal, Protocol, PublicKey, Roster, Verdict, wire,
};

pub const A: u8 = b'A';
pub const B: u8 = b'B';
pub const C: u8 = b'C';
/// The default order: retreat.
pub const R: u8 = b'R';

pub type Memory = Vec<Entry<u8>>;
pub type Said<'a> = Message<'a, u8>;

/// How many generals, with how many traitors at most, under which command.
#[derive(Clone, Copy, Debug)]
pub struct Army {
    pub nodes: usize,
    pub traitors: usize,
    pub commander: u8,
    pub number: u64,
}

impl Army {
    pub const fn new(nodes: usize, traitors: usize) -> Self {
        Self { nodes, traitors, commander: 0, number: 7 }
    }

    pub fn instance(self) -> Instance {
        Instance { number: self.number, commander: NodeId(self.commander) }
    }

    pub fn config(self, me: u8) -> Config {
        let Self { nodes, traitors, .. } = self;
        Config { me: NodeId(me), nodes, traitors, instance: self.instance() }
    }

    /// One general, of an army that may be too small.
    pub fn orders(self, me: u8) -> Orders<u8, Memory> {
        let memory = vec![Entry::EMPTY; slots(self.nodes, self.traitors)];
        Orders::unchecked(self.config(me), memory).unwrap()
    }

    /// All generals, the commander with this order if any, on a field.
    pub fn field(self, order: Option<u8>, traitors: &[u8]) -> Field<Orders<u8, Memory>> {
        let mut generals: Vec<_> = (0..self.nodes as u8).map(|me| self.orders(me)).collect();
        if let Some(order) = order {
            let commander = &mut generals[usize::from(self.commander)];
            commander.on_command(0, quorate::Order(order)).unwrap();
        }
        Field::new(generals, traitors)
    }

    /// The paths along which one general speaks to another in a round.
    pub fn paths(self, from: NodeId, to: NodeId, round: u8) -> Vec<Path> {
        om::paths(self.nodes, NodeId(self.commander), from, to, round).collect()
    }

    pub fn rounds(self) -> u8 {
        rounds(self.traitors)
    }

    /// The sealed frame of a whole wave.
    pub fn wave(self, from: NodeId, round: u8, orders: &[Option<u8>]) -> Vec<u8> {
        let instance = self.instance();
        seal(from, Said::Wave { instance, round, orders: Wave::from_orders(orders) })
    }

    /// The sealed frame of one message along a path.
    pub fn oral(self, path: &[u8], order: Option<u8>) -> Vec<u8> {
        let ids: Vec<NodeId> = path.iter().copied().map(NodeId).collect();
        let path = Path::new(&ids).unwrap();
        seal(*ids.last().unwrap(), Said::Oral { instance: self.instance(), path, order })
    }
}

/// What a traitor says along one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A value, or that it received none.
    Say(Option<u8>),
    /// Nothing at all.
    Silence,
}

/// A value, or silence.
pub fn say(value: Option<u8>) -> Lie {
    value.map_or(Lie::Silence, |value| Lie::Say(Some(value)))
}

/// Traitors who choose what to say along each path to each receiver; `lie` is also told what a
/// loyal general would say.
pub fn liars(
    army: Army,
    mut lie: impl FnMut(&[NodeId], NodeId, Option<u8>) -> Lie,
) -> impl Treason {
    move |round: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>| {
        let paths = army.paths(from, to, round);
        let honest = loyal.as_deref().map_or(vec![None; paths.len()], orders_of);
        assert_eq!(honest.len(), paths.len(), "one order for each path");
        let lies: Vec<Lie> =
            paths.iter().zip(honest).map(|(path, loyal)| lie(path.ids(), to, loyal)).collect();
        let told = |lie: &Lie| if let Lie::Say(order) = lie { Some(*order) } else { None };
        let send = |payload| Letter { delay: DELAY / 2, payload };
        if lies.is_empty() {
            return vec![];
        }
        if let Some(orders) = lies.iter().map(told).collect::<Option<Vec<_>>>() {
            return vec![send(army.wave(from, round, &orders))];
        }
        let said = paths.iter().zip(&lies).filter_map(|(path, lie)| Some((path, told(lie)?)));
        said.map(|(path, order)| {
            let ids: Vec<u8> = path.ids().iter().map(|id| id.0).collect();
            send(army.oral(&ids, order))
        })
        .collect()
    }
}

/// The orders in the frame of a loyal general.
pub fn orders_of(payload: &[u8]) -> Vec<Option<u8>> {
    match wire::decode::<Said<'_>>(payload).unwrap() {
        Message::Wave { orders, .. } => orders.orders().map(Result::unwrap).collect(),
        Message::Oral { order, .. } => vec![order],
    }
}

/// A lieutenant in the hand of a test: what is said to it, and when, is written down in order.
pub struct Alone {
    pub general: om::General<u8, Memory>,
    roster: Roster<Vec<PublicKey>>,
}

impl Alone {
    pub fn new(army: Army, me: u8) -> Self {
        let general = om::General::with_rules(army.orders(me), schedule());
        Self { general, roster: roster(army.nodes) }
    }

    /// Opens a round, 0 for none yet; returns who was missing in the one before.
    pub fn open(&mut self, round: u8) -> Vec<u8> {
        let begin = START + ROUND * (u64::from(round).max(1) - 1) - u64::from(round == 0);
        let outputs = self.general.step(Instant::from_micros(begin), Input::Wake);
        outputs
            .filter_map(|output| match output {
                Output::Accuse { node, fault: Fault::Missing } => Some(node.0),
                _ => None,
            })
            .collect()
    }

    /// Hands it a frame through the wall; says what its sender is blamed for.
    pub fn hear(&mut self, from: u8, payload: &[u8]) -> Option<Fault> {
        let Ok(message) = wire::decode::<Said<'_>>(payload) else { return Some(Fault::Malformed) };
        let from = Principal::Node(NodeId(from));
        let verified = self.roster.verify(&TestVerifier, from, message).unwrap();
        let outputs: Vec<_> = self.general.step(Instant::ZERO, Input::Message(verified)).collect();
        match outputs[..] {
            [] => None,
            [Output::Accuse { node, fault }] if Principal::Node(node) == from => Some(fault),
            _ => panic!("{outputs:?}"),
        }
    }

    /// Closes the last round and returns what is decided.
    pub fn decide(&mut self) -> Verdict<u8> {
        let rules = self.general.rules();
        let end = rules.rounds() + 1;
        let begin = START + ROUND * (u64::from(end) - 1);
        let outputs = self.general.step(Instant::from_micros(begin), Input::Wake);
        let decided = outputs.filter_map(|output| match output {
            Output::Decide(verdict) => Some(verdict),
            _ => None,
        });
        decided.last().expect("the last round has closed")
    }

    /// Everything that it knows.
    pub fn state(&self) -> String {
        format!("{:?}", self.general.rules())
    }

    /// What it keeps for a path.
    pub fn entry(&self, path: &[u8]) -> Entry<u8> {
        let ids: Vec<NodeId> = path.iter().copied().map(NodeId).collect();
        *self.general.rules().entry(&Path::new(&ids).unwrap()).unwrap()
    }
}

/// Runs an army and returns what happened.
pub fn fight(
    army: Army,
    order: Option<u8>,
    traitors: &[u8],
    treason: &mut impl Treason,
) -> Battle<Verdict<u8>> {
    army.field(order, traitors).fight(treason, |verdict| verdict)
}

/// Which of the two conditions of the paper are broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Two loyal lieutenants obey different orders.
    pub ic1: bool,
    /// A loyal lieutenant does not obey a loyal commander.
    pub ic2: bool,
}

/// Judges what the loyal lieutenants obey.
pub fn judge(army: Army, order: u8, traitors: &[u8], obeyed: &[u8]) -> Broken {
    let loyal = |id: u8| !traitors.contains(&id);
    let lieutenants = (0u8..).zip(obeyed).filter(|(id, _)| *id != army.commander && loyal(*id));
    let orders: Vec<u8> = lieutenants.map(|(_, order)| *order).collect();
    Broken {
        ic1: orders.iter().any(|other| *other != orders[0]),
        ic2: loyal(army.commander) && orders.iter().any(|other| *other != order),
    }
}

/// The orders that the generals obey; each decides exactly once.
pub fn obeyed(battle: &Battle<Verdict<u8>>) -> Vec<u8> {
    let once = |decisions: &Vec<Verdict<u8>>| match decisions[..] {
        [verdict] => verdict.order(R),
        _ => panic!("decided {decisions:?}"),
    };
    battle.decisions.iter().map(once).collect()
}

#[test]
fn seven_loyal_generals_obey_their_commander() {
    let battle = fight(Army::new(7, 2), Some(A), &[], &mut nobody);
    assert_eq!(obeyed(&battle), [A; 7]);
    assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
    assert_eq!((battle.frames, battle.crowded), (66, 1));
}

#[test]
fn any_general_may_command_and_a_traitor_commander_cannot_split_the_others() {
    for commander in 0..4 {
        let army = Army { commander, ..Army::new(4, 1) };
        let mut order = [A, A, B].into_iter();
        let mut treason = liars(army, |_, _, _| Lie::Say(order.next()));
        let battle = fight(army, Some(C), &[commander], &mut treason);
        let mut obeyed = obeyed(&battle);
        obeyed.remove(usize::from(commander));
        assert_eq!(obeyed, [A; 3]);
    }
}
