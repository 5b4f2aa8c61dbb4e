//! A general over real sockets: any protocol in [rounds](quorate::rounds), by the wall clock.
//!
//! An [`Army`] is what all generals agree on before: their keys, their addresses, and how their
//! links prove who sent a frame. A [`Camp`] is one general's place in it: it listens, dials,
//! and keeps one connection to each peer. Agreements are held in it, one after the other, by
//! [`Camp::agree`].
//!
//! ```no_run
//! use quorate::ed25519::SecretKey;
//! use quorate::rounds::{Config, Instance};
//! use quorate::{NodeId, Order, om};
//! use quorate_std::general::{Army, Camp, CampConfig, schedule};
//! use std::time::{Duration, SystemTime};
//!
//! fn obey(army: Army, me: NodeId, key: SecretKey, start: SystemTime) -> Option<u8> {
//!     let mut camp = Camp::join(CampConfig::new(army, me, key)).ok()?;
//!     let instance = Instance { number: 1, commander: NodeId(0) };
//!     let config = Config { me, nodes: 4, traitors: 1, instance };
//!     let rounds = schedule(start, Duration::from_millis(200), Duration::from_millis(50)).ok()?;
//!     let memory = vec![om::Entry::EMPTY; om::slots(4, 1)];
//!     let general = om::General::new(config, rounds, memory).ok()?;
//!     let order = config.commands().then_some(Order(7));
//!     camp.agree(general, order).ok()?.decision()?.value()
//! }
//! ```
//!
//! # Time
//!
//! All generals are told the same start of the first round, in the time of day; each reads the
//! wall clock once, when [`Camp::agree`] is called, and counts on by a clock that nobody sets, so
//! that a wall clock that is set during the rounds does no harm. The computers' clocks must
//! agree within the *skew* of the [inequality](quorate::rounds)
//!
//! ```text
//! round > 2 * skew + delay + margin
//! ```
//!
//! in which the *delay* here is that of the network and of the queues on both sides, and the
//! *margin* has to cover how late the system wakes a thread, the verification of one frame, and
//! the signing of the frames of a round. On one machine, or over a quiet local network with NTP,
//! rounds of 100 ms with half of it as margin are generous.
//!
//! A general that is woken too late for its peers counts itself faulty, says no more and decides
//! nothing: [`Report::missed`] tells. Links should be up before the first round begins: be in the
//! camp some seconds before. [`Report::absent`] tells whose was not.
//!
//! # Links
//!
//! Over [authentic](Links::Authentic) links each frame proves its sender, and any protocol runs.
//! Over [plain](Links::Plain) ones a peer is whoever its connection claims to be. Protocols that
//! take a peer's word for what it says (OM, the phase king, vectors of them) are refused there,
//! with [`CampError::PlainLinks`]: one stranger could speak for all. SM, whose orders carry the
//! signatures of all who passed them on, may run: nobody can forge an order or an endorsement. But
//! whoever can open a connection can take a peer's place on the link, spend what is looked at of
//! that peer, and have it accused. Then the peer is not heard, which counts as a fault of
//! that peer. A relay that is needed may then go unheard, and loyal generals may disagree. So plain
//! links are for networks that no stranger has access to.
//!
//! # What is bounded
//!
//! For each peer: frames under way (64, and two of the largest), what waits to be sent to it (as
//! much), and its largest frame, [`CampConfig::frame_bytes`]. A peer at its bound is not read, and
//! nobody else waits. Connections whose peer is not proved are bounded in number and time.

mod accusations;
mod army;
mod camp;
mod clock;
mod config;
mod driver;
mod error;
mod gate;
mod report;
#[cfg(test)]
mod tests;
mod voice;

pub use accusations::Accusation;
pub use army::{Army, ArmyError, Links};
pub use camp::Camp;
pub use clock::{instant, schedule};
pub use config::{CampConfig, Tamper};
pub use error::CampError;
pub use report::Report;
