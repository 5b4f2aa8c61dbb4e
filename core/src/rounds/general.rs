//! A general: one protocol's rules, kept in time.

use super::outputs::{Outputs, Work};
use super::rules::Rules;
use super::schedule::Schedule;
use crate::fault::{Fault, Refusal};
use crate::node::{NodeId, NodeSet, Principal};
use crate::protocol::{Admission, Input, InputOf, Never, Protocol};
use crate::time::Instant;
use core::cell::Cell;

/// A general that keeps the rules `R` by its own clock.
///
/// It decides once, at the end of the last round, unless it missed a deadline of its own.
#[derive(Clone, Debug)]
pub struct General<R> {
    pub(super) rules: R,
    schedule: Schedule,
    now: Instant,
    /// The round that is open: 0 before the first, one more than there are after the last.
    round: u8,
    missed: bool,
    pub(super) work: Cell<Work>,
}

#[cfg(feature = "defmt")]
impl<R: defmt::Format> defmt::Format for General<R> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { rules, round, missed, .. } = self;
        defmt::write!(f, "General(round {}, missed: {}, {})", round, missed, rules);
    }
}

impl<R: Rules> General<R> {
    /// A general that keeps these rules, and waits for the first round.
    pub const fn with_rules(rules: R, schedule: Schedule) -> Self {
        let (now, work) = (Instant::ZERO, Cell::new(Work::NONE));
        Self { rules, schedule, now, round: 0, missed: false, work }
    }

    /// The round that is open: 0 before the first, one more than there are after the last.
    #[must_use]
    pub const fn round(&self) -> u8 {
        self.round
    }

    /// Whether it missed a deadline of its own, or has more to accuse than may be faulty, and so
    /// counts itself faulty.
    #[must_use]
    pub const fn has_missed(&self) -> bool {
        self.missed
    }

    /// Whether nothing more will come of it: it has decided, or counts itself faulty.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.missed || self.round > self.rules.rounds()
    }

    /// The rules that it keeps.
    #[must_use]
    pub const fn rules(&self) -> &R {
        &self.rules
    }

    /// Gives the rules back, and with them the memory that they were given.
    #[must_use]
    pub fn into_rules(self) -> R {
        self.rules
    }

    /// The rules, for one who keeps several generals.
    pub(crate) const fn rules_mut(&mut self) -> &mut R {
        &mut self.rules
    }

    /// Begins another agreement, by another schedule. The rules were renewed before.
    pub(crate) const fn restart(&mut self, schedule: Schedule) {
        self.schedule = schedule;
        (self.round, self.missed) = (0, false);
        self.work = Cell::new(Work::NONE);
    }

    /// What is left of the outputs of the last step.
    pub(crate) const fn rest(&self) -> Outputs<'_, R> {
        Outputs { general: self }
    }

    /// Whether the outputs of the last step were all taken.
    pub(crate) const fn is_drained(&self) -> bool {
        self.work.get().is_done()
    }

    /// Whether a decoded frame from an authentic link is worth its verification. What is not
    /// worth it is struck from the frame. Spends nothing but the sender's own budget.
    #[must_use]
    pub fn admit(&mut self, from: Principal, message: &mut R::Message<'_>) -> Admission {
        match self.peer(from) {
            Err(fault) => Admission::Refused(fault),
            Ok(_) if self.missed => Admission::Known,
            Ok(_) if self.is_over() => Admission::Refused(Fault::Late),
            Ok(from) => {
                let admission = self.rules.admit(self.round, from, message);
                if let Admission::Refused(_) = admission {
                    self.rules.suspect(from);
                }
                admission
            }
        }
    }

    /// Who was not there when the others spoke counts itself faulty and not them.
    fn cut_off(&mut self) -> Option<Work> {
        self.rules.is_cut_off().then(|| {
            self.missed = true;
            Work::refusing(Refusal::CutOff { round: self.round })
        })
    }

    /// The peer behind a link.
    fn peer(&self, from: Principal) -> Result<NodeId, Fault> {
        match from {
            Principal::Client(_) => Err(Fault::NotAllowed),
            Principal::Node(node) if node == self.rules.me() => Err(Fault::Impersonation),
            Principal::Node(node) if node.index() >= self.rules.nodes() => Err(Fault::OutOfBounds),
            Principal::Node(node) => Ok(node),
        }
    }

    /// Closes the rounds that are over at `now` and opens the one that is not.
    fn keep_time(&mut self) -> Work {
        let mut work = Work::NONE;
        let rounds = self.rules.rounds();
        while self.round <= rounds && self.now >= self.schedule.begin(self.round + 1) {
            if self.round > 0 {
                work.missing = self.rules.close(self.round);
                for node in work.missing.iter() {
                    self.rules.suspect(node);
                }
                if let Some(cut_off) = self.cut_off() {
                    return cut_off;
                }
            }
            self.round += 1;
            let unsaid = work.speaks();
            let late = self.schedule.is_missed(self.round, self.now);
            if unsaid || late && !canary!("speaks_when_late") {
                self.missed = true;
                return Work::refusing(Refusal::MissedDeadline { round: self.round });
            }
            if self.round <= rounds {
                work.speak(self.round, self.peers());
            } else {
                work.decide = true;
            }
        }
        work
    }

    fn peers(&self) -> NodeSet {
        let me = self.rules.me();
        let all = (0u8..).map(NodeId).take(self.rules.nodes());
        all.filter(|node| *node != me).collect()
    }
}

impl<R: Rules> Protocol for General<R> {
    type Command<'a> = R::Command<'a>;
    type Message<'a> = R::Message<'a>;
    type Decision<'a>
        = R::Decision<'a>
    where
        Self: 'a;
    type Record<'a>
        = Never
    where
        Self: 'a;
    type Outputs<'a>
        = Outputs<'a, R>
    where
        Self: 'a;

    fn step(&mut self, now: Instant, input: InputOf<'_, Self>) -> Outputs<'_, R> {
        if !self.work.get().is_done() {
            self.work.get_mut().undrained = true;
            return Outputs { general: self };
        }
        self.now = self.now.max(now);
        let mut work = if self.missed { Work::NONE } else { self.keep_time() };
        match input {
            Input::Wake => {}
            Input::Command(_) if self.missed => {
                work.refusal = Some(Refusal::MissedDeadline { round: self.round });
            }
            Input::Command(command) => {
                work.refusal = self.rules.on_command(self.round, command).err();
            }
            Input::Message(_) if self.missed => {}
            Input::Message(message) => match self.peer(message.from()) {
                // A client has no id among the nodes, and no say here.
                Err(fault) => work.blame_principal(message.from(), fault),
                Ok(from) if self.is_over() => work.blame(from, Fault::Late),
                Ok(from) => {
                    let blame = self.rules.on_message(self.round, from, &message);
                    work.accuse(from, blame);
                    if blame.sender.is_some() {
                        self.rules.suspect(from);
                        work = self.cut_off().unwrap_or(work);
                    }
                }
            },
        }
        self.work.set(work);
        Outputs { general: self }
    }

    fn deadline(&self) -> Option<Instant> {
        (!self.is_over()).then(|| self.schedule.begin(self.round + 1))
    }
}
