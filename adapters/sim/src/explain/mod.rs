//! A run, told to people and to their tools: as text, as diagrams, as traces.
//!
//! Everything is made from the [chronicle](crate::chronicle) of a run, or of a part of it.
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

pub use chrome::chrome;
pub use html::html;
pub use mermaid::mermaid;
pub use shiviz::{SHIVIZ_REGEX, shiviz};

use crate::chronicle::{Chronicle, Entry, What};
use quorate::{Instant, Principal};
use std::collections::BTreeSet;

/// What is told of a run.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'c> {
    /// What the run is called.
    pub title: &'c str,
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
    /// All of a run, but what is left out if it is not asked for.
    #[must_use]
    pub const fn of(title: &'c str, chronicle: &'c Chronicle) -> Self {
        let (from, until) = (Instant::ZERO, Instant::from_micros(u64::MAX));
        Self { title, chronicle, from, until, all: false }
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
    pub fn lanes(&self) -> Vec<Principal> {
        let mut lanes = BTreeSet::new();
        for (_, entry) in self.entries() {
            lanes.extend(entry.who);
            if let What::Receives { from, .. } | What::Loses { from, .. } = entry.what {
                lanes.insert(from);
            }
            if let What::Lies { to, .. } | What::Loses { to, .. } = entry.what {
                lanes.insert(to);
            }
        }
        lanes.into_iter().collect()
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

/// One line for each event.
#[must_use]
pub fn text(excerpt: &Excerpt<'_>) -> String {
    let lines = excerpt.entries().map(|(_, it)| format!("{:>13}  {}\n", seconds(it.at), it.text));
    lines.collect()
}
