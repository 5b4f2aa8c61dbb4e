//! Contradictions that a replica notices, and the evidence that its host makes of them.

use crate::bench::*;
use crate::forgery::*;
use quorate::fault::{Evidence, Excuse, Finding, verify};
use quorate::pbft::*;
use quorate::{ClientId, Fault, NodeId, Principal, wire};

const CLIENT: Principal = Principal::Client(ClientId(1));

impl<const N: usize> Bench<N> {
    /// What the evidence that a replica made shows to everybody.
    fn findings(&self, id: usize) -> Vec<Finding> {
        let judge = |bytes: &Vec<u8>| {
            let evidence = wire::decode::<Evidence<'_>>(bytes).unwrap();
            verify(&evidence, &self.roster, &TestVerifier).unwrap()
        };
        self.hosts[id].proofs.iter().map(judge).collect()
    }
}

fn twice(who: Principal) -> Finding {
    Finding { who, fault: Fault::Equivocation, excuse: Some(Excuse::LostMemory) }
}

#[test]
fn p28_client_that_asks_for_two_things_at_one_time_is_shown_to_have_done_so() {
    let mut bench = Bench::<4>::new();
    bench.ask(2, 1, 5, b"X");
    bench.ask(0, 1, 5, b"Y");
    bench.run();
    assert_eq!(bench.findings(2), [twice(CLIENT)], "by the batch that it accepts");
    for id in 0..4 {
        assert_eq!(bench.operations(id), [b"Y"], "replica {id}: exactly one executes");
        assert_eq!(bench.view(id), (0, true));
    }
    // To one replica, twice.
    bench.ask(3, 2, 5, b"X");
    bench.ask(3, 2, 5, b"X");
    assert_eq!(bench.findings(3), []);
    bench.ask(3, 2, 5, b"Y");
    assert_eq!(bench.findings(3), [twice(Principal::Client(ClientId(2)))]);
}

#[test]
fn second_view_change_for_one_view_is_shown_once_and_costs_no_more_verifications() {
    let mut bench = Bench::<4>::new();
    let (one, two) = (change(3, 5, &[]), change(3, 5, &[prepared(1, 1, digest(b"A"))]));
    let three = change(3, 5, &[prepared(1, 2, digest(b"B"))]);
    bench.show(2, one);
    assert_eq!(bench.findings(2), []);
    assert!(!bench.tell(2, 3, Message::ViewChange(one)), "it is known");
    assert!(bench.tell(2, 3, Message::ViewChange(two)), "it is worth a look");
    assert_eq!(bench.findings(2), [twice(Principal::Node(NodeId(3)))]);
    assert_eq!(bench.hosts[2].accusations, [(3, Fault::Equivocation)]);
    assert!(!bench.tell(2, 3, Message::ViewChange(three)), "one is enough");
    assert_eq!(bench.findings(2).len(), 1);
    assert_eq!(bench.view(2), (0, true), "one traitor moves nobody");
}

#[test]
fn second_new_view_of_one_view_is_shown_whether_the_first_was_entered_or_waits() {
    let members: Vec<_> = [0, 1, 3].map(|id| change(id, 5, &[])).into();
    let a = prepared(1, 1, digest(b"A"));
    let other = [change(0, 5, &[a]), change(1, 5, &[a]), change(3, 5, &[a])];
    for entered in [true, false] {
        // Two of them are enough to want view 5; the third one's is named too.
        let mut bench = Bench::<4>::new();
        for change in members.iter().take(if entered { 3 } else { 2 }) {
            bench.show(2, *change);
        }
        let first = new_view(4, 5, &names(&members), &[]);
        bench.tell(2, 1, Message::NewView(first));
        bench.tell(2, 1, Message::NewView(first));
        assert_eq!(bench.view(2), (5, entered));
        let second = new_view(4, 5, &names(&other), &[(1, digest(b"A"))]);
        assert_eq!(bench.findings(2), [], "entered: {entered}");
        assert!(bench.tell(2, 1, Message::NewView(second)), "entered: {entered}");
        assert_eq!(bench.findings(2), [twice(Principal::Node(NodeId(1)))], "entered: {entered}");
        bench.tell(2, 1, Message::NewView(second));
        assert_eq!(bench.findings(2).len(), 1, "entered: {entered}");
    }
}
