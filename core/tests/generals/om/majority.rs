//! The majority by itself, against the paper's recursion, for any number of votes.

use super::reference::om;
use super::*;
use crate::rng::Rng;

/// A lieutenant that was told this along each path, 1 to itself, and what it decides.
fn decided(army: Army, said: impl Fn(&[u8]) -> Option<u8>) -> Verdict<u8> {
    let mut general = army.orders(1);
    let roster = roster(army.nodes);
    for round in 1..=army.rounds() {
        for from in (0..army.nodes as u8).filter(|from| *from != 1) {
            let told = |path: &Path| said(&path.ids().iter().map(|id| id.0).collect::<Vec<_>>());
            let orders: Vec<_> =
                army.paths(NodeId(from), NodeId(1), round).iter().map(told).collect();
            if !orders.is_empty() {
                let (instance, orders) = (army.instance(), Wave::from_orders(&orders));
                let message = Said::Wave { instance, round, orders };
                let peer = Principal::Node(NodeId(from));
                let verified = roster.verify(&TestVerifier, peer, message).unwrap();
                assert_eq!(general.on_message(round, NodeId(from), &verified).sender, None);
            }
        }
        assert!(general.close(round).is_empty());
    }
    general.decision()
}

/// What the paper decides of the same.
fn paper(army: Army, said: impl Fn(&[u8]) -> Option<u8>) -> Option<u8> {
    let others: Vec<u8> = (2..army.nodes as u8).collect();
    let told = |path: &[u8], _: u8| Some(said(path));
    om(army.traitors, &mut vec![0], &others, 1, None, &told)
}

#[test]
fn any_number_of_votes_is_counted_as_the_paper_does() {
    let mut majorities = 0;
    for (nodes, seed) in (4..=40).flat_map(|nodes| (0..60).map(move |seed| (nodes, seed))) {
        let mut rng = Rng::new(seed * 64 + nodes as u64);
        let army = Army::new(nodes, 1);
        // About half of the votes, one more or one less, for one value or for nothing; of the
        // rest most for another. What was heard directly is any of them.
        let (values, half) = ([None, Some(A), Some(B), Some(C)], (nodes - 1) / 2);
        let (one, two) = (values[rng.below(4)], values[rng.below(4)]);
        let mut votes = vec![one; half + rng.below(3)];
        while votes.len() < nodes - 1 {
            votes.push(if rng.below(4) > 0 { two } else { values[rng.below(4)] });
        }
        for at in (1..votes.len()).rev() {
            votes.swap(at, rng.below(at + 1));
        }
        let said = |path: &[u8]| votes[path.get(1).map_or(0, |id| usize::from(*id) - 1)];
        let verdict = decided(army, said);
        assert_eq!(verdict.value(), paper(army, said), "seed {seed}, n = {nodes}: {votes:?}");
        majorities += usize::from(verdict.value().is_some());
    }
    assert!((300..1_900).contains(&majorities), "both outcomes are tested: {majorities}");
}

#[test]
fn trees_of_random_votes_are_resolved_as_the_paper_does() {
    for (nodes, traitors, seeds) in [(7, 2, 60), (10, 2, 30), (13, 2, 20), (20, 2, 5), (10, 3, 5)] {
        for seed in 0..seeds {
            let army = Army::new(nodes, traitors);
            // Two values most of the time: then majorities are close.
            let said = |path: &[u8]| {
                let mixed =
                    path.iter().fold(seed, |seed, id| Rng::new(seed ^ u64::from(*id)).next());
                [Some(A), Some(A), Some(A), Some(B), Some(B), None][(mixed % 6) as usize]
            };
            let value = decided(army, said).value();
            assert_eq!(value, paper(army, said), "seed {seed}, {army:?}");
        }
    }
}
