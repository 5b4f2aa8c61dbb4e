//! Who plays which part.

use super::{
    Agitator, Boaster, Counterfeiter, Delayer, Equivocator, Forger, Forgetful, Hoarder, Liar,
    Mutator, Partial, Plot, Poisoner, Replayer, Silent, Slow, Spammer, Stale, Twin, Unfair,
    Usurper, Withholder,
};
use crate::plan::{Plan, Role};
use crate::traitor::Traitor;

/// The mouth of a node that plays a role in a plan; `plot` is that of all its equivocators.
#[must_use]
pub fn cast(plan: &Plan, role: Role, plot: &Plot) -> Box<dyn Traitor> {
    match role {
        Role::Silent(victims) => Box::new(Silent::towards(victims)),
        Role::Equivocator => Box::new(Equivocator::new(plot.clone())),
        Role::Liar => Box::new(Liar),
        Role::Forgetful => Box::new(Forgetful::default()),
        Role::Slow => Box::new(Slow::by(plan.timeout * 9 / 10)),
        Role::Unfair(victim) => Box::new(Unfair::to(victim)),
        Role::Stale => Box::new(Stale::default()),
        Role::Hoarder => Box::new(Hoarder::by(plan.timeout * 9 / 10)),
        Role::Delayer => Box::new(Delayer::by(plan.timeout * 3 / 2)),
        Role::Forger => Box::new(Forger::default()),
        Role::Replayer => Box::new(Replayer::new(crate::abroad::letters(plan))),
        Role::Spammer => Box::new(Spammer::default()),
        Role::Withholder(victims) => Box::new(Withholder::from(victims)),
        Role::Poisoner => Box::new(Poisoner),
        Role::Counterfeiter => Box::new(Counterfeiter),
        Role::Partial => Box::new(Partial),
        Role::Usurper => Box::new(Usurper::default()),
        Role::Agitator => Box::new(Agitator),
        Role::Boaster => Box::new(Boaster::default()),
        Role::Twin(side) => Box::new(Twin::original(side)),
        Role::Mutator { process, network } => Box::new(Mutator::new(process, network)),
    }
}
