//! What a PBFT cluster would do across a wide area: a prediction from round trips and costs.
//!
//! It is computed, not simulated. The latency is that of one full batch, with nothing before it:
//! its critical path through the real quorums: who hears enough PREPAREs when, then enough COMMITs,
//! then the client enough replies. What a replica says to all shares its uplink and has left when
//! its last byte has, so that a narrow uplink shows: n - 1 times the batch, n - 1 votes twice, and
//! a reply as long as an operation to each client of the batch. A lone request is a batch of one.
//! The throughput is the least of what four things allow: the thread that does everything, or
//! the one that steps while others verify; the window, of which one commit's time sees W batches
//! at most; and the primary's uplink, which carries each batch n - 1 times. It assumes that
//! nothing is lost, that nothing waits in queues, that batches are full, that replicas are equally
//! fast, and that clients have all the uplink that they need. Real clusters do less. [`Costs`] are
//! measured where the program runs.
//!
//! A prediction may be about more replicas than the core allows, [`MOST`] at most: what if there
//! were a cluster of so many? Its quorums are those of the same formulas. What it takes to count
//! votes of more than 64 replicas is not known, and that of 64 is assumed.

use crate::costs::Costs;
use crate::matrix::Matrix;
use core::time::Duration;
use quorate::node::MAX_NODES;
use quorate::pbft::{Dimensions, Request};
use std::fmt;

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

/// Why nothing is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpredictable {
    /// Fewer than 4 replicas or more than [`MOST`].
    Nodes(usize),
    /// No cluster has such a window.
    Window(usize),
    /// A full batch of such operations is longer than the core's longest.
    Operation {
        /// Requests of a full batch.
        batch: usize,
        /// Bytes of an operation.
        bytes: usize,
    },
    /// No number of bits a second.
    Uplink,
}

impl fmt::Display for Unpredictable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nodes(nodes) => write!(f, "{nodes} replicas: take 4 to {MOST}"),
            Self::Window(window) => write!(
                f,
                "a window of {window}: take an even number from 2 to 4096, half of which is the \
                 checkpoint interval"
            ),
            Self::Operation { batch, bytes } => write!(
                f,
                "a batch of {batch} requests with operations of {bytes} bytes is longer than 4 \
                 GiB, the most that the core takes: take operations of {} bytes or less, or a \
                 smaller batch",
                LONGEST / batch.max(1) - Request::OVERHEAD
            ),
            Self::Uplink => write!(
                f,
                "an uplink has 0.001 to 1000000 megabits a second, or 0, which is without end"
            ),
        }
    }
}

impl std::error::Error for Unpredictable {}

/// Bytes of the core's longest batch.
const LONGEST: usize = u32::MAX as usize;

/// What one primary's cluster would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The place of the primary.
    pub primary: usize,
    /// From the proposal of a full batch until a weak quorum has committed it.
    pub commit: Duration,
    /// From a client's request, the last of a full batch, to its reply: one client at each place.
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
    /// Whether there can be such a cluster, but for more replicas than the core allows.
    ///
    /// # Errors
    /// What it is that cannot be.
    pub fn check(&self) -> Result<(), Unpredictable> {
        let Self { nodes, batch, operation, window, uplink, .. } = *self;
        if !(4..=MOST).contains(&nodes) {
            return Err(Unpredictable::Nodes(nodes));
        }
        if !(uplink == 0.0 || (1e3..=1e12).contains(&uplink)) {
            return Err(Unpredictable::Uplink);
        }
        let sizes = Dimensions {
            nodes: nodes.min(MAX_NODES),
            window,
            batch_bytes: Request::OVERHEAD + 1,
            clients: 1,
            reply_bytes: 0,
        };
        if sizes.problem().is_some() {
            return Err(Unpredictable::Window(window));
        }
        let sizes = Dimensions { batch_bytes: self.batch_bytes(), ..sizes };
        if operation > sizes.operation_bytes() || sizes.problem().is_some() {
            return Err(Unpredictable::Operation { batch, bytes: operation });
        }
        Ok(())
    }

    /// The prediction with a primary at each place that has a replica; nothing if there are no
    /// replicas, or more than [`MOST`]. What [`Wan::check`] refuses may have no sensible one.
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
        self.batch.saturating_mul(self.operation.saturating_add(Request::OVERHEAD))
    }

    /// How long it takes until so many frames of so many bytes have left a replica, all of them:
    /// who shares the uplink among them has none of them leave much earlier.
    fn leaving(&self, frames: usize, bytes: usize) -> Duration {
        if self.uplink == 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(frames as f64 * bytes as f64 * 8.0 / self.uplink)
    }

    fn with_primary(&self, primary: usize) -> Prediction {
        let (enough, places) = (Enough::of(self.nodes), self.matrix.places().len());
        let committed = self.committed(primary, enough.strong);
        let replied = self.leaving(self.batch, self.operation);
        let latency = (0..places).map(|client| {
            let to = self.matrix.round_trip(client, primary % places) / 2;
            let replies = committed.iter().enumerate().map(|(from, it)| {
                let left = it.at.max(it.said) + replied;
                left + self.matrix.round_trip(from % places, client) / 2
            });
            to + self.costs.verify + nth(replies, enough.weak)
        });
        self.rates(Prediction {
            primary,
            commit: nth(committed.iter().map(|it| it.at), enough.weak),
            latency: latency.collect(),
            one_thread: 0.0,
            step_thread: 0.0,
            by_window: 0.0,
            by_uplink: 0.0,
        })
    }

    /// When each replica has taken a batch to be proposed, prepared and committed in turn.
    fn committed(&self, primary: usize, strong: usize) -> Vec<Stage> {
        let (all, others, costs) = (0..self.nodes, self.nodes - 1, &self.costs);
        let votes = costs.vote() * self.nodes as u32;
        let checked = costs.verify * self.batch as u32 + costs.proposal(self.batch);
        let (carried, voted) =
            (self.leaving(others, self.batch_bytes()), self.leaving(others, VOTE));
        let proposed = |me: usize| {
            if me == primary {
                return Stage { at: Duration::ZERO, said: carried };
            }
            let at = carried + self.way(primary, me) + checked;
            Stage { at, said: at + voted }
        };
        let proposed: Vec<Stage> = all.clone().map(proposed).collect();
        // What a replica says itself it need not hear.
        let heard = |sent: &[Stage], from: usize, me: usize| {
            if from == me { sent[me].at } else { sent[from].said + self.way(from, me) }
        };
        let prepared = |me: usize| {
            let backups = all.clone().filter(|other| *other != primary);
            let arrivals = backups.map(|other| heard(&proposed, other, me));
            let at = votes + proposed[me].at.max(nth(arrivals, strong - 1));
            // A COMMIT leaves after what the replica said before.
            Stage { at, said: at.max(proposed[me].said) + voted }
        };
        let prepared: Vec<Stage> = all.clone().map(prepared).collect();
        let committed = |me: usize| {
            let arrivals = all.clone().map(|other| heard(&prepared, other, me));
            let at = votes + prepared[me].at.max(nth(arrivals, strong));
            Stage { at, said: prepared[me].said }
        };
        all.clone().map(committed).collect()
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

/// How far a replica is, and when all that it had to say until then has left it.
#[derive(Clone, Copy, Debug)]
struct Stage {
    at: Duration,
    said: Duration,
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

    const BEGIN: Instant = Instant::from_micros(1_000);

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
        let after = wan.predict().remove(0);
        assert_eq!(after.mean(), before.mean() + Duration::from_millis(2));
        wan.uplink = 1e6;
        let after = wan.predict().remove(0);
        assert!((after.throughput(false) - 1_000.0).abs() > 1.0, "the window is less");
        assert!(after.one_thread <= 1_000.0 && after.step_thread > after.one_thread);
        assert!((after.by_uplink - 1e6 / (88.0 * 8.0 * 3.0)).abs() < 1.0, "{}", after.by_uplink);
    }

    #[test]
    fn a_narrow_uplink_shows_in_the_latency() {
        let matrix = Matrix::parse("a\n10\n").unwrap();
        let mut wan = Wan { batch: 64, operation: 1_000, ..free(&matrix, 4) };
        let before = wan.predict().remove(0);
        wan.uplink = 1e6;
        let after = wan.predict().remove(0);
        // At 8 us a byte: the batch and three times two votes until all have committed, then 64
        // replies.
        let sent = Duration::from_micros(8 * (3 * 64 * 1_078 + 2 * 3 * 60));
        assert_eq!(after.commit, before.commit + sent);
        let replies = Duration::from_micros(8 * 64 * 1_000);
        assert_eq!(after.mean(), before.mean() + sent + replies);
    }

    /// Its replicas send one frame after the other, so that the last one leaves when all are
    /// predicted to have left, and a quorum can be without it.
    #[test]
    fn a_narrow_uplink_of_the_simulator_is_not_worse_than_predicted_and_not_much_better() {
        let place = Matrix::parse("a\n10\n").unwrap();
        for nodes in [4, 7, 13] {
            let uplink = 20_000;
            let mut cluster = far_apart(&place, nodes, 0);
            cluster.set_uplink(uplink);
            let took = answered(&mut cluster, &[7; 900]);
            let wan = Wan { operation: 900, uplink: uplink as f64 * 8.0, ..free(&place, nodes) };
            let predicted = wan.predict()[0].latency[0];
            assert!(took <= predicted, "{nodes}: {took:?} {predicted:?}");
            assert!(took * 2 > predicted, "{nodes}: {took:?} {predicted:?}");
        }
    }

    #[test]
    fn what_no_cluster_can_be_is_refused() {
        let matrix = Matrix::cities();
        let good = Wan { batch: 64, window: 256, ..free(&matrix, 1_000) };
        assert_eq!(good.check(), Ok(()));
        for window in [0, 1, 5, 4_098, 100_000, usize::MAX] {
            let problem = Wan { window, ..good.clone() }.check().unwrap_err();
            assert_eq!(problem, Unpredictable::Window(window));
            assert!(problem.to_string().contains("an even number from 2 to 4096"), "{problem}");
        }
        for window in [2, 4_096] {
            assert_eq!(Wan { window, ..good.clone() }.check(), Ok(()));
        }
        let most = LONGEST / 64 - Request::OVERHEAD;
        assert_eq!(Wan { operation: most, ..good.clone() }.check(), Ok(()));
        for bytes in [most + 1, 100_000_000, usize::MAX] {
            let problem = Wan { operation: bytes, ..good.clone() }.check().unwrap_err();
            assert_eq!(problem, Unpredictable::Operation { batch: 64, bytes });
            assert!(problem.to_string().contains(&format!(" {most} bytes or less")), "{problem}");
        }
        for uplink in [-1.0, 1.0, 1e13, f64::NAN, f64::INFINITY] {
            assert_eq!(
                Wan { uplink, ..good.clone() }.check(),
                Err(Unpredictable::Uplink),
                "{uplink}"
            );
        }
        for nodes in [0, 3, 1_001] {
            let problem = Unpredictable::Nodes(nodes);
            assert_eq!(Wan { nodes, ..good.clone() }.check(), Err(problem));
        }
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
            for home in 0..cities.places().len() {
                let took = answered(&mut far_apart(cities, nodes, home), b"far away");
                let predicted = free(cities, nodes).predict()[0].latency[home];
                let apart = took.abs_diff(predicted);
                assert!(
                    apart < Duration::from_millis(2),
                    "{nodes}, {home}: {took:?} {predicted:?}"
                );
            }
        }
    }

    /// A cluster in weather that adds nothing, with a client at this place.
    fn far_apart(cities: &Matrix, nodes: usize, home: usize) -> Cluster {
        let at_once =
            Delay { min: Duration::ZERO, max: Duration::ZERO, spikes: 0, spike: Duration::ZERO };
        let fair = Weather { delay: at_once, ..Weather::FAIR };
        let timeout = Duration::from_secs(10);
        let patient =
            Plan { timeout, timeout_cap: timeout, retry: timeout, ..Plan::quiet(1, nodes) };
        let mut plan = Plan { clients: 1, requests: 0, storm: fair, fair, ..patient };
        let places = cities.places().len();
        let replicas = (0..nodes).map(|id| (Principal::Node(NodeId(id as u8)), id % places));
        let client = (Principal::Client(ClientId(0)), home);
        plan.settled.settle(cities, &replicas.chain([client]).collect::<Vec<_>>());
        let mut cluster = Cluster::new(plan, false);
        // The weather is fair from the first event on.
        cluster.run_until(BEGIN).unwrap();
        cluster
    }

    /// How long the client waits for its reply.
    fn answered(cluster: &mut Cluster, operation: &[u8]) -> Duration {
        cluster.submit(ClientId(0), operation);
        while cluster.replies(ClientId(0)).is_empty() && cluster.step() {
            assert!(cluster.now() < Instant::from_micros(60_000_000), "no reply for a minute");
        }
        cluster.now().since(BEGIN)
    }
}
