//! What a general of a service may put out in a step, and verify in a slot.

use super::super::creed::Costs;
use super::super::plan::Plan;
use super::room::{CLIENTS, Slots};

/// Of each client so many requests are verified in a slot.
const TRIES: u64 = 2;
/// Outputs of a step beside those of agreements and those that accuse proposers.
const EFFECTS: usize = 16;

/// The most of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    outputs: usize,
    signatures: u64,
}

impl Bounds {
    /// Those of a plan, whose vectors cost so much.
    pub(super) fn new(plan: &Plan, slots: &Slots, costs: Costs) -> Self {
        let round = plan.timing.round.max(1);
        // The slots that overlap, and the next one, which hears those whose clocks are ahead.
        let running = (u64::from(plan.rounds()) * round).div_ceil(plan.interval.max(1)) + 1;
        let rounds = plan.interval.div_ceil(round) + 1;
        let lanes = slots.lanes(plan);
        // A lane that was slept through says that it was.
        let agreements = running as usize * 4 * plan.nodes + lanes;
        Self {
            outputs: agreements + EFFECTS + 2 * plan.nodes,
            signatures: running * rounds * costs.verifications + TRIES * CLIENTS as u64,
        }
    }

    /// A step puts so many outputs out.
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn stepped(&self, outputs: usize) -> Result<(), String> {
        let most = self.outputs;
        let problem = || format!("a step puts {outputs} outputs out, and {most} are the most");
        if outputs <= most { Ok(()) } else { Err(problem()) }
    }

    /// So many signatures came to be verified since the last slot began.
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn verified(&self, signatures: u64) -> Result<(), String> {
        let most = self.signatures;
        let problem = || format!("{signatures} signatures in a slot, and {most} are the most");
        if signatures <= most { Ok(()) } else { Err(problem()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::mouth::Role;
    use super::super::super::plan::Protocol;
    use super::*;
    use crate::faults::Faults;
    use quorate::Instant;

    #[test]
    fn bounds_are_those_of_the_slots_that_run_at_once() {
        let mut plan = Plan::draw(Protocol::Lockstep, 1, Some(4), Faults::None, Role::ALL, false);
        (plan.base, plan.faults, plan.interval) = (Protocol::Om, 1, plan.timing.round);
        let slots = Slots { first: Instant::ZERO, interval: plan.interval, work: 0 };
        let costs = Costs { frames: 0, exactly: None, frame_bytes: 0, verifications: 5 };
        let bounds = Bounds::new(&plan, &slots, costs);
        // Two slots of two rounds overlap, and a third one is heard; five lanes.
        let (outputs, signatures) = (3 * 16 + 5 + 16 + 8, 3 * 2 * 5 + 6);
        assert_eq!(bounds, Bounds { outputs, signatures });
        assert!(bounds.stepped(outputs).is_ok() && bounds.stepped(outputs + 1).is_err());
        assert!(bounds.verified(signatures).is_ok() && bounds.verified(signatures + 1).is_err());
    }
}
