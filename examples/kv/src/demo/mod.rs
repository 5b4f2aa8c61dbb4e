//! The demonstration: a cluster on this machine that loses its primary, gets it back, stands a
//! liar, and loses nothing that it acknowledged.

mod connection;
mod input;
mod interrupt;
mod ledger;
mod load;
mod readback;
mod report;
mod story;

use crate::cluster::LocalCluster;
use crate::problem::Problem;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use input::Text;
use interrupt::Interrupt;
use load::Load;
use report::Report;
use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use story::Story;
use tempfile::TempDir;

/// Replicas of the demonstration: four, of which one may be faulty at a time.
const REPLICAS: usize = 4;

/// How long the gateway tries to have a request executed.
const GIVE_UP: Duration = Duration::from_secs(30);

/// How often the demonstration looks at what happens.
const LOOK: Duration = Duration::from_millis(20);

/// Arguments of `demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// The text to load, each line under a key; if not given, the Markdown and Rust files of the
    /// repository around the current directory.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Whether one replica lies in every reply and every vote, once the killed one is back.
    #[arg(long, value_enum, default_value_t = LiarChoice::Auto)]
    liar: LiarChoice,
    /// Print one JSON object to standard output and nothing else.
    #[arg(long)]
    json: bool,
    /// Leave the cluster up until Ctrl-C, and print how to connect to it.
    #[arg(long)]
    stay: bool,
    /// Keep keys, logs and checkpoints, and print where they are.
    #[arg(long)]
    keep: bool,
}

/// Who lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LiarChoice {
    /// Nobody.
    None,
    /// A backup that was not killed.
    Auto,
}

/// Runs the demonstration and prints what it found.
///
/// # Errors
/// Something could not be done, an acknowledged write was lost, or correct replicas differ.
pub fn run(arguments: &DemoArgs) -> Result<(), Problem> {
    let text = match &arguments.input {
        Some(file) => Text::of_file(file)?,
        None => {
            let here = env::current_dir().map_err(Problem::failed)?;
            Text::of_repository(&here)?
        }
    };
    let program = env::current_exe().map_err(Problem::failed)?;
    let interrupt = Interrupt::listen()?;
    let dir = tempfile::Builder::new().prefix("quorate-kv-").tempdir().map_err(Problem::failed)?;
    let bar = ProgressBar::new_spinner();
    bar.set_message(format!("{} lines of {}", text.lines.len(), text.source));
    bar.tick();
    let mut cluster = LocalCluster::start(&program, dir.path(), REPLICAS)?;
    let gateway = cluster.gateway(GIVE_UP)?;
    interrupt.check()?;
    let load = Load::start(text, gateway.address())?;
    dress(&bar, load.total());
    let mut story = Story { cluster: &mut cluster, interrupt: &interrupt, bar: &bar };
    let lies = arguments.liar == LiarChoice::Auto;
    let cast = match story.tell(&load, gateway.address(), lies) {
        Ok(cast) => cast,
        Err(problem) => return Err(load.verdict(problem)),
    };
    let mut loaded = load.finish()?;
    bar.set_position(loaded.requests);
    bar.set_message("reading everything back");
    let read = readback::lost(gateway.address(), &loaded.text, &loaded.ledger)?;
    bar.set_message("comparing the replicas");
    let (digests_equal, replicas) = story.compare(&cast)?;
    bar.finish_and_clear();
    let report = Report {
        requests: loaded.requests,
        acknowledged: loaded.ledger.acknowledged,
        lost: read + loaded.ledger.wrong_reads,
        digests_equal,
        load_time: loaded.time,
        p50_ms: loaded.ledger.percentile(0.50),
        p99_ms: loaded.ledger.percentile(0.99),
        outage: loaded.outage,
        replicas,
    };
    if arguments.json {
        println!("{}", report.to_json());
    } else {
        println!("{report}");
    }
    if arguments.stay {
        stay(arguments.json, gateway.address().port(), &interrupt);
    }
    drop(gateway);
    drop(cluster);
    leave(dir, arguments.keep);
    if report.is_good() {
        return Ok(());
    }
    Err(Problem::failed("the cluster broke its promise: see the report"))
}

/// Gives the progress bar its length.
fn dress(bar: &ProgressBar, total: u64) {
    let template = "{elapsed_precise} {bar:32} {human_pos}/{human_len} ({per_sec}) {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_length(total);
    bar.reset();
}

/// Waits for Ctrl-C.
fn stay(json: bool, port: u16, interrupt: &Interrupt) {
    let line = format!("redis-cli -p {port}");
    if json {
        eprintln!("{line}");
    } else {
        println!("\nthe cluster stays up until Ctrl-C:\n{line}");
    }
    while interrupt.check().is_ok() {
        thread::sleep(LOOK);
    }
}

fn leave(dir: TempDir, keep: bool) {
    if keep {
        eprintln!("keys, logs and checkpoints are in {}", dir.keep().display());
    }
}
