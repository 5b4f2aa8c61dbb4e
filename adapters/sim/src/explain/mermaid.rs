//! A run as the source of a Mermaid sequence diagram.

use super::{Excerpt, escape, seconds};
use crate::chronicle::{Entry, Lane, What, name};
use quorate::Principal;
use std::fmt::Write;

/// The diagram: `->>` is a message that arrives, `-->>` one that a traitor sent in place of the
/// true one, `-x` one that is lost. Each stands where it arrives. The first note is the plan.
#[must_use]
pub fn mermaid(excerpt: &Excerpt<'_>) -> String {
    let mut text = String::from("sequenceDiagram\n");
    let _ = writeln!(text, "    title {}", escape::mermaid(excerpt.title));
    let lanes = excerpt.lanes();
    for lane in &lanes {
        let what = if matches!(lane.who, Principal::Node(_)) { "participant" } else { "actor" };
        let (id, label) = (id(*lane), escape::mermaid(&excerpt.label(*lane)));
        let _ = writeln!(text, "    {what} {id} as {label}");
    }
    let head: Vec<String> = excerpt.head().iter().map(|line| escape::mermaid(line)).collect();
    if let (Some(first), Some(last)) = (lanes.first(), lanes.last()) {
        let _ =
            writeln!(text, "    Note over {},{}: {}", id(*first), id(*last), head.join("<br/>"));
    }
    let mut time = None;
    for (_, entry) in excerpt.entries() {
        let Some(line) = arrow(excerpt, &lanes, entry) else { continue };
        if let Some(lane) = entry.lane().filter(|_| time != Some(entry.at)) {
            let _ = writeln!(text, "    Note right of {}: {} s", id(lane), seconds(entry.at));
            time = Some(entry.at);
        }
        let _ = writeln!(text, "    {line}");
    }
    text
}

/// By what the source names a lane.
fn id(lane: Lane) -> String {
    let copy = if lane.copy { "_copy" } else { "" };
    format!("{}{copy}", name(lane.who))
}

fn arrow(excerpt: &Excerpt<'_>, lanes: &[Lane], entry: &Entry) -> Option<String> {
    let said = escape::mermaid(entry.message());
    let sender = excerpt.sender(entry).map(id);
    match entry.what {
        // It is drawn where it arrives.
        What::Sends { .. } | What::Lies { .. } => None,
        What::Receives { sent, .. } => {
            let sent = sent.and_then(|at| excerpt.chronicle.entries().get(at));
            let lie = sent.is_some_and(|sent| matches!(sent.what, What::Lies { .. }));
            let line = if lie { "-->>" } else { "->>" };
            Some(format!("{}{line}{}: {said}", sender?, id(entry.lane()?)))
        }
        What::Loses { to, .. } => Some(format!("{}-x{}: lost", sender?, name(to))),
        _ => {
            let lane = entry.lane().or_else(|| lanes.first().copied())?;
            Some(format!("Note over {}: {said}", id(lane)))
        }
    }
}
