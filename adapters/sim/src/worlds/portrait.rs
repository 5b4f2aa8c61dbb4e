//! What a replica is, as text: everything that anything in this world depends on.
//!
//! Two replicas with one portrait go on alike, and are explored once. What is left out:
//!
//! * instants and everything that only measures time, the watch over the primary too: nothing but
//!   patience is waited for here, and that ends once;
//! * when it tells the others where it stands, and when it passed on a request: those messages
//!   are lost;
//! * what peers owe for verifications: too little to be refused, which is asserted;
//! * the outputs of the last step, whom it has evidence of, whether it ever heard of whom;
//! * PREPAREs of views before its own; once it is in view 1, the VIEW-CHANGEs that led there; those
//!   that a NEW-VIEW names, unless one waits for them; what is left of a NEW-VIEW that was refused.
//!
//! If something were left out wrongly, states would be missed. Every cell is a machine that was
//! stepped from the beginning, but it stands for others that heard something else: VIEW-CHANGEs
//! for the view that it is in are kept from it, or it would blame their authors for both.

use quorate::Digest;
use quorate::pbft::{CheckpointVote, Lent, Slot, View, Vote};
use std::fmt::{self, Write};

/// Writes memory briefly, with marks around what may be left out: bytes are told by their digest,
/// empty places not at all.
pub(super) fn write_memory(out: &mut impl Write, memory: &Lent<'_>) -> fmt::Result {
    let Lent {
        slots,
        prepares,
        commits,
        batches,
        pool,
        clients,
        replies,
        pending,
        checkpoints,
        peers,
        view_rows,
        histories,
        named,
        chosen,
        reads,
        answer,
        ..
    } = memory;
    for (place, vote) in prepares.iter().enumerate().filter(|(_, vote)| **vote != Vote::default()) {
        write!(out, "<p{}>{place}: {vote:?}</p>", vote.view.0)?;
    }
    for (place, vote) in commits.iter().enumerate().filter(|(_, vote)| **vote != Vote::default()) {
        write!(out, "{place}: {vote:?}")?;
    }
    for (place, slot) in slots.iter().enumerate().filter(|(_, slot)| **slot != Slot::default()) {
        write!(out, "{place}: {slot:?}")?;
    }
    let none = CheckpointVote::default();
    for (place, vote) in checkpoints.iter().enumerate().filter(|(_, vote)| **vote != none) {
        write!(out, "{place}: {vote:?}")?;
    }
    write!(out, "{clients:?}{pending:?}{reads:?}")?;
    for bytes in [batches, pool, replies, chosen, answer] {
        write!(out, "{:?}", Digest::of(bytes))?;
    }
    let (latest, rest) = view_rows.split_at(view_rows.len() / 2);
    let (reports, others) = histories.split_at(histories.len() / 2);
    write!(out, "<latest>{latest:?}{peers:?}{:?}</latest>", Digest::of(reports))?;
    write!(out, "<named>{rest:?}{:?}{:?}</named>", Digest::of(others), Digest::of(named))
}

/// The portrait of a replica from the text of its machine.
pub(super) fn portrait(text: &str, view: View, active: bool) -> String {
    let mut text = without_instants(text);
    cut(&mut text, ", status: ", ", old_log: ");
    cut(&mut text, ", effects: [", ", storage: ");
    if text.contains(", new_view: StoredNewView { stage: None") {
        cut(&mut text, ", new_view: ", ", backlog: ");
    }
    if !text.contains(", new_view: StoredNewView { stage: Pending") {
        cut(&mut text, "<named>", "</named>");
    }
    if active && view > View(0) {
        cut(&mut text, "<latest>", "</latest>");
    }
    if view > View(0) {
        while text.contains("<p0>") {
            cut(&mut text, "<p0>", "</p>");
        }
    }
    text.replace("told: Some()", "told: None").replace("spoken: true", "spoken: false")
}

/// Takes a part out of a text.
fn cut(text: &mut String, from: &str, until: &str) {
    let begin = text.find(from).expect("a replica tells all that it holds");
    let end = begin + text[begin..].find(until).expect("in this order");
    text.replace_range(begin..end + until.len(), "");
}

/// A text without its instants.
fn without_instants(text: &str) -> String {
    let mut parts = text.split("Instant(");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        rest.push_str(part.split_once(')').map_or("", |(_, after)| after));
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portrait_shows_what_counts_and_nothing_else() {
        let text = |since: u64, stage: &str, votes: &str| {
            format!(
                "Node {{ now: Instant({since}), view: View(1), new_view: StoredNewView {{ stage: \
                 {stage}, view: View(1) }}, backlog: None, status: X, watch: Y, old_log: None, \
                 effects: [{since}], storage: {votes}<latest>a</latest><named>b</named>told: \
                 Some(Instant({since}))"
            )
        };
        let of =
            |since, stage, votes, active| portrait(&text(since, stage, votes), View(1), active);
        assert_eq!(of(1, "None", "<p0>x</p>", false), of(2, "None", "", false));
        assert_ne!(of(1, "None", "<p1>x</p>", false), of(1, "None", "", false));
        assert_ne!(of(1, "Pending", "", false), of(1, "None", "", false));
        assert_eq!(of(1, "None", "", false).matches("<latest>").count(), 1);
        assert_eq!(of(1, "Entered", "", true).matches("<latest>").count(), 0);
        assert_eq!(of(1, "Pending", "", false).matches("<named>").count(), 1);
        assert_eq!(of(1, "Entered", "", true).matches("<named>").count(), 0);
    }
}
