//! The simulator as a program.

mod command;
mod forecast;

use clap::{Args, Parser, Subcommand};
use command::print_quietly;
use indicatif::ProgressBar;
use quorate_sim::Cuts;
use quorate_sim::pbft;
use quorate_sim::recording::Recording;
use std::process::ExitCode;
use std::time::Instant;

/// Plays clusters of real protocol machines in a virtual world, seed after seed.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run seeds of a protocol, each with its own mix of faults, and check every step.
    ///
    /// The exit code is 0 if no promise was broken, 1 if one was (the seed and the command to
    /// replay it are printed when it is found), 2 if the arguments are wrong, 130 after Ctrl-C: the
    /// seeds under way are finished, and what was run is summed up.
    Run(command::run::Arguments),
    /// Cut the power of each replica after each of its outputs in one run of 1,000 requests with
    /// a view change, restart it from what was durable, and check everything that follows.
    ///
    /// The exit code is 0 if no promise was broken, 1 if one was.
    Cuts(CutsArguments),
    /// Step the core through the recording of a real replica and show every input and output.
    ///
    /// The exit code is 0 if every step puts out what was recorded, 1 if one does not (the first
    /// is told, and nothing after it is played), 2 if the file is no recording.
    Replay(ReplayArguments),
    /// Plant known bugs in the core, one at a time, and show which check finds each.
    ///
    /// Builds from the sources around the current directory. The exit code is 0 if every bug was
    /// found, 1 if one was not, 2 if something could not be built. With `--by scripts` it is 1 if a
    /// script keeps what it expects under a bug that `adapters/sim/scripts/README.md` says it
    /// notices; with `--by seeds`, which measures, it is 0 whatever was found.
    Canaries(command::canaries::Arguments),
    /// Predict latency and throughput of a PBFT cluster across a wide area.
    ///
    /// The costs of signatures, frames and steps are measured on this machine first and printed.
    /// The rest is computed: see the columns, and what is assumed, in the output. Latency is that
    /// of one full batch in a cluster that does nothing else, with the time that its bytes take
    /// through the uplinks of replicas; throughput, that of a cluster with as many requests as it
    /// can take. The exit code is 0, or 2 if the arguments or the matrix are wrong.
    Wan(forecast::Arguments),
    /// Play scenarios that are told as text, and check what they expect.
    ///
    /// The exit code is 0 if everything is as expected, 1 if something is not, or if a transcript
    /// is another than the one that is kept in the folder `golden` beside the script (`--bless`
    /// writes that anew), 2 if a script cannot be read or a transcript cannot be
    /// written.
    Script(command::script::Arguments),
    /// Tell what happens in the run of a seed, of a script or of a Twins scenario: as text, or
    /// drawn.
    ///
    /// The exit code is 0 if the run was told, whether it broke a promise or not (which is said on
    /// standard error), 2 if it could not be: there is nothing to tell, or the arguments are wrong.
    Explain(command::explain::Arguments),
    /// Play every partition, every order of leaders and one replica that runs twice: scenarios of
    /// four replicas over four views, after "Twins: BFT Systems Made Robust" (2020).
    ///
    /// Those that differ in names only are one; a seed chooses the order. The exit code is 0 if no
    /// promise was broken, 1 if one was (the scenario and the command to replay it are printed), 2
    /// if the arguments are wrong.
    Twins(command::twins::Arguments),
    /// Visit every state of a small world: four replicas, one of them a traitor, one request, two
    /// views; messages come in any order, twice or never, and patience ends at any time.
    ///
    /// The exit code is 0 if no promise was broken, 1 if one was (what led there is printed), 2 if
    /// the arguments are wrong.
    Explore(command::explore::Arguments),
    /// Print the fingerprints of some runs of every protocol: the same in every build, on every
    /// machine.
    Fingerprints,
    /// Write the inputs with which fuzzers begin, made of real runs, to `DIR/<target>/<name>`.
    Corpus {
        /// A folder; it and those in it are made if there are none.
        dir: std::path::PathBuf,
    },
}

#[derive(Clone, Debug, Args)]
struct ReplayArguments {
    /// What `record` of a replica's settings named.
    file: std::path::PathBuf,
    /// Print one JSON object instead: steps, outputs, torn_bytes, divergence, lines.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Args)]
struct CutsArguments {
    /// The seed of the run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests of each of the four clients.
    #[arg(long, default_value_t = 250, value_parser = at_least_one)]
    requests: usize,
    /// Play one of so many cuts; 1: every one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    stride: u64,
    /// Print the result as one JSON object on standard output and nothing else there.
    #[arg(long)]
    json: bool,
    /// Threads; as many as there are processors if not given.
    #[arg(long, value_parser = at_least_one)]
    threads: Option<usize>,
}

/// Reads a number that is not zero.
fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|error| format!("{error}"))?;
    if number == 0 { Err("0 is not in 1..".into()) } else { Ok(number) }
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(arguments) => command::run::run(&arguments),
        Command::Cuts(arguments) => cuts(arguments),
        Command::Replay(arguments) => replay(&arguments),
        Command::Canaries(arguments) => command::canaries::run(&arguments),
        Command::Wan(arguments) => forecast::wan(&arguments),
        Command::Script(arguments) => command::script::run(&arguments),
        Command::Explain(arguments) => command::explain::run(&arguments),
        Command::Twins(arguments) => command::twins::run(&arguments),
        Command::Explore(arguments) => command::explore::run(&arguments),
        Command::Fingerprints => {
            print_quietly(&quorate_sim::fingerprints::table());
            ExitCode::SUCCESS
        }
        Command::Corpus { dir } => corpus(&dir),
    }
}

/// Plays a recording.
fn replay(arguments: &ReplayArguments) -> ExitCode {
    let file = arguments.file.display();
    let read = Recording::load(&arguments.file).map_err(|error| error.to_string());
    // Each line is printed as it is made: there may be more of them than memory.
    let mut separator = "{\"lines\":[";
    let mut print = |line: &str| {
        if arguments.json {
            print_quietly(&format!("{separator}{}", serde_json::json!(line)));
            separator = ",";
        } else {
            print_quietly(&format!("{line}\n"));
        }
    };
    let played = read.and_then(|read| Ok((pbft::replay_lines(&read, &mut print)?, read.torn)));
    let (played, torn) = match played {
        Ok(played) => played,
        Err(problem) => {
            eprintln!("{file}: {problem}");
            if let Ok(seed) = file.to_string().parse::<u64>() {
                // Not a recording, but what is drawn from a number.
                eprintln!("a seed is played again by `run --seed {seed} --seeds 1 --trace`");
            }
            return ExitCode::from(2);
        }
    };
    let pbft::Replayed { steps, outputs, divergence, .. } = &played;
    if arguments.json {
        let begin = if separator == "," { "" } else { separator };
        let divergence = serde_json::json!(divergence);
        print_quietly(&format!(
            "{begin}],\"steps\":{steps},\"outputs\":{outputs},\"torn_bytes\":{torn},\
             \"divergence\":{divergence}}}\n"
        ));
    }
    eprintln!("{file}: {steps} steps, {outputs} outputs, {torn} torn bytes at the end dropped");
    let Some(divergence) = divergence else { return ExitCode::SUCCESS };
    let (step, what) = (divergence.step, &divergence.what);
    let seconds = divergence.micros as f64 / 1e6;
    eprintln!("DIVERGENCE at step {step}, {seconds:.6} s: {what}");
    ExitCode::from(1)
}

/// Plays every cut of one run.
fn cuts(arguments: CutsArguments) -> ExitCode {
    let CutsArguments { seed, requests, stride, json, threads } = arguments;
    let threads = threads.unwrap_or_else(processors);
    let begin = Instant::now();
    let bar = ProgressBar::no_length();
    let result = Cuts { seed, requests, stride, threads, ..Cuts::all() }.run(|| bar.inc(1));
    bar.finish_and_clear();
    let report = match result {
        Ok(report) => report,
        Err(violation) => {
            eprintln!("VIOLATION before any cut: {violation}");
            return ExitCode::from(1);
        }
    };
    let seconds = begin.elapsed().as_secs_f64();
    if json {
        let mut object = serde_json::json!(report);
        object["seconds"] = serde_json::json!(seconds);
        print_quietly(&format!("{object}\n"));
    } else {
        let (requests, boundaries) = (report.requests, &report.boundaries);
        print_quietly(&format!(
            "{requests} requests, {} entries into a new view; outputs of each replica: \
             {boundaries:?}\npower cut at {} boundaries, twice at each, in {seconds:.1} s\n",
            report.view_changes, report.cuts
        ));
    }
    let Some((node, outputs, violation)) = report.broken else { return ExitCode::SUCCESS };
    eprintln!("VIOLATION with r{node} cut after {outputs} outputs: {violation}");
    ExitCode::from(1)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn corpus(dir: &std::path::Path) -> ExitCode {
    match quorate_sim::fuzz::write_seeds(dir) {
        Ok(files) => {
            print_quietly(&format!("{files} files under {}\n", dir.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot write under {}: {error}", dir.display());
            ExitCode::from(2)
        }
    }
}
