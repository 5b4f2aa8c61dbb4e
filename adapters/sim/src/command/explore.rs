//! `quorate-sim explore`: every state of a small world.

use super::print_quietly;
use clap::Args;
use quorate_sim::worlds::{Explored, World};
use std::process::ExitCode;
use std::time::Instant;

/// Which worlds to explore.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Arguments {
    /// Who lies: 0 leads view 0, 1 leads view 1, 2 leads neither; each in turn if not given. (3 is
    /// 2 under another name.)
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..3))]
    traitor: Option<u8>,
    /// The most messages of the traitor that the correct replicas take together.
    #[arg(long, default_value_t = 2)]
    lies: u8,
    /// The sequences that correct replicas propose for.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3))]
    sequences: u64,
    /// End after so many states of a world.
    #[arg(long, default_value_t = 20_000_000)]
    states: usize,
    /// Visit every state on its own, with nothing put off: much slower, to compare `outcomes`.
    #[arg(long)]
    whole: bool,
    /// Print one JSON array instead: traitor, lies, seconds, and what was found.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let traitors = arguments.traitor.map_or(0..3, |traitor| traitor..traitor + 1);
    let (mut rows, mut broken) = (Vec::new(), false);
    for traitor in traitors {
        let Arguments { lies, sequences, states: most, whole, .. } = *arguments;
        let world = World { traitor, lies, sequences, most, whole };
        let begin = Instant::now();
        let explored = world.explore();
        let seconds = begin.elapsed().as_secs_f64();
        broken |= explored.violation.is_some();
        if arguments.json {
            let mut row = serde_json::json!(explored);
            row["traitor"] = traitor.into();
            row["lies"] = lies.into();
            row["sequences"] = sequences.into();
            row["seconds"] = seconds.into();
            row["outcomes"] = explored.outcomes.len().into();
            rows.push(row);
        } else {
            print_quietly(&as_text(&world, &explored, seconds));
        }
    }
    if arguments.json {
        print_quietly(&format!("{}\n", serde_json::json!(rows)));
    }
    ExitCode::from(u8::from(broken))
}

fn as_text(world: &World, explored: &Explored, seconds: f64) -> String {
    let Explored { states, transitions, cells, steps, depth, later, executed, histories, .. } =
        explored;
    let (left, outcomes) = (explored.left, explored.outcomes.len());
    let pace = *states as f64 / seconds;
    let end = match (&explored.violation, explored.exhausted) {
        (Some(_), _) => "ended by a broken promise".to_owned(),
        (None, true) => "nothing is left to visit".to_owned(),
        (None, false) => format!("ended at the limit, with {left} of them to go on from"),
    };
    let mut text = format!(
        "r{} lies, the others take {} of its messages\n  \
         {states} states, {transitions} transitions, at most {depth} words deep: {end}\n  \
         {cells} states of single replicas, {steps} inputs to replicas of the core, \
         {seconds:.1} s, \
         {pace:.0} states a second\n  \
         {later} states in or on the way to view 1, {executed} in which all have executed, \
         {histories} histories, {outcomes} outcomes\n",
        world.traitor, world.lies
    );
    for line in explored.violation.iter().flatten() {
        text.push_str(&format!("  VIOLATION {line}\n"));
    }
    text
}
