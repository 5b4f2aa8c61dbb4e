//! A message that is rejected changes nothing but what its sender owes.

use quorate::NodeId;

/// Compares what a machine was before it rejected a message with what it is afterwards: both as
/// text, which shows all of it. Told of a sample, since that is long.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmoved {
    looked: u64,
}

/// What may change: the time, which every input brings, and the budgets of senders. From the
/// first word to before the second.
const MAY_CHANGE: [(&str, &str); 3] = [
    (", now: Instant(", ")"),
    ("replica_budgets: [", "client_budgets: ["),
    ("client_budgets: [", "checkpoints: ["),
];

impl Unmoved {
    /// A correct replica rejected a message.
    ///
    /// # Errors
    /// It is not what it was.
    pub fn rejected(&mut self, node: NodeId, before: &str, after: &str) -> Result<(), String> {
        self.looked += 1;
        let (before, after) = (without(before), without(after));
        if before == after {
            return Ok(());
        }
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

/// A text without what may change.
fn without(text: &str) -> String {
    let mut rest = text.to_owned();
    for (from, until) in MAY_CHANGE {
        let Some(begin) = rest.find(from) else { continue };
        let inside = begin + from.len();
        if let Some(end) = rest[inside..].find(until) {
            rest.replace_range(inside..inside + end, "");
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_with_a_rejected_message_is_a_violation_but_for_time_and_budgets() {
        let mut unmoved = Unmoved::default();
        let state = |now: u64, budget: u64, view: u64| {
            format!(
                "{{ null: 0, now: Instant({now}), view: View({view}), replica_budgets: [{budget}], \
                 client_budgets: [{budget}], checkpoints: [] }}"
            )
        };
        unmoved.rejected(NodeId(2), &state(1, 0, 3), &state(2, 9, 3)).unwrap();
        let moved = unmoved.rejected(NodeId(2), &state(1, 0, 3), &state(2, 9, 4)).unwrap_err();
        assert!(moved.starts_with("r2 is moved by what it rejects: "), "{moved}");
        assert_eq!(unmoved.looked(), 2);
    }
}
