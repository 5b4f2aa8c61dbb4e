//! Which records make a replica, and which do not.

use crate::bench::*;
use crate::forgery::*;
use crate::life::*;
use quorate::pbft::*;
use quorate::{Digest, Instant, Target, wire};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn recovered(records: &[Record<'_>]) -> Result<Status, RecoverError> {
    let (config, memory) = (Bench::<4>::config(2), Memory::<4>::new());
    let records = records.iter().copied();
    Replica::recover(config, memory, Instant::ZERO, None, records).map(|it| it.status())
}

fn named() -> (Vec<ViewChange<'static>>, Vec<Record<'static>>) {
    let changes: Vec<_> = [0, 1, 3].map(|author| change(author, 1, &[])).into();
    let mut records = vec![Record::ViewChange(change(2, 1, &[]))];
    records.extend(changes.iter().map(|change| Record::Named(*change)));
    (changes, records)
}

#[test]
fn new_view_in_a_log_without_the_view_changes_that_it_names_is_an_error_and_no_panic() {
    let (changes, mut records) = named();
    let begun = Record::NewView(new_view(4, 1, &names(&changes), &[]));
    for missing in 1..records.len() {
        let mut fewer = records.clone();
        fewer.remove(missing);
        fewer.push(begun);
        assert!(matches!(recovered(&fewer), Err(RecoverError::Record(_))));
    }
    assert!(matches!(recovered(&[begun]), Err(RecoverError::Record(_))));
    records.push(begun);
    let status = recovered(&records).unwrap();
    assert_eq!((status.view, status.active), (View(1), true));
}

#[test]
fn new_view_in_a_log_that_has_left_its_view_before_is_an_error() {
    for left in [Record::Left { view: View(2) }, Record::ViewChange(change(2, 2, &[]))] {
        let (changes, mut records) = named();
        records.push(left);
        records.push(Record::NewView(new_view(4, 1, &names(&changes), &[])));
        assert!(matches!(recovered(&records), Err(RecoverError::Record(_))), "{left:?}");
    }
}

#[test]
fn new_view_in_a_log_whose_choices_do_not_follow_is_an_error() {
    let (changes, mut records) = named();
    let wrong = new_view(4, 1, &names(&changes), &[(1, digest(b"A"))]);
    records.push(Record::NewView(wrong));
    assert!(matches!(recovered(&records), Err(RecoverError::Record(_))));
}

#[test]
fn log_that_contradicts_itself_is_an_error_that_says_where() {
    let (view, sequence, digest) = (View(0), Sequence(1), digest(b"A"));
    let long = vec![0; 2_000];
    let batch = Batch::from_bytes(&long);
    let far = change(2, 1, &[prepared(100, 0, digest)]);
    let stable = Record::Stable { sequence: Sequence(4), digest };
    let bad: [(&str, Record<'_>); 7] = [
        ("prepared, never kept", Record::Prepared { view, sequence, digest }),
        ("voted on again, never kept", Record::RePrePrepared { view, sequence, digest }),
        ("too long a batch", Record::PrePrepared { view, sequence, batch }),
        ("too long a batch", Record::Committed { view, sequence, batch }),
        ("another's VIEW-CHANGE", Record::ViewChange(change(3, 1, &[]))),
        ("a VIEW-CHANGE out of its window", Record::ViewChange(far)),
        ("a named VIEW-CHANGE out of its window", Record::Named(far)),
    ];
    for (what, record) in bad {
        let error = recovered(&[record]).unwrap_err();
        assert!(matches!(error, RecoverError::Record(_)), "{what}: {error}");
        assert!(error.to_string().contains("the log contradicts itself"), "{what}: {error}");
    }
    let none = RecoverError::NoSnapshot { stable: Sequence(4) };
    assert_eq!(recovered(&[stable]), Err(none));
    let bench = Bench::<4>::new();
    let [a, b] = [b"a", b"b"].map(|operation| Batch::from_bytes(bench.lot(0, 1, operation).0));
    let accepted = |view, batch| Record::PrePrepared { view: View(view), sequence, batch };
    let told = recovered(&[accepted(1, a), accepted(1, b)]).unwrap_err().to_string();
    assert!(told.contains("two batches at one place of a view"), "{told}");
    assert!(recovered(&[accepted(1, a), accepted(1, a), accepted(2, b)]).is_ok());
    let prepared = |view| Record::Prepared { view: View(view), sequence, digest: a.digest() };
    assert!(recovered(&[accepted(1, a), prepared(1)]).is_ok());
    assert!(recovered(&[accepted(1, a), prepared(2)]).is_err());
    assert!(recovered(&[accepted(2, a), accepted(1, a)]).is_err());
    let (view, digest) = (View(2), b.digest());
    let again = [accepted(2, a), accepted(1, b), Record::RePrePrepared { view, sequence, digest }];
    assert!(recovered(&again).is_err());
    let settled = |view, batch| Record::Committed { view: View(view), sequence, batch };
    assert!(recovered(&[settled(1, a), settled(2, a)]).is_ok());
    assert!(recovered(&[settled(1, a), settled(2, b)]).is_err(), "two batches are settled");
    assert!(recovered(&[accepted(1, b), settled(2, a), accepted(3, b)]).is_err());
}

#[test]
fn snapshot_that_is_not_the_one_vouched_for_is_an_error() {
    let mut bench = Bench::<4>::new();
    for t in 1..=5 {
        bench.ask(0, 0, t, b"x");
        bench.run();
    }
    let host = &bench.hosts[2];
    let records: Vec<Record<'_>> =
        host.records.iter().map(|bytes| wire::decode(bytes).unwrap()).collect();
    let (table, state) = host.captured[&4].clone();
    let state = crate::pages::state_digest(&state);
    let recover = |snapshot: Snapshot<'_>| {
        let (config, memory) = (Bench::<4>::config(2), Memory::<4>::new());
        let records = records.iter().copied();
        let replica = Replica::recover(config, memory, Instant::ZERO, Some(snapshot), records);
        replica.map(|replica| replica.status().executed)
    };
    let right = Snapshot { sequence: Sequence(4), clients: &table, state };
    assert_eq!(recover(right), Ok(Sequence(4)));
    let wrong = Err(RecoverError::WrongSnapshot { sequence: Sequence(4) });
    assert_eq!(recover(Snapshot { state: digest(b"other"), ..right }), wrong);
    let mut forged = table.clone();
    forged[0] ^= 1;
    assert_eq!(recover(Snapshot { clients: &forged, ..right }), wrong);
    let old = Snapshot { sequence: Sequence(0), ..right };
    assert_eq!(recover(old), Err(RecoverError::NoSnapshot { stable: Sequence(4) }));
    let short = Snapshot { sequence: Sequence(8), clients: &table[1..], ..right };
    assert_eq!(recover(short), Err(RecoverError::Clients));
}

#[test]
fn f17_restart_during_a_view_change_keeps_the_view_and_sends_the_same_view_change_again() {
    let mut bench = Bench::<4>::new();
    let batch = bench.lot(0, 1, b"A").0;
    bench.propose(2, 0, 1, batch);
    for from in [0, 1] {
        bench.show(2, change(from, 3, &[]));
    }
    let promised = bench.own_change(2);
    assert_eq!(promised.histories.len(), 1);
    bench.restart(2);
    assert_eq!(bench.view(2), (3, false));
    bench.sent.clear();
    for _ in 0..8 {
        bench.now += 50_000;
        bench.wake(2);
    }
    let mine = |letter: &&Letter| letter.to == Target::All;
    let again: Vec<_> = bench.sent.iter().filter(mine).map(message).collect();
    let sent = again.iter().filter(|m| **m == Message::ViewChange(promised)).count();
    assert!(sent >= 2, "{again:?}");
    bench.check_votes(&[2]).unwrap();
}

#[test]
fn compaction_while_the_new_view_of_a_later_view_waits_keeps_the_view_that_was_entered() {
    let mut bench = Bench::<4>::new();
    let (batch, a) = bench.lot(0, 1, b"A");
    bench.propose(2, 0, 1, batch);
    bench.lead_into_with(2, 1, &[prepared(1, 0, a)], &[(1, a)]);
    bench.wake(2);
    let before: Vec<String> =
        bench.hosts[2].replica.records().map(|record| format!("{record:?}")).collect();
    // Two peers are in view 3 already; its NEW-VIEW names what is not at hand.
    let status = Status { view: View(3), active: true, ..Status::default() };
    for from in [0, 3] {
        bench.tell(2, from, Message::Status(status));
    }
    let unknown: Vec<_> = [0, 1, 3].map(|author| change(author, 3, &[])).into();
    bench.install(2, new_view(4, 3, &names(&unknown), &[]));
    let status = bench.hosts[2].replica.status();
    let memory = Memory::<4>::new();
    let records = bench.hosts[2].replica.records();
    let again = Replica::recover(Bench::<4>::config(2), memory, Instant::ZERO, None, records);
    let again = again.unwrap().status();
    assert_eq!((again.view, again.active), (status.view, status.active), "was: {before:?}");
}

/// A log written anew holds no PREPARE that was not sent: a quorum of a later view is no vote.
#[test]
fn compaction_makes_no_prepare_of_what_was_settled_in_a_later_view_than_the_last_one() {
    let mut bench = Bench::<4>::new();
    let (rival, (batch, a)) = (bench.lot(0, 1, b"B").0, bench.lot(0, 1, b"A"));
    bench.propose(2, 0, 1, rival);
    bench.lead_into(2, 3);
    // What was settled in view 1 reaches it here, where it has no say in that view any more.
    for from in [0, 1, 3] {
        bench.commit(2, from, 1, 1, a);
    }
    let batch = Message::Batch { sequence: Sequence(1), batch: Batch::from_bytes(batch) };
    assert!(bench.tell(2, 0, batch));
    assert_eq!(bench.operations(2), [b"A"]);
    bench.compact(2);
    bench.restart(2);
    let before = bench.sent.len();
    let lacking = Status { view: View(3), active: true, wanting: true, ..Status::default() };
    bench.tell(2, 3, Message::Status(lacking));
    let said: Vec<_> = bench.sent[before..].iter().map(message).collect();
    assert!(said.contains(&Message::Settled { sequence: Sequence(1), digest: a }), "{said:?}");
    let prepared = |message: &&Message<'_>| matches!(message, Message::Prepare(v) if v.digest == a);
    assert_eq!(said.iter().find(prepared), None, "it has said none for this batch");
    bench.check_votes(&[2]).unwrap();
}

/// A log of a run with a view change in it, as bytes.
fn log() -> Vec<Vec<u8>> {
    let mut bench = Bench::<4>::new();
    for t in 1..=6 {
        bench.ask(0, 0, t, b"before");
        bench.run();
    }
    bench.ask(0, 1, 1, b"prepared");
    bench.run_where(|_, _, message| !matches!(message, Message::Commit(_)));
    for id in 1..4 {
        bench.ask(id, 2, 1, b"pending");
    }
    bench.pass_where(2_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    bench.hosts[2].records.clone()
}

/// One change to a log that no disk and no replica would make.
fn spoil(rng: &mut Rng, log: &mut Vec<Vec<u8>>) {
    if log.len() < 2 {
        return;
    }
    let at = rng.below(log.len());
    match rng.below(5) {
        0 => drop(log.remove(at)),
        1 => log.insert(at, log[rng.below(log.len())].clone()),
        2 => {
            let other = rng.below(log.len());
            log.swap(at, other);
        }
        3 => log.truncate(at + 1),
        _ => {
            let flips = 1 + rng.below(3);
            for _ in 0..flips {
                let byte = rng.below(log[at].len());
                log[at][byte] ^= 1 << rng.below(8);
            }
        }
    }
}

#[test]
fn hostile_records_make_an_error_or_a_replica_and_never_a_panic() {
    let log = log();
    let (mut made, mut refused) = (0, 0);
    for seed in 0..3_000 {
        let mut rng = Rng(seed);
        let mut spoilt = log.clone();
        for _ in 0..=rng.below(6) {
            spoil(&mut rng, &mut spoilt);
        }
        let without = rng.chance(30);
        let calm = catch_unwind(AssertUnwindSafe(|| {
            let decoded = spoilt.iter().filter_map(|bytes| wire::decode(bytes).ok());
            let records: Vec<Record<'_>> =
                decoded.filter(|r| !without || !matches!(r, Record::Stable { .. })).collect();
            let sequence = 4 * (seed % 3);
            let table = [0; 4 * 13];
            let held = Event::Captured(sequence, table.to_vec(), Digest::ZERO);
            let held = if sequence == 0 { vec![] } else { vec![held] };
            let Ok(mut life) = Life::again(2, 0, &records, &held) else { return false };
            for tick in 0..6 {
                life.meet(&(tick * 400_000, None));
            }
            let kept: Vec<Record<'_>> = life.replica.records().collect();
            let again = Life::again(2, 0, &kept, &held);
            drop(again);
            true
        }));
        match calm {
            Ok(true) => made += 1,
            Ok(false) => refused += 1,
            Err(_) => panic!("seed {seed}: records made the replica panic"),
        }
    }
    assert!(made > 300 && refused > 300, "{made} made, {refused} refused");
}
