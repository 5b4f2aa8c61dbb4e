//! `quorate-sim explain SEED`, `explain FILE` and `explain NUMBER --twins 1`.

use super::draw::Draw;
use super::{print_quietly, script};
use clap::Args;
use quorate::{Instant, NodeId};
use quorate_sim::explain::{Excerpt, SHIVIZ_REGEX, chrome, html, mermaid, shiviz, text};
use quorate_sim::pbft::Cluster;
use quorate_sim::script::Played;
use quorate_sim::transcript::Transcript;
use quorate_sim::twins::{self, Scenario};
use quorate_sim::{Sweep, Violation, generals};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

/// What to explain, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// A seed, or the file of a script, or with --twins the number of a scenario.
    what: String,
    #[command(flatten)]
    draw: Draw,
    /// The number is that of a scenario of `quorate-sim twins` with so many twins, 1 or 2.
    #[arg(
        long,
        value_parser = clap::value_parser!(u8).range(1..=2),
        conflicts_with_all = ["protocol", "nodes", "faults", "traitors", "traitor", "beyond"],
    )]
    twins: Option<u8>,
    /// Tell what happens from this second on.
    #[arg(long, default_value = "0", value_parser = second)]
    from: Instant,
    /// Tell what happens up to this second.
    #[arg(long, value_parser = second)]
    until: Option<Instant>,
    /// Tell also what replicas write to their disks, STATUS messages, and what is lost.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    form: Form,
}

/// In which form.
#[derive(Clone, Copy, Debug, Args)]
#[group(multiple = false)]
struct Form {
    /// Print the source of a Mermaid sequence diagram.
    #[arg(long)]
    mermaid: bool,
    /// Print a page with a sequence chart that refers to nothing outside of itself.
    #[arg(long)]
    html: bool,
    /// Print a trace for Perfetto or chrome://tracing.
    #[arg(long)]
    chrome: bool,
    /// Print a log for ShiViz; the regular expression that it needs goes to standard error.
    #[arg(long)]
    shiviz: bool,
}

/// Reads a point in time.
fn second(text: &str) -> Result<Instant, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    let sound = seconds.is_finite() && seconds >= 0.0;
    let micros = || Instant::from_micros((seconds * 1e6) as u64);
    sound.then(micros).ok_or_else(|| "a time is 0 or more seconds".to_owned())
}

/// Explains a run. The exit code is 0 if it was told, 2 if it could not be.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match tell(arguments) {
        Ok((told, violation)) => {
            print_quietly(&told);
            if let Some(violation) = violation {
                eprintln!("VIOLATION of {violation}");
            }
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn tell(arguments: &Arguments) -> Result<(String, Option<Violation>), String> {
    let Told { title, plan, faulty, transcript, end, violation } = play(arguments)?;
    let chronicle = transcript.chronicle().ok_or("the run was not written down")?;
    let until = arguments.until.unwrap_or(Instant::from_micros(u64::MAX));
    let excerpt = Excerpt {
        plan: &plan,
        faulty: &faulty,
        from: arguments.from,
        until,
        all: arguments.all,
        ..Excerpt::of(&title, chronicle)
    };
    if excerpt.entries().next().is_none() {
        let seconds = |at: Instant| at.as_micros() as f64 / 1e6;
        let (from, end) = (seconds(arguments.from), seconds(end));
        let until = arguments.until.map_or(String::new(), |at| format!(" to {} s", seconds(at)));
        return Err(format!("nothing to tell from {from} s{until}: the run ends at {end} s"));
    }
    Ok((drawn(&excerpt, arguments.form)?, violation))
}

/// More characters than this Mermaid refuses, unless the page that renders them sets its
/// `maxTextSize` higher: the diagram itself cannot.
const MERMAID: usize = 50_000;

fn drawn(excerpt: &Excerpt<'_>, form: Form) -> Result<String, String> {
    let told = if form.mermaid {
        let diagram = mermaid(excerpt);
        let length = diagram.chars().count();
        if length > MERMAID {
            eprintln!(
                "Mermaid refuses this diagram of {length} characters, for it takes {MERMAID}: tell \
                 less of the run with --from and --until, or render it with a larger maxTextSize"
            );
        }
        diagram
    } else if form.html {
        html(excerpt).map_err(|problem| format!("{problem} (--from and --until)"))?
    } else if form.chrome {
        chrome(excerpt)
    } else if form.shiviz {
        eprintln!("ShiViz reads this log with the regular expression {SHIVIZ_REGEX}");
        shiviz(excerpt)
    } else {
        text(excerpt)
    };
    Ok(told)
}

/// What was played.
struct Told {
    title: String,
    /// What was decided before it began, and who is faulty, and how.
    plan: String,
    faulty: Vec<(NodeId, String)>,
    transcript: Transcript,
    end: Instant,
    violation: Option<Violation>,
}

impl Told {
    fn of(title: String, cluster: &Cluster) -> Self {
        Self {
            title,
            plan: cluster.plan().to_string(),
            faulty: cluster.plan().marks(),
            transcript: cluster.transcript().clone(),
            end: cluster.now(),
            violation: cluster.violation().cloned(),
        }
    }
}

/// Plays the seed, the script or the scenario.
fn play(arguments: &Arguments) -> Result<Told, String> {
    let Arguments { what, draw, twins, .. } = arguments;
    let number = what.parse::<u64>();
    if let Some(twins) = twins {
        let number = number.map_err(|_| format!("{what} is no number of a scenario"))?;
        return play_scenario(usize::from(*twins), number);
    }
    let Ok(seed) = number else { return play_script(what, draw) };
    if let Some(protocol) = draw.in_rounds() {
        return Ok(play_generals(&draw.generals(protocol)?, seed));
    }
    let mut cluster = Cluster::new(draw.pbft()?.plan(seed), true);
    // A machine that panics is told of up to there: the panic is on standard error already.
    let _ = catch_unwind(AssertUnwindSafe(|| cluster.run()));
    Ok(Told::of(format!("seed {seed}"), &cluster))
}

fn play_script(what: &str, draw: &Draw) -> Result<Told, String> {
    let path = Path::new(what);
    if !path.exists() {
        return Err(format!("{what} is neither a seed nor a script: there is no such file"));
    }
    if !draw.is_empty() {
        return Err(format!(
            "{what} is a script, and says itself who takes part and who lies: --protocol, \
             --nodes, --faults, --traitors, --traitor and --beyond are for seeds"
        ));
    }
    let (file, played) = script::play(path).map_err(|problem| problem.to_string())?;
    let Played { plan, faulty, transcript, end, violation, .. } = played;
    Ok(Told { title: file.story().to_owned(), plan, faulty, transcript, end, violation })
}

fn play_scenario(twins: usize, number: u64) -> Result<Told, String> {
    let scenario = Scenario::of(twins, number).ok_or_else(|| {
        format!("there is no scenario {number}: they are below {}", Scenario::count(twins))
    })?;
    let played = twins::play(&scenario, true);
    let plan = scenario.plan();
    Ok(Told {
        title: format!(
            "scenario {number} with {}",
            if twins == 1 { "a twin" } else { "two twins" }
        ),
        plan: format!("{}\n{plan}", scenario.to_string().replace("; ", "\n")),
        faulty: plan.marks(),
        transcript: played.transcript,
        end: Instant::from_micros(played.micros),
        violation: played.violation,
    })
}

fn play_generals(campaign: &generals::Campaign, seed: u64) -> Told {
    let plan = campaign.plan(seed);
    let report = campaign.run_seed(seed, true);
    Told {
        title: format!("seed {seed} of {}", campaign.protocol.name()),
        plan: plan.to_string(),
        faulty: plan.marks(),
        transcript: report.transcript,
        end: Instant::from_micros(report.micros),
        violation: report.violation,
    }
}
