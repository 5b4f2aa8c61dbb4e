//! How a run went.

use super::creed::Creed;
use super::creeds::{Ballot, Every, Oral, Scrolls};
use super::field::Field;
use super::plan::{Plan, Protocol};
use super::slots::{Parcel, Town};
use super::statistics::Statistics;
use super::word::Word;
use crate::many;
use crate::network::Traffic;
use crate::transcript::Transcript;
use crate::violation::Violation;
use quorate::Instant;
use quorate::vector::Broadcast;

/// How one seed went.
pub type Report = many::Report<Statistics>;

/// Something that is played to its end.
trait World {
    fn play(&mut self) -> Result<(), Violation>;
    fn end(self) -> (Statistics, Traffic, Transcript);
    fn at(&self) -> Instant;
}

impl<C: Creed<Value: Word>> World for Field<C> {
    fn play(&mut self) -> Result<(), Violation> {
        self.run()
    }

    fn end(self) -> (Statistics, Traffic, Transcript) {
        (*self.statistics(), self.traffic(), self.into_transcript())
    }

    fn at(&self) -> Instant {
        self.now()
    }
}

impl<C> World for Town<C>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    fn play(&mut self) -> Result<(), Violation> {
        self.run()
    }

    fn end(self) -> (Statistics, Traffic, Transcript) {
        (*self.statistics(), self.traffic(), self.into_transcript())
    }

    fn at(&self) -> Instant {
        self.now()
    }
}

/// Plays a plan to its end; `text`: with a transcript. A panic in a machine is a violation.
#[must_use]
pub fn run(plan: Plan, text: bool) -> Report {
    match (plan.protocol, plan.base) {
        (Protocol::Vector, Protocol::Om) => field::<Every<Oral<u32>>>(plan, text),
        (Protocol::Vector, Protocol::Sm) => field::<Every<Scrolls<u32>>>(plan, text),
        (Protocol::Vector, _) => field::<Every<Ballot<u32>>>(plan, text),
        (Protocol::Sm, _) => field::<Scrolls<u32>>(plan, text),
        (Protocol::King, _) => field::<Ballot<u32>>(plan, text),
        (Protocol::Om, _) => field::<Oral<u32>>(plan, text),
        (Protocol::Lockstep, Protocol::Om) => town::<Oral<Parcel>>(plan, text),
        (Protocol::Lockstep, Protocol::Sm) => town::<Scrolls<Parcel>>(plan, text),
        (Protocol::Lockstep, _) => town::<Ballot<Parcel>>(plan, text),
    }
}

fn field<C: Creed<Value: Word>>(plan: Plan, text: bool) -> Report {
    play(&plan.clone(), Field::<C>::new(plan, text))
}

fn town<C>(plan: Plan, text: bool) -> Report
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    play(&plan.clone(), Town::<C>::new(plan, text))
}

fn play(plan: &Plan, mut world: impl World) -> Report {
    let violation = many::caught(&mut world, World::play, World::at);
    let micros = world.at().as_micros();
    let (statistics, traffic, transcript) = world.end();
    Report {
        seed: plan.seed,
        violation,
        statistics,
        traffic,
        features: plan.features(),
        micros,
        transcript,
    }
}
