//! Why a camp cannot be joined, or an agreement in it ended without a report.

use super::army::ArmyError;
use quorate::{NodeId, Refusal};
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a general does not begin, or could not go on.
#[derive(Debug)]
pub enum CampError {
    /// The constants of the army cannot work.
    Army(ArmyError),
    /// There is no general of this id in the army.
    NoSuchGeneral {
        /// The id.
        me: NodeId,
        /// Generals of the army.
        generals: usize,
    },
    /// The secret key is not the one whose public half the army knows.
    WrongKey(NodeId),
    /// The address cannot be listened at.
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The system has no thread or no poll for it.
    System(io::Error),
    /// The protocol takes a peer's word for who it is, and the links do not prove it.
    PlainLinks,
    /// The general was made for another id than its camp.
    OtherGeneral {
        /// The general's id.
        general: NodeId,
        /// The id that the camp is of.
        camp: NodeId,
    },
    /// The general was made for another number of generals than the army has.
    OtherSize {
        /// How many generals it counts.
        counted: usize,
        /// Generals of the army.
        generals: usize,
    },
    /// The general has begun its rounds before.
    Begun,
    /// The general does not take the order.
    Order(Refusal),
    /// What the general has to say in a round does not fit into a frame.
    FrameTooLong {
        /// Bytes of the frame.
        bytes: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// The sockets cannot be waited for.
    Network(io::Error),
}

impl fmt::Display for CampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Army(error) => error.fmt(f),
            Self::NoSuchGeneral { me, generals } => {
                write!(f, "there is no general {}: the army has {generals}, from 0 on", me.0)
            }
            Self::WrongKey(me) => write!(
                f,
                "the secret key is not that of general {}: its public half is not the one that \
                 the army lists",
                me.0
            ),
            Self::Listen { address, error } => write!(
                f,
                "cannot listen at {address}: {error}. Is another process there, or is the address \
                 of another machine?"
            ),
            Self::System(error) => write!(f, "the system refused a thread or a socket: {error}"),
            Self::PlainLinks => f.write_str(
                "this protocol takes a general's word for what it says, so its links must prove \
                 who speaks, and plain links do not: anybody could speak for all. Use authentic \
                 links (HMAC or Ed25519), or signed messages, SM(m)",
            ),
            Self::OtherGeneral { general, camp } => {
                write!(f, "general {} cannot speak from the camp of {}", general.0, camp.0)
            }
            Self::OtherSize { counted, generals } => write!(
                f,
                "the general was made for an army of {counted} generals, and this one has \
                 {generals}"
            ),
            Self::Begun => f.write_str(
                "the general has begun its rounds before: make, or renew, one for each agreement",
            ),
            Self::Order(refusal) => write!(f, "the order is refused: {refusal}"),
            Self::FrameTooLong { bytes, limit } => write!(
                f,
                "a frame of {bytes} bytes is longer than frame_bytes, {limit}: no peer would take \
                 it. Raise frame_bytes at all generals"
            ),
            Self::Network(error) => write!(f, "the sockets cannot be waited for: {error}"),
        }
    }
}

impl std::error::Error for CampError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Army(error) => Some(error),
            Self::Listen { error, .. } | Self::System(error) | Self::Network(error) => Some(error),
            Self::Order(refusal) => Some(refusal),
            _ => None,
        }
    }
}
