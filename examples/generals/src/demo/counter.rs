//! The last lesson: what it is all good for.

use super::cluster::{Cluster, LIAR, REPLICAS};
use crate::problem::Problem;
use crate::table::Grid;
use anstyle::{AnsiColor, Style};
use quorate::NodeId;

/// What the client asks for.
const OPERATIONS: [i64; 4] = [5, 2, -3, 10];

pub(super) fn tell() -> Result<String, Problem> {
    let mut cluster = Cluster::new()?;
    let mut grid = Grid::default();
    let (bold, bad) = (Style::new().bold(), AnsiColor::Red.on_default());
    let replicas = (0u8..).map(NodeId).take(REPLICAS);
    let head = replicas.clone().map(|id| format!("replica {}", id.0));
    let head = ["request".to_owned()].into_iter().chain(head).chain(["believed".to_owned()]);
    grid.row(head.map(|cell| (cell, bold)));
    let mut expected = 0;
    for amount in OPERATIONS {
        expected += amount;
        let answer = cluster.ask(amount)?;
        if answer.believed != expected.to_string() {
            return Err(Problem::failed(format!(
                "the client believes {} where the counter is {expected}",
                answer.believed
            )));
        }
        let said = replicas.clone().map(|id| {
            let text = answer.said.get(&id).cloned().unwrap_or_else(|| "-".to_owned());
            if id == LIAR { (format!("{text}!"), bad) } else { (text, Style::new()) }
        });
        let request = (format!("add {amount}"), Style::new());
        grid.row([request].into_iter().chain(said).chain([(answer.believed, bold)]));
    }
    let loyal = replicas.filter(|id| *id != LIAR);
    let counters: Vec<i64> = loyal.map(|id| cluster.counter(id)).collect();
    if counters.iter().any(|counter| *counter != expected) {
        return Err(Problem::failed(format!("the loyal counters are {counters:?}")));
    }
    Ok(format!(
        "Four replicas of a counter work in lockstep: in each slot they agree on the vector of
what each proposes, and execute the same requests in the same order. Replica 3 lies: it
claims that nobody ever asked for anything, and answers every client with nonsense.

{}
A client believes what m + 1 = 2 replicas answer alike. The three loyal counters all stand
at {expected}. Replica 3 lied in {} messages.",
        grid.print(),
        cluster.lies()
    ))
}
