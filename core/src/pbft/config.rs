//! The constants of a cluster and the settings of one replica.

use super::batch::{MAX_REQUESTS, Request};
use crate::auth::{Digest, PublicKey, Scope, Statement, Tag};
use crate::node::{MAX_NODES, NodeId};
use core::fmt;
use core::time::Duration;

/// The sizes of a cluster. All replicas have the same, they never change, and they are part of
/// the cluster's id: a replica with another window would garbage-collect what others still need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dimensions {
    /// Replicas, n: 4 to 64.
    pub nodes: usize,
    /// Sequences that can run at once, W: even, 2 or more. A checkpoint is taken every W / 2.
    pub window: usize,
    /// Bytes of the largest batch, B. Also the room for requests that wait to be ordered.
    pub batch_bytes: usize,
    /// Clients, C.
    pub clients: usize,
    /// Bytes of the longest reply, R: each client's last one is kept.
    pub reply_bytes: usize,
}

impl Dimensions {
    /// Why these sizes cannot work, as one sentence; `None` if they can.
    #[must_use]
    pub const fn problem(&self) -> Option<&'static str> {
        if self.nodes < 4 || self.nodes > MAX_NODES {
            return Some("PBFT needs 4 to 64 replicas: with 3 or fewer not one may be faulty");
        }
        if self.window < 2 || !self.window.is_multiple_of(2) {
            return Some(
                "the window must be even and at least 2: half of it is the checkpoint interval",
            );
        }
        if self.window > 4096 {
            return Some("the window must be at most 4096: VIEW-CHANGE messages grow with it");
        }
        if self.batch_bytes <= Request::OVERHEAD || self.batch_bytes > u32::MAX as usize {
            return Some(
                "a batch must have room for one request: more than 78 bytes, less than 4 GiB",
            );
        }
        if self.clients == 0 || self.clients > u16::MAX as usize + 1 {
            return Some("a cluster serves 1 to 65536 clients");
        }
        if self.reply_bytes > u32::MAX as usize {
            return Some("a reply must be shorter than 4 GiB");
        }
        None
    }

    /// Sequences from one checkpoint to the next, K.
    #[must_use]
    pub const fn checkpoint_interval(&self) -> u64 {
        self.window as u64 / 2
    }

    /// Bytes of the longest operation of a request.
    #[must_use]
    pub const fn operation_bytes(&self) -> usize {
        self.batch_bytes.saturating_sub(Request::OVERHEAD)
    }

    /// The id of a cluster: a digest of its name, its sizes and all its keys.
    #[must_use]
    pub fn cluster_id(&self, name: &[u8], nodes: &[PublicKey], clients: &[PublicKey]) -> Digest {
        let mut id = Statement::unscoped(Tag::Cluster)
            .bytes(name)
            .u64(self.window as u64)
            .u64(self.batch_bytes as u64)
            .u64(self.reply_bytes as u64);
        for keys in [nodes, clients] {
            id = id.u64(keys.len() as u64);
            for key in keys {
                id = id.bytes(&key.0);
            }
        }
        id.finish()
    }
}

/// The settings of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Which replica this is.
    pub me: NodeId,
    /// What every statement of the cluster begins with.
    pub scope: Scope,
    /// How long a primary with batches under way waits for more requests before it proposes.
    /// With none under way it proposes at once.
    pub batch_delay: Duration,
    /// The most requests of a batch, 1 to 64.
    pub batch_requests: usize,
    /// How long a request may wait for its execution before its replica asks for a new view, T.
    pub timeout: Duration,
    /// The longest that T grows to by doubling over failing views.
    pub timeout_cap: Duration,
    /// How often a replica tells the others where it stands while it lacks something; when all
    /// is well it does so eight times less often.
    pub status_interval: Duration,
}

impl Config {
    /// Settings for a local network: T = 1 s, capped at 64 s; batches of up to 64 requests, held
    /// for at most 1 ms; status every 50 ms.
    #[must_use]
    pub const fn new(me: NodeId, scope: Scope) -> Self {
        Self {
            me,
            scope,
            batch_delay: Duration::from_millis(1),
            batch_requests: MAX_REQUESTS,
            timeout: Duration::from_secs(1),
            timeout_cap: Duration::from_secs(64),
            status_interval: Duration::from_millis(50),
        }
    }

    /// Checks the settings against the sizes of the storage.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub fn check(&self, sizes: &Dimensions) -> Result<(), ConfigError> {
        if let Some(problem) = sizes.problem() {
            return Err(ConfigError(problem));
        }
        if self.me.index() >= sizes.nodes {
            return Err(ConfigError("this replica's id is not below the number of replicas"));
        }
        if self.batch_requests == 0 || self.batch_requests > MAX_REQUESTS {
            return Err(ConfigError("a batch holds 1 to 64 requests"));
        }
        if self.timeout.is_zero() || self.timeout_cap < self.timeout {
            return Err(ConfigError("the timeout must not be zero nor above its cap"));
        }
        if self.status_interval.is_zero() || self.status_interval >= self.timeout {
            return Err(ConfigError(
                "the status interval must be above zero and below the timeout",
            ));
        }
        Ok(())
    }
}

/// Sizes or settings that cannot work; the sentence says which and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConfigError(pub(crate) &'static str);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for ConfigError {}
