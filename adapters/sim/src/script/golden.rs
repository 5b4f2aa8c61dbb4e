//! What is kept of the transcript of a script, to compare it with later.

use super::played::Played;
use crate::chronicle::{Chronicle, Entry, What};
use quorate::Digest;
use std::collections::BTreeSet;
use std::fmt::Write;

/// So many lines are shown; the digest is that of all.
const SHOWN: usize = 40;

/// The digest of the whole transcript, and the first lines of who said what that matter: without
/// what replicas keep on their disks, without rounds, arrivals, repetitions and STATUS messages.
#[must_use]
pub fn golden(played: &Played) -> String {
    let Some(chronicle) = played.transcript.chronicle() else { return String::new() };
    let all: String = chronicle.entries().iter().map(line).collect();
    let digest = Digest::of(all.as_bytes());
    let short: String = digest.0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = format!("transcript {short}, {} lines\n", chronicle.entries().len());
    let mut seen = BTreeSet::new();
    let fresh = told(chronicle).filter(|entry| seen.insert(&entry.text));
    let telling: Vec<String> = fresh.map(line).collect();
    telling.iter().take(SHOWN).for_each(|line| text.push_str(line));
    if telling.len() > SHOWN {
        let _ = writeln!(text, "and {} lines more", telling.len() - SHOWN);
    }
    text
}

fn told(chronicle: &Chronicle) -> impl Iterator<Item = &Entry> {
    chronicle.entries().iter().filter(|entry| match entry.what {
        What::Keeps | What::Begins | What::Receives { .. } => false,
        What::Sends { kind, .. } => kind != "STATUS",
        _ => true,
    })
}

fn line(entry: &Entry) -> String {
    let micros = entry.at.as_micros();
    format!("{:>3}.{:06}  {}\n", micros / 1_000_000, micros % 1_000_000, entry.text)
}
