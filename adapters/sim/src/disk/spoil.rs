//! What a disk may do to what it acknowledged, beside the damage to the log in [`Disk::corrupt`]
//! and [`Disk::misdirect`].

use super::{Capture, Disk, Image};
use crate::frames;
use crate::random::Random;
use quorate::Digest;
use std::rc::Rc;

impl Disk {
    /// Loses a record that was durable while later ones stay: its place is as if it had never
    /// been written. Says whether there are two records.
    pub fn lose(&mut self, random: &mut Random) -> bool {
        let log = &mut self.durable.log;
        let starts = frames::starts(log);
        let Some(last) = starts.len().checked_sub(1).filter(|last| *last > 0) else { return false };
        let lost = random.below(last as u64) as usize;
        log[starts[lost]..starts[lost + 1]].fill(0);
        true
    }

    /// Flips a bit of a snapshot's state, of the last one as often as not. Says whether there is
    /// one with any state.
    pub fn corrupt_capture(&mut self, random: &mut Random) -> bool {
        let captures = &mut self.durable.captures;
        let whole = captures.iter().filter(|(_, capture)| !capture.state.is_empty());
        let sequences: Vec<u64> = whole.map(|(sequence, _)| *sequence).collect();
        let Some(last) = sequences.last().copied() else { return false };
        let sequence = if random.chance(500) { last } else { *random.pick(&sequences) };
        let Some(capture) = captures.get_mut(&sequence) else { return false };
        let mut bent = Capture::clone(capture);
        flip(&mut bent.state, random);
        *capture = Rc::new(bent);
        true
    }

    /// Flips a bit of each page that was staged. Says whether there is one.
    pub fn corrupt_staged(&mut self, random: &mut Random) -> bool {
        let staged = &mut self.durable.staged;
        for page in staged.values_mut() {
            let mut bent = page.to_vec();
            flip(&mut bent, random);
            *page = bent.into();
        }
        !staged.is_empty()
    }

    /// The first durable snapshot that is not as it was written.
    #[must_use]
    pub fn spoiled(&self) -> Option<u64> {
        let Image { captures, sums, .. } = &self.durable;
        let spoiled = |(at, capture): &(&u64, &Rc<Capture>)| sums.get(at) != Some(&sum(capture));
        captures.iter().find(spoiled).map(|(at, _)| *at)
    }
}

/// The checksum that is written beside a snapshot.
pub(super) fn sum(capture: &Capture) -> Digest {
    let lengths = [capture.clients.len() as u64, capture.state.len() as u64].map(u64::to_le_bytes);
    Digest::of(&[&lengths.concat()[..], &capture.clients.concat(), &capture.state].concat())
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len() as u64) as usize;
    let bit = random.below(8);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Write;
    use super::*;

    fn durable(writes: impl IntoIterator<Item = Write>) -> Disk {
        let mut disk = Disk::default();
        for write in writes {
            disk.write(write);
            disk.settle(disk.written(), |_| {});
        }
        disk
    }

    #[test]
    fn a_write_that_is_lost_among_others_is_damage() {
        let disk = durable((0..6).map(|n| Write::Record(vec![n; usize::from(n)])));
        for seed in 0..100 {
            let mut disk = disk.clone();
            assert!(disk.lose(&mut Random::new(seed)));
            assert!(disk.read().is_err(), "seed {seed}");
        }
        assert!(!durable([Write::Record(vec![1])]).lose(&mut Random::new(1)), "one is no two");
    }

    #[test]
    fn a_snapshot_that_is_not_as_it_was_written_is_found() {
        let capture = |n: u8| Capture { clients: vec![vec![n]], state: vec![n; 9] };
        let writes = (1..4).map(|n| Write::Capture(u64::from(n) * 4, Rc::new(capture(n))));
        let disk = durable(writes);
        assert_eq!(disk.spoiled(), None);
        let mut hurt = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut disk = disk.clone();
            assert!(disk.corrupt_capture(&mut Random::new(seed)));
            hurt.insert(disk.spoiled().expect("a snapshot has other bits"));
        }
        assert_eq!(hurt.into_iter().collect::<Vec<_>>(), [4, 8, 12]);
        assert!(!Disk::default().corrupt_capture(&mut Random::new(1)), "there is none");
    }

    #[test]
    fn staged_pages_are_other_pages_then() {
        let page = |n: u8| Write::Stage(Digest([n; 32]), [n; 8][..].into());
        let mut disk = durable([page(1), page(2)]);
        let before = disk.settled().1;
        assert!(disk.corrupt_staged(&mut Random::new(3)));
        let after = disk.settled().1;
        assert!(before.iter().all(|(digest, page)| after.get(digest).is_some_and(|it| it != page)));
        assert!(!Disk::default().corrupt_staged(&mut Random::new(3)), "there is none");
    }
}
