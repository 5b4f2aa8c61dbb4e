//! What a PBFT cluster would do across a wide area: a prediction from round trips and costs.
//!
//! It is computed, not simulated. The latency is the critical path of one batch through the real
//! quorums: who hears enough PREPAREs when, then enough COMMITs, then the client enough replies.
//! The throughput is the least of what four things allow: the thread that does everything, or
//! the one that steps while others verify; the window, of which one commit's time sees W batches
//! at most; and the primary's uplink, which carries each batch n - 1 times. It assumes that
//! nothing is lost, that nothing waits in queues, that batches are full and that replicas are
//! equally fast. Real clusters do less. [`Costs`] are measured where the program runs.
//!
//! A prediction may be about more replicas than the core allows, [`MOST`] at most: what if there
//! were a cluster of so many? Its quorums are those of the same formulas. What it takes to count
//! votes of more than 64 replicas is not known, and that of 64 is assumed.

use crate::costs::Costs;
use crate::matrix::Matrix;
use core::time::Duration;
use quorate::pbft::Request;

/// The most replicas that a prediction is made for.
pub const MOST: usize = 1000;

/// Votes that are enough, by the formulas of [`quorate::Quorum`], for any number of replicas.
#[derive(Clone, Copy, Debug)]
struct Enough {
    weak: usize,
    strong: usize,
}

impl Enough {
    const fn of(nodes: usize) -> Self {
        let faults = nodes.saturating_sub(1) / 3;
        Self { weak: faults + 1, strong: usize::midpoint(nodes, faults) + 1 }
    }
}

/// What is predicted.
#[derive(Clone, Debug)]
pub struct Wan<'m> {
    /// How far it is.
    pub matrix: &'m Matrix,
    /// Replicas: the i-th is at place i modulo the number of places.
    pub nodes: usize,
    /// Requests of a full batch.
    pub batch: usize,
    /// Bytes of an operation.
    pub operation: usize,
    /// Batches that can run at once, W.
    pub window: usize,
    /// Bits a second that a replica can send; 0: without end.
    pub uplink: f64,
    /// What work costs.
    pub costs: Costs,
}

/// What one primary's cluster would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The place of the primary.
    pub primary: usize,
    /// From the proposal of a batch until a weak quorum has committed it.
    pub commit: Duration,
    /// From a client's request to its reply: one client at each place.
    pub latency: Vec<Duration>,
    /// Requests a second if one thread does everything.
    pub one_thread: f64,
    /// The same if other threads verify and open and seal frames.
    pub step_thread: f64,
    /// What the window allows.
    pub by_window: f64,
    /// What the primary's uplink allows.
    pub by_uplink: f64,
}

impl Prediction {
    /// Requests a second, with one thread or with more.
    #[must_use]
    pub const fn throughput(&self, threads: bool) -> f64 {
        let thread = if threads { self.step_thread } else { self.one_thread };
        thread.min(self.by_window).min(self.by_uplink)
    }

    /// The mean latency of clients at all places.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let places = self.latency.len().max(1) as u32;
        self.latency.iter().sum::<Duration>() / places
    }
}

impl Wan<'_> {
    /// The prediction with a primary at each place that has a replica; nothing if there are no
    /// replicas, or more than [`MOST`].
    #[must_use]
    pub fn predict(&self) -> Vec<Prediction> {
        if self.nodes == 0 || self.nodes > MOST {
            return Vec::new();
        }
        let places = self.matrix.places().len().min(self.nodes);
        (0..places).map(|primary| self.with_primary(primary)).collect()
    }

    /// One way between two replicas.
    fn way(&self, from: usize, to: usize) -> Duration {
        let places = self.matrix.places().len();
        if from == to {
            return Duration::ZERO;
        }
        self.matrix.round_trip(from % places, to % places) / 2
    }

    /// Bytes of a batch on its way.
    const fn batch_bytes(&self) -> usize {
        self.batch * (self.operation + Request::OVERHEAD)
    }

    fn with_primary(&self, primary: usize) -> Prediction {
        let (nodes, costs, enough) = (self.nodes, &self.costs, Enough::of(self.nodes));
        let votes = costs.vote() * nodes as u32;
        let checked = costs.verify * self.batch as u32 + costs.proposal(self.batch);
        let proposed: Vec<Duration> = (0..nodes)
            .map(|me| if me == primary { Duration::ZERO } else { self.way(primary, me) + checked })
            .collect();
        let prepared: Vec<Duration> = (0..nodes)
            .map(|me| {
                let backups = (0..nodes).filter(|other| *other != primary);
                let arrivals = backups.map(|other| proposed[other] + self.way(other, me));
                votes + proposed[me].max(nth(arrivals, enough.strong - 1))
            })
            .collect();
        let committed: Vec<Duration> = (0..nodes)
            .map(|me| {
                let arrivals = (0..nodes).map(|other| prepared[other] + self.way(other, me));
                votes + prepared[me].max(nth(arrivals, enough.strong))
            })
            .collect();
        let places = self.matrix.places().len();
        let latency = (0..places).map(|client| {
            let to = self.matrix.round_trip(client, primary % places) / 2;
            let replies = (0..nodes)
                .map(|from| committed[from] + self.matrix.round_trip(from % places, client) / 2);
            to + costs.verify + nth(replies, enough.weak)
        });
        let commit = nth(committed.iter().copied(), enough.weak);
        let latency = latency.collect();
        self.rates(Prediction {
            primary,
            commit,
            latency,
            one_thread: 0.0,
            step_thread: 0.0,
            by_window: 0.0,
            by_uplink: 0.0,
        })
    }

    /// The same with the four bounds of its throughput.
    fn rates(&self, prediction: Prediction) -> Prediction {
        let (others, batch, costs) = (self.nodes as u32 - 1, self.batch as u32, &self.costs);
        // The primary sends a batch and a COMMIT to all, and takes two votes of each. A backup
        // verifies the requests a second time, as part of the batch, and sends a PREPARE more.
        let stepped = costs.step * (2 * others) + costs.proposal(self.batch);
        let framed = costs.frame(self.batch_bytes()) * others + costs.frame(VOTE) * (4 * others);
        let served = (costs.verify + costs.frame(self.operation) * 2) * batch;
        let rate = |spent: Duration| f64::from(batch) / spent.as_secs_f64().max(1e-9);
        let bits = (self.batch_bytes() * 8) as f64 * f64::from(others);
        let uplink = if self.uplink == 0.0 { f64::INFINITY } else { self.uplink };
        Prediction {
            one_thread: rate(stepped + framed + served),
            step_thread: rate(stepped),
            by_window: self.window as f64 * rate(prediction.commit),
            by_uplink: f64::from(batch) * uplink / bits,
            ..prediction
        }
    }
}

/// Bytes of a vote.
const VOTE: usize = 60;

/// The n-th of some times, counted from 1.
fn nth(times: impl Iterator<Item = Duration>, n: usize) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(n.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Delay, Weather};
    use crate::pbft::Cluster;
    use crate::plan::Plan;
    use quorate::{ClientId, Instant, NodeId, Principal};

    fn free(matrix: &Matrix, nodes: usize) -> Wan<'_> {
        let costs = Costs::default();
        Wan { matrix, nodes, batch: 1, operation: 10, window: 8, uplink: 0.0, costs }
    }

    #[test]
    fn five_messages_stand_between_a_request_and_its_reply() {
        let matrix = Matrix::parse("a b\n10 10\n10 10\n").unwrap();
        for prediction in free(&matrix, 4).predict() {
            assert_eq!(prediction.commit, Duration::from_millis(15));
            assert_eq!(prediction.latency, [Duration::from_millis(25); 2]);
            assert!((prediction.by_window - 8.0 / 0.015).abs() < 1e-6);
        }
    }

    #[test]
    fn work_costs_time_and_throughput() {
        let matrix = Matrix::parse("a\n10\n").unwrap();
        let mut wan = free(&matrix, 4);
        let before = wan.predict().remove(0);
        wan.costs.verify = Duration::from_millis(1);
        wan.uplink = 1e6;
        let after = wan.predict().remove(0);
        assert_eq!(after.mean(), before.mean() + Duration::from_millis(2));
        assert!((after.throughput(false) - 1_000.0).abs() > 1.0, "the window is less");
        assert!(after.one_thread <= 1_000.0 && after.step_thread > after.one_thread);
        assert!((after.by_uplink - 1e6 / (88.0 * 8.0 * 3.0)).abs() < 1.0, "{}", after.by_uplink);
    }

    #[test]
    fn enough_is_what_the_core_counts_to_and_goes_on_beyond_it() {
        for nodes in 1..=quorate::node::MAX_NODES {
            let (enough, quorum) = (Enough::of(nodes), quorate::Quorum::of(nodes).unwrap());
            assert_eq!((enough.weak, enough.strong), (quorum.weak(), quorum.strong()), "{nodes}");
        }
        // Two strong quorums of a hundred share 34, one more than may be liars.
        assert_eq!((Enough::of(100).weak, Enough::of(100).strong), (34, 67));
        let cities = Matrix::cities();
        let predicted = free(&cities, 100).predict();
        assert_eq!((predicted.len(), predicted[0].latency.len()), (13, 13));
        assert!(predicted.iter().all(|it| !it.commit.is_zero()));
        assert!(free(&cities, MOST + 1).predict().is_empty());
    }

    #[test]
    fn what_is_predicted_is_what_the_simulator_shows() {
        // There and back differ, and two places have several replicas each.
        let lopsided = Matrix::parse("a b c\n1 40 90\n70 2 60\n30 110 4\n").unwrap();
        for cities in [Matrix::cities(), lopsided] {
            agree(&cities);
        }
    }

    fn agree(cities: &Matrix) {
        for nodes in [4, 7, 13] {
            let at_once = Delay {
                min: Duration::ZERO,
                max: Duration::ZERO,
                spikes: 0,
                spike: Duration::ZERO,
            };
            let fair = Weather { delay: at_once, ..Weather::FAIR };
            let timeout = Duration::from_secs(10);
            let patient =
                Plan { timeout, timeout_cap: timeout, retry: timeout, ..Plan::quiet(1, nodes) };
            let quiet = Plan { clients: 1, requests: 0, storm: fair, fair, ..patient };
            let places = cities.places().len();
            for home in 0..places {
                let replicas =
                    (0..nodes).map(|id| (Principal::Node(NodeId(id as u8)), id % places));
                let client = (Principal::Client(ClientId(0)), home);
                let mut plan = quiet.clone();
                plan.settled.settle(cities, &replicas.chain([client]).collect::<Vec<_>>());
                let mut cluster = Cluster::new(plan, false);
                // The weather is fair from the first event on.
                cluster.run_until(Instant::from_micros(1_000)).unwrap();
                cluster.submit(ClientId(0), b"far away");
                while cluster.replies(ClientId(0)).is_empty() && cluster.step() {}
                let took = cluster.now().since(Instant::from_micros(1_000));
                let predicted = free(cities, nodes).predict()[0].latency[home];
                let apart = took.abs_diff(predicted);
                assert!(
                    apart < Duration::from_millis(2),
                    "{nodes}, {home}: {took:?} {predicted:?}"
                );
            }
        }
    }
}
