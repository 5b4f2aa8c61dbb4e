//! Lanes, arrows and bands, as elements of an SVG.

use super::arrow::Arrow;
use super::escape::xml;
use crate::battle::{Battle, Kind};
use crate::judge::Judgement;
use crate::names;
use crate::scenario::{Protocol, Scenario};
use crate::text::wrapped;
use quorate::NodeId;
use std::fmt::Write;

/// Pixels from the edge to the first lane.
const MARGIN: usize = 80;
/// Pixels from one arrow to the next.
const ROW: usize = 22;
/// Pixels of the boxes at the top of the lanes, and of a band.
pub(super) const HEAD: usize = 50;
/// Pixels of a letter, about, and the most from one lane to the next.
const LETTER: usize = 7;
const MOST_GAP: usize = 280;
const BAND: usize = 26;
const LEGEND: usize = 36;

/// A drawing that grows downwards.
#[derive(Debug)]
pub(super) struct Drawing<'s> {
    scenario: &'s Scenario,
    /// Pixels from one lane to the next.
    gap: usize,
    elements: String,
    height: usize,
}

impl<'s> Drawing<'s> {
    /// A drawing whose lanes stand far enough apart for the labels of these arrows.
    pub(super) fn new(scenario: &'s Scenario, arrows: &[Arrow]) -> Self {
        let least = match scenario.n {
            ..=8 => 140,
            9..=16 => 100,
            _ => 70,
        };
        let longest = arrows.iter().map(|arrow| arrow.label.chars().count()).max().unwrap_or(0);
        let gap = (longest * LETTER + 20).clamp(least, MOST_GAP);
        Self { scenario, gap, elements: String::new(), height: 0 }
    }

    /// The drawing as one element, with the style if it has to stand alone.
    pub(super) fn finish(self, label: &str, style: Option<&str>) -> String {
        let (width, height) = (self.width(), self.height + 6);
        let style =
            style.map_or_else(String::new, |style| format!("<style>{}</style>", xml(style)));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{style}\
             <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>{}\n</svg>\n",
            xml(label),
            self.elements
        )
    }

    fn width(&self) -> usize {
        (2 * MARGIN + self.gap * (self.scenario.n - 1)).max(640)
    }

    fn x(&self, id: NodeId) -> usize {
        MARGIN + self.gap * id.index()
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        self.elements.push('\n');
        let _ = self.elements.write_fmt(element);
    }

    /// Paragraphs of text.
    pub(super) fn text<'t>(&mut self, paragraphs: impl IntoIterator<Item = (&'t str, &'t str)>) {
        for (class, paragraph) in paragraphs {
            for line in wrapped(paragraph, self.width() / LETTER - 3) {
                self.height += 20;
                let (y, line) = (self.height, xml(&line));
                self.add(format_args!("<text class=\"{class}\" x=\"14\" y=\"{y}\">{line}</text>"));
            }
        }
        self.height += 6;
    }

    /// An example of each kind of arrow.
    pub(super) fn legend(&mut self) {
        let y = self.height + LEGEND / 2;
        let names = ["honest", "lie", "dropped", "late"];
        let step = (self.width() - 28) / names.len();
        for (at, (kind, name)) in Kind::ALL.into_iter().zip(names).enumerate() {
            let from = 14 + step * at;
            let shape = shape(kind, from, from + 60, y);
            let x = from + 68;
            self.add(format_args!(
                "<g class=\"{name}\">{shape}<text x=\"{x}\" y=\"{}\">{name}</text></g>",
                y + 4
            ));
        }
        self.height += LEGEND;
    }

    /// The generals, one above each lane.
    pub(super) fn heads(&mut self) {
        let scenario = self.scenario;
        let y = self.height + 4;
        for id in scenario.generals() {
            let (x, number) = (self.x(id), id.0);
            let commands = match scenario.protocol {
                Protocol::Vector(_) => Some(scenario.order_of(id)),
                _ => (id == scenario.commander).then(|| scenario.order_of(id)),
            };
            let mut role = Vec::new();
            let verb = match scenario.protocol {
                Protocol::Vector(_) => "value",
                _ => "orders",
            };
            role.extend(commands.map(|order| format!("{verb} {order}")));
            let traitor = scenario.is_traitor(id);
            role.extend(traitor.then(|| "traitor".to_owned()));
            let class = if traitor { "box traitor" } else { "box" };
            let half = self.gap / 2 - 4;
            self.add(format_args!(
                "<rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"38\" rx=\"4\"/>\
                 <text class=\"head\" x=\"{x}\" y=\"{}\">general {number}</text>\
                 <text class=\"role\" x=\"{x}\" y=\"{}\">{}</text>",
                x - half,
                2 * half,
                y + 16,
                y + 31,
                xml(&role.join(", "))
            ));
        }
        self.height += HEAD;
    }

    /// One round: a band with its name, the lanes, and the arrows.
    pub(super) fn round(&mut self, name: &str, arrows: &[Arrow]) {
        let (top, width) = (self.height, self.width());
        let bottom = top + BAND + ROW * arrows.len() + 10;
        self.add(format_args!(
            "<rect class=\"band\" y=\"{top}\" width=\"{width}\" height=\"{BAND}\"/>\
             <text class=\"round\" x=\"14\" y=\"{}\">{}</text>",
            top + 17,
            xml(name)
        ));
        for id in self.scenario.generals() {
            let class = if self.scenario.is_traitor(id) { "lane traitor" } else { "lane" };
            let x = self.x(id);
            let from = top + BAND;
            self.add(format_args!("<path class=\"{class}\" d=\"M{x} {from}V{bottom}\"/>"));
        }
        for (at, arrow) in arrows.iter().enumerate() {
            self.arrow(arrow, top + BAND + ROW * (at + 1));
        }
        self.height = bottom;
    }

    fn arrow(&mut self, arrow: &Arrow, y: usize) {
        let (from, to) = (self.x(arrow.from), self.x(arrow.to));
        let shape = shape(arrow.kind, from, to, y);
        // In the first gap, where no lane runs through it.
        let half = self.gap / 2;
        let (class, x) = (arrow.kind.name(), if to > from { from + half } else { from - half });
        self.add(format_args!(
            "<g class=\"{class}\"><title>{}</title>\
             <path class=\"hit\" d=\"M{from} {y}H{to}\"/>{shape}\
             <text class=\"label\" x=\"{x}\" y=\"{}\">{}</text></g>",
            xml(&arrow.hover),
            y - 5,
            xml(&arrow.label)
        ));
    }

    /// What each general decides, below its lane, and what holds.
    pub(super) fn decisions(&mut self, battle: &Battle, judgement: &Judgement) {
        let scenario = self.scenario;
        self.round("Decisions", &[]);
        let y = self.height + 4;
        for id in scenario.generals() {
            let (x, decided) = (self.x(id), names::decision(scenario, battle, id));
            let class = if scenario.is_traitor(id) { "role dim" } else { "head" };
            self.add(format_args!(
                "<text class=\"{class}\" x=\"{x}\" y=\"{}\">{}</text>",
                y + 10,
                xml(&decided)
            ));
        }
        self.height += 24;
        let [first, second] = names::conditions(scenario, battle, judgement);
        let class = |holds| if holds { "dim" } else { "broken" };
        self.text([
            (class(judgement.ic1), first.as_str()),
            (class(judgement.ic2), second.as_str()),
        ]);
    }
}

/// A shaft and its end. Honest: a line to a full triangle. Lie: dashes to a hollow diamond.
/// Dropped: dots to a cross, before they arrive. Late: dashes and dots to an open end behind a bar.
fn shape(kind: Kind, from: usize, to: usize, y: usize) -> String {
    let right = to > from;
    // The point `by` pixels before the end.
    let before = |end: usize, by: usize| if right { end - by } else { end + by };
    let shaft = |end| format!("<path class=\"shaft\" d=\"M{from} {y}H{end}\"/>");
    let tip = |path: String| format!("<path class=\"tip\" d=\"{path}\"/>");
    let (up, down) = (y - 4, y + 4);
    match kind {
        Kind::Honest => {
            let back = before(to, 9);
            shaft(back) + &tip(format!("M{to} {y}L{back} {up}V{down}Z"))
        }
        Kind::Lie => {
            let (middle, back) = (before(to, 6), before(to, 12));
            shaft(back) + &tip(format!("M{to} {y}L{middle} {up}L{back} {y}L{middle} {down}Z"))
        }
        Kind::Dropped => {
            let end = before(to, 24);
            let (left, right) = (end - 4, end + 4);
            shaft(end) + &tip(format!("M{left} {up}L{right} {down}M{left} {down}L{right} {up}"))
        }
        Kind::Late => {
            let (back, bar) = (before(to, 8), before(to, 14));
            let head = format!("M{back} {up}L{to} {y}L{back} {down}M{bar} {up}V{down}");
            shaft(to) + &tip(head)
        }
    }
}
