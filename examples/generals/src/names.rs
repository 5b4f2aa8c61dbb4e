//! How generals, rounds and outcomes are called wherever they are shown.

use crate::battle::{Battle, Fate, Kind, Telling};
use crate::judge::Judgement;
use crate::scenario::{Over, Protocol, Scenario};
use crate::text::count;
use crate::word::Word;
use quorate::king::Part;
use quorate::{NodeId, Reason, Verdict};

/// One line on who agrees.
#[must_use]
pub fn headline(scenario: &Scenario) -> String {
    let Scenario { protocol, n, m, default, .. } = scenario;
    let mut line = format!("{protocol}({m}) among {n} generals");
    if matches!(protocol, Protocol::Vector(_)) {
        let orders: Vec<_> = scenario.orders.iter().map(Word::to_string).collect();
        line += &format!(", whose values are {}", orders.join(" "));
    } else {
        let (commander, order) = (scenario.commander.0, scenario.order_of(scenario.commander));
        line += &format!("; general {commander} orders {order}");
    }
    let traitors: Vec<_> = scenario.traitors.iter().map(|id| id.0.to_string()).collect();
    line += &match traitors.as_slice() {
        [] => "; nobody is a traitor".to_owned(),
        [one] => format!("; general {one} is a traitor"),
        _ => format!("; generals {} are traitors", traitors.join(", ")),
    };
    line + &format!("; the default is {default}")
}

/// What a round is called.
#[must_use]
pub fn round(scenario: &Scenario, round: u8) -> String {
    if round == 0 {
        return "Before the first round".to_owned();
    }
    if usize::from(round) > scenario.rounds() {
        return "After the last round".to_owned();
    }
    if !scenario.protocol.is_king() {
        return format!("Round {round}");
    }
    let phase = round.saturating_sub(2) / 3 + 1;
    match Part::of(round) {
        Part::Command => format!("Round {round}: the order"),
        Part::First => format!("Round {round}: phase {phase}, first exchange"),
        Part::Second => format!("Round {round}: phase {phase}, second exchange"),
        Part::King(NodeId(king)) => format!("Round {round}: phase {phase}, general {king} is king"),
    }
}

/// What it took, in one line.
#[must_use]
pub fn cost(battle: &Battle) -> String {
    let [_, lies, dropped, late] = battle.counts;
    let frames = count(battle.frames.len() as u64, "frame", "frames");
    let messages = count(battle.messages(), "message", "messages");
    let rounds = count(battle.rounds, "round", "rounds");
    let mut cost = format!("{messages} in {frames} of {} bytes, {rounds}", battle.bytes());
    let more = [
        (lies, count(lies, "lie", "lies")),
        (dropped, format!("{dropped} not sent")),
        (late, format!("{late} late")),
    ];
    for (_, what) in more.into_iter().filter(|(count, _)| *count > 0) {
        cost += ", ";
        cost += &what;
    }
    cost
}

/// Where a message comes from: its path or chain, or its sender; both if the sender is not at
/// the end of it.
#[must_use]
pub fn route(telling: &Telling) -> String {
    let (route, from) = (&telling.utterance.route, telling.from);
    match route.last() {
        None => from.0.to_string(),
        Some(last) if last == from => route.to_string(),
        Some(_) => format!("{route} by {}", from.0),
    }
}

/// What ways are: paths, chains of signers, or only senders.
#[must_use]
pub const fn kind_of_way(scenario: &Scenario) -> &'static str {
    match scenario.protocol {
        Protocol::Om | Protocol::Vector(Over::Om) => "path",
        Protocol::Sm | Protocol::Vector(Over::Sm) => "signers",
        Protocol::King | Protocol::Vector(Over::King) => "from",
    }
}

/// The way that a message took, in words.
#[must_use]
pub fn way(scenario: &Scenario, telling: &Telling) -> String {
    format!("{} {}", kind_of_way(scenario), route(telling))
}

/// One message in words: what a reader sees who points at it.
#[must_use]
pub fn message(scenario: &Scenario, battle: &Battle, telling: &Telling) -> String {
    let Telling { from, to, utterance, loyal, kind, .. } = telling;
    let mut text = format!("{}: general {} to general {}", kind.name(), from.0, to.0);
    text += &format!(", {}", way(scenario, telling));
    match kind {
        Kind::Dropped => text += &format!(", value {}: not sent", utterance.said),
        _ => text += &format!(", value {}", utterance.said),
    }
    if let (Kind::Lie, Some(loyal)) = (kind, loyal) {
        text += &format!(" where a loyal general says {loyal}");
    }
    if loyal.is_none() {
        text += ", in addition to what a loyal general says";
    }
    if let Some(order) = utterance.replay {
        text += &format!(", with the signatures of {order} from another instance");
    }
    if scenario.protocol.is_king() && utterance.claims != telling.round {
        text += &format!(", said to be of round {}", utterance.claims);
    }
    if matches!(scenario.protocol, Protocol::Vector(_)) {
        text += &format!(", about the value of general {}", utterance.commander.0);
    }
    match battle.fate(telling) {
        Fate::Read => {}
        Fate::Known => text += "; the receiver needs it no more",
        Fate::Blamed(fault) => text += &format!("; the receiver blames the sender, who {fault}"),
    }
    text
}

/// What a general decided.
#[must_use]
pub fn decision(scenario: &Scenario, battle: &Battle, general: NodeId) -> String {
    if scenario.is_traitor(general) {
        return "traitor".to_owned();
    }
    let Some(Some(verdicts)) = battle.decisions.get(general.index()) else {
        return "nothing".to_owned();
    };
    let orders = verdicts.iter().map(|verdict| verdict.order(scenario.default).to_string());
    orders.collect::<Vec<_>>().join(" ")
}

/// Why a general fell back on the default, if it did.
#[must_use]
pub const fn reason(verdict: &Verdict<Word>) -> Option<&'static str> {
    match verdict {
        Verdict::Value(_) => None,
        Verdict::Default(Reason::Missing) => Some("missing"),
        Verdict::Default(Reason::Invalid) => Some("invalid"),
        Verdict::Default(Reason::Conflict) => Some("conflict"),
    }
}

/// One sentence on IC1 and one on IC2.
#[must_use]
pub fn conditions(scenario: &Scenario, battle: &Battle, judgement: &Judgement) -> [String; 2] {
    let several = matches!(scenario.protocol, Protocol::Vector(_));
    let decided =
        |id: NodeId| format!("general {} decides {}", id.0, decision(scenario, battle, id));
    let first = match judgement.differing {
        None if several => "IC1 holds: all loyal generals hold the same vector.".to_owned(),
        None => "IC1 holds: all loyal lieutenants decide the same.".to_owned(),
        Some([one, two]) => format!("IC1 is violated: {}, {}.", decided(one), decided(two)),
    };
    let second = match judgement.disobeying {
        None if several => "IC2 holds: the entry of each loyal general is its value.".to_owned(),
        None if scenario.is_traitor(scenario.commander) => {
            "IC2 holds: the commander is a traitor, so that there is nothing to obey.".to_owned()
        }
        None => "IC2 holds: all loyal lieutenants obey the loyal commander.".to_owned(),
        Some([rebel, commander]) => {
            let order = scenario.order_of(commander);
            let id = commander.0;
            format!("IC2 is violated: general {id} is loyal and says {order}, {}.", decided(rebel))
        }
    };
    [first, second]
}

/// Who is blamed for what, those who blame alike in one line.
#[must_use]
pub fn accusations(battle: &Battle) -> Vec<String> {
    let mut lines: Vec<(String, Vec<u8>)> = Vec::new();
    for it in &battle.accusations {
        let round = match it.round {
            0 => "before round 1".to_owned(),
            after if after > battle.rounds => "after the end".to_owned(),
            round => format!("in round {round}"),
        };
        let what = format!("general {} {round}: it {} ({:?})", it.node.0, it.fault, it.fault);
        let by = it.by.0;
        match lines.iter_mut().find(|(other, _)| *other == what) {
            Some((_, list)) if list.contains(&by) => {}
            Some((_, list)) => list.push(by),
            None => lines.push((what, vec![by])),
        }
    }
    lines
        .into_iter()
        .map(|(what, mut by)| {
            by.sort_unstable();
            (what, by.into_iter().map(|id| id.to_string()).collect::<Vec<_>>())
        })
        .map(|(what, by)| match by.as_slice() {
            [one] => format!("General {one} blames {what}"),
            _ => format!("Generals {} blame {what}", by.join(", ")),
        })
        .collect()
}
