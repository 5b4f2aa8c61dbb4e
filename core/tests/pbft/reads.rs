//! Fast reads (PROTOCOLS, point 10), at the replica and in whole clusters: one test for each rule.

use crate::bench::*;
use crate::client::{Act, MS, reply_of};
use crate::reader::{OPERATION, answer, asked, done, ordered, reader};
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{
    ClientId, Digest, Fault, Input, Principal, Refusal, Signature, Signer, Target, wire,
};

/// A cluster with fast reads in which one request was executed.
fn written() -> Bench<4> {
    let mut bench = Bench::<4>::fast();
    bench.ask(0, 1, 5, b"write");
    bench.run();
    bench
}

/// The answers that the clients have, decoded: replica, state, answer.
fn answers(bench: &Bench<4>) -> Vec<(usize, u64, Option<Vec<u8>>)> {
    let answers = bench.answers.iter().map(|(from, bytes)| {
        let Ok(Message::ReadReply(reply)) = wire::decode(bytes) else { panic!("no answer") };
        (*from, reply.state.0, reply.answer.map(|answer| answer.0.to_vec()))
    });
    answers.collect()
}

fn client(id: u16) -> Principal {
    Principal::Client(ClientId(id))
}

#[test]
fn a_replica_answers_from_the_state_that_it_names() {
    let mut bench = written();
    let state = bench.hosts[0].state.0[..8].to_vec();
    for id in 0..4 {
        assert!(bench.give(id, client(2), Message::Read(bench.read(2, 7, OPERATION))));
    }
    let expected: Vec<_> = (0..4).map(|id| (id, 1, Some(state.clone()))).collect();
    assert_eq!(answers(&bench), expected);
    let Ok(Message::ReadReply(reply)) = wire::decode(&bench.answers[0].1) else { panic!() };
    assert_eq!(reply.operation, Digest::of(OPERATION));
    assert_eq!((reply.client, reply.number, reply.view), (ClientId(2), 7, View(0)));
    assert_eq!(bench.count_sent(|message| matches!(message, Message::PrePrepare { .. })), 3);
}

#[test]
fn a_read_leaves_no_trace_but_its_own_place() {
    let mut bench = written();
    bench.pass(500);
    let deadline = |bench: &Bench<4>| quorate::Protocol::deadline(&*bench.hosts[2].replica);
    let (before, records) = (deadline(&bench), bench.hosts[2].records.len());
    let place = bench.picture(2).len();
    for number in 1..10_000 {
        bench.give(2, client(2), Message::Read(bench.read(2, number, OPERATION)));
    }
    assert_eq!(bench.answers.len(), 9_999);
    assert_eq!((deadline(&bench), bench.hosts[2].records.len()), (before, records));
    assert!(bench.picture(2).len() < place + 400, "a read grew the state");
    assert_eq!(bench.hosts[2].accusations, []);
}

#[test]
fn the_host_has_one_read_of_a_client_at_a_time() {
    let mut bench = written();
    let read = |bench: &mut Bench<4>, of: u16, number| {
        let message = Message::Read(bench.read(of, number, OPERATION));
        bench.hear_from(2, client(of), message)
    };
    assert_eq!(read(&mut bench, 2, 1), [Wanted::Read(2, 1)]);
    let before = bench.picture(2);
    for number in 1..1_000 {
        assert_eq!(read(&mut bench, 2, number), [], "the first one is not answered");
        assert!(!bench.give(2, client(2), Message::Read(bench.read(2, number, OPERATION))));
    }
    assert!(before == bench.picture(2));
    assert_eq!(read(&mut bench, 3, 1), [Wanted::Read(3, 1)], "another client's does not wait");
    let command = |client| Command::Answered { client: ClientId(client), answer: Some(b"yes") };
    let said = bench.dry(2, Input::Command(command(2)));
    let Some(Message::ReadReply(reply)) = said[0].message() else { panic!("{said:?}") };
    assert_eq!((reply.number, reply.answer), (1, Some(wire::Bytes(b"yes"))));
    for of in [0, 1, 2, 4, u16::MAX] {
        let refusal = Refusal::NotReading { client: ClientId(of) };
        assert_eq!(bench.dry(2, Input::Command(command(of))), [Wanted::Refuse(refusal)]);
    }
    assert_eq!(read(&mut bench, 2, 2), [Wanted::Read(2, 1)]);
}

#[test]
fn an_answer_that_is_too_long_or_not_to_be_had_is_none() {
    let mut bench = written();
    for (answer, told) in
        [(Some(REPLY), Some(REPLY)), (Some(REPLY + 1), None), (None, None), (Some(0), Some(0))]
    {
        let message = Message::Read(bench.read(2, 1, OPERATION));
        assert_eq!(bench.hear_from(2, client(2), message), [Wanted::Read(2, 1)]);
        let answer = answer.map(|length| vec![7; length]);
        let (client, answer) = (ClientId(2), answer.as_deref());
        let said = bench.dry(2, Input::Command(Command::Answered { client, answer }));
        let Some(Message::ReadReply(reply)) = said[0].message() else { panic!("{said:?}") };
        assert_eq!(reply.answer.map(|answer| answer.0.len()), told);
    }
}

#[test]
fn no_read_is_answered_in_the_middle_of_a_batch() {
    let mut bench = Bench::<4>::fast();
    let (first, second) = (bench.request(1, 5, b"a"), bench.request(3, 5, b"b"));
    let batch = bench.batch(&[first, second]);
    let digest = Batch::from_bytes(&batch).digest();
    let vote = Vote { view: View(0), sequence: Sequence(1), digest };
    bench.hear(2, 0, bench.proposal(0, 1, &batch));
    bench.hear(2, 1, Message::Prepare(vote));
    bench.hear(2, 0, Message::Commit(vote));
    assert!(bench.hear(2, 1, Message::Commit(vote)).iter().any(Wanted::is_execute));
    let read = |bench: &mut Bench<4>| {
        let message = Message::Read(bench.read(2, 1, OPERATION));
        bench.hear_from(2, client(2), message)
    };
    assert_eq!(read(&mut bench), []);
    bench.answer(2, 1, b"r");
    assert_eq!(read(&mut bench), [], "one request of the batch is answered, the other is not");
    bench.answer(2, 3, b"r");
    assert_eq!(read(&mut bench), [Wanted::Read(2, 1)]);
}

#[test]
fn a_forged_or_foreign_read_changes_nothing() {
    let mut bench = written();
    let before = bench.picture(2);
    let good = bench.read(1, 1, OPERATION);
    let request = bench.request(1, 1, OPERATION);
    let by = |of: u16, digest: &Digest| TestSigner(client(of)).sign(digest);
    let elsewhere = quorate::auth::Scope { epoch: 1, ..scope() };
    let forged = [
        Read { signature: Signature::ZERO, ..good },
        Read { number: 2, ..good },
        Read { operation: wire::Bytes(b"oq"), ..good },
        Read { signature: by(2, &good.digest(&scope())), ..good },
        Read { signature: request.signature, ..good },
        Read { signature: by(1, &good.digest(&elsewhere)), ..good },
    ];
    for read in forged {
        let letter = unsigned(&bench, client(1), Message::Read(read));
        assert!(!bench.deliver(2, &letter), "{read:?}");
    }
    // The signature of a read does not make a request.
    let request = Request { signature: good.signature, ..request };
    assert!(!bench.deliver(2, &unsigned(&bench, client(1), Message::Request(request))));
    // Somebody else's, a replica's word for a client, and what does not fit.
    let stranger = unsigned(&bench, client(2), Message::Read(good));
    assert!(!bench.deliver(2, &stranger));
    assert!(!bench.tell(2, 3, Message::Read(good)));
    assert_eq!(bench.hosts[2].accusations, [(3, Fault::NotAllowed)]);
    assert!(!bench.give(2, client(1), Message::Read(bench.read(1, 0, OPERATION))));
    let long = vec![0; 1024 - Request::OVERHEAD + 1];
    assert!(!bench.give(2, client(1), Message::Read(bench.read(1, 1, &long))));
    assert!(!bench.give(2, client(1), Message::ReadReply(answer(1, 1, None))));
    assert_eq!(bench.hear(2, 3, Message::Read(good)), [Wanted::Accuse(3, Fault::NotAllowed)]);
    let reply = Message::ReadReply(answer(1, 1, None));
    assert_eq!(bench.hear(2, 3, reply), [Wanted::Accuse(3, Fault::NotAllowed)]);
    assert!(before == bench.picture(2));
    assert!(bench.give(2, client(1), Message::Read(bench.read(1, 1, &long[1..]))));
}

/// A message as it is, with whatever signature it has.
fn unsigned(_: &Bench<4>, from: Principal, message: Message<'_>) -> Letter {
    let mut buffer = vec![0; 1 << 12];
    let bytes = wire::encode(&message, &mut buffer).unwrap().to_vec();
    Letter { from, to: Target::All, bytes }
}

#[test]
fn a_replayed_read_is_answered_again_and_that_is_all() {
    let mut bench = written();
    let letter = bench.letter(client(2), Target::All, Message::Read(bench.read(2, 1, OPERATION)));
    bench.deliver(2, &letter);
    bench.ask(0, 1, 6, b"more");
    bench.run();
    bench.deliver(2, &letter);
    let states: Vec<u64> = answers(&bench).into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, [1, 2], "from the state of the moment, under the old number");
    assert_eq!(bench.operations(2), [b"write".to_vec(), b"more".to_vec()]);
}

#[test]
fn a_cluster_without_fast_reads_answers_none() {
    let mut bench = Bench::<4>::new();
    let read = Message::Read(bench.read(2, 1, OPERATION));
    assert!(!bench.give(2, client(2), read));
    assert_eq!(bench.hear_from(2, client(2), read), []);
    assert_eq!(bench.answers, []);
}

#[test]
fn cluster_id_tells_whether_reads_are_fast() {
    let sizes = Dimensions { nodes: 4, window: 8, batch_bytes: 99, clients: 1, reply_bytes: 1 };
    let of = |fast_reads| sizes.cluster_id(b"name", &[], &[], Switches { fast_reads });
    assert_ne!(of(false), of(true));
}

/// A cluster with fast reads whose replica 3 heard nothing while its window passed, and which
/// then came to the others' state by a transfer.
fn jumped() -> Bench<4> {
    let mut bench = Bench::<4>::fast();
    for t in 1..=12 {
        bench.ask(0, 1, t, &[t as u8]);
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench.pass_where(1_000, &[0, 1, 2, 3], |_, _, _| true);
    assert_eq!(bench.hosts[3].installs, [12], "it skipped what it did not hear");
    assert_eq!(bench.operations(3), Vec::<Vec<u8>>::new());
    bench
}

/// Berger, Reiser, Bessani (SRDS 2021): the client needs strong replies, f replicas are silent,
/// and one of the others skipped the request. It answers from the client table that came with
/// the state.
#[test]
fn srds_2021_a_replica_that_skipped_a_request_by_state_transfer_answers_it() {
    let mut bench = jumped();
    let mut desk = reader(4);
    assert_eq!(desk.submit(OPERATION, 12), ordered(12));
    bench.replies.clear();
    desk.now = 100 * MS;
    let again = desk.step(Input::Wake);
    assert_eq!(again, [Act::Ask(Target::All, 12, OPERATION.to_vec())]);
    // Replica 0 is silent; 1 and 2 executed the request, 3 did not.
    (1..4).for_each(|to| bench.ask(to, 1, 12, &[12]));
    let replies = std::mem::take(&mut bench.replies);
    assert_eq!(replies.iter().map(|(from, ..)| *from).collect::<Vec<_>>(), [1, 2, 3]);
    let mut ends = Vec::new();
    for (from, _, timestamp, outcome, reply) in &replies {
        ends.extend(desk.hear(*from, reply_of(0, *timestamp, *outcome, reply)));
    }
    assert_eq!(ends, done(&replies[0].4));
}

#[test]
fn a_replica_that_jumped_answers_reads_from_the_state_that_it_came_to() {
    let mut bench = jumped();
    (1..4).for_each(|id| {
        bench.give(id, client(2), Message::Read(bench.read(2, 1, OPERATION)));
    });
    let state = bench.hosts[1].state.0[..8].to_vec();
    let expected: Vec<_> = (1..4).map(|id| (id, 12, Some(state.clone()))).collect();
    assert_eq!(answers(&bench), expected);
}

#[test]
fn a_replica_that_fetches_a_state_answers_no_read() {
    let mut bench = Bench::<4>::fast();
    for t in 1..=12 {
        bench.ask(0, 1, t, &[t as u8]);
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    let awake = [0, 1, 2, 3];
    bench.pass_where(1_000, &awake, |_, _, message| !matches!(message, Message::State { .. }));
    assert!(bench.hosts[3].replica.status().wanting);
    let read = Message::Read(bench.read(2, 1, OPERATION));
    assert!(!bench.give(3, client(2), read), "not worth its verification");
    assert_eq!(bench.hear_from(3, client(2), read), []);
}

#[test]
fn a_replica_whose_state_is_wrong_answers_no_read_until_it_is_repaired() {
    let mut bench = Bench::<4>::fast();
    bench.ask(0, 1, 1, b"a");
    bench.run();
    bench.hosts[3].state = Digest::of(b"a bit was flipped");
    // The others' checkpoint at 4 contradicts replica 3, which is at 6 by then.
    let checkpoint = |message: &Message<'_>| matches!(message, Message::Checkpoint { .. });
    for t in 2..=6 {
        bench.ask(0, 1, t, &[t as u8]);
        bench.run_where(|_, to, message| to != 3 || !checkpoint(message));
    }
    assert_eq!(bench.hosts[3].replica.status().executed.0, 6);
    let read = Message::Read(bench.read(2, 1, OPERATION));
    assert_eq!(bench.hear_from(3, client(2), read), [Wanted::Read(2, 6)]);
    let vote = |bench: &Bench<4>, id: usize| {
        let sent = bench.sent.iter().find(|letter| {
            let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
            letter.from == Principal::Node(node(id)) && checkpoint(&message)
        });
        sent.unwrap().clone()
    };
    for id in 0..3 {
        let letter = vote(&bench, id);
        bench.deliver(3, &letter);
    }
    assert!(bench.hosts[3].replica.is_diverged());
    // What the host was asked before is of the wrong state.
    let late = Command::Answered { client: ClientId(2), answer: Some(b"wrong") };
    let refusal = Refusal::NotReading { client: ClientId(2) };
    assert_eq!(bench.dry(3, Input::Command(late)), [Wanted::Refuse(refusal)]);
    assert_eq!(bench.hear_from(3, client(2), read), []);
    bench.pass(1_000);
    assert_eq!(
        (&bench.hosts[3].installs[..], bench.hosts[3].replica.is_diverged()),
        (&[4][..], false)
    );
    assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
    assert_eq!(bench.hear_from(3, client(2), read), [Wanted::Read(2, 6)]);
}

#[test]
fn a_restarted_replica_answers_no_read_from_a_state_older_than_it_may_have_shown() {
    let mut bench = Bench::<4>::fast();
    for t in 1..=6 {
        bench.ask(0, 1, t, &[t as u8]);
        bench.run();
    }
    bench.restart(3);
    assert_eq!(bench.hosts[3].replica.status().executed.0, 4, "the checkpoint");
    let read = Message::Read(bench.read(2, 1, OPERATION));
    assert_eq!(bench.hear_from(3, client(2), read), []);
    bench.pass(1_000);
    assert_eq!(bench.hosts[3].replica.status().executed.0, 6);
    assert_eq!(bench.hear_from(3, client(2), read), [Wanted::Read(2, 6)]);
}

/// A state that was installed has no batch in the log that tells how far it was; the word of its
/// owner for the checkpoint does. Here the checkpoint itself is gone from the disk.
#[test]
fn a_checkpoint_that_was_vouched_for_bounds_the_reads_after_a_restart() {
    let config = Config { switches: Switches { fast_reads: true }, ..Bench::<4>::config(3) };
    let record = Record::Checkpoint { sequence: Sequence(4), digest: digest(b"state") };
    let (memory, now) = (Memory::<4>::new(), quorate::Instant::ZERO);
    let mut bench = Bench::<4>::fast();
    let read = Message::Read(bench.read(2, 1, OPERATION));
    assert_eq!(bench.hear_from(3, client(2), read), [Wanted::Read(2, 0)]);
    *bench.hosts[3].replica = Replica::recover(config, memory, now, None, [record]).unwrap();
    assert_eq!(bench.hear_from(3, client(2), read), []);
}

/// The whole way: a client that reads, with the real messages, among liars and laggards.
#[test]
fn whole_cluster_answers_a_read_and_then_an_ordered_one() {
    let mut bench = written();
    let mut desk = reader(4);
    assert_eq!(desk.read(), [asked(1)]);
    (0..3).for_each(|id| {
        bench.give(id, client(1), Message::Read(bench.read(1, 1, OPERATION)));
    });
    let mut ends = Vec::new();
    for (from, bytes) in std::mem::take(&mut bench.answers) {
        ends.extend(desk.hear(from, wire::decode(&bytes).unwrap()));
    }
    assert_eq!(ends, done(&bench.hosts[0].state.0[..8]));
    // Replica 2 lags behind: three answers, two states, and the fourth replica is silent.
    bench.ask(0, 0, 9, b"more");
    bench.run_where(|_, to, message| to != 2 || !matches!(message, Message::Commit(_)));
    assert_eq!(desk.read(), [Act::Read(Target::All, 2, OPERATION.to_vec())]);
    (0..3).for_each(|id| {
        bench.give(id, client(1), Message::Read(bench.read(1, 2, OPERATION)));
    });
    for (from, bytes) in std::mem::take(&mut bench.answers) {
        assert_eq!(desk.hear(from, wire::decode(&bytes).unwrap()), []);
    }
    desk.now += 100 * MS;
    assert_eq!(desk.step(Input::Wake), ordered(2));
}
