//! The checkers of agreements in rounds.

use super::court::Court;
use super::creed::Costs;
use super::plan::Plan;
use quorate::value::Value;
use quorate::{Instant, NodeId};

/// What is promised, and what happened, of all agreements of one run.
#[derive(Clone, Debug)]
pub(super) struct Checks<V> {
    pub(super) court: Court,
    nodes: usize,
    /// Of each agreement the orders: one for each entry of the decision, if it has one whose
    /// commander is correct.
    orders: Vec<Vec<Option<V>>>,
    /// Of each agreement what each general decided.
    decided: Vec<Vec<Option<Vec<Option<V>>>>>,
    costs: Costs,
    frames: u64,
}

impl<V: Value> Checks<V> {
    pub(super) fn new(plan: &Plan, costs: Costs, orders: Vec<Vec<Option<V>>>) -> Self {
        Self {
            court: Court::new(plan),
            nodes: plan.nodes,
            decided: vec![vec![None; plan.nodes]; orders.len()],
            orders,
            costs,
            frames: 0,
        }
    }

    /// What a general decided in an agreement, if it did.
    pub(super) fn decision(&self, agreement: usize, node: NodeId) -> Option<&[Option<V>]> {
        self.decided.get(agreement)?.get(node.index())?.as_deref()
    }

    /// A general decides, once.
    pub(super) fn decided(
        &mut self,
        now: Instant,
        agreement: usize,
        node: NodeId,
        entries: Vec<Option<V>>,
    ) {
        let place = &mut self.decided[agreement][node.index()];
        if place.replace(entries).is_some() && self.court.is_correct(node) {
            self.court.fail(
                "once",
                now,
                format!("r{} decides agreement {agreement} twice", node.0),
            );
        }
    }

    /// A correct general sends a frame to one other.
    pub(super) fn sent(&mut self, now: Instant, from: NodeId, bytes: usize) {
        if !self.court.is_correct(from) {
            return;
        }
        self.frames += 1;
        let most = self.costs.frame_bytes;
        if bytes as u64 > most {
            let what = format!("a frame of r{} has {bytes} bytes, and {most} are the most", from.0);
            self.court.fail("bounds", now, what);
        }
    }

    /// A general has put so many outputs out in a step, and verified so many signatures in a round.
    pub(super) fn spent(&mut self, now: Instant, node: NodeId, outputs: usize, signatures: u64) {
        if outputs > 4 * self.nodes {
            let what = format!("a step of r{} puts {outputs} outputs out", node.0);
            self.court.fail("bounds", now, what);
        }
        let most = self.costs.verifications;
        if signatures > most {
            let what = format!(
                "r{} verifies {signatures} signatures in one round, and {most} are the most",
                node.0
            );
            self.court.fail("bounds", now, what);
        }
    }

    /// Everything is over: all correct generals have decided, alike, and what was ordered.
    pub(super) fn finish(&mut self, now: Instant) {
        for agreement in 0..self.orders.len() {
            self.judge(now, agreement);
        }
        let (most, times) = (self.costs.frames, self.orders.len() as u64);
        let (frames, whole) = (self.frames, self.court.correct.len() == self.nodes);
        if frames > most * times {
            let what =
                format!("{frames} frames in {times} agreements, and {most} each is the most");
            self.court.fail("bounds", now, what);
        }
        if let Some(exactly) = self.costs.exactly.filter(|each| whole && frames != each * times) {
            let what = format!("{frames} frames without a fault in {times} times {exactly}");
            self.court.fail("bounds", now, what);
        }
    }

    fn judge(&mut self, now: Instant, agreement: usize) {
        let mut problem = None;
        for node in self.court.correct.iter() {
            let Some(entries) = &self.decided[agreement][node.index()] else { continue };
            let orders = self.orders[agreement].iter().zip(entries).enumerate();
            for (at, (order, entry)) in orders {
                if order.is_some() && order != entry {
                    let what = format!(
                        "the correct commander of entry {at} of agreement {agreement} ordered \
                         {order:?}, and r{} decides {entry:?}",
                        node.0
                    );
                    problem = problem.or(Some(("validity", what)));
                }
            }
        }
        let mut first: Option<(NodeId, &Vec<Option<V>>)> = None;
        for node in self.court.correct.iter() {
            let Some(entries) = &self.decided[agreement][node.index()] else {
                let what = format!("r{} has not decided agreement {agreement}", node.0);
                problem = problem.or(Some(("termination", what)));
                continue;
            };
            let Some((other, told)) = first else {
                first = Some((node, entries));
                continue;
            };
            if told != entries {
                let what = format!(
                    "of agreement {agreement} r{} decides {told:?} and r{} {entries:?}",
                    other.0, node.0
                );
                problem = problem.or(Some(("agreement", what)));
            }
        }
        for entry in first.map(|(_, entries)| entries.as_slice()).unwrap_or_default() {
            self.court.statistics.values += u64::from(entry.is_some());
            self.court.statistics.defaults += u64::from(entry.is_none());
        }
        if let Some((checker, what)) = problem {
            self.court.fail(checker, now, what);
        }
    }
}
