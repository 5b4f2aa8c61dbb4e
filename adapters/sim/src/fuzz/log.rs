//! Recovery from whatever lies on the disk.

use super::history::{Captured, History, decoded, history};
use super::host::{Machine, config, last_stable, recover};
use super::phrases::{Phrases, all};
use super::whim::Whim;
use crate::disk::Capture;
use crate::frames;
use crate::pbft::record::{decode, encode};
use core::time::Duration;
use quorate::pbft::{Batch, Message, Record, RecoverError, View};
use quorate::protocol::{Admission, Input, Protocol};
use quorate::{Instant, NodeId, Principal, wire};
use std::fmt::{self, Write};
use std::rc::Rc;

thread_local! {
    static TRUTH: [History; 2] = [history(7, false), history(9, true)];
}

/// What a replica finds when its power is back: the bytes of a log that was cut off or damaged,
/// or any records in any order, with a snapshot that fits or does not.
///
/// Nothing panics. Of a log that was cut off the records before the cut are read, and a replica
/// comes of them; one that was damaged gives a beginning of what was written or is reported, and
/// never gives anything else. Whoever recovers writes a log from which the very same replica comes
/// again, and goes on with any messages.
pub fn log(data: &[u8]) {
    TRUTH.with(|truth| {
        let mut whim = Whim::new(data);
        let history = &truth[whim.below(2)];
        if whim.chance(128) { damage(&mut whim, history) } else { invent(&mut whim, history) }
    });
}

/// The bytes of a log: so many records were written between two syncs.
fn bytes_of(whim: &mut Whim<'_>, records: &[Vec<u8>]) -> Vec<u8> {
    let (mut log, mut synced) = (Vec::new(), 0);
    for record in records {
        if whim.chance(96) {
            synced = log.len();
        }
        frames::append(&mut log, synced, record);
    }
    log
}

/// The bytes of a true log are cut off, bent or moved.
fn damage(whim: &mut Whim<'_>, history: &History) {
    let whole = bytes_of(whim, &history.records);
    let mut log = whole.clone();
    let mut cut_only = true;
    for _ in 0..whim.below(5) {
        let at = place(whim, log.len());
        match whim.below(5) {
            0 | 1 => log.truncate(at),
            2 => {
                cut_only = false;
                if let Some(byte) = log.get_mut(at) {
                    *byte ^= 1 << whim.below(8);
                }
            }
            3 => {
                cut_only = false;
                log.splice(at..at, whim.bytes(40).iter().copied());
            }
            _ => {
                // A sector of another place.
                cut_only = false;
                let from = place(whim, whole.len());
                let moved = whole[from..whole.len().min(from + 64)].to_vec();
                let end = log.len().min(at + moved.len());
                log.splice(at..end, moved);
            }
        }
    }
    let read = match frames::read(&log) {
        Ok(contents) => contents.bodies,
        Err(damage) => {
            assert!(!cut_only, "a log that was cut off passes for damaged at {}", damage.at);
            return;
        }
    };
    let begins = history.records.starts_with(&read);
    assert!(begins, "the log gives what was never written there");
    let records = decoded(&read);
    let stable = last_stable(&records);
    let newest = newest(history, &records).filter(|(at, _)| *at >= stable);
    let machine = recover(settings(), Instant::ZERO, newest.as_ref(), records);
    let machine = machine.unwrap_or_else(|error| panic!("the beginning of a log: {error}"));
    let again = rewritten(&machine, newest.as_ref());
    let again = again.unwrap_or_else(|error| panic!("a log that was made anew: {error}"));
    assert_eq!(promises(&again), promises(&machine), "a log made anew forgets something");
    go_on(whim, machine, newest.as_ref());
}

/// Where a replica stands, and its P and Q: what it must not forget.
fn promises(machine: &Machine) -> String {
    let mut picture = Beginning::default();
    // It ends where the votes begin: the rest is long.
    assert!(write!(picture, "{machine:?}").is_err(), "slots, then votes");
    let (_, slots) = picture.0.split_once("storage: (([").expect("it has a memory");
    let slots = slots.trim_end_matches(VOTES);
    let status = machine.status();
    let mut told = format!("{status:?}");
    for slot in slots.split("Slot { history: History { sequence: Sequence(").skip(1) {
        let sequence = slot.split_once(')').and_then(|(number, _)| number.parse().ok());
        // What is below is of the past.
        if sequence.is_some_and(|sequence: u64| sequence > status.stable.0) {
            told.push_str(slot.trim_end_matches(", "));
        }
    }
    told
}

/// Where a picture of a machine comes to its votes, after its slots.
const VOTES: &str = "], [Vote";

/// What is written, up to there.
#[derive(Default)]
struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        if self.0.ends_with(VOTES) { Err(fmt::Error) } else { Ok(()) }
    }
}

fn place(whim: &mut Whim<'_>, length: usize) -> usize {
    whim.below(length + 1)
}

fn settings() -> quorate::pbft::Config {
    config(NodeId(0), &Phrases::new(all()))
}

/// The newest checkpoint that was captured when the last of these records was written.
fn newest(history: &History, records: &[Record<'_>]) -> Option<(u64, Rc<Capture>)> {
    let vouched = records.iter().filter_map(|record| match record {
        Record::Checkpoint { sequence, .. } | Record::Stable { sequence, .. } => Some(sequence.0),
        _ => None,
    });
    let at = vouched.max()?;
    let Captured { capture, .. } = history.checkpoints.get(&at)?;
    Some((at, Rc::clone(capture)))
}

/// Records that the fuzzer makes up, takes from the true log, or repeats.
fn invent(whim: &mut Whim<'_>, history: &History) {
    let mut phrases = Phrases::new(all());
    let mut log: Vec<Vec<u8>> = Vec::new();
    if whim.chance(160) {
        let kept = whim.below(history.records.len() + 1);
        log.extend_from_slice(&history.records[..kept]);
    }
    for _ in 0..whim.below(12) {
        let at = whim.below(log.len() + 1);
        match whim.below(4) {
            0 if at < log.len() => drop(log.remove(at)),
            0 | 1 => {
                let Some(record) = whim.pick(&history.records) else { continue };
                log.insert(at, record.clone());
            }
            2 => {
                let bytes = whim.bytes(120);
                if wire::decode::<Record<'_>>(bytes).is_ok() {
                    log.insert(at, bytes.to_vec());
                }
            }
            _ => log.insert(at, record(whim, &mut phrases)),
        }
    }
    let snapshot = whim.below(history.checkpoints.len() + 1).checked_sub(1);
    let snapshot = snapshot.and_then(|at| history.checkpoints.iter().nth(at));
    let mut snapshot = snapshot.map(|(at, it)| (*at, (*it.capture).clone()));
    if let Some((at, capture)) = &mut snapshot
        && whim.chance(48)
    {
        *at = whim.number(12);
        let page = whim.below(capture.clients.len());
        capture.clients[page] = whim.bytes(60).to_vec();
    }
    let snapshot = snapshot.map(|(at, capture)| (at, Rc::new(capture)));
    let records = log.iter().map(|record| decode(record)).collect();
    if let Ok(machine) = recover(settings(), Instant::ZERO, snapshot.as_ref(), records) {
        go_on(whim, machine, snapshot.as_ref());
    }
}

/// A record that a replica could write, or could not.
fn record(whim: &mut Whim<'_>, phrases: &mut Phrases) -> Vec<u8> {
    let payload = phrases.compose(whim, NodeId(0));
    let message = wire::decode::<Message<'_>>(&payload).expect("encoded here");
    let kind = whim.below(3);
    let record = match message {
        Message::PrePrepare { view, sequence, batch } if kind == 0 => {
            Record::Committed { view, sequence, batch }
        }
        Message::PrePrepare { view, sequence, batch } => {
            Record::PrePrepared { view, sequence, batch }
        }
        Message::Batch { sequence, batch } => {
            Record::PrePrepared { view: View(0), sequence, batch: Batch::from_bytes(batch.bytes()) }
        }
        Message::Prepare(vote) => {
            let quorate::pbft::Vote { view, sequence, digest } = vote;
            Record::RePrePrepared { view, sequence, digest }
        }
        Message::Commit(vote) => {
            let quorate::pbft::Vote { view, sequence, digest } = vote;
            Record::Prepared { view, sequence, digest }
        }
        Message::Checkpoint { sequence, digest } if kind == 0 => {
            Record::Stable { sequence, digest }
        }
        Message::Checkpoint { sequence, digest } if kind == 1 => {
            Record::Install { sequence, digest }
        }
        Message::Checkpoint { sequence, digest } => Record::Checkpoint { sequence, digest },
        Message::ViewChange(change) if kind == 0 => Record::Named(change),
        Message::ViewChange(change) => Record::ViewChange(change),
        Message::NewView(new_view) => Record::NewView(new_view),
        Message::Recover { nonce, lost, until } => {
            Record::Recovering { nonce, lost, signed: View(until.0) }
        }
        Message::Status(status) => Record::Left { view: status.view },
        Message::Estimate { view, .. } => Record::Recovered { signed: view },
        Message::Settled { sequence, digest } => Record::Stable { sequence, digest },
        _ => Record::Recovered { signed: View(u64::from(whim.byte())) },
    };
    encode(&record)
}

/// A replica that has recovered writes a fresh log, from which the same comes again; and it takes
/// any messages.
fn go_on(whim: &mut Whim<'_>, mut machine: Machine, newest: Option<&(u64, Rc<Capture>)>) {
    let again = rewritten(&machine, newest);
    if let Ok(again) = &again {
        assert_eq!(fresh(again), fresh(&machine), "a fresh log tells something else");
    }
    let mut phrases = Phrases::new(all());
    let mut now = Instant::ZERO;
    for _ in 0..32 {
        if whim.is_over() {
            break;
        }
        machine.step(now, Input::Wake).for_each(drop);
        now = now.after(Duration::from_millis(1 << whim.below(10)));
        let from = NodeId(1 + whim.below(3) as u8);
        let payload = phrases.compose(whim, from);
        let message = wire::decode::<Message<'_>>(&payload).expect("encoded here");
        let from = Principal::Node(from);
        if machine.admit(now, from, &message) != Admission::Verify {
            continue;
        }
        if let Ok(verified) = phrases.roster.verify(&phrases.scheme, from, message) {
            let outputs = machine.step(now, Input::Message(verified)).count();
            assert!(outputs <= super::ground::DIMENSIONS.outputs_per_step(), "{outputs} outputs");
        }
    }
}

/// The records of a fresh log; but for the question of one that recovers, which has another nonce
/// every time.
fn fresh(machine: &Machine) -> Vec<Vec<u8>> {
    let lasting = |record: &Record<'_>| !matches!(record, Record::Recovering { .. });
    machine.records().filter(lasting).map(|record| encode(&record)).collect()
}

fn rewritten(
    machine: &Machine,
    newest: Option<&(u64, Rc<Capture>)>,
) -> Result<Machine, RecoverError> {
    let log: Vec<_> = machine.records().map(|record| encode(&record)).collect();
    recover(settings(), Instant::ZERO, newest, decoded(&log))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::Sequence;

    #[test]
    fn the_true_history_has_every_kind_of_thing_in_it() {
        TRUTH.with(|[unstable, stable]| {
            assert_eq!(unstable.checkpoints.keys().copied().collect::<Vec<_>>(), [2, 4]);
            assert_eq!(stable.checkpoints.len(), 4);
            let records = decoded(&stable.records);
            assert_eq!(last_stable(&records), 8);
            let has = |kind: fn(&Record<'_>) -> bool| assert!(records.iter().any(kind));
            has(|it| matches!(it, Record::PrePrepared { .. }));
            has(|it| matches!(it, Record::Prepared { .. }));
            has(|it| matches!(it, Record::Checkpoint { sequence: Sequence(2), .. }));
            has(|it| matches!(it, Record::ViewChange(_)));
            has(|it| matches!(it, Record::NewView(_)));
        });
    }
}
