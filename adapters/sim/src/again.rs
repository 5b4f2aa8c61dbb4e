//! How to see a run again.

use std::fmt;

/// The commands that show one run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// Plays it, and prints its transcript.
    pub replay: String,
    /// Tells it as text; with one more argument it draws it.
    pub explain: String,
}

impl Again {
    /// Those of a seed, whose run is drawn from it and from these arguments.
    pub(crate) fn of_seed(seed: u64, draw: &str) -> Self {
        Self {
            replay: format!("quorate-sim run {draw} --seed {seed} --seeds 1 --trace"),
            explain: format!("quorate-sim explain {seed} {draw}"),
        }
    }
}

impl fmt::Display for Again {
    /// A line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replay, explain } = self;
        write!(f, "replay: {replay}\nexplain: {explain}\n")
    }
}
