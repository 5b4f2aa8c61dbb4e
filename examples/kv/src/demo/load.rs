//! The load: several clients at a time, each with its own lines.

use super::connection::Connection;
use super::input::{Text, words};
use super::ledger::{Fate, Ledger, Line};
use crate::problem::Problem;
use redis_protocol::resp2::types::OwnedFrame;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Connections at a time.
const CLIENTS: usize = 16;

/// Commands that a client sends before it reads their replies.
const PIPELINE: usize = 16;

/// One command of the load, about a line or a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Planned {
    /// In a round.
    Set(usize, usize),
    Incr(Vec<u8>),
    Get(usize),
    Del(usize),
}

/// How much load there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    /// Each line once, with a gate at three quarters of them.
    Once,
    /// Round after round, until it is stopped.
    Endless,
}

/// The number of a client's nth line.
fn number(client: usize, nth: usize) -> usize {
    client + nth * CLIENTS
}

/// The commands of the `nth` line of one client.
fn plan(text: &Text, client: usize, nth: usize, round: usize) -> impl Iterator<Item = Planned> {
    let at = |nth: usize| number(client, nth);
    let set = std::iter::once(Planned::Set(at(nth), round));
    let line = text.line(at(nth), round);
    let get = (nth % 4 == 3).then(|| Planned::Get(at(nth - 2)));
    let del = (nth % 8 == 7).then(|| Planned::Del(at(nth - 3)));
    set.chain(words(line).map(Planned::Incr)).chain(get).chain(del)
}

/// How many lines a client has.
fn share(text: &Text, client: usize) -> usize {
    text.lines.len().saturating_sub(client).div_ceil(CLIENTS)
}

/// What the clients and who watches them have in common.
#[derive(Debug)]
struct Shared {
    text: Text,
    amount: Amount,
    /// The clients end where they are.
    stopped: AtomicBool,
    started: Instant,
    /// Commands that have got a reply.
    done: AtomicU64,
    /// When the last reply came, in microseconds since the start.
    last_reply: AtomicU64,
    /// From when on gaps between replies count; at first never.
    watched_from: AtomicU64,
    /// The longest gap between two replies since then.
    longest_gap: AtomicU64,
    /// A client has failed.
    failed: AtomicBool,
    gate: Mutex<Gate>,
    opened: Condvar,
}

/// Where clients wait at three quarters of their lines.
#[derive(Debug, Default)]
struct Gate {
    open: bool,
    waiting: usize,
    all_waiting_since: Option<Instant>,
    held: Duration,
}

impl Shared {
    fn gate(&self) -> std::sync::MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_at_gate(&self) {
        let mut gate = self.gate();
        gate.waiting += 1;
        if gate.waiting == CLIENTS && !gate.open {
            gate.all_waiting_since = Some(Instant::now());
        }
        while !gate.open {
            gate = self.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Replies came now.
    fn pulse(&self, replies: u64) {
        let now = self.micros();
        let before = self.last_reply.fetch_max(now, Ordering::AcqRel);
        let from = self.watched_from.load(Ordering::Acquire);
        self.longest_gap.fetch_max(now.saturating_sub(before.max(from)), Ordering::AcqRel);
        self.done.fetch_add(replies, Ordering::AcqRel);
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The load, running.
#[derive(Debug)]
pub(super) struct Load {
    shared: Arc<Shared>,
    total: u64,
    clients: Vec<JoinHandle<Result<Ledger, Problem>>>,
}

/// What the load was, when it is over.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) text: Text,
    pub(super) ledger: Ledger,
    pub(super) requests: u64,
    /// How long the clients worked; waiting at the gate is not in it, the outage is.
    pub(super) time: Duration,
    /// The longest time without a reply while gaps counted.
    pub(super) outage: Duration,
}

impl Load {
    /// Connects the clients and lets them begin.
    pub(super) fn start(text: Text, gateway: SocketAddr, amount: Amount) -> Result<Self, Problem> {
        let count = |client| -> usize {
            (0..share(&text, client)).map(|nth| plan(&text, client, nth, 0).count()).sum()
        };
        let total = (0..CLIENTS).map(count).sum::<usize>() as u64;
        let connections =
            (0..CLIENTS).map(|_| Connection::open(gateway)).collect::<Result<Vec<_>, _>>()?;
        let shared = Arc::new(Shared {
            text,
            amount,
            stopped: AtomicBool::new(false),
            started: Instant::now(),
            done: AtomicU64::new(0),
            last_reply: AtomicU64::new(0),
            watched_from: AtomicU64::new(u64::MAX),
            longest_gap: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            gate: Mutex::default(),
            opened: Condvar::new(),
        });
        let start = |(client, connection)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let result = run(&shared, client, connection);
                shared.failed.fetch_or(result.is_err(), Ordering::AcqRel);
                result
            })
        };
        let clients = connections.into_iter().enumerate().map(start).collect();
        Ok(Self { shared, total, clients })
    }

    /// How many commands there are in a round.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// How many have got a reply.
    pub(super) fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Acquire)
    }

    /// Whether half of them have, or the clients wait at the gate.
    pub(super) fn is_half_done(&self) -> bool {
        self.done() * 2 >= self.total || self.shared.gate().waiting == CLIENTS
    }

    /// Whether all clients are done.
    pub(super) fn is_over(&self) -> bool {
        self.clients.iter().all(JoinHandle::is_finished)
    }

    /// Whether a client has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// Somebody else got a reply from the cluster now.
    pub(super) fn pulse(&self) {
        self.shared.pulse(0);
    }

    /// The primary dies now: gaps between replies count from here on.
    pub(super) fn watch_gaps(&self) {
        self.shared.watched_from.store(self.shared.micros(), Ordering::Release);
    }

    /// Gaps between replies do not count any more.
    pub(super) fn unwatch_gaps(&self) {
        self.shared.watched_from.store(u64::MAX, Ordering::Release);
    }

    /// Lets the clients go on behind three quarters of their lines.
    pub(super) fn open_gate(&self) {
        let mut gate = self.shared.gate();
        gate.open = true;
        gate.held = gate.all_waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
        drop(gate);
        self.shared.opened.notify_all();
    }

    /// Lets the clients end behind what they have sent.
    pub(super) fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
    }

    /// What went wrong: what a failed client says, else the problem that was seen from outside.
    pub(super) fn verdict(self, seen: Problem) -> Problem {
        if self.has_failed() { self.finish().err().unwrap_or(seen) } else { seen }
    }

    /// Waits until all clients are done.
    pub(super) fn finish(mut self) -> Result<Loaded, Problem> {
        self.stop_if_endless();
        self.open_gate_unless_open();
        let mut ledger = Ledger::default();
        for client in self.clients.drain(..) {
            let result = client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ledger.merge(result?);
        }
        let shared = &self.shared;
        let last = Duration::from_micros(shared.last_reply.load(Ordering::Acquire));
        Ok(Loaded {
            text: shared.text.clone(),
            requests: ledger.latencies.len() as u64,
            ledger,
            time: last.saturating_sub(shared.gate().held),
            outage: Duration::from_micros(shared.longest_gap.load(Ordering::Acquire)),
        })
    }

    fn stop_if_endless(&self) {
        if self.shared.amount == Amount::Endless {
            self.stop();
        }
    }

    fn open_gate_unless_open(&self) {
        let open = self.shared.gate().open;
        if !open {
            self.open_gate();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
        self.open_gate_unless_open();
    }
}

/// One client.
fn run(shared: &Shared, client: usize, mut connection: Connection) -> Result<Ledger, Problem> {
    let text = &shared.text;
    let mut ledger = Ledger::default();
    let mut batch = Vec::new();
    let lines = share(text, client);
    let gate = lines - lines / 4;
    let rounds = if shared.amount == Amount::Once || lines == 0 { 1 } else { usize::MAX };
    for (round, nth) in (0..rounds).flat_map(|round| (0..lines).map(move |nth| (round, nth))) {
        if shared.stopped.load(Ordering::Acquire) {
            break;
        }
        if nth == 0 || (nth == gate && shared.amount == Amount::Once) {
            // The keys of a round come again in the next one: then their fate must be known.
            settle(&mut connection, shared, &mut batch, &mut ledger)?;
        }
        if nth == gate && shared.amount == Amount::Once {
            shared.wait_at_gate();
        }
        if ledger.lines.get(&number(client, nth)).is_some_and(|line| !line.is_certain()) {
            continue;
        }
        for command in plan(text, client, nth, round) {
            send(&mut connection, text, &command);
            batch.push(command);
            if batch.len() == PIPELINE {
                settle(&mut connection, shared, &mut batch, &mut ledger)?;
            }
        }
    }
    settle(&mut connection, shared, &mut batch, &mut ledger)?;
    if lines == gate && shared.amount == Amount::Once {
        shared.wait_at_gate();
    }
    Ok(ledger)
}

fn send(connection: &mut Connection, text: &Text, command: &Planned) {
    match command {
        Planned::Set(at, round) => {
            connection.add(&[b"SET", &line_key(*at), text.line(*at, *round)]);
        }
        Planned::Incr(word) => connection.add(&[b"INCR", &word_key(word)]),
        Planned::Get(at) => connection.add(&[b"GET", &line_key(*at)]),
        Planned::Del(at) => connection.add(&[b"DEL", &line_key(*at)]),
    }
}

/// Sends a batch, reads its replies and writes them into the ledger.
fn settle(
    connection: &mut Connection,
    shared: &Shared,
    batch: &mut Vec<Planned>,
    ledger: &mut Ledger,
) -> Result<(), Problem> {
    let (sent, mut commands, mut wrong) = (Instant::now(), batch.drain(..), None);
    let mut replies = 0;
    connection.exchange(|reply| {
        let micros = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
        ledger.latencies.push(micros);
        replies += 1;
        if let Some(command) = commands.next()
            && let Err(sentence) = enter(ledger, &shared.text, command, &reply)
        {
            wrong = Some(sentence);
        }
    })?;
    shared.pulse(replies);
    wrong.map_or(Ok(()), |sentence| Err(Problem::failed(sentence)))
}

/// Writes what a reply says into the ledger.
fn enter(
    ledger: &mut Ledger,
    text: &Text,
    command: Planned,
    reply: &OwnedFrame,
) -> Result<(), String> {
    let fate = match reply {
        OwnedFrame::Error(error) if error.starts_with("TRYAGAIN") => Fate::Unknown,
        OwnedFrame::Error(error) => return Err(format!("unexpected reply: {error}")),
        _ => Fate::Acknowledged,
    };
    if fate == Fate::Acknowledged {
        ledger.acknowledged += 1;
    }
    match command {
        Planned::Set(at, round) => {
            let line = ledger.lines.entry(at).or_default();
            *line = Line { set: fate, ..line.again(round) };
        }
        Planned::Del(at) => ledger.lines.entry(at).or_default().del = fate,
        Planned::Incr(word) => {
            let count = ledger.words.entry(word).or_default();
            if fate == Fate::Acknowledged {
                count.acknowledged += 1;
            } else {
                count.unknown += 1;
            }
        }
        Planned::Get(at) if fate == Fate::Acknowledged => {
            let line = ledger.lines.get(&at).copied().unwrap_or_default();
            if !line.allows(|round| text.line(at, round), value(reply)) {
                ledger.wrong_reads += 1;
            }
        }
        Planned::Get(_) => {}
    }
    Ok(())
}

/// The value in a reply; nothing if it is null.
pub(super) fn value(reply: &OwnedFrame) -> Option<&[u8]> {
    match reply {
        OwnedFrame::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// The key of a line.
pub(super) fn line_key(at: usize) -> Vec<u8> {
    format!("line:{at}").into_bytes()
}

/// The key of a word's counter.
pub(super) fn word_key(word: &[u8]) -> Vec<u8> {
    [b"word:", word].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_set_once_and_only_own_lines_are_touched() {
        let lines = (0..1_000).map(|at| format!("line number {at}").into_bytes()).collect();
        let text = Text { source: String::new(), lines };
        let mut set = vec![0; text.lines.len()];
        for client in 0..CLIENTS {
            for nth in 0..share(&text, client) {
                for command in plan(&text, client, nth, 0) {
                    match command {
                        Planned::Set(at, _) => set[at] += 1,
                        Planned::Get(at) | Planned::Del(at) => {
                            assert_eq!((at % CLIENTS, set[at]), (client, 1));
                        }
                        Planned::Incr(_) => {}
                    }
                }
            }
        }
        assert!(set.into_iter().all(|times| times == 1));
    }
}
