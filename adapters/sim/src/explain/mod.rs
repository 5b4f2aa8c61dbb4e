//! A run, told to people and to their tools: as text, as diagrams, as traces.
//!
//! Everything is made from the [chronicle](crate::chronicle) of a run, or of a part of it.
//!
//! Each form begins with the plan of the run and says who is faulty, there and on the lanes.
//!
//! * [`text`]: one line for each event.
//! * [`mermaid`]: the source of a Mermaid sequence diagram.
//! * [`html`]: a page with a lane for each node and an arrow for each message. It refers to nothing
//!   outside of itself.
//! * [`chrome`]: a trace for Perfetto or `chrome://tracing`, as JSON.
//! * [`shiviz`]: a log with vector clocks for ShiViz, to be read with [`SHIVIZ_REGEX`].

mod chrome;
mod escape;
mod html;
mod mermaid;
mod shiviz;
mod views;

pub use chrome::chrome;
pub use html::html;
pub use mermaid::mermaid;
pub use shiviz::{SHIVIZ_REGEX, shiviz};

use crate::chronicle::{Chronicle, Entry, Lane, What};
use quorate::{Instant, NodeId, Principal};
use std::collections::BTreeSet;

/// What is told of a run.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'c> {
    /// What the run is called.
    pub title: &'c str,
    /// What was decided before it began, in lines.
    pub plan: &'c str,
    /// Who is faulty, and what they are in a word or two.
    pub faulty: &'c [(NodeId, String)],
    /// All of the run.
    pub chronicle: &'c Chronicle,
    /// Events from this time on.
    pub from: Instant,
    /// Up to this time.
    pub until: Instant,
    /// Also what replicas keep on their disks, STATUS messages, and what the network loses.
    pub all: bool,
}

impl<'c> Excerpt<'c> {
    /// All of a run without a plan, but what is left out if it is not asked for.
    #[must_use]
    pub const fn of(title: &'c str, chronicle: &'c Chronicle) -> Self {
        let (from, until) = (Instant::ZERO, Instant::from_micros(u64::MAX));
        Self { title, plan: "", faulty: &[], chronicle, from, until, all: false }
    }

    /// The events that are told, with their places in the chronicle.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &'c Entry)> + use<'c> {
        let Self { from, until, all, .. } = *self;
        let entries = self.chronicle.entries().iter().enumerate();
        entries.filter(move |(_, entry)| {
            (from..=until).contains(&entry.at) && (all || entry.matters())
        })
    }

    /// Whose events they are, replicas first.
    #[must_use]
    pub fn lanes(&self) -> Vec<Lane> {
        let mut lanes = BTreeSet::new();
        for (_, entry) in self.entries() {
            lanes.extend(entry.lane());
            lanes.extend(self.sender(entry));
            if let What::Lies { to, .. } | What::Loses { to, .. } = entry.what {
                lanes.insert(Lane { who: to, copy: false });
            }
        }
        lanes.into_iter().collect()
    }

    /// Who sent what arrives in this event, or is lost.
    fn sender(&self, entry: &Entry) -> Option<Lane> {
        match entry.what {
            What::Receives { from, sent, .. } => {
                let sending = sent.and_then(|at| self.chronicle.entries().get(at));
                Some(sending.and_then(Entry::lane).unwrap_or(Lane { who: from, copy: false }))
            }
            What::Loses { from, .. } => Some(Lane { who: from, copy: entry.copy }),
            _ => None,
        }
    }

    /// What is wrong with a node, or that it is a copy.
    fn mark(&self, lane: Lane) -> Option<&'c str> {
        let Principal::Node(node) = lane.who else { return None };
        let mut faulty = self.faulty.iter();
        let mark = faulty.find(|(other, _)| *other == node).map(|(_, mark)| mark.as_str());
        if lane.copy { Some("copy") } else { mark }
    }

    /// What stands on a lane: `r3 (deaf)`.
    fn label(&self, lane: Lane) -> String {
        self.mark(lane).map_or_else(|| lane.to_string(), |mark| format!("{lane} ({mark})"))
    }

    /// What is told before anything happens: the title, the plan, and who is faulty.
    fn head(&self) -> Vec<String> {
        if self.plan.is_empty() && self.faulty.is_empty() {
            return vec![self.title.to_owned()];
        }
        let each = self.faulty.iter().map(|(node, mark)| format!("r{} ({mark})", node.0));
        let faulty = each.collect::<Vec<_>>().join(", ");
        let faulty = if faulty.is_empty() { "nobody" } else { &faulty };
        // The title of a seed says which, as the plan does.
        let told = self.plan.split_once(": ").filter(|(seed, _)| self.title.starts_with(seed));
        let plan = told.map_or(self.plan, |(_, rest)| rest).lines().map(str::to_owned);
        let begin = [self.title.to_owned()].into_iter();
        begin.chain(plan).chain([format!("faulty: {faulty}")]).collect()
    }
}

impl Entry {
    /// Whether it is more than routine.
    fn matters(&self) -> bool {
        match self.what {
            What::Keeps | What::Loses { .. } => false,
            What::Sends { kind, .. } | What::Receives { kind, .. } => kind != "STATUS",
            _ => true,
        }
    }

    /// What happened, without whom it happened to.
    fn deed(&self) -> &str {
        let text = self.who.and_then(|_| self.text.split_once("  ")).map(|(_, deed)| deed);
        text.unwrap_or(&self.text).trim()
    }

    /// What a message says, without who has it from whom.
    fn message(&self) -> &str {
        let deed = self.deed();
        match self.what {
            What::Receives { .. } | What::Sends { .. } => {
                deed.split_once("  ").map_or(deed, |(_, said)| said.trim())
            }
            What::Lies { .. } => deed.split_once(": ").map_or(deed, |(_, said)| said),
            _ => deed,
        }
    }
}

/// Virtual time in seconds.
fn seconds(at: Instant) -> String {
    let micros = at.as_micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The title, the plan and who is faulty, each line after a `#`; then one line for each event.
#[must_use]
pub fn text(excerpt: &Excerpt<'_>) -> String {
    let head = excerpt.head().into_iter().map(|line| format!("# {line}\n"));
    let lines = excerpt.entries().map(|(_, it)| {
        // Both copies of a twin speak under one name: here they are told from each other.
        let copy = it.lane().filter(|lane| lane.copy).zip(it.text.split_once(' '));
        let told =
            copy.map_or_else(|| it.text.clone(), |(lane, (_, rest))| format!("{lane} {rest}"));
        format!("{:>13}  {told}\n", seconds(it.at))
    });
    head.chain(lines).collect()
}
