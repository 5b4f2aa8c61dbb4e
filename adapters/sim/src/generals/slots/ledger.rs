//! What generals that do not lie have said, whatever they forgot: one proposal a slot, and when
//! they may be found missing.

use super::super::mishap::Mishap;
use super::super::plan::Plan;
use quorate::{Fault, Instant, NodeId};
use std::collections::BTreeMap;

/// What outlives a power cut of any of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// What each general proposed in each slot, as it is encoded.
    proposals: BTreeMap<(NodeId, u64), Vec<u8>>,
    /// Who was away, from when until its peers have heard of it again.
    away: Vec<(NodeId, Instant, Instant)>,
}

impl Ledger {
    /// An empty one, of generals that stand still as it is planned.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut ledger = Self::default();
        for (node, mishap) in &plan.mishaps {
            match *mishap {
                Mishap::Frozen(from, until) => ledger.goes_away(plan, *node, from, until),
                // When it has rejoined nobody knows.
                Mishap::Slow(from) => {
                    ledger.away.push((*node, from, Instant::from_micros(u64::MAX)))
                }
                _ => {}
            }
        }
        ledger
    }

    /// A general is away for a while. It may miss all slots that begin in it, and the peers note
    /// that when these end.
    pub(super) fn goes_away(&mut self, plan: &Plan, node: NodeId, from: Instant, until: Instant) {
        let timing = plan.timing;
        let slot = plan.interval + u64::from(plan.rounds()) * timing.round;
        let slack = slot + timing.round + 2 * timing.skew + 2 * timing.margin;
        let until = until.after(core::time::Duration::from_micros(slack));
        self.away.push((node, from, until));
    }

    /// A general proposes something in a slot.
    ///
    /// # Errors
    /// It has proposed something else.
    pub(super) fn proposed(
        &mut self,
        node: NodeId,
        slot: u64,
        what: Vec<u8>,
    ) -> Result<(), String> {
        let first = self.proposals.entry((node, slot)).or_insert_with(|| what.clone());
        if *first == what {
            return Ok(());
        }
        Err(format!("r{} proposes in slot {slot} a second time, and something else", node.0))
    }

    /// What a general has proposed in a slot first, as it is encoded.
    pub(super) fn proposal(&self, node: NodeId, slot: u64) -> Option<&[u8]> {
        self.proposals.get(&(node, slot)).map(|what| &what[..])
    }

    /// Somebody who does not lie, and whom something happened to, is accused.
    ///
    /// # Errors
    /// It was not away, or is accused of something else than that.
    pub(super) fn accused(&self, now: Instant, who: NodeId, fault: Fault) -> Result<(), String> {
        let away = |(node, from, until): &(NodeId, Instant, Instant)| {
            *node == who && *from <= now && now <= *until
        };
        let absence = matches!(fault, Fault::Missing | Fault::Late);
        if absence && self.away.iter().any(away) {
            return Ok(());
        }
        Err(format!("r{}, which does not lie, is accused of {fault:?}", who.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::mouth::Role;
    use super::super::super::plan::Protocol;
    use super::*;
    use crate::faults::Faults;

    const WHO: NodeId = NodeId(2);

    fn plan() -> Plan {
        Plan::draw(Protocol::Lockstep, 1, Some(4), Faults::None, Role::ALL, false)
    }

    #[test]
    fn a_slot_has_one_proposal_of_a_general_however_often_it_is_said() {
        let mut ledger = Ledger::new(&plan());
        for (node, slot, what, holds) in
            [(2, 5, 1, true), (2, 5, 1, true), (2, 6, 3, true), (1, 5, 3, true), (2, 5, 3, false)]
        {
            assert_eq!(ledger.proposed(NodeId(node), slot, vec![what]).is_ok(), holds);
        }
    }

    #[test]
    fn one_who_was_away_may_be_missing_then_and_nothing_else() {
        let (plan, at) = (plan(), Instant::from_micros);
        let mut ledger = Ledger::new(&plan);
        let (from, until) = (5_000_000, 6_000_000);
        ledger.goes_away(&plan, WHO, at(from), at(until));
        for (now, fault, holds) in [
            (from, Fault::Missing, true),
            (until, Fault::Late, true),
            (until, Fault::Forged, false),
            (from - 1, Fault::Missing, false),
            (until + 20 * plan.interval * u64::from(plan.rounds()), Fault::Missing, false),
        ] {
            assert_eq!(ledger.accused(at(now), WHO, fault).is_ok(), holds, "{now} {fault:?}");
        }
        assert!(ledger.accused(at(from), NodeId(1), Fault::Missing).is_err(), "somebody else");
    }
}
