//! The line of a script that makes its cluster.

use super::super::words::{Cast, Words, Wrong};
use super::action::Breeze;
use crate::network::Weather;
use crate::plan::Plan;
use core::time::Duration;
use quorate::auth::Scope;
use quorate::{Digest, Instant, NodeId, Quorum};

/// The weather of a script gets fair after the longest script is over: it says itself what
/// happens to the network.
const NEVER: Instant = Instant::from_micros(1 << 60);

const PHRASES: &str = "one of: seed 7, window 8, 2 clients, 3 requests a batch, timeout 500ms, \
    timeout 500ms to 4s, retry 300ms, status 50ms, disk 2ms, network 1ms to 5ms, loss 10%, \
    duplicates 10%, fast reads, compaction, clients believe in 2";

/// Reads what follows `cluster`: `of 4, window 8, 2 clients`.
pub(super) fn read_cluster(words: &mut Words) -> Result<Plan, Wrong> {
    words.need("of")?;
    let nodes = words.number("")? as usize;
    if !(4..=64).contains(&nodes) {
        return Err(format!("{nodes} replicas cannot agree by PBFT: take 4 to 64"));
    }
    let quiet = Plan { clients: 2, requests: 0, batch_requests: 1, ..Plan::quiet(7, nodes) };
    let mut plan = Plan { calm: NEVER, ..quiet };
    while words.take(",") {
        read_phrase(words, &mut plan)?;
    }
    words.end()?;
    let scope = Scope { cluster: Digest::ZERO, epoch: 0, profile: "" };
    let config = plan.config(NodeId(0), scope);
    config.check(&plan.dimensions()).map_err(|problem| problem.to_string())?;
    if Quorum::of(plan.believed).is_none() {
        return Err("clients must believe in one replica at least".to_owned());
    }
    plan.storm = plan.fair;
    words.cast = Cast { nodes, clients: plan.clients, fixed: false };
    Ok(plan)
}

fn read_phrase(words: &mut Words, plan: &mut Plan) -> Result<(), Wrong> {
    if words.is_number() {
        let count = words.number("")? as usize;
        if words.take("clients") || words.take("client") {
            plan.clients = count;
        } else if words.take("requests a batch") || words.take("request a batch") {
            plan.batch_requests = count;
        } else {
            return Err(words.instead("`clients` or `requests a batch`"));
        }
        return Ok(());
    }
    if words.take("fast reads") {
        plan.fast_reads = true;
        return Ok(());
    }
    if words.take("clients believe in") {
        plan.believed = words.number("")? as usize;
        return Ok(());
    }
    let word = words.word(PHRASES)?;
    match word.as_str() {
        "seed" => plan.seed = words.number("")?,
        "window" => plan.window = words.number("")? as usize,
        "timeout" => {
            plan.timeout = positive(words)?;
            if words.take("to") {
                plan.timeout_cap = positive(words)?;
            }
            plan.timeout_cap = plan.timeout_cap.max(plan.timeout);
        }
        "retry" => plan.retry = positive(words)?,
        "status" => plan.status_interval = positive(words)?,
        "disk" => plan.disk_latency = words.time()?,
        "compaction" => plan.compaction = 1000,
        "network" => plan.fair = Breeze::read(words)?.over(Weather::FAIR),
        _ => return Err(format!("`{word}` is nothing that a cluster has: write {PHRASES}")),
    }
    Ok(())
}

fn positive(words: &mut Words) -> Result<Duration, Wrong> {
    match words.time()? {
        Duration::ZERO => Err("no time at all is too short: write 1ms or more".to_owned()),
        time => Ok(time),
    }
}
