//! The constants of a cluster and the settings of one replica.

use super::history::{History, Pairs};
use super::merkle::CLIENT_FAN_OUT;
use super::rules::EFFECTS;
use super::status::RESENT;
use super::view_store::CHECKPOINTS;
use crate::auth::{Digest, PublicKey, Scope, Statement, Tag};
use crate::fault::ConfigError;
use crate::node::{MAX_NODES, NodeId};
use crate::quorum::Quorum;
use crate::service::{MAX_REQUESTS, Request, count_pages, longest_page};
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

    /// Pages of the client table, see [`ClientTable::pages`](super::ClientTable::pages).
    #[must_use]
    pub const fn client_pages(&self) -> u32 {
        count_pages(self.clients, self.reply_bytes)
    }

    /// Bytes of the longest operation of a request.
    #[must_use]
    pub const fn operation_bytes(&self) -> usize {
        self.batch_bytes.saturating_sub(Request::OVERHEAD)
    }

    /// Bytes of the largest message but a `State` of the application's part, whose pages and
    /// nodes are as large as the host makes them: see [`Dimensions::piece_bytes`].
    #[must_use]
    pub const fn message_bytes(&self) -> usize {
        // Tag of the message; numbers as long as they can be padded to (10), lengths (5).
        let pre_prepare = 1 + 10 + 10 + 5 + self.batch_bytes;
        let (view_change, new_view) = (self.view_change(), self.new_view());
        let longest = max(max(pre_prepare, view_change), max(new_view, self.replies()));
        let clients = max(longest_page(self.reply_bytes), CLIENT_FAN_OUT as usize * 32);
        let piece = Self::piece_bytes(clients);
        max(longest, piece)
    }

    /// Bytes of the largest message that a client says or hears.
    #[must_use]
    pub const fn client_message_bytes(&self) -> usize {
        // Tag, client, timestamp, length, operation, signature.
        let request = 1 + 3 + 10 + 5 + self.operation_bytes() + 64;
        max(request, self.replies())
    }

    /// Bytes of the longest REPLY, and of the longest answer to a read.
    const fn replies(&self) -> usize {
        let reply = 1 + 10 + 3 + 10 + 1 + 5 + self.reply_bytes;
        let read_reply = 1 + 10 + 3 + 10 + 32 + 10 + 1 + 5 + self.reply_bytes;
        max(reply, read_reply)
    }

    /// Bytes of the longest VIEW-CHANGE.
    const fn view_change(&self) -> usize {
        let (checkpoints, histories) = (CHECKPOINTS * Pairs::ENTRY, self.window * History::ENTRY);
        1 + 1 + 10 + 10 + (5 + checkpoints) + (5 + histories) + 64
    }

    /// Bytes of the longest NEW-VIEW.
    const fn new_view(&self) -> usize {
        1 + 1 + 10 + (5 + self.nodes * Pairs::ENTRY) + (5 + self.window * Pairs::ENTRY) + 64
    }

    /// The most records of [`Replica::records`](super::Replica::records): stable checkpoint, own
    /// checkpoints, VIEW-CHANGE and NEW-VIEW in either order with those that it names, a view that
    /// is waited for without a say, four a slot, a state under installation, and whether it
    /// recovers.
    #[must_use]
    pub const fn records(&self) -> usize {
        1 + CHECKPOINTS + 2 + self.nodes + 2 + 4 * self.window + 2
    }

    /// Bytes of all those records, encoded: what a host writes at most, beside checkpoints, when
    /// it begins a fresh log.
    #[must_use]
    pub const fn record_bytes(&self) -> usize {
        // Tag, view, sequence, and the batch or its digest.
        let (held, named) = (1 + 10 + 10 + 5 + self.batch_bytes, 1 + 10 + 10 + 32);
        (1 + CHECKPOINTS + 1 + 2) * named
            + (self.nodes + 2) * self.view_change()
            + self.new_view()
            + self.window * (3 * held + named)
    }

    /// Bytes of the largest `State` message whose piece, a page or the children of a node at 32
    /// bytes each, has so many bytes.
    #[must_use]
    pub const fn piece_bytes(piece: usize) -> usize {
        // Tag, sequence, part, level, index, length, and the piece.
        (1 + 10 + 1 + 1 + 5 + 5_usize).saturating_add(piece)
    }

    /// The most outputs of one step, whatever the window.
    #[must_use]
    pub const fn outputs_per_step(&self) -> usize {
        EFFECTS + RESENT as usize * 4 + self.nodes + 1
    }

    /// The id of a cluster: a digest of its name, its sizes, its switches and all its keys.
    #[must_use]
    pub fn cluster_id(
        &self,
        name: &[u8],
        nodes: &[PublicKey],
        clients: &[PublicKey],
        switches: Switches,
    ) -> Digest {
        let mut id = Statement::unscoped(Tag::Cluster)
            .bytes(name)
            .u64(self.window as u64)
            .u64(self.batch_bytes as u64)
            .u64(self.reply_bytes as u64)
            .u64(switches.fast_reads.into());
        for keys in [nodes, clients] {
            id = id.u64(keys.len() as u64);
            for key in keys {
                id = id.bytes(&key.0);
            }
        }
        id.finish()
    }
}

/// The switches of a cluster: what all replicas and clients do alike, or not. They never change,
/// and are part of the cluster's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Switches {
    /// Whether clients may read without order. Then a client believes strong replies of replicas
    /// where weak ones are enough otherwise: a read could miss a request that ended with fewer.
    pub fast_reads: bool,
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// What a replica has to keep over a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Durability {
    /// A log of all records, of which it is made again with
    /// [`Replica::recover`](super::Replica::recover).
    #[default]
    Log,
    /// Nothing: no record is ever made, for boards whose flash would wear out. Each start but the
    /// first of the cluster is that of an [amnesiac](super::Replica::amnesiac), which counts among
    /// the f until it has recovered; so no more than f replicas may be faulty or have lost their
    /// power at a time, and a cluster of which more lose it does not come back.
    None,
}

/// The settings of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Which replica this is.
    pub me: NodeId,
    /// What every statement of the cluster begins with.
    pub scope: Scope,
    /// Whether there is a log.
    pub durability: Durability,
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
    /// How long a primary is watched before it is judged: it is left after two windows in which
    /// the requests that wait here waited longer than T / 4 on average to be proposed. From the
    /// status interval up; half of T is a good choice.
    pub watch_window: Duration,
    /// How long it takes until a client may cost one more verification, a replica 16 more, after
    /// as many were in vain, or one more VIEW-CHANGE; longer after more of them. No correct replica
    /// and no client whose signatures are good meets this limit. At most the status
    /// interval: so often a correct replica may pass on a NEW-VIEW that is of no use, because its
    /// author made another one.
    pub budget_interval: Duration,
    /// The switches of the cluster.
    pub switches: Switches,
}

impl Config {
    /// Settings for a local network: T = 1 s, capped at 64 s; batches of up to 64 requests, held
    /// for at most 1 ms; status every 50 ms; the primary is judged every 500 ms; no fast reads.
    #[must_use]
    pub const fn new(me: NodeId, scope: Scope) -> Self {
        Self {
            me,
            scope,
            durability: Durability::Log,
            batch_delay: Duration::from_millis(1),
            batch_requests: MAX_REQUESTS,
            timeout: Duration::from_secs(1),
            timeout_cap: Duration::from_secs(64),
            status_interval: Duration::from_millis(50),
            watch_window: Duration::from_millis(500),
            budget_interval: Duration::from_millis(50),
            switches: Switches { fast_reads: false },
        }
    }

    /// How soon a request is executed by all correct replicas once the network has healed.
    ///
    /// The time runs from when every message between correct replicas takes at most `delay`, from
    /// a step that makes it durable to the step that takes it, and every correct replica has the
    /// request, as it has once its client has sent it to all. At most f replicas are faulty, the
    /// pool has room, and T is at least sixteen times the delay. With P the timeout's cap and S
    /// the status interval it is `2 (f + 1) (P + 2 S + 8 delay) + 64 (f + 1) S`: each of f faulty
    /// primaries in a row can use up one wait for its NEW-VIEW and one for the request, each P at
    /// most if timeouts had grown before; two more waits bring all out of the views that they were
    /// in and into the same one. A VIEW-CHANGE that was lost is said again after 2 S, a view is
    /// entered and a request agreed on in eight delays. The last term is for those that must fetch
    /// a state: f servers may stall for as long as one is waited for, 64 S at most. (A state that
    /// takes longer to send than that is to be added. And it must stay to be had: a server drops a
    /// checkpoint for the next one, so the W / 2 sequences between them, or as many status
    /// intervals, eight at most, in a cluster that only fills with NULLs, must take longer than its
    /// pieces: a round trip for each level of the tree of pages, and two more.)
    ///
    /// A replica that has recovered from the loss of its log has no say in the two views after that
    /// in which it found the others. Where too few can do without it, each of those costs one wait
    /// more.
    ///
    /// Links that lose messages are slow links: what is lost is said again each status interval.
    /// Safety depends on none of this.
    #[must_use]
    pub const fn recovery_bound(&self, quorum: Quorum, delay: Duration) -> Duration {
        // At most 22 faults of 64 replicas.
        #[allow(clippy::cast_possible_truncation, reason = "a quorum has 64 replicas at most")]
        let weak = quorum.weak() as u32;
        let agreed = delay.saturating_mul(8).saturating_add(self.status_interval.saturating_mul(2));
        let views = self.timeout_cap.saturating_add(agreed).saturating_mul(2 * weak);
        views.saturating_add(self.status_interval.saturating_mul(64 * weak))
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
        if self.watch_window < self.status_interval || self.watch_window > self.timeout_cap {
            return Err(ConfigError(
                "the watch window must be from the status interval up to the timeout's cap",
            ));
        }
        if self.budget_interval.is_zero() {
            return Err(ConfigError("the budget interval must not be zero: it would be no limit"));
        }
        if self.budget_interval > self.status_interval {
            return Err(ConfigError(
                "the budget interval must not be above the status interval: a correct replica may \
                 pass on a NEW-VIEW once a status interval",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_cannot_work_are_refused() {
        let good =
            Dimensions { nodes: 4, window: 8, batch_bytes: 1024, clients: 1, reply_bytes: 8 };
        let refused = |sizes: Dimensions, word: &str| {
            assert!(sizes.problem().is_some_and(|problem| problem.contains(word)), "{sizes:?}");
        };
        assert_eq!(good.problem(), None);
        // Half of the window is the checkpoint interval, which is at least 1 and never longer.
        for window in [0, 1, 3, 9] {
            refused(Dimensions { window, ..good }, "even and at least 2");
        }
        refused(Dimensions { window: 4098, ..good }, "at most 4096");
        for window in [2, 4096] {
            assert_eq!(Dimensions { window, ..good }.problem(), None);
            assert_eq!(Dimensions { window, ..good }.checkpoint_interval(), window as u64 / 2);
        }
        for nodes in [0, 3, 65] {
            refused(Dimensions { nodes, ..good }, "4 to 64 replicas");
        }
        for batch_bytes in [0, 78] {
            refused(Dimensions { batch_bytes, ..good }, "room for one");
        }
        refused(Dimensions { clients: 0, ..good }, "1 to 65536 clients");
        assert_eq!(Dimensions { clients: 65_536, ..good }.problem(), None);
        refused(Dimensions { clients: 65_537, ..good }, "1 to 65536 clients");
    }

    #[test]
    fn budget_interval_of_zero_or_above_the_status_interval_is_refused() {
        let scope = Scope { cluster: Digest::ZERO, epoch: 0, profile: "" };
        let sizes =
            Dimensions { nodes: 4, window: 8, batch_bytes: 1024, clients: 1, reply_bytes: 8 };
        let with = |budget_interval| Config { budget_interval, ..Config::new(NodeId(0), scope) };
        let status = with(Duration::ZERO).status_interval;
        assert!(with(Duration::ZERO).check(&sizes).is_err());
        assert_eq!(with(status).check(&sizes), Ok(()));
        assert!(with(status + Duration::from_micros(1)).check(&sizes).is_err());
    }

    #[test]
    fn recovery_bound_grows_with_every_term_and_saturates() {
        let scope = Scope { cluster: Digest::ZERO, epoch: 0, profile: "" };
        let config = Config::new(NodeId(0), scope);
        let [four, seven] = [4, 7].map(|n| Quorum::of(n).unwrap());
        let millis = Duration::from_millis;
        // 2 x 2 x (64 s + 2 x 50 ms + 8 x 10 ms) + 64 x 2 x 50 ms.
        assert_eq!(config.recovery_bound(four, millis(10)), millis(4 * 64_180 + 6_400));
        assert_eq!(config.recovery_bound(seven, millis(10)), millis(6 * 64_180 + 9_600));
        assert_eq!(config.recovery_bound(seven, Duration::MAX), Duration::MAX);
    }
    use crate::auth::Signature;
    use crate::pbft::{Batch, Histories, Message, NewView, Outcome, Reply, Sequence, View};
    use crate::pbft::{Busy, Part, Place, Read, ReadReply, ViewChange};
    use crate::wire::{Bytes, encoded_len};
    use crate::{ClientId, NodeId};

    #[test]
    fn no_message_is_longer_than_the_published_bound() {
        for (window, batch_bytes, reply_bytes) in [(2, 79, 0), (8, 2048, 64), (128, 100, 90_000)] {
            let sizes = Dimensions { nodes: 64, window, batch_bytes, clients: 4, reply_bytes };
            let (bytes, long) = ([0xff; 90_000], [0xff; 90_013]);
            let (view, end) = (View(u64::MAX), Sequence(u64::MAX));
            let pairs = |count: usize| Pairs::from_bytes(&bytes[..count * Pairs::ENTRY]);
            let messages = [
                Message::PrePrepare {
                    view,
                    sequence: end,
                    batch: Batch::from_bytes(&bytes[..batch_bytes]),
                },
                Message::ViewChange(ViewChange {
                    author: NodeId(255),
                    view,
                    stable: end,
                    checkpoints: pairs(CHECKPOINTS),
                    histories: Histories::from_bytes(&bytes[..window * History::ENTRY]),
                    signature: Signature::ZERO,
                }),
                Message::NewView(NewView {
                    author: NodeId(255),
                    view,
                    view_changes: pairs(64),
                    chosen: pairs(window),
                    signature: Signature::ZERO,
                }),
                Message::Reply(Reply {
                    view,
                    client: ClientId(u16::MAX),
                    timestamp: u64::MAX,
                    outcome: Outcome::Stale,
                    reply: Bytes(&bytes[..reply_bytes]),
                }),
                Message::ReadReply(ReadReply {
                    view,
                    client: ClientId(u16::MAX),
                    number: u64::MAX,
                    operation: Digest::ZERO,
                    state: end,
                    answer: Some(Bytes(&bytes[..reply_bytes])),
                }),
                Message::State {
                    sequence: end,
                    place: Place { part: Part::Clients, level: u8::MAX, index: u32::MAX },
                    bytes: Bytes(&long[..longest_page(reply_bytes).max(512)]),
                },
            ];
            let operation = Bytes(&bytes[..sizes.operation_bytes()]);
            let (client, number, signature) = (ClientId(u16::MAX), u64::MAX, Signature::ZERO);
            let of_clients = [
                Message::Request(Request { client, timestamp: number, operation, signature }),
                Message::Read(Read { client, number, operation, signature }),
                Message::Busy(Busy { client, timestamp: number, retry_after: number }),
                messages[3],
                messages[4],
            ];
            let longest = of_clients.iter().map(encoded_len).max().unwrap();
            assert!(longest <= sizes.client_message_bytes(), "{longest} for {sizes:?}");
            assert!(sizes.client_message_bytes() <= longest + 4, "far off, {sizes:?}");
            let longest = messages.iter().map(encoded_len).max().unwrap();
            assert!(longest <= sizes.message_bytes(), "{longest} for {sizes:?}");
            assert!(sizes.message_bytes() <= longest + 32, "a bound that is far off, {sizes:?}");
        }
    }
}
