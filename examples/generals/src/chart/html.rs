//! A chart as one page with a slider for the rounds. It refers to nothing outside of itself.

use super::arrow::arrows;
use super::draw::Drawing;
use super::escape::xml;
use super::theme::STYLE;
use crate::battle::Battle;
use crate::judge::Judgement;
use crate::names;
use crate::problem::Problem;
use crate::scenario::Scenario;
use std::fmt::Write;

const PAGE_STYLE: &str = "
:root { color-scheme: light dark; } body { font-family: system-ui, sans-serif; margin: 1.2rem;
  max-width: 100rem; } section { overflow-x: auto; } h1 { font-size: 1.3rem; }
.controls { position: sticky; top: 0; padding: 0.6rem 0; background: Canvas; }
.controls input[type=range] { width: min(30rem, 60vw); vertical-align: middle; }
[hidden] { display: none; }
";

/// Shows one section at a time, or all. There is nothing in it that XML would take for markup.
const SCRIPT: &str = "
const slider = document.getElementById('round');
const all = document.getElementById('all');
const shown = document.getElementById('shown');
const sections = Array.from(document.querySelectorAll('section'));
function show() {
  const at = Number(slider.value);
  sections.forEach(function (section, place) { section.hidden = !(all.checked || place === at); });
  shown.textContent = all.checked ? 'all rounds' : sections[at].dataset.name;
}
slider.addEventListener('input', function () { all.checked = false; show(); });
all.addEventListener('change', show);
show();
";

/// The page.
///
/// # Errors
/// There are too many messages to draw.
pub fn page(
    scenario: &Scenario,
    battle: &Battle,
    judgement: &Judgement,
) -> Result<String, Problem> {
    let all = arrows(scenario, battle)?;
    let headline = names::headline(scenario);
    let title = scenario.title.as_deref().unwrap_or("Byzantine generals");
    let mut sections = String::new();
    let mut count = 0;
    for round in all.chunk_by(|one, two| one.round == two.round) {
        let name = round.first().map_or_else(String::new, |it| names::round(scenario, it.round));
        let mut drawing = Drawing::new(scenario, &all);
        drawing.heads();
        drawing.round(&name, round);
        section(&mut sections, &name, &drawing.finish(&name, None));
        count += 1;
    }
    let mut drawing = Drawing::new(scenario, &all);
    drawing.heads();
    drawing.decisions(battle, judgement);
    section(&mut sections, "Decisions", &drawing.finish("Decisions", None));
    let mut legend = Drawing::new(scenario, &all);
    legend.legend();
    let legend = legend.finish("What the arrows mean", None);
    let notes = notes(scenario, battle, judgement);
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\"><head>\
         <meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <title>{title}</title><style>{style}{PAGE_STYLE}</style></head>\n\
         <body><h1>{title}</h1><p>{headline}.</p>\n\
         <div class=\"controls\"><label for=\"round\">Round </label>\
         <input id=\"round\" type=\"range\" min=\"0\" max=\"{count}\" value=\"0\" step=\"1\"/> \
         <output id=\"shown\" for=\"round\">all rounds</output> \
         <label><input id=\"all\" type=\"checkbox\" checked=\"checked\"/> all at once</label>\
         </div>\n{legend}{sections}{notes}<script>{SCRIPT}</script></body></html>\n",
        title = xml(title),
        headline = xml(&headline),
        style = xml(STYLE),
    ))
}

fn section(page: &mut String, name: &str, drawing: &str) {
    let _ = writeln!(page, "<section data-name=\"{}\">{drawing}</section>", xml(name));
}

/// What the chart does not show: why nothing is promised, the cost, who is blamed.
fn notes(scenario: &Scenario, battle: &Battle, judgement: &Judgement) -> String {
    let mut lines = Vec::new();
    lines.extend(scenario.about.clone());
    lines.extend(judgement.excuse.iter().map(|why| format!("Nothing is promised: {why}.")));
    lines.push(format!("{}.", names::cost(battle)));
    lines.extend(names::accusations(battle).into_iter().map(|line| format!("{line}.")));
    lines.iter().map(|line| format!("<p>{}</p>\n", xml(line))).collect()
}
