//! Twins: every partition, every order of leaders, and one replica that runs twice.
//!
//! After "Twins: BFT Systems Made Robust" (Bano, Sonnino, Chursin, Perelman, Malkhi, 2020). A
//! replica with a *twin*, a second copy with the same name and key, does what a Byzantine one can
//! do by equivocating, losing its memory or voting twice, and nobody has to write a lie for it. A
//! scenario says for each of four rounds who hears whom and who leads; all of them are enumerated,
//! and the replicas are those of the core.
//!
//! # From the paper to PBFT
//!
//! * *Twins*: one of four replicas, so there are five instances, and the two with one name never
//!   hear each other: a replica sends nothing to its own name.
//! * *Partitions*: in each round the five instances stand on one side or two. A third side would
//!   have no quorum; no side without one can decide anything, nor can the third here. Sides hold
//!   for everything that is sent, VIEW-CHANGEs too, so that a new primary may know one side only.
//! * *Leaders*: the paper gives each round any leader. In PBFT the primary of view v is v mod n, so
//!   a round is *driven* to its leader: PRE-PREPAREs and NEW-VIEWs of every view are lost but
//!   those of the first view after the last round's that this replica leads. So four rounds are
//!   four different views, with up to three between two of them in which nobody can propose.
//! * *Rounds* end when the clients are served, when the replicas of a strong quorum have left the
//!   round's view, or after a time. They need not have agreed on anything, nor even got there:
//!   where no side has a quorum nothing happens, as it should, and the time is shorter.
//! * *Values*: two clients, one on each side, ask for something in each round, so that a leader
//!   that runs twice proposes two things at one place.
//!
//! After the rounds the network heals, the twin goes on, and everything must be finished within
//! the published bound. All checkers of a run of PBFT watch every step.
//!
//! # How many there are
//!
//! Four leaders and sixteen ways to stand make 64 rounds and 64^4 = 16,777,216 scenarios with one
//! twin. Those that come out of each other by renaming replicas, or by calling the copy the
//! original, are one: 1,502,936 are left. (To rename replicas changes which views lie between the
//! rounds, and nothing else.) [`Enumeration`] says them all, and in any order.

mod enumerate;
mod play;
mod scenario;
mod tally;

pub use enumerate::Enumeration;
pub use play::{Played, play};
pub use scenario::{NODES, ROUNDS, Scenario, Setting};
pub use tally::Tally;
