//! Evidence: what somebody signed that no correct principal signs, for anybody to check.
//!
//! An accusation is one node's word. Evidence is not: whoever has the roster recomputes the
//! statements in it, checks the signatures, and reaches the verdict that everybody else reaches.
//! It is data, found by whoever happened to hold both statements, encoded by
//! [`wire::encode`](crate::wire::encode), decoded by [`wire::decode`](crate::wire::decode) from
//! bytes of any origin, and judged by [`verify`] before it is shown and after it was received.
//!
//! # What it proves
//!
//! That the owner of a key signed what is shown, in this cluster and epoch, and that a correct
//! owner *with its memory whole* never signs it. Nobody can make evidence against a node that
//! keeps the protocol and its log: its statements are signed after what they say is durable, and
//! no part of what it signed is another statement, since each begins with its domain, its cluster
//! and its author and ends where it says.
//!
//! A node that *lost its log* and went on is another matter. It may repeat, with other content, a
//! VIEW-CHANGE or NEW-VIEW that it forgot: those name no sequence above which it keeps silent. A
//! client whose memory is lost and whose clock was set back may use a timestamp twice, and a
//! commander may number two agreements alike. Those have the excuse [`Excuse::LostMemory`]: the
//! evidence shows a traitor, or one whose operator let it forget, and operators know which. Votes
//! (PRE-PREPARE, PREPARE, COMMIT) are not excused: a replica that recovers without its log votes
//! at no sequence at which it may have voted before.
//!
//! A replica whose *state was wrong*, because a bit of it flipped or the application is not
//! deterministic, and that found out and fetched the right one, has vouched for both in good
//! faith. Two CHECKPOINTs show that one of two states was wrong and whose, and never that anybody
//! lied: their excuse is [`Excuse::DamagedState`].
//!
//! What is *not* here: lies that take the context of an execution to see (a wrong reply, a
//! NEW-VIEW that does not follow from the VIEW-CHANGEs it names), and everything said over HMAC
//! links, which either end could have made up. Those stay accusations.
//!
//! And a primary that proposes one batch to one backup and another to the other is *not* proved
//! to have done so by what each of them holds, with signed links either. Each has one signed
//! PRE-PREPARE; the PREPARE of the other that names another batch is signed by the other, who may
//! have made it up. Two frames that two replicas received prove it ([`Evidence::Frames`] does not
//! ask who received them), but nobody sends his to the other: such a primary is replaced, its
//! lie divides nobody, and the blame stays in doubt between it and the backup. It is proved where
//! both frames meet: when it says both to one replica.

use crate::auth::{Digest, PublicKey, Roster, Scope, Signature, Statement, Tag, Verifier};
use crate::fault::Fault;
use crate::link::{Direction, HEADER, Hello, PROTOCOL, Proof, signed_prefix};
use crate::node::{NodeId, Principal};
use crate::pbft::{Message, NewView, Request, ViewChange};
use crate::quorum::Quorum;
use crate::rounds::Instance;
use crate::wire::{self, Bytes};
use core::fmt;
use serde::{Deserialize, Serialize};

/// What somebody signed and should not have: two statements that contradict each other, in any
/// order, or one that contradicts itself.
///
/// Numbers of variants are part of the format: append only. It borrows the bytes it was decoded
/// from and is as long as its statements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "it lives for one judgement, and there is no heap")]
pub enum Evidence<'a> {
    /// Two requests of one client of a PBFT cluster with one timestamp.
    Requests(#[serde(borrow)] Request<'a>, #[serde(borrow)] Request<'a>),
    /// The same of a lockstep cluster.
    LockstepRequests(#[serde(borrow)] Request<'a>, #[serde(borrow)] Request<'a>),
    /// Two VIEW-CHANGEs of one replica for one view.
    ViewChanges(#[serde(borrow)] ViewChange<'a>, #[serde(borrow)] ViewChange<'a>),
    /// Two NEW-VIEWs of one view by its primary.
    NewViews(#[serde(borrow)] NewView<'a>, #[serde(borrow)] NewView<'a>),
    /// A VIEW-CHANGE that contradicts itself.
    ViewChange(#[serde(borrow)] ViewChange<'a>),
    /// A NEW-VIEW that no VIEW-CHANGEs could lead to, or by one who does not lead its view.
    NewView(#[serde(borrow)] NewView<'a>),
    /// Two orders of one commander in one agreement by signed messages.
    Orders {
        /// Which agreement; its commander is who is accused.
        instance: Instance,
        /// An order.
        #[serde(borrow)]
        first: SignedOrder<'a>,
        /// Another one.
        #[serde(borrow)]
        second: SignedOrder<'a>,
    },
    /// Two signed frames of one replica, whoever received them: two PRE-PREPAREs, PREPAREs or
    /// COMMITs for one view and sequence, or two CHECKPOINTs for one sequence.
    Frames(#[serde(borrow)] SignedFrame<'a>, #[serde(borrow)] SignedFrame<'a>),
}

/// A commander's own signature under its order, the first of every chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SignedOrder<'a> {
    /// The order as it is encoded on the wire.
    #[serde(borrow)]
    pub value: Bytes<'a>,
    /// The commander's signature of [`sm::statement`](crate::sm::statement).
    pub signature: Signature,
}

/// A PBFT message as it came over a link with Ed25519 proofs, and all that its signature covers:
/// with it a third party recomputes what the sender signed.
///
/// It proves that the sender said this to this receiver in the session of these two nonces. The
/// nonces and the counter need not be believed: they only have to be those that were signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SignedFrame<'a> {
    /// Who sent it.
    pub from: NodeId,
    /// Who received it.
    pub to: Principal,
    /// The nonces of their hellos: the sender's, then the receiver's.
    pub nonces: [[u8; 32]; 2],
    /// The number of the frame in its session.
    pub counter: u64,
    /// What was said: the payload is [`PROTOCOL`] and this, as it is encoded.
    #[serde(borrow)]
    pub message: Message<'a>,
    /// The proof at the end of the frame.
    pub signature: Signature,
}

impl<'a> SignedFrame<'a> {
    /// Takes a frame of an Ed25519 session apart: `from` is the hello of its sender, `to` that of
    /// its receiver. `None` if it is not a frame with a message of the protocol. Nothing is
    /// verified: whoever received it opened it before.
    #[must_use]
    pub fn of(frame: &'a [u8], from: &Hello, to: &Hello) -> Option<Self> {
        let Principal::Node(sender) = from.from else { return None };
        let (header, rest) = frame.split_first_chunk::<HEADER>()?;
        let (payload, signature) = rest.split_last_chunk::<64>()?;
        let message = payload.strip_prefix(&[PROTOCOL])?;
        let (_, counter) = header.split_last_chunk::<8>()?;
        Some(Self {
            from: sender,
            to: to.from,
            nonces: [from.nonce, to.nonce],
            counter: u64::from_le_bytes(*counter),
            message: wire::decode(message).ok()?,
            signature: Signature::from_bytes(*signature),
        })
    }

    /// What the sender signed.
    fn digest(&self, scope: &Scope) -> Digest {
        let (me, [mine, theirs]) = (Principal::Node(self.from), self.nonces);
        let hello = |from, to, nonce| {
            let Scope { cluster, epoch, .. } = *scope;
            Hello { cluster, epoch, from, to, nonce, proof: Proof::Ed25519 }
        };
        let (from, to) = (hello(me, self.to, mine), hello(self.to, me, theirs));
        let header = Direction::new(Proof::Ed25519, me).header(self.counter);
        let length = (wire::encoded_len(&self.message) as u64).saturating_add(1);
        let mut payload = signed_prefix(scope.profile, &from, &to).bytes(&header).u64(length);
        payload.absorb(&[PROTOCOL]);
        wire::absorb(payload, &self.message).finish()
    }
}

/// What evidence shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Finding {
    /// Who did it.
    pub who: Principal,
    /// What it did.
    pub fault: Fault,
    /// What could have led one who keeps the protocol to do it; `None`: nothing.
    pub excuse: Option<Excuse>,
}

/// A misfortune that makes one who keeps the protocol sign two things where there is one to sign.
/// Evidence with an excuse shows a traitor or a misfortune, and cannot tell which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Excuse {
    /// It lost what it had to remember.
    LostMemory,
    /// Its state was wrong for a while, and was repaired.
    DamagedState,
}

/// Why something shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EvidenceError {
    /// It is about somebody who is not in the roster.
    Unknown(Principal),
    /// Two statements that may both be made: of two authors, of two kinds, or about two things.
    Unrelated,
    /// The same statement twice.
    Equal,
    /// A statement that a correct principal may make.
    Blameless,
    /// A signature that is not the accused's under this statement in this cluster and epoch.
    Forged,
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown(_) => "the accused is not a member of this cluster",
            Self::Unrelated => "the two statements do not contradict each other",
            Self::Equal => "the two statements are one",
            Self::Blameless => "the statement breaks no rule",
            Self::Forged => "a signature in it is not the accused's in this cluster",
        })
    }
}

impl core::error::Error for EvidenceError {}

/// Checks evidence with nothing but the roster: its producer before it shows it, and everybody
/// else after. All reach the same verdict. Costs two verifications at most, and none where the
/// statements could stand beside each other.
///
/// ```
/// use quorate::fault::{Evidence, Finding, verify};
/// # use quorate::{Roster, PublicKey, Verifier};
/// # fn show<V: Verifier>(bytes: &[u8], roster: &Roster<Vec<PublicKey>>, verifier: &V) {
/// // `bytes` came from anybody.
/// if let Ok(evidence) = quorate::wire::decode::<Evidence<'_>>(bytes)
///     && let Ok(Finding { who, fault, .. }) = verify(&evidence, roster, verifier)
/// {
///     println!("{who:?} {fault}");
/// }
/// # }
/// ```
///
/// # Errors
/// The first thing that keeps it from showing anything, in this order: an unknown principal,
/// statements that do not contradict, a signature that is not the accused's.
pub fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
    evidence: &Evidence<'_>,
    roster: &Roster<K>,
    verifier: &V,
) -> Result<Finding, EvidenceError> {
    let who = evidence.accused();
    if roster.key(who).is_none() {
        return Err(EvidenceError::Unknown(who));
    }
    let (fault, excuse) = evidence.charge(roster.nodes())?;
    for (statement, signature) in evidence.statements(roster.scope()).into_iter().flatten() {
        let held = roster.check(verifier, who, &statement, &signature);
        held.map_err(|_| EvidenceError::Forged)?;
    }
    Ok(Finding { who, fault, excuse })
}

impl<'a> Evidence<'a> {
    /// The contradiction between two messages of PBFT, if one signed statement in the first and
    /// one in the second are of one author and cannot both be a correct one's: what a replica
    /// kept, and what came. Not judged yet: that is [`verify`]'s.
    #[must_use]
    pub fn between(kept: Message<'a>, came: Message<'a>) -> Option<Self> {
        Some(match (kept, came) {
            (Message::ViewChange(first), Message::ViewChange(second)) => {
                Self::ViewChanges(first, second)
            }
            (Message::NewView(first), Message::NewView(second)) => Self::NewViews(first, second),
            (Message::Request(first), Message::Request(second)) => Self::Requests(first, second),
            (Message::Request(first), Message::PrePrepare { batch, .. }) => {
                let second = batch.iter().find(|request| request.client == first.client)?;
                Self::Requests(first, second)
            }
            _ => return None,
        })
    }

    /// The one statement of a message that contradicts itself, if its author signed it, in a
    /// cluster of `n` replicas. Not judged yet: who passed it on need not be who signed it.
    #[must_use]
    pub fn of(came: Message<'a>, n: usize) -> Option<Self> {
        let statement = match came {
            Message::ViewChange(change) => Self::ViewChange(change),
            Message::NewView(new_view) => Self::NewView(new_view),
            _ => return None,
        };
        statement.charge(n).is_ok().then_some(statement)
    }

    /// Whom it is about.
    #[must_use]
    pub const fn accused(&self) -> Principal {
        match self {
            Self::Requests(request, _) | Self::LockstepRequests(request, _) => {
                Principal::Client(request.client)
            }
            Self::ViewChanges(change, _) | Self::ViewChange(change) => {
                Principal::Node(change.author)
            }
            Self::NewViews(new_view, _) | Self::NewView(new_view) => {
                Principal::Node(new_view.author)
            }
            Self::Orders { instance, .. } => Principal::Node(instance.commander),
            Self::Frames(frame, _) => Principal::Node(frame.from),
        }
    }

    /// What it shows if its signatures hold, and what excuses it.
    fn charge(&self, n: usize) -> Result<Charge, EvidenceError> {
        match self {
            Self::Requests(a, b) | Self::LockstepRequests(a, b) => {
                let related = (a.client, a.timestamp) == (b.client, b.timestamp);
                two(related, a.operation != b.operation)
            }
            Self::ViewChanges(a, b) => {
                let related = (a.author, a.view) == (b.author, b.view);
                let unsigned = |it: &ViewChange<'a>| (it.stable, it.checkpoints, it.histories);
                two(related, unsigned(a) != unsigned(b))
            }
            Self::NewViews(a, b) => {
                let related = (a.author, a.view) == (b.author, b.view);
                two(related, (a.view_changes, a.chosen) != (b.view_changes, b.chosen))
            }
            Self::ViewChange(change) if change.well_formed() => Err(EvidenceError::Blameless),
            Self::ViewChange(_) => Ok((Fault::BadViewChange, None)),
            Self::NewView(new_view) => {
                new_view.check(n).map_err(|fault| (fault, None)).map_or_else(Ok, |()| {
                    if names_a_quorum(new_view, n) {
                        Err(EvidenceError::Blameless)
                    } else {
                        Ok((Fault::BadNewView, None))
                    }
                })
            }
            Self::Orders { first, second, .. } => two(true, first.value != second.value),
            Self::Frames(a, b) if a.from != b.from => Err(EvidenceError::Unrelated),
            Self::Frames(a, b) => said(&a.message, &b.message),
        }
    }

    /// What was signed, and the signatures under it.
    fn statements(&self, scope: &Scope) -> [Option<(Digest, Signature)>; 2] {
        let request = |it: &Request<'_>, tag| Some((it.statement(tag, scope), it.signature));
        let change = |it: &ViewChange<'_>| Some((it.digest(scope), it.signature));
        let new_view = |it: &NewView<'_>| Some((it.digest(scope), it.signature));
        let frame = |it: &SignedFrame<'_>| Some((it.digest(scope), it.signature));
        match self {
            Self::Requests(a, b) => [a, b].map(|it| request(it, Tag::Request)),
            Self::LockstepRequests(a, b) => [a, b].map(|it| request(it, Tag::LockstepRequest)),
            Self::ViewChanges(a, b) => [change(a), change(b)],
            Self::NewViews(a, b) => [new_view(a), new_view(b)],
            Self::ViewChange(it) => [change(it), None],
            Self::NewView(it) => [new_view(it), None],
            Self::Orders { instance, first, second } => [first, second].map(|order| {
                let statement = Statement::new(Tag::Order, scope, self.accused())
                    .u64(instance.number)
                    .u64(instance.commander.0.into())
                    .bytes(order.value.0)
                    .u64(0);
                Some((statement.finish(), order.signature))
            }),
            Self::Frames(a, b) => [frame(a), frame(b)],
        }
    }
}

/// A fault, and what excuses it.
type Charge = (Fault, Option<Excuse>);

/// The charge of saying two things where there is one to say.
const fn two(related: bool, differ: bool) -> Result<Charge, EvidenceError> {
    match (related, differ) {
        (false, _) => Err(EvidenceError::Unrelated),
        (true, false) => Err(EvidenceError::Equal),
        (true, true) => Ok((Fault::Equivocation, Some(Excuse::LostMemory))),
    }
}

/// The charge of having said both of these over links.
fn said(first: &Message<'_>, second: &Message<'_>) -> Result<Charge, EvidenceError> {
    let (related, charge) = match (first, second) {
        (
            Message::PrePrepare { view, sequence, .. },
            Message::PrePrepare { view: other_view, sequence: other, .. },
        ) => ((view, sequence) == (other_view, other), (Fault::Equivocation, None)),
        (Message::Prepare(a), Message::Prepare(b)) | (Message::Commit(a), Message::Commit(b)) => {
            ((a.view, a.sequence) == (b.view, b.sequence), (Fault::Equivocation, None))
        }
        // One of the two states was wrong, by treason or by a broken memory.
        (Message::Checkpoint { sequence, .. }, Message::Checkpoint { sequence: other, .. }) => {
            (sequence == other, (Fault::WrongDigest, Some(Excuse::DamagedState)))
        }
        _ => (false, (Fault::Equivocation, None)),
    };
    two(related, first != second).map(|_| charge)
}

/// Whether a NEW-VIEW names a strong quorum of members.
fn names_a_quorum(new_view: &NewView<'_>, n: usize) -> bool {
    let named = new_view.view_changes;
    let strong = Quorum::of(n).map_or(usize::MAX, |quorum| quorum.strong());
    (strong..=n).contains(&named.len()) && named.iter().all(|(node, _)| node.0 < n as u64)
}
