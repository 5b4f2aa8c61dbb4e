//! One general of a service, and its host with its application: a history of operations.

use super::super::creed::Creed;
use super::super::mishap::{Mishap, frozen};
use super::super::mouth::Mouth;
use super::annals::Entry;
use super::creed::Serving;
use super::room::{Member, Parcel};
use crate::clock::Clock;
use crate::scheme::Key;
use core::time::Duration;
use quorate::vector::Broadcast;
use quorate::{ClientId, Digest, Instant, NodeId};

/// What a host owes its general.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Executed(u64, ClientId, Vec<u8>),
    Captured(u64, Digest),
}

/// A captured state: slot, client table, history.
pub(super) type State = (u64, Vec<u8>, Vec<u8>);

/// A general and its host.
#[derive(Debug)]
pub(super) struct Host<C>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    pub(super) me: NodeId,
    pub(super) key: Key,
    pub(super) clock: Clock,
    /// `None` while it has no power.
    pub(super) general: Option<Member<C::Rules>>,
    /// How often it was started.
    pub(super) life: u32,
    /// The deadline for which a wake-up is under way.
    pub(super) due: Option<Instant>,
    /// Signatures that its wall verified since the slot began that began last.
    pub(super) verified: u64,
    pub(super) log: Vec<Entry>,
    /// How long it takes for each thing; `None`: for all of a slot as long as all hosts do.
    pub(super) takes: Option<Duration>,
    /// Until when it is busy with what it was given.
    pub(super) busy: Instant,
    pub(super) captured: Option<State>,
    pub(super) mishaps: Vec<Mishap>,
    pub(super) mouth: Option<Box<dyn Mouth<Serving<C>>>>,
}

impl<C> Host<C>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    /// Until when it stands still, if it does now.
    pub(super) fn frozen(&self, now: Instant) -> Option<Instant> {
        frozen(&self.mishaps, now)
    }

    /// When each of these things is done, one after the other, if they are begun now.
    pub(super) fn schedule(
        &mut self,
        now: Instant,
        takes: Duration,
        answers: Vec<Answer>,
    ) -> Vec<(Instant, Answer)> {
        let each = answers.into_iter().map(|answer| {
            self.busy = self.busy.max(now).after(takes);
            (self.busy, answer)
        });
        each.collect()
    }

    /// Its power fails: all that it knew is lost.
    pub(super) fn fall(&mut self) {
        self.general = None;
        self.life += 1;
        (self.due, self.captured, self.verified) = (None, None, 0);
        self.busy = Instant::ZERO;
        self.log.clear();
    }
}
