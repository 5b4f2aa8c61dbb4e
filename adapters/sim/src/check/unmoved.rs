//! A message that is rejected changes nothing but what its sender owes.

use core::ops::Range;
use quorate::{NodeId, Principal};

/// Compares what a machine was before it rejected a message with what it is afterwards: both as
/// text, which shows all of it. Told of a sample, since that is long.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmoved {
    looked: u64,
}

/// The time, which every input brings: from the first word to before the second.
const NOW: (&str, &str) = (", now: Instant(", ")");
/// The budgets of replicas and of clients: each a list, in the order of their names.
const BUDGETS: [(&str, &str); 2] =
    [("replica_budgets: [", "client_budgets: ["), ("client_budgets: [", "checkpoints: {")];

impl Unmoved {
    /// A correct replica rejected a message of this sender.
    ///
    /// # Errors
    /// It is not what it was.
    pub fn rejected(
        &mut self,
        node: NodeId,
        sender: Principal,
        before: &str,
        after: &str,
    ) -> Result<(), String> {
        self.looked += 1;
        if without(before, sender) == without(after, sender) {
            return Ok(());
        }
        let [before, after] = [before, after].map(|text| without(text, sender).concat());
        let same = before.bytes().zip(after.bytes()).take_while(|(one, other)| one == other);
        let at = same.count().saturating_sub(60);
        let part = |text: &str| text.chars().skip(at).take(160).collect::<String>();
        let (before, after) = (part(&before), part(&after));
        Err(format!("r{} is moved by what it rejects: {before} becomes {after}", node.0))
    }

    /// How many rejections were looked at.
    #[must_use]
    pub const fn looked(&self) -> u64 {
        self.looked
    }
}

/// What stands around what may change in a text: around the time, and around what the sender owes.
fn without(text: &str, sender: Principal) -> [&str; 3] {
    let now = between(text, NOW).unwrap_or(0..0);
    let (list, at) = match sender {
        Principal::Node(node) => (BUDGETS[0], node.index()),
        Principal::Client(client) => (BUDGETS[1], client.index()),
    };
    let budget = between(text, list).and_then(|within| {
        let mut begin = within.start;
        let mut entries = text[within].split_inclusive('}').map(|entry| {
            let entry = begin..begin + entry.len();
            begin = entry.end;
            entry
        });
        entries.nth(at)
    });
    let budget = budget.unwrap_or(now.end..now.end);
    [&text[..now.start], &text[now.end..budget.start], &text[budget.end..]]
}

/// Where the text lies that is between two words.
fn between(text: &str, (from, until): (&str, &str)) -> Option<Range<usize>> {
    let begin = text.find(from)? + from.len();
    let end = begin + text[begin..].find(until)?;
    Some(begin..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::ClientId;

    #[test]
    fn what_changes_with_a_rejected_message_is_a_violation_but_for_time_and_the_senders_budget() {
        let mut unmoved = Unmoved::default();
        let state = |now: u64, [first, second, client]: [u64; 3], view: u64| {
            format!(
                "{{ null: 0, now: Instant({now}), view: View({view}), \
                 replica_budgets: [Budget {{ spent: {first} }}, Budget {{ spent: {second} }}], \
                 client_budgets: [Budget {{ spent: {client} }}], checkpoints: {{}} }}"
            )
        };
        let before = state(1, [0, 0, 0], 3);
        let mut from = |sender, after: &str| unmoved.rejected(NodeId(2), sender, &before, after);
        let (peer, client) = (Principal::Node(NodeId(1)), Principal::Client(ClientId(0)));
        from(peer, &state(2, [0, 9, 0], 3)).unwrap();
        from(client, &state(2, [0, 0, 9], 3)).unwrap();
        let moved = from(peer, &state(2, [0, 9, 0], 4)).unwrap_err();
        assert!(moved.starts_with("r2 is moved by what it rejects: "), "{moved}");
        assert!(from(peer, &state(2, [9, 9, 0], 3)).is_err(), "another one pays");
        assert!(from(client, &state(2, [9, 0, 9], 3)).is_err(), "a replica pays for a client");
        assert_eq!(unmoved.looked(), 5);
    }
}
