//! `quorate-sim run --protocol om`, and of the other protocols in rounds.

use super::interrupt;
use super::outcome::{self, progress};
use super::print_quietly;
use crate::{Run, processors};
use quorate_sim::generals::{Campaign, Report, Summary};
use std::process::ExitCode;
use std::time::Instant;

/// Runs seeds. The exit code is 0 if no promise was broken, 1 if one was.
pub(crate) fn run(campaign: Campaign, run: &Run) -> ExitCode {
    let campaign = Campaign {
        first: run.seed,
        seeds: run.seeds,
        threads: run.threads.unwrap_or_else(processors),
        keep_going: run.keep_going,
        ..campaign
    };
    if run.trace { trace(&campaign) } else { run_all(&campaign, run.json) }
}

/// Plays one seed and prints what happened, line by line.
fn trace(campaign: &Campaign) -> ExitCode {
    let report = campaign.run_seed(campaign.first, true);
    let lines = report.transcript.lines().iter().map(|line| format!("{line}\n"));
    print_quietly(&lines.collect::<String>());
    let Report { seed, violation, micros, transcript, .. } = report;
    eprintln!(
        "seed {seed}: {} events in {:.3} s of virtual time, fingerprint {:016x}",
        transcript.events(),
        micros as f64 / 1e6,
        transcript.fingerprint()
    );
    violation.map_or(ExitCode::SUCCESS, |violation| {
        eprintln!("VIOLATION of {violation}");
        ExitCode::from(1)
    })
}

fn run_all(campaign: &Campaign, json: bool) -> ExitCode {
    let bar = progress(campaign.seeds, "seeds");
    let begin = Instant::now();
    interrupt::listen();
    let summary = campaign.run_until(interrupt::came, |report| {
        outcome::tell(&bar, report.seed, report.violation.as_ref(), campaign.again(report.seed));
        bar.inc(1);
    });
    let interrupted = interrupt::came() && summary.seeds < campaign.seeds;
    let seconds = begin.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if json {
        print_quietly(&format!("{}\n", as_json(campaign, &summary, seconds, interrupted)));
    } else {
        print_quietly(&as_table(campaign, &summary, seconds));
    }
    let plan = |seed| campaign.plan(seed).to_string();
    outcome::judge(&summary.violations, summary.seeds, interrupted, plan)
}

fn as_table(campaign: &Campaign, summary: &Summary, seconds: f64) -> String {
    let Summary { seeds, statistics: s, events, traffic, micros, fingerprint, .. } = summary;
    let rows = [
        ("seeds run", format!("{seeds} of {}", campaign.seeds)),
        ("seeds a second", format!("{:.0}", *seeds as f64 / seconds)),
        ("virtual time", format!("{:.0} s in {seconds:.1} s", *micros as f64 / 1e6)),
        ("events", events.to_string()),
        (
            "frames",
            format!(
                "{}; {} lost, {} twice, {} overtaking",
                traffic.sent, s.losses, traffic.duplicated, traffic.overtaking
            ),
        ),
        ("agreed on", format!("{} values, and {} times on none", s.values, s.defaults)),
        (
            "lies",
            format!("{}; {} frames rejected, {} accusations", s.lies, s.rejected, s.accusations),
        ),
        ("missed deadlines", s.missed.to_string()),
        ("requests executed", format!("{}, {} replies believed", s.executions, s.replies)),
        ("crashes", format!("{}; {} states taken over", s.crashes, s.rejoins)),
        ("fingerprint", format!("{fingerprint:016x}")),
        ("seeds with", outcome::features(&summary.features)),
    ];
    outcome::table(rows)
}

fn as_json(
    campaign: &Campaign,
    summary: &Summary,
    seconds: f64,
    interrupted: bool,
) -> serde_json::Value {
    let violations = outcome::violations(&summary.violations, |seed| campaign.again(seed));
    serde_json::json!({
        "protocol": campaign.protocol.name(),
        "first_seed": campaign.first,
        "seeds": summary.seeds,
        "interrupted": interrupted,
        "seconds": seconds,
        "seeds_per_second": summary.seeds as f64 / seconds,
        "virtual_seconds": summary.micros as f64 / 1e6,
        "events": summary.events,
        "frames": summary.traffic.sent,
        "traffic": summary.traffic,
        "seeds_with": summary.features,
        "statistics": summary.statistics,
        "fingerprint": format!("{:016x}", summary.fingerprint),
        "violations": violations,
    })
}
