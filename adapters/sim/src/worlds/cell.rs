//! A replica with its past: a state of its own, and what it becomes of an input.

use super::host::{Deeds, Execution, due};
use super::portrait::{portrait, write_memory};
use super::speech::{NODES, SpeechId, Speeches};
use crate::check::{Accusation, Ledger};
use crate::engine::perform;
use crate::pbft::Memory;
use core::time::Duration;
use quorate::pbft::{
    Admission, Command, Config, Dimensions, Lent, Message, Parts, Replica, Storage, View, Vote,
};
use quorate::protocol::{Input, InputOf};
use quorate::{Digest, Instant, NodeId, wire};
use std::collections::BTreeSet;
use std::fmt::{self, Write};

/// The replica of the core.
pub(super) type Machine = Replica<Short>;

/// T. The clock of a replica stands still until its patience ends, then it jumps by this.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Sizes as small as one request allows: the first checkpoint is beyond so many sequences.
const fn sizes(sequences: u64) -> Dimensions {
    let window = 2 * (sequences as usize + 1);
    Dimensions { nodes: NODES as usize, window, batch_bytes: 96, clients: 1, reply_bytes: 8 }
}

/// What a replica can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Event {
    /// A message comes.
    Hear(SpeechId),
    /// Its patience with view 0 ends.
    Timeout,
}

/// A replica and what it has said and done.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) me: NodeId,
    machine: Box<Machine>,
    now: Instant,
    /// What it said, in ascending order of numbers.
    pub(super) said: Vec<SpeechId>,
    pub(super) executed: Vec<Execution>,
    /// Its COMMITs.
    pub(super) commits: Vec<Vote>,
    /// Messages of the traitor that it took.
    pub(super) lies: u8,
    sequences: u64,
    ledger: Ledger,
    /// What it did wrong.
    pub(super) wrong: Option<String>,
}

/// Memory whose text is short: bytes are told by their digest, and empty places not at all.
#[derive(Clone)]
pub(super) struct Short(Memory);

impl Cell {
    /// A replica at the initial state, whose proposals are lost beyond so many sequences.
    pub(super) fn new(me: NodeId, sequences: u64, speeches: &mut Speeches) -> Self {
        let config = Config {
            timeout: TIMEOUT,
            timeout_cap: TIMEOUT * 2,
            // Nothing but patience ends between two of its instants.
            status_interval: TIMEOUT - Duration::from_millis(1),
            watch_window: TIMEOUT - Duration::from_millis(1),
            ..Config::new(me, *speeches.scope())
        };
        let machine =
            Replica::new(config, Short(Memory::new(sizes(sequences)))).expect("sizes that work");
        let mut cell = Self {
            me,
            machine: Box::new(machine),
            now: Instant::ZERO,
            said: Vec::new(),
            executed: Vec::new(),
            commits: Vec::new(),
            lies: 0,
            sequences,
            ledger: Ledger::default(),
            wrong: None,
        };
        cell.step(Input::Wake, speeches, &Accusation::default());
        cell
    }

    /// What it becomes of an event; `None`: it stays as it is, or the event cannot come.
    pub(super) fn meet(
        &self,
        event: Event,
        speeches: &mut Speeches,
        accusation: &Accusation,
    ) -> Option<Self> {
        let mut next = self.clone();
        match event {
            Event::Timeout => {
                let status = self.machine.status();
                if status.view != View(0) || !status.active || !self.now.eq(&Instant::ZERO) {
                    return None;
                }
                next.now = Instant::ZERO.after(TIMEOUT);
                next.step(Input::Wake, speeches, accusation);
                (next.machine.status().view == View(1)).then_some(next)
            }
            Event::Hear(number) => {
                let speech = speeches.get(number).clone();
                let message = wire::decode(&speech.payload).expect("encoded here");
                if self.is_past(&message) {
                    return None;
                }
                match next.machine.admit(self.now, speech.from, &message) {
                    Admission::Verify => {}
                    Admission::Known => return None,
                    Admission::Later { .. } => unreachable!("nobody says so much here"),
                    Admission::Refused(fault) => {
                        next.wrong = accusation.accused(self.me, speech.from, fault).err();
                        return next.wrong.is_some().then_some(next);
                    }
                }
                let roster = speeches.roster.clone();
                match roster.verify(&speeches.scheme, speech.from, message) {
                    Ok(verified) => next.step(Input::Message(verified), speeches, accusation),
                    Err(fault) => {
                        next.wrong = accusation.accused(self.me, speech.from, fault).err();
                        return next.wrong.is_some().then_some(next);
                    }
                }
                Some(next)
            }
        }
    }

    /// Whether a message led to the view that the replica is in. It says nothing new to one that is
    /// there, and a portrait does not tell which ones it heard: cells that heard what one replica
    /// says in two different worlds are one, and would blame it for saying both.
    fn is_past(&self, message: &Message<'_>) -> bool {
        let status = self.machine.status();
        let Message::ViewChange(change) = message else { return false };
        status.active && change.view <= status.view
    }

    /// Steps the machine, then gives it all that it is owed: answers, and time.
    fn step(
        &mut self,
        input: InputOf<'_, Machine>,
        speeches: &mut Speeches,
        accusation: &Accusation,
    ) {
        let before = self.machine.status().executed.0;
        let mut deeds = Deeds {
            me: self.me,
            speeches,
            accusation,
            sequences: self.sequences,
            ledger: std::mem::take(&mut self.ledger),
            said: Vec::new(),
            executed: Vec::new(),
            owed: Vec::new(),
            wrong: None,
        };
        perform(&mut *self.machine, self.now, input, &mut deeds);
        for turn in 0.. {
            let input = match deeds.owed.pop() {
                Some(client) => Input::Command(Command::Executed { client, reply: b"done" }),
                None if due(&self.machine) <= self.now => Input::Wake,
                None => break,
            };
            assert!(turn < 100, "a replica that is woken for ever");
            perform(&mut *self.machine, self.now, input, &mut deeds);
        }
        let Deeds { ledger, said, executed, wrong, .. } = deeds;
        let after = self.machine.status().executed.0;
        let told = |at: &u64| executed.iter().any(|(sequence, _)| sequence == at);
        let nulls = (before + 1..=after).filter(|at| !told(at)).map(|at| (at, None));
        self.executed.extend(nulls);
        self.executed.extend(executed);
        self.executed.sort_unstable();
        self.commits.extend(said.iter().filter_map(|number| match speeches.message(*number) {
            Message::Commit(vote) => Some(vote),
            _ => None,
        }));
        self.said.extend(said);
        self.said.sort_unstable();
        self.said.dedup();
        (self.ledger, self.wrong) = (ledger, wrong);
    }

    /// Whether others can tell it from a cell that it came from.
    pub(super) fn spoke_since(&self, before: &Self) -> bool {
        self.said != before.said || self.executed != before.executed || self.wrong.is_some()
    }

    /// The view that it is in, or is changing to.
    pub(super) fn view(&self) -> View {
        self.machine.status().view
    }

    /// What it executed and which COMMITs it sent, in words.
    pub(super) fn facts(&self) -> BTreeSet<String> {
        let executed = self.executed.iter().map(|what| format!("executed {what:?}"));
        executed.chain(self.commits.iter().map(|vote| format!("COMMIT {vote:?}"))).collect()
    }

    /// A digest of what it is, see `portrait`, and of what it said and did.
    pub(super) fn key(&self, text: &mut String) -> Digest {
        text.clear();
        let Self { me, machine, said, executed, wrong, .. } = self;
        write!(text, "{machine:?}").expect("a string takes everything");
        let status = machine.status();
        let mut told = portrait(text, status.view, status.active);
        write!(told, "{me:?} {said:?} {executed:?} {wrong:?}").expect("the same");
        Digest::of(told.as_bytes())
    }
}

impl Storage for Short {
    fn dimensions(&self) -> Dimensions {
        self.0.dimensions()
    }

    fn parts(&mut self) -> Parts<'_> {
        self.0.parts()
    }

    fn lend(&self) -> Lent<'_> {
        self.0.lend()
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_memory(f, &self.0.lend())
    }
}
