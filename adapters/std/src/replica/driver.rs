//! The step thread: inputs in, one step at a time, one sync for many.

use super::arrival::{Arrival, Core};
use super::host::Host;
use super::load::Ticket;
use super::patience::Patience;
use super::report::Reporter;
use super::stopped::Stopped;
use super::turns::Turns;
use super::verifier::Job;
use crate::application::Application;
use crate::recording::Recording;
use quorate::auth::Checked;
use quorate::pbft::{Admission, Command, Message};
use quorate::{Fault, Input, Instant, Output, Principal, Protocol, Target, wire};
use std::sync::Arc;
use std::time::Duration;

/// A turn takes what has arrived for so long before it syncs: what comes later waits for the
/// next sync, but those whose messages are out sooner are answered sooner.
const TURN: Duration = Duration::from_millis(2);

/// Inputs that are taken at once. Peers take turns anew each time.
const HANDFUL: usize = 32;

/// The host's clock: microseconds since the replica was started, never going back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(std::time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn now(self) -> Instant {
        Instant::ZERO.after(self.0.elapsed())
    }
}

/// Drives one replica.
#[derive(Debug)]
pub(crate) struct Driver<A> {
    core: Core,
    host: Host<A>,
    clock: Clock,
    arrivals: Arc<Turns<Arrival>>,
    verifiers: Arc<Turns<Job>>,
    reporter: Reporter,
    patience: Patience,
    /// Arrivals of this turn.
    taken: Vec<Arrival>,
    recording: Option<Recording>,
}

/// Whether the replica goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

impl<A: Application> Driver<A> {
    pub(crate) fn new(
        core: Core,
        host: Host<A>,
        clock: Clock,
        arrivals: Arc<Turns<Arrival>>,
        verifiers: Arc<Turns<Job>>,
        reporter: Reporter,
        (patience, recording): (Patience, Option<Recording>),
    ) -> Self {
        let taken = Vec::new();
        Self { core, host, clock, arrivals, verifiers, reporter, patience, taken, recording }
    }

    /// Runs until it is told to stop, or cannot go on.
    pub(crate) fn run(mut self) -> Result<(), Stopped> {
        self.step(Input::Wake)?;
        self.settle()?;
        while self.turn()? == Then::GoOn {}
        self.report_at_last();
        self.settle()?;
        self.host.log.mark()?;
        Ok(())
    }

    /// Takes what has arrived, or waits for it until something is due; then one sync for all.
    fn turn(&mut self) -> Result<Then, Stopped> {
        let now = self.clock.now();
        let due = [self.core.deadline(), self.reporter.deadline()].into_iter().flatten().min();
        let mut patience = due.map(|due| due.since(now));
        let mut then = Then::GoOn;
        let mut begin = None;
        while then == Then::GoOn {
            self.arrivals.take(HANDFUL, patience, &mut self.taken);
            if self.taken.is_empty() {
                break;
            }
            let mut taken = std::mem::take(&mut self.taken);
            for arrival in taken.drain(..) {
                if self.take(arrival)? == Then::End {
                    then = Then::End;
                }
            }
            self.taken = taken;
            patience = Some(Duration::ZERO);
            let now = self.clock.now();
            if now.since(*begin.get_or_insert(now)) >= TURN {
                break;
            }
        }
        if self.core.deadline().is_some_and(|deadline| deadline <= self.clock.now()) {
            self.step(Input::Wake)?;
        }
        self.settle()?;
        self.report();
        Ok(then)
    }

    /// Ends a turn.
    fn settle(&mut self) -> Result<(), Stopped> {
        let flushed = self.recording.as_mut().map_or(Ok(()), Recording::flush);
        if let Err(error) = flushed {
            self.recording = None;
            self.host.note(format!("the recording has ended: {error}"));
        }
        Ok(self.host.settle(&self.core)?)
    }

    fn take(&mut self, arrival: Arrival) -> Result<Then, Stopped> {
        match arrival {
            Arrival::Checked { message, ticket } => self.on_checked(&message, &ticket)?,
            Arrival::Signed { from, payload, ticket } => self.admit(from, payload, ticket),
            Arrival::Refused { from, fault } => self.host.faults.count(from, fault),
            Arrival::Proved { evidence } => self.host.prove(&evidence),
            Arrival::Captured { era, sequence, state } => {
                if era == self.host.era {
                    self.step(Input::Command(Command::Captured { sequence, state }))?;
                }
            }
            Arrival::Sought { sequence, pieces } => {
                let command = Command::Seek { sequence, pieces: &pieces };
                self.step(Input::Command(command))?;
            }
            Arrival::Asked { by, _ticket } => self.reporter.ask(by),
            Arrival::Failed(stopped) => return Err(stopped),
            Arrival::Stop => return Ok(Then::End),
        }
        Ok(Then::GoOn)
    }

    fn on_checked(
        &mut self,
        checked: &Checked<Vec<u8>, Core>,
        ticket: &Ticket,
    ) -> Result<(), Stopped> {
        let Some(message) = checked.message() else { return Ok(()) };
        let from = message.from();
        if self.host.outbox.ignores(from, message.message()) {
            return Ok(());
        }
        self.step(Input::Message(message))?;
        if let (Principal::Node(node), true) = (from, self.core.was_fruitless()) {
            let (now, executed) = (self.clock.now(), self.core.status().executed.0);
            if let Some(wait) = self.patience.spend(node, now, executed) {
                self.host.faults.count(from, Fault::OverBudget);
                ticket.pause(wait);
            }
        }
        Ok(())
    }

    /// Sends a message to the verifiers if it is worth it.
    fn admit(&mut self, from: Principal, payload: Vec<u8>, ticket: Ticket) {
        let Ok(message) = wire::decode::<Message<'_>>(&payload) else { return };
        if self.host.outbox.ignores(from, &message) {
            return;
        }
        let now = self.clock.now();
        let admission = self.core.admit(now, from, &message);
        if let Some(recording) = &mut self.recording {
            recording.admission(now, from, &payload, admission);
        }
        match admission {
            Admission::Verify => {
                self.verifiers.push(Some(from), Job { from, payload, ticket });
            }
            Admission::Known => {}
            Admission::Refused(fault) => self.host.faults.count(from, fault),
            Admission::Later { after } => {
                self.host.faults.count(from, Fault::OverBudget);
                // What it sent before it is heard of nobody reads; it is told once.
                let waits = ticket.pause(after);
                if let (Message::Request(request), Principal::Client(client), true) =
                    (message, from, waits)
                {
                    let busy = Message::busy(client, request.timestamp, after);
                    self.host.outbox.hold(Target::Client(client), busy);
                }
            }
        }
    }

    /// One step, and then one for each command that the host owes the core after it.
    fn step(&mut self, input: quorate::InputOf<'_, Core>) -> Result<(), Stopped> {
        let now = self.clock.now();
        self.step_once(now, input)?;
        if let Some((client, answer)) = self.host.answered.take() {
            let command = Command::Answered { client, answer: answer.as_deref() };
            self.step_once(now, Input::Command(command))?;
        }
        loop {
            if let Some((client, reply)) = self.host.replies.pop_front() {
                let command = Command::Executed { client, reply: &reply };
                self.step_once(now, Input::Command(command))?;
                self.host.spare.push(reply);
            } else if let Some((sequence, clients)) = self.host.installed.take() {
                let command = Command::Installed { sequence, clients: &clients };
                self.step_once(now, Input::Command(command))?;
            } else {
                return Ok(());
            }
        }
    }

    fn step_once(
        &mut self,
        now: Instant,
        input: quorate::InputOf<'_, Core>,
    ) -> Result<(), Stopped> {
        let said = match &input {
            Input::Message(verified) => Some(*verified.message()),
            _ => None,
        };
        if let Some(recording) = &mut self.recording {
            recording.step(now, &input);
        }
        for output in self.core.step(now, input) {
            if let Some(recording) = &mut self.recording {
                recording.output(&output);
            }
            if matches!(&output, Output::Send { message: Message::Status(it), .. } if it.wanting) {
                self.patience.asked();
            }
            self.host.perform(output, said)?;
        }
        if let Some(recording) = &mut self.recording {
            recording.end();
        }
        Ok(())
    }

    /// Answers those who asked for a report, if it is time.
    fn report(&mut self) {
        let now = self.clock.now();
        if self.reporter.is_due(now) {
            let Self { core, host, reporter, clock, .. } = self;
            reporter.answer(core, host, *clock);
        }
    }

    /// Answers everybody who is still waiting.
    fn report_at_last(&mut self) {
        let Self { core, host, reporter, clock, .. } = self;
        reporter.answer(core, host, *clock);
    }
}

impl<A> Drop for Driver<A> {
    /// Whatever ended the step thread, all other threads end with it.
    fn drop(&mut self) {
        self.arrivals.close();
        self.verifiers.close();
        self.host.post.stop();
    }
}
