//! `quorate-sim twins`: partitions, leaders and twins, enumerated.

use super::outcome::{progress, table};
use super::{print_quietly, tell_quietly};
use clap::Args;
use quorate_sim::twins::{Enumeration, ROUNDS, Scenario, Tally, play};
use std::process::ExitCode;
use std::time::Instant;

/// Which scenarios to play.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// Play so many different scenarios; 0: all there are.
    #[arg(long, default_value_t = 1000)]
    limit: u64,
    /// Which ones, and in which order: every seed has all of them, each once.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many replicas run twice. With two there are more traitors than four replicas
    /// withstand: the checkers must object.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    twins: u8,
    /// Play this one and print what happens.
    #[arg(long, value_name = "ID", conflicts_with_all = ["limit", "seed", "keep_going", "json"])]
    scenario: Option<u64>,
    /// Go on after a scenario that breaks a promise, and list every one that does.
    #[arg(long)]
    keep_going: bool,
    /// Print the result as one JSON object on standard output and nothing else there.
    #[arg(long)]
    json: bool,
    /// Threads; as many as there are processors if not given.
    #[arg(long, value_parser = crate::at_least_one)]
    threads: Option<usize>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let twins = usize::from(arguments.twins);
    let Some(number) = arguments.scenario else { return run_many(arguments) };
    let Some(scenario) = Scenario::of(twins, number) else {
        let count = Scenario::count(twins);
        tell_quietly(&format!("there is no scenario {number}: they are below {count}\n"));
        return ExitCode::from(2);
    };
    let played = play(&scenario, true);
    print_quietly(
        &played.transcript.lines().iter().map(|line| format!("{line}\n")).collect::<String>(),
    );
    tell_quietly(&format!(
        "scenario {number}: {scenario}\n{} events in {:.3} s of virtual time, in {} of {ROUNDS} \
         rounds a correct replica was in the view, fingerprint {:016x}\n",
        played.events,
        played.micros as f64 / 1e6,
        played.led,
        played.fingerprint
    ));
    played.violation.map_or(ExitCode::SUCCESS, |violation| {
        tell_quietly(&format!("VIOLATION of {violation}\n"));
        ExitCode::from(1)
    })
}

fn run_many(arguments: &Arguments) -> ExitCode {
    let twins = usize::from(arguments.twins);
    let all = Enumeration::new(twins);
    let different = all.different();
    let chosen = if arguments.limit == 0 { different } else { arguments.limit.min(different) };
    let scenarios = all.iter(arguments.seed).take(usize::try_from(chosen).unwrap_or(usize::MAX));
    let bar = progress(chosen, "scenarios");
    let begin = Instant::now();
    let threads = arguments.threads.unwrap_or_else(crate::processors);
    let tally = Tally::of(scenarios, threads, arguments.keep_going, |_, _| bar.inc(1));
    let seconds = begin.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if arguments.json {
        print_quietly(&format!("{}\n", as_json(arguments, &tally, different, seconds)));
    } else {
        print_quietly(&as_table(arguments, &tally, different, seconds));
    }
    for (number, violation) in &tally.violations {
        if let Some(scenario) = Scenario::of(twins, *number) {
            let again = scenario.again();
            tell_quietly(&format!(
                "VIOLATION in scenario {number}: {violation}\n{scenario}\n{again}"
            ));
        }
    }
    ExitCode::from(u8::from(!tally.violations.is_empty()))
}

fn as_table(arguments: &Arguments, tally: &Tally, different: u64, seconds: f64) -> String {
    let Tally { scenarios, led, served, executions, accusations, events, micros, .. } = tally;
    let all = Scenario::count(usize::from(arguments.twins));
    let led: Vec<String> =
        led.iter().enumerate().map(|(rounds, count)| format!("{count} in {rounds}")).collect();
    let rows = [
        (
            "scenarios",
            format!("{scenarios} of {different} that are different, {all} with those alike"),
        ),
        ("scenarios a second", format!("{:.1}", *scenarios as f64 / seconds)),
        ("order", format!("seed {}", arguments.seed)),
        ("virtual time", format!("{:.0} s in {seconds:.1} s", *micros as f64 / 1e6)),
        ("events", events.to_string()),
        ("rounds led", format!("{}, of {ROUNDS}", led.join(", "))),
        ("rounds served", format!("{served} of {}", scenarios * ROUNDS as u64)),
        ("executions", executions.to_string()),
        ("accusations", accusations.to_string()),
        (
            "longest recovery",
            format!("{:.1} % of what is promised", tally.recovery_permille as f64 / 10.0),
        ),
        ("violations", tally.violations.len().to_string()),
    ];
    table(rows)
}

fn as_json(
    arguments: &Arguments,
    tally: &Tally,
    different: u64,
    seconds: f64,
) -> serde_json::Value {
    let twins = usize::from(arguments.twins);
    let violations = tally.violations.iter().filter_map(|(number, violation)| {
        let scenario = Scenario::of(twins, *number)?;
        let again = scenario.again();
        Some(serde_json::json!({
            "scenario": number,
            "story": scenario.to_string(),
            "checker": violation.checker,
            "micros": violation.micros,
            "what": violation.what,
            "replay": again.replay,
            "explain": again.explain,
        }))
    });
    serde_json::json!({
        "twins": twins,
        "seed": arguments.seed,
        "scenarios": tally.scenarios,
        "different": different,
        "with_those_alike": Scenario::count(twins),
        "seconds": seconds,
        "scenarios_per_second": tally.scenarios as f64 / seconds,
        "virtual_seconds": tally.micros as f64 / 1e6,
        "events": tally.events,
        "scenarios_by_rounds_led": tally.led,
        "rounds_served": tally.served,
        "executions": tally.executions,
        "accusations": tally.accusations,
        "recovery_permille": tally.recovery_permille,
        "violations": violations.collect::<Vec<_>>(),
    })
}
