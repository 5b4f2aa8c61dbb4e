//! The lines of a PBFT transcript.

use crate::plain::counted;
use core::time::Duration;
use quorate::pbft::{self, History, Message, Pairs, Part, Record, Status, Vote};
use quorate::{ClientId, Digest, Fault, NodeId, Principal, Refusal, wire};
use std::fmt;

/// One event of a run. Its hash is part of the run's fingerprint.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) enum Line<'a> {
    /// A message leaves; to nobody in particular: to all other replicas.
    Sent { from: Principal, to: Option<Principal>, payload: &'a [u8] },
    /// A traitor says something else.
    Lied { from: Principal, to: Principal, payload: &'a [u8] },
    /// It will not arrive.
    Lost { from: Principal, to: Principal },
    /// A message arrives.
    Delivered { from: Principal, to: Principal, payload: &'a [u8] },
    /// A message is known already.
    Known { node: NodeId },
    /// A record goes to the disk's cache.
    Persisted { node: NodeId, record: &'a [u8] },
    /// So many writes are durable.
    Durable { node: NodeId, written: u64 },
    /// A fresh log of so many records replaces the old one.
    Compacted { node: NodeId, records: usize },
    /// A request is executed.
    Executed { node: NodeId, sequence: u64, client: ClientId, timestamp: u64 },
    /// The state is captured.
    Captured { node: NodeId, sequence: u64 },
    /// A piece of a snapshot is served.
    Served { node: NodeId, to: NodeId, sequence: u64, place: pbft::Place },
    /// A piece of a snapshot is staged.
    Staged { node: NodeId, sequence: u64, place: pbft::Place },
    /// A snapshot of a peer is installed.
    Installed { node: NodeId, sequence: u64 },
    /// A replica changes its view.
    View { node: NodeId, view: u64, active: bool },
    /// A replica loses its power.
    Crashed { node: NodeId, survived: u64, lost: u64 },
    /// A replica starts again.
    Restarted { node: NodeId, checkpoint: u64, records: usize },
    /// Links are cut.
    Cut { partition: usize },
    /// They are whole again.
    Healed { partition: usize },
    /// The weather gets fair.
    Calm,
    /// A replica accuses somebody.
    Accused { node: NodeId, who: Principal, fault: Fault },
    /// A machine refuses what its host asks.
    Refused { who: Principal, refusal: Refusal },
    /// A client begins an operation.
    Submitted { client: ClientId, operation: &'a [u8] },
    /// It has its reply.
    Completed { client: ClientId, timestamp: u64 },
    /// Something else happens to a replica.
    Input { node: NodeId, what: &'a str },
    /// Something is wrong with a disk.
    Disk { node: NodeId, what: &'a str },
    /// A client begins a read.
    Asked { client: ClientId, operation: &'a [u8] },
    /// A replica answers a read from its state.
    Answered { node: NodeId, client: ClientId, state: u64 },
    /// A traitor does not say what a correct node would.
    Withheld { from: Principal, to: Principal, payload: &'a [u8] },
    /// A traitor says something late.
    KeptBack { from: Principal, to: Principal, payload: &'a [u8], kept_back: Duration },
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Sent { from, to: None, payload } => {
                write!(f, "{}  to all    {}", Name(from), Said(payload))
            }
            Self::Sent { from, to: Some(to), payload } => {
                write!(f, "{}  to {}     {}", Name(from), Name(to), Said(payload))
            }
            Self::Lied { from, to, payload } => {
                write!(f, "{}  LIES to {}: {}", Name(from), Name(to), Said(payload))
            }
            Self::Lost { from, to } => {
                write!(f, "        lost on the way {} to {}", Name(from), Name(to))
            }
            Self::Delivered { from, to, payload } => {
                write!(f, "{}  from {}   {}", Name(to), Name(from), Said(payload))
            }
            Self::Known { node } => write!(f, "r{}  knows that already", node.0),
            Self::Persisted { node, record } => {
                write!(f, "r{}  writes    {}", node.0, Written(record))
            }
            Self::Executed { node, sequence, client, timestamp } => {
                write!(f, "r{}  executes  s{sequence}: c{}@{timestamp}", node.0, client.0)
            }
            Self::Captured { node, sequence } => {
                write!(f, "r{}  captures  its state at s{sequence}", node.0)
            }
            Self::Served { node, to, sequence, place } => {
                write!(f, "r{}  serves    {} of s{sequence} to r{}", node.0, Piece(place), to.0)
            }
            Self::Staged { node, sequence, place } => {
                write!(f, "r{}  stages    {} of s{sequence}", node.0, Piece(place))
            }
            Self::Installed { node, sequence } => {
                write!(f, "r{}  installs  a peer's state at s{sequence}", node.0)
            }
            Self::View { node, view, active: true } => write!(f, "r{}  ENTERS view {view}", node.0),
            Self::View { node, view, .. } => write!(f, "r{}  LEAVES for view {view}", node.0),
            Self::Cut { partition } => write!(f, "NETWORK CUT {partition}"),
            Self::Healed { partition } => write!(f, "NETWORK HEALED {partition}"),
            Self::Calm => f.write_str("NETWORK CALM"),
            Self::Accused { node, who, fault } => {
                write!(f, "r{}  accuses   {} of {fault:?}", node.0, Name(who))
            }
            Self::Refused { who, refusal } => write!(f, "{}  REFUSES: {refusal}", Name(who)),
            Self::Submitted { client, operation } => {
                let bytes = counted(operation.len(), "byte");
                write!(f, "c{}  asks      for {bytes}", client.0)
            }
            Self::Completed { client, timestamp } => {
                write!(f, "c{}  HAS ITS REPLY for @{timestamp}", client.0)
            }
            Self::Input { node, what } => write!(f, "r{}  {what}", node.0),
            Self::Disk { node, what } => write!(f, "r{}  DISK {what}", node.0),
            _ => self.rest(f),
        }
    }
}

impl Line<'_> {
    /// Disks and power, reads, and what a traitor does not say, or says late.
    fn rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Durable { node, written } => {
                let are = if written == 1 { "is" } else { "are" };
                write!(f, "r{}  disk      {} {are} durable", node.0, counted(written, "write"))
            }
            Self::Compacted { node, records } => {
                let records = counted(records, "record");
                write!(f, "r{}  writes    a fresh log of {records}", node.0)
            }
            Self::Crashed { node, survived: kept, lost } => {
                let are = if lost == 1 { "is" } else { "are" };
                let lost = counted(lost, "write");
                write!(f, "r{}  CRASHES: {lost} of the cache {are} lost, {kept} not", node.0)
            }
            Self::Restarted { node, checkpoint, records } => {
                let records = counted(records, "record");
                write!(f, "r{}  RESTARTS from s{checkpoint} and {records}", node.0)
            }
            Self::Asked { client, .. } => write!(f, "c{}  reads", client.0),
            Self::Answered { node, state, .. } => write!(f, "r{}  reads     s{state}", node.0),
            Self::Withheld { from, to, payload } => {
                write!(f, "{}  WITHHOLDS from {}: {}", Name(from), Name(to), Said(payload))
            }
            Self::KeptBack { from, to, payload, kept_back } => {
                let (from, to) = (Name(from), Name(to));
                write!(f, "{from}  KEEPS BACK from {to} for {kept_back:?}: {}", Said(payload))
            }
            _ => Ok(()),
        }
    }
}

/// r0 or c0.
struct Name(Principal);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Principal::Node(node) => write!(f, "r{}", node.0),
            Principal::Client(client) => write!(f, "c{}", client.0),
        }
    }
}

/// An encoded message in words.
pub(crate) fn words(payload: &[u8]) -> String {
    Said(payload).to_string()
}

/// An encoded message, to be written in words.
struct Said<'a>(&'a [u8]);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(message) = wire::decode::<Message<'_>>(self.0) else {
            return foreign(f, self.0, "message");
        };
        match message {
            Message::PrePrepare { view, sequence, batch } => {
                let vote = Vote { view, sequence, digest: batch.digest() };
                let requests = counted(batch.iter().count(), "request");
                write!(f, "PRE-PREPARE {}, {requests}", Place(vote))
            }
            Message::Prepare(vote) => write!(f, "PREPARE {}", Place(vote)),
            Message::Commit(vote) => write!(f, "COMMIT {}", Place(vote)),
            Message::Checkpoint { sequence, digest } => {
                write!(f, "CHECKPOINT s{} {}", sequence.0, Short(digest))
            }
            Message::ViewChange(change) => {
                let (author, view, stable) = (change.author.0, change.view.0, change.stable.0);
                write!(f, "VIEW-CHANGE of r{author} for v{view}: h s{stable}, C ")?;
                write!(f, "{}", List('s', change.checkpoints))?;
                change.histories.iter().try_for_each(|history| write!(f, "; {}", Past(history)))
            }
            Message::NewView(new_view) => {
                let (v, x) = (List('r', new_view.view_changes), List('s', new_view.chosen));
                write!(f, "NEW-VIEW v{}: V {v}; X {x}", new_view.view.0)
            }
            Message::Status(status) => stands(f, &status),
            Message::FetchBatch { sequence, digest } => {
                write!(f, "FETCH-BATCH s{} {}", sequence.0, Short(digest))
            }
            Message::Batch { sequence, batch } => {
                write!(f, "BATCH s{} {}", sequence.0, Short(batch.digest()))
            }
            Message::FetchViewChange { author, digest } => {
                write!(f, "FETCH-VIEW-CHANGE of r{} {}", author.0, Short(digest))
            }
            Message::Settled { sequence, digest } => {
                write!(f, "SETTLED s{} {digest:?}", sequence.0)
            }
            Message::Recover { nonce, lost, until } => {
                let what = if lost { "lost" } else { "unsure" };
                write!(f, "RECOVER {nonce:x} {what} until s{}", until.0)
            }
            Message::Estimate { stable, prepared, view, .. } => {
                write!(f, "ESTIMATE stable s{} prepared s{} v{}", stable.0, prepared.0, view.0)
            }
            Message::FetchState { sequence, place } => {
                write!(f, "FETCH-STATE s{}: {}", sequence.0, Piece(place))
            }
            Message::State { sequence, place, bytes } => {
                write!(f, "STATE s{}: {}, {bytes:?}", sequence.0, Piece(place))
            }
            other => asked_or_answered(f, &other),
        }
    }
}

/// Bytes that say nothing.
fn foreign(f: &mut fmt::Formatter<'_>, bytes: &[u8], what: &str) -> fmt::Result {
    let are = if bytes.len() == 1 { "is" } else { "are" };
    write!(f, "{} that {are} no {what}", counted(bytes.len(), "byte"))
}

/// Where a replica says that it stands.
fn stands(f: &mut fmt::Formatter<'_>, status: &Status) -> fmt::Result {
    let (view, stable, executed) = (status.view.0, status.stable.0, status.executed.0);
    let state = if status.active { "in" } else { "changing to" };
    let wants = if status.wanting { ", wants help" } else { "" };
    write!(f, "STATUS {state} v{view}, stable s{stable}, executed s{executed}{wants}")
}

/// What clients say, and what is said to them.
fn asked_or_answered(f: &mut fmt::Formatter<'_>, message: &Message<'_>) -> fmt::Result {
    match message {
        Message::Request(request) => {
            write!(f, "REQUEST c{}@{}", request.client.0, request.timestamp)
        }
        Message::Reply(reply) => {
            write!(f, "REPLY @{} {:?} v{}", reply.timestamp, reply.outcome, reply.view.0)
        }
        Message::Busy(busy) => {
            write!(f, "BUSY c{} @{} for {} us", busy.client.0, busy.timestamp, busy.retry_after)
        }
        Message::Read(read) => write!(f, "READ c{}@{}", read.client.0, read.number),
        Message::ReadReply(reply) => {
            let what = if reply.answer.is_some() { "ANSWER" } else { "NO ANSWER" };
            write!(f, "{what} to read @{} at s{}", reply.number, reply.state.0)
        }
        other => write!(f, "{other:?}"),
    }
}

/// Numbers with their digests.
struct List<'a>(char, Pairs<'a>);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs = self.1.iter();
        f.write_str("{")?;
        pairs.try_for_each(|(at, digest)| write!(f, " {}{} {}", self.0, at.0, Short(digest)))?;
        f.write_str(" }")
    }
}

/// An entry of P and Q in words.
struct Past(History);

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{} Q", self.0.sequence.0)?;
        for entry in self.0.pre_prepared.iter().flatten() {
            write!(f, " v{} {}", entry.view.0, Short(entry.digest))?;
        }
        if let Some(entry) = self.0.prepared() {
            write!(f, ", P v{} {}", entry.view.0, Short(entry.digest))?;
        }
        Ok(())
    }
}

/// The first four bytes of a digest.
struct Short(Digest);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A piece of a state in words.
struct Piece(pbft::Place);

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pbft::Place { part, level, index } = self.0;
        let tree = if part == Part::Clients { "clients" } else { "state" };
        match (part, level) {
            (Part::Roots, _) => f.write_str("the roots"),
            (_, 0) => write!(f, "page {index} of the {tree}"),
            _ => write!(f, "node {index} on level {level} of the {tree}"),
        }
    }
}

/// A vote in words.
struct Place(Vote);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Vote { view, sequence, digest } = self.0;
        write!(f, "v{} s{} {}", view.0, sequence.0, Short(digest))
    }
}

/// An encoded record in words.
struct Written<'a>(&'a [u8]);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(record) = wire::decode::<Record<'_>>(self.0) else {
            return foreign(f, self.0, "record");
        };
        match record {
            Record::PrePrepared { view, sequence, batch } => {
                let digest = batch.digest();
                write!(f, "pre-prepared {}", Place(Vote { view, sequence, digest }))
            }
            Record::RePrePrepared { view, sequence, digest } => {
                write!(f, "pre-prepared again {}", Place(Vote { view, sequence, digest }))
            }
            Record::Prepared { view, sequence, digest } => {
                write!(f, "prepared {}", Place(Vote { view, sequence, digest }))
            }
            Record::Committed { view, sequence, batch } => {
                let digest = batch.digest();
                write!(f, "committed {}", Place(Vote { view, sequence, digest }))
            }
            Record::Checkpoint { sequence, digest } => {
                write!(f, "checkpoint s{} {}", sequence.0, Short(digest))
            }
            Record::Stable { sequence, digest } => {
                write!(f, "stable s{} {}", sequence.0, Short(digest))
            }
            Record::ViewChange(change) => write!(f, "own VIEW-CHANGE for v{}", change.view.0),
            Record::Named(change) => {
                write!(f, "named VIEW-CHANGE of r{} for v{}", change.author.0, change.view.0)
            }
            Record::NewView(new_view) => write!(f, "NEW-VIEW v{}", new_view.view.0),
            Record::Install { sequence, digest } => {
                write!(f, "about to install s{} {}", sequence.0, Short(digest))
            }
            #[allow(unreachable_patterns, reason = "records may be added")]
            other => write!(f, "{other:?}"),
        }
    }
}
