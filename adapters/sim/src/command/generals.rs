//! `quorate-sim run --protocol om`, and other protocols in rounds: what is told of many runs.

use super::run::Row;
use quorate_sim::generals::Summary;

/// What happened, in words.
pub(crate) fn rows(summary: &Summary) -> Vec<Row> {
    let Summary { statistics: s, traffic, .. } = summary;
    vec![
        (
            "frames",
            format!(
                "{}; {} lost, {} twice, {} overtaking",
                traffic.sent, s.losses, traffic.duplicated, traffic.overtaking
            ),
        ),
        ("agreed on", format!("{} values, and {} times on none", s.values, s.defaults)),
        (
            "lies",
            format!("{}; {} frames rejected, {} accusations", s.lies, s.rejected, s.accusations),
        ),
        ("missed deadlines", s.missed.to_string()),
        ("requests executed", format!("{}, {} replies believed", s.executions, s.replies)),
        ("crashes", format!("{}; {} states taken over", s.crashes, s.rejoins)),
    ]
}
