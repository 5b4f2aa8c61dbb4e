//! identical vectors whatever a traitor's frames hold.

use super::*;
use crate::scheme::TestSigner;
use quorate::auth::Signed;
use quorate::sm::{Chain, Endorsement, Endorsements};
use quorate::{NodeSet, Principal, wire};

/// What a traitor makes of a part that it would say loyally.
trait Bend: Broadcast<Value = u8> + Clone {
    fn bend(part: &[u8], from: NodeId, rng: &mut Rng) -> Option<Vec<u8>>;
}

impl Bend for Oral {
    fn bend(part: &[u8], _: NodeId, rng: &mut Rng) -> Option<Vec<u8>> {
        let message: om::Message<'_, u8> = wire::decode(part).unwrap();
        let om::Message::Wave { instance, round, orders } = message else { return None };
        let lie = |_| (rng.below(4) > 0).then(|| b'A' + rng.below(3) as u8);
        let lies: Vec<Option<u8>> = orders.orders().map(lie).collect();
        let orders = om::Wave::from_orders(&lies);
        let lie = om::Message::Wave { instance, round, orders };
        let mut buffer = vec![0; wire::encoded_len(&lie)];
        wire::encode(&lie, &mut buffer).unwrap();
        Some(buffer)
    }
}

impl Bend for Scrolls {
    fn bend(part: &[u8], from: NodeId, rng: &mut Rng) -> Option<Vec<u8>> {
        let message: sm::Message<'_, u8> = wire::decode(part).unwrap();
        if message.instance.commander != from || rng.below(3) == 0 {
            return (rng.below(2) == 0).then(|| part.to_vec());
        }
        let value = b'A' + rng.below(3) as u8;
        let chain = Chain::new(value, Endorsements::NONE, Endorsement::unsigned(from));
        let mut lie = sm::Message::new(message.instance, chain);
        let me = Principal::Node(from);
        lie.sign(me, &scope(), &TestSigner(me));
        let mut buffer = vec![0; wire::encoded_len(&lie)];
        wire::encode(&lie, &mut buffer).unwrap();
        Some(buffer)
    }
}

fn fight<P: Bend>(all: Vec<Voters<P>>, faults: usize, seed: u64)
where
    for<'a> P::Message<'a>: Signed,
{
    let nodes = all.len();
    let mut rng = rng(seed);
    let mut traitors = NodeSet::EMPTY;
    while traitors.len() < faults {
        traitors.insert(NodeId(rng.below(nodes) as u8));
    }
    let list: Vec<u8> = traitors.iter().map(|node| node.0).collect();
    let mut field = field(all, &list, |id| b'a' + id as u8);
    for skew in &mut field.skews {
        *skew = rng.below(2 * SKEW as usize) as i64 - SKEW as i64;
    }
    let mut treason = |_: u8, from: NodeId, _: NodeId, loyal: Option<Vec<u8>>| {
        let Some(payload) = loyal.filter(|_| rng.below(8) > 0) else { return vec![] };
        let bent = parts::<P>(&payload);
        let bent: Vec<Vec<u8>> =
            bent.into_iter().filter_map(|(_, part)| P::bend(&part, from, &mut rng)).collect();
        let delay = if rng.below(12) == 0 { ROUND } else { rng.below(DELAY as usize) as u64 };
        vec![Letter { delay, payload: frame::<P>(NUMBER, &bent) }]
    };
    let battle = field.fight(&mut treason, values);
    let loyal: Vec<usize> = (0..nodes).filter(|id| !traitors.contains(NodeId(*id as u8))).collect();
    let vector = &battle.decisions[loyal[0]];
    for id in &loyal {
        assert_eq!(&battle.decisions[*id], vector, "IC1, seed {seed}");
        assert_eq!(vector[0][*id], Some(b'a' + *id as u8), "IC2, seed {seed}");
    }
    for (by, node, fault) in &battle.accusations {
        let slander = !traitors.contains(*by) && !traitors.contains(*node);
        assert!(!slander, "{by:?} accuses loyal {node:?} of {fault:?}, seed {seed}");
    }
    assert_eq!(battle.refusals, [], "seed {seed}");
}

#[test]
fn vectors_are_identical_over_oral_messages() {
    for seed in 0..seeds() {
        let (nodes, traitors) = [(4, 1), (5, 1), (7, 2)][(seed % 3) as usize];
        fight((0..nodes).map(|me| oral(me, nodes, traitors)).collect(), traitors, seed);
    }
}

#[test]
fn vectors_are_identical_over_signed_messages() {
    for seed in 0..seeds() {
        let (nodes, traitors) = [(3, 1), (4, 2), (5, 3)][(seed % 3) as usize];
        fight((0..nodes).map(|me| signed(me, nodes, traitors)).collect(), traitors, seed);
    }
}
