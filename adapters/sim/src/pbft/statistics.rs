//! What happened in a run of PBFT, in numbers.

use crate::many::Counts;

/// What happened in a run, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Requests that clients have a reply for.
    pub requests: u64,
    /// Executions of requests, at all correct replicas.
    pub executions: u64,
    /// Checkpoints captured.
    pub checkpoints: u64,
    /// Snapshots installed from a peer.
    pub transfers: u64,
    /// Pieces of snapshots that came from a peer, were verified, and were kept.
    pub pieces: u64,
    /// Entries of a correct replica into a new view.
    pub view_changes: u64,
    /// Power cuts.
    pub crashes: u64,
    /// Power cuts that lost a write which was not durable.
    pub torn: u64,
    /// Crashes that took the disk with them.
    pub wiped: u64,
    /// Restarts.
    pub restarts: u64,
    /// Accusations by correct replicas.
    pub accusations: u64,
    /// Lies of traitors.
    pub lies: u64,
    /// Pieces of evidence that correct replicas found.
    pub proofs: u64,
    /// Disks that were rolled back or corrupted.
    pub harmed: u64,
    /// Starts that were refused since the log is damaged.
    pub damaged: u64,
    /// Replicas that were told that their disk is old, and stopped.
    pub outdated: u64,
    /// The longest that a request took after everything had healed, in microseconds.
    pub recovery_micros: u64,
    /// The greatest part of the promised time that it took, in thousandths.
    pub recovery_permille: u64,
    /// Reads that were answered without order.
    pub fast_reads: u64,
    /// Reads that had to be ordered.
    pub ordered_reads: u64,
    /// Clocks that were set anew.
    pub jumps: u64,
    /// Starts of a replica whose power fails again a few writes later.
    pub relapses: u64,
    /// Runs in which a core had to finish alone.
    pub cores: u64,
    /// Rejected messages of which it was checked that they changed nothing.
    pub looks: u64,
}

impl Counts for Statistics {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.executions += other.executions;
        self.checkpoints += other.checkpoints;
        self.transfers += other.transfers;
        self.pieces += other.pieces;
        self.view_changes += other.view_changes;
        self.crashes += other.crashes;
        self.torn += other.torn;
        self.wiped += other.wiped;
        self.restarts += other.restarts;
        self.accusations += other.accusations;
        self.lies += other.lies;
        self.proofs += other.proofs;
        self.harmed += other.harmed;
        self.damaged += other.damaged;
        self.outdated += other.outdated;
        self.recovery_micros = self.recovery_micros.max(other.recovery_micros);
        self.recovery_permille = self.recovery_permille.max(other.recovery_permille);
        self.fast_reads += other.fast_reads;
        self.ordered_reads += other.ordered_reads;
        self.jumps += other.jumps;
        self.relapses += other.relapses;
        self.cores += other.cores;
        self.looks += other.looks;
    }
}
