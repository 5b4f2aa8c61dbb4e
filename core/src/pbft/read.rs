//! Fast reads: an answer from the state as it is, without ordering anything (Castro-Liskov 1999,
//! section 4.4, "read-only requests"; Berger, Reiser and Bessani, SRDS 2021).
//!
//! A client signs a READ and sends it to all replicas. Each answers from its own state, and names
//! that state by the last sequence that it has executed. The client takes what *strong* replicas
//! say alike, the answer and the sequence. If that cannot be had any more, or not in time, it has
//! the operation ordered as a request, so a read always ends as a request would.
//!
//! # Why that is linearizable
//!
//! Where fast reads are on, [`Switches::fast_reads`](super::Switches::fast_reads), a client takes
//! the reply to an *ordered* request from strong replicas too. Let `e(i)` be the last sequence
//! that a correct replica `i` has executed when it answers; three things are true of it.
//!
//! * The state after `e(i)` is the same at all correct replicas (agreement), so a read that ends
//!   with sequence `e` returns what the agreed history yields right after `e`: among strong
//!   replicas at least one is correct.
//! * `e(i)` never falls, as far as anybody can see: see [`Rules::may_read`].
//! * Two strong quorums share a correct replica: `2 strong - n >= f + 1`.
//!
//! Give a request the place of its sequence, and a read that ended with `e` a place right after
//! `e`. This order agrees with real time:
//!
//! * *A request at `s` ended before a read began.* A correct replica of its strong quorum, which
//!   had executed `s` then, is among those whose answer the read took. It answered at `e >= s`.
//! * *A read with `e` ended before another with `e'` began.* The correct replica that both have in
//!   common was at `e` first and at `e'` later: `e' >= e`.
//! * *A read with `e` ended before a request began.* A correct replica had executed `e` then, so
//!   every sequence up to `e` was settled for ever, and the request has a later one.
//! * *A request ended before another began.* As without fast reads: a correct replica had executed
//!   the first, so the second has a later sequence.
//!
//! With weak replies the first two fail at once: the `f + 1` who answered the request and the
//! `f + 1` who answer the read need not share a correct replica.
//!
//! # Why the same state, and not only the same answer
//!
//! An answer can come back. Four replicas, the last one a traitor; a register is written `v` at 3,
//! `u` at 4, `v` again at 5. The request at 4 has ended. A first read hears `v` from a replica at
//! 3, from one at 5 and from the traitor; since 4 has ended it can only stand after 5. A second
//! read, after it, hears `u` from a replica that is at 4, from the first one, which has come to 4
//! meanwhile, and from the traitor; it can only stand between 4 and 5. No order has both.
//!
//! # Why it ends
//!
//! A read waits once, for as long as a request waits before it is sent again. A request ends
//! although strong replies are needed: each of the `n - f >= strong` correct replicas executes it
//! or is brought to a state that includes it, and then has the reply in its client table, which is
//! part of the state; the client asks until strong of them have answered. A replica that skipped
//! the request by state transfer and did not answer would make the client wait for ever as soon as
//! `f` others are silent; that is the hole which the paper of 2021 found.

use super::message::{Sequence, View};
use super::rules::{Effect, Rules};
use crate::auth::{Digest, PublicKey, Roster, Scope, Signature, Statement, Tag, Verifier};
use crate::fault::{Fault, Refusal};
use crate::node::{ClientId, Principal};
use crate::protocol::Admission;
use crate::wire::Bytes;
use serde::{Deserialize, Serialize};

/// READ(client, number, operation), signed by the client: never a request, nor the other way
/// round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Read<'a> {
    /// Who asks.
    pub client: ClientId,
    /// Not 0, and another one each time; it comes back with the answers.
    pub number: u64,
    /// What is asked, in the application's own terms.
    #[serde(borrow)]
    pub operation: Bytes<'a>,
    /// The client's signature.
    pub signature: Signature,
}

impl Read<'_> {
    /// The statement that the client signs.
    #[must_use]
    pub fn digest(&self, scope: &Scope) -> Digest {
        Statement::new(Tag::Read, scope, Principal::Client(self.client))
            .u64(self.number)
            .bytes(self.operation.0)
            .finish()
    }

    pub(super) fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        roster: &Roster<K>,
        verifier: &V,
    ) -> Result<Digest, Fault> {
        let digest = self.digest(roster.scope());
        roster.check(verifier, Principal::Client(self.client), &digest, &self.signature)?;
        Ok(digest)
    }
}

/// A replica's answer to a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReadReply<'a> {
    /// The replica's view, from which the client learns who is primary.
    pub view: View,
    /// Whose read it answers.
    pub client: ClientId,
    /// Which of its reads.
    pub number: u64,
    /// [`Digest::of`] the operation, so that a client that used a number twice is not misled.
    pub operation: Digest,
    /// The state that was read: the last sequence executed before.
    pub state: Sequence,
    /// The application's answer; none if the operation is answered in order only, or too long.
    #[serde(borrow)]
    pub answer: Option<Bytes<'a>>,
}

/// A client's read that the host is answering, or the last one that it answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reading {
    /// Whether the host has not answered yet.
    pub(super) open: bool,
    pub(super) number: u64,
    pub(super) operation: Digest,
    pub(super) state: Sequence,
    /// Bytes of the answer, if there is one.
    pub(super) length: Option<u32>,
}

impl Reading {
    pub(super) const NONE: Self =
        Self { open: false, number: 0, operation: Digest::ZERO, state: Sequence(0), length: None };
}

impl Rules<'_> {
    /// The cheap checks of a read, before its signature's.
    pub(super) fn admit_read(&self, from: Principal, read: &Read<'_>) -> Admission {
        let Principal::Client(sender) = from else { return Admission::Refused(Fault::NotAllowed) };
        if !self.node.config.switches.fast_reads {
            return Admission::Refused(Fault::NotAllowed);
        }
        if sender != read.client {
            return Admission::Refused(Fault::Impersonation);
        }
        let Some(reading) = self.memory.reads.get(sender.index()) else {
            return Admission::Refused(Fault::OutOfBounds);
        };
        let fits = read.operation.0.len() <= self.node.sizes.operation_bytes();
        if read.number == 0 || !fits {
            return Admission::Refused(Fault::OutOfBounds);
        }
        if reading.open || !self.may_read() { Admission::Known } else { Admission::Verify }
    }

    /// Whether the application's state may be shown: it is that of a whole batch, nothing speaks
    /// against it, none is being fetched in its place, and it is not older than one that this
    /// replica may have shown already. That last one can happen after a restart, which executes
    /// anew what was executed before, and after a wrong state was replaced by an older one.
    pub(super) fn may_read(&self) -> bool {
        self.node.config.switches.fast_reads
            && !self.node.is_mute()
            && self.node.executing.is_none()
            && !self.node.diverged
            && self.node.transfer.is_none()
            && self.node.executed >= self.node.reads_from
    }

    /// A client wants to know something now. Nothing is kept but that the host is asked: one read
    /// of a client at a time.
    pub(super) fn on_read(&mut self, from: Principal, read: &Read<'_>) {
        if self.admit_read(from, read) != Admission::Verify {
            return;
        }
        let (client, state) = (read.client, self.node.executed);
        let Some(reading) = self.memory.reads.get_mut(client.index()) else { return };
        let (number, operation) = (read.number, Digest::of(read.operation.0));
        *reading = Reading { open: true, number, operation, state, length: None };
        self.emit(Effect::Read { client });
    }

    /// The host answered a read.
    pub(super) fn on_answered(&mut self, client: ClientId, answer: Option<&[u8]>) {
        let reading = self.memory.reads.get_mut(client.index()).filter(|reading| reading.open);
        let Some(reading) = reading else { return self.refuse(Refusal::NotReading { client }) };
        reading.open = false;
        reading.length = answer.and_then(|answer| {
            self.memory.answer.get_mut(..answer.len())?.copy_from_slice(answer);
            u32::try_from(answer.len()).ok()
        });
        self.emit(Effect::ReadReply { client });
    }

    /// The state that open reads would be answered from is given up. From now on no state is
    /// shown that is older than what was executed in it.
    pub(super) fn close_reads(&mut self) {
        for reading in self.memory.reads.iter_mut() {
            *reading = Reading::NONE;
        }
        self.node.reads_from = self.node.reads_from.max(self.node.executed);
    }

    /// After a restart: the last sequence whose effects this replica may have shown before it.
    /// Whatever it executed is in its records: a batch before the first vote on it, or as it was
    /// taken from a quorum; a state that was installed as a checkpoint that it vouched for. NULL
    /// needs no record, and changes nothing that could be seen.
    pub(super) fn restore_reads(&mut self) {
        let slots = self.memory.slots.iter();
        let kept = slots.filter(|slot| slot.history.pre_prepared.iter().any(Option::is_some));
        let batches = kept.map(|slot| slot.history.sequence);
        let own = self.checkpoints_of(self.node.me()).iter().map(|vote| vote.sequence);
        self.node.reads_from = batches.chain(own).fold(self.node.executed, Sequence::max);
    }
}
