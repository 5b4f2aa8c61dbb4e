//! Who heard what, round by round, and decided what.

use super::grid::Grid;
use super::{BOLD, DIM, heading, style};
use crate::battle::{Battle, Fate, Kind, Telling};
use crate::names;
use crate::scenario::{Protocol, Scenario};
use anstyle::Style;
use quorate::NodeId;

/// A row: the messages of one round that came the same way.
struct Line<'b> {
    round: u8,
    route: String,
    tellings: Vec<&'b Telling>,
}

/// One table for each commander, then what the marks mean.
pub(super) fn table(scenario: &Scenario, battle: &Battle, most: usize) -> String {
    let mut text = String::new();
    for (at, commander) in scenario.commanders().enumerate() {
        if matches!(scenario.protocol, Protocol::Vector(_)) {
            let (id, order) = (commander.0, scenario.order_of(commander));
            let role = if scenario.is_traitor(commander) { ", a traitor" } else { "" };
            text += &heading(&format!("About the value of general {id}, {order}{role}"));
            text.push('\n');
        }
        text += &about_one(scenario, battle, (at, commander), most);
        text.push('\n');
    }
    text + &legend(battle)
}

fn about_one(
    scenario: &Scenario,
    battle: &Battle,
    (place, commander): (usize, NodeId),
    most: usize,
) -> String {
    let mut grid = Grid::default();
    let what = names::kind_of_way(scenario);
    let head = scenario.generals().map(|id| (format!("to {}", id.0), BOLD));
    grid.row([(what.to_owned(), BOLD)].into_iter().chain(head));
    let lines = lines(battle, commander);
    let mut round = None;
    for line in lines.iter().take(most) {
        if round != Some(line.round) {
            round = Some(line.round);
            grid.line(names::round(scenario, line.round));
        }
        let cells = scenario.generals().map(|to| cell(battle, line, to));
        grid.row([(line.route.clone(), Style::new())].into_iter().chain(cells));
    }
    if !battle.detailed {
        grid.line("(There were too many messages to list them.)");
    } else if lines.len() > most {
        grid.line(format!("({} more rows.)", lines.len() - most));
    }
    grid.line("Decision");
    let decided = scenario.generals().map(|id| decided(scenario, battle, place, id));
    grid.row([("obeys".to_owned(), Style::new())].into_iter().chain(decided));
    let why = scenario.generals().map(|id| (why(battle, place, id).to_owned(), DIM));
    let why: Vec<_> = why.collect();
    if why.iter().any(|(reason, _)| !reason.is_empty()) {
        grid.row([("default for".to_owned(), Style::new())].into_iter().chain(why));
    }
    grid.print()
}

fn lines(battle: &Battle, commander: NodeId) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for telling in battle.tellings.iter().filter(|it| it.utterance.commander == commander) {
        let (round, route) = (telling.round, names::route(telling));
        let place = *places.entry((round, route.clone())).or_insert_with(|| {
            lines.push(Line { round, route, tellings: Vec::new() });
            lines.len() - 1
        });
        lines[place].tellings.push(telling);
    }
    lines.sort_by(|one, two| {
        let key = |line: &Line<'_>| {
            let route = line.tellings.first().map(|it| (it.utterance.route.clone(), it.from));
            (line.round, route)
        };
        key(one).cmp(&key(two))
    });
    lines
}

/// What one general hears along one way: a value, with its marks; several, if it is told several.
fn cell(battle: &Battle, line: &Line<'_>, to: NodeId) -> (String, Style) {
    let told: Vec<_> = line.tellings.iter().filter(|telling| telling.to == to).collect();
    let Some(worst) = told.iter().map(|telling| telling.kind).max() else {
        return (".".to_owned(), DIM);
    };
    let one = |telling: &&&Telling| {
        let mark = match telling.kind {
            Kind::Honest => "",
            Kind::Lie => "!",
            Kind::Dropped => return "-".to_owned(),
            Kind::Late => "~",
        };
        let blamed = if matches!(battle.fate(telling), Fate::Blamed(_)) { "*" } else { "" };
        format!("{}{mark}{blamed}", telling.utterance.said)
    };
    (told.iter().map(one).collect::<Vec<_>>().join(","), style(worst))
}

fn decided(scenario: &Scenario, battle: &Battle, at: usize, id: NodeId) -> (String, Style) {
    if scenario.is_traitor(id) {
        return ("traitor".to_owned(), DIM);
    }
    let decided = battle.decisions.get(id.index()).and_then(Option::as_ref);
    let verdict = decided.and_then(|verdicts| verdicts.get(at));
    let order = verdict.map(|verdict| verdict.order(scenario.default).to_string());
    (order.unwrap_or_else(|| "nothing".to_owned()), BOLD)
}

fn why(battle: &Battle, at: usize, id: NodeId) -> &'static str {
    let decided = battle.decisions.get(id.index()).and_then(Option::as_ref);
    decided.and_then(|verdicts| verdicts.get(at)).and_then(names::reason).unwrap_or_default()
}

/// What the marks mean that were used.
fn legend(battle: &Battle) -> String {
    let [_, lies, dropped, late] = battle.counts;
    let blamed = battle.frames.iter().any(|frame| matches!(frame.fate, Fate::Blamed(_)));
    let marks = [
        (lies > 0, "! a lie"),
        (dropped > 0, "- not sent"),
        (late > 0, "~ sent too late"),
        (blamed, "* blamed by its receiver"),
    ];
    let used: Vec<_> = marks.into_iter().filter(|(used, _)| *used).map(|(_, mark)| mark).collect();
    if used.is_empty() { String::new() } else { format!("({})\n\n", used.join(", ")) }
}
