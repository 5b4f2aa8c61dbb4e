//! Synchronous rounds: the engine that all protocols of generals share.
//!
//! Oral messages ([`om`](crate::om)), signed messages ([`sm`](crate::sm)), the phase king
//! ([`king`](crate::king)) and interactive consistency ([`vector`](crate::vector)) proceed in
//! rounds. In each round a general sends at most one frame to each peer, and what it says in
//! round `r + 1` depends on what it heard up to the end of round `r`. [`General`] is that clockwork
//! as one [`Protocol`](crate::Protocol); the [`Rules`] in it are what one protocol says, hears and
//! decides. [Another chapter](crate::cost) says what each costs, and when to prefer which.
//!
//! # Time
//!
//! A [`Schedule`] has a start, the length of a round, and a margin. Round `r`, counted from 1, is
//! open from `start + (r - 1) * round` to `start + r * round` by the general's own clock. It speaks
//! when a round begins. What it hears before the round begins comes from a clock that is ahead,
//! and is kept; what it hears after the round has closed is late, and counts as not said.
//!
//! The general has to be stepped within the margin after each beginning, the end of the last
//! round included. If it is not, its peers may not have heard it in time, and it may have heard
//! too little: it has missed its own deadline. Then it counts *itself* faulty, says so with
//! [`Refusal::MissedDeadline`](crate::Refusal::MissedDeadline), and neither speaks nor decides
//! any more.
//! So
//!
//! ```text
//! round > 2 * skew + delay + margin
//! ```
//!
//! where `skew` is the most that a loyal clock differs from true time, `delay` the longest that a
//! frame is under way, and `margin` the longest that a host takes from the beginning of a round
//! to the sending of its frames. The same general then works under a TDMA schedule, where
//! the round is a cycle of slots, and over sockets, where it is a generous timeout.
//!
//! # A loyal general is not accused
//!
//! As long as that inequality holds, nothing that a loyal general does is a
//! [`Fault`](crate::Fault): [`Fault::Late`](crate::Fault::Late) and
//! [`Fault::Missing`](crate::Fault::Missing) say that it did not hold, or that the peer is a
//! traitor; the model of these protocols makes no difference between the two.

mod config;
mod general;
mod outputs;
mod rules;
mod schedule;

pub use config::{Config, Instance};
pub use general::General;
pub use outputs::Outputs;
pub use rules::{Blame, Rules};
pub use schedule::Schedule;
