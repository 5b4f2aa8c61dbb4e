//! A run as the source of a Mermaid sequence diagram.

use super::{Excerpt, escape, seconds};
use crate::chronicle::{What, name};
use quorate::Principal;
use std::fmt::Write;

/// The diagram: `->>` is a message that arrives, `-->>` one that a traitor sent in place of the
/// true one, `-x` one that is lost. Each stands where it arrives.
#[must_use]
pub fn mermaid(excerpt: &Excerpt<'_>) -> String {
    let mut text = String::from("sequenceDiagram\n");
    let _ = writeln!(text, "    title {}", escape::mermaid(excerpt.title));
    for who in excerpt.lanes() {
        let what = if matches!(who, Principal::Node(_)) { "participant" } else { "actor" };
        let _ = writeln!(text, "    {what} {}", name(who));
    }
    let mut time = None;
    for (_, entry) in excerpt.entries() {
        let Some(line) = arrow(excerpt, entry) else { continue };
        if let Some(who) = entry.who.filter(|_| time != Some(entry.at)) {
            let _ = writeln!(text, "    Note right of {}: {} s", name(who), seconds(entry.at));
            time = Some(entry.at);
        }
        let _ = writeln!(text, "    {line}");
    }
    text
}

fn arrow(excerpt: &Excerpt<'_>, entry: &crate::chronicle::Entry) -> Option<String> {
    let said = escape::mermaid(entry.message());
    match entry.what {
        // It is drawn where it arrives.
        What::Sends { .. } | What::Lies { .. } => None,
        What::Receives { from, sent, .. } => {
            let sent = sent.and_then(|at| excerpt.chronicle.entries().get(at));
            let lie = sent.is_some_and(|sent| matches!(sent.what, What::Lies { .. }));
            let line = if lie { "-->>" } else { "->>" };
            Some(format!("{}{line}{}: {said}", name(from), name(entry.who?)))
        }
        What::Loses { from, to } => Some(format!("{}-x{}: lost", name(from), name(to))),
        _ => {
            let who = entry.who.map(name).or_else(|| excerpt.lanes().first().copied().map(name))?;
            Some(format!("Note over {who}: {said}"))
        }
    }
}
