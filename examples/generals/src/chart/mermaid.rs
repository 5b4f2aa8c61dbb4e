//! A chart as the source of a Mermaid sequence diagram.

use super::arrow::arrows;
use super::escape::mermaid;
use crate::battle::{Battle, Kind};
use crate::judge::Judgement;
use crate::names;
use crate::problem::Problem;
use crate::scenario::{Protocol, Scenario};
use std::fmt::Write;

/// The diagram: `->>` is an honest message, `-->>` a lie, `-x` one that was dropped, `--)` one
/// that came too late.
///
/// # Errors
/// There are too many messages to draw.
pub fn diagram(
    scenario: &Scenario,
    battle: &Battle,
    judgement: &Judgement,
) -> Result<String, Problem> {
    let all = arrows(scenario, battle)?;
    let mut text = String::from("sequenceDiagram\n");
    for id in scenario.generals() {
        let single = !matches!(scenario.protocol, Protocol::Vector(_));
        let commands = single && id == scenario.commander;
        let role = if commands { ", commander" } else { "" };
        let traitor = if scenario.is_traitor(id) { ", traitor" } else { "" };
        let id = id.0;
        let _ = writeln!(text, "    participant G{id} as general {id}{role}{traitor}");
    }
    let over = format!("G0,G{}", scenario.n - 1);
    for round in all.chunk_by(|one, two| one.round == two.round) {
        let name = round.first().map_or_else(String::new, |it| names::round(scenario, it.round));
        let _ = writeln!(text, "    Note over {over}: {}", mermaid(&name));
        for arrow in round {
            let line = match arrow.kind {
                Kind::Honest => "->>",
                Kind::Lie => "-->>",
                Kind::Dropped => "-x",
                Kind::Late => "--)",
            };
            let (from, to) = (arrow.from.0, arrow.to.0);
            let way = arrow.way.iter().map(|way| format!(" ({way})")).collect::<String>();
            let label = mermaid(&format!("{}{way}", arrow.label));
            let _ = writeln!(text, "    G{from}{line}G{to}: {label}");
        }
    }
    for id in scenario.generals().filter(|id| !scenario.is_traitor(*id)) {
        let decided = mermaid(&names::decision(scenario, battle, id));
        let _ = writeln!(text, "    Note over G{}: decides {decided}", id.0);
    }
    for sentence in names::conditions(scenario, battle, judgement) {
        let _ = writeln!(text, "    Note over {over}: {}", mermaid(&sentence));
    }
    Ok(text)
}
