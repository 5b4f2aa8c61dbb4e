//! One agreement: who lies in it, and whether it came out as the paper promises.

use anyhow::{Result, bail, ensure};
use cluster::generals::{ATTACK, GENERALS, Protocol, RETREAT};
use quorate::{Fault, NodeId};
use std::fmt;

/// Who takes which part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act {
    pub(super) protocol: Protocol,
    pub(super) commander: NodeId,
    pub(super) traitor: Option<NodeId>,
}

/// What a general said at the end, see [`cluster::generals::Said`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over {
    pub(super) met: usize,
    pub(super) order: Option<u8>,
    pub(super) agreed: bool,
    pub(super) stack: u64,
    pub(super) faults: u32,
    pub(super) last: Option<(NodeId, Fault)>,
}

impl Act {
    pub(super) fn lies(&self, id: usize) -> bool {
        self.traitor.is_some_and(|traitor| traitor.index() == id)
    }

    fn commands(&self, id: usize) -> bool {
        self.commander.index() == id
    }

    /// Checks what the loyal ones did: IC1, all loyal lieutenants obey the same order; IC2, if the
    /// commander is loyal, they obey its own.
    ///
    /// # Errors
    /// What was not as it must be; or boards were too slow, so that nothing was promised.
    pub(super) fn check(&self, overs: &[Over; GENERALS]) -> Result<()> {
        let loyal = || overs.iter().enumerate().filter(|(id, _)| !self.lies(*id));
        for (id, over) in loyal() {
            ensure!(
                over.met == GENERALS - 1,
                "board {id} had met {} of {} others when the first round began: this machine is \
                 too busy for them",
                over.met,
                GENERALS - 1
            );
            ensure!(over.stack > 0, "board {id} does not tell of its stack");
            if over.order.is_none() {
                bail!(
                    "board {id} missed a deadline of its own: this machine is busy, so take \
                     longer rounds (--round)"
                );
            }
            if let Some((node, fault)) = over.last
                && !self.lies(node.index())
            {
                bail!("board {id} accuses board {}, which is loyal: {fault}", node.0);
            }
        }
        let Some((first, one)) = loyal().next() else { bail!("nobody is loyal") };
        for (id, over) in loyal() {
            ensure!(
                over.order == one.order,
                "IC1 is broken: board {first} {}, board {id} {}",
                deed(one.order),
                deed(over.order)
            );
        }
        if !self.lies(self.commander.index()) {
            ensure!(
                one.agreed && one.order == Some(ATTACK),
                "IC2 is broken: the loyal commander ordered to attack, and board {first} {}",
                deed(one.order)
            );
        }
        Ok(())
    }

    /// What holds, once it was checked.
    pub(super) fn promise(&self) -> &'static str {
        match self.lies(self.commander.index()) {
            false => "IC1 and IC2 hold: all loyal boards do what the commander ordered",
            true => "IC1 holds: all loyal boards do the same",
        }
    }

    /// A general at the end, in a line.
    pub(super) fn describe(&self, id: usize, over: &Over) -> String {
        let role = if self.commands(id) { "commander" } else { "lieutenant" };
        if self.lies(id) {
            return format!(
                "board {id}, {role}: a traitor, who tells each of the others otherwise"
            );
        }
        let why = if over.agreed { "" } else { ", since there is no order" };
        let blame = match over.last {
            Some((node, fault)) => format!("; it blames board {}, which {fault}", node.0),
            None => String::new(),
        };
        format!("board {id}, {role}: {}{why}{blame}", deed(over.order))
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.traitor {
            None => f.write_str("all are loyal"),
            Some(traitor) if traitor == self.commander => f.write_str("the commander lies"),
            Some(traitor) => write!(f, "lieutenant {} lies", traitor.0),
        }
    }
}

/// What a general does.
fn deed(order: Option<u8>) -> String {
    match order {
        Some(ATTACK) => "attacks".to_owned(),
        Some(RETREAT) => "retreats".to_owned(),
        Some(order) => format!("obeys an order that nobody gave, {order}"),
        None => "does nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDER: NodeId = NodeId(0);

    fn act(traitor: Option<u8>) -> Act {
        let traitor = traitor.map(NodeId);
        Act { protocol: Protocol::Om, commander: COMMANDER, traitor }
    }

    fn over(order: u8) -> Over {
        Over { met: 3, order: Some(order), agreed: true, stack: 9, faults: 0, last: None }
    }

    #[test]
    fn a_loyal_commander_is_obeyed_by_all_who_are_loyal() {
        let all = [over(ATTACK); 4];
        assert!(act(None).check(&all).is_ok());
        for id in 0..4 {
            let mut one = all;
            one[id] = over(RETREAT);
            assert!(act(None).check(&one).is_err(), "board {id} disobeys");
            assert!(act(Some(id as u8)).check(&one).is_ok(), "board {id} is the traitor");
        }
        let default = Over { agreed: false, ..over(RETREAT) };
        assert!(act(None).check(&[default; 4]).is_err(), "all retreat, which nobody ordered");
    }

    #[test]
    fn whatever_a_traitor_orders_the_loyal_do_the_same() {
        for (order, agreed) in [(ATTACK, true), (RETREAT, true), (RETREAT, false)] {
            let same = Over { agreed, ..over(order) };
            assert!(act(Some(0)).check(&[same; 4]).is_ok());
            let mut differs = [same; 4];
            differs[2] = over(b'?');
            assert!(act(Some(0)).check(&differs).is_err());
        }
    }

    #[test]
    fn boards_that_were_too_slow_prove_nothing() {
        let mut late = [over(ATTACK); 4];
        late[1].order = None;
        assert!(act(None).check(&late).unwrap_err().to_string().contains("--round"));
        let mut alone = [over(ATTACK); 4];
        alone[2].met = 2;
        assert!(act(None).check(&alone).unwrap_err().to_string().contains("busy"));
    }

    #[test]
    fn nobody_accuses_the_loyal() {
        let mut blamed = [over(ATTACK); 4];
        blamed[1].last = Some((NodeId(3), Fault::Missing));
        assert!(act(None).check(&blamed).is_err());
        assert!(act(Some(3)).check(&blamed).is_ok());
    }
}
