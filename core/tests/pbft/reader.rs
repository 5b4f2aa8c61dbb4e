//! The client's side of fast reads (PROTOCOLS, point 10): one test for each rule.

use crate::client::{Act, Desk, MS, to_primary};
use quorate::pbft::*;
use quorate::{ClientId, Digest, Fault, Input, Refusal, Target, wire};

pub const OPERATION: &[u8] = b"op";

/// A client of a cluster with fast reads.
pub fn reader(nodes: usize) -> Desk {
    Desk::with(nodes, Switches { fast_reads: true })
}

/// An answer to the client's read `number` of [`OPERATION`].
pub fn answer(number: u64, state: u64, answer: Option<&[u8]>) -> ReadReply<'_> {
    ReadReply {
        view: View(0),
        client: ClientId(1),
        number,
        operation: Digest::of(OPERATION),
        state: Sequence(state),
        answer: answer.map(wire::Bytes),
    }
}

impl Desk {
    pub fn read(&mut self) -> Vec<Act> {
        let command = ClientCommand::Read { operation: OPERATION, wall_micros: 0 };
        self.step(Input::Command(command))
    }

    /// Replica `from` answers read 1 from a state.
    fn told(&mut self, from: usize, state: u64, what: &[u8]) -> Vec<Act> {
        self.hear(from, Message::ReadReply(answer(1, state, Some(what))))
    }
}

pub fn asked(number: u64) -> Act {
    Act::Read(Target::All, number, OPERATION.to_vec())
}

/// What a client sends when it has its read ordered.
pub fn ordered(number: u64) -> Vec<Act> {
    vec![Act::Ask(to_primary(0), number, OPERATION.to_vec())]
}

pub fn done(what: &[u8]) -> Vec<Act> {
    vec![Act::Done(what.to_vec())]
}

#[test]
fn a_read_takes_strong_equal_answers_of_distinct_replicas() {
    for (nodes, strong) in [(4, 3), (6, 4), (7, 5), (10, 7)] {
        let mut desk = reader(nodes);
        assert_eq!(desk.read(), [asked(1)], "to all at once");
        for from in 0..strong - 1 {
            for _ in 0..5 {
                assert_eq!(desk.told(from, 4, b"yes"), [], "n = {nodes}");
            }
        }
        assert_eq!(desk.told(strong - 1, 4, b"yes"), done(b"yes"), "n = {nodes}");
        assert!(!desk.client.is_busy());
        assert_eq!(desk.told(nodes - 1, 4, b"yes"), [], "nothing is outstanding any more");
    }
}

#[test]
fn a_request_takes_strong_equal_replies_where_reads_are_fast() {
    for (nodes, strong) in [(4, 3), (6, 4), (7, 5)] {
        let mut desk = reader(nodes);
        assert_eq!(desk.submit(OPERATION, 0), ordered(1));
        for from in 0..strong - 1 {
            assert_eq!(desk.reply(from, 1, b"yes"), [], "n = {nodes}");
        }
        assert_eq!(desk.reply(strong - 1, 1, b"yes"), done(b"yes"), "n = {nodes}");
    }
}

#[test]
fn equal_answers_of_different_states_never_add_up() {
    let mut desk = reader(7);
    desk.read();
    for (from, state) in [(0, 4), (1, 4), (2, 4), (3, 4), (4, 5)] {
        assert_eq!(desk.told(from, state, b"yes"), []);
    }
    assert_eq!(desk.told(5, 4, b"yes"), done(b"yes"), "strong ones of state 4");
    let mut desk = reader(4);
    desk.read();
    assert_eq!(desk.told(0, 3, b"yes"), []);
    assert_eq!(desk.told(1, 4, b"yes"), [], "it may yet be state 3 or state 4");
    assert_eq!(desk.told(2, 5, b"yes"), ordered(1), "three states among four replicas");
}

#[test]
fn different_answers_of_one_state_never_add_up() {
    let mut desk = reader(4);
    desk.read();
    assert_eq!(desk.told(0, 4, b"yes"), []);
    assert_eq!(desk.told(1, 4, b"no"), []);
    assert_eq!(desk.told(2, 4, b"yes"), []);
    assert_eq!(desk.told(3, 4, b"yes"), done(b"yes"));
}

#[test]
fn a_read_that_cannot_succeed_any_more_is_ordered_at_once() {
    for nodes in [4, 6, 7] {
        let n = quorate::Quorum::of(nodes).unwrap();
        let mut desk = reader(nodes);
        desk.read();
        // As long as strong replicas could still say the same, the client waits for them.
        for from in 0..nodes - n.strong() {
            let none = Message::ReadReply(answer(1, 4, None));
            assert_eq!(desk.hear(from, none), [], "n = {nodes}");
        }
        let none = Message::ReadReply(answer(1, 4, None));
        assert_eq!(desk.hear(nodes - 1, none), ordered(1), "n = {nodes}");
        assert_eq!(desk.told(1, 4, b"late"), [], "no answer counts any more");
        for from in 0..n.strong() - 1 {
            assert_eq!(desk.reply(from, 1, b"yes"), [], "n = {nodes}");
        }
        assert_eq!(desk.reply(nodes - 1, 1, b"yes"), done(b"yes"), "n = {nodes}");
    }
}

#[test]
fn a_read_that_is_not_answered_is_ordered_after_its_patience_and_given_up_at_last() {
    let mut desk = reader(4);
    desk.read();
    desk.told(0, 4, b"yes");
    desk.told(1, 4, b"yes");
    assert_eq!(desk.at(100 * MS - 1), []);
    assert_eq!(desk.at(100 * MS), ordered(1));
    assert_eq!(desk.told(2, 4, b"yes"), [], "answers do not count as replies");
    assert_eq!(desk.at(200 * MS), [Act::Ask(Target::All, 1, OPERATION.to_vec())]);
    assert_eq!(desk.at(10_000 * MS), [Act::Failed(Failure::TimedOut)]);
    assert_eq!(desk.read(), [asked(2)]);
    assert_eq!(desk.at(20_000 * MS), [Act::Failed(Failure::TimedOut)], "give_up comes first");
    assert_eq!(desk.told(3, 4, b"yes"), []);
}

#[test]
fn replies_do_not_answer_a_read_nor_answers_a_request() {
    let mut desk = reader(4);
    desk.read();
    for from in 0..4 {
        assert_eq!(desk.reply(from, 1, b"forged"), [], "nothing was ordered");
    }
    for from in 0..2 {
        assert_eq!(desk.told(from, 4, b"yes"), []);
    }
    assert_eq!(desk.told(2, 4, b"yes"), done(b"yes"));
    desk.submit(OPERATION, 0);
    for from in 0..4 {
        let message = Message::ReadReply(answer(2, 4, Some(b"forged")));
        assert_eq!(desk.hear(from, message), []);
    }
}

#[test]
fn an_answer_is_bound_to_its_number_and_operation_and_client() {
    let mut desk = reader(4);
    desk.read();
    let right = answer(1, 4, Some(b"old"));
    for from in 0..4 {
        let replayed = ReadReply { number: 9, ..right };
        assert_eq!(desk.hear(from, Message::ReadReply(replayed)), []);
        let another = ReadReply { operation: Digest::of(b"another"), ..right };
        assert_eq!(desk.hear(from, Message::ReadReply(another)), []);
        let foreign = ReadReply { client: ClientId(2), ..right };
        let accused = [Act::Accuse(from, Fault::Impersonation)];
        assert_eq!(desk.hear(from, Message::ReadReply(foreign)), accused);
    }
    assert_eq!(desk.at(100 * MS), ordered(1), "nothing of that was an answer");
}

#[test]
fn without_fast_reads_a_read_is_a_request_and_weak_replies_are_enough() {
    let mut desk = Desk::new(4);
    assert_eq!(desk.read(), ordered(1));
    assert_eq!(desk.told(0, 4, b"yes"), []);
    assert_eq!(desk.reply(0, 1, b"yes"), []);
    assert_eq!(desk.reply(1, 1, b"yes"), done(b"yes"));
}

#[test]
fn one_operation_of_a_client_is_outstanding_read_or_request() {
    let mut desk = reader(4);
    desk.read();
    assert_eq!(desk.read(), [Act::Refuse(Refusal::Outstanding)]);
    assert_eq!(desk.submit(OPERATION, 0), [Act::Refuse(Refusal::Outstanding)]);
    let command = ClientCommand::Read { operation: &[0; 17], wall_micros: 0 };
    let mut other = reader(4);
    let refused = [Act::Refuse(Refusal::TooLong { limit: 16 })];
    assert_eq!(other.step(Input::Command(command)), refused);
    assert!(!other.client.is_busy());
}

#[test]
fn a_client_that_only_reads_learns_who_is_primary() {
    let mut desk = reader(4);
    desk.read();
    for from in 0..3 {
        let told = ReadReply { view: View(6), ..answer(1, 4, Some(b"yes")) };
        desk.hear(from, Message::ReadReply(told));
    }
    assert_eq!(desk.client.view(), View(6));
}
