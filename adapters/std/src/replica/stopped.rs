//! Why a replica does not start, or ended.

use crate::application::RestoreError;
use crate::cluster::ClusterError;
use crate::disk::DiskError;
use crate::heap::HeapError;
use quorate::NodeId;
use quorate::pbft::ConfigError;
use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a replica did not start.
#[derive(Debug)]
pub enum SpawnError {
    /// The constants of the cluster cannot work.
    Cluster(ClusterError),
    /// There is no replica of this id in the cluster.
    NoSuchNode {
        /// The id.
        me: NodeId,
        /// Replicas of the cluster.
        nodes: usize,
    },
    /// The secret key is not the one whose public half the cluster knows.
    WrongKey(NodeId),
    /// The settings cannot work.
    Config(ConfigError),
    /// There is no memory of the cluster's sizes.
    Memory(HeapError),
    /// The data directory.
    Disk(DiskError),
    /// What is on disk does not make a replica; the text says why.
    Records(String),
    /// The log is older than what the replica has said, as it was told when it ran before; the
    /// file says so. It starts only as one that has lost its log.
    OldLog(PathBuf),
    /// It was to recover from the loss of a log that is there, and the one that it recovered from
    /// before is still in this file.
    SetAside(PathBuf),
    /// The application does not take its snapshot back.
    Restore(RestoreError),
    /// The address cannot be listened at.
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The system has no thread or no poll for it.
    System(io::Error),
    /// The recording that is asked for cannot be begun.
    Recording {
        /// Its file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(error) => error.fmt(f),
            Self::NoSuchNode { me, nodes } => {
                write!(f, "there is no replica {}: the cluster has {nodes}, from 0 on", me.0)
            }
            Self::WrongKey(me) => write!(
                f,
                "the secret key is not that of replica {}: its public half is not the one that \
                 the cluster lists",
                me.0
            ),
            Self::Config(error) => error.fmt(f),
            Self::Memory(error) => error.fmt(f),
            Self::Disk(error) => error.fmt(f),
            Self::Records(problem) => write!(
                f,
                "the log does not make a replica: {problem}. It was written by other software, or \
                 for a cluster with other constants"
            ),
            Self::OldLog(path) => write!(
                f,
                "{} says that the log is older than what the replica has said: start it as a \
                 replica that has lost its log, with `--recover`",
                path.display()
            ),
            Self::SetAside(path) => write!(
                f,
                "the replica has a log, and was told to recover from its loss, as it did before: \
                 start it without `--recover`, or delete {} if this log is no more to be \
                 trusted than that",
                path.display()
            ),
            Self::Restore(error) => error.fmt(f),
            Self::Listen { address, error } => write!(
                f,
                "cannot listen at {address}: {error}. Is another process there, or is the address \
                 of another machine?"
            ),
            Self::System(error) => write!(f, "the system refused a thread or a socket: {error}"),
            Self::Recording { path, error } => write!(
                f,
                "cannot begin a recording in {}: {error}. Name a file that is not there yet",
                path.display()
            ),
        }
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cluster(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Memory(error) => Some(error),
            Self::Disk(error) => Some(error),
            Self::Restore(error) => Some(error),
            Self::Listen { error, .. } | Self::System(error) | Self::Recording { error, .. } => {
                Some(error)
            }
            Self::NoSuchNode { .. }
            | Self::WrongKey(_)
            | Self::Records(_)
            | Self::OldLog(_)
            | Self::SetAside(_) => None,
        }
    }
}

/// Why a running replica ended by itself. Whatever it had sent is durable: once the cause is
/// mended it can be started again.
#[derive(Debug)]
pub enum Stopped {
    /// The data directory.
    Disk(DiskError),
    /// The application does not take a certified snapshot.
    Restore(RestoreError),
    /// The network thread cannot go on.
    Network(io::Error),
    /// A thread panicked: a broken invariant of the application or of this library.
    Panicked(String),
    /// The log is older than what this replica has said, as after a backup was restored.
    OldLog {
        /// The view of a VIEW-CHANGE that the replica signed and that its log does not know.
        view: u64,
    },
}

impl Stopped {
    pub(crate) fn from_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Panicked(text.unwrap_or_else(|| "of an unknown kind".into()))
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => write!(f, "the replica stopped: {error}"),
            Self::Restore(error) => write!(f, "the replica stopped: {error}"),
            Self::Network(error) => {
                write!(f, "the replica stopped: its sockets cannot be waited for: {error}")
            }
            Self::Panicked(message) => write!(f, "the replica stopped by a panic: {message}"),
            Self::OldLog { view } => write!(
                f,
                "the replica stopped: a peer holds a VIEW-CHANGE for view {view} that it signed \
                 and that its log does not know. Its disk is older than what it has said: start \
                 it as a replica that has lost its log, with `--recover`"
            ),
        }
    }
}

impl std::error::Error for Stopped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Disk(error) => Some(error),
            Self::Restore(error) => Some(error),
            Self::Network(error) => Some(error),
            Self::Panicked(_) | Self::OldLog { .. } => None,
        }
    }
}

impl From<DiskError> for Stopped {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<DiskError> for SpawnError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}
