//! A replica that continues from its records: `Replica::recover` and `Replica::records`.

use crate::bench::*;
use crate::forgery::*;
use crate::ledger::Ledger;
use crate::life::*;
use quorate::pbft::*;
use quorate::{Target, wire};

/// A run with everything that is written down: batches, checkpoints, a stable checkpoint, a
/// view change with gaps and with batches proposed again, a second view change, and work after it.
fn eventful_run() -> Chronicle {
    let mut run = Chronicle::new();
    for t in 1..=5 {
        run.ask(&[0], 0, t, b"before");
        run.run_where(|_, _, _| true);
    }
    // Sequence 6 is prepared and committed by nobody, 7 reaches replica 2 only.
    run.ask(&[0], 1, 1, b"prepared");
    run.run_where(|_, _, message| !matches!(message, Message::Commit(_)));
    run.ask(&[0], 2, 1, b"seen");
    run.run_where(|_, to, message| to == 2 && matches!(message, Message::PrePrepare { .. }));
    run.ask(&[1, 2, 3], 3, 1, b"pending");
    run.pass_where(1_600, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    run.pass_where(400, &[0, 1, 2, 3], |_, _, _| true);
    // View 1 works; then its primary is gone too.
    for t in 6..=8 {
        run.ask(&[1], 0, t, b"between");
        run.run_where(|_, _, _| true);
    }
    run.ask(&[0, 2, 3], 1, 2, b"late");
    run.pass_where(2_000, &[0, 2, 3], |from, to, _| from != 1 && to != 1);
    run.pass_where(800, &[0, 1, 2, 3], |_, _, _| true);
    for t in 9..=11 {
        run.ask(&[2], 0, t, b"after");
        run.run_where(|_, _, _| true);
    }
    run
}

/// What a hostile world says to a replica that has just begun again: other batches wherever it
/// may have voted, in each view that it may have been in, with the votes of everybody else.
fn temptations(id: usize) -> Vec<Letter> {
    let bench = Bench::<4>::new();
    let mut letters = Vec::new();
    let mut say = |from: usize, message: Message<'_>| {
        letters.push(bench.letter(replica(from), Target::Node(node(id)), message));
    };
    let (bytes, digest) = bench.lot(3, 99, b"tempting");
    let others: Vec<usize> = (0..4).filter(|other| *other != id).collect();
    for view in 0..4 {
        if view > 0 {
            let changes: Vec<_> = others.iter().map(|other| change(*other, view, &[])).collect();
            for change in &changes {
                say(change.author.index(), Message::ViewChange(*change));
            }
            let primary = View(view).primary(4).index();
            if primary != id {
                say(primary, Message::NewView(new_view(4, view, &names(&changes), &[])));
            }
        }
        for at in 1..=16 {
            let (view, sequence) = (View(view), Sequence(at));
            let primary = view.primary(4).index();
            if primary != id {
                let batch = Batch::from_bytes(bytes);
                say(primary, Message::PrePrepare { view, sequence, batch });
            }
            for other in others.iter().filter(|other| **other != primary) {
                say(*other, Message::Prepare(Vote { view, sequence, digest }));
            }
        }
    }
    letters
}

/// The life of each replica of a run.
fn lives(run: &Chronicle) -> Vec<Life> {
    let live = |id: usize| {
        let mut life = Life::new(id);
        for happening in &run.happenings.borrow()[id] {
            life.meet(happening);
        }
        let written: Vec<Vec<u8>> = life
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Wrote(bytes) => Some(bytes.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(written, run.bench.hosts[id].records, "a life is lived as it was");
        life
    };
    (0..4).map(live).collect()
}

fn letter_of(id: usize, event: &Event) -> Option<Letter> {
    match event {
        Event::Sent(bytes, to) => Some(Letter { from: replica(id), to: *to, bytes: bytes.clone() }),
        _ => None,
    }
}

/// Calls `visit` for each point of a life at which it may be cut: how many records are kept, all
/// events before, and the promises among them. Between two records everything sent may have left.
fn each_cut(life: &Life, mut visit: impl FnMut(usize, &[Event], &Ledger)) {
    let mut kept = 0;
    let mut ledger = Ledger::default();
    visit(0, &[], &ledger);
    for (at, event) in life.events.iter().enumerate() {
        if let Some(letter) = letter_of(life.id, event) {
            ledger.enter(&letter).unwrap();
        }
        kept += usize::from(matches!(event, Event::Wrote(_)));
        let next = life.events.get(at + 1);
        if next.is_none_or(|next| matches!(next, Event::Wrote(_))) {
            visit(kept, &life.events[..=at], &ledger);
        }
    }
    assert!(kept > 30, "replica {} wrote {kept} records only", life.id);
}

/// Enters in a copy of the ledger what a replica sent in its second life; returns its votes.
fn keeps_its_word(again: &Life, ledger: &Ledger, kept: usize) -> usize {
    let mut ledger = ledger.clone();
    let mut votes = 0;
    for letter in again.events.iter().filter_map(|event| letter_of(again.id, event)) {
        votes += usize::from(matches!(message(&letter), Message::Prepare(_) | Message::Commit(_)));
        let kept_word = match message(&letter) {
            Message::ViewChange(change) => ledger.check_report(&change),
            _ => Ok(()),
        };
        let kept_word = kept_word.and_then(|()| ledger.enter(&letter));
        kept_word.unwrap_or_else(|e| panic!("replica {}, {kept} records: {e}", again.id));
    }
    votes
}

#[test]
fn crash_after_any_record_of_a_run_loses_no_word_that_was_given() {
    let run = eventful_run();
    let views: Vec<_> = (0..4).map(|id| run.bench.view(id)).collect();
    assert_eq!(views, [(2, true); 4]);
    for life in lives(&run) {
        let (tempting, records) = (temptations(life.id), life.records());
        let mut votes = 0;
        each_cut(&life, |kept, before, ledger| {
            let again = Life::again(life.id, 9_000_000, &records[..kept], before);
            let mut again =
                again.unwrap_or_else(|e| panic!("replica {}, {kept} records: {e}", life.id));
            again.meet(&(9_000_000, None));
            for letter in &tempting {
                again.meet(&(9_000_000, Some(letter.clone())));
            }
            votes += keeps_its_word(&again, ledger, kept);
        });
        assert!(votes > 500, "replica {} voted {votes} times", life.id);
    }
}

#[test]
fn crash_after_any_record_and_the_rest_of_the_run_contradict_nothing() {
    let run = eventful_run();
    let happenings = run.happenings.borrow();
    for life in lives(&run) {
        let records = life.records();
        each_cut(&life, |kept, before, ledger| {
            let mut again = Life::again(life.id, 0, &records[..kept], before).unwrap();
            let met = life.marks.iter().filter(|mark| **mark < before.len()).count();
            for happening in &happenings[life.id][met..] {
                again.meet(happening);
            }
            keeps_its_word(&again, ledger, kept);
            let views = (again.replica.status().view, life.replica.status().view);
            assert!(views.0 >= views.1, "replica {}, {kept} records: {views:?}", life.id);
        });
    }
}

#[test]
fn recovered_replica_is_in_the_view_that_it_had_promised_or_entered() {
    let run = eventful_run();
    for life in lives(&run) {
        let records = life.records();
        each_cut(&life, |kept, before, _| {
            let again = Life::again(life.id, 0, &records[..kept], before).unwrap();
            let mut expected = (View(0), true);
            for record in &records[..kept] {
                match record {
                    Record::ViewChange(change) => expected = (change.view, false),
                    Record::NewView(new_view) => expected = (new_view.view, true),
                    _ => {}
                }
            }
            let status = again.replica.status();
            assert_eq!((status.view, status.active), expected, "replica {}, {kept}", life.id);
        });
    }
}

/// What two replicas do when the same happens to both.
fn live_on(mut life: Life, happenings: &[Happening]) -> Vec<Event> {
    life.events.clear();
    life.meet(&(9_000_000, None));
    for happening in happenings {
        life.meet(happening);
    }
    life.events
}

#[test]
fn compacted_records_make_the_same_replica_as_all_of_them() {
    let run = eventful_run();
    for id in 0..4 {
        let mut life = Life::new(id);
        let tempting = temptations(id).into_iter().map(|letter| (9_000_000, Some(letter)));
        let tempting: Vec<Happening> = tempting.collect();
        for (at, happening) in run.happenings.borrow()[id].iter().enumerate() {
            let written = life.events.len();
            life.meet(happening);
            let wrote = life.events[written..].iter().any(|e| matches!(e, Event::Wrote(_)));
            if !wrote {
                continue;
            }
            let compacted: Vec<Record<'_>> = life.replica.records().collect();
            let all = Life::again(id, 0, &life.records(), &life.events).unwrap();
            let short = Life::again(id, 0, &compacted, &life.events);
            let short = short.unwrap_or_else(|e| panic!("replica {id} after {at}: {e}"));
            assert_eq!(short.replica.status(), all.replica.status(), "replica {id} after {at}");
            let again: Vec<Record<'_>> = short.replica.records().collect();
            assert_eq!(again, compacted, "replica {id} after {at}: compacted twice");
            let (long, short) = (live_on(all, &tempting), live_on(short, &tempting));
            for (a, b) in long.iter().zip(&short) {
                assert_eq!(told(a), told(b), "replica {id} after {at}");
            }
            assert_eq!(long.len(), short.len(), "replica {id} after {at}");
        }
    }
}

/// An event for people to read.
fn told(event: &Event) -> String {
    match event {
        Event::Wrote(bytes) => format!("{:?}", wire::decode::<Record<'_>>(bytes).unwrap()),
        Event::Sent(bytes, to) => {
            format!("{:?} to {to:?}", wire::decode::<Message<'_>>(bytes).unwrap())
        }
        Event::Captured(at, ..) => format!("captured {at}"),
    }
}

/// Replicas crash and begin again, from all their records or from compacted ones, while messages
/// get lost and views change; then everything works.
fn crashing_run(seed: u64) -> Result<(), String> {
    let mut rng = Rng(seed);
    let mut bench = Bench::<4>::new();
    let luck = std::cell::RefCell::new(Rng(seed ^ 0xdead));
    let loss = rng.below(40);
    for round in 1..=30 {
        let client = rng.below(4) as u16;
        for id in 0..4 {
            if rng.chance(70) {
                bench.ask(id, client, round, format!("op {round}").as_bytes());
            }
        }
        let silent = rng.below(12);
        let awake: Vec<usize> = (0..4).filter(|id| *id != silent).collect();
        bench.pass_where(50 + 10 * rng.below(30) as u64, &awake, |from, to, _| {
            from != silent && to != silent && !luck.borrow_mut().chance(loss)
        });
        if rng.chance(60) {
            let id = rng.below(4);
            if rng.chance(50) {
                bench.compact(id);
            }
            bench.restart(id);
        }
        bench.check_agreement(&[0, 1, 2, 3])?;
    }
    for round in 31..=45 {
        (0..4).for_each(|id| bench.ask(id, 0, round, b"healed"));
        bench.pass(1_000);
    }
    bench.check_agreement(&[0, 1, 2, 3])?;
    bench.check_votes(&[0, 1, 2, 3])?;
    let last = |host: &Host<4>| host.history.last().is_some_and(|(_, _, at, _)| *at == 45);
    let same = |host: &Host<4>| host.state == bench.hosts[0].state;
    if bench.hosts.iter().any(last) && bench.hosts.iter().all(same) {
        return Ok(());
    }
    Err(format!("it ends with {:?}", [0, 1, 2, 3].map(|id| bench.hosts[id].replica.status())))
}

#[test]
fn crashes_compactions_losses_and_view_changes_contradict_nothing_and_all_goes_on() {
    for seed in 0..40 {
        crashing_run(seed).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

#[test]
fn what_hung_before_a_crash_of_all_is_executed_though_nobody_asks_for_it_again() {
    let mut bench = Bench::<4>::new();
    for id in 0..4 {
        bench.ask(id, 0, 1, b"A");
    }
    // Replica 2 has only pre-prepared it, and all COMMITs are lost.
    bench.run_where(|_, to, message| match message {
        Message::PrePrepare { .. } => true,
        Message::Prepare(_) => to != 2,
        _ => false,
    });
    (0..4).for_each(|id| bench.restart(id));
    // Replica 2 leaves the view alone, so that it votes no more, and replica 3 is dead.
    bench.ask(2, 1, 1, b"only here");
    bench.pass_where(1_200, &[2], |_, _, _| false);
    assert_eq!([0, 1, 2].map(|id| bench.view(id).0), [0, 0, 1]);
    bench.pass_where(10_000, &[0, 1, 2], |from, to, message| {
        from != 3 && to != 3 && !matches!(message, Message::Request(_))
    });
    for id in 0..3 {
        assert!(bench.operations(id).contains(&b"A".to_vec()), "replica {id}");
    }
}
