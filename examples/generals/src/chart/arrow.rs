//! What is drawn between two lanes.

use crate::battle::{Battle, Fate, Kind, Telling};
use crate::names;
use crate::problem::Problem;
use crate::scenario::Scenario;
use quorate::NodeId;

/// Up to how many messages have an arrow each; of more, those of one frame share one.
const MOST_ALONE: usize = 1_500;
/// How many messages of a shared arrow are told to who points at it.
const MOST_TOLD: usize = 40;

/// One message, or the messages of one kind in one frame.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    /// The round in which it was sent.
    pub(super) round: u8,
    /// Whose lane it begins at.
    pub(super) from: NodeId,
    /// Whose lane it ends at.
    pub(super) to: NodeId,
    /// What kind of message it is.
    pub(super) kind: Kind,
    /// The way that its message took; of several nothing.
    pub(super) way: Option<String>,
    /// What stands beside it.
    pub(super) label: String,
    /// What is told to who points at it.
    pub(super) hover: String,
}

impl Arrow {
    fn of(scenario: &Scenario, battle: &Battle, telling: &Telling) -> Self {
        let Telling { round, from, to, kind, .. } = *telling;
        let said = telling.utterance.said;
        let mut label = match kind {
            Kind::Honest => said.to_string(),
            Kind::Lie => format!("lie: {said}"),
            Kind::Dropped => format!("dropped: {said}"),
            Kind::Late => format!("late: {said}"),
        };
        if matches!(battle.fate(telling), Fate::Blamed(_)) {
            label.push_str(" (blamed)");
        }
        let hover = names::message(scenario, battle, telling);
        let way = Some(names::way(scenario, telling));
        Self { round, from, to, kind, way, label, hover }
    }

    /// One arrow for all of these.
    fn shared(scenario: &Scenario, battle: &Battle, tellings: &[&Telling]) -> Option<Self> {
        let (first, count) = (tellings.first()?, tellings.len());
        if count == 1 {
            return Some(Self::of(scenario, battle, first));
        }
        let Telling { round, from, to, kind, .. } = **first;
        let told = tellings.iter().take(MOST_TOLD);
        let mut hover: Vec<_> = told.map(|it| names::message(scenario, battle, it)).collect();
        if count > MOST_TOLD {
            hover.push(format!("and {} more", count - MOST_TOLD));
        }
        let label = match kind {
            Kind::Honest => format!("{count} messages"),
            Kind::Lie => format!("{count} lies"),
            Kind::Dropped => format!("{count} dropped"),
            Kind::Late => format!("{count} late"),
        };
        Some(Self { round, from, to, kind, way: None, label, hover: hover.join("\n") })
    }
}

/// All arrows of a run, in the order of sending, those of one round together.
pub(super) fn arrows(scenario: &Scenario, battle: &Battle) -> Result<Vec<Arrow>, Problem> {
    if !battle.detailed {
        let count = battle.messages();
        return Err(Problem::configuration(format!(
            "{count} messages are too many to draw: take a smaller n or m, or leave out the chart"
        )));
    }
    let mut tellings: Vec<&Telling> = battle.tellings.iter().collect();
    tellings.sort_by_key(|telling| telling.round);
    if tellings.len() <= MOST_ALONE {
        return Ok(tellings.iter().map(|it| Arrow::of(scenario, battle, it)).collect());
    }
    let place = |it: &&Telling| (it.round, it.from, it.to, it.kind);
    tellings.sort_by_key(place);
    let groups = tellings.chunk_by(|one, two| place(one) == place(two));
    Ok(groups.filter_map(|group| Arrow::shared(scenario, battle, group)).collect())
}
