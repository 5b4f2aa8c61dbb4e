//! What makes the runs of a swarm differ: each seed draws which features it has.
//!
//! Beside what [`Plan::draw`] draws by itself: the shape of delays, distances, narrow links,
//! replays, links cut at random, wrong clocks, replicas that lose their power again and again
//! while they recover, and a core. A run with a core has two phases. In the first everything may
//! happen to everybody, and the checkers of safety watch. Then the network of a random core of
//! n - f correct replicas heals, and they must finish everything in the time that is published,
//! while the others stay as they are: dead, deaf, mute, cut off, or lying.

use crate::clock::Clock;
use crate::faults::Faults;
use crate::matrix::Matrix;
use crate::network::Cut;
use crate::plan::{Crash, Jump, Partition, Plan, Relapse, Trigger};
use crate::random::Random;
use crate::tail::Tail;
use crate::terrain::{Echoes, Lanes};
use core::time::Duration;
use quorate::{ClientId, Instant, NodeId, NodeSet, Principal, Quorum};
use std::collections::BTreeSet;

/// The most that a link adds to a message: its header and its proof.
const FRAME_BYTES: usize = 128;

/// Round trips on one Earth are shorter.
const EARTH: Duration = Duration::from_millis(400);

/// A partition that never ends.
pub(crate) const FOR_EVER: Instant = Instant::from_micros(u64::MAX);

impl Plan {
    /// Draws the features of a seed.
    pub(crate) fn draw_features(&mut self, random: &mut Random, faults: Faults) {
        self.terrain.tail = *random.pick(&[Tail::Uniform, Tail::Exponential, Tail::Heavy]);
        match random.below(10) {
            0 | 1 => self.draw_distances(random),
            2 | 3 => self.draw_world(random),
            _ => {}
        }
        if random.chance(300) {
            self.draw_lanes(random);
        }
        self.settled = self.terrain.clone();
        if random.chance(400) {
            let within = *random.pick(&[10_000, 300_000, 2_000_000, 20_000_000]);
            let permille = random.between(1, 500) as u32;
            self.terrain.echoes = Echoes { permille, within: Duration::from_micros(within) };
            if random.chance(500) {
                self.settled.echoes = self.terrain.echoes;
            }
        }
        if random.chance(300) {
            self.draw_cut(random);
        }
        if random.chance(400) {
            self.draw_clocks(random);
        }
        if faults >= Faults::Swarm && random.chance(250) {
            self.draw_relapse(random);
        }
        if random.chance(500) {
            self.draw_core(random, faults);
        }
        if random.chance(250) {
            self.host_latency = Duration::from_micros(random.between(10, 2_000));
        }
        self.asks = random.chance(200);
    }

    fn principals(&self) -> Vec<Principal> {
        let nodes = (0..self.nodes as u8).map(|id| Principal::Node(NodeId(id)));
        let clients = (0..self.clients as u16).map(|id| Principal::Client(ClientId(id)));
        nodes.chain(clients).collect()
    }

    /// Each link is as long as it likes.
    fn draw_distances(&mut self, random: &mut Random) {
        let all = self.principals();
        for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (*from, *to))) {
            let micros = *random.pick(&[0, 100, 1_000, 10_000]);
            let distance = Duration::from_micros(random.below(micros + 1));
            self.terrain.distances.insert((from, to), distance);
        }
    }

    /// Everybody is somewhere in the world, and patient.
    fn draw_world(&mut self, random: &mut Random) {
        let cities = Matrix::cities();
        let places = cities.places().len() as u64;
        let all = self.principals();
        let places: Vec<(Principal, usize)> =
            all.into_iter().map(|who| (who, random.below(places) as usize)).collect();
        self.terrain.settle(&cities, &places);
        self.be_patient(1);
    }

    /// Puts the i-th replica and the i-th client at place i modulo the number of places, instead
    /// of wherever they are, and makes all patient enough for that.
    pub fn settle(&mut self, matrix: &Matrix) {
        let count = matrix.places().len();
        let place = |who| match who {
            Principal::Node(node) => (who, node.index() % count),
            Principal::Client(client) => (who, client.index() % count),
        };
        let places: Vec<(Principal, usize)> = self.principals().into_iter().map(place).collect();
        for terrain in [&mut self.terrain, &mut self.settled] {
            terrain.distances.clear();
            terrain.settle(matrix, &places);
        }
        let all = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
        let longest = all.map(|(from, to)| matrix.round_trip(from, to)).max().unwrap_or_default();
        self.be_patient(1 + (longest.as_millis() / EARTH.as_millis()) as u32);
        let longest = self.dimensions().message_bytes() + FRAME_BYTES;
        for terrain in [&mut self.terrain, &mut self.settled] {
            terrain.lanes.fit(longest);
        }
    }

    /// Patience for a network that is so many times as wide as the Earth.
    fn be_patient(&mut self, earths: u32) {
        // A checkpoint must stay for as long as it takes to fetch its state, which is some round
        // trips: so checkpoints are far apart, and a primary without requests takes its time.
        self.window = self.window.max(16);
        self.status_interval = Duration::from_millis(400) * earths;
        self.timeout = Duration::from_secs(3) * earths;
        self.timeout_cap = Duration::from_secs(12) * earths;
        self.retry = Duration::from_secs(1) * earths;
        self.bound *= 3 * earths;
    }

    /// Links through which not everything fits, but the longest message does behind another one:
    /// nobody could change views otherwise.
    fn draw_lanes(&mut self, random: &mut Random) {
        let bandwidth = *random.pick(&[50_000, 200_000, 1_000_000]);
        let queue = Duration::from_millis(random.between(25, 80));
        let mut lanes = Lanes { bandwidth, queue };
        lanes.fit(self.dimensions().message_bytes() + FRAME_BYTES);
        self.terrain.lanes = lanes;
    }

    /// Some do not hear some others, whoever they are.
    fn draw_cut(&mut self, random: &mut Random) {
        let all = self.principals();
        let mut some = || all.iter().copied().filter(|_| random.chance(400)).collect();
        let (from, to): (BTreeSet<_>, BTreeSet<_>) = (some(), some());
        let begin = random.below(self.calm.as_micros());
        let until = Instant::from_micros(random.between(begin, self.calm.as_micros()));
        let cuts = vec![Cut { from, to }];
        self.partitions.push(Partition { from: Instant::from_micros(begin), until, cuts });
    }

    /// Each replica's clock was set at another time and runs up to 2 % too fast or too slow; one
    /// of three is set anew, forward or back.
    fn draw_clocks(&mut self, random: &mut Random) {
        for node in (0..self.nodes as u8).map(NodeId) {
            let offset = random.below(3_600_000_000);
            let rate = random.between(0, 40_000) as i32 - 20_000;
            self.clocks.push((node, Clock::new(offset, rate)));
            if random.chance(333) {
                let at = Instant::from_micros(random.below(self.calm.as_micros()));
                let by = random.between(0, 4_000_000) as i64 - 2_000_000;
                self.jumps.push(Jump { node, at, by });
            }
        }
    }

    /// A replica loses its power, and again each time that it has written a little more.
    fn draw_relapse(&mut self, random: &mut Random) {
        let node = NodeId(random.below(self.nodes as u64) as u8);
        if self.crashes.iter().any(|crash| crash.node == node && crash.down.is_none()) {
            return;
        }
        let at = Instant::from_micros(random.below(self.calm.as_micros()));
        let times = random.between(2, 8);
        let fuel = (0..times).map(|_| random.between(1, 6)).collect();
        let down = Duration::from_micros(random.between(0, 300_000));
        self.relapses.push(Relapse { node, at, fuel, down });
    }

    /// A core of n - f correct replicas, and what remains wrong with the others.
    fn draw_core(&mut self, random: &mut Random, faults: Faults) {
        let spare = Quorum::of(self.nodes).map_or(0, Quorum::faults);
        let bad = self.unreliable();
        let mut others: Vec<NodeId> = (0..self.nodes as u8).map(NodeId).collect();
        random.shuffle(&mut others);
        others.sort_by_key(|node| !bad.contains(*node));
        let core: NodeSet = others.split_off(spare.max(bad.len())).into_iter().collect();
        // Who is faulty already stays as it is.
        for node in others.into_iter().filter(|node| !bad.contains(*node)) {
            self.draw_end(random, node, faults);
        }
        self.core = Some(core);
        self.late = random.between(1, 4) as usize;
    }

    /// What is wrong with a replica for ever.
    fn draw_end(&mut self, random: &mut Random, node: NodeId, faults: Faults) {
        let me = BTreeSet::from([Principal::Node(node)]);
        let all: BTreeSet<Principal> = self.principals().into_iter().collect();
        let rest: BTreeSet<Principal> = all.difference(&me).copied().collect();
        let (mute, deaf) = (Cut { from: me.clone(), to: rest.clone() }, Cut { from: rest, to: me });
        let cuts = match random.below(5) {
            0 if faults >= Faults::Swarm => {
                let when = Trigger::At(self.calm);
                return self.crashes.push(Crash { node, when, down: None, wiped: false });
            }
            0 | 1 => vec![mute],
            2 => vec![deaf],
            3 => vec![mute, deaf],
            // It is well.
            _ => return,
        };
        self.partitions.push(Partition { from: self.calm, until: FOR_EVER, cuts });
    }

    /// The names of the features that this plan has, for counting.
    #[must_use]
    pub fn features(&self) -> Vec<&'static str> {
        let Self { terrain, storm, fair, .. } = self;
        let looped = |relapse: &Relapse| !relapse.fuel.is_empty();
        let one_way = |partition: &Partition| partition.cuts.len() == 1;
        let ends = |partition: &&Partition| partition.until != FOR_EVER;
        let farthest = terrain.distances.values().max().copied();
        let all = [
            ("loss above 20 %", storm.loss > 200),
            ("loss that does not end", fair.loss > 0),
            ("duplicates above 20 %", storm.duplicates > 200),
            ("exponential delays", terrain.tail == Tail::Exponential),
            ("heavy tails", terrain.tail == Tail::Heavy),
            ("links of all lengths", !terrain.distances.is_empty()),
            ("wide area", farthest > Some(Duration::from_millis(10))),
            ("narrow links", terrain.lanes.bandwidth > 0),
            ("replays", terrain.echoes.permille > 0),
            ("replays seconds later", terrain.echoes.within > Duration::from_secs(1)),
            ("partitions", self.partitions.iter().any(|it| ends(&it))),
            ("one-way partitions", self.partitions.iter().filter(ends).any(one_way)),
            ("wrong clocks", !self.clocks.is_empty()),
            ("clocks set back", self.jumps.iter().any(|jump| jump.by < 0)),
            ("crashes", !self.crashes.is_empty()),
            ("crash loops", self.relapses.iter().any(looped)),
            ("slow applications", !self.host_latency.is_zero()),
            ("replicas that ask whether they are new", self.asks),
            ("bad disks", !self.harms.is_empty()),
            ("traitors", !self.traitors.is_empty()),
            ("a core", self.core.is_some()),
            ("others that stay cut off", self.partitions.iter().any(|it| !ends(&it))),
            ("fast reads", self.fast_reads),
        ];
        all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seed 2022688 drew links that no VIEW-CHANGE of its window fits through: no view could end.
    #[test]
    fn the_longest_message_fits_through_every_narrow_link() {
        let mut narrow = 0;
        for seed in (0..500).chain([2_022_688]) {
            let plan = Plan::under(seed, None, Faults::Swarm);
            let lanes = plan.settled.lanes;
            if lanes.bandwidth > 0 {
                narrow += 1;
                let longest = lanes.sending(plan.dimensions().message_bytes() + FRAME_BYTES);
                assert!(longest < lanes.queue, "seed {seed}");
            }
        }
        assert!(narrow > 100, "{narrow}");
    }
}
