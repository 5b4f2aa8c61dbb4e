//! What can be wrong, and whose wrong it is.

use crate::node::ClientId;

/// A wrong that a peer did: it lied, forged, or broke a rule that no correct node breaks.
///
/// A fault is reported by [`Output::Accuse`](crate::Output::Accuse) and changes nothing else.
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
    /// A checkpoint digest that a strong quorum contradicts.
    WrongDigest,
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
    /// A reply for a client that the batch under execution does not wait for.
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
        }
    }
}

impl core::error::Error for Refusal {}
