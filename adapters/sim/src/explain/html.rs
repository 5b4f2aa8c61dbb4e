//! A run as one page: a lane for each node, time downwards, an arrow for each message.

use super::{Excerpt, escape, seconds};
use crate::chronicle::{Entry, Lane, What};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Pixels between two events, between two lanes, left of the lanes, and of the lanes' names.
const ROW: usize = 16;
const LANE: usize = 190;
const LEFT: usize = 100;
const HEAD: usize = 24;
/// Pixels between a lane and a text beside it, and of a letter of that: rather too many.
const GAP: usize = 6;
const LETTER: usize = 8;
/// The most letters of a text.
const LONGEST: usize = 160;

/// More events than this no browser draws well.
const MOST: usize = 20_000;

const STYLE: &str = "
:root { color-scheme: light dark; } body { font-family: system-ui, sans-serif; margin: 1rem; }
svg { font-size: 11px; display: block; } text { fill: CanvasText; }
.lane { stroke: #8a8a8a; } .lane.faulty { stroke: #c04a10; stroke-dasharray: 8 4; }
.head { font-weight: 600; text-anchor: middle; font-size: 13px; } .head.faulty { fill: #c04a10; }
.time { fill: #767676; }
.message { stroke: #0b6bb0; stroke-width: 1.4px; } .lie { stroke: #c04a10; stroke-width: 1.8px;
  stroke-dasharray: 6 3; } .lost { stroke: #767676; stroke-dasharray: 2 4; }
.end { fill: #0b6bb0; } .end.false { fill: #c04a10; } .act { font-weight: 600; }
label { margin-right: 1rem; } .head-row { position: sticky; top: 0; background: Canvas; }
";

/// Shows and hides what is of a kind: the rows that are left close up.
const SCRIPT: &str = "
(function () {
  var chart = document.getElementById('chart'), rows = chart.querySelectorAll('g[data-kind]');
  var boxes = document.querySelectorAll('input[data-kind]'), row = Number(chart.dataset.row);
  function place() {
    var hidden = {}, y = 0, at = [];
    boxes.forEach(function (box) { hidden[box.dataset.kind] = !box.checked; });
    rows.forEach(function (g) {
      var gone = hidden[g.dataset.kind];
      g.style.display = gone ? 'none' : '';
      if (!gone) { y += row; }
      at.push(y);
      g.setAttribute('transform', 'translate(0,' + y + ')');
    });
    rows.forEach(function (g, i) {
      var line = g.querySelector('line[data-from]');
      if (line) { line.setAttribute('y1', at[Number(line.dataset.from)] - at[i]); }
    });
    chart.setAttribute('height', y + row);
    chart.querySelectorAll('.lane').forEach(function (lane) { lane.setAttribute('y2', y + row); });
  }
  boxes.forEach(function (box) { box.addEventListener('change', place); });
})();
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
    let (width, height) = (chart.width(&entries), (entries.len() + 1) * ROW);
    let mut body = chart.lanes(height);
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
    let plan: String = excerpt.head().iter().skip(1).map(|line| escape::xml(line) + "\n").collect();
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\"><head>\
         <meta charset=\"utf-8\"/><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1><pre>{plan}</pre><p>{boxes}</p>\n\
         <div class=\"head-row\" style=\"width: {width}px\">\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{HEAD}\">\n\
         {heads}</svg></div>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" id=\"chart\" data-row=\"{ROW}\" \
         width=\"{width}\" height=\"{height}\">\n\
         {body}</svg>\n<script>{SCRIPT}</script></body></html>\n",
        title = escape::xml(excerpt.title),
        heads = chart.heads(),
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

struct Chart<'e, 'c> {
    excerpt: &'e Excerpt<'c>,
    lanes: Vec<Lane>,
    rows: BTreeMap<usize, usize>,
}

impl<'e, 'c> Chart<'e, 'c> {
    fn new(excerpt: &'e Excerpt<'c>, entries: &[(usize, &Entry)]) -> Self {
        let rows = entries.iter().enumerate().map(|(row, (at, _))| (*at, row)).collect();
        Self { lanes: excerpt.lanes(), rows, excerpt }
    }

    /// Wide enough for the text that reaches farthest to the right, whatever its lane.
    fn width(&self, entries: &[(usize, &Entry)]) -> usize {
        let lanes = LEFT + self.lanes.len() * LANE;
        let ends = entries.iter().map(|(_, entry)| {
            let said = self.said(entry).chars().count();
            entry.lane().map_or(LEFT, |lane| self.x(lane) + GAP) + said * LETTER
        });
        ends.max().unwrap_or_default().max(lanes)
    }

    fn x(&self, who: Lane) -> usize {
        let lane = self.lanes.iter().position(|other| *other == who).unwrap_or_default();
        LEFT + lane * LANE + LANE / 2
    }

    /// The names above the lanes.
    fn heads(&self) -> String {
        let mut heads = String::new();
        for lane in &self.lanes {
            let (x, label) = (self.x(*lane), escape::xml(&self.excerpt.label(*lane)));
            let faulty = self.faulty(*lane);
            let _ =
                writeln!(heads, "<text class=\"head{faulty}\" x=\"{x}\" y=\"16\">{label}</text>");
        }
        heads
    }

    fn lanes(&self, bottom: usize) -> String {
        let mut body = String::new();
        for lane in &self.lanes {
            let (x, faulty) = (self.x(*lane), self.faulty(*lane));
            let _ = writeln!(
                body,
                "<line class=\"lane{faulty}\" x1=\"{x}\" y1=\"0\" x2=\"{x}\" y2=\"{bottom}\"/>"
            );
        }
        body
    }

    fn faulty(&self, lane: Lane) -> &'static str {
        if self.excerpt.mark(lane).is_some() { " faulty" } else { "" }
    }

    /// What stands beside an event: the page has the whole of a long text as its tooltip.
    fn said(&self, entry: &Entry) -> String {
        match entry.what {
            What::Sends { .. } | What::Lies { .. } => return String::new(),
            What::Loses { .. } => return "lost".to_owned(),
            _ => {}
        }
        let said = entry.message();
        if said.chars().count() <= LONGEST {
            return said.to_owned();
        }
        said.chars().take(LONGEST).chain(['…']).collect()
    }

    /// An event, in a group of its own whose height is that of its row.
    fn draw(&self, body: &mut String, row: usize, entry: &Entry) {
        let y = (row + 1) * ROW;
        let (kind, title) = (escape::xml(kind(entry)), escape::xml(&entry.text));
        let said = escape::xml(&self.said(entry));
        let _ = write!(
            body,
            "<g data-kind=\"{kind}\" transform=\"translate(0,{y})\"><title>{title}</title>\
             <text class=\"time\" x=\"4\" y=\"0\">{}</text>",
            seconds(entry.at)
        );
        match (&entry.what, entry.lane()) {
            (What::Receives { sent, .. }, Some(to)) => {
                self.arrow(body, row, entry, (*sent, to));
                let x = self.x(to) + GAP;
                let _ = write!(body, "<text x=\"{x}\" y=\"0\">{said}</text>");
            }
            (What::Sends { .. } | What::Lies { .. }, Some(lane)) => {
                let _ = write!(body, "<circle cx=\"{}\" cy=\"0\" r=\"2\"/>", self.x(lane));
            }
            (What::Loses { to, .. }, _) => {
                let from = self.excerpt.sender(entry).map_or(LEFT, |from| self.x(from));
                let to = self.x(Lane { who: *to, copy: false });
                let middle = usize::midpoint(from, to);
                let _ = write!(
                    body,
                    "<line class=\"lost\" x1=\"{from}\" y1=\"0\" x2=\"{middle}\" y2=\"0\"/>\
                     <text x=\"{middle}\" y=\"0\">{said}</text>"
                );
            }
            (_, lane) => {
                let x = lane.map_or(LEFT, |lane| self.x(lane) + GAP);
                let _ = write!(body, "<text class=\"act\" x=\"{x}\" y=\"0\">{said}</text>");
            }
        }
        body.push_str("</g>\n");
    }

    /// The way of a message, from the row in which it left if that is drawn.
    fn arrow(&self, body: &mut String, row: usize, entry: &Entry, way: (Option<usize>, Lane)) {
        let (sent, to) = way;
        let sending = sent.and_then(|at| self.excerpt.chronicle.entries().get(at));
        let lie = sending.is_some_and(|it| matches!(it.what, What::Lies { .. }));
        let (class, end) = if lie { ("lie", "end false") } else { ("message", "end") };
        let start = sent.and_then(|at| self.rows.get(&at)).copied();
        let left = start.map(|start| format!(" data-from=\"{start}\"")).unwrap_or_default();
        let rise = (row - start.unwrap_or(row)) * ROW;
        let minus = if rise > 0 { "-" } else { "" };
        let x1 = self.excerpt.sender(entry).map_or(LEFT, |from| self.x(from));
        let x2 = self.x(to);
        let _ = write!(
            body,
            "<line class=\"{class}\"{left} x1=\"{x1}\" y1=\"{minus}{rise}\" x2=\"{x2}\" y2=\"0\"/>\
             <circle class=\"{end}\" cx=\"{x2}\" cy=\"0\" r=\"3\"/>"
        );
    }
}
