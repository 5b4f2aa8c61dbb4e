//! Runs the trials, and compares each with the same one on this machine.

use crate::board::Board;
use crate::elf::Image;
use crate::ending::Folder;
use crate::{guarantees, image, table, tools};
use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// Far longer than any trial takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(1200);

/// What is run on the boards beside the first: one trial of each kind.
const ELSEWHERE: [&str; 8] = [
    "om-4-1-hmac",
    "sm-4-1-hmac",
    "king-4-1-hmac",
    "vector-4-1-hmac",
    "lockstep-4-1-hmac",
    "pbft-4-4-142-hmac",
    "pbft-4-4-2048-hmac",
    "boundaries",
];

/// The figures of one trial on one board, as its image prints them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) decisions: u64,
    pub(crate) protocol_ram: u64,
    pub(crate) ram: u64,
    pub(crate) stack: u64,
    pub(crate) instructions: u64,
    pub(crate) links: u64,
    pub(crate) signatures: u64,
    pub(crate) steps: u64,
    pub(crate) longest_step: u64,
    pub(crate) frames: u64,
    pub(crate) wire: u64,
    pub(crate) records: u64,
    pub(crate) transcript: String,
}

/// What an image takes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) image: &'static str,
    pub(crate) flash: u64,
    pub(crate) data: u64,
    pub(crate) bss: u64,
    pub(crate) stack: u64,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measures {
    /// The compiler.
    pub(crate) compiler: String,
    /// Whether trials that take long were left out.
    pub(crate) quick: bool,
    /// By board, in order.
    pub(crate) boards: Vec<(&'static str, Vec<Figures>)>,
    pub(crate) images: Vec<Size>,
}

/// What is to be run, and what is done with the figures: they are printed as tables.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Compare with the tables of README.md instead, and fail where they differ: sizes and bytes
    /// at all, instructions, stack and flash by more than a tenth.
    #[arg(long)]
    check: bool,
    /// Leave out the trials that take long, which are those with a signature on every frame.
    #[arg(long)]
    quick: bool,
    /// Print the figures as one JSON object instead.
    #[arg(long, conflicts_with = "check")]
    json: bool,
    /// Write the tables into README.md instead; that takes all trials.
    #[arg(long, conflicts_with_all = ["check", "json", "quick"])]
    write: bool,
}

/// Runs the trials, and takes the images apart.
///
/// # Errors
/// A trial fails, or says something else than on this machine; something is missing; README.md says
/// something else.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    tools::check(&["qemu-system-arm", "qemu-system-riscv32"])?;
    let measures = measure(plan.quick)?;
    if plan.json {
        println!("{}", serde_json::to_string(&measures)?);
        return Ok(());
    }
    let readme = image::workspace().join("README.md");
    let tables =
        [(table::MEASURED, table::tables(&measures)), (table::ASKED, table::asked(&measures)?)];
    if plan.check {
        let text = std::fs::read_to_string(&readme)?;
        let mut differences = Vec::new();
        for (marks, table) in &tables {
            differences.extend(table::compare(&text, *marks, table)?);
        }
        ensure!(
            differences.is_empty(),
            "the tables of README.md are not what is measured; `cargo run -p hub -- bench --write` \
             writes them:\n{}",
            differences.join("\n")
        );
        println!("the tables of README.md say what is measured");
    } else if plan.write {
        let mut text = std::fs::read_to_string(&readme)?;
        for (marks, table) in &tables {
            text = table::replace(&text, *marks, table)?;
        }
        std::fs::write(&readme, text)?;
        println!("README.md has the new tables");
    } else {
        if plan.quick {
            println!("A quick run, without the trials that take long.\n");
        }
        let [measured, asked] = tables.map(|(_, table)| table);
        print!("{measured}\nWhat was asked:\n\n{asked}");
    }
    Ok(())
}

fn measure(quick: bool) -> Result<Measures> {
    // Two boards have images of one name, for one target.
    let folder = Folder::new("quorate-bench-").context("a folder for images")?;
    let mut jobs = Vec::new();
    for board in Board::ALL {
        eprintln!("building the image of trials for {}, {}", board.name(), board.target());
        let built = image::build(board, "bench", "bench", board.features())?;
        let image = folder.path().join(board.name());
        std::fs::copy(built, &image).context("a copy of an image")?;
        let all = trials::NAMES.iter().copied();
        let wanted = all.filter(|name| match board {
            Board::M4 => !(quick && takes_long(name)),
            Board::Nrf51 => trials::SMALL.contains(name),
            _ => ELSEWHERE.contains(name),
        });
        jobs.extend(wanted.map(|name| (board, image.clone(), name)));
    }
    let done = run_all(jobs)?;
    let boards = Board::ALL.map(|board| {
        let of = trials::NAMES.iter().filter_map(|name| done.get(&(board.name(), *name)));
        (board.name(), of.cloned().collect())
    });
    let mut images = Vec::new();
    for footprint in guarantees::FOOTPRINTS {
        let image = Image::read(&footprint.build()?)?;
        images.push(footprint.size(&image)?);
    }
    Ok(Measures { compiler: tools::rustc(&["--version"])?, quick, boards: boards.into(), images })
}

fn takes_long(name: &str) -> bool {
    name.starts_with("pbft") && name.ends_with("ed25519") && name != "pbft-4-4-142-ed25519"
}

type Done = BTreeMap<(&'static str, &'static str), Figures>;

/// Runs all trials, as many at a time as there are processors.
fn run_all(jobs: Vec<(Board, PathBuf, &'static str)>) -> Result<Done> {
    let (jobs, done) = (Mutex::new(jobs.into_iter()), Mutex::new(Done::new()));
    let next = || jobs.lock().ok()?.next();
    let work = || -> Result<()> {
        while let Some((board, image, name)) = next() {
            let figures = run_one(board, &image, name)?;
            eprintln!("{} {name}: as on this machine", board.name());
            let mut done = done.lock().ok().context("another trial failed")?;
            done.insert((board.name(), name), figures);
        }
        Ok(())
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("a trial panicked on this machine"),
        })
    })?;
    done.into_inner().ok().context("a trial failed")
}

fn run_one(board: Board, image: &std::path::Path, name: &str) -> Result<Figures> {
    let said = board.run(image, name, PATIENCE)?;
    let there: Figures = serde_json::from_str(said.trim())
        .with_context(|| format!("{name} on {} says {said:?}", board.name()))?;
    let here = trials::run(name, &trials::Host).context("no such trial")?;
    ensure!(
        there.transcript == here.transcript.to_string(),
        "{name} on {} says something else than on this machine: its transcript is {}, not {}",
        board.name(),
        there.transcript,
        here.transcript
    );
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::parsed;

    fn plan(words: &str) -> Result<Plan, clap::Error> {
        parsed(words)
    }

    #[test]
    fn only_a_whole_run_is_written_and_only_one_thing_is_done_with_it() {
        for words in ["bench", "bench --quick", "bench --quick --check", "bench --quick --json"] {
            assert!(!plan(words).unwrap().write, "{words}");
        }
        assert!(plan("bench --write").unwrap().write);
        for words in ["--quick --write", "--check --write", "--json --write", "--check --json"] {
            assert!(plan(&format!("bench {words}")).is_err(), "{words}");
        }
    }
}
