//! Where a run is shown: tables, JSON, charts.

use crate::battle;
use crate::chart::{html, mermaid, svg};
use crate::judge::Judgement;
use crate::problem::Problem;
use crate::scenario::Scenario;
use crate::{expectation, json, table};
use clap::Args;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How a run is shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct OutputArgs {
    /// Print one JSON object and nothing else.
    #[arg(long, conflicts_with = "mermaid")]
    json: bool,
    /// Print the messages as a Mermaid sequence diagram and nothing else.
    #[arg(long)]
    mermaid: bool,
    /// Write a message sequence chart.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the chart as one page with a slider for the rounds.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print every row and every accusation, however many there are; otherwise the first 60.
    #[arg(long)]
    full: bool,
}

/// Fights a scenario out and shows it in all ways that were asked for.
pub(crate) fn fight_and_tell(scenario: &Scenario, output: &OutputArgs) -> Result<(), Problem> {
    let battle = battle::fight(scenario)?;
    let judgement = Judgement::of(scenario, &battle);
    if let Some(file) = &output.svg {
        write(file, &svg::chart(scenario, &battle, &judgement)?)?;
    }
    if let Some(file) = &output.html {
        write(file, &html::page(scenario, &battle, &judgement)?)?;
    }
    if output.json {
        say(&format!("{}\n", json::object(scenario, &battle, &judgement)))?;
    } else if output.mermaid {
        say(&mermaid::diagram(scenario, &battle, &judgement)?)?;
    } else {
        let most = (!output.full).then_some(table::ROWS);
        say(&table::report(scenario, &battle, &judgement, most))?;
    }
    let differences = expectation::differences(scenario, &battle, &judgement);
    if let [first, ..] = differences.as_slice() {
        let more = match differences.len() {
            1 => String::new(),
            count => format!(" (and {} more differences)", count - 1),
        };
        return Err(Problem::failed(format!("not as expected: {first}{more}")));
    }
    if judgement.is_broken_promise() {
        return Err(Problem::failed(
            "agreement was promised and did not come: this is a bug of the library, please report \
             it with the command",
        ));
    }
    if scenario.expect.is_some() && !output.json && !output.mermaid {
        say("All of that is as the scenario expects.\n")?;
    }
    Ok(())
}

/// Prints, with colours where there are any. A reader that has gone away wants no more.
pub(crate) fn say(text: &str) -> Result<(), Problem> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(Problem::failed(why)),
        _ => Ok(()),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Problem> {
    let cannot = |why| Problem::failed(format!("cannot write {}: {why}", file.display()));
    fs::write(file, text).map_err(cannot)
}
