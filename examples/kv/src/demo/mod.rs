//! The demonstration: a cluster on this machine that loses its primary, gets it back, stands a
//! liar, and loses nothing that it acknowledged.

mod cast;
mod chaos;
mod connection;
mod input;
mod interrupt;
mod ledger;
mod load;
mod readback;
mod report;
mod schedule;
mod story;

use crate::cluster::LocalCluster;
use crate::config::random_key;
use crate::gateway::Gateway;
use crate::problem::Problem;
use cast::Cast;
use chaos::Chaos;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use input::Text;
use interrupt::Interrupt;
use load::{Amount, Load, Loaded};
use report::Report;
use schedule::Faults;
use std::env;
use std::path::{Path, PathBuf};
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
    /// Instead of the story, let chance kill, pause, wipe, cut off and make lie one replica
    /// after another for so many minutes (0.5 is half a minute), under load.
    #[arg(long, value_name = "MINUTES", value_parser = minutes, conflicts_with = "liar")]
    chaos: Option<Duration>,
    /// Take the faults of the chaos from this number: the same ones in the same order. Otherwise
    /// they are new each time.
    #[arg(long, value_name = "NUMBER", requires = "chaos")]
    seed: Option<u64>,
    /// Print one JSON object to standard output and nothing else.
    #[arg(long)]
    json: bool,
    /// Leave the cluster up until Ctrl-C, and print how to connect to it.
    #[arg(long)]
    stay: bool,
    /// Keep keys, logs and checkpoints, and print where they are. A chaos that fails keeps them
    /// in any case.
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

/// A time in minutes: a decimal number above 0, a week at most.
fn minutes(text: &str) -> Result<Duration, String> {
    let minutes = text.parse().ok().filter(|minutes: &f64| *minutes > 0.0 && *minutes <= 10_080.0);
    let minutes = minutes.ok_or("a number of minutes above 0 and not above 10080 is needed")?;
    Ok(Duration::from_secs_f64(minutes * 60.0))
}

/// What is on show: the cluster, and how to reach it. It ends in this order.
struct Stage<'a> {
    bar: ProgressBar,
    gateway: Gateway,
    cluster: LocalCluster,
    interrupt: &'a Interrupt,
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
    let interrupt = Interrupt::listen()?;
    let dir = tempfile::Builder::new().prefix("quorate-kv-").tempdir().map_err(Problem::failed)?;
    let result = show(arguments, text, dir.path(), &interrupt);
    let failed = matches!(result, Err(Problem::Failed(_)));
    leave(dir, arguments.keep || (failed && arguments.chaos.is_some()));
    result
}

fn show(
    arguments: &DemoArgs,
    text: Text,
    dir: &Path,
    interrupt: &Interrupt,
) -> Result<(), Problem> {
    let program = env::current_exe().map_err(Problem::failed)?;
    let chaos = arguments.chaos.map(|span| choose(span, arguments.seed)).transpose()?;
    let bar = if chaos.is_some() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    bar.set_message(format!("{} lines of {}", text.lines.len(), text.source));
    bar.tick();
    let cluster = match chaos {
        None => LocalCluster::start(&program, dir, REPLICAS)?,
        Some(_) => LocalCluster::start_cabled(&program, dir, REPLICAS)?,
    };
    let gateway = cluster.gateway(GIVE_UP)?;
    interrupt.check()?;
    let mut stage = Stage { bar, gateway, cluster, interrupt };
    let report = match chaos {
        None => stage.tell(text, arguments.liar == LiarChoice::Auto)?,
        Some(chaos) => stage.wreak(text, chaos)?,
    };
    if arguments.json {
        println!("{}", report.to_json());
    } else {
        println!("{report}");
    }
    if arguments.stay {
        stay(arguments.json, stage.gateway.address().port(), interrupt);
    }
    if report.is_good() {
        return Ok(());
    }
    Err(Problem::failed("the cluster broke its promise: see the report"))
}

/// The chaos of this seed, or of any; it is told, so that it can be had again.
fn choose(span: Duration, seed: Option<u64>) -> Result<Chaos, Problem> {
    let [a, b, c, d, ..] = random_key()?;
    let chaos = Chaos { span, seed: seed.unwrap_or(u32::from_le_bytes([a, b, c, d]).into()) };
    eprintln!("{chaos}");
    Ok(chaos)
}

impl Stage<'_> {
    /// The story of a primary that dies and a liar.
    fn tell(&mut self, text: Text, lies: bool) -> Result<Report, Problem> {
        let load = Load::start(text, self.gateway.address(), Amount::Once)?;
        dress(&self.bar, load.total());
        let Self { cluster, interrupt, bar, .. } = self;
        let mut story = Story { cluster, interrupt, bar };
        match story.tell(&load, self.gateway.address(), lies) {
            Ok(cast) => self.prove(load.finish()?, &cast, None),
            Err(problem) => Err(load.verdict(problem)),
        }
    }

    /// Faults at random.
    fn wreak(&mut self, text: Text, chaos: Chaos) -> Result<Report, Problem> {
        let load = Load::start(text, self.gateway.address(), Amount::Endless)?;
        load.watch_gaps();
        match chaos.wreak(&mut self.cluster, self.interrupt, &load) {
            Ok((faults, cast)) => self.prove(load.finish()?, &cast, Some(faults)),
            Err(problem) => Err(load.verdict(problem)),
        }
    }

    /// Reads everything back and compares the replicas.
    fn prove(
        &self,
        mut loaded: Loaded,
        cast: &Cast,
        faults: Option<Faults>,
    ) -> Result<Report, Problem> {
        self.bar.set_position(loaded.requests);
        self.bar.set_message("reading everything back");
        let read = readback::lost(self.gateway.address(), &loaded.text, &loaded.ledger)?;
        self.bar.set_message("comparing the replicas");
        let (digests_equal, replicas) = cast.compare(&self.cluster, self.interrupt)?;
        self.bar.finish_and_clear();
        Ok(Report {
            requests: loaded.requests,
            acknowledged: loaded.ledger.acknowledged,
            lost: read + loaded.ledger.wrong_reads,
            digests_equal,
            load_time: loaded.time,
            p50_ms: loaded.ledger.percentile(0.50),
            p99_ms: loaded.ledger.percentile(0.99),
            outage: loaded.outage,
            replicas,
            faults,
        })
    }
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
