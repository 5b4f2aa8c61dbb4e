//! What a replica that lost its log makes of answers, and of a flood of them (PROTOCOLS, point 9).

use crate::bench::*;
use quorate::pbft::*;
use quorate::wire;

/// An answer of a replica to the question that replica 6 asks.
fn answer(stable: u64, prepared: u64, view: u64) -> Message<'static> {
    let (stable, prepared) = (Sequence(stable), Sequence(prepared));
    Message::Estimate { nonce: 9, stable, prepared, view: View(view), heard: true }
}

/// Replica 6 of 7 lost its log and has asked.
fn asking() -> Bench<7> {
    let mut bench = Bench::<7>::new();
    *bench.hosts[6].replica = Replica::amnesiac(Bench::<7>::config(6), Memory::new(), 9).unwrap();
    bench.pass_where(60, &[6], |_, _, _| false);
    bench
}

/// How far the others must get, as replica 6 tells them; 0: it does not know.
fn bound(bench: &Bench<7>) -> u64 {
    let said = bench.said(6).into_iter().rev();
    let mut said = said.filter_map(|message| match message {
        Message::Recover { until, .. } => Some(until.0),
        _ => None,
    });
    said.next().unwrap()
}

/// All kinds of answers of replica 5, each of which must be fruitless and have it say nothing.
fn flood(bench: &mut Bench<7>) {
    let said = bench.sent.len();
    let mut largest = 0;
    for round in 0..2_000 {
        let stable = 4 * (round % 37);
        assert!(bench.tell(6, 5, answer(stable, stable + round % 9, round)));
        assert!(bench.hosts[6].replica.was_fruitless(), "answer {round}");
        let size = bench.portrait(6).len();
        largest = if round < 40 { size.max(largest) } else { largest };
        assert!(size <= largest + 8, "{size} bytes of state, {largest} before");
    }
    assert_eq!(bench.sent.len(), said, "it says nothing to any of them");
}

#[test]
fn flood_of_answers_from_one_peer_is_fruitless_and_moves_no_estimate() {
    let mut quiet = asking();
    let mut flooded = asking();
    flood(&mut flooded);
    assert_eq!(bound(&flooded), 0, "one peer is no quorum, however much it says");
    for bench in [&mut quiet, &mut flooded] {
        for from in 0..4 {
            assert_eq!(bound(bench), 0);
            bench.tell(6, from, answer(40, 44, 3));
        }
    }
    // The one who flooded is the fifth, once.
    assert_eq!((bound(&quiet), bound(&flooded)), (0, 64));
    quiet.tell(6, 4, answer(40, 44, 3));
    assert_eq!(bound(&quiet), 64);
    // What it exaggerated moves by one the views in which replica 6 has no say, and no more.
    let signed = |bench: &Bench<7>| {
        let picture = bench.portrait(6);
        let (_, rest) = picture.split_once("signed_view: ").unwrap();
        rest.split_once(',').unwrap().0.to_owned()
    };
    assert_eq!((signed(&quiet), signed(&flooded)), ("View(4)".into(), "View(5)".into()));
    // And when enough is known, answers change nothing at all.
    flooded.tell(6, 5, answer(0, 0, 0));
    let before = flooded.portrait(6);
    let said = flooded.sent.len();
    for round in 0..100 {
        flooded.tell(6, 5, answer(0, round % 9, round));
        assert!(flooded.hosts[6].replica.was_fruitless());
    }
    assert!(before == flooded.portrait(6), "an answer that comes too late changed something");
    assert_eq!(flooded.sent.len(), said);
}

/// What was captured before it found out that it is new it may tell, once its log knows of it.
#[test]
fn a_new_replica_vouches_for_nothing_that_its_log_does_not_know() {
    let mut bench = Bench::<4>::new();
    let unsure = Replica::unsure(Bench::<4>::config(3), Memory::<4>::new(), 100).unwrap();
    *bench.hosts[3].replica = unsure;
    bench.wake(3);
    // Answers are lost for a while, and CHECKPOINTs for ever; COMMITs and batches are not.
    let mute = |_: usize, _: usize, message: &Message<'_>| {
        !matches!(message, Message::Estimate { .. } | Message::Checkpoint { .. })
    };
    for timestamp in 1..=4 {
        for id in 0..4 {
            bench.ask(id, 1, timestamp, b"x");
        }
        bench.run_where(mute);
        bench.pass_where(150, &[0, 1, 2, 3], mute);
    }
    assert!(bench.hosts[3].replica.is_recovering());
    assert_eq!(bench.operations(3).len(), 4);
    let told =
        |_: usize, _: usize, message: &Message<'_>| !matches!(message, Message::Checkpoint { .. });
    bench.pass_where(400, &[0, 1, 2, 3], told);
    assert!(!bench.hosts[3].replica.is_recovering());
    let said = bench.said(3);
    assert!(said.iter().any(|said| matches!(said, Message::Checkpoint { .. })));
    let known = |record: &Vec<u8>| {
        let record = wire::decode::<Record<'_>>(record).unwrap();
        matches!(record, Record::Checkpoint { sequence: Sequence(4), .. })
    };
    assert!(bench.hosts[3].records.iter().any(known));
}
