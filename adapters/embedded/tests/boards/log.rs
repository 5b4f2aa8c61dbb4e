//! The log on flash: every cut of the power, every flipped bit.

use crate::chip::{Chip, NoPower};
use crate::keys::node;
use crate::rng::Rng;
use quorate::pbft::Sequence;
use quorate::wire::Bytes;
use quorate::{Digest, Principal};
use quorate_embedded::flash::{Blocking, FlashError, FlashLog, Owner};
use quorate_embedded::{Journal, Kept, Ledger, Recall, Visit, wait};

const OWNER: Owner = Owner { cluster: Digest([7; 32]), epoch: 3, me: node(2) };
const LONGEST: usize = 1200;
type Log<const W: usize, const P: usize> = FlashLog<Blocking<Chip<W, P>>, LONGEST>;
type Fault = FlashError<NoPower>;

/// What a log is to contain.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Record(Vec<u8>),
    Checkpoint(u64, Vec<u8>, Vec<u8>),
}

impl Entry {
    /// None of its parts is longer than `longest`.
    fn random(rng: &mut Rng, longest: usize) -> Self {
        match rng.below(5) {
            0 => Self::Checkpoint(rng.next(), rng.bytes(longest / 3), rng.bytes(longest / 2)),
            1 => Self::Record(rng.bytes(longest)),
            _ => Self::Record(rng.bytes(longest / 8)),
        }
    }

    fn kept(&self) -> Option<Kept<'_>> {
        let Self::Checkpoint(sequence, clients, state) = self else { return None };
        Some(Kept { sequence: Sequence(*sequence), clients, state })
    }

    fn record(&self) -> Option<Bytes<'_>> {
        let Self::Record(bytes) = self else { return None };
        Some(Bytes(bytes))
    }
}

/// Something that is done to a log.
#[derive(Clone, Debug)]
enum Deed {
    Put(Entry),
    Rotate(Vec<Entry>),
}

impl Deed {
    fn apply(&self, model: &mut Vec<Entry>) {
        match self {
            Self::Put(entry) => model.push(entry.clone()),
            Self::Rotate(entries) => model.clone_from(entries),
        }
    }

    fn perform<J: Journal>(&self, log: &mut J) -> Result<(), J::Error> {
        match self {
            Self::Put(entry) => match (entry.kept(), entry.record()) {
                (Some(kept), _) => wait(log.keep(kept)),
                (_, record) => wait(log.append(&record.unwrap())),
            },
            Self::Rotate(entries) => {
                let checkpoints = entries.iter().filter_map(Entry::kept);
                wait(log.rotate(checkpoints, entries.iter().filter_map(Entry::record)))
            }
        }
    }
}

/// Takes everything down.
#[derive(Default)]
struct Reader {
    entries: Vec<Entry>,
    part: Vec<u8>,
}

impl Visit for Reader {
    type Error = ();

    fn record(&mut self, record: &[u8]) -> Result<(), ()> {
        let bytes: Bytes<'_> = quorate::wire::decode(record).unwrap();
        self.entries.push(Entry::Record(bytes.0.to_vec()));
        Ok(())
    }

    fn checkpoint(&mut self, at: usize, part: &[u8], last: bool) -> Result<(), ()> {
        if at == 0 {
            self.part.clear();
        }
        assert_eq!(self.part.len(), at);
        self.part.extend_from_slice(part);
        if last {
            let (sequence, rest) = self.part.split_first_chunk::<8>().unwrap();
            let (clients, rest) = rest.split_first_chunk::<4>().unwrap();
            let (clients, state) = rest.split_at(u32::from_le_bytes(*clients) as usize);
            let sequence = u64::from_le_bytes(*sequence);
            self.entries.push(Entry::Checkpoint(sequence, clients.to_vec(), state.to_vec()));
        }
        Ok(())
    }
}

fn open<const W: usize, const P: usize>(chip: &Chip<W, P>) -> Result<Log<W, P>, Fault> {
    let region = 0..chip.len() as u32;
    wait(FlashLog::open(Blocking(chip.clone()), region, OWNER))
}

fn read<const W: usize, const P: usize>(log: &mut Log<W, P>) -> Result<Vec<Entry>, Fault> {
    let mut reader = Reader::default();
    wait(log.recall(&mut reader))?.unwrap();
    Ok(reader.entries)
}

/// Entries, and in the midst of them a rotation.
fn deeds(seed: u64, count: usize, longest: usize) -> Vec<Deed> {
    let mut rng = Rng::new(seed);
    let put = |_| Deed::Put(Entry::random(&mut rng, longest));
    let mut deeds: Vec<Deed> = (0..count).map(put).collect();
    // Checkpoints are carried over before records.
    let checkpoint = Entry::Checkpoint(8, vec![1; longest / 8], vec![2; longest / 3]);
    let carried = vec![checkpoint, Entry::Record(vec![3; longest / 8])];
    deeds.insert(count * 2 / 3, Deed::Rotate(carried));
    deeds
}

/// Does the deeds until the power goes; returns what is then there for certain, and what may be.
fn work<const W: usize, const P: usize>(
    chip: &Chip<W, P>,
    deeds: &[Deed],
    model: &mut Vec<Entry>,
) -> Vec<Entry> {
    let Ok(mut log) = open(chip) else {
        assert!(!chip.has_power(), "{:?}", open(chip));
        return model.clone();
    };
    for deed in deeds {
        let mut then = model.clone();
        deed.apply(&mut then);
        match deed.perform(&mut log) {
            Ok(()) => *model = then,
            Err(error) => {
                assert!(!chip.has_power(), "{error:?}");
                return then;
            }
        }
    }
    model.clone()
}

/// Cuts the power at every word of a run, again while the log is opened after that, and goes on.
fn every_cut<const W: usize, const P: usize>(
    pages: usize,
    seed: u64,
    (count, longest): (usize, usize),
) {
    let deeds = deeds(seed, count, longest);
    let whole = Chip::<W, P>::new(pages);
    work(&whole, &deeds, &mut Vec::new());
    let (words, _) = whole.wear();
    for fuel in 0..=words {
        let chip = Chip::<W, P>::new(pages);
        chip.cut_after(Some(fuel));
        let mut model = Vec::new();
        let maybe = work(&chip, &deeds, &mut model);
        // More cuts, not far from the first: in what the next starts do.
        for more in [fuel % 23, fuel % 5, fuel % 7] {
            chip.cut_after(Some(more));
            let _ = open(&chip);
        }
        chip.cut_after(None);
        let context = format!("words of {W}, pages of {P}, cut after {fuel} of {words}");
        let mut log = open(&chip).unwrap_or_else(|error| panic!("{context}: {error:?}"));
        let mut found = read(&mut log).unwrap();
        assert!(found == model || found == maybe, "{context}");
        for deed in &deeds[..2] {
            deed.perform(&mut log).unwrap();
            deed.apply(&mut found);
        }
        drop(log);
        assert_eq!(read(&mut open(&chip).unwrap()).unwrap(), found, "{context}");
    }
}

#[test]
fn the_power_may_go_at_every_word() {
    every_cut::<4, 512>(24, 1, (8, 600));
    every_cut::<1, 256>(8, 2, (6, 90));
    every_cut::<8, 2048>(8, 3, (8, 1000));
    every_cut::<32, 4096>(8, 4, (12, 1000));
}

#[test]
fn a_flipped_bit_before_the_last_mark_is_noticed() {
    let deeds = deeds(5, 10, 1000);
    let chip = Chip::<4, 512>::new(48);
    let mut model = Vec::new();
    work(&chip, &deeds, &mut model);
    // The mark of another start.
    drop(open(&chip).unwrap());
    let mut noticed = 0;
    for byte in 0..chip.len() {
        let bit = byte % 8;
        let twin = chip.twin();
        if !twin.rot(byte, bit) {
            continue;
        }
        match open(&twin).and_then(|mut log| read(&mut log)) {
            Ok(found) => assert_eq!(found, model, "byte {byte}, bit {bit}"),
            Err(FlashError::Damaged(_) | FlashError::OtherOwner) => noticed += 1,
            Err(other) => panic!("byte {byte}, bit {bit}: {other:?}"),
        }
    }
    assert!(noticed > 1000, "{noticed}");
}

/// The last write can have been cut short, and so can the mark of each start after that. Records
/// before the last one can not.
#[test]
fn records_that_no_cut_can_have_spoiled_are_damage() {
    for (size, starts) in [(20, 0), (90, 0), (200, 0), (90, 3)] {
        for rotten in 0..5u8 {
            let chip = Chip::<4, 512>::new(48);
            let mut log = open(&chip).unwrap();
            let entry = |at| Entry::Record(vec![at; size]);
            let entries: Vec<_> = (1..10).map(entry).collect();
            for entry in &entries {
                wait(log.append(&entry.record().unwrap())).unwrap();
            }
            drop(log);
            for last in 10 - rotten..10 {
                chip.rot(chip.find(last, 12).unwrap(), 3);
            }
            // Starts whose marks are cut short after their headers.
            for _ in 0..starts {
                chip.cut_after(Some(4));
                assert!(open(&chip).is_err());
                chip.cut_after(None);
            }
            let found = open(&chip).and_then(|mut log| read(&mut log));
            let context = format!("{rotten} of {size} bytes, {starts} starts");
            match rotten {
                0 | 1 => {
                    assert_eq!(found.unwrap(), entries[..9 - usize::from(rotten)], "{context}")
                }
                _ => assert!(matches!(found, Err(FlashError::Damaged(_))), "{context}"),
            }
        }
    }
}

#[test]
fn a_log_of_somebody_else_is_refused() {
    let chip = Chip::<4, 512>::new(8);
    drop(open(&chip).unwrap());
    let region = 0..chip.len() as u32;
    let owners = [
        Owner { me: node(1), ..OWNER },
        Owner { me: Principal::Client(quorate::ClientId(2)), ..OWNER },
        Owner { cluster: Digest([8; 32]), ..OWNER },
        Owner { epoch: 4, ..OWNER },
    ];
    for owner in owners {
        let log: Result<Log<4, 512>, Fault> =
            wait(FlashLog::open(Blocking(chip.clone()), region.clone(), owner));
        assert_eq!(log.map(|_| ()).unwrap_err(), FlashError::OtherOwner);
    }
}

#[test]
fn a_full_log_and_a_long_record_are_refused_and_nothing_leaves_after() {
    let chip = Chip::<4, 512>::new(4);
    let mut ledger = Ledger::new(open(&chip).unwrap());
    let mut appended = 0;
    while wait(ledger.append(&Bytes(&[appended; 200]))).is_ok() {
        assert!(ledger.durable().is_some());
        appended += 1;
    }
    assert!(appended > 2);
    assert!(ledger.durable().is_none(), "a proof after a failed write");
    assert!(wait(ledger.append(&Bytes(b"more"))).is_err());
    let mut log = open(&chip).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(read(&mut log).unwrap().len() >= usize::from(appended));
    let mut ledger = Ledger::new(open(&Chip::<4, 512>::new(16)).unwrap());
    assert!(wait(ledger.append(&Bytes(&[0; LONGEST]))).is_err());
    assert!(ledger.durable().is_none());
}

/// A log with no room left, not even for the mark of a start, can be read back and rotated.
#[test]
fn a_log_that_is_full_to_the_brim_is_opened_and_gone_on_with() {
    let chip = Chip::<4, 512>::new(4);
    let mut log = open(&chip).unwrap();
    let mut kept = Vec::new();
    for size in [200, 50, 10, 0] {
        loop {
            let entry = Entry::Record(vec![kept.len() as u8; size]);
            if wait(log.append(&entry.record().unwrap())).is_err() {
                break;
            }
            kept.push(entry);
        }
    }
    drop(log);
    for _ in 0..3 {
        let mut log = open(&chip).unwrap_or_else(|error| panic!("{error:?}"));
        assert!(log.is_long());
        assert_eq!(read(&mut log).unwrap(), kept);
    }
    let mut log = open(&chip).unwrap();
    kept.truncate(1);
    Deed::Rotate(kept.clone()).perform(&mut log).unwrap();
    assert!(!log.is_long());
    let entry = Entry::Record(vec![1; 100]);
    Deed::Put(entry.clone()).perform(&mut log).unwrap();
    kept.push(entry);
    drop(log);
    assert_eq!(read(&mut open(&chip).unwrap()).unwrap(), kept);
}

#[test]
fn regions_that_cannot_work_are_refused() {
    let chip = Chip::<4, 512>::new(8);
    for region in [0..512, 0..1536, 100..1124, 0..0, std::ops::Range { start: 1024, end: 512 }] {
        let log: Result<Log<4, 512>, Fault> =
            wait(FlashLog::open(Blocking(chip.clone()), region.clone(), OWNER));
        assert_eq!(log.map(|_| ()).unwrap_err(), FlashError::Region, "{region:?}");
    }
    let tiny = Chip::<32, 64>::new(8);
    let log: Result<Log<32, 64>, Fault> = wait(FlashLog::open(Blocking(tiny), 0..512, OWNER));
    assert_eq!(log.map(|_| ()).unwrap_err(), FlashError::Region);
}

/// A write that is given up half way, as by an executor that drops its task, is a broken ledger.
#[test]
fn a_write_that_is_given_up_gives_no_proof() {
    struct Slow;
    impl Journal for Slow {
        type Error = ();
        async fn append<R: serde::Serialize>(&mut self, _record: &R) -> Result<(), ()> {
            std::future::pending().await
        }
        async fn keep(&mut self, _checkpoint: Kept<'_>) -> Result<(), ()> {
            Ok(())
        }
        fn is_long(&self) -> bool {
            false
        }
        async fn rotate<'k, R: serde::Serialize>(
            &mut self,
            _checkpoints: impl Iterator<Item = Kept<'k>>,
            _records: impl Iterator<Item = R>,
        ) -> Result<(), ()> {
            Ok(())
        }
    }
    let mut ledger = Ledger::new(Slow);
    assert!(ledger.durable().is_some());
    {
        let mut append = std::pin::pin!(ledger.append(&1u8));
        let mut waking = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(append.as_mut().poll(&mut waking).is_pending());
    }
    assert!(ledger.durable().is_none());
}
