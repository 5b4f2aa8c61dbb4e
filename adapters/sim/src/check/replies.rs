//! Only requests that clients made are executed, and every reply that a correct replica gives or a
//! client accepts comes from the agreed history.

use quorate::pbft::{Outcome, Reply};
use quorate::{ClientId, Digest, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// What clients asked, what correct replicas answered.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    asked: BTreeMap<(ClientId, u64), BTreeSet<Digest>>,
    answered: BTreeMap<(ClientId, u64), (NodeId, Vec<u8>)>,
}

impl Replies {
    /// A correct client signed a request.
    ///
    /// # Errors
    /// It signed another one with this timestamp before.
    pub fn asked(
        &mut self,
        client: ClientId,
        timestamp: u64,
        operation: &[u8],
    ) -> Result<(), String> {
        let operation = Digest::of(operation);
        let asked = self.asked.entry((client, timestamp)).or_default();
        asked.insert(operation);
        if asked.len() == 1 {
            return Ok(());
        }
        Err(format!("c{} asks two operations with timestamp {timestamp}", client.0))
    }

    /// A client that lies signed a request, perhaps more than one with this timestamp.
    pub fn signed(&mut self, client: ClientId, timestamp: u64, operation: &[u8]) {
        self.asked.entry((client, timestamp)).or_default().insert(Digest::of(operation));
    }

    /// A correct replica executed a request and this is the application's reply.
    ///
    /// # Errors
    /// The client never made that request, or another replica got another reply.
    pub fn executed(
        &mut self,
        node: NodeId,
        client: ClientId,
        timestamp: u64,
        operation: &[u8],
        reply: &[u8],
    ) -> Result<(), String> {
        let key = (client, timestamp);
        let asked = self.asked.get(&key);
        if !asked.is_some_and(|asked| asked.contains(&Digest::of(operation))) {
            let (node, client) = (node.0, client.0);
            return Err(format!("r{node} executes c{client}@{timestamp}, which was never asked"));
        }
        let (first, known) = self.answered.entry(key).or_insert_with(|| (node, reply.to_vec()));
        if known == reply {
            return Ok(());
        }
        let (one, other, client) = (first.0, node.0, client.0);
        Err(format!("r{one} and r{other} have different replies for c{client}@{timestamp}"))
    }

    /// A reply leaves a correct replica, in a cluster whose replies have so many bytes at most.
    ///
    /// # Errors
    /// No correct replica had executed the request, or its reply is another.
    pub fn sent(&self, node: NodeId, reply: &Reply<'_>, reply_bytes: usize) -> Result<(), String> {
        let Reply { client, timestamp, outcome, reply, .. } = *reply;
        let what = format_args!("r{} says {outcome:?} of c{}@{timestamp}", node.0, client.0);
        if outcome == Outcome::Stale {
            let mut newer = self.answered.range((client, timestamp)..=(client, u64::MAX));
            if newer.any(|((_, at), _)| *at > timestamp) {
                return Ok(());
            }
            return Err(format!("{what}, but no newer one was executed"));
        }
        let Some((_, known)) = self.answered.get(&(client, timestamp)) else {
            return Err(format!("{what}, which no correct replica has executed"));
        };
        let fits = known.len() <= reply_bytes;
        let expected = if fits {
            (Outcome::Executed, known.as_slice())
        } else {
            (Outcome::ReplyTooLong, &[][..])
        };
        if (outcome, reply.0) == expected {
            return Ok(());
        }
        Err(format!("{what}, {:02x?}, but the agreed history says {expected:02x?}", reply.0))
    }

    /// A correct client accepted a reply; `None`: it was told that the reply is too long.
    ///
    /// # Errors
    /// No correct replica had executed the request, or its reply is another.
    pub fn accepted(
        &self,
        client: ClientId,
        timestamp: u64,
        reply: Option<&[u8]>,
        reply_bytes: usize,
    ) -> Result<(), String> {
        let what = format_args!("c{} accepts a reply for @{timestamp}", client.0);
        let Some((_, known)) = self.answered.get(&(client, timestamp)) else {
            return Err(format!("{what} that no correct replica has executed"));
        };
        let expected = (known.len() <= reply_bytes).then_some(known.as_slice());
        if reply == expected {
            return Ok(());
        }
        Err(format!("{what}, {reply:02x?}, but the agreed history says {expected:02x?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::View;
    use quorate::wire::Bytes;

    const NODE: NodeId = NodeId(0);
    const CLIENT: ClientId = ClientId(3);

    fn asked() -> Replies {
        let mut replies = Replies::default();
        replies.asked(CLIENT, 1, b"op").unwrap();
        replies.asked(CLIENT, 1, b"op").unwrap();
        replies
    }

    #[test]
    fn a_request_that_nobody_made_is_a_violation() {
        assert!(asked().executed(NODE, CLIENT, 2, b"op", b"").is_err());
        assert!(asked().executed(NODE, CLIENT, 1, b"another", b"").is_err());
        assert!(asked().asked(CLIENT, 1, b"another").is_err());
        asked().executed(NODE, CLIENT, 1, b"op", b"").unwrap();
        let mut lied = asked();
        lied.signed(CLIENT, 1, b"another");
        lied.executed(NODE, CLIENT, 1, b"another", b"").unwrap();
    }

    #[test]
    fn two_replies_for_one_request_are_a_violation() {
        let mut replies = asked();
        replies.executed(NODE, CLIENT, 1, b"op", b"yes").unwrap();
        replies.executed(NodeId(1), CLIENT, 1, b"op", b"yes").unwrap();
        assert!(replies.executed(NodeId(1), CLIENT, 1, b"op", b"no").is_err());
    }

    #[test]
    fn a_reply_that_the_history_does_not_know_is_a_violation() {
        let mut replies = asked();
        let says = |replies: &Replies, timestamp, outcome, reply, reply_bytes| {
            let (view, client, reply) = (View(0), CLIENT, Bytes(reply));
            let reply = Reply { view, client, timestamp, outcome, reply };
            replies.sent(NODE, &reply, reply_bytes)
        };
        assert!(says(&replies, 1, Outcome::Executed, b"yes", 8).is_err(), "not executed yet");
        replies.executed(NODE, CLIENT, 1, b"op", b"yes").unwrap();
        says(&replies, 1, Outcome::Executed, b"yes", 8).unwrap();
        assert!(says(&replies, 1, Outcome::Executed, b"no", 8).is_err(), "another reply");
        assert!(says(&replies, 1, Outcome::ReplyTooLong, b"", 8).is_err(), "it is short");
        says(&replies, 1, Outcome::ReplyTooLong, b"", 2).unwrap();
        assert!(says(&replies, 1, Outcome::Stale, b"", 8).is_err(), "nothing newer");
        says(&replies, 0, Outcome::Stale, b"", 8).unwrap();
    }

    #[test]
    fn a_reply_from_nowhere_is_a_violation() {
        let mut replies = asked();
        assert!(replies.accepted(CLIENT, 1, Some(b"yes"), 8).is_err());
        replies.executed(NODE, CLIENT, 1, b"op", b"yes").unwrap();
        replies.accepted(CLIENT, 1, Some(b"yes"), 8).unwrap();
        assert!(replies.accepted(CLIENT, 1, Some(b"no"), 8).is_err());
        assert!(replies.accepted(CLIENT, 1, None, 8).is_err());
        replies.accepted(CLIENT, 1, None, 2).unwrap();
        assert!(replies.accepted(CLIENT, 1, Some(b"yes"), 2).is_err());
    }
}
