//! What replicas and clients say to each other, and what each of it must prove.

use super::history::{Histories, Pairs};
use super::merkle::{Place, piece_digest};
use super::read::{Read, ReadReply};
use crate::auth::Verifier;
use crate::auth::{Digest, PublicKey, Roster, Scope, Signature, Signed, Signer, Statement, Tag};
use crate::fault::Fault;
use crate::node::{ClientId, NodeId, Principal};
use crate::service::{Batch, Outcome, Request};
use crate::wire::Bytes;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A view: the reign of one primary, replica `view mod n`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct View(pub u64);

impl View {
    /// The primary of this view among `n` replicas (`n` is not zero).
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the remainder is below n, at most 64")]
    pub const fn primary(self, n: usize) -> NodeId {
        NodeId((self.0 % n as u64) as u8)
    }

    /// The view after this one; `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(view) => Some(Self(view)),
            None => None,
        }
    }
}

/// The place of a batch in the agreed history: 1 is the first, 0 stands for the initial state.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sequence(pub u64);

impl Sequence {
    /// The sequence after this one; `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        self.plus(1)
    }

    /// The sequence `count` later; `None` if there is none.
    #[must_use]
    pub const fn plus(self, count: u64) -> Option<Self> {
        match self.0.checked_add(count) {
            Some(sequence) => Some(Self(sequence)),
            None => None,
        }
    }
}

/// Everything that travels. Numbers of variants are part of the wire format: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Message<'a> {
    /// A client's signed request; from the client, or forwarded by a backup to the primary.
    #[serde(borrow)]
    Request(Request<'a>),
    /// A replica's answer to a client.
    Reply(Reply<'a>),
    /// The primary assigns a sequence to a batch.
    PrePrepare {
        /// The view of the proposal.
        view: View,
        /// The place of the batch in the history.
        sequence: Sequence,
        /// The batch itself; its digest is computed from it.
        batch: Batch<'a>,
    },
    /// A backup accepted the proposal.
    Prepare(Vote),
    /// A replica saw a strong quorum prepared.
    Commit(Vote),
    /// The digest of state and client table after a sequence.
    Checkpoint {
        /// The last sequence that the state includes.
        sequence: Sequence,
        /// The digest of state and client table.
        digest: Digest,
    },
    /// A replica leaves its view and reports its history; signed, so others may pass it on.
    ViewChange(ViewChange<'a>),
    /// The primary of a new view shows why its view begins as it does; signed.
    NewView(NewView<'a>),
    /// Where a replica stands: an invitation to send what it lacks.
    Status(Status),
    /// Asks for the batch with this digest.
    FetchBatch {
        /// Where it was proposed.
        sequence: Sequence,
        /// What was proposed.
        digest: Digest,
    },
    /// A batch that was asked for.
    Batch {
        /// Where it was proposed.
        sequence: Sequence,
        /// The batch; its digest says whether it is the right one.
        batch: Batch<'a>,
    },
    /// Asks for the VIEW-CHANGE of this author and digest.
    FetchViewChange {
        /// Who made it.
        author: NodeId,
        /// [`ViewChange::digest`].
        digest: Digest,
    },
    /// Asks for a piece of the state at a checkpoint.
    FetchState {
        /// The checkpoint.
        sequence: Sequence,
        /// Which piece.
        place: Place,
    },
    /// A piece of state or client table at a checkpoint. The host of the server makes it, see
    /// [`Decision::ServeState`](super::Decision::ServeState).
    State {
        /// The checkpoint.
        sequence: Sequence,
        /// Which piece.
        place: Place,
        /// The roots ([`Roots`](super::Roots)), the digests of a node's children one after the
        /// other, or the bytes of a page.
        bytes: Bytes<'a>,
    },
    /// A strong quorum committed this batch, in whatever view. Said to a replica that lacks it
    /// where the COMMITs themselves can no longer be had: their senders may be gone.
    Settled {
        /// The place of the batch in the history.
        sequence: Sequence,
        /// The digest of the batch.
        digest: Digest,
    },
    /// This replica has lost its log, or finds none and may be new. Where do you stand?
    Recover {
        /// Tells the answers to this question from those to an earlier one.
        nonce: u64,
        /// Whether it is known that there was a log.
        lost: bool,
        /// The sequence that must be stable before it can take part again; 0: not known yet.
        until: Sequence,
    },
    /// Where a replica stands, in answer to [`Message::Recover`].
    Estimate {
        /// Of the question.
        nonce: u64,
        /// Its last stable checkpoint.
        stable: Sequence,
        /// The highest sequence that it has prepared, or that is stable.
        prepared: Sequence,
        /// The view it is in, or is changing to.
        view: View,
        /// Whether it remembers a vote of the one who asks.
        heard: bool,
    },
    /// A replica has no room for a client's request, which it dropped.
    Busy(Busy),
    /// A client's signed question, answered without order; from the client alone.
    Read(Read<'a>),
    /// A replica's answer to it.
    ReadReply(ReadReply<'a>),
}

/// A replica's answer to a client for whose request it has no room now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Busy {
    /// Whose request it answers.
    pub client: ClientId,
    /// Which request it answers.
    pub timestamp: u64,
    /// After how many microseconds there may be room.
    pub retry_after: u64,
}

/// A PREPARE or a COMMIT; its author is who sent it over the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Vote {
    /// The view of the proposal.
    pub view: View,
    /// Its sequence.
    pub sequence: Sequence,
    /// The digest of its batch.
    pub digest: Digest,
}

/// A replica's answer to a client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reply<'a> {
    /// The replica's view, from which the client learns who is primary.
    pub view: View,
    /// Whose request it answers.
    pub client: ClientId,
    /// Which request it answers.
    pub timestamp: u64,
    /// How the request ended.
    pub outcome: Outcome,
    /// The application's reply.
    #[serde(borrow)]
    pub reply: Bytes<'a>,
}

/// Where a replica stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Status {
    /// The view it is in, or that it is changing to.
    pub view: View,
    /// Whether it is in that view: it has the NEW-VIEW, or the view is 0.
    pub active: bool,
    /// Its last stable checkpoint.
    pub stable: Sequence,
    /// The last sequence it executed.
    pub executed: Sequence,
    /// Whether it lacks something and wants to be helped.
    pub wanting: bool,
}

/// VIEW-CHANGE(v', h, C, P, Q) of Castro-Liskov 2002, section 3.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ViewChange<'a> {
    /// Who made it.
    pub author: NodeId,
    /// The view it wants to enter, v'.
    pub view: View,
    /// Its last stable checkpoint, h.
    pub stable: Sequence,
    /// The checkpoints it holds, C: stable and above, ascending.
    #[serde(borrow)]
    pub checkpoints: Pairs<'a>,
    /// What it prepared and pre-prepared above h, P and Q: one entry a sequence, ascending.
    pub histories: Histories<'a>,
    /// The author's signature over all of it.
    pub signature: Signature,
}

impl ViewChange<'_> {
    /// The digest by which a NEW-VIEW names this VIEW-CHANGE. It covers everything but the
    /// signature.
    #[must_use]
    pub fn digest(&self, scope: &Scope) -> Digest {
        Statement::new(Tag::ViewChange, scope, Principal::Node(self.author))
            .u64(self.view.0)
            .u64(self.stable.0)
            .bytes(self.checkpoints.bytes())
            .bytes(self.histories.bytes())
            .finish()
    }

    /// Whether it could come from a correct replica: C ascending from h, P and Q ascending above
    /// h, and no view in it at or above the one it wants.
    pub(crate) fn well_formed(&self) -> bool {
        let mut checkpoints = self.checkpoints.iter();
        let starts_at_stable = checkpoints.next().is_some_and(|(first, _)| first == self.stable);
        let views_past = self.histories.iter().all(|history| history.before(self.view));
        let above = self.histories.iter().all(|history| history.sequence > self.stable);
        starts_at_stable
            && self.checkpoints.ascending()
            && self.histories.well_formed()
            && above
            && views_past
            && self.view > View(0)
    }
}

/// NEW-VIEW(v', V, X) of Castro-Liskov 2002, section 3.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NewView<'a> {
    /// Who made it: the primary of the view.
    pub author: NodeId,
    /// The view that begins, v'.
    pub view: View,
    /// The VIEW-CHANGEs it follows from, V: author (as a sequence) and digest, ascending.
    #[serde(borrow)]
    pub view_changes: Pairs<'a>,
    /// What it begins with, X: sequence and digest of each batch chosen, ascending.
    pub chosen: Pairs<'a>,
    /// The primary's signature over all of it.
    pub signature: Signature,
}

impl NewView<'_> {
    /// Whether it could come from a correct primary of `n` replicas: as far as it shows by itself.
    ///
    /// # Errors
    /// [`Fault::BadNewView`] where its lists are not ascending or its view is 0, else
    /// [`Fault::NotPrimary`] where its author does not lead its view.
    pub(crate) fn check(&self, n: usize) -> Result<(), Fault> {
        let lists = [&self.view_changes, &self.chosen];
        if self.view == View(0) || !lists.iter().all(|list| list.ascending()) {
            return Err(Fault::BadNewView);
        }
        if n == 0 || self.author != self.view.primary(n) && !canary!("new_view_of_anyone") {
            return Err(Fault::NotPrimary);
        }
        Ok(())
    }

    /// The statement that the primary of the new view signs.
    #[must_use]
    pub fn digest(&self, scope: &Scope) -> Digest {
        Statement::new(Tag::NewView, scope, Principal::Node(self.author))
            .u64(self.view.0)
            .bytes(self.view_changes.bytes())
            .bytes(self.chosen.bytes())
            .finish()
    }
}

impl Message<'_> {
    /// The answer to a request for which there is no room. The core gives it where its pool is
    /// full; a host may where [`Admission::Later`](crate::Admission::Later) says to wait.
    #[must_use]
    pub fn busy(client: ClientId, timestamp: u64, after: Duration) -> Self {
        let retry_after = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        Self::Busy(Busy { client, timestamp, retry_after })
    }
}

impl Signed for Message<'_> {
    fn sign<S: Signer>(&mut self, me: Principal, scope: &Scope, signer: &S) {
        match self {
            Message::Request(request) if me == Principal::Client(request.client) => {
                request.signature = signer.sign(&request.digest(scope));
            }
            Message::ViewChange(change) if me == Principal::Node(change.author) => {
                change.signature = signer.sign(&change.digest(scope));
            }
            Message::NewView(new_view) if me == Principal::Node(new_view.author) => {
                new_view.signature = signer.sign(&new_view.digest(scope));
            }
            Message::Read(read) if me == Principal::Client(read.client) => {
                read.signature = signer.sign(&read.digest(scope));
            }
            _ => {}
        }
    }

    fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        from: Principal,
        roster: &Roster<K>,
        verifier: &V,
    ) -> Result<Digest, Fault> {
        if let (Principal::Client(sender), message) = (from, self) {
            return match message {
                Message::Request(request)
                    if request.client == sender || canary!("sender_not_bound") =>
                {
                    request.verify(roster, verifier)
                }
                Message::Read(read) if read.client == sender => read.verify(roster, verifier),
                Message::Request(_) | Message::Read(_) => Err(Fault::Impersonation),
                _ => Err(Fault::NotAllowed),
            };
        }
        match self {
            Message::Request(request) => request.verify(roster, verifier),
            Message::PrePrepare { batch, .. } if batch.bytes().is_empty() => Ok(batch.digest()),
            Message::PrePrepare { batch, .. } => {
                batch.check(roster.clients())?;
                for request in batch.iter() {
                    request.verify(roster, verifier)?;
                }
                Ok(batch.digest())
            }
            // Its digest is compared with one that a quorum voted for or a NEW-VIEW chose.
            Message::Batch { batch, .. } => {
                batch.check(roster.clients())?;
                Ok(batch.digest())
            }
            Message::ViewChange(change) => {
                if !change.well_formed() {
                    return Err(Fault::BadViewChange);
                }
                let digest = change.digest(roster.scope());
                let author = Principal::Node(change.author);
                roster.check(verifier, author, &digest, &change.signature)?;
                Ok(digest)
            }
            Message::NewView(new_view) => {
                new_view.check(roster.nodes())?;
                let digest = new_view.digest(roster.scope());
                let author = Principal::Node(new_view.author);
                roster.check(verifier, author, &digest, &new_view.signature)?;
                Ok(digest)
            }
            Message::Read(read) => read.verify(roster, verifier),
            Message::FetchState { place, .. } | Message::State { place, .. }
                if !place.is_possible() =>
            {
                Err(Fault::OutOfBounds)
            }
            // Bytes that no piece can have are a wrong answer to whatever was asked.
            Message::State { sequence, place, bytes } => {
                Ok(piece_digest(*sequence, *place, bytes.0).unwrap_or(Digest::ZERO))
            }
            Message::FetchViewChange { author, .. } if author.index() >= roster.nodes() => {
                Err(Fault::OutOfBounds)
            }
            _ => Ok(Digest::ZERO),
        }
    }
}
