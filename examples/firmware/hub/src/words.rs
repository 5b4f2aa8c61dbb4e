//! Arguments of a command as somebody types them, for tests.

use clap::{Args, Parser};

#[derive(Debug, Parser)]
struct Line<P: Args> {
    #[command(flatten)]
    plan: P,
}

/// What the words of a line say, the first of which is the command.
pub(crate) fn parsed<P: Args>(words: &str) -> Result<P, clap::Error> {
    Line::try_parse_from(words.split(' ')).map(|line| line.plan)
}
