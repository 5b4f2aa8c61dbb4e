//! Clients see one copy of the service: what they were answered has an order that agrees with
//! real time (Herlihy and Wing 1990), found by the search of Wing and Gong (1993).
//!
//! An operation lasts from when its client began it to when the client had the answer. A history
//! is linearizable if its operations can be put in an order in which each that ended before
//! another began stands before it, and the service, executing them in this order alone, gives
//! each client the answer that it had.

use quorate::ClientId;
use std::collections::HashSet;
use std::hash::Hash;

/// What the service does when it is alone.
pub trait Service: Clone + Eq + Hash {
    /// Executes an operation and returns the answer to it.
    fn answer(&mut self, client: ClientId, operation: &[u8]) -> Vec<u8>;
}

/// What clients did, in the order in which it happened.
#[derive(Clone, Debug)]
pub struct Linearizable<S> {
    initial: S,
    /// Bytes of the longest answer: of a longer one the client learns only that it is too long.
    reply_bytes: usize,
    operations: Vec<Operation>,
    events: u64,
}

#[derive(Clone, Debug)]
struct Operation {
    client: ClientId,
    bytes: Vec<u8>,
    began: u64,
    /// When it ended, and the answer; an operation without end may have been executed or not.
    ended: Option<(u64, Option<Vec<u8>>)>,
}

/// A place in the search: what is in order already, and the state after it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place<S> {
    ordered: Vec<u64>,
    state: S,
}

impl<S: Service> Linearizable<S> {
    /// Nothing was done yet to a service in this state.
    #[must_use]
    pub const fn new(initial: S, reply_bytes: usize) -> Self {
        Self { initial, reply_bytes, operations: Vec::new(), events: 0 }
    }

    /// A client begins an operation; it has one at a time.
    pub fn began(&mut self, client: ClientId, operation: &[u8]) {
        self.events += 1;
        let (bytes, began) = (operation.to_vec(), self.events);
        self.operations.push(Operation { client, bytes, began, ended: None });
    }

    /// It has the answer; `None`: it is told that the answer is too long.
    pub fn ended(&mut self, client: ClientId, answer: Option<&[u8]>) {
        self.events += 1;
        let mut operations = self.operations.iter_mut().rev();
        if let Some(last) = operations.find(|operation| operation.client == client) {
            last.ended = Some((self.events, answer.map(<[u8]>::to_vec)));
        }
    }

    /// Looks for an order of all operations.
    ///
    /// # Errors
    /// There is none. The sentence tells how far the best attempt came, and what did not fit
    /// there.
    pub fn check(&self) -> Result<(), String> {
        let start = Place {
            ordered: vec![0; self.operations.len().div_ceil(64)],
            state: self.initial.clone(),
        };
        let mut seen = HashSet::from([start.clone()]);
        let (mut open, mut best) = (vec![start], (0, String::new()));
        while let Some(place) = open.pop() {
            let next: Vec<usize> = self.next(&place.ordered).collect();
            if next.iter().all(|at| self.operations[*at].ended.is_none()) {
                return Ok(());
            }
            let mut fits = Vec::new();
            for at in &next {
                fits.extend(self.put(&place, *at));
            }
            let count = place.ordered.iter().map(|word| word.count_ones()).sum::<u32>();
            if count >= best.0 {
                best = (count, self.describe(&next));
            }
            open.extend(fits.into_iter().filter(|place| seen.insert(place.clone())));
        }
        let (count, stuck) = best;
        Err(format!("after {count} operations in order none of these can be next: {stuck}"))
    }

    /// The operations that may be next: none that is left ended before they began. When all that
    /// is left never ended, the rest may not have happened at all.
    fn next(&self, ordered: &[u64]) -> impl Iterator<Item = usize> {
        let left = |at: usize| ordered[at / 64] & 1 << (at % 64) == 0;
        let left: Vec<usize> = (0..self.operations.len()).filter(|at| left(*at)).collect();
        let ends = left.iter().filter_map(|at| self.operations[*at].ended.as_ref());
        let first = ends.map(|(at, _)| *at).min().unwrap_or(0);
        left.into_iter().filter(move |at| self.operations[*at].began < first)
    }

    /// The place after an operation, if that has the answer that its client had.
    fn put(&self, place: &Place<S>, at: usize) -> Option<Place<S>> {
        let (operation, mut next) = (&self.operations[at], place.clone());
        let answer = next.state.answer(operation.client, &operation.bytes);
        let told = (answer.len() <= self.reply_bytes).then_some(answer);
        next.ordered[at / 64] |= 1 << (at % 64);
        operation.ended.as_ref().is_none_or(|(_, had)| *had == told).then_some(next)
    }

    fn describe(&self, next: &[usize]) -> String {
        let each = next.iter().map(|at| {
            let Operation { client, bytes, ended, .. } = &self.operations[*at];
            let had = ended.as_ref().map(|(_, answer)| answer);
            format!("c{} {} with {had:02x?}", client.0, bytes.escape_ascii())
        });
        each.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A register: an operation writes its bytes and is answered by nothing; no bytes read it.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
    struct Register(Vec<u8>);

    impl Service for Register {
        fn answer(&mut self, _: ClientId, operation: &[u8]) -> Vec<u8> {
            if operation.is_empty() {
                return self.0.clone();
            }
            self.0 = operation.to_vec();
            Vec::new()
        }
    }

    /// A history in signs: `(client, Some(operation))` begins, `(client, None)` ends with the
    /// answer.
    fn holds(events: &[(u16, Result<&str, &str>)]) -> bool {
        let mut history = Linearizable::new(Register::default(), 8);
        for (client, event) in events {
            match event {
                Ok(operation) => history.began(ClientId(*client), operation.as_bytes()),
                Err(answer) => history.ended(ClientId(*client), Some(answer.as_bytes())),
            }
        }
        history.check().is_ok()
    }

    #[test]
    fn a_stale_read_is_no_copy_of_one_service() {
        assert!(holds(&[(0, Ok("a")), (0, Err("")), (1, Ok("")), (1, Err("a"))]));
        assert!(!holds(&[(0, Ok("a")), (0, Err("")), (1, Ok("")), (1, Err(""))]));
        assert!(!holds(&[(0, Ok("a")), (0, Err("")), (1, Ok("")), (1, Err("b"))]));
    }

    #[test]
    fn what_overlaps_may_be_in_either_order() {
        let overlap = |one, other| {
            holds(&[
                (0, Ok("a")),
                (1, Ok("")),
                (1, Err(one)),
                (1, Ok("")),
                (1, Err(other)),
                (0, Err("")),
            ])
        };
        assert!(overlap("", "") && overlap("", "a") && overlap("a", "a"));
        assert!(!overlap("a", ""), "time does not go back");
    }

    #[test]
    fn what_never_ended_may_have_happened_or_not() {
        assert!(holds(&[(0, Ok("a")), (1, Ok("")), (1, Err(""))]));
        assert!(holds(&[(0, Ok("a")), (1, Ok("")), (1, Err("a"))]));
        assert!(!holds(&[(0, Ok("a")), (1, Ok("")), (1, Err("a")), (1, Ok("")), (1, Err(""))]));
    }

    #[test]
    fn an_answer_that_is_too_long_is_known_to_be_that_and_no_more() {
        let mut history = Linearizable::new(Register::default(), 2);
        history.began(ClientId(0), b"long");
        history.ended(ClientId(0), Some(b""));
        history.began(ClientId(1), b"");
        history.ended(ClientId(1), None);
        assert_eq!(history.check(), Ok(()));
        history.began(ClientId(1), b"");
        history.ended(ClientId(1), Some(b""));
        assert!(history.check().is_err());
    }

    /// The counterexample in the core's `read`: two reads that were answered alike, but from
    /// different states, when the register was `v`, `u`, `v`. The write of `u` had ended.
    #[test]
    fn equal_answers_of_different_states_are_not_linearizable() {
        let history = |second| {
            let (write, read) = (|value| (0, Ok(value)), (1, Ok("")));
            holds(&[
                write("v"),
                (0, Err("")),
                write("u"),
                (0, Err("")),
                write("v"),
                read,
                (1, Err("v")),
                read,
                (1, Err(second)),
                (0, Err("")),
            ])
        };
        assert!(history("v"));
        assert!(!history("u"));
    }
}
