//! How a campaign went, as every command tells it.

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
pub(crate) fn table<const N: usize>(rows: [(&str, String); N]) -> String {
    rows.map(|(name, value)| format!("{name:>20}  {value}\n")).concat()
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

/// Tells the violations, of the first one everything, and returns the exit code.
pub(crate) fn judge(
    violations: &BTreeMap<u64, Violation>,
    plan: impl Fn(u64) -> String,
    again: impl Fn(u64) -> Again,
) -> ExitCode {
    let Some((seed, violation)) = violations.first_key_value() else {
        return ExitCode::SUCCESS;
    };
    eprintln!("VIOLATION with seed {seed}: {violation}");
    eprint!("{}", plan(*seed));
    eprint!("{}", again(*seed));
    for (seed, violation) in violations.iter().skip(1) {
        eprintln!("VIOLATION with seed {seed} too: {violation}");
    }
    ExitCode::from(1)
}
