//! The rules of chains, one by one, at one general.

use super::post::{Outcome, Post};
use super::scroll::{Scroll, encode, frame, frame_in, scrolls};
use super::*;
use crate::field::{roster, schedule};
use crate::scheme::TestVerifier;
use quorate::sm::Message;
use quorate::{
    Admission, ClientId, Fault, Instant, NodeSet, Principal, Protocol, Refusal, Target, wire,
};

/// General 3 of SM(3) among seven, in this round.
fn general(round: u8) -> Post {
    Post::in_round(3, 7, 3, round)
}

/// A frame from a peer is refused for this fault, and changes nothing.
#[track_caller]
fn refuse(post: &mut Post, from: u8, payload: &[u8], fault: Fault) {
    let state = post.state();
    assert_eq!(post.hear(from, payload), Outcome::Refused(fault));
    assert_eq!(post.state(), state, "a frame that is to blame changes nothing");
    assert_eq!(post.verified(), 0, "it is refused before any signature is verified");
}

#[test]
fn a_chain_needs_as_many_signatures_as_there_were_rounds() {
    let signers = [0, 1, 2, 4];
    for round in 0..=4u8 {
        for length in 1..=4 {
            let scroll = Scroll::signed(A, &signers[..length]);
            let (mut post, from) = (general(round), signers[length - 1]);
            if length < usize::from(round) {
                refuse(&mut post, from, &scroll.frame(), Fault::Late);
            } else {
                assert_eq!(post.hear(from, &scroll.frame()), Outcome::FINE);
                assert_eq!(post.orders(), [A]);
            }
        }
    }
}

#[test]
fn a_chain_is_no_longer_than_there_are_rounds() {
    let scroll = Scroll::signed(A, &[0, 1, 2, 4, 5]);
    for round in 0..=4 {
        refuse(&mut general(round), 5, &scroll.frame(), Fault::OutOfBounds);
    }
    let endless: Vec<u8> = (0..200).map(|at| [0, 1, 2, 4, 5, 6][at % 6]).collect();
    let endless = Scroll::signed(A, &endless);
    refuse(&mut general(1), endless.signers()[199], &endless.frame(), Fault::OutOfBounds);
}

#[test]
fn nobody_counts_twice() {
    for signers in [&[0, 0][..], &[0, 1, 1], &[0, 1, 0], &[0, 1, 2, 1]] {
        let from = *signers.last().unwrap();
        refuse(&mut general(1), from, &Scroll::signed(A, signers).frame(), Fault::BadChain);
    }
}

#[test]
fn the_commander_signs_first() {
    for signers in [&[1][..], &[1, 0], &[2, 1], &[1, 2, 0]] {
        let from = *signers.last().unwrap();
        refuse(&mut general(1), from, &Scroll::signed(A, signers).frame(), Fault::BadChain);
    }
}

/// S-16.
#[test]
fn nobody_is_told_what_it_signed_itself() {
    for signers in [&[0, 3, 1][..], &[0, 1, 3, 2]] {
        let from = *signers.last().unwrap();
        refuse(&mut general(1), from, &Scroll::signed(A, signers).frame(), Fault::BadChain);
        let mut told = general(1);
        assert_eq!(told.hear(0, &Scroll::signed(A, &[0]).frame()), Outcome::FINE);
        assert_eq!(told.verified(), 1);
        refuse(&mut told, from, &Scroll::signed(A, signers).frame(), Fault::BadChain);
    }
}

#[test]
fn the_sender_signs_last() {
    refuse(&mut general(1), 1, &Scroll::signed(A, &[0]).frame(), Fault::Impersonation);
    refuse(&mut general(2), 2, &Scroll::signed(A, &[0, 1]).frame(), Fault::Impersonation);
    let mixed = frame(&[&Scroll::signed(A, &[0, 1]), &Scroll::signed(B, &[0, 2])]);
    refuse(&mut general(2), 1, &mixed, Fault::Impersonation);
}

#[test]
fn ids_that_nobody_has_are_out_of_bounds() {
    for id in [7, 8, 63, 64, 65, 255] {
        for (signers, from) in [(vec![0, id, 1], 1), (vec![id, 1], 1), (vec![0, id], 1)] {
            let payload = Scroll::signed(A, &signers).frame();
            refuse(&mut general(1), from, &payload, Fault::OutOfBounds);
        }
        let (mut post, state) = (general(1), general(1).state());
        let outcome = post.hear(id, &Scroll::signed(A, &[0, id]).frame());
        assert_eq!(outcome, Outcome::Refused(Fault::OutOfBounds), "a peer that nobody knows");
        assert_eq!(post.state(), state);
    }
}

#[test]
fn a_frame_of_another_instance_is_none_of_this_one() {
    let elsewhere = |number, commander| Instance { number, commander: NodeId(commander) };
    for instance in [elsewhere(8, 0), elsewhere(7, 1), elsewhere(u64::MAX, 64)] {
        let scroll = Scroll::signed_in(&crate::field::scope(), instance, A, &[0, 1]);
        let payload = frame_in(instance, &[&scroll]);
        refuse(&mut general(1), 1, &payload, Fault::WrongInstance);
    }
}

#[test]
fn a_frame_is_believed_whole_or_not_at_all() {
    let good = Scroll::signed(A, &[0, 1]);
    let bad = [
        (Scroll::signed(B, &[0, 0, 1]), Fault::BadChain),
        (Scroll::signed(B, &[0, 9, 1]), Fault::OutOfBounds),
        (Scroll::signed(B, &[0, 2]), Fault::Impersonation),
    ];
    for (bad, fault) in &bad {
        refuse(&mut general(2), 1, &frame(&[&good, bad]), *fault);
        refuse(&mut general(2), 1, &frame(&[bad, &good]), *fault);
    }
    for at in 0..2 {
        let mut post = general(2);
        let spoilt = Scroll::signed(B, &[0, 1]).spoilt(at);
        let outcome = post.hear(1, &frame(&[&good, &spoilt]));
        assert_eq!(outcome, Outcome::Refused(Fault::Forged));
        assert_eq!(post.orders(), [0; 0]);
        assert_eq!(post.hear(2, &Scroll::signed(A, &[0, 2]).frame()), Outcome::FINE);
        assert_eq!(post.orders(), [A]);
    }
}

#[test]
fn an_order_is_relayed_once_to_all_who_have_not_signed_it() {
    for (round, signers) in [(1, &[0][..]), (2, &[0, 1]), (1, &[0, 1]), (3, &[0, 5, 1])] {
        let mut post = general(round);
        let scroll = Scroll::signed(A, signers);
        post.hear(*signers.last().unwrap(), &scroll.frame());
        assert!(post.said().is_empty(), "not before the next round");
        post.begin(round + 1);
        let said = post.said();
        assert_eq!(said.len(), 1, "one frame, and one signature, for all");
        assert_eq!(scrolls(&said[0].1), [scroll.then(3)]);
        let told: Vec<u8> = (0..7).filter(|id| said[0].0.includes(NodeId(*id))).collect();
        let others: Vec<u8> = (0..7).filter(|id| *id != 3 && !signers.contains(id)).collect();
        assert_eq!(told, others);
        (round + 2..=5).for_each(|round| post.begin(round));
        assert!(post.said().is_empty(), "once");
    }
}

#[test]
fn a_chain_of_full_length_is_believed_and_not_relayed() {
    for round in [1, 4] {
        let mut post = general(round);
        assert_eq!(post.hear(4, &Scroll::signed(A, &[0, 1, 2, 4]).frame()), Outcome::FINE);
        assert_eq!(post.decide(), Verdict::Value(A));
        assert!(post.said().is_empty());
    }
    let mut alone = Post::in_round(1, 3, 0, 1);
    assert_eq!(alone.hear(0, &Scroll::signed(A, &[0]).frame()), Outcome::FINE);
    assert_eq!(alone.decide(), Verdict::Value(A));
    assert!(alone.said().is_empty(), "SM(0) is one round");
}

#[test]
fn two_orders_go_to_each_peer_in_one_frame_without_what_it_signed() {
    let mut post = general(2);
    let (a, b) = (Scroll::signed(A, &[0, 1]), Scroll::signed(B, &[0, 2]));
    assert_eq!(post.hear(1, &a.frame()), Outcome::FINE);
    assert_eq!(post.hear(2, &b.frame()), Outcome::Heard(vec![(0, Fault::Equivocation)]));
    post.begin(3);
    let (a, b) = (a.then(3), b.then(3));
    let said: Vec<_> = post.said().into_iter().map(|(to, it)| (to, scrolls(&it))).collect();
    let rest = NodeSet::from_iter([4, 5, 6].map(NodeId));
    let expected = [
        (Target::Node(NodeId(1)), vec![b.clone()]),
        (Target::Node(NodeId(2)), vec![a.clone()]),
        (Target::Nodes(rest), vec![a, b]),
    ];
    assert_eq!(said, expected);
}

#[test]
fn what_is_held_or_comes_again_is_silently_dropped() {
    let mut post = general(1);
    let first = Scroll::signed(A, &[0]).frame();
    assert_eq!(post.hear(0, &first), Outcome::FINE);
    let state = post.state();
    assert_eq!(post.hear(0, &first), Outcome::Known);
    assert_eq!(post.state(), state);
    let again = Scroll::signed(A, &[0, 1]);
    assert_eq!(post.hear(1, &again.frame()), Outcome::Known);
    post.begin(2);
    let twice = frame(&[&Scroll::signed(B, &[0, 2]), &Scroll::signed(B, &[0, 1, 2])]);
    assert_eq!(post.hear(2, &twice), Outcome::Heard(vec![(0, Fault::Equivocation)]));
    assert_eq!(post.orders(), [A, B], "the same order twice in one frame is one");
}

#[test]
fn a_third_order_of_one_peer_is_its_fault() {
    let [a, b, c] = [A, B, C].map(|value| Scroll::signed(value, &[0, 1]));
    let of_2 = |value| Scroll::signed(value, &[0, 2]);
    // All three from one peer, each in a frame of its own.
    let mut post = general(2);
    post.hear(1, &a.frame());
    post.hear(1, &b.frame());
    assert_eq!(post.hear(1, &c.frame()), Outcome::Refused(Fault::ThirdValue));
    assert_eq!(post.hear(1, &c.frame()), Outcome::Known, "accused once");
    // Two that others told, and one more.
    let mut post = general(2);
    post.hear(2, &frame(&[&of_2(A), &of_2(B)]));
    assert_eq!(post.hear(1, &frame(&[&a, &b])), Outcome::Known);
    assert_eq!(post.hear(1, &c.frame()), Outcome::Refused(Fault::ThirdValue));
    // In whatever order.
    let mut post = general(2);
    post.hear(2, &frame(&[&of_2(A), &of_2(B)]));
    assert_eq!(post.hear(1, &frame(&[&c, &a])), Outcome::Known);
    assert_eq!(post.hear(1, &b.frame()), Outcome::Refused(Fault::ThirdValue));
    // The second and the third in one frame: it is not believed at all.
    let mut post = general(2);
    post.hear(1, &a.frame());
    post.begin(3);
    let [b, c_later] = [B, C].map(|value| Scroll::signed(value, &[0, 2, 1]));
    let outcome = post.hear(1, &frame(&[&b, &c_later]));
    assert_eq!(outcome, Outcome::Heard(vec![(1, Fault::ThirdValue)]));
    assert_eq!(post.orders(), [A]);
    // A peer that tells two is loyal, as far as anybody knows.
    let mut post = general(2);
    post.hear(2, &frame(&[&of_2(A), &of_2(B)]));
    assert_eq!(post.hear(1, &frame(&[&a, &c])), Outcome::Known);
}

#[test]
fn who_is_no_general_has_no_say() {
    let payload = Scroll::signed(A, &[0, 1]).frame();
    let mut post = general(2);
    let mut message: Message<'_, Value> = wire::decode(&payload).unwrap();
    let client = Principal::Client(ClientId(0));
    let admission = post.general.admit(client, &mut message);
    assert_eq!(admission, Admission::Refused(Fault::NotAllowed));
    assert_eq!(roster(7).verify(&TestVerifier, client, message).err(), Some(Fault::OutOfBounds));
    let clients = vec![crate::scheme::key(client)];
    let keys = (0..7).map(|id| crate::scheme::key(Principal::Node(NodeId(id)))).collect();
    let both = quorate::Roster::new(crate::field::scope().cluster, 1, keys, clients, &TestVerifier);
    let verified = both.unwrap().verify(&TestVerifier, client, message);
    assert_eq!(verified.err(), Some(Fault::NotAllowed));
    let mine = Scroll::signed(A, &[0, 3]).frame();
    assert_eq!(post.hear(3, &mine), Outcome::Refused(Fault::Impersonation));
}

/// Whoever verifies without admitting first is not deceived either.
#[test]
fn the_form_of_a_chain_is_verified_with_its_signatures() {
    let scrolls = [
        (1, Scroll::signed(A, &[0, 0, 1]), Fault::BadChain),
        (1, Scroll::signed(A, &[2, 1]), Fault::BadChain),
        (1, Scroll::signed(A, &[0, 2]), Fault::Impersonation),
        (1, Scroll::signed(A, &[0, 7, 1]), Fault::OutOfBounds),
        (1, Scroll::signed(A, &[0, 1]).spoilt(0), Fault::Forged),
        (1, Scroll::signed(A, &[0, 1]).spoilt(1), Fault::Forged),
    ];
    for (from, scroll, fault) in &scrolls {
        let message = Message::new(INSTANCE, scroll.chain());
        let from = Principal::Node(NodeId(*from));
        assert_eq!(roster(7).verify(&TestVerifier, from, message).err(), Some(*fault));
    }
}

/// S-11, and the other way round: what counts is that it spoke, not whether it was news.
#[test]
fn a_commander_is_missed_unless_it_is_heard_itself() {
    for heard in [true, false] {
        let mut post = general(1);
        let early = Scroll::signed(A, &[0, 1]).frame();
        assert_eq!(post.hear(1, &early), Outcome::FINE, "from a clock that is ahead");
        if heard {
            assert_eq!(post.hear(0, &Scroll::signed(A, &[0]).frame()), Outcome::Known);
        }
        post.begin(2);
        let missing = [(0, Fault::Missing)];
        assert_eq!(post.accused, missing[usize::from(heard)..]);
    }
    let mut post = general(1);
    post.hear(0, &Scroll::signed(A, &[0]).spoilt(0).frame());
    post.begin(2);
    assert_eq!(post.accused, [(0, Fault::Missing)], "what is forged was not said");
    post.begin(3);
    assert_eq!(post.accused.len(), 1, "only in the first round");
}

/// A chain that was struck was not verified: it must not be believed when it is stepped.
#[test]
fn what_was_struck_is_not_believed() {
    let payload = frame(&[&Scroll::signed(A, &[0, 1]), &Scroll::signed(B, &[0, 1]).spoilt(0)]);
    let mut post = general(2);
    let mut message: Message<'_, Value> = wire::decode(&payload).unwrap();
    assert_eq!(message.struck(), 0);
    message.strike(0b10);
    assert_eq!(message.struck(), 0b10);
    let from = Principal::Node(NodeId(1));
    let verified = roster(7).verify(&TestVerifier, from, message).unwrap();
    let now = Instant::from_micros(crate::field::START + crate::field::ROUND);
    assert_eq!(post.general.step(now, quorate::Input::Message(verified)).count(), 0);
    assert_eq!(post.orders(), [A]);
    assert_eq!(encode(&message), payload, "the note is not sent");
}

#[test]
fn the_end_closes_the_doors() {
    let mut post = general(5);
    assert_eq!(post.decision, Some(NOTHING));
    let late = Scroll::signed(A, &[0, 1, 2, 4]).frame();
    refuse(&mut post, 4, &late, Fault::Late);
    post.decision = None;
    post.begin(9);
    assert_eq!(post.decision, None, "it decides once");
}

#[test]
fn only_the_commander_orders_and_only_before_the_first_round() {
    let mut lieutenant = Post::new(1, 4, 1);
    lieutenant.order(A);
    assert_eq!(lieutenant.refused, [Refusal::NotCommander]);
    let mut commander = Post::new(0, 4, 1);
    commander.order(A);
    commander.order(B);
    commander.begin(1);
    let said = commander.said();
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].0, scrolls(&said[0].1)), (Target::All, vec![Scroll::signed(B, &[0])]));
    commander.order(C);
    assert_eq!(commander.refused, [Refusal::Begun], "the last order before the round counts");
    assert_eq!(commander.decide(), Verdict::Value(B));
    assert!(commander.said().is_empty());
    let schedule = schedule();
    let general = super::General::new(config(0, 4, 1), schedule, memory(4, 1)).unwrap();
    assert_eq!(general.deadline(), Some(schedule.begin(1)));
}

/// S-20: whatever it hears, the commander obeys itself; and its own signature under what it
/// never said means that somebody else has its key.
#[test]
fn s_20_a_commander_that_sees_its_own_signature_says_so_and_decides_its_order() {
    for order in [Some(A), None] {
        let mut post = Post::new(0, 4, 1);
        order.into_iter().for_each(|value| post.order(value));
        post.begin(1);
        post.begin(2);
        let theft = vec![(2, Fault::BadChain), (0, Fault::Equivocation)];
        for value in [B, C] {
            let outcome = post.hear(2, &Scroll::signed(value, &[0, 2]).frame());
            assert_eq!(outcome, Outcome::Heard(theft.clone()));
        }
        let forged = Scroll::signed(C, &[0, 1]).spoilt(0).frame();
        assert_eq!(post.hear(1, &forged), Outcome::Refused(Fault::Forged));
        let echo = post.hear(1, &Scroll::signed(A, &[0, 1]).frame());
        if order.is_some() {
            assert_eq!(echo, Outcome::Refused(Fault::BadChain), "its own order is no evidence");
        }
        assert_eq!(post.decide(), order.map_or(NOTHING, Verdict::Value));
    }
}

#[test]
fn renewed_rules_are_as_good_as_new() {
    let mut chains = generals(4, 1, Some(A)).remove(0);
    chains.renew(8);
    assert_eq!(chains.instance(), Instance { number: 8, ..INSTANCE });
    assert_eq!(chains.orders().count(), 0);
    let mut post = general(2);
    post.hear(1, &frame(&[&Scroll::signed(A, &[0, 1]), &Scroll::signed(B, &[0, 1])]));
    let mut rules = post.general.into_rules();
    rules.renew(INSTANCE.number);
    assert_eq!((rules.orders().count(), rules.decision()), (0, NOTHING));
    assert_eq!(rules.close(1), NodeSet::from_iter([NodeId(0)]), "nobody was heard");
    assert!((0..7).all(|to| rules.frame(3, NodeId(to)).is_none()), "nothing is relayed");
}
