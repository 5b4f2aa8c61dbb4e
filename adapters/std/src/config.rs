//! The settings of one replica.

use crate::cluster::{Cluster, EPOCH};
use quorate::auth::{Scope, Verifier};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::pbft::merkle::MAX_FAN_OUT;
use quorate::pbft::{Config, Dimensions, Message};
use quorate::{NodeId, Principal, Target};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Rewrites what a replica says, or keeps from it what it is told: fault injection for
/// demonstrations and tests.
///
/// A replica with a tamper may be Byzantine. It is asked before each message is signed and
/// sealed, once for each receiver, so it can tell different peers different things. States that
/// are served to lagging replicas do not pass through it. It runs on the thread that steps the
/// replica, which waits for it.
pub trait Tamper: Send {
    /// May change the message that is about to be sent.
    fn outgoing(&mut self, to: Target, message: &mut Message<'_>);

    /// Whether a message that arrived is kept from the replica, as if it had been lost. It may be
    /// asked twice about one message.
    fn ignores(&mut self, from: Principal, message: &Message<'_>) -> bool {
        let _ = (from, message);
        false
    }
}

/// The settings of one replica.
pub struct ReplicaConfig {
    /// The cluster it belongs to.
    pub cluster: Cluster,
    /// Which of its replicas this is.
    pub me: NodeId,
    /// The secret half of its key.
    pub key: SecretKey,
    /// The directory of its log and checkpoints. It is made if it does not exist.
    pub data: PathBuf,
    /// Whether the log of this replica was lost, or is not to be trusted because it is damaged or
    /// from a backup, and it has taken part in the cluster before. It is silent until it cannot
    /// contradict what it said then, and counts among the f until that time. A log that is there
    /// is set aside, as `set-aside-log` in the directory, unless the replica recovers already; if
    /// one was set aside before, the replica does not start. Without this a replica
    /// with an empty directory asks the others, and recovers if weak of them remember a vote of
    /// it; those that were started since then do not.
    pub recover: bool,
    /// Where to listen instead of at the replica's address in the cluster: behind a port
    /// forwarding, or on all interfaces.
    pub listen: Option<SocketAddr>,
    /// How long a request may wait for its execution before a new view is asked for.
    pub timeout: Duration,
    /// The longest that the timeout grows to over failing views.
    pub timeout_cap: Duration,
    /// How long a busy primary waits for more requests before it proposes.
    pub batch_delay: Duration,
    /// The most requests of a batch, 1 to 64.
    pub batch_requests: usize,
    /// How often a replica that lacks something says so.
    pub status_interval: Duration,
    /// How long it takes until a client may cost one more verification after so many of its
    /// signatures were bad that its budget is used up; a replica 16 more. Not above the
    /// status interval.
    pub budget_interval: Duration,
    /// Bytes of the largest page of application state that is accepted from a replica. Its buffer
    /// grows with what arrives, not with what a frame promises.
    pub page_bytes: usize,
    /// The log is rewritten when it is larger than this many bytes and a checkpoint is stable.
    pub log_bytes: u64,
    /// Threads that verify signatures.
    pub verifiers: usize,
    /// How long a connection may take until its peer is proved.
    pub handshake: Duration,
    /// Connections whose peer is not proved yet; one more closes the oldest of them.
    pub half_open: usize,
    /// Fault injection.
    pub tamper: Option<Box<dyn Tamper>>,
    /// A new file for a recording of everything that the replica is told, which `quorate-sim
    /// replay` plays again. It holds what clients ask and are told, no secret key, and grows by
    /// every message and every reply, without bound.
    pub record: Option<PathBuf>,
}

impl ReplicaConfig {
    /// Settings for a local network: timeout 1 s, doubling up to 64 s; batches held for at most
    /// 1 ms; status every 50 ms; pages up to 64 MiB; a log of 64 MiB; one verifying thread
    /// less than there are processors, at least one; 3 s for a handshake, 128 at a time.
    #[must_use]
    pub fn new(cluster: Cluster, me: NodeId, key: SecretKey, data: impl Into<PathBuf>) -> Self {
        let scope = Scope { cluster: cluster.id(), epoch: EPOCH, profile: Ed25519::PROFILE };
        let core = Config::new(me, scope);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cluster,
            me,
            key,
            data: data.into(),
            recover: false,
            listen: None,
            timeout: core.timeout,
            timeout_cap: core.timeout_cap,
            batch_delay: core.batch_delay,
            batch_requests: core.batch_requests,
            status_interval: core.status_interval,
            budget_interval: core.budget_interval,
            page_bytes: 64 << 20,
            log_bytes: 64 << 20,
            verifiers: processors.saturating_sub(1).clamp(1, 16),
            handshake: Duration::from_secs(3),
            half_open: 128,
            tamper: None,
            record: None,
        }
    }

    /// Bytes of the largest frame that is accepted from a replica.
    pub(crate) fn largest_frame(&self) -> usize {
        let piece = self.page_bytes.max(MAX_FAN_OUT as usize * 32);
        self.cluster.largest_message().max(1 + Dimensions::piece_bytes(piece))
    }

    /// The settings that the core takes.
    pub(crate) fn core(&self) -> Config {
        let scope = Scope { cluster: self.cluster.id(), epoch: EPOCH, profile: Ed25519::PROFILE };
        Config {
            batch_delay: self.batch_delay,
            batch_requests: self.batch_requests,
            timeout: self.timeout,
            timeout_cap: self.timeout_cap,
            status_interval: self.status_interval,
            watch_window: (self.timeout / 2).max(self.status_interval),
            budget_interval: self.budget_interval,
            switches: self.cluster.switches(),
            ..Config::new(self.me, scope)
        }
    }
}

impl fmt::Debug for ReplicaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplicaConfig")
            .field("me", &self.me)
            .field("cluster", &self.cluster.name)
            .field("data", &self.data)
            .field("tamper", &self.tamper.is_some())
            .finish_non_exhaustive()
    }
}
