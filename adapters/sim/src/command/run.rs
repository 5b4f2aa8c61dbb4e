//! `quorate-sim run`: many seeds of a protocol.

use super::draw::Draw;
use super::outcome::{self, progress};
use super::{generals, interrupt, pbft, print_quietly, tell_quietly};
use crate::{at_least_one, processors};
use clap::Args;
use quorate_sim::many::{Counts, Report, Seeds, Summary};
use quorate_sim::{Campaign, Sweep};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Instant;

/// What is told, and what there is to tell.
pub(crate) type Row = (&'static str, String);

#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    draw: Draw,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Run all seeds even if one breaks a promise, and tell every one that does.
    #[arg(long)]
    keep_going: bool,
    /// Print the transcript of the first seed and nothing else on standard output.
    #[arg(long)]
    trace: bool,
    /// Print the result as one JSON object on standard output and nothing else there.
    #[arg(long, conflicts_with = "trace")]
    json: bool,
    /// Threads; as many as there are processors if not given.
    #[arg(long, value_parser = at_least_one)]
    threads: Option<usize>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Arguments { seed: first, seeds, keep_going, .. } = *arguments;
    if first.checked_add(seeds - 1).is_none() {
        let last = u64::MAX;
        tell_quietly(&format!("the last seed is {last}: from {first} on there are no {seeds}\n"));
        return ExitCode::from(2);
    }
    let threads = arguments.threads.unwrap_or_else(processors);
    let result = if let Some(protocol) = arguments.draw.in_rounds() {
        arguments.draw.generals(protocol).map(|drawn| {
            let campaign =
                quorate_sim::generals::Campaign { first, seeds, threads, keep_going, ..drawn };
            arguments.run(&campaign, generals::rows)
        })
    } else {
        arguments.draw.pbft().map(|drawn| {
            let campaign = Campaign { first, seeds, threads, keep_going, ..drawn };
            arguments.run(&campaign, pbft::rows)
        })
    };
    result.unwrap_or_else(|problem| {
        tell_quietly(&format!("{problem}\n"));
        ExitCode::from(2)
    })
}

impl Arguments {
    fn run<C: Sweep<Counts: Serialize>>(
        &self,
        campaign: &C,
        rows: fn(&Summary<C::Counts>) -> Vec<Row>,
    ) -> ExitCode {
        if self.trace { trace(campaign) } else { run_all(campaign, self.json, rows) }
    }
}

/// Plays one seed and prints what happened, line by line.
fn trace<C: Sweep>(campaign: &C) -> ExitCode {
    let report = campaign.run_seed(campaign.seeds().first, true);
    let lines = report.transcript.lines().iter().map(|line| format!("{line}\n"));
    print_quietly(&lines.collect::<String>());
    let Report { seed, violation, micros, transcript, .. } = report;
    tell_quietly(&format!(
        "seed {seed}: {} events in {:.3} s of virtual time, fingerprint {:016x}\n",
        transcript.events(),
        micros as f64 / 1e6,
        transcript.fingerprint()
    ));
    violation.map_or(ExitCode::SUCCESS, |violation| {
        tell_quietly(&format!("VIOLATION of {violation}\n"));
        ExitCode::from(1)
    })
}

fn run_all<C: Sweep<Counts: Serialize>>(
    campaign: &C,
    json: bool,
    rows: fn(&Summary<C::Counts>) -> Vec<Row>,
) -> ExitCode {
    let Seeds { count, .. } = campaign.seeds();
    let bar = progress(count, "seeds");
    let begin = Instant::now();
    interrupt::listen();
    let summary = campaign.run_until(interrupt::came, |report| {
        outcome::tell(&bar, report.seed, report.violation.as_ref(), campaign.again(report.seed));
        bar.inc(1);
    });
    let interrupted = interrupt::came() && summary.seeds < count;
    let seconds = begin.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if json {
        print_quietly(&format!("{}\n", as_json(campaign, &summary, seconds, interrupted)));
    } else {
        print_quietly(&as_table(count, &summary, seconds, rows(&summary)));
    }
    let plan = |seed| campaign.plan(seed).to_string();
    outcome::judge(&summary.violations, summary.seeds, interrupted, plan)
}

fn as_table<S: Counts>(count: u64, summary: &Summary<S>, seconds: f64, rows: Vec<Row>) -> String {
    let Summary { seeds, events, micros, longest, fingerprint, features, .. } = summary;
    let first = [
        ("seeds run", format!("{seeds} of {count}")),
        ("seeds a second", format!("{:.1}", *seeds as f64 / seconds)),
        ("virtual time", format!("{:.0} s in {seconds:.1} s", *micros as f64 / 1e6)),
        ("longest run", format!("{:.1} s (seed {})", longest.0 as f64 / 1e6, longest.1)),
        ("events", events.to_string()),
    ];
    let last = [
        ("fingerprint", format!("{fingerprint:016x}")),
        ("seeds with", outcome::features(features)),
    ];
    outcome::table(first.into_iter().chain(rows).chain(last))
}

fn as_json<C: Sweep<Counts: Serialize>>(
    campaign: &C,
    summary: &Summary<C::Counts>,
    seconds: f64,
    interrupted: bool,
) -> serde_json::Value {
    let violations = outcome::violations(&summary.violations, |seed| campaign.again(seed));
    serde_json::json!({
        "protocol": campaign.protocol(),
        "first_seed": campaign.seeds().first,
        "seeds": summary.seeds,
        "interrupted": interrupted,
        "seconds": seconds,
        "seeds_per_second": summary.seeds as f64 / seconds,
        "virtual_seconds": summary.micros as f64 / 1e6,
        "events": summary.events,
        "messages": summary.traffic.sent,
        "traffic": summary.traffic,
        "seeds_with": summary.features,
        "statistics": summary.statistics,
        "fingerprint": format!("{:016x}", summary.fingerprint),
        "violations": violations,
    })
}
