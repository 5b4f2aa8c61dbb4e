//! `quorate-sim run --protocol pbft`: what is told of many runs.

use super::run::Row;
use quorate_sim::Summary;
use quorate_sim::network::Traffic;
use quorate_sim::pbft::Statistics;

/// What happened, in words.
pub(crate) fn rows(summary: &Summary) -> Vec<Row> {
    let Summary { statistics: s, traffic, .. } = summary;
    vec![
        ("messages", messages(traffic)),
        ("requests completed", s.requests.to_string()),
        ("fast reads", format!("{}, and {} ordered", s.fast_reads, s.ordered_reads)),
        ("executions", s.executions.to_string()),
        ("checkpoints", s.checkpoints.to_string()),
        ("state transfers", s.transfers.to_string()),
        ("pieces of states", s.pieces.to_string()),
        ("views entered", s.view_changes.to_string()),
        ("crashes", format!("{}, {} lost a write, {} the disk", s.crashes, s.torn, s.wiped)),
        ("restarts", s.restarts.to_string()),
        (
            "bad disks",
            format!("{}, {} starts refused, {} found old", s.harmed, s.damaged, s.outdated),
        ),
        ("lies", format!("{}, {} accusations", s.lies, s.accusations)),
        ("longest recovery", recovery(s)),
        ("cores that finished", s.cores.to_string()),
        ("rejections examined", s.looks.to_string()),
        ("clocks set anew", s.jumps.to_string()),
        ("relapses", s.relapses.to_string()),
    ]
}

/// How many messages there were, and what became of some of them.
fn messages(traffic: &Traffic) -> String {
    let Traffic { sent, lost, cut, duplicated, replayed, overtaking, queued, overflowed } = traffic;
    format!(
        "{sent}; {lost} lost, {cut} cut off, {duplicated} twice, {replayed} replayed, \
         {overtaking} overtaking, {queued} queued, {overflowed} overflowed"
    )
}

/// The longest that a request took once all faults were over, and the worst part of the promise.
fn recovery(s: &Statistics) -> String {
    let (longest, percent) = (s.recovery_micros as f64 / 1e6, s.recovery_permille as f64 / 10.0);
    format!("{longest:.1} s; {percent:.1} % of what is promised at most")
}
