//! What all members of a cluster must agree on before they start.

use quorate::auth::{Roster, RosterError};
use quorate::ed25519::Ed25519;
use quorate::link::Proof;
use quorate::pbft::{Dimensions, History, Pairs, Switches};
use quorate::{Digest, PublicKey};
use std::fmt;
use std::net::SocketAddr;

/// The epoch of every cluster of this version: memberships do not change yet.
pub(crate) const EPOCH: u32 = 0;

/// How frames on the links prove their sender. All members use the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Links {
    /// HMAC-SHA256 under keys that each two members agree on by X25519: the fast one.
    #[default]
    Hmac,
    /// An Ed25519 signature on every frame.
    Ed25519,
}

impl Links {
    pub(crate) const fn proof(self) -> Proof {
        match self {
            Self::Hmac => Proof::Hmac,
            Self::Ed25519 => Proof::Ed25519,
        }
    }
}

/// The constants of a cluster. Name, keys, sizes and switches make its id, so that members with
/// different constants do not even greet each other; addresses may differ from member to member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Any name: it keeps two clusters with the same keys apart.
    pub name: String,
    /// Public keys of the replicas, 4 to 64; replica i has the i-th.
    pub nodes: Vec<PublicKey>,
    /// Public keys of the clients, 1 to 65,536.
    pub clients: Vec<PublicKey>,
    /// Where each replica listens, in the order of `nodes`.
    pub addresses: Vec<SocketAddr>,
    /// Batches that can be under way at once: even, 2 to 4,096. A checkpoint is taken every half.
    pub window: usize,
    /// Bytes of the largest batch; an operation is at most 78 bytes shorter.
    pub batch_bytes: usize,
    /// Bytes of the longest reply.
    pub reply_bytes: usize,
    /// How links prove who sent a frame.
    pub links: Links,
    /// Whether [`Client::read`](crate::Client::read) asks replicas without having anything
    /// ordered. Then ordered operations wait for more equal replies: strong ones, not `f + 1`.
    pub fast_reads: bool,
}

impl Cluster {
    /// Checks sizes, keys and addresses.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), ClusterError> {
        if let Some(problem) = self.dimensions().problem() {
            return Err(ClusterError::Sizes(problem));
        }
        if self.addresses.len() != self.nodes.len() {
            let (addresses, nodes) = (self.addresses.len(), self.nodes.len());
            return Err(ClusterError::AddressCount { addresses, nodes });
        }
        for (at, address) in self.addresses.iter().enumerate() {
            if self.addresses.iter().skip(at + 1).any(|other| other == address) {
                return Err(ClusterError::DuplicateAddress(*address));
            }
        }
        self.checked_roster().map(drop)
    }

    /// The sizes that make a replica's memory.
    #[must_use]
    pub fn dimensions(&self) -> Dimensions {
        Dimensions {
            nodes: self.nodes.len(),
            window: self.window,
            batch_bytes: self.batch_bytes,
            clients: self.clients.len(),
            reply_bytes: self.reply_bytes,
        }
    }

    /// The id of the cluster: a digest of name, sizes, switches and keys.
    #[must_use]
    pub fn id(&self) -> Digest {
        let name = self.name.as_bytes();
        self.dimensions().cluster_id(name, &self.nodes, &self.clients, self.switches())
    }

    /// What all members do alike.
    pub(crate) const fn switches(&self) -> Switches {
        Switches { fast_reads: self.fast_reads }
    }

    /// Who has which key.
    ///
    /// # Panics
    /// If the cluster does not pass [`Cluster::check`].
    #[must_use]
    pub fn roster(&self) -> Roster<Vec<PublicKey>> {
        match self.checked_roster() {
            Ok(roster) => roster,
            Err(error) => panic!("the cluster was not checked: {error}"),
        }
    }

    fn checked_roster(&self) -> Result<Roster<Vec<PublicKey>>, ClusterError> {
        let (nodes, clients) = (self.nodes.clone(), self.clients.clone());
        Roster::new(self.id(), EPOCH, nodes, clients, &Ed25519).map_err(ClusterError::Roster)
    }

    /// Bytes of the largest message between replicas, states apart.
    pub(crate) fn largest_message(&self) -> usize {
        let nodes = self.nodes.len();
        let view_change = self.window * History::ENTRY + 8 * Pairs::ENTRY;
        let new_view = (nodes + self.window) * Pairs::ENTRY;
        self.batch_bytes.max(view_change).max(new_view) + SLACK
    }

    /// Bytes of the largest message from a client.
    pub(crate) fn largest_request(&self) -> usize {
        self.batch_bytes + SLACK
    }

    /// Bytes of the largest message to a client: a reply, or a report.
    pub(crate) fn largest_answer(&self) -> usize {
        (self.reply_bytes + SLACK).max(crate::status::LARGEST_REPORT)
    }
}

/// Room for the fields of a message beside its one long list of bytes.
const SLACK: usize = 512;

/// Why a cluster cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterError {
    /// A size is out of bounds; the sentence says which.
    Sizes(&'static str),
    /// A key that is not valid or is there twice.
    Roster(RosterError),
    /// Not one address for each replica.
    AddressCount {
        /// How many addresses there are.
        addresses: usize,
        /// How many replicas there are.
        nodes: usize,
    },
    /// Two replicas at one address.
    DuplicateAddress(SocketAddr),
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sizes(problem) => f.write_str(problem),
            Self::Roster(error) => error.fmt(f),
            Self::AddressCount { addresses, nodes } => {
                write!(f, "{addresses} addresses for {nodes} replicas: each needs one")
            }
            Self::DuplicateAddress(address) => {
                write!(f, "two replicas have the address {address}: give each its own")
            }
        }
    }
}

impl std::error::Error for ClusterError {}
