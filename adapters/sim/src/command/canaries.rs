//! `quorate-sim canaries`: plants known bugs one by one and tells what finds each.

use clap::{Args, ValueEnum};
use quorate_sim::canaries::{CANARIES, Canary, Catch, Draws, Found, Hunt, claims};
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
    /// What is to find them.
    #[arg(long, value_enum, default_value_t = By::All)]
    by: By,
    /// With `--by seeds`: so many of PBFT for each bug, and some times as many of what is quicker.
    #[arg(long, default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// The longest that one check may run, in seconds.
    #[arg(long, default_value_t = 600)]
    limit: u64,
    /// Do not try first whether everything passes without a bug.
    #[arg(long)]
    no_control: bool,
    /// Print one JSON array instead: name, bug, check, what, seconds (of the check alone), after
    /// (from the planting, in seconds, with the builds); `check` is null if nothing found the bug.
    /// With `--by scripts`: name, bug, broken, kept; with `--by seeds`: name, bug, found.
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
    let result = match arguments.by {
        By::All => hunt(arguments, &canaries),
        By::Scripts => by_scripts(arguments, &canaries),
        By::Seeds => by_seeds(arguments, &canaries),
    };
    match result {
        Ok(missed) => ExitCode::from(u8::from(missed > 0)),
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

/// What is to find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Everything, the check that should find it first.
    All,
    /// Each script that adapters/sim/scripts/README.md says notices it.
    Scripts,
    /// Random runs of the protocol, until a checker objects.
    Seeds,
}

/// Plants each bug that scripts are said to notice, and plays those scripts; says how many of them
/// keep all that they expect. What has a build of its own is left out if it is not named.
fn by_scripts(arguments: &Arguments, canaries: &[&Canary]) -> Result<usize, String> {
    if arguments.markdown {
        return Err("--markdown is for --by all and --by seeds".to_owned());
    }
    let hunt = arguments.hunt()?;
    let list = hunt.scripts().join("README.md");
    let list = std::fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let claims = claims(&list);
    if let Some(name) = claims.keys().find(|name| CANARIES.iter().all(|it| it.name != **name)) {
        return Err(format!("scripts/README.md names a canary {name}, and there is none"));
    }
    let (mut all, mut blind, mut rows) = (0, 0, Vec::new());
    for canary in canaries.iter().filter(|it| !it.alone || !arguments.names.is_empty()) {
        let Some(scripts) = claims.get(canary.name) else { continue };
        let kept = hunt.kept(canary, scripts)?;
        all += scripts.len();
        blind += kept.len();
        let seen = scripts.iter().filter(|script| !kept.contains(script));
        let seen: Vec<&str> = seen.map(String::as_str).collect();
        if arguments.json {
            let Canary { name, bug, .. } = canary;
            rows.push(
                serde_json::json!({ "name": name, "bug": bug, "broken": seen, "kept": kept }),
            );
            continue;
        }
        let missed = if kept.is_empty() { "" } else { "; KEPT: " };
        let told = format!("{}{missed}{}", seen.join(", "), kept.join(", "));
        super::print_quietly(&line(canary, &told));
    }
    if arguments.json {
        super::print_quietly(&format!("{}\n", serde_json::json!(rows)));
    }
    if all == 0 {
        return Err("no script is said to notice any of these".to_owned());
    }
    eprintln!("{} of {all} scripts notice the bug they are named for", all - blind);
    Ok(blind)
}

/// Plants each bug and runs seeds until a checker objects.
fn by_seeds(arguments: &Arguments, canaries: &[&Canary]) -> Result<usize, String> {
    let hunt = arguments.hunt()?;
    let (mut caught, mut rows) = (0, Vec::new());
    if arguments.markdown {
        super::print_quietly("| canary | seeds | what objects |\n|---|---|---|\n");
    }
    for (at, canary) in canaries.iter().enumerate() {
        eprintln!("{}/{}: {}", at + 1, canaries.len(), canary.name);
        let found = hunt.seeds(canary, arguments.seeds)?;
        caught += usize::from(found.is_some());
        let tried = || {
            let each = Draws::of(canary).map(|Draws { protocol, faults, times }| {
                format!("{} of {protocol} with {faults}", arguments.seeds * times)
            });
            each.collect::<Vec<_>>().join(", ")
        };
        let (seeds, what) = match &found {
            None => ("not by seeds".to_owned(), tried()),
            Some(Found { draws: Draws { protocol, faults, .. }, seeds, what }) => {
                (format!("{seeds} of {protocol} with {faults}"), what.replace('|', "/"))
            }
        };
        if arguments.json {
            let Canary { name, bug, .. } = canary;
            let told = found.as_ref().map(|found| {
                let Draws { protocol, faults, .. } = found.draws;
                serde_json::json!({ "protocol": protocol, "faults": faults,
                    "seeds": found.seeds, "what": found.what })
            });
            rows.push(serde_json::json!({ "name": name, "bug": bug, "found": told }));
        } else if arguments.markdown {
            super::print_quietly(&format!("| `{}` | {seeds} | {what} |\n", canary.name));
        } else {
            super::print_quietly(&line(canary, &format!("{seeds}: {what}")));
        }
    }
    if arguments.json {
        super::print_quietly(&format!("{}\n", serde_json::json!(rows)));
    }
    eprintln!("seeds found {caught} of {}", canaries.len());
    Ok(0)
}

impl Arguments {
    fn hunt(&self) -> Result<Hunt, String> {
        let here = std::env::current_dir().map_err(|error| error.to_string())?;
        Hunt::around(&here, Duration::from_secs(self.limit))
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
    let hunt = arguments.hunt()?;
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
    if missed > 0 {
        eprintln!("{missed} of {} were found by nothing", canaries.len());
    }
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
