//! What a replica tells about itself, and how it is asked over a link.

use quorate::pbft::Departures;
use quorate::{ClientId, Digest, NodeId, Principal};
use serde::{Deserialize, Serialize};

/// Bytes of the longest report on the wire; a longer one is cut to its counters.
pub(crate) const LARGEST_REPORT: usize = 64 * 1024;

/// Where a replica stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Which replica this is.
    pub node: NodeId,
    /// The view it is in, or that it is changing to.
    pub view: u64,
    /// Whether it is in that view and takes part in it.
    pub active: bool,
    /// Whether it lost its log and does not vote yet.
    pub recovering: bool,
    /// The last sequence that it executed; 0 before the first.
    pub executed: u64,
    /// Its last stable checkpoint; 0 before the first.
    pub stable: u64,
    /// The digest of the application's state after `executed`.
    pub digest: Option<Digest>,
    /// The other replicas, ascending.
    pub peers: Vec<PeerStatus>,
    /// Wrongs that other replicas did: who, what (the name of the
    /// [`Fault`](quorate::Fault)), how often. Not each proves a lie: a slow or lossy link alone
    /// can look like [`Stalled`](quorate::Fault::Stalled).
    pub faults: Vec<(NodeId, String, u64)>,
    /// Wrongs that clients did, together.
    pub client_faults: u64,
    /// Clients that are connected now.
    pub clients: u64,
    /// Bytes of the log and the captured checkpoints on disk.
    pub log_bytes: u64,
    /// What its operator should know, such as a torn tail that was dropped at start.
    pub notes: Vec<String>,
    /// Wrongs of single clients, those who did most first: 64 rows at most.
    pub faulty_clients: Vec<(ClientId, String, u64)>,
    /// Evidence that is kept in the replica's directory: two pieces about one principal and 128
    /// in all at most.
    pub proofs: Vec<ProofStatus>,
    /// Why it left the views that it left since it was started.
    pub departures: Departures,
    /// Whether it asked for a view that too few others want, and votes on nothing until the next
    /// view change: see [`is_alone`](quorate::pbft::Replica::is_alone).
    pub alone: bool,
}

/// A piece of evidence that [`quorate::fault::verify`] accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofStatus {
    /// Whom it is about.
    pub who: Principal,
    /// What it shows: the name of the [`Fault`](quorate::Fault).
    pub fault: String,
    /// What could have led one that keeps the protocol to do it: the name of the
    /// [`Excuse`](quorate::fault::Excuse), if there is one.
    pub excuse: Option<String>,
    /// The file in the replica's directory that holds it.
    pub file: String,
}

/// What a replica knows of its link to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Which other replica.
    pub node: NodeId,
    /// Whether an authentic link to it is up.
    pub connected: bool,
    /// Bytes that wait to be sent to it.
    pub queued_bytes: u64,
    /// Messages to it that were dropped because it was away or slow. It is told again what it
    /// still lacks when it says where it stands.
    pub dropped: u64,
}

/// What the adapter itself says over a link, beside the messages of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Control {
    /// Asks for a report.
    StatusRequest {
        /// Comes back in the answer.
        number: u64,
    },
    /// The answer.
    StatusReport {
        /// That of the question.
        number: u64,
        /// The report.
        report: StatusReport,
    },
}

impl StatusReport {
    /// What is known of a replica before its first report.
    pub(crate) const fn at_start(node: NodeId) -> Self {
        Self {
            node,
            view: 0,
            active: false,
            recovering: false,
            executed: 0,
            stable: 0,
            digest: None,
            peers: Vec::new(),
            faults: Vec::new(),
            client_faults: 0,
            clients: 0,
            log_bytes: 0,
            notes: Vec::new(),
            faulty_clients: Vec::new(),
            proofs: Vec::new(),
            departures: Departures { timer: 0, slow: 0, unfair: 0, followed: 0 },
            alone: false,
        }
    }

    /// The report with no more in it than fits a frame.
    pub(crate) fn trimmed(mut self) -> Self {
        self.faults.truncate(256);
        self.faulty_clients.truncate(64);
        self.notes.truncate(32);
        for note in &mut self.notes {
            if note.len() > 512 {
                *note = note.chars().take(128).collect();
            }
        }
        self
    }
}
