//! `quorate-sim canaries`: plants known bugs one by one and tells what finds each.

use clap::Args;
use quorate_sim::canaries::{CANARIES, Canary, Catch, Hunt};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// Plant these only.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// List what can be planted and end; with --json as an array of name and bug.
    #[arg(long)]
    list: bool,
    /// The longest that one check may run, in seconds.
    #[arg(long, default_value_t = 600)]
    limit: u64,
    /// Do not try first whether everything passes without a bug.
    #[arg(long)]
    no_control: bool,
    /// Print one JSON array instead: name, bug, check, what, seconds (of the check alone), after
    /// (from the planting, in seconds, with the builds); `check` is null if nothing found the bug.
    #[arg(long)]
    json: bool,
    /// Print a table in Markdown instead.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let unknown = arguments.names.iter().find(|name| CANARIES.iter().all(|c| c.name != **name));
    if let Some(name) = unknown {
        eprintln!("there is no canary {name}: `canaries --list` shows what there is");
        return ExitCode::from(2);
    }
    let chosen = |canary: &&Canary| {
        arguments.names.is_empty() || arguments.names.iter().any(|name| name == canary.name)
    };
    let canaries: Vec<_> = CANARIES.iter().filter(chosen).collect();
    if arguments.list {
        list(arguments.json, &canaries);
        return ExitCode::SUCCESS;
    }
    match hunt(arguments, &canaries) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("{missed} of {} were found by nothing", canaries.len());
            ExitCode::from(1)
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

/// Tells what can be planted.
fn list(json: bool, canaries: &[&Canary]) {
    if json {
        let each = canaries
            .iter()
            .map(|Canary { name, bug, .. }| serde_json::json!({ "name": name, "bug": bug }));
        super::print_quietly(&format!("{}\n", each.collect::<serde_json::Value>()));
    } else {
        canaries.iter().for_each(|canary| super::print_quietly(&line(canary, canary.bug)));
    }
}

/// Plants them one after another; says how many nothing found.
fn hunt(arguments: &Arguments, canaries: &[&Canary]) -> Result<usize, String> {
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let hunt = Hunt::around(&here, Duration::from_secs(arguments.limit))?;
    if !arguments.no_control {
        eprintln!("every check, without a bug");
        if let Some(Catch { check, what, .. }) = hunt.find(None)? {
            return Err(format!("{check} fails without any bug, so it finds none: {what}"));
        }
    }
    let mut missed = 0;
    let mut rows = Vec::new();
    if arguments.markdown {
        super::print_quietly("| canary | caught by | after |\n|---|---|---|\n");
    }
    for (at, canary) in canaries.iter().enumerate() {
        eprintln!("{}/{}: {}", at + 1, canaries.len(), canary.name);
        let found = hunt.find(Some(canary))?;
        missed += usize::from(found.is_none());
        if arguments.json {
            rows.push(record(canary, found.as_ref()));
        } else if arguments.markdown {
            super::print_quietly(&row(canary, found.as_ref()));
        } else {
            let told = found.map_or(NOTHING.to_owned(), |Catch { check, what, after, .. }| {
                format!("{:.0} s, {check}: {what}", after.as_secs_f64())
            });
            super::print_quietly(&line(canary, &told));
        }
    }
    let caught = canaries.len() - missed;
    if arguments.json {
        super::print_quietly(&format!("{}\n", serde_json::json!(rows)));
    } else if arguments.markdown {
        super::print_quietly(&format!("\nCaught {caught} of {}.\n", canaries.len()));
    }
    Ok(missed)
}

/// What is told of a bug that lives on.
const NOTHING: &str = "NOTHING FOUND IT";

fn record(canary: &Canary, found: Option<&Catch>) -> serde_json::Value {
    let Canary { name, bug, .. } = canary;
    match found {
        None => serde_json::json!({ "name": name, "bug": bug, "check": null }),
        Some(Catch { check, what, seconds, after }) => {
            serde_json::json!({ "name": name, "bug": bug, "check": check.to_string(),
                "what": what, "seconds": seconds, "after": after.as_secs_f64() })
        }
    }
}

/// A line of a table in Markdown: canary, caught by, after.
fn row(canary: &Canary, found: Option<&Catch>) -> String {
    let (caught, after) = found.map_or((NOTHING.to_owned(), "–".to_owned()), |found| {
        // A bar would begin a column.
        let what = found.what.replace('|', "/");
        (format!("{}: `{what}`", found.check), format!("{:.0} s", found.after.as_secs_f64()))
    });
    format!("| `{}` | {caught} | {after} |\n", canary.name)
}

fn line(canary: &Canary, text: &str) -> String {
    format!("{:<28} {text}\n", canary.name)
}
