//! What one run of generals is, all drawn from its seed.

use super::mishap::Mishap;
use super::mouth::Role;
use super::timing::Timing;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::kinds::Kinds;
use crate::plain::{counted, lasting, percent};
use crate::random::Random;
use crate::tail::Tail;
use core::time::Duration;
use quorate::{Instant, NodeId, NodeSet, king, om, sm};
use std::fmt;

/// A protocol in rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Oral messages.
    Om,
    /// Signed messages.
    Sm,
    /// The phase king.
    King,
    /// Interactive consistency over any of them.
    Vector,
    /// A replicated service over any of them.
    Lockstep,
}

impl Protocol {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Om => "om",
            Self::Sm => "sm",
            Self::King => "king",
            Self::Vector => "vector",
            Self::Lockstep => "lockstep",
        }
    }

    /// The least number of generals that withstand a traitor.
    #[must_use]
    pub const fn least(self) -> usize {
        match self {
            Self::Om | Self::King => 4,
            Self::Sm | Self::Vector | Self::Lockstep => 3,
        }
    }
}

/// Everything that is decided before a run begins. The same plan gives the same run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of keys, delays and lies.
    pub seed: u64,
    /// The protocol.
    pub protocol: Protocol,
    /// The protocol of its agreements: of a vector or of slots it is another one.
    pub base: Protocol,
    /// How many generals there are, n.
    pub nodes: usize,
    /// How many traitors the protocol is told to withstand, m.
    pub faults: usize,
    /// Who lies, and how.
    pub traitors: Vec<(NodeId, Role)>,
    /// Who meets with what.
    pub mishaps: Vec<(NodeId, Mishap)>,
    /// When each agreement begins, after the first, and who commands it.
    pub agreements: Vec<(Duration, NodeId)>,
    /// How long everything takes.
    pub timing: Timing,
    /// Each general's clock.
    pub clocks: Vec<Clock>,
    /// In how many slots clients ask; 0 if there are none. More follow, in which all catch up.
    pub slots: u64,
    /// Microseconds from the beginning of one slot to that of the next.
    pub interval: u64,
}

impl Plan {
    /// The run of a seed. `nodes`: drawn if it is not given. `beyond`: one traitor more than the
    /// protocol withstands, so that checkers have to object now and then. `kinds`: which traitors
    /// there may be; if they were chosen, each run with traitors has one of them.
    ///
    /// # Panics
    /// Fewer nodes than [`Protocol::least`], or more than 64.
    #[must_use]
    pub fn draw(
        protocol: Protocol,
        seed: u64,
        nodes: Option<usize>,
        faults: Faults,
        kinds: Kinds,
        beyond: bool,
    ) -> Self {
        let mut random = Random::new(seed ^ 0x6765_6e65_7261_6c73);
        let random = &mut random;
        let base = draw_base(protocol, nodes, random);
        let (nodes, bound) = draw_sizes(protocol, base, nodes, random, faults, beyond);
        let timing = Timing::draw(random, faults);
        let mut plan = Self {
            seed,
            protocol,
            base,
            nodes,
            faults: bound,
            traitors: Vec::new(),
            mishaps: Vec::new(),
            agreements: Vec::new(),
            timing,
            clocks: Vec::new(),
            slots: 0,
            interval: timing.round,
        };
        plan.draw_agreements(random);
        if protocol == Protocol::Lockstep {
            plan.slots = random.between(4, 16);
            plan.interval *= *random.pick(&[1, 1, 2, u64::from(plan.rounds())]);
        }
        let micros = plan.length();
        plan.clocks = (0..nodes).map(|_| timing.clock(random, micros)).collect();
        plan.draw_faulty(random, faults, kinds, beyond);
        plan
    }

    /// How many rounds an agreement has.
    #[must_use]
    pub const fn rounds(&self) -> u8 {
        match self.base {
            Protocol::Sm => sm::rounds(self.faults),
            Protocol::King => king::rounds(self.faults),
            _ => om::rounds(self.faults),
        }
    }

    /// Microseconds from true time zero until everything is over.
    #[must_use]
    pub fn length(&self) -> u64 {
        if self.slots > 0 {
            // Who missed something needs as many slots as it has lanes, now and then twice.
            let rounds = u64::from(self.rounds());
            return (self.slots + 4 * (rounds + 6)) * self.interval;
        }
        let last = self.agreements.iter().map(|(after, _)| after.as_micros() as u64).max();
        let rounds = u64::from(self.rounds()) + 2;
        last.unwrap_or_default() + rounds * self.timing.round + 4 * self.timing.skew + 20
    }

    /// Who lies.
    #[must_use]
    pub fn liars(&self) -> NodeSet {
        self.traitors.iter().map(|(node, _)| *node).collect()
    }

    /// Of whom nothing is promised.
    #[must_use]
    pub fn faulty(&self) -> NodeSet {
        self.liars().iter().chain(self.mishaps.iter().map(|(node, _)| *node)).collect()
    }

    /// The faulty generals, and what each is in a word or two.
    #[must_use]
    pub fn marks(&self) -> Vec<(NodeId, String)> {
        let lies = self.traitors.iter().map(|(node, role)| (*node, role.name()));
        let mishaps = self.mishaps.iter().map(|(node, mishap)| (*node, mishap.mark()));
        let mut marks: Vec<_> = lies.chain(mishaps).map(|(node, it)| (node, it.into())).collect();
        marks.sort();
        marks
    }

    /// What happens to a general beside its own lies.
    pub(super) fn mishaps_of(&self, node: NodeId) -> impl Iterator<Item = Mishap> + '_ {
        let mine = self.mishaps.iter().filter(move |(other, _)| *other == node);
        mine.map(|(_, mishap)| *mishap)
    }

    /// Most often one agreement; else a second one, which may begin before the first is over.
    fn draw_agreements(&mut self, random: &mut Random) {
        let mut after = Duration::ZERO;
        let more = if self.protocol == Protocol::Lockstep { 0 } else { random.below(5) / 4 };
        for _ in 0..=more {
            let commander = NodeId(random.below(self.nodes as u64) as u8);
            self.agreements.push((after, commander));
            let longest = (u64::from(self.rounds()) + 1) * self.timing.round;
            after += Duration::from_micros(random.between(0, longest));
        }
    }

    /// Up to m generals are faulty, or one more.
    fn draw_faulty(&mut self, random: &mut Random, faults: Faults, kinds: Kinds, beyond: bool) {
        let most = self.faults as u64;
        let count = match (faults, beyond) {
            (_, true) => self.faults + 1,
            (Faults::None, _) => 0,
            (Faults::Traitors, _) => random.between(1, most) as usize,
            _ => random.between(0, most) as usize,
        };
        let mut nodes: Vec<NodeId> = (0..self.nodes as u8).map(NodeId).collect();
        random.shuffle(&mut nodes);
        // Commanders of whom one is promised less are worth a look more often.
        if random.chance(300)
            && let Some((_, commander)) = self.agreements.first()
        {
            nodes.sort_by_key(|node| node != commander);
        }
        for node in nodes.into_iter().take(count) {
            // Beside a traitor of a service somebody should rejoin, so that it can lie about that.
            let rejoins = self.slots > 0 && !self.traitors.is_empty();
            let often = if rejoins { 400 } else { 800 };
            let must = beyond || (kinds.is_choice() && self.traitors.is_empty());
            if must || (faults == Faults::Traitors && random.chance(often)) {
                let role = self.draw_role(random, kinds);
                self.traitors.push((node, role));
            } else {
                self.draw_mishap(random, node, faults);
            }
        }
    }

    fn draw_role(&self, random: &mut Random, kinds: Kinds) -> Role {
        let all = (0..self.nodes as u8).map(NodeId);
        let victims: NodeSet = all.clone().filter(|_| random.chance(500)).collect();
        let roles = [
            Role::Silent(all.collect()),
            Role::Silent(victims),
            Role::Equivocator,
            Role::Equivocator,
            Role::Equivocator,
            Role::Liar,
            Role::Inventor,
            Role::Inventor,
            Role::Replayer,
            Role::Spammer,
            Role::Delayer,
            Role::Mutator,
            Role::Twin(victims),
            Role::Whimsical,
            Role::Whimsical,
        ];
        kinds.pick(random, &roles, Role::name)
    }

    fn draw_mishap(&mut self, random: &mut Random, node: NodeId, faults: Faults) {
        let often = *random.pick(&[1000, 500, 200]);
        let busy = if self.slots > 0 { self.slots * self.interval } else { self.length() };
        let begin = random.below(busy);
        let mut until = begin + random.below(3 * self.timing.round);
        let awakes = self.just_after_a_round(random, node, begin);
        if random.chance(500) {
            until = awakes;
        }
        let (begin, until) = (Instant::from_micros(begin), Instant::from_micros(until));
        let kinds = if faults >= Faults::Swarm { 6 } else { 4 };
        let first = if self.slots > 0 && random.chance(500) { kinds - 2 } else { 0 };
        let mishap = match random.between(first, kinds - 1) {
            0 => Mishap::Deaf(often),
            1 => Mishap::Mute(often),
            2 => Mishap::Late(often),
            3 => {
                self.clocks[node.index()] = self.timing.wrong_clock(random);
                Mishap::Clock
            }
            4 => Mishap::Frozen(begin, until),
            _ => Mishap::Crashed(begin),
        };
        self.mishaps.push((node, mishap));
    }

    /// A time within the margin after the end of a round by a general's clock, the next after
    /// `begin` or one of the two that follow: who stands still until then misses no deadline.
    fn just_after_a_round(&self, random: &mut Random, node: NodeId, begin: u64) -> u64 {
        let Timing { round, margin, .. } = self.timing;
        let (clock, begin) = (self.clocks[node.index()], Instant::from_micros(begin));
        let start = self.timing.start().as_micros();
        let passed = clock.read(begin).as_micros().saturating_sub(start) / round;
        let end = start + (passed + random.between(1, 3)) * round + random.below(margin + 1);
        clock.reaches(begin, Instant::from_micros(end)).as_micros()
    }

    /// The names of the features that this plan has, for counting.
    #[must_use]
    pub fn features(&self) -> Vec<&'static str> {
        let Timing { skew, tail, duplicates, .. } = self.timing;
        let has = |wanted: fn(&Mishap) -> bool| self.mishaps.iter().any(|(_, it)| wanted(it));
        let plays = |wanted: fn(&Role) -> bool| self.traitors.iter().any(|(_, it)| wanted(it));
        let all = [
            ("over oral messages", self.base == Protocol::Om && self.base != self.protocol),
            ("over signed messages", self.base == Protocol::Sm && self.base != self.protocol),
            ("over the phase king", self.base == Protocol::King && self.base != self.protocol),
            ("as many faulty as may be", self.faulty().len() == self.faults),
            ("two agreements", self.agreements.len() > 1),
            ("wrong clocks within the skew", skew > 0),
            ("long tails", tail != Tail::Uniform),
            ("duplicates", duplicates > 0),
            ("a faulty commander", self.faulty().contains(self.agreements[0].1)),
            ("deaf ones", has(|it| matches!(it, Mishap::Deaf(_)))),
            ("mute ones", has(|it| matches!(it, Mishap::Mute(_)))),
            ("late ones", has(|it| matches!(it, Mishap::Late(_)))),
            ("clocks beyond the skew", has(|it| matches!(it, Mishap::Clock))),
            ("frozen ones", has(|it| matches!(it, Mishap::Frozen(..)))),
            ("crashed ones", has(|it| matches!(it, Mishap::Crashed(_)))),
            ("silent traitors", plays(|it| matches!(it, Role::Silent(_)))),
            ("equivocators", plays(|it| matches!(it, Role::Equivocator))),
            ("liars", plays(|it| matches!(it, Role::Liar))),
            ("inventors", plays(|it| matches!(it, Role::Inventor))),
            ("replayers", plays(|it| matches!(it, Role::Replayer))),
            ("spammers", plays(|it| matches!(it, Role::Spammer))),
            ("delayers", plays(|it| matches!(it, Role::Delayer))),
            ("mutators", plays(|it| matches!(it, Role::Mutator))),
            ("twins", plays(|it| matches!(it, Role::Twin(_) | Role::Double))),
            ("whimsical ones", plays(|it| matches!(it, Role::Whimsical))),
        ];
        all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
    }
}

/// The protocol of the agreements.
fn draw_base(protocol: Protocol, nodes: Option<usize>, random: &mut Random) -> Protocol {
    let drawn = *random.pick(&[Protocol::Om, Protocol::Sm, Protocol::King]);
    match protocol {
        // Three generals withstand a traitor with signatures only.
        Protocol::Vector | Protocol::Lockstep if nodes == Some(3) => Protocol::Sm,
        Protocol::Vector | Protocol::Lockstep => drawn,
        _ => protocol,
    }
}

/// More orders than this are not sent in one run.
const ORDERS: u64 = 150_000;

/// How many generals, and how many traitors they withstand.
fn draw_sizes(
    protocol: Protocol,
    base: Protocol,
    nodes: Option<usize>,
    random: &mut Random,
    faults: Faults,
    beyond: bool,
) -> (usize, usize) {
    let slots = protocol == Protocol::Lockstep;
    let many = slots || protocol == Protocol::Vector;
    let drawn: &[usize] = match (base, many) {
        (Protocol::Sm, false) => &[3, 4, 4, 4, 5, 5, 6, 7],
        (Protocol::Sm, true) if slots => &[3, 3, 4, 5, 5],
        (Protocol::Sm, true) => &[3, 3, 4, 4, 5],
        (Protocol::King, false) => &[4, 4, 4, 4, 4, 4, 5, 5, 6, 7],
        (_, true) => &[4, 4, 4, 4, 5],
        (_, false) => &[4, 4, 4, 4, 4, 4, 4, 5, 5, 6, 7],
    };
    let drawn = *random.pick(drawn);
    let rare = !many && base != Protocol::Sm && random.below(256) == 0;
    let mut nodes = nodes.unwrap_or(if rare { 10 } else { drawn });
    assert!((protocol.least()..=64).contains(&nodes), "{nodes} generals of {protocol:?}");
    let mut most = match base {
        Protocol::Sm if slots => (nodes - 1) / 2,
        // Two correct lieutenants, who may disagree.
        Protocol::Sm if beyond => nodes.saturating_sub(3).max(1),
        Protocol::Sm => nodes - 2,
        _ => (nodes - 1) / 3,
    };
    if base == Protocol::Sm && beyond && !slots {
        nodes = nodes.max(4);
    }
    let count = if many { nodes as u64 } else { 1 };
    while base == Protocol::Om && most > 1 && count * om::messages(nodes, most) > ORDERS {
        most -= 1;
    }
    let least = usize::from(beyond || faults == Faults::Traitors || slots);
    let lower = random.chance(200);
    (nodes, if lower { random.between(least as u64, most as u64) as usize } else { most })
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, protocol, base, nodes, faults, timing, .. } = self;
        write!(f, "seed {seed}: {}", protocol.name())?;
        if base != protocol {
            write!(f, " over {}", base.name())?;
        }
        writeln!(f, ", {nodes} generals that withstand {}", counted(faults, "traitor"))?;
        let Timing { skew, delay, tail, duplicates, margin, round } = timing;
        let tail = tail.name();
        write!(
            f,
            "a frame takes {} to {} us ({tail}), {} arrive",
            delay.0,
            delay.1,
            percent(*duplicates)
        )?;
        writeln!(f, " twice; skew {skew} us, margin {margin} us, round {round} us")?;
        for (after, commander) in &self.agreements {
            let after = lasting(*after);
            writeln!(f, "agreement after {after}, commanded by r{}", commander.0)?;
        }
        if self.slots > 0 {
            writeln!(f, "a slot every {} us, {} of them busy", self.interval, self.slots)?;
        }
        for (node, mishap) in &self.mishaps {
            writeln!(f, "r{} is faulty: {mishap}", node.0)?;
        }
        for (node, role) in &self.traitors {
            writeln!(f, "r{} is a traitor: {role}", node.0)?;
        }
        writeln!(f, "features: {}", self.features().join(", "))
    }
}
