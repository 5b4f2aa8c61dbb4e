//! Generals in the virtual world: the protocols in rounds, and the checkers over them.
//!
//! The machines are the real ones of the core behind the real wall. Each has a clock that is a
//! little wrong and drifts, and a host that takes its time; frames take theirs, in any order, some
//! twice. The times of a run are as tight as the inequality of [`quorate::rounds`] allows, so that
//! everything a correct general says arrives in its round, and nothing is to spare.
//!
//! Whatever else goes wrong counts as treason, for no protocol in rounds can tell a late frame
//! from one that was never sent: lost and late frames, clocks beyond the skew, hosts that stand
//! still, power cuts. So each seed chooses at most m generals, and lets those be traitors of some
//! [role](Role), or meet with a [mishap](Mishap). The traitors of a run act as one: a [`Cabal`]
//! holds their keys and no others, and hears all that is said.
//!
//! What is checked, of those that are not faulty: they decide in time, once, and alike (IC1), and
//! what a correct commander ordered (IC2); they accuse nobody correct and refuse nothing; their
//! frames, outputs and verifications are no more than is published, and without a fault exactly as
//! many; a rejected frame changes nothing that they remember. Of one that was stepped too late:
//! that it says so, and neither speaks nor decides.

mod cabal;
mod campaign;
mod checks;
mod court;
mod creed;
mod creeds;
mod desk;
mod field;
mod line;
mod member;
mod mishap;
mod mouth;
mod muster;
mod plan;
mod report;
mod saying;
mod slots;
mod statistics;
mod telling;
mod timing;
mod traitors;
mod word;

pub use cabal::{Cabal, Occasion};
pub use campaign::{Campaign, Summary};
pub use creed::{Costs, Creed, Twist};
pub use creeds::{Ballot, Every, Oral, Scrolls};
pub(crate) use field::FIRST;
pub use field::Field;
pub use mishap::Mishap;
pub use mouth::{Mouth, Role, Speech, cast};
pub use plan::{Plan, Protocol};
pub use report::{Report, run};
pub use saying::{Form, Lack, Saying, Told};
pub(crate) use slots::{CLIENTS, OPERATION};
pub use slots::{Errands, Lie, Pace, Parcel, Serving, Slots, Town, Wish};
pub use statistics::Statistics;
pub use timing::Timing;
pub use traitors::{
    Beside, Deed, Delayer, Equivocator, Inventor, Liar, Mutator, Replayer, Rule, Rules, Scripted,
    Silent, Spammer, Whimsical,
};
pub use word::Word;
