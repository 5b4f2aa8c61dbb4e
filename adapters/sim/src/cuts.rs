//! Crash at every boundary: one run, cut after each output of each replica.
//!
//! The run is a trace of many requests with one view change: in the middle of it nobody hears the
//! primary. It is cut after every record, message and decision of every replica in turn. The
//! records before the cut are durable, nothing after it happened, and the cut is played twice:
//! once the messages of the last event have left, once they have not. The replica starts again
//! from its disk, the world goes on, and the checkers, which remember everything that was said
//! before the cut, watch the rest.
//!
//! The world is copied before each event that makes a replica put something out, so that no cut
//! has to play the run from its beginning.

use crate::network::{Cut, Delay, Weather};
use crate::pbft::Cluster;
use crate::plan::{Partition, Plan};
use crate::violation::Violation;
use core::time::Duration;
use quorate::{ClientId, Instant, NodeId, Principal};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A trace, and which of its cuts are played.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// The seed of delays and operations.
    pub seed: u64,
    /// Clients.
    pub clients: usize,
    /// Requests of each client.
    pub requests: usize,
    /// One of so many cuts is played; 1: every one.
    pub stride: u64,
    /// How many threads play them.
    pub threads: usize,
}

/// What the cuts of a trace showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CutReport {
    /// Requests of the whole trace that clients have a reply for.
    pub requests: u64,
    /// Entries of a replica into a new view, in the whole trace.
    pub view_changes: u64,
    /// Outputs of each replica in the whole trace: as many as it has boundaries.
    pub boundaries: Vec<u64>,
    /// Boundaries at which the power was cut, twice each.
    pub cuts: u64,
    /// The first cut that broke a promise: replica, outputs before it, what was broken.
    pub broken: Option<(u8, u64, Violation)>,
}

/// Replicas of the trace.
const NODES: usize = 4;
/// Requests that each client may still make after a cut.
const AFTER: usize = 2;

impl Cuts {
    /// A trace of 1,000 requests with every one of its cuts, on one thread.
    #[must_use]
    pub const fn all() -> Self {
        Self { seed: 1, clients: 4, requests: 250, stride: 1, threads: 1 }
    }

    /// The run that is cut: with a view change halfway, since the primary is heard by nobody.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let delay = Delay {
            min: Duration::from_micros(200),
            max: Duration::from_micros(1_800),
            spikes: 0,
            spike: Duration::ZERO,
        };
        let fair = Weather { delay, ..Weather::FAIR };
        // A request takes some 6 ms.
        let middle = self.requests as u64 * 3_000;
        let primary = BTreeSet::from([Principal::Node(NodeId(0))]);
        let nodes = (1..NODES as u8).map(|id| Principal::Node(NodeId(id)));
        let clients = (0..self.clients as u16).map(|id| Principal::Client(ClientId(id)));
        let others: BTreeSet<Principal> = nodes.chain(clients).collect();
        let cuts = vec![
            Cut { from: primary.clone(), to: others.clone() },
            Cut { from: others, to: primary },
        ];
        let (from, until) = (Instant::from_micros(middle), Instant::from_micros(middle + 300_000));
        Plan {
            clients: self.clients,
            requests: self.requests,
            batch_requests: 2,
            compaction: 300,
            timeout: Duration::from_millis(100),
            retry: Duration::from_millis(60),
            storm: fair,
            fair,
            calm: until,
            partitions: vec![Partition { from, until, cuts }],
            ..Plan::quiet(self.seed, NODES)
        }
    }

    /// Plays the trace and its cuts. Calls `each` after every cut.
    ///
    /// # Errors
    /// The trace itself breaks a promise.
    ///
    /// # Panics
    /// `each` panics.
    pub fn run(&self, each: impl Fn() + Sync) -> Result<CutReport, Violation> {
        let mut whole = Cluster::new(self.plan(), false);
        whole.run()?;
        whole.account()?;
        let mut report = CutReport {
            requests: whole.statistics().requests,
            view_changes: whole.statistics().view_changes,
            boundaries: (0..NODES as u8).map(|id| whole.outputs(NodeId(id))).collect(),
            ..CutReport::default()
        };
        let threads = self.threads.max(1) as u64;
        let parts = std::thread::scope(|scope| {
            let play = |part| {
                let each = &each;
                scope.spawn(move || self.play(part, threads, each))
            };
            let players: Vec<_> = (0..threads).map(play).collect();
            let parts = players.into_iter().map(|player| player.join().expect("no cut panics"));
            parts.collect::<Vec<_>>()
        });
        for (cuts, broken) in parts {
            report.cuts += cuts;
            report.broken = match (report.broken.take(), broken) {
                (Some(one), Some(other)) => Some(if one.1 <= other.1 { one } else { other }),
                (one, other) => one.or(other),
            };
        }
        Ok(report)
    }

    /// Plays one thread's share of the cuts, up to the first that breaks a promise.
    fn play(
        &self,
        part: u64,
        parts: u64,
        each: &(impl Fn() + Sync),
    ) -> (u64, Option<(u8, u64, Violation)>) {
        let mut world = Cluster::new(self.plan(), false);
        let (mut boundary, mut played) = (0, 0);
        for (node, outputs) in self.schedule() {
            let mine =
                |at: &u64| at.is_multiple_of(self.stride) && (at / self.stride) % parts == part;
            let cuts = (1..=outputs).filter(|cut| mine(&(boundary + cut)));
            for cut in cuts {
                let at = world.outputs(node) + cut;
                for leave in [true, false] {
                    if let Err(violation) = after(&world, node, cut, leave) {
                        return (played, Some((node.0, at, violation)));
                    }
                }
                played += 1;
                each();
            }
            boundary += outputs;
            world.step();
        }
        (played, None)
    }

    /// Which replica puts out how much in each event of the trace.
    fn schedule(&self) -> Vec<(NodeId, u64)> {
        let mut world = Cluster::new(self.plan(), false);
        let nodes = || (0..NODES as u8).map(NodeId);
        let mut schedule = Vec::new();
        let mut before: Vec<u64> = nodes().map(|node| world.outputs(node)).collect();
        let requests = (self.clients * self.requests) as u64;
        while world.statistics().requests < requests && world.step() {
            let mut event = (NodeId(0), 0);
            for node in nodes() {
                let (now, then) = (world.outputs(node), &mut before[node.index()]);
                if now > *then {
                    event = (node, now - *then);
                }
                *then = now;
            }
            schedule.push(event);
        }
        schedule
    }
}

/// Cuts a replica's power in the next event of a world, after so many outputs, and lets a copy
/// of the world go on.
fn after(world: &Cluster, node: NodeId, outputs: u64, leave: bool) -> Result<(), Violation> {
    let mut world = world.clone();
    world.cut_after(node, outputs, leave);
    // It is back at once, or after the others have noticed.
    let down = Duration::from_millis(if outputs.is_multiple_of(2) { 0 } else { 150 });
    let played = catch_unwind(AssertUnwindSafe(|| {
        world.step();
        assert!(world.status(node).is_none(), "the power has failed");
        world.finish(down, AFTER)
    }));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(Violation::new("panic", world.now(), text.unwrap_or_default()))
    })
}
