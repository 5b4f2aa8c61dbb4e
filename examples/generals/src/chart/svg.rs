//! A chart as an SVG file.

use super::arrow::arrows;
use super::draw::Drawing;
use super::theme::STYLE;
use crate::battle::Battle;
use crate::judge::Judgement;
use crate::names;
use crate::problem::Problem;
use crate::scenario::Scenario;

/// One lane for each general, time downwards, an arrow for each message. Where the viewer shows
/// titles, pointing at an arrow tells its path and value.
///
/// # Errors
/// There are too many messages to draw.
pub fn chart(
    scenario: &Scenario,
    battle: &Battle,
    judgement: &Judgement,
) -> Result<String, Problem> {
    let all = arrows(scenario, battle)?;
    let headline = names::headline(scenario);
    let mut drawing = Drawing::new(scenario, &all);
    let title = scenario.title.iter().map(|title| ("round", title.as_str()));
    let excuse = judgement.excuse.as_ref().map(|why| format!("Nothing is promised: {why}."));
    let excuse = excuse.iter().map(|line| ("broken", line.as_str()));
    drawing.text(title.chain([("", headline.as_str())]).chain(excuse));
    drawing.legend();
    drawing.heads();
    for round in all.chunk_by(|one, two| one.round == two.round) {
        let name = round.first().map_or_else(String::new, |it| names::round(scenario, it.round));
        drawing.round(&name, round);
    }
    drawing.decisions(battle, judgement);
    Ok(drawing.finish(&headline, Some(STYLE)))
}
