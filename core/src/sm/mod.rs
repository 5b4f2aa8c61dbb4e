//! Signed messages, SM(m): agreement on one general's order with signatures (Lamport, Shostak and
//! Pease, "The Byzantine Generals Problem", TOPLAS 1982, section 4).
//!
//! One general, the commander, gives an order to all others, its lieutenants. Up to `m` generals
//! are traitors and do whatever they like, but cannot forge the signature of a loyal one. Then
//!
//! * **IC1**: all loyal lieutenants obey the same order, and
//! * **IC2**: if the commander is loyal, they obey the order that it gave.
//!
//! That needs `n >= m + 2` generals, for else there are no two lieutenants who could agree, and
//! `m + 1` rounds. [Oral messages](crate::om) need `n > 3m`; that is what the signatures are for.
//!
//! # The rounds
//!
//! In round 1 the commander signs its order and sends it to everybody. A lieutenant that hears of
//! an order for the first time adds its signature, and in the next round sends it to all who have
//! not signed it yet, unless that would make more than `m + 1` signatures. So an order travels
//! with a chain of signatures, `v : 0 : j1 : ... : jk`, the commander's first, the sender's last.
//!
//! In round `r` only a chain of at least `r` signatures counts. That is the whole secret: when
//! the last round closes, a chain has `m + 1` signatures, of which one is a loyal general's, who
//! has told everybody. With a lesser chain a traitor could tell one lieutenant so late that it
//! can tell nobody else. A chain that is longer than its round comes from a clock that is ahead;
//! it is kept.
//!
//! At the end a lieutenant that knows one order obeys it. If it knows none, or two, it falls back
//! on the default, which is the same at all generals: two orders under one signature prove that
//! the commander is a traitor, and all loyal lieutenants know that much, though not always the
//! same two.
//!
//! # Two orders are enough
//!
//! A lieutenant keeps two orders, relays each once, and hears no third (Dolev and Strong,
//! "Authenticated Algorithms for Byzantine Agreement", SIAM J. Comput. 1983): whoever knows two
//! knows how it will end, and has told everybody. So the memory is two chains, and a commander
//! that signs ten thousand orders causes no more messages than one that signs two.
//!
//! | n, m | messages without faults | most relays of the loyal | rounds | rows of memory |
//! |---|---|---|---|---|
//! | 4, 1 | 9 | 12 | 2 | 2 |
//! | 7, 2 | 36 | 60 | 3 | 4 |
//! | 10, 3 | 81 | 144 | 4 | 6 |
//! | 16, 5 | 225 | 420 | 6 | 10 |
//!
//! ([`messages`], [`relays`], [`rounds`], [`slots`]; [`crate::cost`] puts them beside those of the
//! other protocols.)
//!
//! # What a signature covers
//!
//! [`statement`] says it: the cluster and its epoch, the signer, the instance with its commander,
//! the order, and who signed before, in order. So a signature under one order means nothing under
//! another, in another instance, or in a chain from which somebody was cut.
//!
//! # What a flood costs
//!
//! Signatures are dear, so everything that is cheap is checked first, by [`Chains`]' `admit`: the
//! instance, the ids, the length, who signed first and last, and that nobody signed twice. A
//! chain whose order is held already, or that comes when two are, is struck: it costs no
//! verification. What is left comes out of the sender's own share of two chains in a round, so
//! one general verifies at most [`verifications`] signatures in a round, and nobody spends the
//! share of another. A loyal general never needs more than two in all.
//!
//! # Who did wrong
//!
//! A frame that no loyal general sends changes nothing, and its sender is accused. The commander
//! is accused of [`Fault::Equivocation`](crate::Fault::Equivocation) by everybody who holds two
//! of its orders, and of [`Fault::Missing`](crate::Fault::Missing) by everybody who does not hear
//! it in the first round. Nobody else ever has to speak. A commander that meets its own signature
//! under an order that it never gave accuses itself: its key is in other hands. It decides its
//! own order.
//!
//! ```
//! use quorate::rounds::{Config, Instance, Schedule};
//! use quorate::sm::{self, Fixed, General};
//! use quorate::{Input, Instant, NodeId, Order, Output, Protocol, Verdict};
//! use std::time::Duration;
//!
//! // The commander of four generals, one of whom may be a traitor.
//! let instance = Instance { number: 1, commander: NodeId(0) };
//! let config = Config { me: NodeId(0), nodes: 4, traitors: 1, instance };
//! let (round, margin) = (Duration::from_millis(100), Duration::from_millis(10));
//! let schedule = Schedule::new(Instant::from_micros(1_000), round, margin).unwrap();
//! let memory = Fixed::<4, 1, { sm::slots(4, 1) }>::new();
//! let mut general = General::<u8, _>::new(config, schedule, memory).unwrap();
//!
//! assert_eq!(general.step(Instant::ZERO, Input::Command(Order(b'A'))).count(), 0);
//! while let Some(deadline) = general.deadline() {
//!     for output in general.step(deadline, Input::Wake) {
//!         match output {
//!             Output::Send { message, .. } => assert_eq!(message.first.value, b'A'),
//!             Output::Decide(verdict) => assert_eq!(verdict, Verdict::Value(b'A')),
//!             other => panic!("{other:?}"),
//!         }
//!     }
//! }
//! ```
//!
//! # The files
//!
//! [`Chains`] holds the rules: what is said, heard and decided. `chain`, `endorsement` and
//! `message` are what travels, `statement` what is signed; `orders` are the two that are held,
//! `accounts` what each peer told and cost; `cost` has the figures, and `fixed` the memory.
//!
//! # Deviations from the paper
//!
//! * A lieutenant relays to all who have not signed, as in the paper, but only its first two
//!   orders.
//! * What one general says to another in one round, two chains at most, is one frame, which counts
//!   as a whole or not at all.
//! * A signature covers who signed before, not their signatures: one order and one list of signers
//!   have one statement, however many signatures verify under it.
//! * In the paper a traitor's message is either sent or not. Here one that breaks a rule of form,
//!   is the third of its sender in a round that would have to be verified, or brings a third order
//!   of its sender is as good as not sent.
//! * A commander that was given no order is silent, and all fall back on the default.

mod accounts;
mod chain;
mod chains;
mod cost;
mod endorsement;
mod fixed;
mod message;
mod orders;
mod statement;

pub use chain::Chain;
pub use chains::{Chains, General};
pub use cost::{bytes, frame_bytes, frames, messages, relays, rounds, slots, verifications};
pub use endorsement::{Endorsement, Endorsements, Row};
pub use fixed::Fixed;
pub use message::Message;
pub use statement::statement;
