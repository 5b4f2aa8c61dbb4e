//! What can be wrong, and whose wrong it is.

pub use crate::evidence::{
    Evidence, EvidenceError, Excuse, Finding, SignedFrame, SignedOrder, verify,
};

use crate::node::ClientId;

/// A wrong that a peer did: it lied, forged, or broke a rule that no correct node breaks.
///
/// A fault is reported by [`Output::Accuse`](crate::Output::Accuse) and changes nothing but what is
/// known of that peer: what it has left to spend and, in a slot of [`lockstep`](crate::lockstep),
/// that it did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// Bytes that are no message: wrong tag, wrong length, padded numbers, a rest at the end.
    Malformed,
    /// An id, index, length or count outside of its bounds.
    OutOfBounds,
    /// A signature that does not verify.
    Forged,
    /// A statement in the name of somebody else than the sender.
    Impersonation,
    /// A kind of message that this sender may not send.
    NotAllowed,
    /// Two different statements where a correct node makes one.
    Equivocation,
    /// A proposal by a node that is not the primary of its view.
    NotPrimary,
    /// A batch that breaks the rules of batches: empty, too long, or one client twice.
    BadBatch,
    /// A VIEW-CHANGE that contradicts itself: unordered, out of its window, of an impossible view.
    BadViewChange,
    /// A NEW-VIEW whose conclusion does not follow from the VIEW-CHANGEs that it names.
    BadNewView,
    /// A body or a state that does not have the digest that was asked for.
    BadContent,
    /// A checkpoint digest that a strong quorum contradicts, or its own sender does: its state is
    /// or was wrong. No proof of a lie: a bit of it may have flipped.
    WrongDigest,
    /// A message that came after its round had closed; a signed order with fewer signatures than
    /// the open round demands is one.
    Late,
    /// Nothing came in a round in which this node had to speak.
    Missing,
    /// A message about another instance of the protocol than the one that it was sent to.
    WrongInstance,
    /// An oral message along a path that no loyal general's message takes.
    OffPath,
    /// A signed order whose chain of signers breaks the rules of chains: not begun by the
    /// commander, one of them twice, or the receiver among them.
    BadChain,
    /// A third value: a loyal general relays two at most.
    ThirdValue,
    /// More than its share of what is looked at in a round.
    OverBudget,
    /// It did not send in time what it vouched for, or told that it has less than that. No
    /// proof of a wrong: its link may be slow, or its disk lost.
    Stalled,
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "sent bytes that are no message",
            Self::OutOfBounds => "named an id, an index or a length out of its bounds",
            Self::Forged => "sent a signature that does not verify",
            Self::Impersonation => "spoke in the name of somebody else",
            Self::NotAllowed => "sent a kind of message that it may not send",
            Self::Equivocation => "said two different things where there is one to say",
            Self::NotPrimary => "acted as primary of a view that is not its own",
            Self::BadBatch => "sent a batch that breaks the rules of batches",
            Self::BadViewChange => "sent a VIEW-CHANGE that contradicts itself",
            Self::BadNewView => "sent a NEW-VIEW that does not follow from what it names",
            Self::BadContent => "served a body or a state that was not asked for",
            Self::WrongDigest => "vouched for a state that a strong quorum contradicts",
            Self::Late => "spoke after the round had closed",
            Self::Missing => "said nothing in a round in which it had to speak",
            Self::WrongInstance => "spoke about another instance of the protocol",
            Self::OffPath => "sent an order along a path that no loyal general uses",
            Self::BadChain => "sent an order whose chain of signers breaks the rules",
            Self::ThirdValue => "relayed a third value where two are enough",
            Self::OverBudget => "sent more than its share of what is looked at in a round",
            Self::Stalled => "did not send in time what it vouched for",
        })
    }
}

/// A wrong that the host did. The input was not consumed and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// The outputs of the step before were not drained. They follow this refusal; step again.
    Undrained,
    /// Sequence numbers, views or timestamps have run out. The cluster needs a new epoch.
    Exhausted,
    /// A reply for a client that the batch under execution does not wait for; or that batch was
    /// given up, since another state is being installed or this one turned out wrong.
    NotExecuting {
        /// The client named by the command.
        client: ClientId,
    },
    /// A digest for a checkpoint that this node did not ask to capture.
    NotCapturing {
        /// The sequence named by the command.
        sequence: u64,
    },
    /// A client with one operation outstanding was given another.
    Outstanding,
    /// An operation, or a reply, that is longer than the cluster's constants allow.
    TooLong {
        /// The most bytes that fit.
        limit: usize,
    },
    /// This node missed its own deadline in this round: it was woken too late for its peers to
    /// hear it in time. It counts itself faulty, says no more, and decides nothing.
    MissedDeadline {
        /// The round, counted from 1; one more than there are if the end was missed.
        round: u8,
    },
    /// Up to this round, more peers were silent, late or wrong in one slot of
    /// [`lockstep`](crate::lockstep) than may be faulty: at least one of them is loyal, so it was
    /// this node that was not there when they spoke. It counts itself faulty, says no more in the
    /// slot, and decides nothing. Frames that do not decode or verify are not counted.
    CutOff {
        /// The round, counted from 1; 0 before the first.
        round: u8,
    },
    /// A state that enough peers vouch for was made with other constants than this node has.
    WrongConstants,
    /// An order for a general that does not command this instance.
    NotCommander,
    /// An order after the first round had begun.
    Begun,
    /// A peer holds a VIEW-CHANGE or NEW-VIEW that this replica signed and that its log does not
    /// know: the log is older than what the replica has said, as after a backup was restored. It
    /// takes no part any more. The host stops it and starts it again as one that has lost its log.
    OldLog {
        /// The view of that message.
        view: u64,
    },
    /// An answer to a client's read that this node does not wait for.
    NotReading {
        /// The client named by the command.
        client: ClientId,
    },
    /// A state, or pieces of one, for a checkpoint that this node is not fetching; more pieces
    /// than there was room for; or a client table that is not that of the checkpoint.
    NotFetching {
        /// The sequence named by the command.
        sequence: u64,
    },
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Undrained => f.write_str("the outputs of the step before were not drained"),
            Self::Exhausted => f.write_str("numbers have run out: start a new epoch"),
            Self::NotExecuting { client } => {
                write!(f, "no request of client {} is being executed", client.0)
            }
            Self::NotCapturing { sequence } => {
                write!(f, "no capture of checkpoint {sequence} was asked for")
            }
            Self::Outstanding => f.write_str("an operation of this client is still outstanding"),
            Self::TooLong { limit } => write!(f, "longer than the {limit} bytes that are allowed"),
            Self::MissedDeadline { round } => {
                write!(f, "woken too late for round {round}: this node counts itself faulty")
            }
            Self::CutOff { round } => write!(
                f,
                "up to round {round} more peers were silent, late or wrong than may be faulty: \
                 this node counts itself faulty"
            ),
            Self::WrongConstants => {
                f.write_str("the others' state has other sizes: compare the configurations")
            }
            Self::NotCommander => f.write_str("only the commander gives an order"),
            Self::Begun => f.write_str("the first round has begun: the order comes too late"),
            Self::OldLog { view } => write!(
                f,
                "what this replica signed for view {view} is not in its log: the log is old, start \
                 again as a replica that has lost it"
            ),
            Self::NotReading { client } => {
                write!(f, "no read of client {} waits for an answer", client.0)
            }
            Self::NotFetching { sequence } => {
                write!(f, "this is not what checkpoint {sequence} lacks")
            }
        }
    }
}

impl core::error::Error for Refusal {}

/// Sizes or settings that cannot work; the sentence says which and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConfigError(pub(crate) &'static str);

impl core::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for ConfigError {}
