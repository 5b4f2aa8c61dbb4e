//! The virtual network: every message meets its fate when it is sent.

use crate::random::Random;
use crate::terrain::{Terrain, Traces};
use core::time::Duration;
use quorate::{Instant, Principal};
use std::collections::BTreeSet;

/// How long messages take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The shortest.
    pub min: Duration,
    /// The longest of an ordinary message. Any two messages whose delays can differ can arrive
    /// in the other order.
    pub max: Duration,
    /// How many of a thousand messages are held up.
    pub spikes: u32,
    /// The longest that such a message takes.
    pub spike: Duration,
}

/// What the network does to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// How many of a thousand messages are lost.
    pub loss: u32,
    /// How many of a thousand messages arrive twice.
    pub duplicates: u32,
    /// How long they take.
    pub delay: Delay,
}

impl Weather {
    /// Nothing is lost and everything takes one millisecond.
    pub const FAIR: Self = Self {
        loss: 0,
        duplicates: 0,
        delay: Delay {
            min: Duration::from_millis(1),
            max: Duration::from_millis(1),
            spikes: 0,
            spike: Duration::ZERO,
        },
    };
}

/// Messages from one side do not reach the other. The way back is another cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Whose messages are lost.
    pub from: BTreeSet<Principal>,
    /// To whom.
    pub to: BTreeSet<Principal>,
}

/// What became of messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    /// Messages sent, one for each receiver.
    pub sent: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost at a cut.
    pub cut: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Delivered once more, long after.
    pub replayed: u64,
    /// Arrived before something that was sent earlier over the same link.
    pub overtaking: u64,
    /// Waited for those before them to be sent.
    pub queued: u64,
    /// Lost since too many waited.
    pub overflowed: u64,
}

impl Traffic {
    /// Nothing was sent.
    pub const NONE: Self = Self {
        sent: 0,
        lost: 0,
        cut: 0,
        duplicated: 0,
        replayed: 0,
        overtaking: 0,
        queued: 0,
        overflowed: 0,
    };

    /// Adds that of another run.
    pub const fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.cut += other.cut;
        self.duplicated += other.duplicated;
        self.replayed += other.replayed;
        self.overtaking += other.overtaking;
        self.queued += other.queued;
        self.overflowed += other.overflowed;
    }
}

/// When the copies of a message arrive; none if it is lost.
pub type Arrivals = [Option<Instant>; 3];

/// The virtual network.
#[derive(Clone, Debug)]
pub struct Network {
    /// What happens to messages now.
    pub weather: Weather,
    /// What each link adds to it.
    pub terrain: Terrain,
    traces: Traces,
    cuts: Vec<(usize, Cut)>,
    next_cut: usize,
    traffic: Traffic,
    random: Random,
}

impl Network {
    /// A whole network with this weather.
    #[must_use]
    pub fn new(weather: Weather, random: Random) -> Self {
        let (terrain, traces) = (Terrain::default(), Traces::new());
        Self {
            weather,
            terrain,
            traces,
            cuts: Vec::new(),
            next_cut: 0,
            traffic: Traffic::NONE,
            random,
        }
    }

    /// Cuts links; what is under way still arrives. Returns the number by which it is healed.
    pub fn cut(&mut self, cut: Cut) -> usize {
        self.next_cut += 1;
        self.cuts.push((self.next_cut, cut));
        self.next_cut
    }

    /// Ends a cut.
    pub fn heal(&mut self, number: usize) {
        self.cuts.retain(|(other, _)| *other != number);
    }

    /// What became of messages so far.
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Decides when a message that is sent now, without length, arrives.
    pub fn arrivals(&mut self, now: Instant, from: Principal, to: Principal) -> Arrivals {
        self.carry(now, from, to, 0)
    }

    /// Decides when a message of so many bytes that is sent now arrives.
    pub fn carry(
        &mut self,
        now: Instant,
        from: Principal,
        to: Principal,
        bytes: usize,
    ) -> Arrivals {
        self.traffic.sent += 1;
        if self.cuts.iter().any(|(_, cut)| cut.from.contains(&from) && cut.to.contains(&to)) {
            self.traffic.cut += 1;
            return [None; 3];
        }
        let link = (from, to);
        let now = self.traces.leave(self.terrain.uplink, now, from, bytes);
        let Some(sent) = self.traces.send(&self.terrain.lanes, now, link, bytes) else {
            self.traffic.overflowed += 1;
            return [None; 3];
        };
        self.traffic.queued += u64::from(sent > now.after(self.terrain.lanes.sending(bytes)));
        if self.random.chance(self.weather.loss) {
            self.traffic.lost += 1;
            return [None; 3];
        }
        let mut arrivals = [Some(self.arrival(sent, link)), None, None];
        if self.random.chance(self.weather.duplicates) {
            self.traffic.duplicated += 1;
            arrivals[1] = Some(self.arrival(sent, link));
        }
        let echoes = self.terrain.echoes;
        if echoes.permille > 0 && self.random.chance(echoes.permille) {
            self.traffic.replayed += 1;
            let later = self.random.below(echoes.within.as_micros() as u64);
            arrivals[2] = Some(self.arrival(sent, link).after(Duration::from_micros(later)));
        }
        for at in arrivals[..2].iter().flatten() {
            self.traffic.overtaking += u64::from(self.traces.overtakes(link, *at));
        }
        arrivals
    }

    fn arrival(&mut self, now: Instant, (from, to): (Principal, Principal)) -> Instant {
        let Delay { min, max, spikes, spike } = self.weather.delay;
        let (low, high) = if self.random.chance(spikes) { (max, spike) } else { (min, max) };
        let (low, high) = (low.as_micros() as u64, high.as_micros() as u64);
        let micros = self.terrain.tail.draw(&mut self.random, low, high);
        now.after(Duration::from_micros(micros)).after(self.terrain.distance(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terrain::{Echoes, Lanes};
    use quorate::NodeId;

    const A: Principal = Principal::Node(NodeId(0));
    const B: Principal = Principal::Node(NodeId(1));

    fn stormy() -> Network {
        let delay = Delay {
            min: Duration::from_micros(10),
            max: Duration::from_micros(20),
            spikes: 100,
            spike: Duration::from_micros(500),
        };
        Network::new(Weather { loss: 200, duplicates: 300, delay }, Random::new(1))
    }

    #[test]
    fn loss_duplicates_and_delays_are_as_told() {
        let mut network = stormy();
        let mut late = 0;
        for _ in 0..10_000 {
            for arrival in network.arrivals(Instant::ZERO, A, B).into_iter().flatten() {
                assert!((10..=500).contains(&arrival.as_micros()));
                late += u32::from(arrival.as_micros() > 20);
            }
        }
        let Traffic { sent, lost, cut, duplicated, .. } = network.traffic();
        assert_eq!((sent, cut), (10_000, 0));
        assert!((1800..2200).contains(&lost), "{lost} of 10000 lost at 20 %");
        assert!((2200..2600).contains(&duplicated), "{duplicated} of 8000 doubled at 30 %");
        assert!((800..1300).contains(&late), "{late} of about 10400 held up at 10 %");
    }

    #[test]
    fn a_cut_is_one_way_until_it_is_healed() {
        let mut network = Network::new(Weather::FAIR, Random::new(1));
        let cut = Cut { from: [A].into(), to: [B].into() };
        let number = network.cut(cut);
        assert_eq!(network.arrivals(Instant::ZERO, A, B), [None; 3]);
        assert!(network.arrivals(Instant::ZERO, B, A)[0].is_some());
        network.heal(number);
        assert!(network.arrivals(Instant::ZERO, A, B)[0].is_some());
    }

    #[test]
    fn what_the_terrain_says_happens_to_messages() {
        let mut network = Network::new(Weather::FAIR, Random::new(1));
        let (echo, bytes) = (Duration::from_secs(10), 1_000);
        network.terrain.echoes = Echoes { permille: 500, within: echo };
        network.terrain.lanes = Lanes { bandwidth: 1_000_000, queue: Duration::from_millis(500) };
        network.terrain.distances.insert((A, B), Duration::from_millis(70));
        let millis = |at: Instant| at.as_micros() / 1_000;
        let mut late = 0;
        for message in 0..1_000 {
            let [first, twice, echo] = network.carry(Instant::ZERO, A, B, bytes);
            let expected = (message < 500).then_some(1 + 70 + message + 1);
            assert_eq!((first.map(millis), twice), (expected, None));
            late += u32::from(echo.is_some_and(|echo| millis(echo) > 5_000));
        }
        let Traffic { sent, replayed, queued, overflowed, .. } = network.traffic();
        assert_eq!((sent, queued, overflowed), (1_000, 499, 500));
        assert!((200..300).contains(&replayed), "{replayed} of 500 replayed at 50 %");
        assert!((80..170).contains(&late), "{late} of about 250 more than 5 s later");
        let [back, ..] = network.carry(Instant::ZERO, B, A, bytes);
        assert_eq!(back.map(millis), Some(2), "the way back is another link");
    }
}
