//! A replica that missed five windows catches up, with load and without, and costs the others
//! less than a tenth of their throughput meanwhile.
//!
//! A run in which it misses five windows again and again, and catches up each time, is compared
//! with the run of the same seed in which it says nothing. Lines have a speed, so that every
//! byte that it is sent delays what its server says next; what computing costs is not here.
//!
//! Catching up ends if fetching a state takes less time than the others take for half a window:
//! by then they have dropped the batches that follow it. Otherwise one state is fetched after the
//! other. A window of 128 is ample here, where a state takes about twelve round trips.
//!
//! The late one is also told votes again, up to 512 in a status interval by each peer. On lines
//! that those fill, 256 KiB a second here, the others were left with 0.91 of their throughput; a
//! longer status interval is right for such lines.

use quorate::{ClientId, Instant, NodeId, Principal};
use quorate_sim::Plan;
use quorate_sim::network::{Cut, Delay, Weather};
use quorate_sim::pbft::Cluster;
use std::time::Duration;

const WINDOW: u64 = 128;
const CLIENTS: usize = 16;
/// Bytes a second of each line.
const LINE: u64 = 2 << 20;
const SPAN: Duration = Duration::from_secs(40);

fn plan(seed: u64, nodes: usize, requests: usize) -> Plan {
    let delay = Delay {
        min: Duration::from_millis(5),
        max: Duration::from_millis(15),
        spikes: 0,
        spike: Duration::ZERO,
    };
    let weather = Weather { loss: 0, duplicates: 0, delay };
    Plan {
        clients: CLIENTS,
        requests,
        pause: Duration::from_millis(100),
        window: WINDOW as usize,
        timeout: Duration::from_secs(1),
        timeout_cap: Duration::from_secs(64),
        storm: weather,
        fair: weather,
        ..Plan::quiet(seed, nodes)
    }
}

/// A cluster whose last replica hears nothing and is not heard.
struct Field {
    cluster: Cluster,
    nodes: usize,
    now: Instant,
    cuts: Vec<usize>,
}

impl Field {
    fn new(seed: u64, nodes: usize, requests: usize) -> Self {
        let mut cluster = Cluster::new(plan(seed, nodes, requests), false);
        cluster.set_uplink(LINE);
        let mut field = Self { cluster, nodes, now: Instant::ZERO, cuts: Vec::new() };
        field.cut();
        field
    }

    fn late(&self) -> NodeId {
        NodeId(self.nodes as u8 - 1)
    }

    fn cut(&mut self) {
        let late = Principal::Node(self.late());
        let others = (0..self.nodes as u8 - 1).map(|id| Principal::Node(NodeId(id)));
        let clients = (0..CLIENTS as u16).map(|id| Principal::Client(ClientId(id)));
        let others: std::collections::BTreeSet<_> = others.chain(clients).collect();
        let there = Cut { from: [late].into(), to: others.clone() };
        let back = Cut { from: others, to: [late].into() };
        self.cuts = [there, back].map(|cut| self.cluster.cut(cut)).into();
    }

    fn heal(&mut self) {
        std::mem::take(&mut self.cuts).into_iter().for_each(|cut| self.cluster.heal(cut));
    }

    fn executed(&self, node: NodeId) -> u64 {
        self.cluster.status(node).unwrap().executed.0
    }

    /// Sequences that the late replica is behind the first one.
    fn lag(&self) -> u64 {
        self.executed(NodeId(0)).saturating_sub(self.executed(self.late()))
    }

    fn run_for(&mut self, span: Duration) {
        self.run_until(self.now.after(span));
    }

    fn run_until(&mut self, until: Instant) {
        self.now = until;
        self.cluster.run_until(until).unwrap();
    }

    /// Requests that were completed so far.
    fn completed(&self) -> usize {
        (0..CLIENTS as u16).map(|id| self.cluster.replies(ClientId(id)).len()).sum()
    }

    fn changed_no_view(&self) {
        for id in 0..self.nodes as u8 - 1 {
            assert_eq!(self.cluster.status(NodeId(id)).unwrap().view.0, 0, "replica {id}");
        }
    }
}

/// A step of the tests' own clock.
const STEP: Duration = Duration::from_millis(5);

/// Plays a while in which the last replica misses five windows and catches up, again and again.
/// Returns the times in which it caught up, until it was a quarter of a window behind at most, and
/// what was completed in each.
fn again_and_again(seed: u64, nodes: usize) -> (Field, Vec<(Instant, Instant, usize)>) {
    let mut field = Field::new(seed, nodes, 100_000);
    let end = Instant::ZERO.after(SPAN);
    let mut spans = Vec::new();
    while field.now < end {
        while field.lag() < 5 * WINDOW && field.now < end {
            field.run_for(STEP);
        }
        let (begin, before) = (field.now, field.completed());
        field.heal();
        while field.lag() > WINDOW / 4 && field.now < end {
            field.run_for(STEP);
        }
        if field.now < end {
            spans.push((begin, field.now, field.completed() - before));
        }
        field.cut();
    }
    (field, spans)
}

#[test]
fn peers_lose_less_than_a_tenth_while_one_that_missed_five_windows_catches_up() {
    for (seed, nodes) in [(1, 4), (2, 7)] {
        let (with, spans) = again_and_again(seed, nodes);
        let mut without = Field::new(seed, nodes, 100_000);
        let (mut meanwhile, mut alone) = (0, 0);
        let mut micros = 0;
        for (begin, end, completed) in &spans {
            without.run_until(*begin);
            let before = without.completed();
            without.run_until(*end);
            alone += without.completed() - before;
            meanwhile += completed;
            micros += end.since(*begin).as_micros();
        }
        without.run_until(Instant::ZERO.after(SPAN));
        let (whole, rest) = (with.completed(), without.completed());
        let (during, all) = (meanwhile as f64 / alone as f64, whole as f64 / rest as f64);
        println!(
            "n = {nodes}: caught up {} times, {} ms each; {meanwhile} requests meanwhile, {alone} \
             while it is silent, {during:.3}; of all {whole} and {rest}, {all:.3}",
            spans.len(),
            micros / 1000 / spans.len() as u128,
        );
        assert!(spans.len() >= 2, "it caught up {} times, n = {nodes}", spans.len());
        assert!(during > 0.9, "{meanwhile} requests instead of {alone}, n = {nodes}");
        assert!(all > 0.9, "{whole} requests instead of {rest}, n = {nodes}");
        with.changed_no_view();
        without.changed_no_view();
    }
}

#[test]
fn one_that_caught_up_under_load_goes_on_by_its_log() {
    let mut field = Field::new(5, 4, 100_000);
    while field.lag() < 5 * WINDOW {
        field.run_for(STEP);
    }
    field.heal();
    while field.lag() > WINDOW / 4 {
        field.run_for(STEP);
    }
    let fetched = field.cluster.statistics().transfers;
    for _ in 0..600 {
        field.run_for(STEP);
        assert!(field.lag() <= WINDOW / 4, "it falls behind again");
    }
    assert!(fetched >= 1 && field.cluster.statistics().transfers == fetched, "{fetched}");
}

#[test]
fn one_that_missed_five_windows_catches_up_although_nobody_asks_for_anything() {
    for (seed, nodes) in [(3, 4), (4, 7)] {
        let mut field = Field::new(seed, nodes, 100);
        while field.completed() < CLIENTS * 100 {
            field.run_for(STEP);
        }
        assert!(field.lag() >= 5 * WINDOW, "{} sequences, n = {nodes}", field.lag());
        field.heal();
        field.run_for(Duration::from_secs(2));
        assert_eq!(field.lag(), 0, "n = {nodes}");
        assert_eq!(field.cluster.state(field.late()), field.cluster.state(NodeId(0)));
    }
}
