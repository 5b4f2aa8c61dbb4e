//! A replica on its site: power, time and messages come in here.

use super::line::Line;
use super::memory::Memory;
use super::pages::Image;
use super::record::{decode, encode};
use super::site::{Site, Step, blame, prove};
use super::stage::Stage;
use crate::clock::Clock;
use crate::disk::Write;
use crate::engine::{Payload, perform};
use core::time::Duration;
use quorate::auth::Scope;
use quorate::fault::{Evidence, verify};
use quorate::pbft::{
    Admission, Config, ConfigError, Departures, Dimensions, Message, Record, RecoverError, Replica,
    Sequence, Snapshot, Status, View,
};
use quorate::protocol::{Input, InputOf, Protocol};
use quorate::{Digest, Fault, Instant, NodeId, Principal, wire};
use std::collections::{BTreeSet, VecDeque};

/// A replica, up or down.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) site: Site,
    /// The only time that the machine knows.
    pub(super) clock: Clock,
    /// The next lives: after so many writes the power fails again, for so long.
    pub(super) relapses: VecDeque<(u64, Duration)>,
    /// How long it stays down when its fuel is used up.
    down: Option<Duration>,
    /// Whether its fuel was used up.
    pub(super) ran_out: bool,
    config: Config,
    dimensions: Dimensions,
    machine: Option<Replica<Memory>>,
    seen: (View, bool),
    /// The VIEW-CHANGEs that some NEW-VIEW named which came here: author and digest.
    named: BTreeSet<(NodeId, Digest)>,
}

type Machine = Replica<Memory>;

/// A replica with an empty log and nothing else.
fn fresh(site: &Site, config: Config, memory: Memory) -> Result<Machine, ConfigError> {
    if site.asks {
        return Replica::unsure(config, memory, u64::from(site.life));
    }
    Replica::new(config, memory)
}

impl Server {
    /// A replica at the initial state.
    ///
    /// # Panics
    /// The sizes of the plan cannot work.
    pub(super) fn new(site: Site, config: Config, dimensions: Dimensions) -> Self {
        let machine = fresh(&site, config, Memory::new(dimensions));
        let machine = machine.unwrap_or_else(|problem| panic!("the plan cannot work: {problem}"));
        Self {
            site,
            clock: Clock::default(),
            relapses: VecDeque::new(),
            down: None,
            ran_out: false,
            config,
            dimensions,
            machine: Some(machine),
            seen: (View(0), true),
            named: BTreeSet::new(),
        }
    }

    /// Sees to it that the power fails after so many writes, for so long; `None`: for ever.
    pub(super) fn fuel(&mut self, writes: u64, down: Option<Duration>) {
        (self.site.fuel, self.down) = (Some(writes), down);
    }

    /// If the fuel was used up since this was asked last: for how long the power fails.
    pub(super) fn exhausted(&mut self) -> Option<Option<Duration>> {
        std::mem::take(&mut self.ran_out).then_some(self.down)
    }

    /// The power will not fail any more.
    pub(super) fn calm(&mut self) {
        self.site.fuel = None;
        self.relapses.clear();
    }

    /// Somebody sets the clock.
    pub(super) fn jump(&mut self, stage: &mut Stage<'_>, by: i64) {
        self.clock.jump(stage.engine.now(), by);
        stage.checks.statistics.jumps += 1;
        let what = if by < 0 { "sets its clock back" } else { "sets its clock forward" };
        stage.enter(&Line::Input { node: self.site.me, what });
        self.set_alarm(stage);
    }

    /// Where the replica stands; `None` while it is down.
    pub(super) fn status(&self) -> Option<Status> {
        self.machine.as_ref().map(Replica::status)
    }

    /// Why the replica left its views; `None` while it is down.
    pub(super) fn departures(&self) -> Option<Departures> {
        self.machine.as_ref().map(Replica::departures)
    }

    /// Lets time pass for the first time.
    pub(super) fn start(&mut self, stage: &mut Stage<'_>) {
        self.step(stage, Input::Wake);
    }

    /// A message arrives: through the whole wall, then to the machine.
    pub(super) fn receive(&mut self, stage: &mut Stage<'_>, from: Principal, payload: &Payload) {
        let me = self.site.me;
        let Some(machine) = &mut self.machine else { return };
        stage.enter(&Line::Delivered { from, to: Principal::Node(me), payload });
        if let Some(traitor) = &mut self.site.traitor {
            traitor.overhear(from, payload);
            if traitor.ignores(payload) {
                return;
            }
        }
        let Ok(message) = wire::decode::<Message<'_>>(payload) else {
            return blame(stage, me, from, Fault::Malformed);
        };
        let now = self.clock.read(stage.engine.now());
        let before = stage.checks.looks_closely(me).then(|| machine.clone());
        match machine.admit(now, from, &message) {
            Admission::Verify => {}
            Admission::Known | Admission::Later { .. } => {
                self.is_unmoved(stage, from, before, false);
                return stage.enter(&Line::Known { node: me });
            }
            Admission::Refused(fault) => {
                self.is_unmoved(stage, from, before, false);
                return blame(stage, me, from, fault);
            }
        }
        let registry = stage.registry;
        match registry.roster.verify(&registry.scheme, from, message) {
            Err(fault) => {
                self.is_unmoved(stage, from, before, false);
                // What is malformed may be signed all the same, by whom it names.
                let evidence = Evidence::of(message, registry.roster.nodes());
                if evidence
                    .is_some_and(|it| verify(&it, &registry.roster, &registry.scheme).is_ok())
                {
                    prove(stage, me, evidence);
                }
                blame(stage, me, from, fault);
            }
            Ok(verified) => {
                let (outputs, blamed) = (self.site.outputs, stage.checks.statistics.accusations);
                self.note_named(&message);
                self.step(stage, Input::Message(verified));
                // Nothing came of it but an accusation of its sender: its content is in no slot and
                // no row.
                let more = stage.checks.statistics.accusations > blamed;
                let accused = more && stage.checks.blamed() == Some(from);
                let unanswered = accused && self.site.outputs == outputs;
                if unanswered && !self.is_taken(&message, registry.roster.scope()) {
                    self.is_unmoved(stage, from, before, true);
                }
            }
        }
    }

    /// Remembers the VIEW-CHANGEs that a NEW-VIEW names.
    fn note_named(&mut self, message: &Message<'_>) {
        let Message::NewView(new_view) = message else { return };
        let pairs = new_view.view_changes.iter();
        let pairs =
            pairs.filter_map(|(author, digest)| Some((u8::try_from(author.0).ok()?, digest)));
        self.named.extend(pairs.map(|(author, digest)| (NodeId(author), digest)));
    }

    /// Whether a message for which its sender is blamed is taken all the same: a STATUS, and a
    /// VIEW-CHANGE that a NEW-VIEW names, whose author has said another one of the same view.
    fn is_taken(&self, message: &Message<'_>, scope: &Scope) -> bool {
        match message {
            Message::ViewChange(change) => {
                self.named.contains(&(change.author, change.digest(scope)))
            }
            _ => matches!(message, Message::Status(_)),
        }
    }

    /// The alarm rings.
    pub(super) fn wake(&mut self, stage: &mut Stage<'_>, life: u32) {
        let Some(machine) = self.machine.as_ref().filter(|_| life == self.site.life) else {
            return;
        };
        let (now, clock) = (stage.engine.now(), self.clock);
        let due = machine.deadline().map(|deadline| clock.reaches(now, deadline));
        if self.site.alarm.ring(now, due) {
            self.step(stage, Input::Wake);
        } else {
            self.set_alarm(stage);
        }
        if self.site.alarm.stuck() {
            let what = format!("r{} is woken for ever at one instant", self.site.me.0);
            stage.checks.fail("deadline", stage.engine.now(), what);
        }
    }

    /// Writes have become durable.
    pub(super) fn durable(&mut self, stage: &mut Stage<'_>, life: u32, written: u64) {
        if life == self.site.life && self.machine.is_some() {
            self.site.settle(stage, written);
            self.pump(stage);
        }
    }

    /// The application is done with a request.
    pub(super) fn done(&mut self, stage: &mut Stage<'_>, life: u32) {
        if life == self.site.life && self.machine.is_some() {
            self.pump(stage);
        }
    }

    /// The power fails.
    pub(super) fn crash(&mut self, stage: &mut Stage<'_>) {
        if self.machine.take().is_some() {
            self.site.crash(stage);
        }
    }

    /// The power is back: what is on the disk is all that there is.
    pub(super) fn restart(&mut self, stage: &mut Stage<'_>) {
        if self.machine.is_some() {
            return;
        }
        let (site, now) = (&mut self.site, stage.engine.now());
        let Some(written) = site.power_up(stage) else { return };
        let records: Vec<Record<'_>> = written.iter().map(|record| decode(record)).collect();
        let stable = records.iter().rev().find_map(|record| match record {
            Record::Stable { sequence, .. } => Some(sequence.0),
            _ => None,
        });
        let newest = site.disk.captures().range(stable.unwrap_or_default()..).next_back();
        let clients = newest.map(|(_, capture)| capture.clients.concat()).unwrap_or_default();
        let snapshot = newest.map(|(sequence, capture)| Snapshot {
            sequence: Sequence(*sequence),
            clients: &clients,
            state: Image::of(capture).roots().state(),
        });
        let checkpoint = newest.map_or(0, |(sequence, _)| *sequence);
        site.journal = newest.map_or_else(
            || super::Journal::new(site.clients),
            |(_, capture)| super::Journal::restore(&capture.state).expect("captured here"),
        );
        let (node, records_held) = (site.me, records.len());
        let memory = Memory::new(self.dimensions);
        let recovered = if site.lost {
            let nonce = u64::from(site.life);
            site.note_loss(nonce);
            Replica::amnesiac(self.config, memory, nonce).map_err(RecoverError::Config)
        } else if site.asks && records.is_empty() && snapshot.is_none() {
            fresh(site, self.config, memory).map_err(RecoverError::Config)
        } else {
            Replica::recover(self.config, memory, self.clock.read(now), snapshot, records)
        };
        stage.enter(&Line::Restarted { node, checkpoint, records: records_held });
        stage.checks.statistics.restarts += 1;
        stage.checks.resumed(now, node, checkpoint, site.journal.digest());
        site.lost &= recovered.is_err();
        if let Some((fuel, down)) = self.relapses.pop_front() {
            self.fuel(fuel, Some(down));
            stage.checks.statistics.relapses += 1;
        }
        match recovered {
            Ok(machine) => {
                let status = machine.status();
                self.seen = (status.view, status.active);
                stage.checks.restarted(node, machine.departures().followed);
                stage.resume(status.active.then_some(status.view.0));
                self.machine = Some(machine);
                self.step(stage, Input::Wake);
            }
            Err(error) if !stage.checks.correct(node) => {
                let what = &format!("makes no replica: {error}");
                stage.enter(&Line::Disk { node, what });
            }
            Err(error) => {
                let what = format!("r{} does not recover from its disk: {error:?}", node.0);
                stage.checks.fail("recovery", now, what);
            }
        }
    }

    fn step(&mut self, stage: &mut Stage<'_>, input: InputOf<'_, Machine>) {
        let Some(machine) = &mut self.machine else { return };
        let now = self.clock.read(stage.engine.now());
        let said = match &input {
            Input::Message(verified) => Some(*verified.message()),
            _ => None,
        };
        let outputs = self.site.outputs;
        let mut step = Step { site: &mut self.site, stage, said };
        perform(machine, now, input, &mut step);
        let (outputs, executed) = (self.site.outputs - outputs, machine.status().executed.0);
        stage.checks.stepped(stage.engine.now(), self.site.me, outputs, executed);
        self.pump(stage);
    }

    /// Whether the machine is as it was before a message that it rejected, if that was kept; its
    /// memory alone, if it took a step for it.
    fn is_unmoved(
        &self,
        stage: &mut Stage<'_>,
        from: Principal,
        before: Option<Machine>,
        stepped: bool,
    ) {
        if let (Some(before), Some(after)) = (before, &self.machine) {
            let (before, after) = (format!("{before:?}"), format!("{after:?}"));
            let memory = |text: &str| text.find("storage: ").filter(|_| stepped).unwrap_or(0);
            let (before, after) = (&before[memory(&before)..], &after[memory(&after)..]);
            stage.checks.rejected(stage.engine.now(), (self.site.me, from), before, after);
        }
    }

    /// Gives the machine what it is owed until nothing is left, then sees to disk and alarm.
    fn pump(&mut self, stage: &mut Stage<'_>) {
        loop {
            let Some(machine) = &mut self.machine else { return };
            if std::mem::take(&mut self.site.outdated) {
                stage.checks.statistics.outdated += 1;
                return self.crash(stage);
            }
            if let Some((0, leave)) = self.site.cut {
                self.site.cut_off(stage, leave);
                return self.crash(stage);
            }
            if self.site.fuel == Some(0) {
                self.ran_out = true;
                return self.crash(stage);
            }
            let Some(owed) = self.site.next_owed(stage) else {
                self.compact(stage);
                self.site.flush(stage);
                if self.site.is_idle() {
                    break;
                }
                continue;
            };
            let site = &mut self.site;
            let pieces = owed.room().map(|(at, room)| site.draft.seek(at, &site.held(), room));
            let pieces = pieces.unwrap_or_default();
            let command = owed.command(&pieces);
            let now = self.clock.read(stage.engine.now());
            let outputs = site.outputs;
            let mut step = Step { site, stage, said: None };
            perform(machine, now, Input::Command(command), &mut step);
            let (outputs, executed) = (self.site.outputs - outputs, machine.status().executed.0);
            stage.checks.stepped(stage.engine.now(), self.site.me, outputs, executed);
        }
        self.note_view(stage);
        self.set_alarm(stage);
    }

    /// Writes a fresh log in place of the old one, if that is due.
    fn compact(&mut self, stage: &mut Stage<'_>) {
        if let Some(machine) = self.machine.as_ref().filter(|_| self.site.compact) {
            let records: Vec<_> = machine.records().map(|record| encode(&record)).collect();
            self.site.compact = false;
            stage.enter(&Line::Compacted { node: self.site.me, records: records.len() });
            self.site.write(Write::Rewrite(records));
        }
    }

    fn note_view(&mut self, stage: &mut Stage<'_>) {
        let Some(status) = self.status() else { return };
        let (view, active) = (status.view, status.active);
        if self.seen != (view, active) {
            self.seen = (view, active);
            let entered = active && stage.checks.correct(self.site.me);
            stage.checks.statistics.view_changes += u64::from(entered);
            let followed = self.departures().map_or(0, |departures| departures.followed);
            stage.checks.moved(stage.engine.now(), self.site.me, view, followed);
            stage.enter(&Line::View { node: self.site.me, view: view.0, active });
        }
    }

    fn set_alarm(&mut self, stage: &mut Stage<'_>) {
        let Some(machine) = &self.machine else { return };
        let (who, life) = (Principal::Node(self.site.me), self.site.life);
        let (now, clock): (Instant, Clock) = (stage.engine.now(), self.clock);
        let due = machine.deadline().map(|deadline| clock.reaches(now, deadline));
        self.site.alarm.set(stage.engine, who, life, due);
    }
}
