//! `quorate-sim explain SEED` and `quorate-sim explain FILE`.

use super::{print_quietly, script};
use crate::Protocol;
use clap::Args;
use quorate::Instant;
use quorate_sim::explain::{Excerpt, SHIVIZ_REGEX, chrome, html, mermaid, shiviz, text};
use quorate_sim::pbft::Cluster;
use quorate_sim::plan::Role;
use quorate_sim::transcript::Transcript;
use quorate_sim::{Faults, Kinds, Plan, Violation, generals};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

/// What to explain, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// A seed, or the file of a script.
    what: String,
    /// The protocol of the seed's run.
    #[arg(long, value_enum, default_value = "pbft")]
    protocol: Protocol,
    /// The number of replicas of the seed's run, 4 or 7, or of generals; by the seed if it is not
    /// given.
    #[arg(long)]
    nodes: Option<usize>,
    /// Let one to f of the replicas or generals of the seed's run lie.
    #[arg(long)]
    traitors: bool,
    /// Let all who lie in the seed's run do so in this manner; given more than once: in any of
    /// these. See `quorate-sim run --help`.
    #[arg(long, value_name = "NAME")]
    traitor: Vec<String>,
    /// Tell what happens from this second on.
    #[arg(long, default_value_t = 0.0)]
    from: f64,
    /// Tell what happens up to this second.
    #[arg(long)]
    until: Option<f64>,
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

/// Explains a run. The exit code is 0 if it was told, 2 if it could not be.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (title, transcript, violation) = match play(arguments) {
        Ok(played) => played,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let Some(chronicle) = transcript.chronicle() else { return ExitCode::from(2) };
    let micros = |seconds: f64| Instant::from_micros((seconds.max(0.0) * 1e6) as u64);
    let excerpt = Excerpt {
        from: micros(arguments.from),
        until: arguments.until.map_or(Instant::from_micros(u64::MAX), micros),
        all: arguments.all,
        ..Excerpt::of(&title, chronicle)
    };
    let Form { mermaid: as_mermaid, html: as_html, chrome: as_chrome, shiviz: as_shiviz } =
        arguments.form;
    let told = if as_mermaid {
        mermaid(&excerpt)
    } else if as_html {
        match html(&excerpt) {
            Ok(page) => page,
            Err(problem) => {
                eprintln!("{problem} (--from and --until)");
                return ExitCode::from(2);
            }
        }
    } else if as_chrome {
        chrome(&excerpt)
    } else if as_shiviz {
        eprintln!("ShiViz reads this log with the regular expression {SHIVIZ_REGEX}");
        shiviz(&excerpt)
    } else {
        text(&excerpt)
    };
    print_quietly(&told);
    if let Some(violation) = violation {
        eprintln!("VIOLATION of {violation}");
    }
    ExitCode::SUCCESS
}

impl Arguments {
    /// What may go wrong in the seed's run.
    const fn faults(&self) -> Faults {
        let lies = self.traitors || !self.traitor.is_empty();
        if lies { Faults::Traitors } else { Faults::Swarm }
    }

    /// Which of all kinds of traitors there may be.
    fn kinds(&self, all: Kinds) -> Result<Kinds, String> {
        all.only(self.traitor.iter().map(String::as_str))
    }
}

/// What was played: its name, what happened, and what was broken.
type Told = (String, Transcript, Option<Violation>);

/// Plays the seed or the script.
fn play(arguments: &Arguments) -> Result<Told, String> {
    let told = |title, cluster: &Cluster| {
        (title, cluster.transcript().clone(), cluster.violation().cloned())
    };
    let Ok(seed) = arguments.what.parse::<u64>() else {
        let (file, played) =
            script::play(Path::new(&arguments.what)).map_err(|problem| problem.to_string())?;
        return Ok(told(file.story().to_owned(), &played.cluster));
    };
    if let Some(protocol) = arguments.protocol.in_rounds() {
        return play_generals(arguments, protocol, seed);
    }
    if arguments.nodes.is_some_and(|nodes| nodes != 4 && nodes != 7) {
        return Err("--nodes is 4 or 7".to_owned());
    }
    let kinds = arguments.kinds(Role::ALL)?;
    let mut cluster =
        Cluster::new(Plan::with(seed, arguments.nodes, arguments.faults(), kinds), true);
    // A machine that panics is told of up to there: the panic is on standard error already.
    let _ = catch_unwind(AssertUnwindSafe(|| cluster.run()));
    Ok(told(format!("seed {seed}"), &cluster))
}

fn play_generals(
    arguments: &Arguments,
    protocol: generals::Protocol,
    seed: u64,
) -> Result<Told, String> {
    let (nodes, least) = (arguments.nodes, protocol.least());
    if nodes.is_some_and(|nodes| !(least..=64).contains(&nodes)) {
        return Err(format!("--nodes is {least} to 64"));
    }
    let faults = arguments.faults();
    let kinds = arguments.kinds(generals::Role::ALL)?;
    let campaign =
        generals::Campaign { nodes, faults, kinds, ..generals::Campaign::new(protocol, seed, 1) };
    let generals::Report { violation, transcript, .. } = campaign.run_seed(seed, true);
    Ok((format!("seed {seed} of {}", protocol.name()), transcript, violation))
}
