//! The virtual network: every message meets its fate when it is sent.

use crate::random::Random;
use core::num::NonZeroU64;
use core::time::Duration;
use quorate::{Instant, Principal};
use std::collections::{BTreeMap, BTreeSet};

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
}

/// When the copies of a message arrive; none if it is lost.
pub type Arrivals = [Option<Instant>; 2];

/// The virtual network.
#[derive(Clone, Debug)]
pub struct Network {
    /// What happens to messages now.
    pub weather: Weather,
    /// Bytes a second that each sender's line carries: what it says to all it says to each of
    /// them, one message after another. `None`: any number.
    pub line: Option<NonZeroU64>,
    /// Until when the lines carry what was sent.
    busy: BTreeMap<Principal, Instant>,
    cuts: Vec<(usize, Cut)>,
    next_cut: usize,
    traffic: Traffic,
    random: Random,
}

impl Network {
    /// A whole network with this weather.
    #[must_use]
    pub const fn new(weather: Weather, random: Random) -> Self {
        let traffic = Traffic { sent: 0, lost: 0, cut: 0, duplicated: 0 };
        Self {
            weather,
            line: None,
            busy: BTreeMap::new(),
            cuts: Vec::new(),
            next_cut: 0,
            traffic,
            random,
        }
    }

    /// When the last byte of a message that is handed over now has left its sender.
    pub fn departure(&mut self, now: Instant, from: Principal, bytes: usize) -> Instant {
        let Some(line) = self.line else { return now };
        let micros = (bytes as u64).saturating_mul(1_000_000).div_ceil(line.get());
        let busy = self.busy.entry(from).or_default();
        *busy = now.max(*busy).after(Duration::from_micros(micros));
        *busy
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

    /// Decides when a message that is sent now arrives.
    pub fn arrivals(&mut self, now: Instant, from: Principal, to: Principal) -> Arrivals {
        self.traffic.sent += 1;
        if self.cuts.iter().any(|(_, cut)| cut.from.contains(&from) && cut.to.contains(&to)) {
            self.traffic.cut += 1;
            return [None; 2];
        }
        if self.random.chance(self.weather.loss) {
            self.traffic.lost += 1;
            return [None; 2];
        }
        let first = Some(self.arrival(now));
        if !self.random.chance(self.weather.duplicates) {
            return [first, None];
        }
        self.traffic.duplicated += 1;
        [first, Some(self.arrival(now))]
    }

    fn arrival(&mut self, now: Instant) -> Instant {
        let Delay { min, max, spikes, spike } = self.weather.delay;
        let (low, high) = if self.random.chance(spikes) { (max, spike) } else { (min, max) };
        let micros = self.random.between(low.as_micros() as u64, high.as_micros() as u64);
        now.after(Duration::from_micros(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let Traffic { sent, lost, cut, duplicated } = network.traffic();
        assert_eq!((sent, cut), (10_000, 0));
        assert!((1800..2200).contains(&lost), "{lost} of 10000 lost at 20 %");
        assert!((2200..2600).contains(&duplicated), "{duplicated} of 8000 doubled at 30 %");
        assert!((800..1300).contains(&late), "{late} of about 10400 held up at 10 %");
    }

    #[test]
    fn a_line_carries_one_message_after_another_at_its_speed() {
        let mut network = Network::new(Weather::FAIR, Random::new(1));
        let at = Instant::from_micros;
        assert_eq!(network.departure(at(5), A, 1 << 40), at(5));
        network.line = NonZeroU64::new(1_000_000);
        assert_eq!(network.departure(at(5), A, 100), at(105));
        assert_eq!(network.departure(at(5), A, 100), at(205));
        assert_eq!(network.departure(at(5), B, 1), at(6), "each has its own");
        assert_eq!(network.departure(at(1_000), A, 0), at(1_000));
    }

    #[test]
    fn a_cut_is_one_way_until_it_is_healed() {
        let mut network = Network::new(Weather::FAIR, Random::new(1));
        let cut = Cut { from: [A].into(), to: [B].into() };
        let number = network.cut(cut);
        assert_eq!(network.arrivals(Instant::ZERO, A, B), [None; 2]);
        assert!(network.arrivals(Instant::ZERO, B, A)[0].is_some());
        network.heal(number);
        assert!(network.arrivals(Instant::ZERO, A, B)[0].is_some());
    }
}
