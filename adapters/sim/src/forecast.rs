//! The command that predicts what a cluster across a wide area would do.

use super::print_quietly;
use clap::Args;
use quorate::node::MAX_NODES;
use quorate_sim::costs::Costs;
use quorate_sim::matrix::Matrix;
use quorate_sim::wan::{MOST, Prediction, Wan};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// Round trips between places, as text: `matrices/cities.txt` if not given.
    #[arg(long)]
    matrix: Option<std::path::PathBuf>,
    /// Replicas, 4 to 1000; the i-th is at place i modulo the number of places. More than 64 are a
    /// question only: the core has no cluster of so many.
    #[arg(long, default_value_t = 13, value_parser = many_replicas)]
    nodes: u16,
    /// Costs as `--json` prints them, for an answer that can be had again: nothing is measured.
    #[arg(long)]
    costs: Option<std::path::PathBuf>,
    /// Requests of a full batch, which is what latency is predicted of, in a cluster that does
    /// nothing else: 1 for a request that comes alone.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    batch: u16,
    /// Bytes of an operation, and of its reply; a full batch has less than 4 GiB.
    #[arg(long, default_value_t = 100)]
    operation: usize,
    /// Batches that can run at once: even, 2 to 4096.
    #[arg(long, default_value_t = 256)]
    window: usize,
    /// Megabits a second that a replica can send, 0.001 to 1000000; 0: without end.
    #[arg(long, default_value_t = 1000.0, allow_negative_numbers = true)]
    uplink: f64,
    /// Print the result as one JSON object on standard output and nothing else there.
    #[arg(long)]
    json: bool,
}

/// Reads a number of replicas that is only asked about.
fn many_replicas(text: &str) -> Result<u16, String> {
    let count = text.parse().ok().filter(|count| (4..=MOST).contains(&usize::from(*count)));
    count.ok_or_else(|| format!("4 to {MOST} replicas can be asked about"))
}

/// Measures costs, then predicts what a cluster across a wide area would do.
pub(crate) fn wan(arguments: &Arguments) -> ExitCode {
    let Arguments { nodes, batch, operation, window, uplink, .. } = *arguments;
    let (nodes, batch, uplink) = (usize::from(nodes), usize::from(batch), uplink * 1e6);
    let refuse = |problem: String| {
        eprintln!("{problem}");
        ExitCode::from(2)
    };
    let matrix = arguments.matrix.as_deref().map_or_else(|| Ok(Matrix::cities()), read_matrix);
    let matrix = match matrix {
        Ok(matrix) => matrix,
        Err(problem) => return refuse(problem),
    };
    let costs = Costs::default();
    let mut wan = Wan { matrix: &matrix, nodes, batch, operation, window, uplink, costs };
    // Before anything is measured, which takes a while.
    if let Err(problem) = wan.check() {
        return refuse(problem.to_string());
    }
    let measure = || Ok(Costs::measure(nodes.min(MAX_NODES)));
    let read = |file| read(file, Costs::from_json);
    wan.costs = match arguments.costs.as_deref().map_or_else(measure, read) {
        Ok(costs) => costs,
        Err(problem) => return refuse(problem),
    };
    let predictions = wan.predict();
    if arguments.json {
        print_quietly(&format!("{}\n", wan_json(&wan, &predictions)));
    } else {
        let source = arguments.costs.as_ref().map(|file| format!("of {}", file.display()));
        let source = source.unwrap_or_else(|| "measured here".to_owned());
        print_quietly(&wan_table(&wan, &source, &predictions));
    }
    ExitCode::SUCCESS
}

/// Reads a file with round trips.
pub(crate) fn read_matrix(file: &Path) -> Result<Matrix, String> {
    read(file, |text| Matrix::parse(text).map_err(|error| error.to_string()))
}

/// Reads a file; a problem begins with its name.
fn read<T>(file: &Path, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let read = text.and_then(|text| parse(&text));
    read.map_err(|problem| format!("{}: {problem}", file.display()))
}

/// What is to be known of more replicas than the core allows.
fn beyond(nodes: usize) -> String {
    if nodes <= MAX_NODES {
        return String::new();
    }
    format!(
        "what if: the core ends at {MAX_NODES} replicas, a set of which is one word; beyond that \
         a vote is taken to cost what it costs among {MAX_NODES}\n"
    )
}

fn wan_table(wan: &Wan<'_>, source: &str, predictions: &[Prediction]) -> String {
    let Wan { matrix, nodes, batch, operation, window, uplink, costs } = wan;
    let micros = |cost: Duration| cost.as_nanos() as f64 / 1e3;
    let millis = |time: Duration| time.as_micros() as f64 / 1e3;
    let bandwidth = match *uplink {
        0.0 => "without end".to_owned(),
        uplink => format!("{:.0} Mbit/s", uplink / 1e6),
    };
    let mut text = format!(
        "costs {source}, us: sign {:.1}, verify {:.1}, frame {:.2} and {:.2} a kilobyte, vote \
         {:.2}, request of a batch {:.2}\n\
         predicted (critical path, and the least of thread, window {window} and uplink \
         {bandwidth}): {nodes} replicas at {} places, batches of {batch} requests of {operation} \
         bytes\n\
         latency is that of one full batch with nothing before it, until its replies have left\n\
         no loss, no queues, full batches, equal replicas; a real cluster does less\n{}\n\
         {:>16} {:>11} {:>12} {:>12} {:>13} {:>14}\n",
        micros(costs.sign),
        micros(costs.verify),
        micros(costs.frame_empty),
        micros(costs.frame_kilobyte),
        micros(costs.step),
        micros(costs.request),
        matrix.places().len().min(*nodes),
        beyond(*nodes),
        "primary at",
        "commit ms",
        "mean reply",
        "worst reply",
        "requests/s",
        "more threads"
    );
    for it in predictions {
        let worst = it.latency.iter().max().copied().unwrap_or_default();
        text += &format!(
            "{:>16} {:>11.1} {:>12.1} {:>12.1} {:>13.0} {:>14.0}\n",
            matrix.places()[it.primary],
            millis(it.commit),
            millis(it.mean()),
            millis(worst),
            it.throughput(false),
            it.throughput(true)
        );
    }
    text
}

fn wan_json(wan: &Wan<'_>, predictions: &[Prediction]) -> serde_json::Value {
    let each = predictions.iter().map(|it| {
        let micros = |time: &Duration| time.as_micros() as u64;
        serde_json::json!({
            "primary": wan.matrix.places()[it.primary],
            "commit_micros": micros(&it.commit),
            "reply_micros": it.latency.iter().map(micros).collect::<Vec<_>>(),
            "requests_per_second": it.throughput(false),
            "requests_per_second_more_threads": it.throughput(true),
        })
    });
    serde_json::json!({
        "nodes": wan.nodes,
        "places": wan.matrix.places(),
        "beyond_the_core": wan.nodes > MAX_NODES,
        "nanoseconds": wan.costs.to_json(),
        "predictions": each.collect::<Vec<_>>(),
    })
}
