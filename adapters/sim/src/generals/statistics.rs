//! What happened in runs of generals, in numbers.

use crate::many::Counts;

/// Counts of one run, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Agreements in which all correct generals decided one value.
    pub values: u64,
    /// Agreements in which they decided that there is none.
    pub defaults: u64,
    /// Frames that traitors sent instead of what their machines said.
    pub lies: u64,
    /// Frames that were lost at a faulty general.
    pub losses: u64,
    /// Accusations by correct generals.
    pub accusations: u64,
    /// Frames that a wall rejected.
    pub rejected: u64,
    /// Generals that missed a deadline of their own, or what others said, and said so.
    pub missed: u64,
    /// Power cuts.
    pub crashes: u64,
    /// Requests that correct generals executed.
    pub executions: u64,
    /// Replies that clients accepted.
    pub replies: u64,
    /// States that were installed.
    pub rejoins: u64,
}

impl Counts for Statistics {
    fn add(&mut self, other: &Self) {
        self.values += other.values;
        self.defaults += other.defaults;
        self.lies += other.lies;
        self.losses += other.losses;
        self.accusations += other.accusations;
        self.rejected += other.rejected;
        self.missed += other.missed;
        self.crashes += other.crashes;
        self.executions += other.executions;
        self.replies += other.replies;
        self.rejoins += other.rejoins;
    }
}
