//! A replica that can be told to lie, for demonstrations and tests.

use quorate::pbft::Message;
use quorate::wire::Bytes;
use quorate::{Digest, Target};
use quorate_std::Tamper;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// While the switch is on, every vote is for another batch than the right one, every checkpoint
/// is of another state, and every reply to a client and every answer to a read is made up.
#[derive(Debug)]
pub struct Liar {
    lying: Arc<AtomicBool>,
}

impl Liar {
    /// A liar that lies while the switch is on.
    #[must_use]
    pub fn new(lying: Arc<AtomicBool>) -> Self {
        Self { lying }
    }
}

/// A reply in the right form that says another thing.
const LIE: &[u8] = b"\0\x01\0\0\0\x06+LIE\r\n";

impl Tamper for Liar {
    fn outgoing(&mut self, _to: Target, message: &mut Message<'_>) {
        if !self.lying.load(Ordering::Relaxed) {
            return;
        }
        match message {
            Message::Prepare(vote) | Message::Commit(vote) => flip(&mut vote.digest),
            Message::Checkpoint { digest, .. } => flip(digest),
            Message::Reply(reply) => reply.reply = Bytes(LIE),
            Message::ReadReply(reply) => reply.answer = Some(Bytes(LIE)),
            _ => {}
        }
    }
}

fn flip(digest: &mut Digest) {
    digest.0[0] ^= 0xff;
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::ClientId;
    use quorate::pbft::{Outcome, Reply, View, Vote};

    #[test]
    fn it_lies_in_votes_and_replies_once_it_is_told_to() {
        let lying = Arc::new(AtomicBool::new(false));
        let mut liar = Liar::new(Arc::clone(&lying));
        let reply = Reply {
            view: View(0),
            client: ClientId(0),
            timestamp: 1,
            outcome: Outcome::Executed,
            reply: Bytes(b"true"),
        };
        let checkpoint = Message::Checkpoint { sequence: Default::default(), digest: Digest::ZERO };
        let vote = Vote::default();
        let said =
            [Message::Prepare(vote), Message::Commit(vote), checkpoint, Message::Reply(reply)];
        for (lies, truth) in [(false, true), (true, false)] {
            lying.store(lies, Ordering::Relaxed);
            for message in said {
                let mut told = message;
                liar.outgoing(Target::All, &mut told);
                assert_eq!(told == message, truth, "{message:?}");
            }
        }
    }
}
