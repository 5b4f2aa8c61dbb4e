//! A run as text for a terminal.

mod grid;
mod heard;

use crate::battle::{Battle, Kind};
use crate::judge::Judgement;
use crate::names;
use crate::scenario::Scenario;
use crate::text::count;
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

pub(crate) use grid::Grid;

/// How many rows of each table and list are printed unless all are wanted.
pub(crate) const ROWS: usize = 60;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The style of a message of this kind. Marks tell the kinds apart where there are no colours.
const fn style(kind: Kind) -> Style {
    match kind {
        Kind::Honest => Style::new(),
        Kind::Lie => AnsiColor::Red.on_default(),
        Kind::Dropped => DIM,
        Kind::Late => AnsiColor::Magenta.on_default(),
    }
}

/// The text in this style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A heading.
pub(crate) fn heading(text: &str) -> String {
    styled(BOLD, text)
}

/// The whole report: who heard what, who decided what, what holds, who is blamed; of each table
/// and list so many rows at `most`.
#[must_use]
pub fn report(
    scenario: &Scenario,
    battle: &Battle,
    judgement: &Judgement,
    most: Option<usize>,
) -> String {
    let most = most.unwrap_or(usize::MAX);
    let mut text = String::new();
    if let Some(title) = &scenario.title {
        let _ = writeln!(text, "{}", heading(title));
    }
    let _ = writeln!(text, "{}.", names::headline(scenario));
    if let Some(excuse) = &judgement.excuse {
        let _ = writeln!(text, "Nothing is promised: {excuse}.");
    }
    let _ = write!(text, "\n{}", heard::table(scenario, battle, most));
    text += &verdict(scenario, battle, judgement);
    let blames = names::accusations(battle);
    if blames.is_empty() {
        text += "Nobody is blamed.\n";
    }
    for line in blames.iter().take(most) {
        let _ = writeln!(text, "{line}.");
    }
    if blames.len() > most {
        let more = count((blames.len() - most) as u64, "accusation", "accusations");
        let _ = writeln!(text, "({more} more.)");
    }
    for (id, refusal) in &battle.refusals {
        let _ = writeln!(text, "General {} refuses: {refusal}.", id.0);
    }
    for number in &battle.idle {
        let _ = writeln!(text, "Lie {number} found no place: nobody was told it.");
    }
    text
}

/// What holds, and what it cost.
#[must_use]
pub fn verdict(scenario: &Scenario, battle: &Battle, judgement: &Judgement) -> String {
    let mut text = String::new();
    let holds = [judgement.ic1, judgement.ic2];
    for (sentence, holds) in names::conditions(scenario, battle, judgement).iter().zip(holds) {
        let _ = writeln!(text, "{}", styled(if holds { GOOD } else { BAD }, sentence));
    }
    let _ = writeln!(text, "{}.", names::cost(battle));
    text
}
