//! The client: m + 1 equal replies of distinct generals.

use crate::bench::*;
use quorate::lockstep::*;
use quorate::service::{ClientCommand, ClientDecision, Failure, Outcome};
use quorate::wire::{self, Bytes};
use quorate::{
    ClientId, Fault, Input, Instant, NodeId, Output, Principal, Protocol, Refusal, Target,
};
use std::time::Duration;

#[derive(Debug, PartialEq)]
enum Act {
    Ask(u64),
    Done(Vec<u8>),
    Failed(Failure),
    Accuse(u8, Fault),
    Refuse(Refusal),
}

struct Desk(Client<Vec<u8>>);

impl Desk {
    fn new() -> Self {
        let config = ClientConfig {
            me: ClientId(1),
            traitors: 1,
            retry: Duration::from_millis(10),
            give_up: Duration::from_millis(25),
        };
        Self(Client::new(config, vec![0; 8], vec![0; 8]))
    }

    fn step(&mut self, at: u64, input: Input<ClientCommand<'_>, ClientMessage<'_>>) -> Vec<Act> {
        let act = |output| match output {
            Output::Send { to: Target::All, message: ClientMessage::Request(request) } => {
                Act::Ask(request.timestamp)
            }
            Output::Decide(ClientDecision::Done { reply }) => Act::Done(reply.to_vec()),
            Output::Decide(ClientDecision::Failed(failure)) => Act::Failed(failure),
            Output::Accuse { node, fault } => Act::Accuse(node.0, fault),
            Output::Refuse(refusal) => Act::Refuse(refusal),
            other => panic!("{other:?}"),
        };
        self.0.step(Instant::from_micros(at), input).map(act).collect()
    }

    fn submit(&mut self, operation: &[u8], wall_micros: u64) -> Vec<Act> {
        self.step(0, Input::Command(ClientCommand::Submit { operation, wall_micros }))
    }

    fn hear(&mut self, from: Principal, reply: Reply<'_>) -> Vec<Act> {
        let payload = seal(from, ClientMessage::Reply(reply));
        let message: ClientMessage<'_> = wire::decode(&payload).unwrap();
        match roster(4).verify(&TestVerifier, from, message) {
            Ok(verified) => self.step(0, Input::Message(verified)),
            Err(_) => vec![],
        }
    }
}

fn reply(timestamp: u64, reply: &[u8]) -> Reply<'_> {
    let (client, outcome) = (ClientId(1), Outcome::Executed);
    Reply { client, timestamp, outcome, reply: Bytes(reply) }
}

#[test]
fn m_plus_one_equal_replies_of_distinct_generals_are_believed() {
    let mut desk = Desk::new();
    assert_eq!(desk.submit(b"op", 7), [Act::Ask(7)]);
    assert_eq!(desk.hear(node(0), reply(7, b"lie")), []);
    assert_eq!(desk.hear(node(1), reply(7, b"true")), []);
    assert_eq!(desk.hear(node(1), reply(7, b"true")), [], "the same general counts once");
    assert_eq!(desk.hear(node(2), reply(6, b"true")), [], "an old one");
    assert_eq!(desk.hear(node(3), reply(7, b"true")), [Act::Done(b"true".to_vec())]);
    assert_eq!(desk.hear(node(2), reply(7, b"true")), [], "it is over");
    assert_eq!(desk.submit(b"op", 7), [Act::Ask(8)], "timestamps rise");
}

#[test]
fn outcomes_are_told_apart() {
    for (outcome, failure) in
        [(Outcome::Stale, Failure::Stale), (Outcome::ReplyTooLong, Failure::ReplyTooLong)]
    {
        let mut desk = Desk::new();
        desk.submit(b"op", 1);
        assert_eq!(desk.hear(node(0), reply(1, b"")), [], "another outcome is another answer");
        for (id, acts) in [(1, vec![]), (2, vec![Act::Failed(failure)])] {
            assert_eq!(desk.hear(node(id), Reply { outcome, ..reply(1, b"") }), acts);
        }
    }
    let mut desk = Desk::new();
    desk.submit(b"op", 1);
    desk.hear(node(1), reply(1, &[0; 9]));
    assert_eq!(desk.hear(node(2), reply(1, &[0; 9])), [Act::Failed(Failure::ReplyTooLong)]);
}

#[test]
fn it_asks_again_and_gives_up_in_time() {
    let mut desk = Desk::new();
    desk.submit(b"op", 1);
    assert_eq!(desk.0.deadline(), Some(Instant::from_micros(10_000)));
    assert_eq!(desk.step(9_999, Input::Wake), []);
    assert_eq!(desk.step(10_000, Input::Wake), [Act::Ask(1)]);
    assert_eq!(desk.step(20_000, Input::Wake), [Act::Ask(1)]);
    assert_eq!(desk.0.deadline(), Some(Instant::from_micros(25_000)));
    assert_eq!(desk.step(25_000, Input::Wake), [Act::Failed(Failure::TimedOut)]);
    assert_eq!(desk.0.deadline(), None);
}

#[test]
fn what_cannot_be_is_refused() {
    let mut desk = Desk::new();
    let limit = 8;
    assert_eq!(desk.submit(&[0; 9], 1), [Act::Refuse(Refusal::TooLong { limit })]);
    desk.submit(b"op", u64::MAX);
    assert_eq!(desk.submit(b"op", 1), [Act::Refuse(Refusal::Outstanding)]);
    desk.hear(node(0), reply(u64::MAX, b""));
    assert_eq!(desk.hear(node(1), reply(u64::MAX, b"")), [Act::Done(vec![])]);
    assert_eq!(desk.submit(b"op", 1), [Act::Refuse(Refusal::Exhausted)]);
    let stranger = Reply { client: ClientId(2), ..reply(1, b"") };
    assert_eq!(desk.hear(node(2), stranger), [Act::Accuse(2, Fault::Impersonation)]);
    assert_eq!(desk.hear(client(2), reply(1, b"")), [], "a client does not reply");
    let _ = NodeId(0);
}
