//! The virtual disk of one node: what is written becomes durable later, in order.

mod spoil;

use crate::frames::{self, Damage};
use crate::random::Random;
use quorate::{Digest, NodeId};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// A snapshot on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The pages of the client table; none for a protocol without one.
    pub clients: Vec<Vec<u8>>,
    /// The application's state.
    pub state: Vec<u8>,
}

/// Bytes of a sector.
const SECTOR: usize = 512;

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
    /// A page of a snapshot that is being fetched, by its digest.
    Stage(Digest, Rc<[u8]>),
    /// A snapshot that was fetched: those above it, and the pages staged for it, can go.
    Install(u64, Rc<Capture>),
}

/// Pages of a snapshot that is being fetched, by their digests.
pub type Staged = BTreeMap<Digest, Rc<[u8]>>;

/// A disk with a cache: writes become durable in the order in which they were made, some time
/// after. A crash loses the end of what was not durable, and may tear the first record that it
/// loses: the log then ends with some of its bytes.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    durable: Image,
    cached: VecDeque<Write>,
    written: u64,
    /// An older state of the disk, kept aside.
    aside: Option<Image>,
    /// The snapshot that each peer fetches, and how many times more it is not forgotten.
    leases: BTreeMap<NodeId, (u64, u32)>,
}

/// For so many stable checkpoints a snapshot is kept for who has fetched a piece of it.
const LEASE: u32 = 32;

/// What is durable.
#[derive(Clone, Debug, Default)]
struct Image {
    /// Frames, and perhaps a torn one behind them.
    log: Vec<u8>,
    captures: BTreeMap<u64, Rc<Capture>>,
    /// The checksum of each snapshot.
    sums: BTreeMap<u64, Digest>,
    staged: Staged,
}

/// Things that wait until every write before them is durable. There is no other way out.
#[derive(Clone, Debug)]
pub struct Held<T>(VecDeque<(u64, T)>);

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Held<T> {
    /// Holds a thing that depends on everything written to the disk so far.
    pub fn hold(&mut self, disk: &Disk, thing: T) {
        self.0.push_back((disk.written(), thing));
    }

    /// Lets the next thing go, if what it depends on is durable.
    pub fn release(&mut self, disk: &Disk) -> Option<T> {
        self.0.front().filter(|(needs, _)| *needs <= disk.durable())?;
        self.0.pop_front().map(|(_, thing)| thing)
    }

    /// Loses them all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Disk {
    /// Writes to the cache.
    pub fn write(&mut self, write: Write) {
        self.cached.push_back(write);
        self.written += 1;
    }

    /// A peer fetches a snapshot, which is kept for it for a while: one a peer.
    pub fn lease(&mut self, peer: NodeId, sequence: u64) {
        self.leases.insert(peer, (sequence, LEASE));
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
    /// survives, which `each` sees, and of the next one, if it is a record, a random number of
    /// its bytes. Returns how many survived and how many did not.
    pub fn crash(&mut self, random: &mut Random, each: impl FnMut(&Write)) -> (u64, u64) {
        let survive = random.between(0, self.cached.len() as u64);
        let torn = random.clone().below(64) as usize;
        self.cut(survive, torn, each)
    }

    /// Cuts the power after exactly so many writes that were not durable, and so many bytes of
    /// the record after them.
    pub fn cut(&mut self, writes: u64, bytes: usize, each: impl FnMut(&Write)) -> (u64, u64) {
        self.settle(self.durable() + writes, each);
        if let Some(Write::Record(body)) = self.cached.front() {
            let mut log = self.durable.log.clone();
            frames::append(&mut log, self.durable.log.len(), body);
            // The whole of it would be a write that survived.
            log.truncate(log.len().saturating_sub(1).min(self.durable.log.len() + bytes));
            self.durable.log = log;
        }
        let lost = self.cached.len() as u64;
        self.cached.clear();
        self.written -= lost;
        (writes, lost)
    }

    /// Everything that was ever written is lost.
    pub fn wipe(&mut self) {
        let written = self.written;
        *self = Self { written, ..Self::default() };
    }

    /// Reads the durable records, in order, after a crash, and drops a torn tail.
    ///
    /// # Errors
    /// The log is damaged.
    pub fn read(&mut self) -> Result<Vec<Vec<u8>>, Damage> {
        let contents = frames::read(&self.durable.log)?;
        self.durable.log.truncate(contents.end);
        Ok(contents.bodies)
    }

    /// The durable snapshots by sequence.
    #[must_use]
    pub const fn captures(&self) -> &BTreeMap<u64, Rc<Capture>> {
        &self.durable.captures
    }

    /// Keeps the durable state aside, as a backup does.
    pub fn keep_aside(&mut self) {
        self.aside = Some(self.durable.clone());
    }

    /// Goes back to the state that was kept aside. Says whether there was one.
    pub fn roll_back(&mut self) -> bool {
        let aside = self.aside.take();
        let is_there = aside.is_some();
        self.durable = aside.unwrap_or_default();
        is_there
    }

    /// Flips some bits of one sector of the log. Says whether it has any.
    pub fn corrupt(&mut self, random: &mut Random) -> bool {
        let log = &mut self.durable.log;
        let sector = random.below(log.len().div_ceil(SECTOR) as u64) as usize * SECTOR;
        let end = log.len().min(sector + SECTOR);
        for _ in 0..random.between(1, 8) {
            let at = sector + random.below((end - sector) as u64) as usize;
            if let Some(byte) = log.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        !log.is_empty()
    }

    /// Has a record of the log stand in the place of an earlier one, and nothing in its own, as
    /// when a write goes to another address. Says whether there are two.
    pub fn misdirect(&mut self, random: &mut Random) -> bool {
        let log = &mut self.durable.log;
        let starts = frames::starts(log);
        let Some(last) = starts.len().checked_sub(1).filter(|last| *last > 0) else { return false };
        let meant = random.between(1, last as u64) as usize;
        let (from, to) = (starts[meant], starts[random.below(meant as u64) as usize]);
        let end = starts.get(meant + 1).copied().unwrap_or(log.len());
        let frame = log[from..end].to_vec();
        log[from..end].fill(0);
        log[to..to + frame.len()].copy_from_slice(&frame);
        true
    }

    /// A snapshot, durable or still in the cache.
    #[must_use]
    pub fn capture(&self, sequence: u64) -> Option<Rc<Capture>> {
        let cached = self.cached.iter().rev().find_map(|write| match write {
            Write::Capture(at, capture) | Write::Install(at, capture) if *at == sequence => {
                Some(capture)
            }
            _ => None,
        });
        cached.or_else(|| self.durable.captures.get(&sequence)).cloned()
    }

    /// Snapshots, and pages staged for one, as they will be when everything is durable.
    #[must_use]
    pub fn settled(&self) -> (BTreeMap<u64, Rc<Capture>>, Staged) {
        let Image { captures, sums, staged, .. } = self.durable.clone();
        let durable = Image { captures, sums, staged, ..Image::default() };
        let mut disk = Self { durable, ..Self::default() };
        for write in &self.cached {
            if !matches!(write, Write::Record(_) | Write::Rewrite(_)) {
                disk.apply(write.clone());
            }
        }
        (disk.durable.captures, disk.durable.staged)
    }

    fn apply(&mut self, write: Write) {
        let Image { log, captures, sums, staged } = &mut self.durable;
        match write {
            Write::Record(record) => frames::append(log, log.len(), &record),
            Write::Rewrite(records) => {
                log.clear();
                records.iter().for_each(|record| frames::append(log, log.len(), record));
            }
            Write::Capture(sequence, capture) => {
                sums.insert(sequence, spoil::sum(&capture));
                captures.insert(sequence, capture);
            }
            Write::Forget(below) => {
                self.leases.retain(|_, (_, left)| {
                    *left = left.saturating_sub(1);
                    *left > 0
                });
                let leased = |at| self.leases.values().any(|(sequence, _)| *sequence == at);
                captures.retain(|at, _| *at >= below || leased(*at));
                sums.retain(|at, _| captures.contains_key(at));
            }
            Write::Stage(digest, page) => {
                staged.insert(digest, page);
            }
            Write::Install(sequence, capture) => {
                captures.split_off(&sequence);
                sums.insert(sequence, spoil::sum(&capture));
                captures.insert(sequence, capture);
                staged.clear();
            }
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
            assert_eq!(disk.read().unwrap(), expected);
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
        assert_eq!(disk.read().unwrap(), [[1]]);
        disk.settle(disk.written(), |_| {});
        assert_eq!(disk.read().unwrap(), [[9]]);
    }

    #[test]
    fn a_record_torn_at_any_byte_is_dropped_and_the_log_goes_on() {
        for bytes in 0..40 {
            let mut disk = Disk::default();
            (0..3).for_each(|n| disk.write(record(n)));
            disk.cut(1, bytes, |_| {});
            assert_eq!(disk.read().unwrap(), [[0]], "{bytes} bytes");
            disk.write(record(7));
            disk.settle(disk.written(), |_| {});
            assert_eq!(disk.read().unwrap(), [[0], [7]], "{bytes} bytes");
        }
    }

    #[test]
    fn what_waits_leaves_only_when_what_it_depends_on_is_durable() {
        let (mut disk, mut held) = (Disk::default(), Held::default());
        held.hold(&disk, 'a');
        disk.write(record(1));
        held.hold(&disk, 'b');
        assert_eq!((held.release(&disk), held.release(&disk)), (Some('a'), None));
        disk.write(record(2));
        disk.settle(1, |_| {});
        held.hold(&disk, 'c');
        assert_eq!((held.release(&disk), held.release(&disk)), (Some('b'), None));
    }

    #[test]
    fn damage_stops_and_a_disk_rolled_back_is_whole_and_old() {
        let mut disk = Disk::default();
        (0..200).for_each(|n| disk.write(record(n)));
        disk.settle(100, |_| {});
        disk.keep_aside();
        disk.settle(200, |_| {});
        for seed in 0..50 {
            let mut hurt = disk.clone();
            assert!(hurt.corrupt(&mut Random::new(seed)));
            // What is damaged in the last record cannot be told from a torn one.
            let read = hurt.read().map_or(0, |records| records.len());
            assert!(read == 0 || read == 199 || read == 200, "seed {seed}: {read}");
        }
        assert!(disk.roll_back());
        assert_eq!(disk.read().unwrap().len(), 100);
    }

    #[test]
    fn a_record_in_the_place_of_another_is_damage() {
        let (mut damaged, mut shorter) = (0, 0);
        for seed in 0..200 {
            let mut disk = Disk::default();
            (0..5).for_each(|n| disk.write(Write::Record(vec![n; usize::from(n)])));
            assert!(!disk.clone().misdirect(&mut Random::new(seed)), "nothing is durable");
            for written in 1..=5 {
                disk.settle(written, |_| {});
            }
            assert!(disk.misdirect(&mut Random::new(seed)));
            match disk.read() {
                Err(_) => damaged += 1,
                // What it destroyed reaches to the end of the log, which passes for torn.
                Ok(records) => {
                    assert!(records.len() < 4, "seed {seed}");
                    shorter += 1;
                }
            }
        }
        assert!(damaged > 150 && shorter > 0, "{damaged} {shorter}");
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

    #[test]
    fn a_snapshot_that_is_fetched_is_kept_for_a_while() {
        let mut disk = Disk::default();
        let capture = Rc::new(Capture { clients: Vec::new(), state: Vec::new() });
        [4, 8]
            .into_iter()
            .for_each(|sequence| disk.write(Write::Capture(sequence, Rc::clone(&capture))));
        disk.lease(NodeId(1), 4);
        disk.lease(NodeId(2), 4);
        disk.lease(NodeId(1), 8);
        for round in 1..=LEASE {
            disk.write(Write::Forget(12));
            disk.settle(disk.written(), |_| {});
            assert_eq!(disk.captures().len(), if round < LEASE { 2 } else { 0 }, "{round}");
        }
    }
}
