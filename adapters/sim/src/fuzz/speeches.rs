//! The short things that somebody could say, and what many say together.

use super::phrases::{CLIENTS, NODES, Payload, Phrases, WINDOW, pairs};
use super::whim::Whim;
use core::num::NonZeroU8;
use quorate::pbft::{
    Batch, Busy, Histories, Message, Outcome, Pairs, Read, ReadReply, Reply, Sequence, Status,
    View, ViewChange, Vote,
};
use quorate::wire::Bytes;
use quorate::{ClientId, Digest, NodeId, Signature};

impl Phrases {
    /// All that a quorum says of a batch, in a view and at a sequence that it may be in.
    pub(super) fn agreement(&mut self, whim: &mut Whim<'_>) -> Vec<(NodeId, Payload)> {
        let bytes = self.batch(whim);
        let batch = Batch::from_bytes(&bytes);
        let view = self.view(whim);
        let sequence =
            Sequence(self.low.saturating_add(whim.number(WINDOW as u8).saturating_add(1)));
        let vote = Vote { view, sequence, digest: batch.digest() };
        let proposal = self.seal(Message::PrePrepare { view, sequence, batch });
        let mut said = vec![(view.primary(NODES), proposal)];
        for node in self.hands.iter() {
            said.push((node, self.seal(Message::Prepare(vote))));
            said.push((node, self.seal(Message::Commit(vote))));
        }
        said
    }

    /// All that is said to begin a view: each one's VIEW-CHANGE with nothing to tell but a
    /// checkpoint, and a NEW-VIEW with what the fuzzer chooses.
    pub(super) fn beginning(&mut self, whim: &mut Whim<'_>) -> Vec<(NodeId, Payload)> {
        let view = View(self.view.saturating_add(whim.number(3).saturating_add(1)));
        let (stable, digest) = self.checkpoint(whim);
        let checkpoints = pairs(&[(stable, digest)]);
        let mut said = Vec::new();
        for author in self.hands.iter() {
            let histories = self.histories(whim, stable);
            let change = ViewChange {
                author,
                view,
                stable: Sequence(stable),
                checkpoints: Pairs::from_bytes(&checkpoints),
                histories: Histories::from_bytes(&histories),
                signature: Signature::ZERO,
            };
            self.name(&change);
            said.push((author, self.seal(Message::ViewChange(change))));
        }
        let before = core::mem::replace(&mut self.view, view.0);
        said.push((view.primary(NODES), self.new_view(whim, view.primary(NODES))));
        self.view = before;
        said
    }

    /// All vouch for a checkpoint.
    pub(super) fn vouchers(&self, whim: &mut Whim<'_>) -> Vec<(NodeId, Payload)> {
        let (sequence, digest) = self.checkpoint(whim);
        let message = Message::Checkpoint { sequence: Sequence(sequence), digest };
        self.hands.iter().map(|node| (node, self.seal(message))).collect()
    }

    pub(super) fn status(&self, whim: &mut Whim<'_>) -> Payload {
        self.seal(Message::Status(Status {
            view: self.view(whim),
            active: whim.chance(128),
            stable: self.sequence(whim),
            executed: self.sequence(whim),
            wanting: whim.chance(128),
        }))
    }

    pub(super) fn question(&self, whim: &mut Whim<'_>) -> Payload {
        match whim.below(4) {
            0 => {
                let (sequence, digest) = (self.sequence(whim), self.digest(whim));
                self.seal(Message::FetchBatch { sequence, digest })
            }
            1 => {
                let (author, _, digest) =
                    whim.pick(&self.changes).copied().unwrap_or((NodeId(9), 0, Digest::ZERO));
                self.seal(Message::FetchViewChange { author, digest })
            }
            2 => {
                let ((sequence, _), place) = (self.checkpoint(whim), Self::place(whim));
                self.seal(Message::FetchState { sequence: Sequence(sequence), place })
            }
            _ => {
                let operation = Bytes(whim.bytes(12));
                let client = ClientId(whim.below(CLIENTS) as u16);
                let (number, signature) = (whim.number(8), Signature::ZERO);
                self.seal(Message::Read(Read { client, number, operation, signature }))
            }
        }
    }

    pub(super) fn recovery(&self, whim: &mut Whim<'_>) -> Payload {
        let (nonce, until) = (whim.number(4), self.sequence(whim));
        if whim.chance(128) {
            let lost = whim.chance(128);
            return self.seal(Message::Recover { nonce, lost, until });
        }
        self.seal(Message::Estimate {
            nonce,
            stable: self.sequence(whim),
            prepared: until,
            view: self.view(whim),
            heard: whim.chance(128),
        })
    }

    pub(super) fn to_a_client(&self, whim: &mut Whim<'_>) -> Payload {
        let client = ClientId(whim.number(CLIENTS as u8) as u16);
        let timestamp = whim.number(8);
        match whim.below(3) {
            0 => {
                let retry_after = whim.number(200).saturating_mul(1_000);
                self.seal(Message::Busy(Busy { client, timestamp, retry_after }))
            }
            1 => self.seal(Message::Reply(Reply {
                view: self.view(whim),
                client,
                timestamp,
                outcome: [Outcome::Executed, Outcome::ReplyTooLong, Outcome::Stale][whim.below(3)],
                reply: Bytes(whim.bytes(24)),
            })),
            _ => {
                let answer = NonZeroU8::new(whim.byte()).map(|_| Bytes(whim.bytes(24)));
                self.seal(Message::ReadReply(ReadReply {
                    view: self.view(whim),
                    client,
                    number: timestamp,
                    operation: Digest::of(whim.bytes(12)),
                    state: self.sequence(whim),
                    answer,
                }))
            }
        }
    }
}
