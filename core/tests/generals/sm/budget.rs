//! What a flood costs: verifications, and nobody's share but the sender's.

use super::post::{Outcome, Post};
use super::scroll::{Scroll, frame};
use super::*;
use quorate::Fault;

/// S-09: a hundred thousand forged chains in a round, from all peers together.
#[test]
fn s_09_a_flood_of_bad_signatures_costs_no_more_than_two_chains_of_each_peer_and_round() {
    for (nodes, traitors, flood) in [(4, 2, 34_000), (7, 5, 1_000)] {
        let mut post = Post::new(1, nodes, traitors);
        let share = sm::verifications(nodes, traitors);
        assert_eq!(share, 2 * (nodes as u64 - 1) * (traitors as u64 + 1));
        for round in 1..=traitors as u8 + 1 {
            post.begin(round);
            let mut verified = 0;
            for peer in (2..nodes as u8).chain([0]) {
                let others = (2..nodes as u8).filter(|id| *id != peer).take(traitors - 1);
                let mut signers = vec![0];
                if peer != 0 {
                    signers.extend(others.chain([peer]));
                }
                let spoilt = |value| Scroll::signed(value, &signers).spoilt(signers.len() - 1);
                let (one, two) = (spoilt(A).frame(), frame(&[&spoilt(B), &spoilt(C)]));
                let before = post.accused.len();
                let outcomes: Vec<_> =
                    (0..flood).map(|at| post.hear(peer, [&one, &two][at % 2])).collect();
                let late = Outcome::Refused(Fault::Late);
                let blamed = outcomes.iter().filter(|it| **it != Outcome::Known && **it != late);
                assert!(blamed.count() <= 3, "and no more blame than that");
                assert_eq!(post.accused.len(), before);
                verified += post.verified();
            }
            assert!(verified as u64 <= share, "{verified} in round {round}, at most {share}");
            assert!(verified > 0);
        }
        assert_eq!(post.orders(), [0; 0]);
        assert_eq!(post.decide(), NOTHING);
    }
}

/// The same figure, with chains that are long and right but for their last signature.
#[test]
fn the_most_verifications_of_a_round_are_as_published() {
    let (nodes, traitors) = (5, 3);
    let mut post = Post::in_round(4, nodes, traitors, 1);
    for (peer, signers) in [(1, [0, 2, 3, 1]), (2, [0, 1, 3, 2]), (3, [0, 1, 2, 3])] {
        for value in 0..10 {
            post.hear(peer, &Scroll::signed(value, &signers).spoilt(3).frame());
        }
    }
    assert_eq!(post.verified(), 3 * 2 * 4, "two chains of four signatures from each of three");
    assert!(3 * 2 * 4 <= sm::verifications(nodes, traitors));
}

#[test]
fn after_a_flood_others_are_heard_and_the_flooder_again_in_the_next_round() {
    let mut post = Post::in_round(3, 5, 2, 1);
    let garbage = Scroll::signed(B, &[0, 1]).spoilt(0).frame();
    let outcomes: Vec<_> = (0..5).map(|_| post.hear(1, &garbage)).collect();
    let refused = |fault| Outcome::Refused(fault);
    let (forged, over) = (refused(Fault::Forged), refused(Fault::OverBudget));
    let expected = [forged.clone(), forged, over, Outcome::Known, Outcome::Known];
    assert_eq!(outcomes, expected, "accused of too much once");
    let good = Scroll::signed(A, &[0, 1]).frame();
    assert_eq!(post.hear(1, &good), Outcome::Known, "its share is spent");
    assert_eq!(post.hear(2, &Scroll::signed(B, &[0, 2]).frame()), Outcome::FINE);
    assert_eq!(post.hear(0, &Scroll::signed(C, &[0]).frame()).fault(0), Some(Fault::Equivocation));
    let mut post = Post::in_round(3, 5, 2, 1);
    (0..5).for_each(|_| drop(post.hear(1, &garbage)));
    post.begin(2);
    let again = (0..5).map(|_| post.hear(1, &garbage));
    assert_eq!(again.collect::<Vec<_>>(), expected, "in each round");
    let mut post = Post::in_round(3, 5, 2, 1);
    (0..5).for_each(|_| drop(post.hear(1, &garbage)));
    post.begin(2);
    assert_eq!(post.hear(1, &good), Outcome::FINE, "a new round, a new share");
    assert_eq!(post.orders(), [A]);
}

/// S-21.
#[test]
fn s_21_what_is_held_costs_no_verification_and_no_share() {
    let mut post = Post::in_round(3, 5, 2, 1);
    assert_eq!(post.hear(0, &Scroll::signed(A, &[0]).frame()), Outcome::FINE);
    assert_eq!(post.verified(), 1);
    for _ in 0..100 {
        for peer in [1, 2, 4] {
            let known = Scroll::signed(A, &[0, peer]).spoilt(1);
            assert_eq!(post.hear(peer, &known.frame()), Outcome::Known);
        }
    }
    assert_eq!(post.verified(), 0);
    let both = frame(&[&Scroll::signed(A, &[0, 1]), &Scroll::signed(B, &[0, 1])]);
    post.hear(1, &both);
    assert_eq!(post.orders(), [A, B]);
    assert_eq!(post.verified(), 2, "the chain that is held is struck, the other verified");
    for value in 10..200 {
        let useless = Scroll::signed(value, &[0, 2]);
        assert!(matches!(post.hear(2, &useless.frame()), Outcome::Known | Outcome::Refused(_)));
    }
    assert_eq!(post.verified(), 0, "two are held: nothing is worth a verification any more");
}

/// Two orders are all that are ever kept, however they come.
#[test]
fn two_orders_are_kept_and_no_more() {
    for orders in [3, 1_000] {
        let mut post = Post::in_round(3, 5, 2, 1);
        for value in 0..orders {
            let from = [0, 1, 2, 4][usize::from(value % 4)];
            let signers = if from == 0 { vec![0] } else { vec![0, from] };
            post.hear(from, &Scroll::signed(value, &signers).frame());
        }
        assert_eq!(post.orders(), [0, 1]);
        post.begin(2);
        let relayed: usize =
            post.said().iter().map(|(_, it)| super::scroll::scrolls(it).len()).max().unwrap();
        assert_eq!(relayed, 2);
        assert_eq!(post.decide(), CONFLICT);
    }
}
