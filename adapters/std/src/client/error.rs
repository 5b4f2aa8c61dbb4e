//! What can keep an operation from its reply.

use crate::cluster::ClusterError;
use quorate::{ClientId, NodeId, pbft};
use std::fmt;
use std::io;
use std::time::Duration;

/// Why a client did not start.
#[derive(Debug)]
pub enum ClientError {
    /// The constants of the cluster cannot work.
    Cluster(ClusterError),
    /// No session was given.
    NoSession,
    /// Two sessions of one client id: each needs an id and a key of its own.
    DuplicateSession(ClientId),
    /// The secret key is not the one whose public half the cluster lists for this client.
    WrongKey(ClientId),
    /// The system has no thread or no poll for it.
    System(io::Error),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(error) => error.fmt(f),
            Self::NoSession => f.write_str("a client needs one session at least"),
            Self::DuplicateSession(client) => {
                write!(f, "client {} has two sessions: each needs a key of its own", client.0)
            }
            Self::WrongKey(client) => write!(
                f,
                "the secret key is not that of client {}: its public half is not the one that \
                 the cluster lists",
                client.0
            ),
            Self::System(error) => write!(f, "the system refused a thread or a socket: {error}"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cluster(error) => Some(error),
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

/// Why an operation has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is longer than the cluster's constants allow. It was not sent.
    TooLong {
        /// Bytes of the longest operation.
        limit: usize,
    },
    /// Too many operations wait for a session. It was not sent.
    Busy,
    /// The client was closed. An operation that was under way may have been executed.
    Closed,
    /// It was executed; its reply was longer than the cluster's constants allow.
    ReplyTooLong,
    /// A later request of the same client was executed first: somebody else uses its key.
    Stale,
    /// No answer in time. It may have been executed, or may yet be.
    TimedOut,
    /// The client's timestamps are used up: it needs a new key.
    Exhausted,
    /// The cluster had no room for it until it was given up. It may have been executed, or may
    /// yet be.
    ClusterBusy {
        /// When there may be room.
        retry_after: Duration,
    },
}

impl From<pbft::Failure> for Failure {
    fn from(failure: pbft::Failure) -> Self {
        match failure {
            pbft::Failure::ReplyTooLong => Self::ReplyTooLong,
            pbft::Failure::Stale => Self::Stale,
            pbft::Failure::TimedOut => Self::TimedOut,
            pbft::Failure::Busy { retry_after } => Self::ClusterBusy { retry_after },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => {
                write!(f, "the operation is longer than the {limit} bytes that are allowed")
            }
            Self::Busy => f.write_str("too many operations wait for a session: try again later"),
            Self::Closed => f.write_str("the client was closed"),
            Self::ReplyTooLong => f.write_str("executed, but the reply is too long to be sent"),
            Self::Stale => f.write_str("somebody else uses this client's key"),
            Self::TimedOut => f.write_str("no answer in time; it may have been executed or not"),
            Self::ClusterBusy { .. } => {
                f.write_str("the cluster is busy; it may have been executed or not")
            }
            Self::Exhausted => f.write_str("the client's timestamps are used up: use a new key"),
        }
    }
}

impl std::error::Error for Failure {}

/// Why there is no report of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusError {
    /// There is no replica of this id.
    NoSuchNode(NodeId),
    /// It did not answer in time, or could not be reached.
    TimedOut(NodeId),
    /// The client was closed.
    Closed,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNode(node) => write!(f, "there is no replica {}", node.0),
            Self::TimedOut(node) => write!(f, "replica {} did not answer in time", node.0),
            Self::Closed => f.write_str("the client was closed"),
        }
    }
}

impl std::error::Error for StatusError {}
