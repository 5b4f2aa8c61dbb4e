//! Lockstep replication: a replicated service on synchronous agreement, with fixed latency.
//!
//! Time is cut into slots. In slot `s` every general proposes the requests that it knows, or
//! NULL; the generals agree on the [vector](crate::vector) of all proposals; and all execute the
//! requests of the same vector in the same order. A request that one loyal general knows is
//! executed in that general's next slot, whatever m traitors do, and its client has the answer
//! a known time later. This is the state machine approach (Lamport 1984; Schneider, ACM
//! Computing Surveys 1990) on the agreement of the papers on generals.
//!
//! # A slot
//!
//! * Slots begin at fixed times, one [`Config::interval`] apart, and overlap if that is shorter
//!   than an agreement: slot `s + 1` begins before `s` is resolved.
//! * A proposal is a batch of requests, oldest first.
//! * The order within a slot begins with the proposal of general `s mod n` and goes around, so
//!   that no general is always first.
//! * A request executes if its batch is well formed, its client signed it, and it is newer than
//!   the last one of this client. That depends on the bytes that were agreed on and on the table
//!   of executed requests after slot `s - 1`, and on nothing else: no clock and no opinion.
//!
//! # Clients
//!
//! A client sends its request to all generals and believes what `m + 1` of them answer, so
//! `n >= 2m + 1`, also with signed messages. Every request executes once, by client and
//! timestamp; a request that is repeated is answered from the table. Of each client a general has
//! two requests verified in a slot, forged or not, and puts the others off.
//!
//! # A general that misses a deadline
//!
//! It counts itself faulty: from that slot on it decides nothing, executes nothing, answers nobody,
//! and says [`Refusal::MissedDeadline`](crate::Refusal::MissedDeadline). It goes on taking part in
//! slots whose beginning it does not miss, for the others need it.
//!
//! So does a general to whom in one slot more than m others are silent, late or wrong: one of them
//! is loyal, so it is the general itself that was not there when they spoke. It says
//! [`Refusal::CutOff`](crate::Refusal::CutOff) then, accuses no more of them, and says no more in
//! that slot.
//!
//! To rejoin it asks for the state after a slot that has not begun, the next of those at which
//! states are captured, see `rejoin`. It waits until `m + 1` generals vouch for one digest of it,
//! fetches the state from one of them, and checks it against that digest before it is installed.
//! What was agreed on in later slots it has held in the meantime and executes it then. A general
//! that is started late, or again, does the same.
//!
//! A host must execute a slot in less time than its lanes last, see [`Config::lanes`]. If more
//! than m generals are behind at once, because they all paused, all hosts were too slow, or the
//! network fell silent for a round, nobody is left to vouch for a state: the service is over, and
//! is begun again in a new epoch from a state that its operators agree on.
//!
//! # The files
//!
//! [`General`] holds the one `match` on inputs. `slots` begins slots, `requests` keeps what
//! clients ask, `execution` is the order in which it is executed, `rejoin` the way back.
//!
//! # Deviations
//!
//! * A proposal holds many requests, not one.
//! * Generals do not compare their states all the time: digests are made when somebody rejoins.
//!   So a general whose host stood still until less than a margin after a round may not learn
//!   of it. As long as those that it did not hear and the traitors are no more than m together, it
//!   sees what it would see if all of them were traitors, and agrees with the others. If they are
//!   more, and no more than m of them were silent, late or wrong before the slot ended while the
//!   others lied, it is one of the m faulty ones itself and goes on from a vector of its own until
//!   it is started again. With m = 1 that cannot be.

mod authority;
mod client;
mod config;
mod cost;
mod decision;
mod execution;
mod general;
mod memory;
mod message;
mod outputs;
mod proposal;
mod rejoin;
mod requests;
mod rules;
mod slots;

pub use authority::{Authority, Clients};
pub use client::{Client, ClientConfig, ClientOutputs};
pub use config::Config;
pub use cost::{client_message_bytes, message_bytes, value_bytes};
pub use decision::{Command, Decision, Execution};
pub use general::{General, Status};
pub use memory::{Desk, Lane, Lent, Memory, Parts, Peer, Storage};
pub use message::{ClientMessage, Message, Reply, state_digest};
pub use outputs::Outputs;
pub use proposal::Proposal;
