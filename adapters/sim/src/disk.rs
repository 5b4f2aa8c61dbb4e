//! The virtual disk of one node: what is written becomes durable later, in order.

use crate::random::Random;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// A snapshot on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The client table, encoded; empty for a protocol without one.
    pub clients: Vec<u8>,
    /// The application's state.
    pub state: Vec<u8>,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A record at the end of the log.
    Record(Vec<u8>),
    /// A fresh log in place of the old one.
    Rewrite(Vec<Vec<u8>>),
    /// A snapshot, by its sequence.
    Capture(u64, Rc<Capture>),
    /// All snapshots below a sequence can go.
    Forget(u64),
}

/// A disk with a cache: writes become durable in the order in which they were made, some time
/// after. A crash loses the end of what was not durable: a random number of the last writes.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    records: Vec<Vec<u8>>,
    captures: BTreeMap<u64, Rc<Capture>>,
    cached: VecDeque<Write>,
    written: u64,
}

impl Disk {
    /// Writes to the cache.
    pub fn write(&mut self, write: Write) {
        self.cached.push_back(write);
        self.written += 1;
    }

    /// How many writes were made, all told. A send that depends on them waits until
    /// [`Disk::durable`] says as much.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// How many writes are durable.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.written - self.cached.len() as u64
    }

    /// Makes the first `written` writes durable; `each` sees those that were not.
    pub fn settle(&mut self, written: u64, mut each: impl FnMut(&Write)) {
        while self.durable() < written {
            let Some(write) = self.cached.pop_front() else { return };
            each(&write);
            self.apply(write);
        }
    }

    /// Cuts the power. Of the writes that were not durable a random number of the first ones
    /// survives, which `each` sees. Returns how many survived and how many did not.
    pub fn crash(&mut self, random: &mut Random, each: impl FnMut(&Write)) -> (u64, u64) {
        let survive = random.between(0, self.cached.len() as u64);
        self.settle(self.durable() + survive, each);
        let lost = self.cached.len() as u64;
        self.cached.clear();
        self.written -= lost;
        (survive, lost)
    }

    /// Everything that was ever written is lost.
    pub fn wipe(&mut self) {
        let written = self.written;
        *self = Self { written, ..Self::default() };
    }

    /// The durable records, in order.
    #[must_use]
    pub fn records(&self) -> &[Vec<u8>] {
        &self.records
    }

    /// The durable snapshots by sequence.
    #[must_use]
    pub const fn captures(&self) -> &BTreeMap<u64, Rc<Capture>> {
        &self.captures
    }

    /// A snapshot, durable or still in the cache.
    #[must_use]
    pub fn capture(&self, sequence: u64) -> Option<Rc<Capture>> {
        let cached = self.cached.iter().rev().find_map(|write| match write {
            Write::Capture(at, capture) if *at == sequence => Some(capture),
            _ => None,
        });
        cached.or_else(|| self.captures.get(&sequence)).cloned()
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Record(record) => self.records.push(record),
            Write::Rewrite(records) => self.records = records,
            Write::Capture(sequence, capture) => {
                self.captures.insert(sequence, capture);
            }
            Write::Forget(below) => self.captures = self.captures.split_off(&below),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u8) -> Write {
        Write::Record(vec![n])
    }

    #[test]
    fn a_crash_keeps_what_was_durable_and_a_prefix_of_the_rest() {
        let mut seen = [false; 4];
        for seed in 0..100 {
            let mut disk = Disk::default();
            disk.write(record(0));
            disk.settle(1, |_| {});
            (1..4).for_each(|n| disk.write(record(n)));
            assert_eq!((disk.written(), disk.durable()), (4, 1));
            let (survived, lost) = disk.crash(&mut Random::new(seed), |_| {});
            assert_eq!(survived + lost, 3);
            let expected: Vec<_> = (0..=survived as u8).map(|n| vec![n]).collect();
            assert_eq!(disk.records(), expected);
            assert_eq!(disk.written(), disk.durable());
            seen[survived as usize] = true;
        }
        assert_eq!(seen, [true; 4], "every prefix survives in some run");
    }

    #[test]
    fn a_fresh_log_replaces_the_old_one_only_when_it_is_durable() {
        let mut disk = Disk::default();
        disk.write(record(1));
        disk.settle(1, |_| {});
        disk.write(Write::Rewrite(vec![vec![9]]));
        assert_eq!(disk.records(), [[1]]);
        disk.settle(disk.written(), |_| {});
        assert_eq!(disk.records(), [[9]]);
    }

    #[test]
    fn snapshots_are_forgotten_below_a_sequence() {
        let mut disk = Disk::default();
        for sequence in [4, 8, 12] {
            let capture = Capture { clients: Vec::new(), state: vec![sequence as u8] };
            disk.write(Write::Capture(sequence, Rc::new(capture)));
        }
        assert_eq!(disk.capture(8).map(|c| c.state.clone()), Some(vec![8]));
        disk.write(Write::Forget(8));
        disk.settle(disk.written(), |_| {});
        assert_eq!(disk.captures().keys().copied().collect::<Vec<_>>(), [8, 12]);
        assert_eq!(disk.capture(4), None);
    }
}
