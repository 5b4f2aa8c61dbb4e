//! The client (PROTOCOLS, point 10).

use crate::bench::*;
use quorate::pbft::*;
use quorate::{
    ClientId, Fault, Input, Instant, NodeId, Output, Principal, Protocol, Quorum, Refusal, Target,
    wire,
};
use std::time::Duration;

/// What a client wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// To whom, timestamp, operation.
    Ask(Target, u64, Vec<u8>),
    /// The same, to be answered without order.
    Read(Target, u64, Vec<u8>),
    Done(Vec<u8>),
    Failed(Failure),
    Accuse(usize, Fault),
    Refuse(Refusal),
}

pub struct Desk {
    pub client: Client<Vec<u8>>,
    pub now: u64,
}

pub const MS: u64 = 1_000;

impl Desk {
    pub fn new(nodes: usize) -> Self {
        Self::with(nodes, Switches::default())
    }

    pub fn with(nodes: usize, switches: Switches) -> Self {
        let config = ClientConfig {
            me: ClientId(1),
            quorum: Quorum::of(nodes).unwrap(),
            retry: Duration::from_millis(100),
            give_up: Duration::from_secs(10),
            switches,
        };
        Self { client: Client::new(config, vec![0; 16], vec![0; 8]), now: 0 }
    }

    pub fn step(&mut self, input: Input<ClientCommand<'_>, Message<'_>>) -> Vec<Act> {
        self.client.step(Instant::from_micros(self.now), input).map(act).collect()
    }

    pub fn submit(&mut self, operation: &[u8], wall_micros: u64) -> Vec<Act> {
        self.step(Input::Command(ClientCommand::Submit { operation, wall_micros }))
    }

    pub fn hear(&mut self, from: usize, message: Message<'_>) -> Vec<Act> {
        let bench = Bench::<10>::new();
        let from = Principal::Node(node(from));
        let letter = bench.letter(from, Target::Client(ClientId(1)), message);
        let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
        let verified = bench.roster.verify(&TestVerifier, from, message).unwrap();
        self.step(Input::Message(verified))
    }

    /// A reply in view 0 to the client's request `timestamp`.
    pub fn reply(&mut self, from: usize, timestamp: u64, reply: &[u8]) -> Vec<Act> {
        self.hear(from, reply_of(0, timestamp, Outcome::Executed, reply))
    }

    pub fn at(&mut self, micros: u64) -> Vec<Act> {
        self.now = micros;
        self.step(Input::Wake)
    }
}

fn act(output: Output<Message<'_>, ClientDecision<'_>, quorate::Never>) -> Act {
    match output {
        Output::Send { to, message: Message::Request(request) } => {
            assert_eq!(request.client, ClientId(1));
            Act::Ask(to, request.timestamp, request.operation.0.to_vec())
        }
        Output::Send { to, message: Message::Read(read) } => {
            assert_eq!(read.client, ClientId(1));
            Act::Read(to, read.number, read.operation.0.to_vec())
        }
        Output::Decide(ClientDecision::Done { reply }) => Act::Done(reply.to_vec()),
        Output::Decide(ClientDecision::Failed(failure)) => Act::Failed(failure),
        Output::Accuse { node, fault } => Act::Accuse(node.index(), fault),
        Output::Refuse(refusal) => Act::Refuse(refusal),
        other => panic!("{other:?}"),
    }
}

pub fn reply_of(view: u64, timestamp: u64, outcome: Outcome, reply: &[u8]) -> Message<'_> {
    let (view, client) = (View(view), ClientId(1));
    Message::Reply(Reply { view, client, timestamp, outcome, reply: wire::Bytes(reply) })
}

pub fn to_primary(id: u8) -> Target {
    Target::Node(NodeId(id))
}

#[test]
fn done_takes_weak_equal_replies_of_distinct_replicas() {
    for (nodes, weak) in [(4, 2), (6, 2), (7, 3)] {
        let mut desk = Desk::new(nodes);
        assert_eq!(desk.submit(b"op", 0), [Act::Ask(to_primary(0), 1, b"op".to_vec())]);
        for from in 0..weak - 1 {
            for _ in 0..5 {
                assert_eq!(desk.reply(from, 1, b"yes"), [], "n = {nodes}");
            }
        }
        assert_eq!(desk.reply(weak - 1, 1, b"yes"), [Act::Done(b"yes".to_vec())]);
        assert!(!desk.client.is_busy());
        assert_eq!(desk.reply(weak, 1, b"yes"), [], "nothing is outstanding any more");
    }
}

#[test]
fn replies_that_differ_in_value_outcome_or_timestamp_never_add_up() {
    let mut desk = Desk::new(7);
    desk.submit(b"first", 0);
    for from in 0..3 {
        desk.reply(from, 1, b"yes");
    }
    desk.submit(b"second", 0);
    // Replies to the first operation arrive late.
    for from in 3..7 {
        assert_eq!(desk.reply(from, 1, b"yes"), []);
    }
    assert_eq!(desk.reply(0, 2, b"yes"), []);
    assert_eq!(desk.reply(1, 2, b"no"), []);
    assert_eq!(desk.hear(2, reply_of(0, 2, Outcome::ReplyTooLong, b"yes")), []);
    assert_eq!(desk.hear(3, reply_of(0, 2, Outcome::Stale, b"")), []);
    assert_eq!(desk.reply(4, 3, b"yes"), []);
    assert_eq!(desk.reply(5, 2, b"yes"), []);
    // A replica that says something else takes its first word back.
    assert_eq!(desk.reply(5, 2, b"no"), []);
    assert_eq!(desk.reply(6, 2, b"yes"), []);
    assert_eq!(desk.reply(2, 2, b"yes"), [Act::Done(b"yes".to_vec())]);
}

#[test]
fn request_goes_to_the_primary_then_to_all_ever_less_often_until_it_is_given_up() {
    let mut desk = Desk::new(4);
    assert_eq!(desk.client.deadline(), None);
    assert_eq!(desk.submit(b"op", 7), [Act::Ask(to_primary(0), 7, b"op".to_vec())]);
    let (mut due, mut waits) = (100 * MS, [200, 400, 800, 1_600, 1_600].into_iter());
    for _ in 0..6 {
        assert_eq!(desk.client.deadline(), Some(Instant::from_micros(due)));
        assert_eq!(desk.at(due - 1), []);
        assert_eq!(desk.at(due), [Act::Ask(Target::All, 7, b"op".to_vec())]);
        due += waits.next().unwrap_or(0) * MS;
    }
    assert_eq!(desk.at(9_999_999), [Act::Ask(Target::All, 7, b"op".to_vec())]);
    assert_eq!(desk.client.deadline(), Some(Instant::from_micros(10_000_000)));
    assert_eq!(desk.at(10_000_000), [Act::Failed(Failure::TimedOut)]);
    assert_eq!(desk.client.deadline(), None);
    // The timestamp is spent: the operation may yet be executed.
    assert_eq!(desk.submit(b"op", 0), [Act::Ask(to_primary(0), 8, b"op".to_vec())]);
}

#[test]
fn client_asks_the_primary_of_the_view_that_weak_replicas_reached() {
    let mut desk = Desk::new(7);
    desk.submit(b"op", 0);
    // Two liars cannot lead it away, nor keep it back.
    for (from, view) in [(0, u64::MAX), (1, u64::MAX - 1), (2, 4)] {
        desk.hear(from, reply_of(view, 1, Outcome::Executed, b"yes"));
    }
    assert_eq!(desk.client.view(), View(4));
    assert_eq!(desk.submit(b"op", 0), [Act::Ask(to_primary(4), 2, b"op".to_vec())]);
    for (from, view) in [(0, 0), (1, 5), (2, 5), (3, 6)] {
        desk.hear(from, reply_of(view, 2, Outcome::Executed, &[u8::from(from == 0)]));
    }
    assert_eq!(desk.client.view(), View(5));
}

#[test]
fn timestamps_rise_and_a_restarted_client_goes_on_above_the_wall_clock() {
    let mut desk = Desk::new(4);
    let mut submit = |wall| {
        let asked = desk.submit(b"op", wall);
        let Act::Ask(_, timestamp, _) = asked[0] else { panic!("{asked:?}") };
        for from in 0..2 {
            desk.reply(from, timestamp, b"");
        }
        assert!(!desk.client.is_busy());
        timestamp
    };
    assert_eq!(
        [submit(1_000), submit(1_000), submit(5), submit(2_000)],
        [1_000, 1_001, 1_002, 2_000]
    );
    assert_eq!(submit(u64::MAX - 1), u64::MAX - 1);
    assert_eq!(submit(0), u64::MAX);
    assert_eq!(desk.submit(b"op", 0), [Act::Refuse(Refusal::Exhausted)]);
    assert_eq!(desk.submit(b"op", u64::MAX), [Act::Refuse(Refusal::Exhausted)]);
    assert!(!desk.client.is_busy());
}

#[test]
fn every_outcome_has_its_own_type() {
    let ends = [
        (Outcome::Executed, &b"12345678"[..], Act::Done(b"12345678".to_vec())),
        (Outcome::Executed, b"123456789", Act::Failed(Failure::ReplyTooLong)),
        (Outcome::Executed, b"", Act::Done(Vec::new())),
        (Outcome::ReplyTooLong, b"", Act::Failed(Failure::ReplyTooLong)),
        (Outcome::Stale, b"", Act::Failed(Failure::Stale)),
    ];
    for (outcome, reply, end) in ends {
        let mut desk = Desk::new(4);
        desk.submit(b"op", 0);
        assert_eq!(desk.hear(3, reply_of(0, 1, outcome, reply)), []);
        assert_eq!(desk.hear(1, reply_of(0, 1, outcome, reply)), [end]);
    }
}

#[test]
fn what_the_host_may_not_ask_is_refused_and_changes_nothing() {
    let mut desk = Desk::new(4);
    assert_eq!(desk.submit(&[0; 17], 0), [Act::Refuse(Refusal::TooLong { limit: 16 })]);
    assert!(!desk.client.is_busy());
    assert_eq!(desk.submit(&[1; 16], 0), [Act::Ask(to_primary(0), 1, vec![1; 16])]);
    assert_eq!(desk.submit(b"other", 0), [Act::Refuse(Refusal::Outstanding)]);
    assert_eq!(desk.at(100 * MS), [Act::Ask(Target::All, 1, vec![1; 16])]);
}

#[test]
fn what_no_replica_sends_to_a_client_is_an_accusation_and_nothing_else() {
    let mut desk = Desk::new(4);
    desk.submit(b"op", 0);
    desk.reply(0, 1, b"yes");
    let before = answers(&desk);
    let Message::Reply(reply) = reply_of(0, 1, Outcome::Executed, b"yes") else { panic!() };
    for client in [0, 2, u16::MAX] {
        let foreign = Message::Reply(Reply { client: ClientId(client), ..reply });
        assert_eq!(desk.hear(2, foreign), [Act::Accuse(2, Fault::Impersonation)]);
    }
    let vote = Vote { sequence: Sequence(1), ..Vote::default() };
    for message in
        [Message::Prepare(vote), Message::FetchState { sequence: Sequence(4), place: Place::ROOTS }]
    {
        assert_eq!(desk.hear(2, message), [Act::Accuse(2, Fault::NotAllowed)]);
    }
    assert_eq!(before, answers(&desk));
    assert_eq!(desk.reply(2, 1, b"yes"), [Act::Done(b"yes".to_vec())]);
}

/// What the client holds beside the outputs of its last step.
fn answers(desk: &Desk) -> String {
    let all = format!("{:?}", desk.client);
    let (front, _) = all.split_once(", effects").unwrap();
    front.to_owned()
}

#[test]
fn undrained_outputs_of_a_client_are_not_lost_and_the_early_input_is_not_consumed() {
    let mut desk = Desk::new(4);
    let input = Input::Command(ClientCommand::Submit { operation: b"op", wall_micros: 0 });
    drop(desk.client.step(Instant::ZERO, input));
    let asked = Act::Ask(to_primary(0), 1, b"op".to_vec());
    for _ in 0..3 {
        let early = desk.client.step(Instant::ZERO, Input::Wake).map(act).next();
        assert_eq!(early, Some(Act::Refuse(Refusal::Undrained)));
    }
    desk.now = 100 * MS;
    assert_eq!(desk.step(Input::Wake), [Act::Refuse(Refusal::Undrained), asked]);
    assert_eq!(desk.step(Input::Wake), [Act::Ask(Target::All, 1, b"op".to_vec())]);
}

#[test]
fn clock_of_a_client_that_goes_back_or_jumps_breaks_nothing() {
    let mut desk = Desk::new(4);
    desk.now = 50 * MS;
    desk.submit(b"op", 0);
    assert_eq!(desk.at(0), []);
    assert_eq!(desk.client.deadline(), Some(Instant::from_micros(150 * MS)));
    assert_eq!(desk.at(u64::MAX), [Act::Failed(Failure::TimedOut)]);
    assert_eq!(desk.at(0), []);
    desk.submit(b"op", 0);
    assert_eq!(desk.client.deadline(), Some(Instant::from_micros(u64::MAX)));
    desk.reply(0, 2, b"yes");
    assert_eq!(desk.reply(1, 2, b"yes"), [Act::Done(b"yes".to_vec())]);
}

#[test]
fn whole_cluster_answers_a_client_that_meets_a_silent_primary() {
    let mut bench = Bench::<4>::new();
    let mut desk = Desk::new(4);
    assert!(matches!(desk.submit(b"op", 9)[..], [Act::Ask(..)]));
    let mut ends = Vec::new();
    while ends.is_empty() && bench.now < 5_000_000 {
        bench.pass_where(10, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
        for asked in desk.at(bench.now) {
            let Act::Ask(Target::All, t, operation) = asked else { panic!("{asked:?}") };
            (1..4).for_each(|to| bench.ask(to, 1, t, &operation));
        }
        for (from, _, timestamp, outcome, reply) in std::mem::take(&mut bench.replies) {
            ends.extend(desk.hear(from, reply_of(1, timestamp, outcome, &reply)));
        }
    }
    assert_eq!(ends, [Act::Done(bench.hosts[1].state.0[..8].to_vec())]);
    assert_eq!(desk.client.view(), View(1));
    assert_eq!(bench.operations(1), [b"op"]);
}
