//! A run as one page: a lane for each node, time downwards, an arrow for each message.

use super::{Excerpt, escape, seconds};
use crate::chronicle::{Chronicle, Entry, What, name};
use quorate::Principal;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Pixels between two events, between two lanes, left of the lanes, and above the first event.
const ROW: usize = 16;
const LANE: usize = 190;
const LEFT: usize = 100;
const TOP: usize = 40;

/// More events than this no browser draws well.
const MOST: usize = 20_000;

const STYLE: &str = "
:root { color-scheme: light dark; } body { font-family: system-ui, sans-serif; margin: 1rem; }
svg { font-size: 11px; } .lane { stroke: #8a8a8a; } text { fill: CanvasText; }
.head { font-weight: 600; text-anchor: middle; font-size: 13px; } .time { fill: #767676; }
.message { stroke: #0b6bb0; stroke-width: 1.4px; } .lie { stroke: #c04a10; stroke-width: 1.8px;
  stroke-dasharray: 6 3; } .lost { stroke: #767676; stroke-dasharray: 2 4; }
.end { fill: #0b6bb0; } .end.false { fill: #c04a10; } .act { font-weight: 600; }
label { margin-right: 1rem; } .head-row { position: sticky; top: 0; background: Canvas; }
";

/// Shows and hides what is of a kind.
const SCRIPT: &str = "
document.querySelectorAll('input[data-kind]').forEach(function (box) {
  box.addEventListener('change', function () {
    document.querySelectorAll('g[data-kind=\"' + box.dataset.kind + '\"]').forEach(function (g) {
      g.style.display = box.checked ? '' : 'none';
    });
  });
});
";

/// The page.
///
/// # Errors
/// There are too many events to draw: the sentence says what to do.
pub fn html(excerpt: &Excerpt<'_>) -> Result<String, String> {
    let entries: Vec<(usize, &Entry)> = excerpt.entries().collect();
    if entries.len() > MOST {
        return Err(format!(
            "{} events are too many for one page: tell from when until when, {MOST} at most",
            entries.len()
        ));
    }
    let chart = Chart::new(excerpt, &entries);
    let mut body = chart.lanes(entries.len());
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, (_, entry)) in entries.iter().enumerate() {
        *kinds.entry(kind(entry)).or_default() += 1;
        chart.draw(&mut body, row, entry);
    }
    let boxes: String = kinds
        .iter()
        .map(|(kind, count)| {
            let kind = escape::xml(kind);
            format!(
                "<label><input type=\"checkbox\" checked=\"checked\" data-kind=\"{kind}\"/> \
                 {kind} ({count})</label>"
            )
        })
        .collect();
    let (width, height) = (chart.width(), TOP + (entries.len() + 1) * ROW);
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\"><head>\
         <meta charset=\"utf-8\"/><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1><p>{boxes}</p>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\n\
         {body}</svg>\n<script>{SCRIPT}</script></body></html>\n",
        title = escape::xml(excerpt.title),
    ))
}

/// By which box it is shown or hidden.
fn kind(entry: &Entry) -> &'static str {
    match entry.what {
        What::Sends { kind, .. } | What::Receives { kind, .. } | What::Lies { kind, .. } => kind,
        What::Loses { .. } => "losses",
        What::Keeps => "disks",
        _ => "events",
    }
}

struct Chart<'c> {
    lanes: Vec<Principal>,
    rows: BTreeMap<usize, usize>,
    chronicle: &'c Chronicle,
}

impl<'c> Chart<'c> {
    fn new(excerpt: &Excerpt<'c>, entries: &[(usize, &Entry)]) -> Self {
        let rows = entries.iter().enumerate().map(|(row, (at, _))| (*at, row)).collect();
        Self { lanes: excerpt.lanes(), rows, chronicle: excerpt.chronicle }
    }

    fn width(&self) -> usize {
        LEFT + self.lanes.len() * LANE
    }

    fn x(&self, who: Principal) -> usize {
        let lane = self.lanes.iter().position(|other| *other == who).unwrap_or_default();
        LEFT + lane * LANE + LANE / 2
    }

    fn lanes(&self, rows: usize) -> String {
        let mut body = String::new();
        let bottom = TOP + (rows + 1) * ROW;
        for who in &self.lanes {
            let (x, name) = (self.x(*who), name(*who));
            let _ = writeln!(
                body,
                "<line class=\"lane\" x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{bottom}\"/>\
                 <text class=\"head\" x=\"{x}\" y=\"20\">{name}</text>"
            );
        }
        body
    }

    fn draw(&self, body: &mut String, row: usize, entry: &Entry) {
        let y = TOP + (row + 1) * ROW;
        let (kind, title) = (escape::xml(kind(entry)), escape::xml(&entry.text));
        let said = escape::xml(entry.message());
        let _ = write!(body, "<g data-kind=\"{kind}\"><title>{title}</title>");
        let _ = write!(body, "<text class=\"time\" x=\"4\" y=\"{y}\">{}</text>", seconds(entry.at));
        match (&entry.what, entry.who) {
            (What::Receives { from, sent, .. }, Some(to)) => {
                let sending = sent.and_then(|at| self.chronicle.entries().get(at));
                let lie = sending.is_some_and(|it| matches!(it.what, What::Lies { .. }));
                let start = sent.and_then(|at| self.rows.get(&at));
                let y1 = start.map_or(y, |row| TOP + (row + 1) * ROW);
                self.arrow(body, (*from, y1), (to, y), lie);
                let x = self.x(to) + 6;
                let _ = write!(body, "<text x=\"{x}\" y=\"{y}\">{said}</text>");
            }
            (What::Sends { .. } | What::Lies { .. }, Some(who)) => {
                let _ = write!(body, "<circle cx=\"{}\" cy=\"{y}\" r=\"2\"/>", self.x(who));
            }
            (What::Loses { from, to }, _) => {
                let (x1, x2) = (self.x(*from), self.x(*to));
                let x2 = usize::midpoint(x1, x2);
                let _ = write!(
                    body,
                    "<line class=\"lost\" x1=\"{x1}\" y1=\"{y}\" x2=\"{x2}\" y2=\"{y}\"/>\
                     <text x=\"{x2}\" y=\"{y}\">lost</text>"
                );
            }
            (_, who) => {
                let x = who.map_or(LEFT, |who| self.x(who) + 6);
                let _ = write!(body, "<text class=\"act\" x=\"{x}\" y=\"{y}\">{said}</text>");
            }
        }
        body.push_str("</g>\n");
    }

    fn arrow(
        &self,
        body: &mut String,
        from: (Principal, usize),
        to: (Principal, usize),
        lie: bool,
    ) {
        let (class, end) = if lie { ("lie", "end false") } else { ("message", "end") };
        let ((x1, y1), (x2, y2)) = ((self.x(from.0), from.1), (self.x(to.0), to.1));
        let _ = write!(
            body,
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\
             <circle class=\"{end}\" cx=\"{x2}\" cy=\"{y2}\" r=\"3\"/>"
        );
    }
}
