//! What one run is: sizes, weather, faults and traitors, all drawn from its seed.

use crate::clock::Clock;
use crate::faults::Faults;
use crate::harm::Harm;
use crate::kinds::Kinds;
use crate::network::{Cut, Delay, Weather};
use crate::random::Random;
pub use crate::role::Role;
use crate::terrain::Terrain;
use core::time::Duration;
use quorate::auth::Scope;
use quorate::pbft::{Config, Dimensions, Switches};
use quorate::{Digest, Instant, NodeId, NodeSet, Quorum};

/// Everything that is decided before a run begins. The same plan gives the same run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of keys, delays and losses.
    pub seed: u64,
    /// Replicas.
    pub nodes: usize,
    /// Clients.
    pub clients: usize,
    /// Requests that each client makes, one after another.
    pub requests: usize,
    /// The longest pause between a reply and the next request.
    pub pause: Duration,
    /// Window of the replicas, in sequences.
    pub window: usize,
    /// Bytes of the largest batch.
    pub batch_bytes: usize,
    /// The most requests of a batch.
    pub batch_requests: usize,
    /// How long a primary waits for more requests.
    pub batch_delay: Duration,
    /// Bytes of the longest reply.
    pub reply_bytes: usize,
    /// How long a replica waits for a request's execution before it asks for a new view.
    pub timeout: Duration,
    /// The longest such wait after doubling.
    pub timeout_cap: Duration,
    /// How often replicas tell where they stand.
    pub status_interval: Duration,
    /// How long a client waits before it asks all replicas.
    pub retry: Duration,
    /// The network until `calm`.
    pub storm: Weather,
    /// The network from `calm` on.
    pub fair: Weather,
    /// When the weather gets fair; no fault begins after it.
    pub calm: Instant,
    /// The longest that a write takes to become durable.
    pub disk_latency: Duration,
    /// How long an application takes to execute a request, while messages come in.
    pub host_latency: Duration,
    /// Whether a replica that finds an empty log does not know that it is new: it asks the others.
    pub asks: bool,
    /// How many of a thousand stable checkpoints are followed by a fresh log.
    pub compaction: u32,
    /// Cuts of the network.
    pub partitions: Vec<Partition>,
    /// Power cuts.
    pub crashes: Vec<Crash>,
    /// Disks that are not what they were after a power cut.
    pub harms: Vec<Harm>,
    /// Who lies, and how.
    pub traitors: Vec<(NodeId, Role)>,
    /// Whether reads are answered without order if possible.
    pub fast_reads: bool,
    /// How many of a thousand operations only read.
    pub reads: u32,
    /// How many replicas clients believe that there are: they count quorums of so many. Fewer
    /// than there are makes credulous clients, for runs in which a checker must object.
    pub believed: usize,
    /// After the last fault is over, everything must be finished within this time.
    pub bound: Duration,
    /// What each link adds to the weather until `calm`.
    pub terrain: Terrain,
    /// The same from `calm` on.
    pub settled: Terrain,
    /// The clocks of replicas that are not right.
    pub clocks: Vec<(NodeId, Clock)>,
    /// When clocks are set anew.
    pub jumps: Vec<Jump>,
    /// Replicas that lose their power again and again.
    pub relapses: Vec<Relapse>,
    /// The replicas that must have finished everything in the end, n - f or more; all that are
    /// correct and up if there is no core.
    pub core: Option<NodeSet>,
    /// Requests that each client makes after `calm`, beside the others.
    pub late: usize,
}

/// A clock is set anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// Whose.
    pub node: NodeId,
    /// When.
    pub at: Instant,
    /// Microseconds forward; below zero: back.
    pub by: i64,
}

/// A replica loses its power, and again each time that it is back for a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relapse {
    /// Which replica.
    pub node: NodeId,
    /// When the power fails first.
    pub at: Instant,
    /// For each time that it is back: after so many writes the power fails again, unless the
    /// weather is fair before that.
    pub fuel: Vec<u64>,
    /// How long it stays down each time.
    pub down: Duration,
}

/// A time in which some do not hear some others.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Its beginning.
    pub from: Instant,
    /// Its end.
    pub until: Instant,
    /// Who does not hear whom.
    pub cuts: Vec<Cut>,
}

/// A replica loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Which replica.
    pub node: NodeId,
    /// When.
    pub when: Trigger,
    /// How long it stays down; `None`: for ever.
    pub down: Option<Duration>,
    /// Whether its disk is lost as well: it returns as a replica that knows that.
    pub wiped: bool,
}

/// When a replica loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// At a time.
    At(Instant),
    /// As it has made so many writes, before the last of them is durable.
    Writes(u64),
}

impl Plan {
    /// A run without faults: one millisecond a message, an instant disk.
    #[must_use]
    pub fn quiet(seed: u64, nodes: usize) -> Self {
        Self {
            seed,
            nodes,
            clients: 3,
            requests: 10,
            pause: Duration::ZERO,
            window: 8,
            batch_bytes: 1024,
            batch_requests: 8,
            batch_delay: Duration::from_millis(1),
            reply_bytes: 64,
            timeout: Duration::from_millis(500),
            timeout_cap: Duration::from_secs(4),
            status_interval: Duration::from_millis(50),
            retry: Duration::from_millis(300),
            storm: Weather::FAIR,
            fair: Weather::FAIR,
            calm: Instant::ZERO,
            disk_latency: Duration::ZERO,
            host_latency: Duration::ZERO,
            asks: false,
            compaction: 0,
            partitions: Vec::new(),
            crashes: Vec::new(),
            harms: Vec::new(),
            traitors: Vec::new(),
            fast_reads: false,
            reads: 0,
            believed: nodes,
            bound: Duration::from_secs(60),
            terrain: Terrain::default(),
            settled: Terrain::default(),
            clocks: Vec::new(),
            jumps: Vec::new(),
            relapses: Vec::new(),
            core: None,
            late: 0,
        }
    }

    /// The run of a seed: each seed draws its own mix of sizes and faults. `nodes`: 4 or 7 if
    /// it is not given. With `traitors`, one to f of the replicas lie.
    #[must_use]
    pub fn draw(seed: u64, nodes: Option<usize>, traitors: bool) -> Self {
        Self::under(seed, nodes, if traitors { Faults::Traitors } else { Faults::Swarm })
    }

    /// The run of a seed with faults of some kinds: `nodes` as for [`Plan::draw`].
    #[must_use]
    pub fn under(seed: u64, nodes: Option<usize>, faults: Faults) -> Self {
        Self::with(seed, nodes, faults, Role::ALL, false)
    }

    /// The same with traitors of some kinds only; `beyond`: with one more of them than the
    /// replicas withstand.
    #[must_use]
    pub fn with(
        seed: u64,
        nodes: Option<usize>,
        faults: Faults,
        kinds: Kinds,
        beyond: bool,
    ) -> Self {
        let random = &mut Random::new(seed);
        let drawn = *random.pick(&[4, 7]);
        let mut plan = Self::quiet(seed, nodes.unwrap_or(drawn));
        plan.draw_sizes(random);
        plan.fast_reads = random.chance(600);
        plan.reads = *random.pick(&[0, 200, 500, 800]);
        if faults == Faults::None {
            plan.calm = Instant::ZERO;
            return plan;
        }
        plan.draw_weather(random);
        if faults == Faults::Traitors {
            plan.draw_traitors(random, kinds, beyond);
        }
        if faults >= Faults::Swarm && random.chance(650) {
            plan.draw_crash(random);
        }
        if random.chance(600) {
            plan.draw_partition(random);
        }
        if faults >= Faults::Swarm && random.chance(250) {
            plan.draw_blackout(random);
        }
        if faults >= Faults::Swarm && random.chance(350) {
            plan.draw_harm(random);
        }
        if plan.fair.loss > 0 {
            // With f replicas silent the messages of all others are needed, and some get lost: a
            // view that lasts for less than a few of them agrees on little.
            plan.bound *= 3;
        }
        plan.draw_features(random, faults);
        plan
    }

    /// Lets the clients make so many requests together, or a few more: each makes the same number.
    /// They pause as much less between them as they make more.
    pub fn demand(&mut self, requests: usize) {
        let each = requests.div_ceil(self.clients.max(1)).max(1);
        let more = each as f64 / self.requests.max(1) as f64;
        self.pause = self.pause.div_f64(more);
        self.bound = self.bound.mul_f64(more.max(1.0));
        self.requests = each;
    }

    /// How long a request takes at most once every fault is over: what the core promises, from
    /// when its client next sends it to all replicas. A message that is lost is said again each
    /// status interval, by a client after its longest pause; eight of those are a slow link here.
    #[must_use]
    pub fn recovery_bound(&self) -> Duration {
        let Weather { loss, delay, .. } = self.fair;
        let longest = if delay.spikes == 0 { delay.max } else { delay.max.max(delay.spike) };
        let losing = loss > 0 || self.settled.lanes.bandwidth > 0;
        let repeated = if losing { 8 * self.status_interval } else { Duration::ZERO };
        // With f replicas gone a client may need the replies of all others.
        let asked = if loss > 0 { 8 } else { 1 };
        let longest = longest + self.settled.longest();
        let scope = Scope { cluster: Digest::ZERO, epoch: 0, profile: "" };
        let config = self.config(NodeId(0), scope);
        let quorum = Quorum::of(self.nodes).expect("a plan has 1 to 64 replicas");
        let host = self.host_latency * u32::try_from(self.batch_requests).unwrap_or(u32::MAX);
        let bound = config.recovery_bound(quorum, longest + repeated + self.disk_latency + host);
        // The time of a replica whose clock runs 2 % too slow.
        let bound = if self.clocks.is_empty() { bound } else { bound * 51 / 50 };
        asked * 16 * self.retry + bound
    }

    /// The settings of one of its replicas.
    pub(crate) fn config(&self, me: NodeId, scope: Scope) -> Config {
        Config {
            batch_delay: self.batch_delay,
            batch_requests: self.batch_requests,
            timeout: self.timeout,
            timeout_cap: self.timeout_cap,
            status_interval: self.status_interval,
            watch_window: self.timeout / 2,
            budget_interval: self.status_interval.min(Duration::from_millis(50)),
            switches: self.switches(),
            ..Config::new(me, scope)
        }
    }

    /// What its replicas and clients are switched to.
    pub(crate) const fn switches(&self) -> Switches {
        Switches { fast_reads: self.fast_reads }
    }

    /// The sizes of its replicas.
    #[must_use]
    pub const fn dimensions(&self) -> Dimensions {
        Dimensions {
            nodes: self.nodes,
            window: self.window,
            batch_bytes: self.batch_bytes,
            clients: self.clients,
            reply_bytes: self.reply_bytes,
        }
    }

    /// The replicas that lie.
    #[must_use]
    pub fn liars(&self) -> NodeSet {
        self.traitors.iter().map(|(node, _)| *node).collect()
    }

    /// The replicas of which nothing is promised: they lie, or are made to by their disks.
    #[must_use]
    pub fn faulty(&self) -> NodeSet {
        let harmed = self.harms.iter().map(|harm| harm.node);
        self.liars().iter().chain(harmed).collect()
    }

    /// The replicas that are faulty, gone for ever, or have lost their disk.
    pub(crate) fn unreliable(&self) -> NodeSet {
        let gone = self.crashes.iter().filter(|crash| crash.down.is_none() || crash.wiped);
        self.faulty().iter().chain(gone.map(|crash| crash.node)).collect()
    }

    /// How many more replicas may be faulty or gone for ever.
    pub(crate) fn spare(&self) -> usize {
        let faults = Quorum::of(self.nodes).map_or(0, Quorum::faults);
        faults.saturating_sub(self.unreliable().len())
    }

    fn draw_sizes(&mut self, random: &mut Random) {
        self.clients = random.between(1, 6) as usize;
        self.requests = random.between(5, 25) as usize;
        self.window = *random.pick(&[2, 4, 4, 8, 8, 16]);
        self.batch_requests = *random.pick(&[1, 2, 8, 64]);
        self.batch_bytes = *random.pick(&[256, 512, 1024]);
        self.batch_delay = Duration::from_micros(random.between(0, 5_000));
        self.disk_latency = Duration::from_micros(*random.pick(&[0, 100, 2_000, 20_000]));
        self.compaction = *random.pick(&[0, 300, 1000]);
        self.timeout = Duration::from_millis(*random.pick(&[300, 500, 1_000]));
        self.status_interval = Duration::from_millis(*random.pick(&[20, 50, 100]));
        self.calm = Instant::from_micros(random.between(1_000_000, 8_000_000));
        let pace = self.calm.as_micros() / self.requests as u64;
        self.pause = Duration::from_micros(*random.pick(&[0, pace, 2 * pace]));
    }

    fn draw_weather(&mut self, random: &mut Random) {
        let (min, max) = (random.between(50, 2_000), random.between(500, 30_000));
        let delay = Delay {
            min: Duration::from_micros(min),
            max: Duration::from_micros(max.max(min)),
            spikes: 0,
            spike: Duration::from_micros(10 * max),
        };
        self.fair = Weather { loss: 0, duplicates: 0, delay };
        self.storm = self.fair;
        if random.chance(600) {
            self.storm.loss = random.between(1, 300) as u32;
        }
        if random.chance(500) {
            self.storm.duplicates = random.between(1, 500) as u32;
        }
        if random.chance(400) {
            self.storm.delay.spikes = random.between(1, 100) as u32;
        }
        if random.chance(300) {
            // Loss that never ends: retransmission alone must bring everything through.
            self.fair = self.storm;
            self.fair.loss = self.storm.loss.min(200);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::FOR_EVER;
    use std::collections::BTreeSet;

    #[test]
    fn plans_are_within_what_was_asked() {
        let mut kinds = BTreeSet::new();
        for seed in 0..500 {
            let plan = Plan::draw(seed, None, seed % 2 == 0);
            assert!(plan.nodes == 4 || plan.nodes == 7);
            assert!(plan.storm.loss <= 300 && plan.fair.loss <= plan.storm.loss.min(200));
            let faults = Quorum::of(plan.nodes).unwrap().faults();
            let gone = |crash: &&Crash| crash.down.is_none() || crash.wiped;
            let lost = plan.crashes.iter().filter(gone).count();
            let harmed = plan.harms.len();
            assert!(plan.traitors.len() + lost + harmed <= faults, "seed {seed}");
            let mut ends = plan.partitions.iter().filter(|p| p.until != FOR_EVER);
            assert!(ends.all(|p| p.from <= p.until && p.until <= plan.calm));
            let bad = plan.unreliable();
            assert!(bad.len() <= faults, "seed {seed}");
            let whole = plan.core.is_none_or(|core| core.iter().all(|node| !bad.contains(node)));
            assert!(whole && plan.core.is_none_or(|core| core.len() >= plan.nodes - faults));
            kinds.insert((plan.nodes, lost > 0, plan.crashes.len(), plan.partitions.len(), harmed));
        }
        assert!(kinds.len() >= 10, "the draws differ: {kinds:?}");
    }
}
