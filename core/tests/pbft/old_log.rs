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
    hand(bench, 2, from, &Message::ViewChange(*change))
}

/// Delivers a message as it stands.
fn hand(bench: &mut Bench<4>, to: usize, from: usize, message: &Message<'_>) -> bool {
    let mut buffer = vec![0; 1 << 14];
    let bytes = wire::encode(message, &mut buffer).unwrap().to_vec();
    let target = quorate::Target::Node(node(to));
    bench.deliver(to, &Letter { from: replica(from), to: target, bytes })
}

/// View 1, made by its primary, replica 1: its NEW-VIEW, and how many records it had at each turn
/// of its life: before it left view 0, after that, after it entered view 1.
fn led() -> (Bench<4>, NewView<'static>, [usize; 3]) {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"before");
    bench.run();
    let before = bench.hosts[1].records.len();
    for id in 1..4 {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.pass_where(1_600, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    assert_eq!(bench.view(1), (1, true));
    let records = bench.hosts[1].records.iter();
    let records: Vec<Record<'_>> = records.map(|it| wire::decode(it).unwrap()).collect();
    let left = records.iter().position(|it| matches!(it, Record::ViewChange(_))).unwrap();
    let entered = records.iter().position(|it| matches!(it, Record::NewView(_))).unwrap();
    let new_view = bench.own_new_views(1)[0];
    let marks = [before, left + 1, entered + 1];
    (bench, new_view, marks)
}

/// Has replica 1 begin again from the first of its records only.
fn roll_back(bench: &mut Bench<4>, records: usize) {
    bench.hosts[1].records.truncate(records);
    bench.restart(1);
}

/// The other replicas are in a view, so that a NEW-VIEW of it is believed.
fn believe(bench: &mut Bench<4>, view: u64) {
    let there = Status { view: View(view), active: true, ..Status::default() };
    for from in [2, 3] {
        bench.tell(1, from, Message::Status(there));
    }
}

#[test]
fn own_new_view_that_the_log_does_not_know_is_not_entered_but_told() {
    for at in 0..2 {
        let (mut bench, new_view, marks) = led();
        roll_back(&mut bench, marks[at]);
        let was = bench.view(1);
        assert_eq!(was, [(0, true), (1, false)][at]);
        believe(&mut bench, 1);
        assert!(hand(&mut bench, 1, 2, &Message::NewView(new_view)));
        assert_eq!(bench.view(1), was);
        assert_eq!(bench.hosts[1].refusals, [Refusal::OldLog { view: 1 }], "cut {at}");
    }
}

#[test]
fn primary_that_was_rolled_back_and_made_another_new_view_is_told_too() {
    let (mut bench, new_view, marks) = led();
    roll_back(&mut bench, marks[1]);
    // With other VIEW-CHANGEs than before: that of replica 0 among them.
    let digest = bench.lot(0, 1, b"before").1;
    for author in [0, 2] {
        bench.show(1, change(author, 1, &[prepared(1, 0, digest)]));
    }
    assert_eq!(bench.view(1), (1, true));
    assert_ne!(bench.own_new_views(1).last().unwrap().view_changes, new_view.view_changes);
    assert!(hand(&mut bench, 1, 2, &Message::NewView(new_view)));
    assert_eq!(bench.hosts[1].refusals, [Refusal::OldLog { view: 1 }]);
}

#[test]
fn own_new_view_that_the_log_knows_comes_back_without_effect() {
    for again in [false, true] {
        let (mut bench, new_view, marks) = led();
        if again {
            roll_back(&mut bench, marks[2]);
        }
        let status = bench.hosts[1].replica.status();
        assert_eq!(bench.view(1), (1, true));
        bench.force(1, 2, Message::NewView(new_view));
        // Nor does one of a view that it has left.
        bench.lead_into(1, 2);
        bench.force(1, 2, Message::NewView(new_view));
        assert_eq!(bench.hosts[1].refusals, [], "again: {again}");
        assert!(bench.hosts[1].replica.status().view > status.view);
    }
}

#[test]
fn replica_that_lost_its_log_follows_a_new_view_that_it_made_before() {
    let (mut bench, new_view, _) = led();
    let changes: Vec<_> = (1..4).map(|id| bench.own_change(id)).collect();
    *bench.hosts[1].replica = Replica::amnesiac(Bench::<4>::config(1), Memory::new(), 7).unwrap();
    believe(&mut bench, 1);
    assert!(hand(&mut bench, 1, 2, &Message::NewView(new_view)));
    // Its own VIEW-CHANGE is one of those that it lacks.
    for change in &changes {
        hand(&mut bench, 1, 3, &Message::ViewChange(*change));
    }
    assert_eq!(bench.view(1), (1, true));
    assert!(bench.hosts[1].replica.is_recovering());
    assert_eq!(bench.hosts[1].refusals, []);
}

#[test]
fn own_view_change_from_before_the_loss_fills_a_new_view_after_the_recovery() {
    let mut bench = Bench::<4>::new();
    // It has recovered, and may have signed VIEW-CHANGEs up to view 2 before.
    bench.remember(3, &[Record::Recovered { signed: View(2) }]);
    let there = Status { view: View(1), active: true, ..Status::default() };
    for from in [1, 2] {
        bench.tell(3, from, Message::Status(there));
    }
    let changes: Vec<_> = [1, 2, 3].map(|author| change(author, 1, &[])).into();
    let new_view = new_view(4, 1, &names(&changes), &[]);
    bench.tell(3, 1, Message::NewView(new_view));
    for change in &changes {
        hand(&mut bench, 3, 2, &Message::ViewChange(*change));
    }
    assert_eq!(bench.view(3), (1, true));
    assert!(!bench.hosts[3].replica.is_recovering());
}

#[test]
fn recovered_replica_that_meets_a_later_signature_of_its_own_recovers_once_more() {
    for from_new_view in [false, true] {
        let mut bench = Bench::<4>::new();
        bench.remember(3, &[Record::Recovered { signed: View(2) }]);
        assert!(!bench.hosts[3].replica.is_recovering());
        // What it knows that it may have signed does not surprise it.
        hand(&mut bench, 3, 1, &Message::ViewChange(change(3, 2, &[])));
        assert!(!bench.hosts[3].replica.is_recovering());
        if from_new_view {
            let changes: Vec<_> = [1, 2, 3].map(|author| change(author, 3, &[])).into();
            let mine = new_view(4, 3, &names(&changes), &[]);
            hand(&mut bench, 3, 1, &Message::NewView(mine));
        } else {
            hand(&mut bench, 3, 1, &Message::ViewChange(change(3, 3, &[])));
        }
        assert!(bench.hosts[3].replica.is_recovering(), "new view: {from_new_view}");
        assert_eq!(bench.hosts[3].refusals, []);
        recovers_again(&mut bench);
    }
}

/// The second recovery of replica 3 is written down, silent, and ends as the first one does.
fn recovers_again(bench: &mut Bench<4>) {
    let said = bench.sent.len();
    let batch = bench.lot(0, 9, b"tempting").0;
    bench.propose(3, 0, 1, batch);
    bench.tell(3, 0, Message::Status(Status::default()));
    assert_eq!(bench.votes(3, 0, 1).0, []);
    let last = bench.hosts[3].records.last().unwrap();
    let last = wire::decode::<Record<'_>>(last).unwrap();
    assert!(matches!(last, Record::Recovering { lost: true, .. }), "{last:?}");
    let asked = bench.sent[said..].iter().map(message);
    let asked: Vec<_> = asked.filter(|it| matches!(it, Message::Recover { .. })).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    bench.restart(3);
    assert!(bench.hosts[3].replica.is_recovering(), "also after a crash");
    bench.pass(4_000);
    assert!(!bench.hosts[3].replica.is_recovering(), "an idle cluster lets it recover");
    let records = bench.hosts[3].records.iter();
    let mut signed = records.filter_map(|it| match wire::decode(it).unwrap() {
        Record::Recovered { signed } => Some(signed),
        _ => None,
    });
    assert!(signed.any(|it| it >= View(3)), "it signs nothing for view 3");
}

#[test]
fn what_a_replica_hears_while_it_recovers_that_it_signed_outlives_a_crash() {
    for compact in [false, true] {
        let mut bench = Bench::<4>::new();
        let config = Bench::<4>::config(3);
        *bench.hosts[3].replica = Replica::amnesiac(config, Memory::new(), 7).unwrap();
        hand(&mut bench, 3, 1, &Message::ViewChange(change(3, 5, &[])));
        if compact {
            bench.compact(3);
        }
        bench.restart(3);
        let records: Vec<_> = bench.hosts[3].replica.records().collect();
        let [Record::Recovering { lost: true, signed: View(5), .. }] = records[..] else {
            panic!("compact: {compact}, {records:?}")
        };
    }
}
