//! Who lies in a run of PBFT, and how.

use crate::kinds::Kinds;
use crate::plain::{counted, nodes};
use crate::plan::Plan;
use crate::random::Random;
use quorate::{ClientId, NodeId, NodeSet, Quorum};
use std::fmt;

/// The kinds of traitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Says nothing to these nodes, nor to clients.
    Silent(NodeSet),
    /// Proposes and votes differently to two halves of the nodes.
    Equivocator,
    /// Votes and replies with wrong digests.
    Liar,
    /// Reports empty or old histories when the view changes.
    Forgetful,
    /// Proposes just before the timeout.
    Slow,
    /// Is deaf to this client.
    Unfair(ClientId),
    /// Answers reads from old states.
    Stale,
    /// Proposes in time, and lets nothing be agreed on until just before the timeout.
    Hoarder,
    /// Says half of it late.
    Delayer,
    /// Puts words into the mouths of others.
    Forger,
    /// Says again what was said before, here and elsewhere.
    Replayer,
    /// Sends more than anybody can use.
    Spammer,
    /// Keeps bodies of batches from these nodes, and answers nobody who asks for one.
    Withholder(NodeSet),
    /// Serves wrong states.
    Poisoner,
    /// Vouches for checkpoints that there are not.
    Counterfeiter,
    /// Helps some and starves others with true votes.
    Partial,
    /// Proposes although another leads.
    Usurper,
    /// Asks for the next view all the time.
    Agitator,
    /// Claims to have prepared what nobody proposed.
    Boaster,
    /// Runs twice; these nodes talk with the copy, or all with both if there are none.
    Twin(NodeSet),
    /// Changes a few messages a little: in so many rounds, and is not heard by some in so many.
    Mutator {
        /// Rounds that are changed, c.
        process: u8,
        /// Rounds that are not heard, d.
        network: u8,
    },
}

impl Role {
    /// All kinds of traitors, by the names that [`Role::name`] gives them.
    pub const ALL: Kinds = Kinds::all(&[
        "silent",
        "equivocator",
        "liar",
        "forgetful",
        "slow",
        "unfair",
        "stale",
        "hoarder",
        "delayer",
        "forger",
        "replayer",
        "spammer",
        "withholder",
        "poisoner",
        "counterfeiter",
        "partial",
        "usurper",
        "agitator",
        "boaster",
        "twin",
        "mutator",
    ]);

    /// Its name on the command line.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Silent(_) => "silent",
            Self::Equivocator => "equivocator",
            Self::Liar => "liar",
            Self::Forgetful => "forgetful",
            Self::Slow => "slow",
            Self::Unfair(_) => "unfair",
            Self::Stale => "stale",
            Self::Hoarder => "hoarder",
            Self::Delayer => "delayer",
            Self::Forger => "forger",
            Self::Replayer => "replayer",
            Self::Spammer => "spammer",
            Self::Withholder(_) => "withholder",
            Self::Poisoner => "poisoner",
            Self::Counterfeiter => "counterfeiter",
            Self::Partial => "partial",
            Self::Usurper => "usurper",
            Self::Agitator => "agitator",
            Self::Boaster => "boaster",
            Self::Twin(_) => "twin",
            Self::Mutator { .. } => "mutator",
        }
    }
}

/// Nobody: whoever is unfair to it lies only as a script says.
pub(crate) const NOBODY: ClientId = ClientId(u16::MAX);

impl Role {
    /// Its name for a drawing.
    pub(crate) const fn mark(&self) -> &'static str {
        if self.is_scripted() { "faulty" } else { self.name() }
    }

    const fn is_scripted(&self) -> bool {
        matches!(self, Self::Unfair(client) if client.0 == NOBODY.0)
    }
}

impl fmt::Display for Role {
    /// What a replica is that has this role: `is a traitor: silent to r1 r2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_scripted() {
            return f.write_str("is faulty when the script says so");
        }
        write!(f, "is a traitor: {}", self.name())?;
        match *self {
            Self::Silent(victims) => write!(f, " to {}", nodes(victims)),
            Self::Unfair(client) => write!(f, " to c{}", client.0),
            Self::Withholder(victims) => write!(f, " of batches from {}", nodes(victims)),
            Self::Twin(side) if side.is_empty() => f.write_str("; all talk with both copies"),
            Self::Twin(side) => write!(f, "; {} talk with the copy", nodes(side)),
            Self::Mutator { process, network } => {
                let changed = counted(process, "round");
                let unheard = counted(network, "round");
                write!(f, " of {changed}, and not heard by some in {unheard}")
            }
            _ => Ok(()),
        }
    }
}

impl Plan {
    /// One to f of the replicas lie, each as one of these kinds; `beyond`: f + 1 of them do.
    pub(crate) fn draw_traitors(&mut self, random: &mut Random, kinds: Kinds, beyond: bool) {
        let mut lying: Vec<NodeId> = (0..self.nodes as u8).map(NodeId).collect();
        random.shuffle(&mut lying);
        let faults = Quorum::of(self.nodes).map_or(0, Quorum::faults);
        let count = random.between(1, faults as u64) as usize;
        lying.truncate(if beyond { faults + 1 } else { count });
        for node in lying {
            let all: Vec<NodeId> = (0..self.nodes as u8).map(NodeId).collect();
            let victims = all.iter().filter(|_| random.chance(500)).copied().collect();
            let everyone = all.iter().copied().collect();
            let (process, network) = (random.between(1, 4) as u8, random.below(3) as u8);
            let roles = [
                Role::Silent(everyone),
                Role::Silent(victims),
                Role::Equivocator,
                Role::Equivocator,
                Role::Liar,
                Role::Forgetful,
                Role::Slow,
                Role::Unfair(ClientId(0)),
                Role::Stale,
                Role::Hoarder,
                Role::Delayer,
                Role::Forger,
                Role::Replayer,
                Role::Spammer,
                Role::Withholder(victims),
                Role::Poisoner,
                Role::Counterfeiter,
                Role::Partial,
                Role::Usurper,
                Role::Agitator,
                Role::Boaster,
                Role::Twin(victims),
                Role::Twin(NodeSet::EMPTY),
                Role::Mutator { process, network },
                Role::Mutator { process, network },
            ];
            let role = kinds.pick(random, &roles, Role::name);
            self.traitors.push((node, role));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Faults;
    use std::collections::BTreeSet;

    fn drawn(kinds: Kinds) -> BTreeSet<&'static str> {
        let mut names = BTreeSet::new();
        for seed in 0..300 {
            let plan = Plan::with(seed, None, Faults::Traitors, kinds, false);
            assert!(!plan.traitors.is_empty(), "seed {seed}");
            names.extend(plan.traitors.iter().map(|(_, role)| role.name()));
        }
        names
    }

    #[test]
    fn seeds_draw_every_kind_or_those_that_are_chosen() {
        assert_eq!(drawn(Role::ALL), Role::ALL.names().collect());
        let two = Role::ALL.only(["twin", "mutator"]).unwrap();
        assert_eq!(drawn(two), BTreeSet::from(["mutator", "twin"]));
    }
}
