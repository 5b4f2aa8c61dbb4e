//! The guided tour: one screen for each lesson.

mod cluster;
mod counter;
mod lessons;

use crate::output::say;
use crate::problem::Problem;
use crate::table::heading;
use clap::Args;
use lessons::LESSONS;
use std::io::{self, BufRead, IsTerminal};

/// Arguments of `demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// Do not wait for Enter between the lessons. Where standard input is no terminal it never
    /// waits.
    #[arg(long)]
    yes: bool,
    /// Only this lesson, 1 to 6.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=6))]
    lesson: Option<u8>,
}

/// Tells the lessons, one after the other.
pub(crate) fn run(arguments: &DemoArgs) -> Result<(), Problem> {
    let waits = !arguments.yes && io::stdin().is_terminal() && io::stdout().is_terminal();
    let wanted = |number: usize| arguments.lesson.is_none_or(|only| usize::from(only) == number);
    let all: Vec<_> = (1..).zip(&LESSONS).filter(|(number, _)| wanted(*number)).collect();
    for (at, (number, lesson)) in all.iter().enumerate() {
        let title = format!("Lesson {number} of {}: {}", LESSONS.len(), lesson.title);
        let line = "=".repeat(title.chars().count());
        say(&format!("{}\n{line}\n\n{}\n", heading(&title), (lesson.tell)()?))?;
        if waits && at + 1 < all.len() && !go_on()? {
            return Ok(());
        }
    }
    Ok(())
}

/// Waits for Enter; says whether to go on.
fn go_on() -> Result<bool, Problem> {
    say("Enter for the next lesson, q and Enter to stop: ")?;
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line).map_err(Problem::failed)?;
    say("\n")?;
    Ok(read > 0 && !line.trim().eq_ignore_ascii_case("q"))
}
