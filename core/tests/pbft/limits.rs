//! Ends of numbers, of buffers and of a host's patience: outputs, time, commands (PROTOCOLS,
//! points 10 and 11; the laws of the core).

use crate::bench::*;
use crate::forgery::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{
    ClientId, Digest, Fault, Input, Instant, NodeId, Principal, Protocol, Refusal, Signature, wire,
};
use std::sync::mpsc;
use std::time::Duration;

/// A cluster whose last stable checkpoint is the last but `back` of all sequences.
fn near_the_end(back: u64) -> Bench<4> {
    let mut bench = Bench::<4>::new();
    let sequence = Sequence(u64::MAX - back);
    assert!(sequence.0.is_multiple_of(4));
    let clients = vec![0; CLIENTS * 13];
    let state = crate::pages::state_digest(&Digest::ZERO);
    let digest = crate::pages::checkpoint_digest(sequence.0, &clients, &Digest::ZERO);
    let record = Record::Stable { sequence, digest };
    for id in 0..4 {
        let snapshot = Snapshot { sequence, clients: &clients, state };
        let (config, memory) = (Bench::<4>::config(id), Memory::<4>::new());
        let replica =
            Replica::recover(config, memory, Instant::ZERO, Some(snapshot), [record]).unwrap();
        *bench.hosts[id].replica = replica;
        bench.hosts[id].captured.insert(sequence.0, (clients.clone(), Digest::ZERO));
    }
    bench.pass(100);
    bench
}

#[test]
fn p39_proposals_stop_with_a_refusal_at_the_last_sequence() {
    ends(|| {
        let mut bench = near_the_end(7);
        for t in 1..=10 {
            bench.ask(0, 1, t, &[t as u8]);
            bench.run();
        }
        for id in 0..4 {
            let sequences: Vec<u64> = bench.hosts[id].history.iter().map(|it| it.0).collect();
            let expected: Vec<u64> = (u64::MAX - 6..u64::MAX).collect();
            assert_eq!(sequences, expected, "replica {id}");
            assert_eq!(bench.hosts[id].replica.status().stable.0, u64::MAX - 3);
            let refused = bench.hosts[id].refusals.contains(&Refusal::Exhausted);
            assert_eq!(refused, id == 0, "only the primary has anything to refuse");
        }
    });
}

/// Does something on another thread, since what it guards against is that it never ends.
fn ends(what: impl FnOnce() + Send + 'static) {
    let (done, waiting) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        what();
        let _ = done.send(());
    });
    match waiting.recv_timeout(Duration::from_secs(30)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
        _ => thread.join().unwrap(),
    }
}

#[test]
fn p39_help_near_the_last_sequence_ends() {
    ends(|| {
        let mut bench = near_the_end(3);
        bench.ask(0, 1, 5, b"a");
        bench.run();
        let status = Status { active: true, wanting: true, ..Status::default() };
        for executed in [u64::MAX - 4, u64::MAX - 3, u64::MAX - 2, u64::MAX - 1, u64::MAX] {
            let executed = Sequence(executed);
            let message = Message::Status(Status { executed, stable: executed, ..status });
            let letter =
                bench.letter(Principal::Node(node(3)), quorate::Target::Node(node(2)), message);
            let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
            let verified = bench.roster.verify(&TestVerifier, letter.from, message).unwrap();
            bench.now += 1_000_000;
            bench.waken(2);
            let now = Instant::from_micros(bench.now);
            let outputs = bench.hosts[2].replica.step(now, Input::Message(verified));
            assert!(outputs.take(1_000).count() < 1_000, "after {}", executed.0);
        }
    });
}

#[test]
fn p39_traitor_at_the_last_sequences_makes_nobody_panic_or_disagree() {
    ends(|| {
        let mut bench = near_the_end(3);
        for (sequence, client) in [(u64::MAX, 0), (u64::MAX - 1, 1), (u64::MAX - 2, 2)] {
            let (batch, _) = bench.one((0, sequence), client, 5, b"a");
            for to in 1..4 {
                bench.tell(to, 0, bench.proposal(0, sequence, &batch));
            }
            bench.run_where(|from, to, _| from != 0 && to != 0);
        }
        for client in 0..4 {
            (1..4).for_each(|to| bench.ask(to, client, 6, b"b"));
        }
        bench.pass_where(10_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
        for id in 1..4 {
            assert_eq!(bench.hosts[id].history, bench.hosts[1].history, "replica {id}");
            let mut last = 0;
            for (sequence, ..) in &bench.hosts[id].history {
                assert!(*sequence > last, "sequences rise");
                last = *sequence;
            }
        }
    });
}

#[test]
fn p39_last_view_is_left_for_no_other() {
    let mut bench = Bench::<4>::new();
    let start = [&0u64.to_le_bytes()[..], &Digest::ZERO.0].concat();
    for from in [0, 1] {
        let change = ViewChange {
            author: NodeId(from),
            view: View(u64::MAX),
            stable: Sequence(0),
            checkpoints: Pairs::from_bytes(&start),
            histories: Histories::from_bytes(&[]),
            signature: Signature::ZERO,
        };
        bench.tell(2, from.into(), Message::ViewChange(change));
    }
    assert_eq!(bench.view(2), (u64::MAX, false));
    bench.pass_where(5_000, &[2], |_, _, _| false);
    assert_eq!(bench.view(2), (u64::MAX, false));
    assert!(bench.hosts[2].refusals.contains(&Refusal::Exhausted));
}

#[test]
fn p39_one_that_cannot_leave_the_last_view_says_so_without_being_woken_for_ever() {
    for entered in [false, true] {
        let mut bench = Bench::<4>::new();
        let last = u64::MAX;
        let changes = [0, 1, 3].map(|from| change(from, last, &[]));
        for change in changes.iter().take(if entered { 3 } else { 2 }) {
            bench.show(2, *change);
        }
        if entered {
            bench.install(2, new_view(4, last, &names(&changes), &[]));
            bench.ask(2, 1, 5, b"a");
        }
        assert_eq!(bench.view(2), (last, entered));
        let mut wakes = 0;
        for _ in 0..5 {
            bench.now += 1_000_000;
            let now = Instant::from_micros(bench.now);
            while bench.hosts[2].replica.deadline().is_some_and(|due| due <= now) {
                bench.wake(2);
                wakes += 1;
                assert!(wakes < 100, "it is woken for ever");
            }
        }
        assert!(bench.hosts[2].refusals.contains(&Refusal::Exhausted));
        assert_eq!(bench.view(2), (last, entered));
    }
}

/// One request committed at replica 2, which has been told to execute it.
fn executing() -> Bench<4> {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    bench.hear(2, 0, bench.proposal(0, 1, &batch));
    bench.hear(2, 1, Message::Prepare(vote));
    bench.hear(2, 0, Message::Commit(vote));
    assert!(bench.hear(2, 1, Message::Commit(vote)).iter().any(Wanted::is_execute));
    bench
}

#[test]
fn reply_of_the_longest_length_is_sent_and_a_longer_one_becomes_reply_too_long() {
    for (length, outcome) in
        [(0, Outcome::Executed), (REPLY, Outcome::Executed), (REPLY + 1, Outcome::ReplyTooLong)]
    {
        let mut bench = executing();
        let reply = vec![7; length];
        let kept = if length <= REPLY { &reply[..] } else { &[] };
        let (view, client, timestamp) = (View(0), ClientId(1), 5);
        let expected = Reply { view, client, timestamp, outcome, reply: wire::Bytes(kept) };
        let wanted = bench.answer(2, 1, &reply);
        assert_eq!(wanted.len(), 1);
        assert_eq!(wanted[0].message(), Some(Message::Reply(expected)));
        let request = Message::Request(bench.request(1, 5, b"a"));
        let again = bench.hear_from(2, Principal::Client(client), request);
        assert_eq!(again[0].message(), Some(Message::Reply(expected)));
    }
}

/// What happens to replica 2, step by step, with outputs of every kind.
fn happen(bench: &Bench<4>, at: usize) -> Option<(u64, Letter)> {
    let (one, vote) = bench.one((0, 1), 1, 5, b"a");
    let (two, vote_2) = bench.one((0, 2), 1, 6, b"b");
    let status = Status { active: true, wanting: true, ..Status::default() };
    let off = Message::Checkpoint { sequence: Sequence(3), digest: digest(b"any") };
    let story = [
        (0, 0, bench.proposal(0, 1, &one)),
        (0, 0, bench.proposal(0, 2, &two)),
        (0, 1, Message::Prepare(vote)),
        (0, 1, Message::Prepare(vote_2)),
        (0, 0, Message::Commit(vote)),
        (0, 1, Message::Commit(vote)),
        (0, 3, off),
        (0, 3, Message::Status(status)),
        (60_000, 1, Message::Status(status)),
        (60_000, 3, off),
        (2_000_000, 0, Message::Commit(vote_2)),
    ];
    let (now, from, message) = *story.get(at)?;
    let from = Principal::Node(node(from));
    Some((now, bench.letter(from, quorate::Target::Node(node(2)), message)))
}

#[test]
fn undrained_outputs_are_not_lost_and_the_early_input_is_not_consumed() {
    for taken in 0..12 {
        let (mut calm, mut hasty) = (Bench::<4>::new(), Bench::<4>::new());
        for at in 0.. {
            let Some((now, letter)) = happen(&calm, at) else { break };
            let message = || wire::decode::<Message<'_>>(&letter.bytes).unwrap();
            let verified = |bench: &Bench<4>| {
                bench.roster.verify(&TestVerifier, letter.from, message()).unwrap()
            };
            let inputs = [Input::Wake, Input::Message(verified(&calm))];
            for input in inputs {
                (calm.now, hasty.now) = (now, now);
                let whole = calm.dry(2, input);
                let time = Instant::from_micros(now);
                let replica = &mut hasty.hosts[2].replica;
                let mut parts: Vec<Wanted> =
                    replica.step(time, input).take(taken).map(Wanted::of).collect();
                if parts.len() < whole.len() {
                    for _ in 0..3 {
                        let early = replica.step(time, Input::Wake).map(Wanted::of).next();
                        assert_eq!(early, Some(Wanted::Refuse(Refusal::Undrained)));
                    }
                    let mut rest = replica.step(time, input).map(Wanted::of);
                    assert_eq!(rest.next(), Some(Wanted::Refuse(Refusal::Undrained)));
                    parts.extend(rest);
                }
                assert_eq!(parts, whole, "{taken} taken at {at}");
                // Outputs that end a range are only known to be the last when one asks for more.
                let _ = replica.step(time, Input::Wake).count();
                let _ = calm.hosts[2].replica.step(time, Input::Wake).count();
            }
            assert!(calm.picture(2) == hasty.picture(2), "{taken} taken at {at}");
        }
        assert_eq!(calm.view(2), (1, false), "the story ends with a view change");
    }
}

#[test]
fn f10_clock_that_goes_back_jumps_or_stands_breaks_neither_safety_nor_the_replica() {
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut bench = Bench::<4>::new();
        let mut executed: Vec<Vec<u8>> = Vec::new();
        for t in 1..=30 {
            bench.now = match dice.below(6) {
                0 => 0,
                1 => u64::MAX - dice.next() % 1_000,
                2 => dice.next(),
                3 => u64::from(u32::MAX),
                _ => bench.now / 2,
            };
            if seed % 2 == 0 {
                // Without the far end of time, after which every timer is due.
                bench.now %= 10_000_000;
            }
            for to in 0..4 {
                bench.ask(to, (t % 4) as u16, t, &[t as u8]);
                bench.wake(to);
            }
            bench.run();
            let longest = (0..4).map(|id| bench.operations(id)).max_by_key(Vec::len).unwrap();
            for id in 0..4 {
                assert!(longest.starts_with(&bench.operations(id)), "seed {seed}");
            }
            assert!(longest.starts_with(&executed), "seed {seed}");
            executed = longest;
        }
        let distinct: std::collections::BTreeSet<_> = executed.iter().collect();
        assert_eq!(distinct.len(), executed.len(), "seed {seed}: each at most once");
    }
}

#[test]
fn f10_time_that_goes_back_is_as_if_it_stood() {
    let (mut still, mut back) = (Bench::<4>::new(), Bench::<4>::new());
    for bench in [&mut still, &mut back] {
        bench.now = 5_000_000;
        bench.ask(2, 1, 5, b"a");
        bench.waken(2);
    }
    back.now = 10;
    for bench in [&mut still, &mut back] {
        let (batch, vote) = bench.one((0, 1), 2, 5, b"b");
        bench.hear(2, 0, bench.proposal(0, 1, &batch));
        bench.hear(2, 1, Message::Prepare(vote));
        bench.waken(2);
    }
    assert!(still.picture(2) == back.picture(2), "time went back");
}

/// A message such as a traitor or a correct peer could send, of small and of far numbers.
fn any_message<'a>(bench: &Bench<4>, dice: &mut Dice, bytes: &'a mut Vec<u8>) -> Message<'a> {
    let view = View([0, 0, 0, 1, 1, 2, 3, u64::MAX][dice.below(8)]);
    let number = [dice.next() % 9, dice.next() % 20, 4 * (dice.next() % 5), u64::MAX];
    let sequence = Sequence(number[dice.below(4)]);
    let (client, t) = (dice.below(4) as u16, dice.next() % 12 + 1);
    let request = bench.request(client, t, b"op");
    *bytes = bench.batch(&[request]);
    let all: &'a [u8] = bytes;
    let batch = Batch::from_bytes(all);
    let digest = [batch.digest(), Batch::null_digest(), digest(b"any")][dice.below(3)];
    let vote = Vote { view, sequence, digest };
    let (active, wanting) = (dice.below(2) == 0, dice.below(2) == 0);
    let status = Status { view, active, stable: sequence, executed: sequence, wanting };
    let author = node(dice.below(4));
    match dice.below(18) {
        0 | 1 => Message::Request(batch.iter().next().unwrap()),
        2 | 3 => Message::PrePrepare { view, sequence, batch },
        4 | 5 => Message::Prepare(vote),
        6 | 7 => Message::Commit(vote),
        8 => Message::Checkpoint { sequence, digest },
        9 => Message::Status(status),
        10 => Message::FetchBatch { sequence, digest },
        11 => Message::Batch { sequence, batch },
        12 => Message::FetchViewChange { author, digest },
        13 => Message::FetchState { sequence, place: Place::ROOTS },
        14 => Message::Recover { nonce: sequence.0, lost: true, until: sequence },
        15 => Message::Estimate {
            nonce: sequence.0,
            stable: sequence,
            prepared: sequence,
            view,
            heard: true,
        },
        16 => Message::Settled { sequence, digest },
        _ => Message::busy(ClientId(dice.below(4) as u16), dice.next(), Duration::ZERO),
    }
}

#[test]
fn step_emits_no_more_than_the_published_bound_whatever_it_is_given() {
    let bound = Storage::dimensions(&Memory::<4>::new()).outputs_per_step();
    let mut most = 0;
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut bench = Bench::<4>::new();
        for _ in 0..600 {
            bench.now += dice.next() % 40_000;
            let id = dice.below(4);
            let from = Principal::Node(node(dice.below(4)));
            let mut bytes = Vec::new();
            let message = any_message(&bench, &mut dice, &mut bytes);
            let letter = bench.letter(from, quorate::Target::Node(node(id)), message);
            let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
            let client = ClientId(dice.below(6) as u16);
            let sequence = Sequence(4 * (dice.next() % 4));
            let input = match dice.below(8) {
                0 => Input::Wake,
                1 => Input::Command(Command::Executed { client, reply: &[0; 80] }),
                2 => Input::Command(Command::Captured { sequence, state: digest(b"state") }),
                _ => match bench.roster.verify(&TestVerifier, letter.from, message) {
                    Ok(verified) => Input::Message(verified),
                    Err(_) => continue,
                },
            };
            let wanted = bench.dry(id, input);
            most = most.max(wanted.len());
            assert!(wanted.len() <= bound, "seed {seed}: {wanted:?}");
        }
    }
    assert!(most > 2, "the inputs do something: {most}");
}

#[test]
fn longest_answers_stay_below_the_published_bound() {
    let bound = Storage::dimensions(&Memory::<4>::new()).outputs_per_step();
    let mut bench = Bench::<4>::new();
    for id in 1..4 {
        bench.ask(id, 3, 5, b"never proposed");
    }
    bench.mail.clear();
    bench.pass_where(1_500, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    assert_eq!(bench.view(1), (1, true));
    for t in 1..=8 {
        bench.ask(1, 1, t, &[0; 900]);
        bench.run_where(|_, _, message| !matches!(message, Message::Checkpoint { .. }));
    }
    // The whole window again: NEW-VIEW, checkpoints, and for each sequence proposal and COMMIT.
    bench.now += 60_000;
    bench.waken(1);
    let status = Status { active: true, wanting: true, ..Status::default() };
    let wanted = bench.hear(1, 0, Message::Status(status));
    assert!((17..=bound).contains(&wanted.len()), "{}", wanted.len());
}

#[test]
fn command_that_the_host_may_not_give_is_refused_and_changes_nothing() {
    let mut bench = executing();
    let before = bench.picture(2);
    for client in [0, 2, 3, 4, u16::MAX] {
        let refusal = Refusal::NotExecuting { client: ClientId(client) };
        assert_eq!(bench.answer(2, client, b"r"), [Wanted::Refuse(refusal)]);
    }
    assert!(before == bench.picture(2), "a refused command changed the state");
    let wanted = bench.hear(
        2,
        3,
        Message::Reply(Reply {
            view: View(0),
            client: ClientId(1),
            timestamp: 5,
            outcome: Outcome::Executed,
            reply: wire::Bytes(b"lie"),
        }),
    );
    assert_eq!(wanted, [Wanted::Accuse(3, Fault::NotAllowed)]);
    assert!(before == bench.picture(2), "a peer's reply changed the state");
}
