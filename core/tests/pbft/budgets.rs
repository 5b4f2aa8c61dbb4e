//! What a principal may cost, and what a replica says when it has no room (overload: E-14, S-10,
//! P-36, P-37, F-21).

use crate::bench::*;
use crate::wanted::*;
use core::time::Duration;
use quorate::pbft::*;
use quorate::{ClientId, Fault, Input, Instant, NodeId, Output, Principal, Protocol, Quorum};
use quorate::{Signature, Target, wire};

/// Units that one client of the bench may owe, and one replica.
const CLIENT_BUDGET: usize = 8;
const REPLICA_BUDGET: usize = 2 * WINDOW * 64 + CLIENTS;

fn client(id: u16) -> Principal {
    Principal::Client(ClientId(id))
}

impl<const N: usize> Bench<N> {
    /// What the wall of a replica says of a message of somebody, as it is.
    fn wall(&mut self, to: usize, from: Principal, message: &Message<'_>) -> Admission {
        let now = Instant::from_micros(self.now);
        self.hosts[to].replica.admit(now, from, message)
    }

    /// How many of `count` forged requests of a client, sent by `from`, are verified.
    fn forge(&mut self, to: usize, from: Principal, of: u16, count: u64) -> usize {
        let mut verified = 0;
        for t in 0..count {
            let request = self.request(of, 1000 + t, b"x");
            let forged = Message::Request(Request { signature: Signature::ZERO, ..request });
            if self.wall(to, from, &forged) == Admission::Verify {
                assert!(self.roster.verify(&TestVerifier, from, forged).is_err());
                verified += 1;
            }
        }
        verified
    }
}

#[test]
fn e14_client_with_bad_signatures_is_throttled_and_others_are_served() {
    let mut bench = Bench::<4>::new();
    assert_eq!(bench.forge(0, client(1), 1, 10_000), CLIENT_BUDGET);
    let more = Message::Request(bench.request(1, 5, b"x"));
    let later = bench.wall(0, client(1), &more);
    assert!(matches!(later, Admission::Later { after } if after > Duration::ZERO), "{later:?}");
    // One each 50 ms, then 100 ms, 200 ms: ten seconds of it cost a few.
    let mut verified = 0;
    for _ in 0..10_000 {
        bench.now += 1_000;
        verified += bench.forge(0, client(1), 1, 10);
    }
    assert!((3..12).contains(&verified), "{verified} verifications in ten seconds");
    for t in 1..=20 {
        bench.ask(0, 2, t, b"served");
        bench.run();
    }
    assert_eq!(bench.operations(0).len(), 20);
    assert_eq!(bench.operations(3).len(), 20);
    // When it behaves, it is served again.
    bench.pass(600_000);
    bench.ask(0, 1, 5, b"again");
    bench.run();
    assert_eq!(bench.operations(0).len(), 21);
}

#[test]
fn client_with_good_signatures_meets_no_limit_however_fast_it_is() {
    let mut bench = Bench::<4>::new();
    for t in 1..=2_000 {
        let request = Message::Request(bench.request(1, t, b"x"));
        for _ in 0..3 {
            assert!(bench.give(0, client(1), request), "request {t}, with no time in between");
        }
        bench.run();
    }
    assert_eq!(bench.operations(2).len(), 2_000);
    // Nor if all of its repetitions are under way to the verifiers at once.
    let request = Message::Request(bench.request(1, 3_000, b"x"));
    for _ in 0..CLIENT_BUDGET {
        assert_eq!(bench.wall(1, client(1), &request), Admission::Verify);
    }
}

#[test]
fn replica_that_forwards_bad_signatures_spends_its_own_budget_and_nobody_elses() {
    let mut bench = Bench::<4>::new();
    let three = Principal::Node(NodeId(3));
    assert_eq!(bench.forge(0, three, 1, 20_000), REPLICA_BUDGET);
    // S-10: the same, needed, from others; the client itself pays nothing for its namesake.
    let request = Message::Request(bench.request(1, 5, b"x"));
    assert!(!bench.tell(0, 3, request), "it has nothing left");
    assert!(bench.tell(0, 2, request), "another may forward it");
    let request = Message::Request(bench.request(2, 5, b"y"));
    assert!(bench.give(0, client(2), request));
    bench.run();
    assert_eq!(bench.operations(1).len(), 2);
    // What costs no signature costs no budget: its votes count as ever.
    let vote = Vote { view: View(0), sequence: Sequence(3), digest: digest(b"any") };
    for message in [Message::Prepare(vote), Message::Commit(vote)] {
        assert_eq!(bench.wall(0, three, &message), Admission::Verify);
    }
}

#[test]
fn primary_at_full_load_meets_no_limit() {
    let mut bench = Bench::<4>::new();
    let requests: Vec<_> = (0..CLIENTS as u16).map(|id| bench.request(id, 5, b"x")).collect();
    let batch = bench.batch(&requests);
    // Twice the window of batches, none of them stepped yet.
    for round in 0..2 * WINDOW as u64 {
        let proposal = bench.proposal(0, round % WINDOW as u64 + 1, &batch);
        let told = bench.wall(2, Principal::Node(NodeId(0)), &proposal);
        assert_eq!(told, Admission::Verify, "batch {round}");
    }
}

#[test]
fn forged_batches_cost_their_primary_every_signature_in_them() {
    let mut bench = Bench::<4>::new();
    let mut requests: Vec<_> = (0..CLIENTS as u16).map(|id| bench.request(id, 5, b"x")).collect();
    requests[3].signature = Signature::ZERO;
    let batch = bench.batch(&requests);
    let mut verified = 0;
    for _ in 0..1_000 {
        let proposal = bench.proposal(0, 1, &batch);
        let told = bench.wall(2, Principal::Node(NodeId(0)), &proposal);
        verified += usize::from(told == Admission::Verify);
    }
    assert_eq!(verified, REPLICA_BUDGET / CLIENTS);
}

#[test]
fn replica_without_room_says_so_to_the_client_and_to_nobody_else() {
    let mut bench = Bench::<4>::new();
    bench.ask(2, 0, 5, &[7; 900]);
    let before = bench.picture(2);
    let big = [8; 900];
    let request = Message::Request(bench.request(1, 5, &big));
    let wanted = bench.hear_from(2, client(1), request);
    let [Wanted::Send(Target::Client(ClientId(1)), bytes)] = &wanted[..] else {
        panic!("{wanted:?}")
    };
    let hint = Duration::from_millis(50);
    assert_eq!(wire::decode(bytes), Ok(Message::busy(ClientId(1), 5, hint)));
    assert_eq!(bench.hear(2, 3, request), [], "the primary's matter, when it was forwarded");
    assert!(before == bench.picture(2), "a request without room changed the state");
    bench.ask(2, 1, 5, b"small");
    assert!(bench.replies.is_empty());
}

#[test]
fn busy_from_a_replica_or_a_client_is_no_message_for_a_replica() {
    let mut bench = Bench::<4>::new();
    let busy = Message::busy(ClientId(1), 5, Duration::from_millis(50));
    assert_eq!(bench.hear(2, 3, busy), [Wanted::Accuse(3, Fault::NotAllowed)]);
    assert_eq!(bench.wall(2, client(1), &busy), Admission::Refused(Fault::NotAllowed));
}

/// A client with an operation under way, and what it wants.
struct Asker {
    client: Client<[u8; 64]>,
    now: u64,
}

const RETRY: u64 = 200;

impl Asker {
    fn new() -> Self {
        let config = ClientConfig {
            me: ClientId(1),
            quorum: Quorum::of(4).unwrap(),
            switches: Switches::default(),
            retry: Duration::from_millis(RETRY),
            give_up: Duration::from_secs(10),
        };
        let mut asker = Self { client: Client::new(config, [0; 64], [0; 64]), now: 0 };
        let submit = ClientCommand::Submit { operation: b"x", wall_micros: 7 };
        assert_eq!(asker.step(Input::Command(submit)), (1, None));
        asker
    }

    /// How often the request is sent, and how it ends.
    fn step(&mut self, input: Input<ClientCommand<'_>, Message<'_>>) -> (usize, Option<Failure>) {
        let (mut sent, mut failed) = (0, None);
        for output in self.client.step(Instant::from_micros(self.now * 1000), input) {
            match output {
                Output::Send { .. } => sent += 1,
                Output::Decide(ClientDecision::Failed(failure)) => failed = Some(failure),
                other => panic!("{other:?}"),
            }
        }
        (sent, failed)
    }

    fn hear(&mut self, from: u8, timestamp: u64, millis: u64) {
        let bench = Bench::<4>::new();
        let busy = Message::busy(ClientId(1), timestamp, Duration::from_millis(millis));
        let from = Principal::Node(NodeId(from));
        let verified = bench.roster.verify(&TestVerifier, from, busy).unwrap();
        assert_eq!(self.step(Input::Message(verified)), (0, None));
    }

    /// When it wants to be woken, in milliseconds.
    fn due(&self) -> u64 {
        self.client.deadline().unwrap().as_micros() / 1000
    }

    fn wake(&mut self, at: u64) -> (usize, Option<Failure>) {
        self.now = at;
        self.step(Input::Wake)
    }
}

#[test]
fn client_backs_off_as_weak_replicas_tell_it_and_asks_again() {
    let mut asker = Asker::new();
    assert_eq!(asker.due(), RETRY);
    asker.hear(0, 7, 900);
    asker.hear(0, 7, 900);
    assert_eq!(asker.due(), RETRY, "one replica, however often, is not enough");
    asker.hear(1, 6, 900);
    assert_eq!(asker.due(), RETRY, "nor is an answer to another request");
    asker.hear(2, 7, 700);
    assert_eq!(asker.due(), 700, "two are: the shorter wait of theirs");
    asker.hear(3, 7, 3_000);
    assert_eq!(asker.due(), 700);
    assert_eq!(asker.wake(700), (1, None));
    assert_eq!(asker.due(), 700 + 2 * RETRY, "nobody has said anything since");
}

#[test]
fn lying_hints_neither_hurry_a_client_nor_stop_it() {
    for (hint, wait) in [(0, RETRY / 4), (u64::MAX / 1000, 16 * RETRY)] {
        let mut asker = Asker::new();
        asker.hear(1, 7, hint);
        asker.hear(2, 7, hint);
        assert_eq!(asker.due(), wait, "within the client's own bounds");
    }
    // A liar that is joined by a correct replica cannot make it longer than that one says.
    let mut asker = Asker::new();
    asker.hear(1, 7, 1 << 40);
    asker.hear(2, 7, 300);
    assert_eq!(asker.due(), 300);
}

#[test]
fn operation_that_is_given_up_is_busy_if_weak_replicas_said_so_last() {
    let mut asker = Asker::new();
    asker.hear(1, 7, 9_999_999);
    asker.hear(2, 7, 9_999_999);
    let retry_after = Duration::from_millis(16 * RETRY);
    assert_eq!(asker.wake(3_200), (1, None), "the longest wait");
    assert_eq!(asker.wake(10_000), (0, Some(Failure::TimedOut)), "nobody said so since then");
    let mut asker = Asker::new();
    asker.now = 9_000;
    asker.hear(1, 7, 9_999_999);
    assert_eq!(asker.wake(9_001), (1, None), "one alone stops nothing");
    asker.hear(1, 7, 9_999_999);
    asker.hear(2, 7, 9_999_999);
    assert_eq!(asker.wake(10_000), (0, Some(Failure::Busy { retry_after })));
}

#[test]
fn p36_message_that_leaves_nothing_is_told_of_and_one_of_use_is_not() {
    let mut bench = Bench::<4>::new();
    let vote = |sequence, name: &[u8]| {
        let (view, digest) = (View(0), digest(name));
        Vote { view, sequence: Sequence(sequence), digest }
    };
    let at = |sequence| Message::Checkpoint { sequence: Sequence(sequence), digest: digest(b"x") };
    let far = WINDOW as u64 + 1;
    let cases = [
        (Message::Prepare(vote(1, b"x")), false),
        (Message::Prepare(vote(1, b"x")), true),
        (Message::Prepare(vote(1, b"y")), true),
        (Message::Prepare(vote(far, b"x")), true),
        (Message::Commit(vote(1, b"x")), false),
        (Message::Commit(vote(1, b"x")), true),
        (Message::Commit(vote(far, b"x")), true),
        (at(4), false),
        (at(4), true),
        (Message::Status(Status::default()), true),
        (Message::FetchState { sequence: Sequence(4), place: Place::ROOTS }, true),
    ];
    for (message, fruitless) in cases {
        bench.force(2, 3, message);
        assert_eq!(bench.hosts[2].replica.was_fruitless(), fruitless, "{message:?}");
    }
    bench.wake(2);
    assert!(!bench.hosts[2].replica.was_fruitless(), "time is nobody's message");
}
