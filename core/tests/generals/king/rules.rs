//! The rules one by one: whom a general hears, how it counts, what it says.

use super::*;
use crate::field::roster;
use crate::scheme::{TestVerifier, key};
use quorate::auth::Signed;
use quorate::king::Part;
use quorate::rounds::Blame;
use quorate::{ClientId, Digest, Fault, NodeSet, Principal, Reason, Refusal, Roster};

/// One general's rules, and the round that is open.
pub struct Desk {
    pub army: Army,
    pub rules: Votes,
    pub open: u8,
}

impl Desk {
    pub fn new(army: Army, me: u8) -> Self {
        Self { army, rules: army.rules(me), open: 0 }
    }

    /// A desk at the beginning of a round, in an army in which everybody said A before.
    fn at(army: Army, me: u8, round: u8) -> Self {
        let mut desk = Self::new(army, me);
        desk.open = 1;
        while desk.open < round {
            let open = desk.open;
            desk.all_say(army.ids().filter(|id| Part::of(open).is_for(NodeId(*id), NodeId(0))), A);
            assert_eq!(desk.close(), []);
        }
        desk
    }

    fn message(&mut self, from: u8, message: Message<u8>) -> Blame {
        let roster = roster(self.army.nodes);
        let from = Principal::Node(NodeId(from));
        let heard = roster.verify(&TestVerifier, from, message).unwrap();
        let Principal::Node(from) = from else { unreachable!() };
        self.rules.on_message(self.open, from, &heard)
    }

    fn say(&mut self, from: u8, round: u8, opinion: Opinion<u8>) -> Option<Fault> {
        let blame = self.message(from, self.army.says(round, opinion));
        assert!(blame.equivocators.is_empty(), "nothing is signed here");
        blame.sender
    }

    fn all_say(&mut self, from: impl IntoIterator<Item = u8>, opinion: Opinion<u8>) {
        for id in from {
            if NodeId(id) != self.rules.me() {
                assert_eq!(self.say(id, self.open, opinion), None);
            }
        }
    }

    /// Ends the open round and tells who was missing.
    fn close(&mut self) -> Vec<u8> {
        let missing = self.rules.close(self.open);
        self.open += 1;
        missing.iter().map(|id| id.0).collect()
    }

    fn frame(&self) -> Option<Opinion<u8>> {
        let to = NodeId((self.rules.me().0 + 1) % self.army.nodes as u8);
        let frame = self.rules.frame(self.open, to)?;
        assert_eq!((frame.instance, frame.round), (self.army.instance(), self.open));
        Some(frame.opinion)
    }

    /// A wrong message is blamed and changes nothing at all.
    #[track_caller]
    fn refuses(&mut self, from: u8, message: Message<u8>, fault: Fault) {
        let before = format!("{:?}", self.rules);
        assert_eq!(self.message(from, message), Blame::sender(fault));
        assert_eq!(format!("{:?}", self.rules), before);
    }
}

#[test]
fn rounds_have_their_parts() {
    use Part::*;
    let parts: Vec<Part> = (1..=8).map(Part::of).collect();
    let (zero, one) = (King(NodeId(0)), King(NodeId(1)));
    assert_eq!(parts, [Command, First, Second, zero, First, Second, one, First]);
    assert_eq!(Part::of(67), King(NodeId(21)), "the last round of 64 generals");
}

#[test]
fn another_instance_is_refused() {
    let mut desk = Desk::at(FOUR, 1, 2);
    let mut message = FOUR.says(2, A);
    message.instance.number += 1;
    desk.refuses(2, message, Fault::WrongInstance);
    let mut message = FOUR.says(2, A);
    message.instance.commander = NodeId(3);
    desk.refuses(2, message, Fault::WrongInstance);
    assert_eq!(desk.say(2, 2, A), None, "the place of the right one is still free");
}

#[test]
fn rounds_that_do_not_exist_or_are_far_ahead_are_out_of_bounds() {
    for open in 1..=FOUR.rounds() {
        let mut desk = Desk::at(FOUR, 1, open);
        for round in [0].into_iter().chain(open + 2..=u8::MAX) {
            desk.refuses(2, FOUR.says(round, A), Fault::OutOfBounds);
        }
    }
    let mut desk = Desk::at(FOUR, 1, FOUR.rounds());
    desk.refuses(2, FOUR.says(FOUR.rounds() + 1, A), Fault::OutOfBounds);
    let mut desk = Desk::new(FOUR, 1);
    desk.refuses(2, FOUR.says(2, A), Fault::OutOfBounds);
    assert_eq!(desk.say(0, 1, A), None, "the clock of the commander is ahead");
}

#[test]
fn a_closed_round_is_late() {
    for open in 2..=FOUR.rounds() {
        let mut desk = Desk::at(FOUR, 2, open);
        for round in 1..open {
            desk.refuses(0, FOUR.says(round, A), Fault::Late);
        }
    }
}

#[test]
fn early_ballots_are_kept_and_count_in_their_round_only() {
    let mut desk = Desk::new(FOUR, 1);
    assert_eq!(desk.say(0, 1, A), None);
    desk.open = 1;
    for id in [2, 3] {
        assert_eq!(desk.say(id, 2, A), None, "round 2 is next");
    }
    assert_eq!(desk.close(), []);
    assert_eq!(desk.rules.opinion(), A);
    assert_eq!(desk.say(2, 3, B), None);
    assert_eq!(desk.close(), [0], "it said nothing in round 2");
    assert_eq!(desk.rules.opinion(), A, "three votes of four, two of them early");
    assert_eq!(desk.close(), [0, 3]);
    assert_eq!(desk.rules.opinion(), UNDECIDED, "one vote each: mine and the early one");
}

#[test]
fn a_ballot_counts_once_and_not_again_two_rounds_later() {
    let mut desk = Desk::at(FOUR, 1, 2);
    desk.all_say([0, 2, 3], A);
    assert_eq!(desk.close(), []);
    desk.all_say([0, 2, 3], A);
    assert_eq!(desk.close(), []);
    assert_eq!(desk.close(), [0], "what it said in round 2 is no word of the king in round 4");
    let mut desk = Desk::at(FOUR, 1, 3);
    desk.all_say([0, 2, 3], A);
    desk.close();
    desk.all_say([0], A);
    desk.close();
    assert_eq!(desk.close(), [0, 2, 3], "nor is what was said in round 3 said in round 5");
    assert_eq!(desk.rules.opinion(), UNDECIDED);
}

#[test]
fn only_those_whose_turn_it_is_are_heard() {
    let mut desk = Desk::at(FOUR, 1, 1);
    for id in [2, 3] {
        desk.refuses(id, FOUR.says(1, A), Fault::NotAllowed);
    }
    let mut desk = Desk::at(FOUR, 3, 4);
    for id in [1, 2] {
        desk.refuses(id, FOUR.says(4, A), Fault::NotAllowed);
    }
    let mut desk = Desk::at(FOUR, 3, 7);
    for id in [0, 2] {
        desk.refuses(id, FOUR.says(7, A), Fault::NotAllowed);
    }
}

#[test]
fn only_what_a_loyal_general_may_say_is_heard() {
    for opinion in [NOTHING, UNDECIDED] {
        Desk::at(FOUR, 1, 1).refuses(0, FOUR.says(1, opinion), Fault::NotAllowed);
    }
    for (round, from) in [(2, 2), (4, 0), (5, 3), (7, 1)] {
        let mut desk = Desk::at(FOUR, (from + 1) % 4, round);
        desk.refuses(from, FOUR.says(round, UNDECIDED), Fault::NotAllowed);
        assert_eq!(desk.say(from, round, NOTHING), None);
    }
    for round in [3, 6] {
        let mut desk = Desk::at(FOUR, 1, round);
        assert_eq!([desk.say(2, round, UNDECIDED), desk.say(3, round, NOTHING)], [None; 2]);
    }
}

#[test]
fn the_first_ballot_counts_and_a_different_second_is_blamed() {
    let mut desk = Desk::at(FOUR, 1, 2);
    assert_eq!(desk.say(2, 2, B), None);
    let before = format!("{:?}", desk.rules);
    assert_eq!(desk.say(2, 2, B), None, "again");
    assert_eq!(format!("{:?}", desk.rules), before);
    for other in [A, NOTHING] {
        desk.refuses(2, FOUR.says(2, other), Fault::Equivocation);
    }
    desk.all_say([0, 3], A);
    desk.close();
    assert_eq!(desk.rules.opinion(), A);
}

#[test]
fn who_had_to_speak_and_did_not_is_missing() {
    let mut desk = Desk::new(FOUR, 1);
    desk.open = 1;
    let missing: Vec<Vec<u8>> = (1..=7).map(|_| desk.close()).collect();
    let all = vec![0, 2, 3];
    let expected = [vec![0], all.clone(), all.clone(), vec![0], all.clone(), all, vec![]];
    assert_eq!(missing, expected, "in round 7 it is king itself");
    assert_eq!(desk.rules.decision(), Verdict::Default(Reason::Missing));
}

/// Brings a general that begins with `own` through the first exchange.
fn first_exchange(army: Army, own: Opinion<u8>, others: &[Opinion<u8>]) -> Desk {
    let me = army.nodes as u8 - 1;
    let mut desk = Desk::new(army, me);
    desk.open = 1;
    if let Opinion::Order(_) = own {
        desk.all_say([0], own);
    }
    desk.close();
    assert_eq!(desk.rules.opinion(), own);
    for (id, opinion) in (0..me).zip(others) {
        desk.all_say([id], *opinion);
    }
    desk.close();
    desk
}

#[test]
fn the_first_exchange_takes_all_votes_but_t() {
    let after = |own, others: &[_]| first_exchange(SEVEN, own, others).rules.opinion();
    assert_eq!(after(A, &[A, A, A, A, B, B]), A, "five of seven, its own among them");
    assert_eq!(after(A, &[A, A, A, B, B, B]), UNDECIDED, "four of seven");
    assert_eq!(after(A, &[A, A, A]), UNDECIDED, "the absent vote for nobody");
    assert_eq!(after(A, &[A, A, A, A]), A);
    assert_eq!(after(A, &[B, B, B, B, B, A]), B, "it is convinced by others");
    assert_eq!(after(NOTHING, &[NOTHING, NOTHING, NOTHING, NOTHING, A, A]), NOTHING);
    assert_eq!(after(NOTHING, &[NOTHING, NOTHING, NOTHING]), UNDECIDED, "nor for no order");
}

/// Brings a general that holds `own` after the first exchange through the second.
fn second_exchange(own: Opinion<u8>, others: &[Opinion<u8>]) -> Desk {
    let first = match own {
        UNDECIDED => first_exchange(SEVEN, A, &[]),
        NOTHING => first_exchange(SEVEN, NOTHING, &[NOTHING; 6]),
        own => first_exchange(SEVEN, own, &[own; 6]),
    };
    let mut desk = first;
    assert_eq!(desk.frame(), Some(own), "what came of the first exchange is said");
    for (id, opinion) in (0..).zip(others) {
        desk.all_say([id], *opinion);
    }
    desk.close();
    desk
}

#[test]
fn the_second_exchange_takes_more_than_t_votes() {
    let after = |own, others: &[_]| second_exchange(own, others).rules.opinion();
    assert_eq!(after(UNDECIDED, &[A, A, A]), A, "three of seven");
    assert_eq!(after(UNDECIDED, &[A, A]), UNDECIDED, "two might be traitors");
    assert_eq!(after(A, &[A, A, UNDECIDED, UNDECIDED, UNDECIDED, UNDECIDED]), A);
    assert_eq!(after(A, &[A, UNDECIDED, UNDECIDED, UNDECIDED, UNDECIDED]), UNDECIDED);
    assert_eq!(after(A, &[B, B, B, B, B, B]), B);
    assert_eq!(after(NOTHING, &[NOTHING, NOTHING, A]), NOTHING);
    assert_eq!(after(UNDECIDED, &[UNDECIDED; 6]), UNDECIDED);
}

#[test]
fn who_is_not_firm_obeys_the_king() {
    let obeys = |own, others: &[_], word: Option<_>| {
        let mut desk = second_exchange(own, others);
        desk.all_say(word.map(|_| 0), word.unwrap_or(B));
        desk.close();
        desk.rules.opinion()
    };
    for word in [Some(B), Some(NOTHING), None] {
        let said = word.unwrap_or(NOTHING);
        assert_eq!(obeys(A, &[A, A, A, A], word), A, "five votes are firm");
        assert_eq!(obeys(A, &[A, A, A], word), said, "four are not");
        assert_eq!(obeys(UNDECIDED, &[A, A, A, A], word), said, "whoever cast them");
        assert_eq!(obeys(UNDECIDED, &[UNDECIDED; 6], word), said);
    }
    assert_eq!(obeys(NOTHING, &[NOTHING; 6], Some(B)), NOTHING, "so can no order be firm");
}

/// Far beyond the bound `n - t` votes may be no more than t: firm, and undecided.
#[test]
fn nobody_is_undecided_after_a_phase() {
    let army = Army { nodes: 4, traitors: 2, ..FOUR };
    let mut desk = first_exchange(army, A, &[A]);
    assert_eq!(desk.rules.opinion(), A, "two of four");
    desk.all_say([1], A);
    desk.close();
    assert_eq!(desk.rules.opinion(), UNDECIDED, "two are not more than two");
    desk.all_say([0], B);
    desk.close();
    assert_eq!(desk.rules.opinion(), B);
}

#[test]
fn a_king_that_is_undecided_says_no_order_and_obeys_itself() {
    let mut desk = Desk::new(FOUR, 1);
    desk.open = 1;
    for round in 1..=6 {
        assert_eq!(desk.open, round);
        if round == 5 {
            desk.all_say([0, 2], A);
        }
        desk.close();
    }
    assert_eq!(desk.rules.opinion(), UNDECIDED);
    assert_eq!(desk.frame(), Some(NOTHING));
    assert_eq!(desk.close(), []);
    assert_eq!(desk.rules.opinion(), NOTHING);
}

#[test]
fn a_king_that_holds_something_says_it_and_keeps_it() {
    let mut desk = Desk::at(FOUR, 1, 6);
    desk.all_say([0], A);
    desk.close();
    assert_eq!(desk.frame(), Some(A), "two votes are more than one");
    desk.close();
    assert_eq!(desk.rules.opinion(), A);
    assert_eq!(desk.rules.decision(), Verdict::Value(b'A'));
}

#[test]
fn a_general_speaks_in_its_turn_and_says_the_same_to_all() {
    for me in FOUR.ids() {
        let mut desk = Desk::at(FOUR, me, 1);
        let mut spoken = Vec::new();
        for round in 1..=FOUR.rounds() {
            desk.open = round;
            let everybody: NodeSet = FOUR.ids().map(NodeId).collect();
            assert_eq!(desk.rules.audience(round, NodeId((me + 1) % 4)), everybody);
            spoken.extend(desk.frame().map(|_| round));
        }
        let turns: &[u8] = match me {
            0 => &[2, 3, 4, 5, 6],
            1 => &[2, 3, 5, 6, 7],
            _ => &[2, 3, 5, 6],
        };
        let own: &[u8] = if me == 0 { &[1] } else { &[] };
        assert_eq!(spoken, [own, turns].concat(), "general {me}");
    }
}

#[test]
fn only_the_commander_gives_an_order_and_only_before_the_first_round() {
    let mut soldier = FOUR.rules(1);
    assert_eq!(soldier.on_command(0, Order(1)), Err(Refusal::NotCommander));
    assert_eq!(soldier.on_command(1, Order(1)), Err(Refusal::NotCommander));
    let mut commander = FOUR.rules(0);
    assert_eq!(commander.on_command(1, Order(b'B')), Err(Refusal::Begun));
    assert_eq!(commander.opinion(), A);
    assert_eq!(commander.on_command(0, Order(b'B')), Ok(()), "it may change its mind in time");
    assert_eq!(commander.frame(1, NodeId(1)).unwrap().opinion, B);
}

#[test]
fn a_commander_without_an_order_is_silent() {
    let commander = Army { order: None, ..FOUR }.rules(0);
    assert_eq!(commander.frame(1, NodeId(1)), None);
    assert_eq!(commander.decision(), Verdict::Default(Reason::Missing));
}

#[test]
fn the_reason_of_a_default_is_what_was_told_in_the_first_exchange() {
    let verdict = |own, told: &[_], later: &[_]| {
        let mut desk = first_exchange(FOUR, own, told);
        for round in 3..=FOUR.rounds() {
            let speaks = |id: &u8| Part::of(round).is_for(NodeId(*id), NodeId(0));
            if round == 5 {
                (0..).zip(later).for_each(|(id, opinion)| desk.all_say([id], *opinion));
            } else {
                desk.all_say([0, 1, 2].into_iter().filter(speaks), NOTHING);
            }
            desk.close();
        }
        desk.rules.decision()
    };
    let (conflict, missing) = (Reason::Conflict, Reason::Missing);
    assert_eq!(verdict(A, &[B, C, NOTHING], &[]), Verdict::Default(conflict));
    assert_eq!(verdict(NOTHING, &[B, C, NOTHING], &[]), Verdict::Default(conflict));
    assert_eq!(verdict(A, &[NOTHING, NOTHING, NOTHING], &[]), Verdict::Default(missing));
    assert_eq!(verdict(A, &[A, NOTHING, NOTHING], &[A, B]), Verdict::Default(missing));
}

#[test]
fn what_the_memory_held_before_does_not_matter() {
    for dirt in [A, B, NOTHING, UNDECIDED] {
        let mut rules = Ballots::new(FOUR.config(1), vec![dirt; 8]).unwrap();
        let missing: Vec<usize> = (1..=7).map(|round| rules.close(round).len()).collect();
        assert_eq!(missing, [1, 3, 3, 1, 3, 3, 0]);
        assert_eq!(rules.decision(), Verdict::Default(Reason::Missing));
        assert_eq!(rules.into_memory(), [NOTHING; 8], "and nothing is left in it");
    }
}

#[test]
fn a_general_that_is_renewed_is_as_good_as_new() {
    let mut desk = Desk::at(FOUR, 0, 6);
    assert_eq!([desk.say(1, 7, B), desk.say(2, 6, B)], [None; 2], "one of them early");
    assert_eq!(desk.rules.agreed(), Some(&b'A'));
    desk.rules.renew(10);
    (desk.open, desk.army.order) = (0, None);
    assert_eq!((desk.rules.opinion(), desk.rules.agreed()), (NOTHING, None));
    desk.refuses(1, FOUR.says(1, A), Fault::WrongInstance);
    let frames: Vec<_> = (1..=7).map(|round| desk.rules.frame(round, NodeId(1))).collect();
    assert_eq!(frames[0], None, "it has no order yet");
    assert_eq!(frames[1].unwrap().instance.number, 10);
    let missing: Vec<usize> = (1..=7).map(|round| desk.rules.close(round).len()).collect();
    assert_eq!(missing, [0, 3, 3, 0, 3, 3, 1], "nothing that was heard before counts");
    let missing = Verdict::Default(Reason::Missing);
    assert_eq!(desk.rules.decision(), missing);
}

#[test]
fn what_cannot_work_is_refused() {
    let make = |army: Army, me: u8, slots: usize| Ballots::new(army.config(me), vec![A; slots]);
    for t in 1..=5 {
        let army = Army { nodes: 3 * t, traitors: t, ..FOUR };
        assert!(make(army, 0, 6 * t).is_err(), "n = {}, t = {t}", 3 * t);
        let unchecked = Ballots::unchecked(army.config(0), vec![A; 6 * t]);
        assert_eq!(unchecked.is_ok(), 3 * t >= t + 2);
        assert!(make(Army { nodes: 3 * t + 1, ..army }, 0, 6 * t + 2).is_ok());
    }
    for slots in [0, 4, 7, 9, 16] {
        assert!(make(FOUR, 0, slots).is_err(), "{slots} slots");
        assert!(Ballots::unchecked(FOUR.config(0), vec![A; slots]).is_err());
    }
    assert!(make(FOUR, 4, 8).is_err(), "nobody has this id");
    assert!(make(Army { commander: 4, ..FOUR }, 0, 8).is_err(), "nor this");
    assert!(make(Army { nodes: 65, ..FOUR }, 0, 130).is_err());
    for nodes in [0, 1] {
        assert!(make(Army { nodes, traitors: 0, ..FOUR }, 0, 2 * nodes).is_err());
    }
    assert!(make(Army { traitors: usize::MAX, ..FOUR }, 0, 8).is_err());
    assert!(make(Army { nodes: 2, traitors: 0, ..FOUR }, 0, 4).is_ok());
}

#[test]
fn a_client_has_no_say_and_there_is_nothing_to_sign() {
    let (node, client) = (Principal::Node(NodeId(0)), Principal::Client(ClientId(0)));
    let (nodes, clients) = (vec![key(node)], vec![key(client)]);
    let roster = Roster::new(Digest::ZERO, 0, nodes, clients, &TestVerifier).unwrap();
    let mut message = FOUR.says(1, A);
    message.sign(node, roster.scope(), &crate::scheme::TestSigner(node));
    assert_eq!(message, FOUR.says(1, A));
    assert_eq!(message.verify(client, &roster, &TestVerifier), Err(Fault::NotAllowed));
    assert_eq!(message.verify(node, &roster, &TestVerifier), Ok(Digest::ZERO));
}
