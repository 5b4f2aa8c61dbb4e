//! Leaving a view: VIEW-CHANGE messages (Castro-Liskov 2002, section 3.2.4).

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{Digest, Fault, Instant, Refusal, Signature, Target};

/// Replica 2 of four, which prepared A at sequence 1 in view 0 and saw no COMMIT.
fn prepared_at_two() -> (Bench<4>, Digest) {
    let mut bench = Bench::<4>::new();
    let (batch, a) = bench.lot(0, 1, b"A");
    bench.propose(2, 0, 1, batch);
    bench.prepare(2, 1, 0, 1, a);
    bench.prepare(2, 3, 0, 1, a);
    assert_eq!(bench.votes(2, 0, 1), (vec![a], vec![a]));
    (bench, a)
}

#[test]
fn p06_batch_committed_at_one_isolated_replica_survives_the_view_change() {
    let mut bench = Bench::<4>::new();
    let (_, a) = bench.lot(0, 1, b"A");
    bench.ask(0, 0, 1, b"A");
    bench.run_where(|_, to, message| to == 0 || !matches!(message, Message::Commit(_)));
    assert_eq!(bench.operations(0), [b"A"], "it is executed at replica 0 alone");
    assert!((1..4).all(|id| bench.operations(id).is_empty()));

    for id in 1..4 {
        bench.ask(id, 1, 1, b"B");
    }
    bench.pass_where(3_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    let new_views = bench.own_new_views(1);
    assert_eq!(new_views[0].chosen.get(Sequence(1)), Some(a));
    for id in 1..4 {
        assert_eq!(bench.view(id), (1, true), "replica {id}");
        assert_eq!(bench.operations(id), [b"A", b"B"], "replica {id}");
    }
    bench.pass(1_000);
    assert_eq!(bench.operations(0), [b"A", b"B"]);
    bench.check_agreement(&[0, 1, 2, 3]).unwrap();
    bench.check_votes(&[0, 1, 2, 3]).unwrap();
}

#[test]
fn p_and_q_are_kept_until_stable_across_several_view_changes() {
    let (mut bench, a) = prepared_at_two();
    for view in [1, 3, 4, 5, 7] {
        bench.lead_into(2, view);
        let own = bench.own_change(2);
        let reported = own.histories.get(Sequence(1)).unwrap();
        assert_eq!((own.view.0, own.stable.0, own.histories.len()), (view, 0, 1));
        assert_eq!(reported.prepared(), Some(PrePrepared { view: View(0), digest: a }));
        assert_eq!(reported.pre_prepared(&a), Some(View(0)));
    }

    // Four sequences are agreed on in view 7; the first is what P names.
    let mut lots = vec![bench.lot(0, 1, b"A")];
    lots.extend((2..=4).map(|t| bench.lot(1, t, b"B")));
    for (at, (batch, digest)) in (1..).zip(lots) {
        bench.propose(2, 7, at, batch);
        for from in [0, 1] {
            bench.prepare(2, from, 7, at, digest);
            bench.commit(2, from, 7, at, digest);
        }
    }
    assert_eq!(bench.operations(2).len(), 4);
    let (sequence, digest) = (Sequence(4), bench.vouched(2, 4).expect("a CHECKPOINT"));
    for from in [0, 1] {
        bench.tell(2, from, Message::Checkpoint { sequence, digest });
    }
    for from in [0, 1] {
        bench.show(2, change(from, 8, &[]));
    }
    let own = bench.own_change(2);
    assert_eq!((own.view.0, own.stable.0, own.histories.len()), (8, 4, 0), "gone when stable");
}

#[test]
fn q_keeps_two_digests_and_never_forgets_the_one_that_p_names() {
    let (mut bench, a) = prepared_at_two();
    let lots: Vec<_> = (2..6).map(|t| bench.lot(1, t, b"other")).collect();
    for ((batch, digest), view) in lots.into_iter().zip([1, 3, 4, 5]) {
        bench.lead_into(2, view);
        bench.propose(2, view, 1, batch);
        assert_eq!(bench.votes(2, view, 1).0, [digest], "it is pre-prepared in view {view}");
        let next = if view == 1 { 3 } else { view + 1 };
        for from in [0, 1] {
            bench.show(2, change(from, next, &[]));
        }
        let reported = bench.own_change(2).histories.get(Sequence(1)).unwrap();
        assert_eq!(reported.prepared(), Some(PrePrepared { view: View(0), digest: a }));
        assert_eq!(reported.pre_prepared(&a), Some(View(0)), "P's digest stays");
        assert_eq!(reported.pre_prepared(&digest), Some(View(view)), "the latest comes in");
        assert_eq!(reported.pre_prepared.iter().flatten().count(), 2, "two at most");
    }
}

#[test]
fn q_forgets_the_digest_of_the_lowest_view_first() {
    let mut bench = Bench::<4>::new();
    let lots: Vec<_> = (1..4).map(|t| bench.lot(1, t, b"op")).collect();
    for ((batch, _), view) in lots.iter().zip([1, 3, 4]) {
        bench.lead_into(2, view);
        bench.propose(2, view, 1, batch);
    }
    bench.lead_into(2, 5);
    let reported = bench.own_change(2).histories.get(Sequence(1)).unwrap();
    let views: Vec<_> = lots.iter().map(|(_, digest)| reported.pre_prepared(digest)).collect();
    assert_eq!(views, [None, Some(View(3)), Some(View(4))]);
    assert_eq!(reported.prepared(), None);
}

/// P names what a quorum committed, so what it named before goes: what was said last stays.
#[test]
fn q_keeps_the_latest_vote_when_a_quorum_of_an_older_view_is_adopted() {
    let (mut bench, _) = prepared_at_two();
    let (latest, voted) = bench.lot(1, 2, b"latest");
    bench.lead_into(2, 3);
    bench.propose(2, 3, 1, latest);
    let (batch, digest) = bench.lot(1, 3, b"older");
    for from in [0, 1, 3] {
        bench.commit(2, from, 1, 1, digest);
    }
    let brought = Message::Batch { sequence: Sequence(1), batch: Batch::from_bytes(batch) };
    assert!(bench.tell(2, 0, brought));
    for from in [0, 1] {
        bench.show(2, change(from, 4, &[]));
    }
    let reported = bench.own_change(2).histories.get(Sequence(1)).unwrap();
    assert_eq!(reported.prepared(), Some(PrePrepared { view: View(1), digest }));
    assert_eq!(reported.pre_prepared(&voted), Some(View(3)));
}

#[test]
fn batch_prepared_again_in_a_later_view_is_reported_with_that_view() {
    let (mut bench, a) = prepared_at_two();
    let entries = [prepared(1, 0, a)];
    bench.lead_into_with(2, 1, &entries, &[(1, a)]);
    for from in [0, 3] {
        bench.prepare(2, from, 1, 1, a);
    }
    bench.lead_into(2, 3);
    let reported = bench.own_change(2).histories.get(Sequence(1)).unwrap();
    assert_eq!(reported.prepared(), Some(PrePrepared { view: View(1), digest: a }));
    assert_eq!(reported.pre_prepared(&a), Some(View(1)));
}

#[test]
fn after_a_view_change_no_prepare_and_no_commit_of_an_older_view_is_made() {
    let mut bench = Bench::<4>::new();
    let (first, a) = bench.lot(0, 1, b"A");
    let (second, b) = bench.lot(1, 1, b"B");
    let vote = |sequence, digest| Vote { view: View(0), sequence: Sequence(sequence), digest };
    bench.propose(2, 0, 1, first);
    for from in [0, 1] {
        bench.show(2, change(from, 1, &[]));
    }
    assert_eq!(bench.view(2), (1, false));
    let refuses = |bench: &mut Bench<4>| {
        // A proposal that comes too late, and the PREPAREs that the first one lacked.
        let batch = Batch::from_bytes(second);
        let late = Message::PrePrepare { view: View(0), sequence: Sequence(2), batch };
        bench.force(2, 0, late);
        for from in [1, 3] {
            bench.force(2, from, Message::Prepare(vote(1, a)));
            bench.force(2, from, Message::Prepare(vote(2, b)));
        }
        bench.wake(2);
        assert_eq!(bench.votes(2, 0, 1), (vec![a], vec![]), "no COMMIT for what it left behind");
        assert_eq!(bench.votes(2, 0, 2), (vec![], vec![]), "no vote for what came too late");
    };
    refuses(&mut bench);
    let changes: Vec<_> = [0, 1, 3].map(|author| change(author, 1, &[])).into();
    bench.show(2, changes[2]);
    bench.install(2, new_view(4, 1, &names(&changes), &[]));
    assert_eq!(bench.view(2), (1, true));
    refuses(&mut bench);
    let own = bench.own_change(2).histories.get(Sequence(1)).unwrap();
    assert_eq!((own.prepared(), own.pre_prepared(&a)), (None, Some(View(0))));
}

#[test]
fn quorum_of_the_old_view_that_comes_late_settles_its_batch_and_gets_no_commit_there() {
    let mut bench = Bench::<4>::new();
    let (batch, a) = bench.lot(0, 1, b"A");
    bench.propose(2, 0, 1, batch);
    let changes: Vec<_> = [0, 1, 3].map(|author| change(author, 1, &[prepared(1, 0, a)])).into();
    for change in &changes {
        bench.show(2, *change);
    }
    bench.install(2, new_view(4, 1, &names(&changes), &[(1, a)]));
    bench.wake(2);
    assert_eq!((bench.view(2), bench.votes(2, 1, 1)), ((1, true), (vec![a], vec![])));
    for from in [0, 1, 3] {
        bench.commit(2, from, 0, 1, a);
    }
    assert_eq!(bench.operations(2), [b"A".to_vec()]);
    assert_eq!(bench.votes(2, 0, 1), (vec![a], vec![]), "a COMMIT in the view that it left");
}

#[test]
fn votes_that_are_sent_again_after_a_view_change_are_those_that_it_reports() {
    let (mut bench, a) = prepared_at_two();
    for from in [0, 1] {
        bench.show(2, change(from, 1, &[]));
    }
    let before = bench.sent.len();
    let lacking = Status {
        view: View(0),
        active: true,
        stable: Sequence(0),
        executed: Sequence(0),
        wanting: true,
    };
    bench.tell(2, 3, Message::Status(lacking));
    for letter in &bench.sent[before..] {
        match message(letter) {
            Message::Prepare(vote) | Message::Commit(vote) => assert_eq!(vote.digest, a),
            Message::PrePrepare { .. } => panic!("a proposal of an older view"),
            _ => {}
        }
    }
    let reported = bench.own_change(2).histories.get(Sequence(1)).unwrap();
    assert_eq!(reported.prepared(), Some(PrePrepared { view: View(0), digest: a }));
    bench.check_votes(&[2]).unwrap();
}

#[test]
fn view_change_is_frozen_and_sent_again_as_it_was_even_if_a_checkpoint_became_stable() {
    let mut bench = Bench::<4>::new();
    for t in 1..=5 {
        bench.ask(0, 0, t, b"x");
        bench.run_where(|_, to, m| to != 3 || !matches!(m, Message::Checkpoint { .. }));
    }
    assert_eq!(bench.hosts[3].replica.status().executed.0, 5);
    for from in [0, 1] {
        bench.show(3, change(from, 1, &[]));
    }
    let frozen = bench.own_change(3);
    assert_eq!((frozen.view.0, frozen.stable.0, frozen.histories.len()), (1, 0, 5));

    let (sequence, digest) = (Sequence(4), bench.vouched(0, 4).expect("a CHECKPOINT"));
    for from in [0, 1, 2] {
        bench.tell(3, from, Message::Checkpoint { sequence, digest });
    }
    assert_eq!(bench.hosts[3].replica.status().stable.0, 4);
    let count = bench.sent.len();
    for _ in 0..6 {
        bench.now += 50_000;
        bench.wake(3);
    }
    let author = node(3);
    bench.tell(3, 1, Message::FetchViewChange { author, digest: frozen.digest(&scope()) });
    let again: Vec<_> = bench.sent[count..]
        .iter()
        .filter_map(|letter| match message(letter) {
            Message::ViewChange(change) if change.author == author => Some(change),
            _ => None,
        })
        .collect();
    assert!(again.len() >= 3, "it was sent again: {}", again.len());
    assert!(again.iter().all(|change| *change == frozen), "as it was");

    for from in [0, 1] {
        bench.show(3, change(from, 2, &[]));
    }
    let next = bench.own_change(3);
    assert_eq!((next.view.0, next.stable.0, next.histories.len()), (2, 4, 1), "the next is new");
}

#[test]
fn checkpoints_of_a_view_change_are_the_stable_one_and_those_vouched_for_above_it() {
    let mut bench = Bench::<4>::new();
    for t in 1..=9 {
        bench.ask(0, 0, t, b"x");
        let late = |s: u64| s > 4;
        bench.run_where(|_, to, m| match m {
            Message::Checkpoint { sequence, .. } => to != 3 || !late(sequence.0),
            _ => true,
        });
    }
    for from in [0, 1] {
        bench.show(3, change(from, 1, &[]));
    }
    let own = bench.own_change(3);
    let held: Vec<u64> = own.checkpoints.iter().map(|(at, _)| at.0).collect();
    assert_eq!((own.stable.0, held), (4, vec![4, 8]));
    assert_eq!(own.checkpoints.get(Sequence(8)), bench.vouched(3, 8));
}

#[test]
fn p10_view_change_out_of_its_window_is_refused_before_its_signature_is_looked_at() {
    let digest = digest(b"d");
    let one = |at| prepared(at, 0, digest);
    let many: Vec<_> = (1..=WINDOW as u64 + 1).map(one).collect();
    let (zero, far) = ((0, Digest::ZERO), (8, digest));
    let bad: [(&str, ViewChange<'_>); 8] = [
        ("an entry above h + W", change(3, 1, &[one(WINDOW as u64 + 1)])),
        ("an entry at h", change_at(3, 1, &[(4, digest)], &[one(4)])),
        ("more entries than the window", change(3, 1, &many)),
        ("a sequence twice", change(3, 1, &[one(2), one(2)])),
        ("falling sequences", change(3, 1, &[one(3), one(2)])),
        ("a checkpoint off the interval", change_at(3, 1, &[zero, (3, digest)], &[])),
        ("a checkpoint twice", change_at(3, 1, &[zero, far, far], &[])),
        ("more checkpoints than fit", change_at(3, 1, &[zero, (4, digest), far, far, far], &[])),
    ];
    for (what, change) in bad {
        let mut bench = Bench::<4>::new();
        let before = bench.portrait(2);
        assert!(!bench.show(2, change), "{what}");
        assert_eq!(bench.hosts[2].accusations, [(3, Fault::BadViewChange)], "{what}");
        assert_eq!(bench.portrait(2), before, "{what}: it left a trace");
    }

    // A million entries and no signature: said by the cheap check, not by the dear one.
    let bytes = vec![0; History::ENTRY * 1_000_000];
    let mut huge = change(3, 1, &[]);
    (huge.histories, huge.signature) = (Histories::from_bytes(&bytes), Signature::ZERO);
    for message in [huge, change(4, 1, &[])].map(Message::ViewChange) {
        let told = Bench::<4>::new().hosts[2].replica.admit(Instant::ZERO, replica(3), &message);
        assert_eq!(told, Admission::Refused(Fault::BadViewChange));
    }
}

#[test]
fn malformed_view_change_is_rejected_whole_by_whoever_passes_it_on() {
    let (a, b) = (digest(b"a"), digest(b"b"));
    let mut no_stable = change(3, 2, &[]);
    no_stable.stable = Sequence(4);
    let bad: [(&str, ViewChange<'_>); 8] = [
        ("P of the wanted view", change(3, 2, &[prepared(1, 2, a)])),
        ("P of a far view", change(3, 2, &[prepared(1, 1 << 63, a)])),
        ("Q of the wanted view", change(3, 2, &[entry(1, &[(2, a)], None)])),
        ("P later than Q", change(3, 2, &[entry(1, &[(0, a)], Some((0, 1)))])),
        ("P of nothing in Q", change(3, 2, &[entry(1, &[(0, a)], Some((1, 0)))])),
        ("one digest twice in Q", change(3, 2, &[entry(1, &[(0, a), (1, a)], None)])),
        ("the first checkpoint is not h", signed_change(no_stable)),
        ("no checkpoint", change_at_nothing()),
    ];
    for (what, change) in bad {
        let mut bench = Bench::<4>::new();
        let before = bench.portrait(1);
        let passed = bench.tell(1, 0, Message::ViewChange(change));
        assert!(!passed, "{what}");
        assert_eq!(bench.hosts[1].accusations, [(0, Fault::BadViewChange)], "{what}");
        assert_eq!(bench.portrait(1), before, "{what}: it left a trace");
    }
    let mut bench = Bench::<4>::new();
    let mut forged = change(3, 2, &[prepared(1, 1, b)]);
    forged.signature = change(3, 1, &[]).signature;
    assert!(!bench.tell(1, 0, Message::ViewChange(forged)));
    assert_eq!(bench.hosts[1].accusations, [(0, Fault::Forged)]);
    let good = change(3, 2, &[entry(1, &[(0, a), (1, b)], Some((1, 1)))]);
    assert!(bench.tell(1, 0, Message::ViewChange(good)), "a good one passes, from anybody");
}

fn change_at_nothing() -> ViewChange<'static> {
    let mut change = change(3, 2, &[]);
    change.checkpoints = pairs(&[]);
    signed_change(change)
}

#[test]
fn malformed_view_change_of_a_replica_does_not_hide_its_good_one() {
    let mut bench = Bench::<4>::new();
    let a = digest(b"a");
    assert!(!bench.show(1, change(3, 1, &[prepared(1, 1, a)])));
    for (author, entries) in [(3, &[][..]), (0, &[])] {
        assert!(bench.show(1, change(author, 1, entries)));
    }
    assert_eq!(bench.view(1), (1, true), "it counts the good one and begins view 1");
}

#[test]
fn view_changes_for_one_view_that_differ_are_equivocation_and_the_first_stands() {
    let mut bench = Bench::<4>::new();
    let first = change(3, 2, &[]);
    let second = change(3, 2, &[prepared(1, 0, digest(b"a"))]);
    bench.show(1, first);
    bench.force(1, 3, Message::ViewChange(second));
    assert_eq!(bench.hosts[1].accusations, [(3, Fault::Equivocation)]);
    let before = bench.sent.len();
    for change in [first, second] {
        let digest = change.digest(&scope());
        bench.tell(1, 0, Message::FetchViewChange { author: node(3), digest });
    }
    let served: Vec<_> = bench.sent[before..].iter().map(message).collect();
    assert_eq!(served, [Message::ViewChange(first)]);
}

#[test]
fn view_change_in_the_name_of_the_receiver_changes_nothing() {
    let mut bench = Bench::<4>::new();
    // Signed by another: only replica 2 could sign one that tells it that its log is old.
    let forged = ViewChange { signature: change(3, 9, &[]).signature, ..change(2, 9, &[]) };
    assert!(!bench.tell(2, 3, Message::ViewChange(forged)));
    assert_eq!(bench.view(2), (0, true));
    assert!(bench.said(2).is_empty());
    for from in [0, 1] {
        bench.show(2, change(from, 1, &[]));
    }
    let own = bench.own_change(2);
    assert!(!bench.tell(2, 3, Message::ViewChange(forged)));
    let status = Status { view: View(1), wanting: true, ..Status::default() };
    bench.tell(2, 3, Message::Status(status));
    assert_eq!((own.view, bench.own_change(2)), (View(1), own), "its own one stands");
}

#[test]
fn views_that_run_out_end_in_a_refusal_and_nothing_wraps() {
    let mut bench = Bench::<4>::new();
    let last = u64::MAX;
    for from in [0, 1] {
        bench.show(2, change(from, last, &[]));
    }
    assert_eq!(bench.view(2), (last, false));
    for _ in 0..40 {
        bench.now += 100_000;
        bench.wake(2);
    }
    assert_eq!(bench.view(2), (last, false));
    assert!(bench.hosts[2].refusals.contains(&Refusal::Exhausted));
    assert_eq!(bench.own_change(2).view, View(last));
}

#[test]
fn view_changes_are_sent_again_until_superseded_and_a_healed_partition_needs_no_new_traffic() {
    for seed in 0..40 {
        let mut rng = Rng(seed);
        let mut bench = Bench::<4>::new();
        for t in 1..=1 + seed % 4 {
            bench.ask(0, 0, t, b"before");
            bench.run();
        }
        for id in 1..4 {
            bench.ask(id, 1, 1, b"pending");
            bench.ask(id, 2, 1, b"also");
        }
        // Everything is lost for a while, then each message with some luck, then nothing.
        bench.pass_where(1_500, &[1, 2, 3], |_, _, _| false);
        let luck = std::cell::RefCell::new(&mut rng);
        bench.pass_where(2_500, &[0, 1, 2, 3], |_, _, _| luck.borrow_mut().chance(30));
        bench.pass(12_000);
        for id in 0..4 {
            let host = &bench.hosts[id];
            let done = |client| host.history.iter().filter(|(_, c, ..)| *c == client).count();
            let executed = (done(1), done(2)) == (1, 1) || !host.installs.is_empty();
            assert!(executed, "replica {id}, seed {seed}");
            assert_eq!(host.state, bench.hosts[0].state, "replica {id}, seed {seed}");
        }
        // One that left a view which the others then made work waits until they leave it too.
        let active = (0..4).filter(|id| bench.view(*id).1).count();
        assert!(active >= 3, "{active} are in a view, seed {seed}");
        bench.check_agreement(&[0, 1, 2, 3]).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

#[test]
fn lost_view_change_is_sent_again_on_the_clock_and_to_a_peer_that_asks() {
    let mut bench = Bench::<4>::new();
    for from in [0, 1] {
        bench.show(2, change(from, 1, &[]));
    }
    let count = |bench: &Bench<4>, to: Target| {
        let of_kind =
            |letter: &&Letter| letter.to == to && matches!(message(letter), Message::ViewChange(_));
        bench.sent.iter().filter(of_kind).count()
    };
    assert_eq!(count(&bench, Target::All), 1);
    for _ in 0..20 {
        bench.now += 50_000;
        bench.wake(2);
    }
    assert!(count(&bench, Target::All) >= 8, "{}", count(&bench, Target::All));
    let status = Status { view: View(1), wanting: true, ..Status::default() };
    bench.tell(2, 3, Message::Status(status));
    assert_eq!(count(&bench, Target::Node(node(3))), 1);
}

#[test]
fn view_change_after_a_quorum_of_commits_without_a_proposal_is_well_formed() {
    let mut bench = Bench::<4>::new();
    let (batch, a) = bench.lot(0, 1, b"A");
    bench.propose(2, 0, 1, batch);
    bench.lead_into(2, 1);
    // Proposed again in view 1, but not to this replica: it sees the COMMITs only.
    for from in [0, 1, 3] {
        bench.commit(2, from, 1, 1, a);
    }
    assert_eq!(bench.operations(2), [b"A"]);
    for from in [0, 1] {
        bench.show(2, change(from, 2, &[]));
    }
    let own = bench.own_change(2);
    assert_eq!(own.view, View(2));
    assert!(bench.show(3, own), "others take it: {:?}", bench.hosts[3].accusations);
    let reported = own.histories.get(Sequence(1)).unwrap().prepared();
    assert_eq!(reported, Some(PrePrepared { view: View(1), digest: a }));
}
