//! What came of it.

use crate::wire::Traffic;
use anyhow::{Result, ensure};
use cluster::NODES;
use serde::Serialize;
use std::fmt;

/// Bytes of stack that are enough for a board to start, and to go on.
const STACKS: [u64; 2] = [24 * 1024; 2];

/// The figures of a demonstration.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Outcome {
    /// Requests that the clients made.
    pub(crate) requests: u64,
    /// Those without an answer.
    pub(crate) failed: u64,
    /// Those with a wrong one.
    pub(crate) wrong: u64,
    pub(crate) seconds: f64,
    /// Milliseconds until half of all requests were answered, 99 of a hundred, and all.
    pub(crate) p50_ms: u64,
    pub(crate) p99_ms: u64,
    pub(crate) max_ms: u64,
    pub(crate) frames: Traffic,
    pub(crate) rounds: u64,
    /// Members that were killed: primaries, and a Linux process that was none.
    pub(crate) kills: u64,
    /// Members that lied.
    pub(crate) liars: u64,
    /// The view at the end.
    pub(crate) view: u64,
    /// Bytes of stack that a board used at most to start, and after that.
    pub(crate) stacks: [u64; 2],
    /// Lines that each board has logged.
    pub(crate) logged: Vec<u64>,
    /// What all acknowledged amounts are together, and what the members have.
    pub(crate) acknowledged: u64,
    pub(crate) totals: Vec<u64>,
    /// Digests of the states of all members at the end, when all are honest.
    pub(crate) digests: Vec<String>,
}

impl Outcome {
    /// Whether it ended well.
    ///
    /// # Errors
    /// What did not.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { failed, wrong, digests, totals, acknowledged, logged, .. } = self;
        ensure!(*failed == 0, "{failed} requests failed");
        ensure!(*wrong == 0, "{wrong} requests had a wrong answer");
        let alike = digests.iter().all(|digest| Some(digest) == digests.first());
        ensure!(digests.len() == NODES, "not all members tell of their state");
        ensure!(alike, "the states of members differ");
        ensure!(logged.iter().all(|lines| *lines > 0), "a board has logged nothing");
        ensure!(self.stacks.iter().all(|bytes| *bytes > 0), "no board has told of its stack");
        for (bytes, most) in self.stacks.iter().zip(STACKS) {
            ensure!(*bytes <= most, "a board used {bytes} bytes of stack, and {most} are enough");
        }
        let whole = totals.iter().all(|total| total == acknowledged);
        ensure!(whole, "the members do not have what was acknowledged");
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, failed, wrong, seconds, p50_ms, p99_ms, max_ms, .. } = self;
        let Traffic { passed, lost, undelivered, damaged, forged } = self.frames;
        let rate = *requests as f64 / seconds.max(f64::MIN_POSITIVE);
        writeln!(
            f,
            "\n{requests} requests in {seconds:.1} s ({rate:.1}/s), failed {failed}, wrong {wrong}"
        )?;
        writeln!(
            f,
            "answered after {p50_ms} ms (half), {p99_ms} ms (99 of 100), {max_ms} ms (all)"
        )?;
        writeln!(
            f,
            "frames: {passed} passed on, {lost} lost on purpose, {undelivered} to members that \
             were away or too slow, {damaged} cut short, {forged} in another's name"
        )?;
        let Self { kills, liars, view, logged, .. } = self;
        writeln!(f, "members killed {kills}, liars {liars}, at the end in view {view}")?;
        let [start, run] = self.stacks;
        writeln!(f, "stack of a board at most: {start} bytes to start, {run} after that")?;
        writeln!(f, "lines that boards have logged: {logged:?}")?;
        for (digest, total) in self.digests.iter().zip(&self.totals) {
            writeln!(f, "state {digest:.16}..., sum {total} of {}", self.acknowledged)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Outcome {
        let digests = vec!["a".to_owned(); NODES];
        let (totals, stacks) = (vec![9; NODES], [9; 2]);
        Outcome { acknowledged: 9, totals, digests, stacks, ..Outcome::default() }
    }

    #[test]
    fn it_ends_well_only_if_all_is_well() {
        assert!(good().check().is_ok());
        let mut differs = good().digests;
        differs[2] = "b".to_owned();
        let bad = [
            Outcome { failed: 1, ..good() },
            Outcome { wrong: 1, ..good() },
            Outcome { digests: differs, ..good() },
            Outcome { digests: vec!["a".to_owned(); NODES - 1], ..good() },
            Outcome { totals: vec![9, 9, 9, 8], ..good() },
            Outcome { logged: vec![3, 0], ..good() },
            Outcome { stacks: [9, 0], ..good() },
            Outcome { stacks: [9, STACKS[1] + 1], ..good() },
        ];
        for outcome in bad {
            assert!(outcome.check().is_err(), "{outcome}");
        }
    }
}
