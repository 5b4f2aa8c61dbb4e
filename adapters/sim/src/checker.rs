//! The names of the checkers, as violations, reports and scripts tell them.

/// Each checker's name, and what it objects to.
pub const CHECKERS: [(&str, &str); 26] = [
    ("accusation", "a correct node is accused by a correct one"),
    ("acknowledged", "after power cuts: a replica has executed more or less than was answered"),
    ("agreement", "two correct nodes execute, decide or take over different things"),
    ("bounds", "a step, a message or an agreement costs more than is published"),
    ("choices", "a new view goes on with what no correct replica has accepted"),
    ("client", "a correct client of lockstep refuses what it is asked"),
    ("client tables", "equal histories, and different tables of clients"),
    ("deadline", "a node asks to be woken at one instant for ever"),
    ("disk", "a correct replica's disk is damaged, and nobody did it"),
    ("durability", "something is said before, or beside, what the disk knows"),
    ("evidence", "what is shown against a node does not convict it, or convicts a correct one"),
    ("following", "a replica leaves for a view for which no correct one has left"),
    ("host", "a replica refuses what its host does, or has it install what is not complete"),
    ("ledger", "a correct node contradicts itself, across restarts"),
    ("linearizable", "clients do not see one copy of the service"),
    ("once", "a request is executed, or an agreement decided, twice; or in a wrong order"),
    ("panic", "the core panics"),
    ("progress", "what has to be finished in a known time is not"),
    ("recovery", "a correct replica does not come back from its disk, or its loss, as promised"),
    ("refusal", "a correct general refuses, as only one does that counts itself faulty"),
    ("replies", "an answer that is not that of the agreed history, or to what nobody asked"),
    ("silence", "who has to be silent speaks, or a general that missed nothing rejoins"),
    ("states", "equal histories, and different states"),
    ("termination", "a correct general has not decided in the end"),
    ("unmoved", "a message that is rejected changes something"),
    (
        "validity",
        "a general does not decide what a correct commander ordered, or makes a request up",
    ),
];

/// Whether there is a checker of this name.
#[must_use]
pub fn is_checker(name: &str) -> bool {
    CHECKERS.iter().any(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_its_row_in_the_readme() {
        assert!(CHECKERS.is_sorted_by_key(|(name, _)| *name));
        let readme = include_str!("../README.md");
        for (name, objects) in CHECKERS {
            let row = format!("| `{name}` | {objects} |\n");
            assert!(readme.contains(&row), "README.md lacks {row}");
        }
    }
}
