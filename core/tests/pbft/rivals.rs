//! What is settled at a sequence keeps its place, whatever else is proposed, chosen or prepared
//! there in a view that the others have left.

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{ClientId, Digest, Input, Instant, Output, Principal, Protocol, Target};

const FIRST: Sequence = Sequence(1);

/// Replica 2 leads view 2. A batch that it knows from view 0 is at hand at each of these sequences
/// and, at the lower places of a full Q, another one of view 1 beside it.
fn leads_with<const S: usize>(bench: &mut Bench<4>, old: [(u64, &'static [u8]); S], last: u64) {
    let (newer, _) = bench.lot(3, 1, b"newer");
    for (sequence, batch) in old {
        bench.propose(2, 0, sequence, batch);
    }
    bench.lead_into(2, 1);
    bench.propose(2, 1, last, newer);
    bench.lead_into(2, 2);
    assert_eq!(bench.view(2), (2, true));
}

/// The others settle two batches in view 3, which replica 2 hears of while it still leads view 2.
/// Executing the first it proposes what waits; the second must still be what the others executed.
#[test]
fn who_leads_a_view_that_is_left_proposes_nothing_where_something_is_settled() {
    let mut bench = Bench::<4>::new();
    let (first, first_digest) = bench.lot(1, 1, b"y1");
    let (second, second_digest) = bench.lot(0, 1, b"y2");
    leads_with(&mut bench, [(1, first), (2, second)], 2);
    bench.ask(2, 2, 1, b"x1");
    bench.ask(2, 2, 2, b"x2");
    for (sequence, digest) in [(2, second_digest), (1, first_digest)] {
        for from in [0, 1, 3] {
            bench.commit(2, from, 3, sequence, digest);
        }
    }
    assert_eq!(bench.operations(2), [b"y1", b"y2"]);
}

/// The same from end to end: every message is one that a replica really sent, some get lost and
/// some are late, and nobody lies.
#[test]
fn four_correct_replicas_agree_although_one_leads_a_view_that_the_others_have_left() {
    let mut bench = Bench::<4>::new();
    // View 0: two proposals reach replica 2 alone, and in view 1 one more does.
    let only = |leader: usize, at: Option<u64>| {
        move |from: usize, to: usize, message: &Message<'_>| match message {
            Message::PrePrepare { sequence, .. } => {
                from == leader && to == 2 && at.is_none_or(|at| sequence.0 == at)
            }
            Message::ViewChange(_) | Message::NewView(_) | Message::FetchViewChange { .. } => true,
            _ => false,
        }
    };
    for id in [0, 1, 3] {
        bench.ask(id, 1, 1, b"y1");
    }
    bench.ask(0, 0, 1, b"y2");
    bench.pass_where(20, &[0, 1, 2, 3], only(0, None));
    while bench.view(1) != (1, true) {
        bench.pass_where(10, &[0, 1, 2, 3], only(1, Some(2)));
    }
    bench.pass_where(20, &[0, 1, 2, 3], only(1, Some(2)));
    bench.ask(0, 1, 1, b"y1");
    bench.ask(1, 3, 1, b"z");
    while !(0..4).all(|id| bench.view(id) == (2, true)) {
        bench.pass_where(10, &[0, 1, 2, 3], only(1, Some(2)));
        assert!(bench.now < 60_000_000, "they enter view 2");
    }
    // The others leave replica 2 behind, which hears one half of what they settle in view 3.
    for id in [0, 1] {
        bench.ask(id, 1, 1, b"y1");
    }
    let apart = |from: usize, to: usize, message: &Message<'_>| {
        from != 2 && (to != 2 || matches!(message, Message::Commit(vote) if vote.sequence.0 == 2))
    };
    while [0, 1, 3].iter().any(|id| bench.operations(*id).is_empty()) {
        bench.pass_where(10, &[0, 1, 3], apart);
        assert!(bench.now < 60_000_000, "they execute in view 3");
    }
    bench.ask(3, 0, 1, b"y2");
    bench.run_where(apart);
    bench.pass_where(30, &[0, 1, 3], apart);
    assert_eq!(bench.view(2), (2, true));
    // Two requests come to replica 2, and then the COMMITs that were late.
    bench.ask(2, 2, 1, b"x1");
    bench.ask(2, 2, 2, b"x2");
    let late = |letter: &&Letter| {
        let said = message(letter);
        matches!(said, Message::Commit(vote) if (vote.view, vote.sequence) == (View(3), FIRST))
    };
    let late: Vec<Letter> = bench.sent.iter().filter(late).cloned().collect();
    for letter in late {
        bench.deliver(2, &letter);
    }
    assert_eq!(bench.operations(2), [b"y1", b"y2"]);
    bench.check_agreement(&[0, 1, 2, 3]).unwrap();
}

/// Replica 2 leads view 2 while its host executes what the others settled in view 3, and a request
/// of a client comes in between.
fn asked_while_executing(client: u16, timestamp: u64) -> Bench<4> {
    let mut bench = Bench::<4>::new();
    let (settled, digest) = bench.lot(1, 1, b"settled");
    leads_with(&mut bench, [(1, settled)], 1);
    for from in [0, 1] {
        bench.commit(2, from, 3, 1, digest);
    }
    // The third COMMIT: the host gets the batch, and takes its time.
    let vote = Vote { view: View(3), sequence: FIRST, digest };
    let from = Principal::Node(node(3));
    let letter = bench.letter(from, Target::Node(node(2)), Message::Commit(vote));
    let verified = bench.roster.verify(&TestVerifier, from, message(&letter)).unwrap();
    let now = Instant::from_micros(bench.now);
    let mut given = Vec::new();
    for output in bench.hosts[2].replica.step(now, Input::Message(verified)) {
        if let Output::Decide(Decision::Execute(execution)) = output {
            given.extend(execution.requests().map(|it| (it.client.0, it.timestamp)));
        }
    }
    assert_eq!(given, [(1, 1)]);
    bench.ask(2, client, timestamp, b"next");
    bench.step(2, Input::Command(Command::Executed { client: ClientId(1), reply: b"done" }));
    bench
}

#[test]
fn a_request_that_comes_while_the_host_executes_takes_nothing_away_from_it() {
    let bench = asked_while_executing(2, 1);
    assert!(bench.hosts[2].refusals.is_empty(), "{:?}", bench.hosts[2].refusals);
    assert_eq!(bench.hosts[2].replica.status().executed, FIRST);
}

#[test]
fn a_reply_is_to_the_request_that_was_executed_and_not_to_the_next_one() {
    let bench = asked_while_executing(1, 2);
    assert_eq!(bench.replies[0].2, 1, "{:?}", bench.replies);
}

/// Replica 3 enters view 2, whose NEW-VIEW has NULL at s4, where another batch is settled in view
/// 3. It has looked at three sequences when the last COMMIT comes.
#[test]
fn null_that_a_new_view_chose_does_not_displace_what_a_later_view_settled() {
    let mut bench = Bench::<4>::new();
    let (settled, digest) = bench.lot(1, 1, b"settled");
    let (newer, _) = bench.lot(2, 1, b"newer");
    let (next, next_digest) = bench.lot(0, 1, b"next");
    let null = Batch::from_bytes(b"").digest();
    bench.propose(3, 0, 4, settled);
    bench.propose(3, 0, 5, next);
    bench.lead_into(3, 1);
    bench.propose(3, 1, 4, newer);
    for sequence in 1..=3 {
        for from in [0, 1, 2] {
            bench.commit(3, from, 3, sequence, null);
        }
    }
    for from in [0, 1] {
        bench.commit(3, from, 3, 4, digest);
    }
    let chosen = [(1, null), (2, null), (3, null), (4, null), (5, next_digest)];
    bench.lead_into_with(3, 2, &[prepared(5, 0, next_digest)], &chosen);
    bench.commit(3, 2, 3, 4, digest);
    for from in [0, 1, 2] {
        bench.commit(3, from, 3, 5, next_digest);
    }
    assert_eq!(bench.operations(3), [&b"settled"[..], b"next"]);
}

/// Replica 3 knows from weak replicas that another batch is settled. PREPAREs that come late for
/// what it accepted lead to no COMMIT, which it would have to take back when the batch comes.
#[test]
fn who_knows_what_is_settled_commits_nothing_else() {
    let mut bench = Bench::<4>::new();
    let (mine, mine_digest) = bench.lot(1, 1, b"mine");
    let (settled, digest) = bench.lot(2, 1, b"settled");
    bench.propose(3, 0, 1, mine);
    for from in [1, 2] {
        bench.tell(3, from, Message::Settled { sequence: FIRST, digest });
    }
    for from in [1, 2] {
        bench.prepare(3, from, 0, 1, mine_digest);
    }
    assert!(!bench.said(3).iter().any(|said| matches!(said, Message::Commit(_))));
    let brought = Message::Batch { sequence: FIRST, batch: Batch::from_bytes(settled) };
    bench.tell(3, 2, brought);
    assert_eq!(bench.operations(3), [b"settled"]);
    for author in [0, 1] {
        bench.show(3, change(author, 1, &[]));
    }
    let told = bench.own_change(3).histories.get(FIRST).and_then(|told| told.prepared());
    assert_eq!(told.map(|told| told.digest), Some(digest));
}

/// Who is asked for a batch as the next view takes its place sends nothing, and nothing malformed.
#[test]
fn a_batch_that_is_displaced_in_the_step_that_asks_for_it_is_not_sent() {
    let asked = |between: bool| {
        let mut bench = Bench::<4>::new();
        let (old, old_digest) = bench.lot(1, 1, b"old");
        let (newer, _) = bench.lot(2, 1, b"newer");
        let (_, other) = bench.lot(0, 1, b"other");
        let null = Batch::from_bytes(b"").digest();
        bench.propose(3, 0, 4, old);
        bench.lead_into(3, 1);
        bench.propose(3, 1, 4, newer);
        if between {
            let chosen = [(1, null), (2, null), (3, null), (4, null), (5, other)];
            bench.lead_into_with(3, 2, &[prepared(5, 0, other)], &chosen);
        }
        bench.tell(3, 2, Message::FetchBatch { sequence: Sequence(4), digest: old_digest });
        let batches = bench.said(3).into_iter().filter_map(|said| match said {
            Message::Batch { batch, .. } => Some(batch.digest()),
            _ => None,
        });
        (batches.collect::<Vec<Digest>>(), old_digest)
    };
    let (sent, digest) = asked(false);
    assert_eq!(sent, [digest]);
    assert_eq!(asked(true).0, []);
}
