//! Which faults happen, in which order and for how long: the same for the same seed.

use crate::cluster::Cut;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// What happens to a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// SIGKILL; later it is started again.
    Kill,
    /// SIGSTOP; later SIGCONT.
    Pause,
    /// SIGKILL, and its data directory is removed; later it is started with `--recover`.
    Wipe,
    /// Its links to the other replicas are cut; later they are mended.
    Cut(Cut),
    /// It lies in every vote and every reply; later it is killed and started as an honest one.
    /// Its disk is kept: lies are put into what leaves, so its log is an honest replica's.
    Lie,
}

/// All kinds. Only Unix has a signal for the pause.
const KINDS: &[Kind] = &[
    Kind::Kill,
    #[cfg(unix)]
    Kind::Pause,
    Kind::Wipe,
    Kind::Cut(Cut::Severed),
    Kind::Lie,
];

/// The shortest that a fault lasts.
const SHORTEST: Duration = Duration::from_millis(50);

/// What most faults last at most: several timeouts of a view.
const LONG: Duration = Duration::from_secs(4);

/// What one in [`RARE`] lasts at most: longer than a silent link is kept.
const LONGEST: Duration = Duration::from_secs(20);

/// One fault in so many is a long one.
const RARE: u64 = 8;

/// The longest rest behind a fault.
const REST: Duration = Duration::from_secs(1);

/// One fault of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) replica: usize,
    /// How long it lasts, before it is healed.
    pub(super) lasts: Duration,
    /// How long nothing happens once it is healed.
    pub(super) rest: Duration,
}

/// Faults without end. Of any five in turn each kind is one.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    noise: u64,
    replicas: usize,
    /// The kinds that have yet to come in this turn.
    left: Vec<Kind>,
}

impl Schedule {
    /// The faults of a seed.
    pub(super) fn new(seed: u64, replicas: usize) -> Self {
        Self { noise: seed, replicas, left: Vec::new() }
    }

    /// A number below `limit`; splitmix64.
    fn below(&mut self, limit: u64) -> u64 {
        self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.noise ^ (self.noise >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    fn time(&mut self, least: Duration, most: Duration) -> Duration {
        least + Duration::from_micros(self.below((most - least).as_micros() as u64))
    }
}

impl Iterator for Schedule {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        if self.left.is_empty() {
            self.left.extend(KINDS);
        }
        let at = self.below(self.left.len() as u64) as usize;
        let mut kind = self.left.swap_remove(at);
        if let Kind::Cut(cut) = &mut kind
            && self.below(2) == 0
        {
            *cut = Cut::Silent;
        }
        let replica = self.below(self.replicas as u64) as usize;
        let most = if self.below(RARE) == 0 { LONGEST } else { LONG };
        let lasts = self.time(SHORTEST, most);
        let rest = self.time(Duration::ZERO, REST);
        Some(Fault { kind, replica, lasts, rest })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Kill => "was dead",
            Kind::Pause => "was paused",
            Kind::Wipe => "was dead and lost its disk",
            Kind::Cut(Cut::Severed) => "was cut off",
            Kind::Cut(Cut::Silent) => "was cut off without a word",
            Kind::Lie => "lied",
        };
        write!(f, "replica {} {what} for {:.1} s", self.replica, self.lasts.as_secs_f64())
    }
}

/// How many faults of each kind there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    kill: u64,
    pause: u64,
    wipe: u64,
    cut: u64,
    lie: u64,
}

impl Faults {
    /// There was one more.
    pub(super) fn count(&mut self, kind: Kind) {
        *match kind {
            Kind::Kill => &mut self.kill,
            Kind::Pause => &mut self.pause,
            Kind::Wipe => &mut self.wipe,
            Kind::Cut(_) => &mut self.cut,
            Kind::Lie => &mut self.lie,
        } += 1;
    }

    /// An object with a number for each kind.
    pub(super) fn to_json(self) -> Value {
        let fields = self.named().map(|(name, count)| (name.to_owned(), Value::from(count)));
        Value::Object(Map::from_iter(fields))
    }

    fn named(self) -> [(&'static str, u64); 5] {
        let Self { kill, pause, wipe, cut, lie } = self;
        [("kill", kill), ("pause", pause), ("wipe", wipe), ("cut", cut), ("lie", lie)]
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.named().into_iter().filter(|(_, count)| *count > 0);
        let seen: Vec<_> = seen.map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&if seen.is_empty() { "none".to_owned() } else { seen.join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_another_one_does_not() {
        let faults = |seed| Schedule::new(seed, 4).take(100).collect::<Vec<_>>();
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7), faults(8));
    }

    #[test]
    fn every_kind_has_its_turn_with_every_replica_and_times_stay_in_bounds() {
        let faults: Vec<_> = Schedule::new(7, 4).take(1_000).collect();
        for five in faults.chunks(KINDS.len()) {
            let mut count = Faults::default();
            five.iter().for_each(|fault| count.count(fault.kind));
            let once = |(name, count)| count == 1 || (name == "pause" && cfg!(not(unix)));
            assert!(count.named().into_iter().all(once), "{count}");
        }
        for replica in 0..4 {
            for cut in [Cut::Severed, Cut::Silent] {
                let this = |fault: &Fault| (fault.replica, fault.kind) == (replica, Kind::Cut(cut));
                assert!(faults.iter().any(this));
            }
        }
        assert!(faults.iter().all(|fault| (SHORTEST..=LONGEST).contains(&fault.lasts)));
        assert!(faults.iter().all(|fault| fault.rest <= REST));
        let long = faults.iter().filter(|fault| fault.lasts > LONG).count();
        assert!((1..250).contains(&long), "{long} of 1,000 are long");
    }
}
