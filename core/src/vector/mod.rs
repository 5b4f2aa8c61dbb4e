//! Interactive consistency: all generals agree on everybody's value.
//!
//! Each general has a value of its own: a sensor's reading, a computed command, a request of a
//! client. At the end all loyal generals hold the same vector of n entries, and the entry of a
//! loyal general is its value (Pease, Shostak and Lamport, "Reaching agreement in the presence of
//! faults", JACM 1980). It is n agreements at once, in each of which another general commands;
//! they share their rounds and their frames, so that a general still sends at most one frame
//! to each peer and round.
//!
//! The agreements may be of any protocol that is a [`Broadcast`]: OM with n > 3m and authentic
//! links, SM with n >= m + 2 and signatures, or the phase king with n > 3m and short messages.
//!
//! ```
//! use quorate::rounds::{Config, Instance, Schedule};
//! use quorate::vector::{General, Instances};
//! use quorate::{Input, Instant, NodeId, Order, Protocol, om};
//! use core::time::Duration;
//!
//! // General 2 of 4 in vector number 7, over OM(1), of sensor readings.
//! let instances: [om::Orders<u16, [om::Entry<u16>; 3]>; 4] = core::array::from_fn(|commander| {
//!     let instance = Instance { number: 7, commander: NodeId(commander as u8) };
//!     let config = Config { me: NodeId(2), nodes: 4, traitors: 1, instance };
//!     om::Orders::new(config, [om::Entry::EMPTY; 3]).unwrap()
//! });
//! let round = Duration::from_millis(10);
//! let schedule = Schedule::new(Instant::ZERO, round, Duration::from_millis(1)).unwrap();
//! let mut general = General::with_rules(Instances::new(instances).unwrap(), schedule);
//! let _ = general.deadline();
//! ```
//!
//! # Using a vector
//!
//! What to do with the vector is the application's choice, and since all loyal generals hold
//! the same one, any pure function of it gives the same result everywhere. The usual ones are
//! here: [`Vector::majority`] for replicas that compute the same bit for bit,
//! [`Vector::mid_value`] for sensors that measure the same thing a little differently, and
//! [`Vector::first_valid`] to let the generals decide in turn.
//!
//! The [`Reason`](crate::Reason) of an entry without a value is what this general saw. It is not
//! agreed on; functions that must agree use [`Verdict::value`](crate::Verdict::value).
//!
//! # The frame
//!
//! A frame is the number of the vector and the messages of the instances, one after the other in
//! ascending order of commanders. A frame with a part that its instance refuses when it comes is
//! refused as a whole, since no loyal sender makes one. What shows only when a part is stepped is
//! blamed on the sender, changes nothing, and takes nothing from the parts beside it.

mod broadcast;
mod cost;
mod entries;
mod instances;
mod message;
mod protocols;

pub use broadcast::Broadcast;
pub use cost::frame_bytes;
pub use entries::Vector;
pub use instances::Instances;
pub use message::Message;

/// A general that agrees with the others on everybody's value.
pub type General<P, T> = crate::rounds::General<Instances<P, T>>;
