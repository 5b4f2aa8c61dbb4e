//! Whether the generals agreed.

use crate::battle::Battle;
use crate::scenario::{Protocol, Scenario};
use crate::word::Word;
use quorate::NodeId;

/// The two conditions of interactive consistency, judged over one run (Lamport, Shostak and
/// Pease 1982, section 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// All loyal lieutenants obey the same order. With a vector: all loyal generals hold the same.
    pub ic1: bool,
    /// If the commander is loyal, every loyal lieutenant obeys its order. With a vector: the entry
    /// of each loyal general is its own value.
    pub ic2: bool,
    /// The first loyal generals that differ.
    pub differing: Option<[NodeId; 2]>,
    /// The first loyal general that does not obey, and the loyal commander whom it does not.
    pub disobeying: Option<[NodeId; 2]>,
    /// Why nothing was promised; `None` if agreement was.
    pub excuse: Option<String>,
}

impl Judgement {
    /// Judges a run.
    #[must_use]
    pub fn of(scenario: &Scenario, battle: &Battle) -> Self {
        let everybody = matches!(scenario.protocol, Protocol::Vector(_));
        let loyal: Vec<NodeId> =
            scenario.generals().filter(|id| !scenario.is_traitor(*id)).collect();
        let obeyed = |id: NodeId| orders(scenario, battle, id);
        let mut judged = loyal.iter().filter(|id| everybody || **id != scenario.commander);
        let differing = judged.next().and_then(|first| {
            let other = judged.find(|id| obeyed(**id) != obeyed(*first));
            other.map(|other| [*first, *other])
        });
        let disobeying = scenario.commanders().enumerate().find_map(|(at, commander)| {
            let order = scenario.order_of(commander);
            let rebel = loyal.iter().find(|id| obeyed(**id).get(at) != Some(&order));
            rebel.filter(|_| loyal.contains(&commander)).map(|rebel| [*rebel, commander])
        });
        Self {
            ic1: differing.is_none(),
            ic2: disobeying.is_none(),
            differing,
            disobeying,
            excuse: scenario.why_nothing_is_promised(),
        }
    }

    /// Whether agreement was promised and did not come: the library is wrong then.
    #[must_use]
    pub const fn is_broken_promise(&self) -> bool {
        self.excuse.is_none() && !(self.ic1 && self.ic2)
    }
}

/// The orders that a general obeys, one for each commander; none of a traitor.
#[must_use]
pub fn orders(scenario: &Scenario, battle: &Battle, general: NodeId) -> Vec<Word> {
    let decided = battle.decisions.get(general.index()).and_then(Option::as_ref);
    let verdicts = decided.into_iter().flatten();
    verdicts.map(|verdict| verdict.order(scenario.default)).collect()
}
