//! Four generals, one a board, agree on an order: by themselves, with a traitor among the
//! lieutenants, and with one who commands.

mod act;
mod troop;

use crate::board::Board;
use crate::{image, tools};
use act::Act;
use anyhow::{Context as _, Result};
use cluster::generals::{GENERALS, Protocol};
use quorate::NodeId;
use serde::Serialize;
use std::time::Instant;
use troop::Troop;

/// Who commands.
const COMMANDER: NodeId = NodeId(0);
/// The lieutenant that is a traitor, where nobody else is named.
const LIEUTENANT: NodeId = NodeId(3);

/// What is to happen.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// How they agree: by word of mouth (OM(1)), by signed orders (SM(1)), or by the phase king.
    #[arg(long, default_value = "om", value_parser = protocol)]
    protocol: Protocol,
    /// The traitor, 0 to 3, of whom 0 commands. Without it three agreements are made: with no
    /// traitor, with lieutenant 3 as one, and with the commander.
    #[arg(long, value_parser = clap::value_parser!(u8).range(..GENERALS as i64))]
    traitor: Option<u8>,
    /// Milliseconds of a round. A board that is first heard when it has closed counts as a traitor,
    /// so a machine that is busy with other things needs longer ones.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(50..=60_000))]
    round: u32,
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

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    board: &'static str,
    protocol: &'static str,
    rounds: u8,
    round_ms: u32,
    acts: Vec<Agreement>,
}

/// One agreement.
#[derive(Debug, Serialize)]
struct Agreement {
    traitor: Option<u8>,
    /// What each board did: the order that it obeyed, and whether that was agreed on.
    orders: Vec<Option<u8>>,
    agreed: Vec<bool>,
    /// Bytes of stack that a board used at most.
    stack: u64,
    frames: u64,
    seconds: f64,
}

fn protocol(name: &str) -> Result<Protocol, String> {
    name.parse().map_err(str::to_owned)
}

/// Builds the image, and has generals agree.
///
/// # Errors
/// Loyal generals do different things, or disobey a loyal commander; a board stopped by itself, or
/// was too slow.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    tools::check(&[plan.board.machine().0])?;
    eprintln!("building the image of a general for {}", plan.board.target());
    let image = image::build(plan.board, "node", "general", "")?;
    let traitors = match plan.traitor {
        Some(id) => vec![Some(NodeId(id))],
        None => vec![None, Some(LIEUTENANT), Some(COMMANDER)],
    };
    let (name, rounds) = (plan.board.name(), plan.protocol.rounds());
    let tell = |line: String| if plan.json { eprintln!("{line}") } else { println!("{line}") };
    tell(format!(
        "{GENERALS} boards ({name}), {} in {rounds} rounds of {} ms, board {} commands",
        plan.protocol.name(),
        plan.round,
        COMMANDER.0
    ));
    let mut acts = Vec::new();
    for traitor in traitors {
        let act = Act { protocol: plan.protocol, commander: COMMANDER, traitor };
        let begin = Instant::now();
        let mut troop = Troop::start(plan.board, &image, &act, plan.round)?;
        let overs = troop.agree(&act, plan.round);
        if plan.log || overs.is_err() {
            troop.logs().into_iter().for_each(tell);
        }
        let overs = overs.with_context(|| format!("{act}"))?;
        tell(format!("\n{act}:"));
        for (id, over) in overs.iter().enumerate() {
            tell(format!("    {}", act.describe(id, over)));
        }
        act.check(&overs).with_context(|| format!("{act}"))?;
        let agreement = Agreement {
            traitor: traitor.map(|traitor| traitor.0),
            orders: overs.iter().map(|over| over.order).collect(),
            agreed: overs.iter().map(|over| over.agreed).collect(),
            stack: overs.iter().map(|over| over.stack).max().unwrap_or_default(),
            frames: troop.traffic().passed,
            seconds: begin.elapsed().as_secs_f64(),
        };
        let Agreement { stack, frames, seconds, .. } = agreement;
        tell(format!("    {}", act.promise()));
        tell(format!(
            "    {frames} frames, {seconds:.1} s with switching on, {stack} bytes of stack at most"
        ));
        acts.push(agreement);
    }
    if plan.json {
        let protocol = plan.protocol.name();
        let outcome = Outcome { board: name, protocol, rounds, round_ms: plan.round, acts };
        println!("{}", serde_json::to_string(&outcome)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::parsed;

    fn plan(words: &str) -> Result<Plan, clap::Error> {
        parsed(words)
    }

    #[test]
    fn word_of_mouth_is_what_is_shown_first() {
        let shown = plan("generals").unwrap();
        assert_eq!((shown.protocol, shown.traitor, shown.round), (Protocol::Om, None, 1000));
        let king = plan("generals --protocol king --traitor 2 --round 300").unwrap();
        assert_eq!((king.protocol, king.traitor, king.round), (Protocol::King, Some(2), 300));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for words in ["--protocol pbft", "--traitor 4", "--round 1", "--board m0"] {
            assert!(plan(&format!("generals {words}")).is_err(), "{words}");
        }
    }
}
