//! The phase king: agreement on one general's order with short messages and little memory.
//!
//! Berman, Garay and Perry, "Towards optimal distributed consensus", FOCS 1989. `n` generals, of
//! whom up to `t` are traitors, agree on the commander's order if `n > 3t`, over authentic links
//! and without signatures, as by oral messages. Where those say exponentially much in `t + 1`
//! rounds, the phase king takes `3(t + 1) + 1` rounds in which every message is one opinion, and
//! a general remembers `2n` opinions. [How it compares](crate::cost) with its two siblings, and
//! when to prefer which, has a chapter of its own.
//!
//! What it promises, as its siblings do: all loyal generals decide the same (IC1), and if the
//! commander is loyal, they decide its order (IC2). They decide at the end of the last round,
//! whatever happens.
//!
//! # The first round
//!
//! The paper is about consensus, in which every general has an opinion to begin with. Here one
//! general commands: in round 1 it says its order to all, and what a general was told is the
//! opinion that it begins with. One that was told nothing begins with [`Opinion::Nothing`], which
//! is an opinion like any order: if all loyal generals begin with it, they end with it. A
//! commander without an order is silent.
//!
//! # A phase
//!
//! Then there are `t + 1` phases of three rounds. Each has a king: general 0 the first, general 1
//! the second, and so on.
//!
//! 1. *Universal exchange 1.* Everybody says its opinion to all. Who counts `n - t` votes for one
//!    opinion, its own included, adopts it; else it is *undecided*.
//! 2. *Universal exchange 2.* Everybody says what came of that. Who counts more than `t` votes for
//!    one opinion adopts it, else it is undecided. Who counts `n - t` is *firm*.
//! 3. *The king's round.* The king says its opinion to all; if it is undecided, "no order". Who is
//!    not firm takes it, the king itself too. A king that is not heard has said "no order".
//!
//! Who is silent votes for nobody: a vote counts for something only if it was cast.
//!
//! # Why it works
//!
//! *What all loyal generals hold stays.* If all of them, at least `n - t`, begin a phase with
//! one opinion, everybody counts `n - t` votes for it in both exchanges, is firm, and does
//! not listen to the king. So the order of a loyal commander, which all hold after round 1, is
//! what they decide: that is IC2.
//!
//! *After exchange 1 the loyal hold at most one opinion* besides being undecided: two groups of
//! `n - t` voters have at least `n - 2t > t` in common, hence a loyal general, and that said the
//! same to all. Therefore in exchange 2 any other opinion has the votes of traitors only, at most
//! `t`: more than `t` votes prove that an opinion is the one.
//!
//! *A loyal king unites.* If some loyal general is firm, at least `n - 2t > t` of its votes are
//! those of loyal generals, who said the same to everybody: then everybody, the king
//! too, counted more than `t` votes for that opinion, and the king says what the firm ones hold.
//! If nobody loyal is firm, all of them take what the king says. Either way they hold one opinion
//! at the end of the phase, and it stays.
//!
//! *One king is loyal*, whoever they are: `t + 1` generals are not all traitors. Any `t + 1`
//! different ones will do, as long as all agree beforehand who they are; choosing them by what was
//! said would put the choice into the hands of traitors. That is IC1.
//!
//! # What is told apart
//!
//! A message names its instance and its round. One that is about another instance, of a round that
//! is closed, more than one round ahead, of a general that does not speak in that round, or
//! with an opinion that cannot be held in it, is blamed on its sender and changes nothing; so
//! is a second one that says something else. The verdict is [`Verdict::Value`](crate::Verdict)
//! or, where all hold that there is no order, a default whose reason is a local observation:
//! [`Reason::Conflict`](crate::Reason) if generals told of different orders in the first
//! exchange, else [`Reason::Missing`](crate::Reason).
//!
//! # The files
//!
//! [`Part`] says what each round is for, [`Ballots`] holds the rules, [`Message`] is what travels;
//! [`rounds()`], [`messages`], [`frames`], [`slots`] and [`bytes`] are the price. [`General`] is
//! the node: these rules in the clockwork of [`crate::rounds`].
//!
//! ```
//! use quorate::king::{self, Fixed, General};
//! use quorate::rounds::{Config, Instance, Schedule};
//! use quorate::{Input, Instant, NodeId, Order, Output, Protocol, Target};
//! use std::time::Duration;
//!
//! let (round, margin) = (Duration::from_millis(10), Duration::from_millis(1));
//! let schedule = Schedule::new(Instant::from_micros(1_000), round, margin)?;
//! let instance = Instance { number: 1, commander: NodeId(0) };
//! let config = Config { me: NodeId(0), nodes: 4, traitors: 1, instance };
//! let memory = Fixed::<u32, 4, 1, { king::slots(4, 1) }>::new();
//!
//! let mut commander = General::new(config, schedule, memory)?;
//! assert!(commander.step(Instant::ZERO, Input::Command(Order(7))).next().is_none());
//! let begin = commander.deadline().unwrap();
//! let said = commander.step(begin, Input::Wake).next();
//! assert!(matches!(said, Some(Output::Send { to: Target::All, .. })));
//! # Ok::<(), quorate::ConfigError>(())
//! ```
//!
//! # Deviations from the paper
//!
//! * A commander and its round come first; the paper's generals have opinions to begin with.
//! * Any number of values instead of 0 and 1, and "no order" among them. The counting is the
//!   paper's; its third symbol, 2, is [`Opinion::Undecided`] and no value.
//! * In the second exchange the paper takes the smallest value with more than `t` votes, and keeps
//!   the old one, which then is discarded, where there is none. Here it is the one with the most
//!   votes, or undecided; with `n > 3t` no two have more than `t`, so that is the same.
//! * An undecided king says "no order" and so does one that is not heard, where the paper's says 1.
//!   Any fixed opinion would do.
//! * The kings are generals `0..=t` and the commander may be among them.

mod ballots;
mod cost;
mod fixed;
mod message;
mod opinion;
mod part;

pub use ballots::Ballots;
pub use cost::{bytes, frame_bytes, frames, messages, rounds, slots};
pub use fixed::Fixed;
pub use message::Message;
pub use opinion::Opinion;
pub use part::Part;

use crate::fault::ConfigError;
use crate::rounds::{Config, Schedule};
use crate::value::Value;

/// A general that agrees by phase king. `T` is its memory: [`slots`] elements of [`Opinion`].
pub type General<V, T> = crate::rounds::General<Ballots<V, T>>;

impl<V: Value, T: AsRef<[Opinion<V>]> + AsMut<[Opinion<V>]>> General<V, T> {
    /// A general that waits for the first round.
    ///
    /// # Errors
    /// `n <= 3t`, ids that do not exist, or memory of another size than [`slots`].
    pub fn new(config: Config, schedule: Schedule, memory: T) -> Result<Self, ConfigError> {
        Ok(Self::with_rules(Ballots::new(config, memory)?, schedule))
    }
}
