//! How a campaign went, as every command tells it.

use super::run::Row;
use super::{interrupt, tell_quietly};
use indicatif::{ProgressBar, ProgressStyle};
use quorate_sim::{Again, Violation};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// A bar that fills with so many things.
pub(crate) fn progress(count: u64, things: &str) -> ProgressBar {
    let bar = ProgressBar::new(count);
    let template = format!("{{wide_bar}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} left");
    let style = ProgressStyle::with_template(&template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Rows of a name and a value.
pub(crate) fn table(rows: impl IntoIterator<Item = Row>) -> String {
    rows.into_iter().map(|(name, value)| format!("{name:>20}  {value}\n")).collect()
}

/// How many seeds had which feature, in words.
pub(crate) fn features(features: &BTreeMap<&'static str, u64>) -> String {
    let features = features.iter().map(|(name, seeds)| format!("{seeds} {name}"));
    features.collect::<Vec<String>>().join(", ")
}

/// The violations as JSON, each with the commands that show it again.
pub(crate) fn violations(
    violations: &BTreeMap<u64, Violation>,
    again: impl Fn(u64) -> Again,
) -> Vec<serde_json::Value> {
    let objects = violations.iter().map(|(seed, violation)| {
        let Again { replay, explain } = again(*seed);
        serde_json::json!({
            "seed": seed,
            "checker": violation.checker,
            "micros": violation.micros,
            "what": violation.what,
            "replay": replay,
            "explain": explain,
        })
    });
    objects.collect()
}

/// Tells a violation at once, as a campaign that goes on may take hours.
pub(crate) fn tell(bar: &ProgressBar, seed: u64, violation: Option<&Violation>, again: Again) {
    let Some(violation) = violation else { return };
    let text = format!("VIOLATION with seed {seed}: {violation}\n{again}");
    bar.suspend(|| tell_quietly(&text));
}

/// Tells how a campaign ended, of which so many seeds were run: which of them broke a promise, and
/// the plan of the first. Returns the exit code.
pub(crate) fn judge(
    violations: &BTreeMap<u64, Violation>,
    run: u64,
    interrupted: bool,
    plan: impl Fn(u64) -> String,
) -> ExitCode {
    if let Some(first) = violations.keys().next() {
        let seeds: Vec<String> = violations.keys().map(u64::to_string).collect();
        let (count, seeds) = (seeds.len(), seeds.join(", "));
        tell_quietly(&format!("{count} of {run} seeds broke a promise: {seeds}\n"));
        tell_quietly(&plan(*first));
    }
    if interrupted {
        tell_quietly(&format!("interrupted after {run} seeds\n"));
        return ExitCode::from(interrupt::CODE);
    }
    ExitCode::from(u8::from(!violations.is_empty()))
}
