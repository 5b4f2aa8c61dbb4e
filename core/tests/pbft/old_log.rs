//! A replica whose disk was rolled back: told by its own signature, and by nothing less.

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{Input, Instant, Output, Protocol, Refusal, wire};

/// A cluster that has left view 0, and what replica 2 had on disk before.
fn moved() -> (Bench<4>, Vec<Vec<u8>>) {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"before");
    bench.run();
    let old = bench.hosts[2].records.clone();
    for id in 1..4 {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.pass_where(1_600, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    assert!(bench.view(2).0 > 0 && bench.hosts[2].records.len() > old.len());
    (bench, old)
}

fn refused(bench: &Bench<4>, id: usize) -> bool {
    let refusals = &bench.hosts[id].refusals;
    refusals.iter().any(|refusal| matches!(refusal, Refusal::OldLog { view: 1.. }))
}

#[test]
fn f04_replica_whose_disk_was_rolled_back_below_a_view_change_is_told_and_says_no_more() {
    let (mut bench, old) = moved();
    bench.hosts[2].records = old;
    bench.restart(2);
    assert_eq!(bench.view(2), (0, true));
    bench.pass(200);
    assert!(refused(&bench, 2), "{:?}", bench.hosts[2].refusals);
    assert_eq!(bench.hosts[2].replica.deadline(), None);
    bench.sent.clear();
    let batch = bench.lot(0, 9, b"tempting").0;
    bench.propose(2, 0, 2, batch);
    bench.wake(2);
    bench.ask(2, 3, 1, b"asked");
    let said = bench.sent.iter().filter(|letter| letter.from == replica(2)).count();
    assert_eq!(said, 0);
    bench.check_votes(&[0, 1, 2, 3]).unwrap();
}

#[test]
fn the_word_of_one_peer_is_enough_if_the_signature_is_right_and_of_all_is_not_if_it_is_wrong() {
    let (mut bench, old) = moved();
    let own = bench.own_change(2);
    bench.hosts[2].records = old;
    bench.restart(2);
    for from in [0, 1, 3] {
        let forged = ViewChange { view: View(own.view.0 + 1), ..own };
        assert!(!pass_on(&mut bench, from, &forged), "the wall keeps it out");
        assert!(!refused(&bench, 2));
    }
    assert!(pass_on(&mut bench, 3, &own));
    assert!(refused(&bench, 2));
}

#[test]
fn own_view_change_that_the_log_knows_comes_back_without_effect() {
    let (mut bench, _) = moved();
    let own = bench.own_change(2);
    bench.restart(2);
    let status = bench.hosts[2].replica.status();
    pass_on(&mut bench, 1, &own);
    bench.force(2, 1, Message::ViewChange(own));
    assert!(!refused(&bench, 2));
    assert_eq!(bench.hosts[2].replica.status(), status);
}

#[test]
fn peer_that_asks_from_a_view_below_its_own_view_change_has_it_sent_back() {
    let (mut bench, _) = moved();
    let wants = |view| Status { view: View(view), wanting: true, ..Status::default() };
    for (view, reminded) in [(0, true), (1, false)] {
        bench.pass_where(60, &[1], |_, _, _| false);
        bench.sent.clear();
        bench.tell(1, 2, Message::Status(wants(view)));
        let mut sent = bench.sent.iter().map(message);
        let back = |m: Message<'_>| matches!(m, Message::ViewChange(it) if it.author == node(2));
        assert_eq!(sent.any(back), reminded, "from view {view}");
    }
}

#[test]
fn replica_with_an_old_log_answers_every_input_with_the_same_refusal() {
    let (mut bench, old) = moved();
    bench.hosts[2].records = old;
    bench.restart(2);
    bench.pass(200);
    let now = Instant::from_micros(bench.now);
    let client = quorate::ClientId(0);
    for input in [Input::Wake, Input::Command(Command::Executed { client, reply: b"" })] {
        let outputs: Vec<_> = bench.hosts[2].replica.step(now, input).collect();
        let only = matches!(outputs[..], [Output::Refuse(Refusal::OldLog { .. })]);
        assert!(only, "{} outputs", outputs.len());
    }
}

#[test]
fn f16_second_process_with_the_same_key_stops_when_it_hears_of_the_first() {
    let (mut bench, _) = moved();
    let mut other = Bench::<4>::new();
    let own = bench.own_change(2);
    assert!(pass_on(&mut other, 1, &own));
    assert!(refused(&other, 2));
    bench.pass(100);
    assert!(!refused(&bench, 2), "the first goes on");
}

/// Delivers a VIEW-CHANGE as it stands, signature and all. Says whether it passed the wall.
fn pass_on(bench: &mut Bench<4>, from: usize, change: &ViewChange<'_>) -> bool {
    let mut buffer = vec![0; 1 << 14];
    let bytes = wire::encode(&Message::ViewChange(*change), &mut buffer).unwrap().to_vec();
    let to = quorate::Target::Node(node(2));
    bench.deliver(2, &Letter { from: replica(from), to, bytes })
}
