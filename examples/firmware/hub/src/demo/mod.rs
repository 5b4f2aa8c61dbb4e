//! Four boards form a cluster, or three and a Linux process, and go through what boards go through.

mod fleet;
mod load;
mod outcome;
mod story;

use crate::board::Board;
use crate::linux::LINUX;
use crate::{image, tools};
use anyhow::{Result, ensure};
#[cfg(test)]
pub(crate) use load::Load;
use story::Story;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    /// Boards.
    Boards,
    /// Boards, and a Linux process in the place of one.
    Mixed,
}

impl Cast {
    /// Whether a member is the Linux process.
    pub(crate) fn is_linux(self, id: usize) -> bool {
        self == Self::Mixed && id == LINUX.index()
    }
}

/// What is to happen.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Requests that the clients make in each round, 20 at least.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(20..))]
    requests: u64,
    /// Frames that are lost, of a hundred.
    #[arg(long, default_value_t = 5.0, value_parser = percent)]
    loss: f64,
    /// What is drawn by chance: lost frames, amounts, who lies.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Whether the primary loses its power in each round, and comes back.
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true",
        action = clap::ArgAction::Set)]
    kill_primary: bool,
    /// Whether the primary that lost its power finds its flash erased when it comes back. Without a
    /// liar, since f = 1: a board that recovers from a loss is the one that is wrong.
    #[arg(long)]
    erase_flash: bool,
    /// Whether a board lies in each round.
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true",
        action = clap::ArgAction::Set)]
    liar: bool,
    /// Go on with one round after the other for so many minutes.
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// The boards.
    #[arg(long, default_value = "m4")]
    board: Board,
    /// Show what boards log, with their clocks' time since their start.
    #[arg(long)]
    log: bool,
    /// Print what came of it as one JSON object, and the story to the standard error.
    #[arg(long)]
    json: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().map_err(|_| format!("{text} is no number"))?;
    match percent {
        0.0..=50.0 => Ok(percent),
        _ => Err("from 0 to 50: nothing comes through with much more".to_owned()),
    }
}

/// Builds the image, and tells the story.
///
/// # Errors
/// A request failed, states differ, a board stopped by itself, or something takes far too long.
pub(crate) fn run(plan: &Plan, cast: Cast) -> Result<()> {
    let alone = plan.kill_primary && !plan.liar && plan.minutes == 0 && cast == Cast::Boards;
    ensure!(
        alone || !plan.erase_flash,
        "--erase-flash is for one round of boards, with a killed primary, and --liar false: one at \
         a time may be wrong, and a board that recovers from a loss is"
    );
    tools::check(&[plan.board.machine().0])?;
    eprintln!("building the image of a node for {}", plan.board.target());
    let image = image::build(plan.board, "node", "node", "")?;
    let outcome = Story::begin(plan, cast, &image)?.tell()?;
    if plan.json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        print!("{outcome}");
    }
    outcome.check()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::parsed;

    fn plan(words: &str) -> Result<Plan, clap::Error> {
        parsed(words)
    }

    #[test]
    fn everything_happens_unless_it_is_switched_off() {
        let all = plan("demo").unwrap();
        assert!(all.kill_primary && all.liar && !all.json);
        let some = plan("demo --kill-primary --liar false --seed 7 --loss 0.5").unwrap();
        assert!(some.kill_primary && !some.liar);
        assert_eq!((some.seed, some.loss), (7, 0.5));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for words in ["demo --loss 51", "demo --loss x", "demo --requests 3", "demo --board m0"] {
            assert!(plan(words).is_err(), "{words}");
        }
    }
}
