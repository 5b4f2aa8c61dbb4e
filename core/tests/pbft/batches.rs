//! Batches and the pipeline (PROTOCOLS, point 2).

use crate::bench::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{ClientId, Fault, Instant, Principal, Protocol, wire};
use std::time::Duration;

/// What the primary proposes when a client asks: sequences, and requests of each batch.
fn asked(bench: &mut Bench<4>, client: u16, t: u64, operation: &[u8]) -> Vec<(u64, usize)> {
    let request = bench.request(client, t, operation);
    let from = Principal::Client(ClientId(client));
    proposals(&bench.hear_from(0, from, Message::Request(request)))
}

fn proposals(wanted: &[Wanted]) -> Vec<(u64, usize)> {
    let proposed = wanted.iter().filter_map(|it| match it.message()? {
        Message::PrePrepare { sequence, batch, .. } => Some((sequence.0, batch.iter().count())),
        _ => None,
    });
    proposed.collect()
}

/// A cluster whose primary has other settings, its first heartbeat over.
fn with(change: impl Fn(&mut Config)) -> Bench<4> {
    let mut bench = Bench::<4>::new();
    let mut config = Bench::<4>::config(0);
    change(&mut config);
    *bench.hosts[0].replica = Replica::new(config, Memory::<4>::new()).unwrap();
    bench.waken(0);
    bench
}

#[test]
fn idle_primary_proposes_at_once() {
    let mut bench = with(|_| {});
    assert_eq!(asked(&mut bench, 1, 5, b"a"), [(1, 1)]);
}

#[test]
fn busy_primary_gathers_requests_until_the_delay_is_over() {
    let mut bench = with(|config| config.batch_delay = Duration::from_millis(3));
    assert_eq!(asked(&mut bench, 0, 5, b"a"), [(1, 1)]);
    bench.now = 500;
    assert_eq!(asked(&mut bench, 1, 5, b"b"), []);
    bench.now = 2_000;
    assert_eq!(asked(&mut bench, 2, 5, b"c"), []);
    let due = Instant::from_micros(3_500);
    assert_eq!(bench.hosts[0].replica.deadline(), Some(due));
    bench.now = 3_499;
    assert_eq!(bench.waken(0), []);
    bench.now = 3_500;
    assert_eq!(proposals(&bench.waken(0)), [(2, 2)]);
}

#[test]
fn busy_primary_proposes_at_once_when_the_batch_is_full_by_count() {
    let mut bench = with(|config| config.batch_requests = 2);
    assert_eq!(asked(&mut bench, 0, 5, b"a"), [(1, 1)]);
    assert_eq!(asked(&mut bench, 1, 5, b"b"), []);
    assert_eq!(asked(&mut bench, 2, 5, b"c"), [(2, 2)]);
}

#[test]
fn busy_primary_proposes_at_once_when_half_the_room_is_used() {
    let mut bench = with(|_| {});
    assert_eq!(asked(&mut bench, 0, 5, b"a"), [(1, 1)]);
    let room = 1024 / 2 - 2 * Request::OVERHEAD;
    assert_eq!(asked(&mut bench, 1, 5, &vec![1; room - 1]), []);
    assert_eq!(asked(&mut bench, 2, 5, &[]), []);
    assert_eq!(asked(&mut bench, 3, 5, &[]), [(2, 3)]);
}

#[test]
fn batch_holds_no_more_requests_than_the_settings_say() {
    let mut bench = with(|config| config.batch_requests = 1);
    for client in 0..4 {
        let sequence = u64::from(client) + 1;
        assert_eq!(asked(&mut bench, client, 5, b"a"), [(sequence, 1)]);
    }
}

#[test]
fn requests_that_waited_for_the_window_go_in_batches_of_the_set_count() {
    let mut bench = with(|config| config.batch_requests = 1);
    for t in 1..=8 {
        bench.ask(0, 0, t, b"x");
    }
    for client in 1..4 {
        bench.ask(0, client, 5, b"y");
    }
    bench.run();
    bench.pass(100);
    let counts = bench.sent.iter().filter_map(|it| match wire::decode(&it.bytes) {
        Ok(Message::PrePrepare { batch, .. }) => Some(batch.iter().count()),
        _ => None,
    });
    assert_eq!(counts.max(), Some(1));
    assert!((0..4).all(|id| bench.operations(id).len() == 11));
}

#[test]
fn window_is_a_pipeline_of_w_sequences_that_the_stable_checkpoint_moves() {
    let mut bench = with(|_| {});
    let mut proposed = Vec::new();
    let mut letters = Vec::new();
    for t in 1..=12 {
        let request = bench.request(1, t, b"x");
        let client = Principal::Client(ClientId(1));
        let mut wanted = bench.hear_from(0, client, Message::Request(request));
        bench.now += 1_000;
        wanted.extend(bench.waken(0));
        proposed.extend(proposals(&wanted));
        letters.extend(
            wanted.into_iter().filter(|it| !proposals(std::slice::from_ref(it)).is_empty()),
        );
    }
    let in_window: Vec<(u64, usize)> = (1..=8).map(|sequence| (sequence, 1)).collect();
    assert_eq!(proposed, in_window);
    for letter in &letters {
        for to in 1..4 {
            bench.tell(to, 0, letter.message().unwrap());
        }
    }
    bench.run();
    let next = |letter: &Letter| {
        let message = wire::decode(&letter.bytes);
        matches!(message, Ok(Message::PrePrepare { sequence: Sequence(9), .. }))
    };
    assert!(bench.sent.iter().any(next), "the ninth goes as the window opens, not by a timer");
    bench.pass(200);
    for id in 0..4 {
        let status = bench.hosts[id].replica.status();
        assert_eq!((status.executed.0, status.stable.0), (9, 8), "replica {id}");
        assert_eq!(bench.hosts[id].history.last().unwrap().2, 12);
    }
}

/// Gives all backups a proposal that none may take, and says what they accuse the primary of.
fn refused(bench: &mut Bench<4>, batch: &[u8]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for to in 1..4 {
        let before = bench.picture(to);
        bench.tell(to, 0, bench.proposal(0, 1, batch));
        assert!(before == bench.picture(to), "a bad batch changed the state");
        let accused = std::mem::take(&mut bench.hosts[to].accusations);
        assert_eq!(accused.len(), 1);
        faults.extend(accused.iter().map(|(node, fault)| {
            assert_eq!(*node, 0);
            *fault
        }));
    }
    assert!(bench.mail.is_empty());
    faults
}

#[test]
fn p46_batch_that_breaks_a_rule_is_refused_by_all_alike_and_changes_nothing() {
    let mut bench = Bench::<4>::new();
    let good = bench.batch(&[bench.request(1, 5, b"a"), bench.request(2, 5, b"b")]);
    let twice = bench.batch(&[bench.request(1, 5, b"a"), bench.request(1, 5, b"a")]);
    let one_client = bench.batch(&[bench.request(1, 5, b"a"), bench.request(1, 6, b"b")]);
    let stranger = bench.batch(&[bench.request(1, 5, b"a"), bench.request(4, 5, b"b")]);
    let big: Vec<_> = (0..4).map(|client| bench.request(client, 5, &[0; 200])).collect();
    let too_big = bench.batch(&big);
    let with_rest = [&good[..], &[0]].concat();
    let cut = &good[..good.len() - 1];
    let mut lying = good.clone();
    lying[10..14].copy_from_slice(&u32::MAX.to_le_bytes());
    let bad = [&[0][..], &twice, &one_client, &stranger, &too_big, &with_rest, cut, &lying];
    for (at, batch) in bad.into_iter().enumerate() {
        assert_eq!(refused(&mut bench, batch), [Fault::BadBatch; 3], "bad batch {at}");
    }
    for to in 1..4 {
        bench.tell(to, 0, bench.proposal(0, 1, &good));
    }
    bench.run_where(|from, to, _| from != 0 && to != 0);
    assert_eq!(bench.operations(2), [b"a", b"b"]);
}

#[test]
fn p46_batch_of_more_than_64_requests_is_none() {
    let bench = Bench::<4>::new();
    let requests: Vec<_> = (0..65).map(|client| bench.request(client, 1, b"")).collect();
    let batch = bench.batch(&requests);
    assert_eq!(Batch::from_bytes(&batch).check(100), Err(Fault::BadBatch));
    let batch = bench.batch(&requests[..MAX_REQUESTS]);
    assert_eq!(Batch::from_bytes(&batch).check(100), Ok(()));
    assert_eq!(Batch::from_bytes(&batch).check(63), Err(Fault::BadBatch));
}

#[test]
fn p31_batch_with_one_unauthentic_request_is_refused_by_all_alike_and_changes_no_view() {
    let mut bench = Bench::<4>::new();
    let (good, other) = (bench.request(1, 5, b"a"), bench.request(2, 5, b"b"));
    let borrowed = Request { signature: good.signature, ..other };
    for bad in [vec![borrowed, good], vec![good, borrowed]] {
        let batch = bench.batch(&bad);
        assert_eq!(refused(&mut bench, &batch), [Fault::Forged; 3]);
    }
    bench.pass(5_000);
    assert!((0..4).all(|id| bench.view(id) == (0, true)));
}

#[test]
fn executed_request_in_a_batch_is_left_out_and_the_rest_executes() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 5, b"a");
    bench.run();
    let requests = [bench.request(1, 5, b"a"), bench.request(2, 5, b"b")];
    let batch = bench.batch(&requests);
    for to in 1..4 {
        bench.tell(to, 0, bench.proposal(0, 2, &batch));
    }
    bench.run_where(|from, to, _| from != 0 && to != 0);
    assert!((1..4).all(|id| bench.operations(id) == [b"a", b"b"]));
}
