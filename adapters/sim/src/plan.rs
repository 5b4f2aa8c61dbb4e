//! What one run is: sizes, weather, faults and traitors, all drawn from its seed.

use crate::harm::{self, Harm};
use crate::network::{Cut, Delay, Weather};
use crate::random::Random;
use core::time::Duration;
use quorate::auth::Scope;
use quorate::pbft::Config;
use quorate::{ClientId, Digest, Instant, NodeId, NodeSet, Principal, Quorum};
use std::collections::BTreeSet;
use std::fmt;

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

/// The kinds of traitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Says nothing to these nodes, nor to clients.
    Silent(NodeSet),
    /// Proposes and votes differently to two halves of the nodes.
    Equivocator,
    /// Votes and replies with wrong digests.
    Liar,
    /// Reports empty or old histories when the view changes.
    Forgetful,
    /// Proposes just before the timeout.
    Slow,
    /// Is deaf to this client.
    Unfair(ClientId),
    /// Answers reads from old states.
    Stale,
    /// Proposes in time, and lets nothing be agreed on until just before the timeout.
    Hoarder,
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
            compaction: 0,
            partitions: Vec::new(),
            crashes: Vec::new(),
            harms: Vec::new(),
            traitors: Vec::new(),
            fast_reads: false,
            reads: 0,
            believed: nodes,
            bound: Duration::from_secs(60),
        }
    }

    /// The run of a seed: each seed draws its own mix of sizes and faults. `nodes`: 4 or 7 if
    /// it is not given. With `traitors`, one to f of the replicas lie.
    #[must_use]
    pub fn draw(seed: u64, nodes: Option<usize>, traitors: bool) -> Self {
        let random = &mut Random::new(seed);
        let drawn = *random.pick(&[4, 7]);
        let mut plan = Self::quiet(seed, nodes.unwrap_or(drawn));
        plan.draw_sizes(random);
        plan.draw_weather(random);
        if traitors {
            plan.draw_traitors(random);
        }
        if random.chance(650) {
            plan.draw_crash(random);
        }
        if random.chance(600) {
            plan.draw_partition(random);
        }
        if random.chance(250) {
            plan.draw_blackout(random);
        }
        if random.chance(350) {
            plan.draw_harm(random);
        }
        plan.fast_reads = random.chance(600);
        plan.reads = *random.pick(&[0, 200, 500, 800]);
        if plan.fast_reads && plan.fair.loss > 0 {
            // With f replicas silent the answers of all others are needed, and some get lost.
            plan.bound *= 3;
        }
        plan
    }

    /// How long a request takes at most once every fault is over: what the core promises, from
    /// when its client next sends it to all replicas. A message that is lost is said again each
    /// status interval; eight of those are a slow link here.
    #[must_use]
    pub fn recovery_bound(&self) -> Duration {
        let Weather { loss, delay, .. } = self.fair;
        let longest = if delay.spikes == 0 { delay.max } else { delay.max.max(delay.spike) };
        let repeated = if loss == 0 { Duration::ZERO } else { 8 * self.status_interval };
        let scope = Scope { cluster: Digest::ZERO, epoch: 0, profile: "" };
        let config = Config {
            timeout: self.timeout,
            timeout_cap: self.timeout_cap,
            status_interval: self.status_interval,
            ..Config::new(NodeId(0), scope)
        };
        let quorum = Quorum::of(self.nodes).expect("a plan has 1 to 64 replicas");
        16 * self.retry + config.recovery_bound(quorum, longest + repeated + self.disk_latency)
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

    /// How many more replicas may be faulty or gone for ever.
    fn spare(&self) -> usize {
        let gone = self.crashes.iter().filter(|crash| crash.down.is_none() || crash.wiped);
        let gone: NodeSet = gone.map(|crash| crash.node).collect();
        let bad: NodeSet = self.faulty().iter().chain(gone.iter()).collect();
        Quorum::of(self.nodes).map_or(0, Quorum::faults).saturating_sub(bad.len())
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
            self.storm.loss = random.between(1, 200) as u32;
        }
        if random.chance(500) {
            self.storm.duplicates = random.between(1, 200) as u32;
        }
        if random.chance(400) {
            self.storm.delay.spikes = random.between(1, 100) as u32;
        }
        if random.chance(300) {
            // Loss that never ends: retransmission alone must bring everything through.
            self.fair = self.storm;
        }
    }

    fn draw_traitors(&mut self, random: &mut Random) {
        let mut nodes: Vec<NodeId> = (0..self.nodes as u8).map(NodeId).collect();
        random.shuffle(&mut nodes);
        let faults = Quorum::of(self.nodes).map_or(0, Quorum::faults);
        nodes.truncate(random.between(1, faults as u64) as usize);
        for node in nodes {
            let all: Vec<NodeId> = (0..self.nodes as u8).map(NodeId).collect();
            let victims = all.iter().filter(|_| random.chance(500)).copied().collect();
            let everyone = all.iter().copied().collect();
            let role = *random.pick(&[
                Role::Silent(everyone),
                Role::Silent(victims),
                Role::Equivocator,
                Role::Equivocator,
                Role::Liar,
                Role::Forgetful,
                Role::Slow,
                Role::Unfair(ClientId(0)),
                Role::Stale,
                Role::Hoarder,
            ]);
            self.traitors.push((node, role));
        }
    }

    /// One crash; for ever only if the cluster withstands one more fault.
    fn draw_crash(&mut self, random: &mut Random) {
        let node = NodeId(random.below(self.nodes as u64) as u8);
        let for_ever = self.spare() > 0 && random.chance(250);
        let down = Duration::from_micros(random.between(0, self.calm.as_micros() / 2));
        let at = Instant::from_micros(random.below(self.calm.as_micros()));
        let writes = random.between(1, 2 * (self.clients * self.requests) as u64);
        let when = *random.pick(&[Trigger::At(at), Trigger::Writes(writes)]);
        // Until it has recovered, which takes traffic, it is one of the f.
        let wiped = !for_ever && self.spare() > 0 && random.chance(250);
        self.crashes.push(Crash { node, when, down: (!for_ever).then_some(down), wiped });
    }

    /// All replicas lose their power at once; each has it back in its own time.
    fn draw_blackout(&mut self, random: &mut Random) {
        let at = Instant::from_micros(random.below(self.calm.as_micros()));
        for node in (0..self.nodes as u8).map(NodeId) {
            let down = Duration::from_micros(random.between(0, 1_000_000));
            let when = Trigger::At(at);
            self.crashes.push(Crash { node, when, down: Some(down), wiped: false });
        }
    }

    /// A disk is rolled back or corrupted, if one more replica may be faulty.
    fn draw_harm(&mut self, random: &mut Random) {
        let node = NodeId(random.below(self.nodes as u64) as u8);
        let forever = self.crashes.iter().any(|c| c.node == node && c.down.is_none());
        if self.spare() == 0 || forever || self.faulty().contains(node) {
            return;
        }
        let at = Instant::from_micros(random.between(1, self.calm.as_micros()));
        let to = Instant::from_micros(random.below(at.as_micros()));
        let kinds = [harm::Kind::RolledBack { to }, harm::Kind::Corrupted];
        let (kind, down) = (*random.pick(&kinds), random.between(0, 1_000_000));
        self.harms.push(Harm { node, at, down: Duration::from_micros(down), kind });
    }

    /// Splits replicas and clients in two; in one of three, one side still hears the other.
    fn draw_partition(&mut self, random: &mut Random) {
        let nodes = (0..self.nodes as u8).map(|id| Principal::Node(NodeId(id)));
        let clients = (0..self.clients as u16).map(|id| Principal::Client(ClientId(id)));
        let mut members: Vec<Principal> = nodes.collect();
        random.shuffle(&mut members);
        let cut_off = random.between(1, self.nodes as u64 / 2) as usize;
        let mut one: BTreeSet<_> = members.split_off(members.len() - cut_off).into_iter().collect();
        let mut other: BTreeSet<_> = members.into_iter().collect();
        for client in clients {
            match random.below(3) {
                0 => one.insert(client),
                1 => other.insert(client),
                _ => false,
            };
        }
        let (there, back) =
            (Cut { from: one.clone(), to: other.clone() }, Cut { from: other, to: one });
        let cuts = match random.below(6) {
            0 => vec![there],
            1 => vec![back],
            _ => vec![there, back],
        };
        let from = random.below(self.calm.as_micros());
        let until = Instant::from_micros(random.between(from, self.calm.as_micros()));
        self.partitions.push(Partition { from: Instant::from_micros(from), until, cuts });
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let storm = &self.storm;
        writeln!(
            f,
            "seed {}: {} replicas, window {}, {} clients with {} requests each",
            self.seed, self.nodes, self.window, self.clients, self.requests
        )?;
        writeln!(
            f,
            "batches of up to {} requests, {} bytes, {:?} delay; timeout {:?} to {:?}",
            self.batch_requests, self.batch_bytes, self.batch_delay, self.timeout, self.timeout_cap
        )?;
        let percent = |permille: u32| f64::from(permille) / 10.0;
        let (loss, twice, spikes) =
            (percent(storm.loss), percent(storm.duplicates), percent(storm.delay.spikes));
        let (calm, later) = (self.calm.as_micros() as f64 / 1e6, percent(self.fair.loss));
        write!(f, "network: {:?} to {:?}, spikes {spikes:.1} %", storm.delay.min, storm.delay.max)?;
        writeln!(
            f,
            ", duplicates {twice:.1} %, loss {loss:.1} % until {calm:.3} s, then {later:.1} %"
        )?;
        let reads = if self.fast_reads { "fast" } else { "ordered" };
        writeln!(f, "reads: {:.1} % of all operations, {reads}", percent(self.reads))?;
        writeln!(f, "disk: a write is durable after up to {:?}", self.disk_latency)?;
        for crash in &self.crashes {
            let Crash { node, when, down, wiped } = crash;
            let how = down.map_or("for ever".to_owned(), |down| format!("for {down:?}"));
            let how = how + if *wiped { ", and loses its disk" } else { "" };
            writeln!(f, "r{} goes down {when:?} {how}", node.0)?;
        }
        for partition in &self.partitions {
            let seconds = |at: Instant| at.as_micros() as f64 / 1e6;
            let (from, until) = (seconds(partition.from), seconds(partition.until));
            writeln!(f, "partition from {from:.3} s to {until:.3} s")?;
        }
        self.harms.iter().try_for_each(|harm| writeln!(f, "{harm}"))?;
        for (node, role) in &self.traitors {
            writeln!(f, "r{} is a traitor: {role:?}", node.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_within_what_was_asked() {
        let mut kinds = BTreeSet::new();
        for seed in 0..500 {
            let plan = Plan::draw(seed, None, seed % 2 == 0);
            assert!(plan.nodes == 4 || plan.nodes == 7);
            assert!(plan.storm.loss <= 200 && plan.fair.loss <= plan.storm.loss);
            let faults = Quorum::of(plan.nodes).unwrap().faults();
            let gone = |crash: &&Crash| crash.down.is_none() || crash.wiped;
            let lost = plan.crashes.iter().filter(gone).count();
            let harmed = plan.harms.len();
            assert!(plan.traitors.len() + lost + harmed <= faults, "seed {seed}");
            assert!(plan.partitions.iter().all(|p| p.from <= p.until && p.until <= plan.calm));
            kinds.insert((plan.nodes, lost > 0, plan.crashes.len(), plan.partitions.len(), harmed));
        }
        assert!(kinds.len() >= 10, "the draws differ: {kinds:?}");
    }
}
