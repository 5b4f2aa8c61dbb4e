//! One scenario: who is twinned, and for each round who hears whom and who leads.

use crate::again::Again;
use quorate::{NodeId, NodeSet, Quorum};
use std::fmt;

/// Replicas of every scenario.
pub const NODES: usize = 4;
/// Rounds of every scenario: so many views are led.
pub const ROUNDS: usize = 4;

/// What happens in one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The replica that leads.
    pub leader: u8,
    /// Bit i - 1: instance i stands on the other side than instance 0.
    pub sides: u8,
}

/// A scenario of four rounds. Instance i is replica i; instance 4 + k is the twin of replica k.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scenario {
    /// How many replicas have a twin: replica 0 alone, or 1 too.
    pub twins: usize,
    /// Its rounds.
    pub rounds: [Setting; ROUNDS],
}

impl Setting {
    /// How many there are with so many twins: four leaders times the ways to stand on two sides.
    #[must_use]
    pub const fn count(twins: usize) -> u64 {
        (NODES as u64) << (NODES + twins - 1)
    }

    /// The setting of a number below [`Setting::count`].
    #[must_use]
    pub const fn of(twins: usize, number: u64) -> Self {
        let ways = 1 << (NODES + twins - 1);
        #[allow(clippy::cast_possible_truncation, reason = "both are below 2^7")]
        Self { leader: (number / ways) as u8, sides: (number % ways) as u8 }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self, twins: usize) -> u64 {
        ((self.leader as u64) << (NODES + twins - 1)) | self.sides as u64
    }

    /// Whether an instance stands where instance 0 does.
    #[must_use]
    pub const fn is_here(self, instance: usize) -> bool {
        instance == 0 || self.sides & (1 << (instance - 1)) == 0
    }

    /// Whether a strong quorum stands on one side: a replica and its twin count once.
    #[must_use]
    pub fn has_quorum(self, twins: usize) -> bool {
        let quorum = Quorum::of(NODES).map_or(usize::MAX, Quorum::strong);
        [true, false].into_iter().any(|here| {
            let side = (0..NODES + twins).filter(|instance| self.is_here(*instance) == here);
            let names: NodeSet = side.map(|instance| NodeId((instance % NODES) as u8)).collect();
            names.len() >= quorum
        })
    }
}

impl Scenario {
    /// How many there are with so many twins, before those that are alike are taken for one.
    #[must_use]
    pub const fn count(twins: usize) -> u64 {
        Setting::count(twins).pow(ROUNDS as u32)
    }

    /// The scenario of a number; `None` if there is none of that number.
    #[must_use]
    pub fn of(twins: usize, number: u64) -> Option<Self> {
        let (known, all) = ((1..=2).contains(&twins), Setting::count(twins.clamp(1, 2)));
        if !known || number >= Self::count(twins) {
            return None;
        }
        let mut rest = number;
        let mut rounds = [Setting { leader: 0, sides: 0 }; ROUNDS];
        for round in rounds.iter_mut().rev() {
            *round = Setting::of(twins, rest % all);
            rest /= all;
        }
        Some(Self { twins, rounds })
    }

    /// Its number: the settings of its rounds are the digits, the first round's the highest.
    #[must_use]
    pub fn number(&self) -> u64 {
        let all = Setting::count(self.twins);
        self.rounds.iter().fold(0, |number, round| number * all + round.number(self.twins))
    }

    /// How many instances there are.
    #[must_use]
    pub const fn instances(&self) -> usize {
        NODES + self.twins
    }

    /// The view of each round: the first after that of the last round that its leader leads.
    #[must_use]
    pub fn views(&self) -> [u64; ROUNDS] {
        let mut next = 0;
        self.rounds.map(|Setting { leader, .. }| {
            let nodes = NODES as u64;
            let view = next + (u64::from(leader) + nodes - next % nodes) % nodes;
            next = view + 1;
            view
        })
    }

    /// The commands that show it again.
    #[must_use]
    pub fn again(&self) -> Again {
        let (number, twins) = (self.number(), self.twins);
        let two = if twins == 1 { "" } else { " --twins 2" };
        Again {
            replay: format!("quorate-sim twins{two} --scenario {number}"),
            explain: format!("quorate-sim explain {number} --twins {twins}"),
        }
    }
}

impl fmt::Display for Scenario {
    /// `v0: r0 leads r0 r1 r2 | r3 r0'; v1: r1 leads r0 r1 r2 r3 r0'; ...`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (round, view)) in self.rounds.iter().zip(self.views()).enumerate() {
            let name = |instance: usize| match instance.checked_sub(NODES) {
                Some(twin) => format!(" r{twin}'"),
                None => format!(" r{instance}"),
            };
            let side = |here| {
                let side = (0..self.instances()).filter(|i| round.is_here(*i) == here);
                side.map(name).collect::<String>()
            };
            let (one, other) = (side(true), side(false));
            let semicolon = if at == 0 { "" } else { "; " };
            let bar = if other.is_empty() { "" } else { " |" };
            write!(f, "{semicolon}v{view}: r{} leads{one}{bar}{other}", round.leader)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_scenarios_are_one_to_one() {
        for twins in [1, 2] {
            let all = Scenario::count(twins);
            for number in (0..all).step_by(all as usize / 997) {
                assert_eq!(Scenario::of(twins, number).unwrap().number(), number);
            }
            assert_eq!(Scenario::of(twins, all), None);
        }
        assert_eq!((Scenario::of(0, 0), Scenario::of(3, 0)), (None, None));
        assert_eq!((Scenario::count(1), Scenario::count(2)), (1 << 24, 1 << 28));
    }

    #[test]
    fn each_round_has_a_view_of_its_own_that_its_leader_leads() {
        let leaders = |leaders: [u8; ROUNDS]| {
            let rounds = leaders.map(|leader| Setting { leader, sides: 0 });
            Scenario { twins: 1, rounds }.views()
        };
        assert_eq!(leaders([0, 1, 2, 3]), [0, 1, 2, 3]);
        assert_eq!(leaders([2, 2, 3, 0]), [2, 6, 7, 8]);
        assert_eq!(leaders([3, 2, 1, 0]), [3, 6, 9, 12]);
    }

    #[test]
    fn a_replica_and_its_twin_are_no_two_votes() {
        let quorums = |twins| {
            let ways = 0..1_u8 << (NODES + twins - 1);
            ways.filter(|sides| Setting { leader: 0, sides: *sides }.has_quorum(twins)).count()
        };
        // r0 r0' and one more, and the other two: 3 of 16 ways to stand.
        assert_eq!(quorums(1), 13);
        assert!(!Setting { leader: 0, sides: 0b0110 }.has_quorum(1), "r0 r1 r0' | r2 r3");
        assert!(Setting { leader: 0, sides: 0b1110 }.has_quorum(1), "r0 r1 | r2 r3 r0'");
    }

    #[test]
    fn a_scenario_reads_as_what_happens() {
        let settings = [(0, 0b1100), (2, 0), (1, 0b0001), (1, 0b1111)];
        let rounds = settings.map(|(leader, sides)| Setting { leader, sides });
        assert_eq!(
            Scenario { twins: 1, rounds }.to_string(),
            "v0: r0 leads r0 r1 r2 | r3 r0'; v2: r2 leads r0 r1 r2 r3 r0'; \
             v5: r1 leads r0 r2 r3 r0' | r1; v9: r1 leads r0 | r1 r2 r3 r0'"
        );
    }
}
