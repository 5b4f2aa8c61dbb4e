//! The log and the checkpoints under damage: what was never durable goes, what was is either
//! read back as it was written or refused.

use super::{Checkpoints, Counts, Directory, DiskError, Log, Owner, Recovered, Staging};
use quorate::pbft::{Part, Place, Sequence, Sought, merkle};
use quorate::{Digest, NodeId, wire};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (id, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(format!("quorate-disk-{id}-{count}")))
    }

    fn open(&self) -> Directory {
        Directory::open(&self.0, OWNER).expect("the directory opens")
    }

    fn log(&self) -> PathBuf {
        self.0.join("log-1")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const OWNER: Owner = Owner { cluster: Digest([7; 32]), node: NodeId(2) };

/// Three turns: two records, one, two; each turn synced.
const TURNS: [&[u64]; 3] = [&[1, 2000], &[300_000], &[4, u64::MAX]];

/// Writes a log; returns where each of its turns ends.
fn write(directory: &Directory) -> Vec<u64> {
    let mut log = Log::create(directory).expect("a new log");
    let turn = |records: &&[u64]| {
        records.iter().for_each(|record| log.append(record));
        let _ = log.commit().expect("the turn is synced");
        log.bytes()
    };
    TURNS.iter().map(turn).collect()
}

fn all() -> Vec<u64> {
    TURNS.concat()
}

fn read(directory: &Directory) -> Result<(Vec<u64>, Option<String>), DiskError> {
    let recovered = Recovered::open(directory)?.expect("there is a log");
    let decoded = recovered.records().map(|(_, bytes)| wire::decode(bytes).expect("a number"));
    Ok((decoded.collect(), recovered.note.clone()))
}

fn change(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the file is there");
    how(&mut bytes);
    fs::write(path, bytes).expect("the file is written");
}

#[test]
fn what_was_committed_is_read_back_and_goes_on() {
    let scratch = Scratch::new();
    write(&scratch.open());
    for extra in 0..3u64 {
        let directory = scratch.open();
        let mut recovered = Recovered::open(&directory).expect("it is whole").expect("it is there");
        assert_eq!(recovered.note, None);
        recovered.log.append(&extra);
        let _ = recovered.log.commit().expect("it is synced");
    }
    let (records, note) = read(&scratch.open()).expect("it is whole");
    assert_eq!((records, note), ([all(), vec![0, 1, 2]].concat(), None));
}

#[test]
fn what_was_not_committed_is_not_there() {
    let scratch = Scratch::new();
    let directory = scratch.open();
    write(&directory);
    let mut recovered = Recovered::open(&directory).expect("it is whole").expect("it is there");
    recovered.log.append(&9u64);
    drop(recovered);
    assert_eq!(read(&directory).expect("it is whole").0, all());
}

#[test]
fn a_tail_cut_at_any_byte_is_dropped_and_noted() {
    let scratch = Scratch::new();
    write(&scratch.open());
    let whole = fs::read(scratch.log()).expect("the log is there");
    let ends: Vec<usize> = {
        let directory = scratch.open();
        let recovered = Recovered::open(&directory).expect("it is whole").expect("it is there");
        recovered.records().map(|(at, bytes)| at as usize + bytes.len()).collect()
    };
    let first = whole.len() - (ends[4] - ends[2]);
    assert_eq!(first, ends[2], "two records are in the last turn");
    for length in first..whole.len() {
        fs::write(scratch.log(), &whole[..length]).expect("the log is cut");
        let (records, note) = read(&scratch.open()).expect("a torn tail is no damage");
        let expected = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(records, all()[..expected], "cut to {length}");
        assert_eq!(note.is_some(), !ends.contains(&length), "cut to {length}");
        let (again, note) = read(&scratch.open()).expect("the tail is gone");
        assert_eq!((again, note), (records, None));
    }
}

#[test]
fn garbage_after_the_end_is_a_torn_tail() {
    let scratch = Scratch::new();
    write(&scratch.open());
    for garbage in [vec![0; 100], vec![0xff; 3], vec![0xf5, b'Q', b'R', 0x0a, 1, 0, 0, 0, 0, 0]] {
        change(&scratch.log(), |bytes| bytes.extend(&garbage));
        let (records, note) = read(&scratch.open()).expect("a torn tail is no damage");
        assert_eq!(records, all());
        assert!(note.is_some_and(|note| note.contains(&format!("{} bytes", garbage.len()))));
    }
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_or_was_in_the_last_turn() {
    let scratch = Scratch::new();
    let ends = write(&scratch.open());
    let whole = fs::read(scratch.log()).expect("the log is there");
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(scratch.log(), flipped).expect("a bit is flipped");
        match read(&scratch.open()) {
            Err(DiskError::Damaged { .. } | DiskError::Foreign { .. }) => {}
            Err(error) => panic!("byte {at}: {error}"),
            Ok((records, note)) => {
                assert!(at as u64 >= ends[1], "byte {at} was durable before the last turn");
                assert_eq!(records, all()[..records.len()], "byte {at}");
                assert!(records.len() < all().len() && note.is_some(), "byte {at}");
            }
        }
    }
}

#[test]
fn after_an_orderly_stop_a_flipped_bit_in_any_record_is_noticed() {
    let scratch = Scratch::new();
    let ends = write(&scratch.open());
    drop(Recovered::open(&scratch.open()).expect("it is whole"));
    let whole = fs::read(scratch.log()).expect("the log is there");
    assert!(whole.len() as u64 > ends[2], "a mark follows the records");
    for at in 0..ends[2] as usize {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        fs::write(scratch.log(), flipped).expect("a bit is flipped");
        assert!(read(&scratch.open()).is_err(), "byte {at}");
    }
}

#[test]
fn a_record_in_another_place_or_of_another_log_is_no_record() {
    let scratch = Scratch::new();
    let ends = write(&scratch.open());
    let (first, last) = (ends[1] as usize, ends[2] as usize);
    change(&scratch.log(), |bytes| bytes.extend_from_within(first..last));
    let (records, note) = read(&scratch.open()).expect("a torn tail is no damage");
    assert_eq!((records, note.is_some()), (all(), true));

    let other = Scratch::new();
    write(&other.open());
    let stale = fs::read(other.log()).expect("the other log is there");
    change(&scratch.log(), |bytes| {
        bytes.splice(first..last, stale[first..last].to_vec()).for_each(drop)
    });
    let kept = TURNS[..2].concat();
    match read(&scratch.open()) {
        Ok((records, note)) => assert_eq!((records, note.is_some()), (kept, true)),
        Err(error) => assert!(matches!(error, DiskError::Damaged { .. }), "{error}"),
    }
}

#[test]
fn rotation_keeps_only_what_it_is_given_and_damage_to_it_is_noticed() {
    let scratch = Scratch::new();
    let directory = scratch.open();
    write(&directory);
    let mut recovered = Recovered::open(&directory).expect("it is whole").expect("it is there");
    recovered.log.rotate(&directory, [10u64, 11].into_iter()).expect("it is rotated");
    recovered.log.append(&12u64);
    let _ = recovered.log.commit().expect("it is synced");
    drop(recovered);
    assert!(!scratch.log().exists(), "the old log is gone");
    assert_eq!(read(&directory).expect("it is whole").0, [10, 11, 12]);
    let path = scratch.0.join("log-2");
    let whole = fs::read(&path).expect("the new log is there");
    for at in 0..whole.len() - 2 * 28 - 8 {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).expect("a bit is flipped");
        assert!(read(&directory).is_err(), "byte {at} of what was rotated");
    }
}

#[test]
fn a_crash_during_rotation_leaves_the_old_log_or_the_new_one() {
    let scratch = Scratch::new();
    let directory = scratch.open();
    write(&directory);
    let old = fs::read(scratch.log()).expect("the old log is there");
    fs::write(scratch.0.join("log-2.new"), b"half a lo").expect("a crash before the rename");
    drop(directory);
    let directory = scratch.open();
    assert!(!scratch.0.join("log-2.new").exists(), "what is unfinished goes");
    let mut recovered = Recovered::open(&directory).expect("it is whole").expect("it is there");
    recovered.log.rotate(&directory, [5u64].into_iter()).expect("it is rotated");
    drop(recovered);
    fs::write(scratch.log(), old).expect("a crash before the old one is deleted");
    assert_eq!(read(&directory).expect("the new one is whole").0, [5]);
    assert!(!scratch.log().exists(), "the old one is deleted at last");
}

#[test]
fn a_directory_has_one_owner() {
    let scratch = Scratch::new();
    let first = scratch.open();
    let second = Directory::open(&scratch.0, OWNER);
    let error = second.expect_err("it is locked").to_string();
    assert!(error.contains("another process uses") && error.contains("directory of its own"));
    drop(first);
    drop(scratch.open());
}

#[test]
fn a_log_of_another_cluster_or_replica_is_refused() {
    let scratch = Scratch::new();
    write(&scratch.open());
    for owner in [Owner { cluster: Digest([8; 32]), ..OWNER }, Owner { node: NodeId(3), ..OWNER }] {
        let directory = Directory::open(&scratch.0, owner).expect("the directory opens");
        let refused = Recovered::open(&directory);
        assert!(matches!(refused, Err(DiskError::Foreign { .. })), "{owner:?}");
    }
}

#[test]
fn checkpoints_come_back_whole_or_not_at_all() {
    let scratch = Scratch::new();
    let directory = scratch.open();
    let checkpoints = Checkpoints(&directory);
    let page = |part, index: u32| Ok([part as u8, index as u8, 24].repeat(index as usize));
    let counts = Counts { clients: 2, state: 5 };
    for sequence in [8, 16, 24] {
        checkpoints.store(Sequence(sequence), counts, page).expect("it is stored");
    }
    checkpoints.forget_below(Sequence(16), &[]).expect("one is deleted");
    assert_eq!(checkpoints.sequences().expect("a list"), [Sequence(16), Sequence(24)]);
    assert!(checkpoints.load(Sequence(8)).expect("no error").is_none());
    let loaded = checkpoints.load_whole(Sequence(24)).expect("it is whole").expect("it is there");
    for (part, index) in counts.places() {
        let read = loaded.page(part, index).expect("a page");
        assert_eq!(read, page(part, index).expect("the same"));
    }
    assert_eq!(loaded.clients().expect("the table"), [Part::Clients as u8, 1, 24]);

    let path = checkpoints.path(Sequence(24));
    let whole = fs::read(&path).expect("the file is there");
    for at in 0..whole.len() {
        change(&path, |bytes| bytes[at] ^= 4);
        assert!(checkpoints.load_whole(Sequence(24)).is_err(), "byte {at}");
        fs::write(&path, &whole[..at]).expect("the file is cut");
        assert!(checkpoints.load_whole(Sequence(24)).is_err(), "cut to {at}");
        fs::write(&path, &whole).expect("the file is mended");
    }
    fs::rename(&path, checkpoints.path(Sequence(32))).expect("a file has a wrong name");
    assert!(matches!(checkpoints.load(Sequence(32)), Err(DiskError::Foreign { .. })));
}

/// Bytes of a sector.
const SECTOR: usize = 64;

#[test]
fn f09_a_sector_of_an_earlier_life_is_no_record_although_place_and_checksum_are_right() {
    let scratch = Scratch::new();
    let mut log = Log::create(&scratch.open()).expect("a new log");
    log.append(&1u64);
    let torn = log.commit().map(drop).map(|()| log.bytes()).expect("it is synced") as usize;
    // As long as a mark and the record of ten bytes that come to its place.
    log.append(&([9u8; 19], [9u8; 19]));
    let place = torn + 28 + 38;
    log.append(&7u64);
    let _ = log.commit().expect("it is synced");
    let old = fs::read(scratch.log()).expect("the log is there");
    fs::write(scratch.log(), &old[..torn + 5]).expect("the turn is torn");
    let directory = scratch.open();
    let mut recovered = Recovered::open(&directory).expect("torn only").expect("it is there");
    recovered.log.append(&u64::MAX);
    recovered.log.append(&8u64);
    let _ = recovered.log.commit().expect("it is synced");
    drop((recovered, directory));
    let new = fs::read(scratch.log()).expect("the log is there");
    // The last write was lost: what stood at its place before the crash stands there still.
    let stale = [&new[..place], &old[place..]].concat();
    assert_eq!(stale.len(), new.len());
    fs::write(scratch.log(), stale).expect("a write is lost");
    assert_eq!(read(&scratch.open()).expect("it ends before it").0, [1, u64::MAX]);
    // The same, when more was synced after it.
    fs::write(scratch.log(), &new).expect("it is as it was");
    drop(Recovered::open(&scratch.open()).expect("it is whole"));
    change(&scratch.log(), |bytes| bytes[place..old.len()].copy_from_slice(&old[place..]));
    assert!(matches!(read(&scratch.open()), Err(DiskError::Damaged { .. })));
}

#[test]
fn any_sector_of_what_was_durable_zeroed_stale_or_in_another_place_is_noticed() {
    let scratch = Scratch::new();
    let directory = scratch.open();
    let mut log = Log::create(&directory).expect("a new log");
    for turn in 0..6u64 {
        (0..5).for_each(|n| log.append(&(u64::MAX >> (8 * n) ^ turn)));
        let _ = log.commit().expect("it is synced");
    }
    log.mark().expect("an orderly stop");
    let durable = log.bytes() as usize - 28;
    drop((log, directory));
    let whole = fs::read(scratch.log()).expect("the log is there");
    for at in (0..durable).step_by(SECTOR) {
        let end = (at + SECTOR).min(durable);
        let mut hurt = whole.clone();
        hurt[at..end].fill(0);
        fs::write(scratch.log(), &hurt).expect("a sector is zeroed");
        assert!(read(&scratch.open()).is_err(), "sector at {at} zeroed");
        for from in (0..durable - SECTOR).step_by(SECTOR).filter(|from| *from != at) {
            hurt[at..end].copy_from_slice(&whole[from..from + end - at]);
            fs::write(scratch.log(), &hurt).expect("a sector is misdirected");
            assert!(read(&scratch.open()).is_err(), "sector at {at} from {from}");
        }
    }
}

#[test]
fn any_sectors_of_a_turn_that_was_never_synced_may_be_missing() {
    let scratch = Scratch::new();
    let turns = write(&scratch.open());
    let whole = fs::read(scratch.log()).expect("the log is there");
    let first = turns[1] as usize;
    let blocks: Vec<usize> = (first..whole.len()).step_by(16).collect();
    for missing in 1..1u32 << blocks.len() {
        let mut hurt = whole.clone();
        for (bit, at) in blocks.iter().enumerate().filter(|(bit, _)| missing & 1 << bit != 0) {
            let _ = bit;
            let end = (at + 16).min(hurt.len());
            hurt[*at..end].fill(0);
        }
        fs::write(scratch.log(), hurt).expect("some sectors are written");
        let (records, note) = read(&scratch.open()).expect("a torn turn is no damage");
        assert!(records.len() < all().len() && note.is_some(), "{missing:b}");
        assert_eq!(records, all()[..records.len()], "{missing:b}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn f08_a_full_disk_is_an_error_that_says_what_to_do() {
    let scratch = Scratch::new();
    let mut log = Log::create(&scratch.open()).expect("a new log");
    log.file = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    log.append(&1u64);
    let error = log.commit().expect_err("the disk is full");
    assert!(matches!(error, DiskError::Io { doing: "write", .. }), "{error}");
    assert!(error.to_string().contains("free some space, then start the replica"), "{error}");
}

#[cfg(unix)]
#[test]
fn f07_a_sync_that_fails_is_an_error_that_says_what_to_do() {
    let scratch = Scratch::new();
    let mut log = Log::create(&scratch.open()).expect("a new log");
    // A pipe takes bytes and cannot be synced.
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    log.file = fs::File::from(std::os::fd::OwnedFd::from(writer));
    log.append(&1u64);
    let error = log.commit().expect_err("a pipe has no disk");
    assert!(matches!(error, DiskError::Io { doing: "sync", .. }), "{error}");
    assert!(error.to_string().contains("Check the disk"), "{error}");
}

#[test]
fn staged_pages_outlive_a_restart_and_torn_ones_do_not_count() {
    let scratch = Scratch::new();
    let directory = std::sync::Arc::new(scratch.open());
    let sought = |index: u32, bytes: &[u8]| {
        let digest = merkle::page_digest(Part::State, index, bytes);
        Sought { place: Place::page(Part::State, index), digest }
    };
    let mut staging = Staging::open(directory.clone()).expect("it opens");
    for index in 0..3u32 {
        staging.keep(Place::page(Part::State, index), b"a page").expect("it is kept");
    }
    let torn = fs::read_dir(&scratch.0).expect("a list").flatten().map(|entry| entry.path());
    let torn = torn.filter(|path| path.to_string_lossy().contains("page-"));
    let torn: Vec<_> = torn.collect();
    assert_eq!(torn.len(), 3);
    let mut staging = Staging::open(directory.clone()).expect("it opens again");
    assert_eq!(staging.len(), 3);
    for index in 0..3 {
        let page = staging.page(&sought(index, b"a page"));
        assert_eq!(page.as_deref(), Some(&b"a page"[..]), "page {index}");
        assert_eq!(staging.page(&sought(index, b"another")), None);
    }
    fs::write(&torn[0], b"a pa").expect("one is torn");
    let mut staging = Staging::open(directory).expect("it opens again");
    let whole = (0..3).filter(|index| staging.page(&sought(*index, b"a page")).is_some());
    assert_eq!(whole.count(), 2);
    staging.clear().expect("all go");
    assert!(torn.iter().all(|path| !path.exists()));
    assert_eq!(staging.len(), 0);
}

/// A page of a small checkpoint; the same for the same sequence.
fn small(part: Part, index: u32) -> Result<Vec<u8>, DiskError> {
    Ok([part as u8, index as u8].repeat(3 + index as usize))
}

const SMALL: Counts = Counts { clients: 1, state: 2 };

#[test]
fn a_crash_at_any_byte_of_a_checkpoint_leaves_the_ones_before_it_and_no_part_of_it() {
    let scratch = Scratch::new();
    let directory = scratch.open();
    let checkpoints = Checkpoints(&directory);
    for sequence in [8, 16] {
        checkpoints.store(Sequence(sequence), SMALL, small).expect("it is stored");
    }
    let whole = fs::read(checkpoints.path(Sequence(16))).expect("the file is there");
    fs::remove_file(checkpoints.path(Sequence(16))).expect("as before it was stored");
    drop(directory);
    let unfinished = scratch.0.join("checkpoint-16.new");
    for at in 0..=whole.len() {
        fs::write(&unfinished, &whole[..at]).expect("a crash before the rename");
        let directory = scratch.open();
        assert!(!unfinished.exists(), "what is unfinished goes: {at} bytes");
        let checkpoints = Checkpoints(&directory);
        assert_eq!(checkpoints.sequences().expect("a list"), [Sequence(8)], "{at} bytes");
        assert!(checkpoints.load_whole(Sequence(8)).expect("no error").is_some());
    }
    let directory = scratch.open();
    let checkpoints = Checkpoints(&directory);
    checkpoints.store(Sequence(16), SMALL, small).expect("it is stored after all");
    assert_eq!(fs::read(checkpoints.path(Sequence(16))).expect("it is there"), whole);
}

#[test]
fn a_checkpoint_that_cannot_be_finished_leaves_the_old_one_of_its_sequence() {
    let scratch = Scratch::new();
    let directory = scratch.open();
    let checkpoints = Checkpoints(&directory);
    checkpoints.store(Sequence(8), SMALL, small).expect("it is stored");
    let before = fs::read(checkpoints.path(Sequence(8))).expect("the file is there");
    let other = |part, index| match (part, index) {
        (Part::State, 1) => Err(DiskError::damaged(&scratch.0, 0, "a page cannot be read")),
        _ => Ok(vec![9; 5]),
    };
    assert!(checkpoints.store(Sequence(8), SMALL, other).is_err());
    assert_eq!(fs::read(checkpoints.path(Sequence(8))).expect("it is there"), before);
    assert!(checkpoints.load_whole(Sequence(8)).expect("no error").is_some());
}

#[cfg(target_os = "linux")]
#[test]
fn a_checkpoint_has_its_name_only_when_it_is_written_and_synced() {
    // A full disk; and one that takes bytes and cannot be synced.
    for (device, failed) in [("/dev/full", "write"), ("/dev/null", "sync")] {
        let scratch = Scratch::new();
        let directory = scratch.open();
        let unfinished = scratch.0.join("checkpoint-8.new");
        std::os::unix::fs::symlink(device, &unfinished).expect("a link");
        let checkpoints = Checkpoints(&directory);
        let error = checkpoints.store(Sequence(8), SMALL, small).expect_err("it fails");
        assert!(matches!(error, DiskError::Io { doing, .. } if doing == failed), "{error}");
        assert_eq!(checkpoints.sequences().expect("a list"), [], "{device}");
    }
}
