//! A replica in threads.
//!
//! One thread has all sockets ([`net`](crate::net)) and passes messages through the
//! [gate](gate::Gate): authentic, decoded, votes checked. The step thread ([`driver`]) drains
//! them: a message with signatures is admitted, verified by one of the verifiers, and comes
//! back; a checked one is stepped. What the steps of one turn persist is synced once, and only
//! then does what they sent leave ([`outbox`]). The application executes on the step thread. The
//! disk thread ([`archive`]) writes and serves captured checkpoints.

mod archive;
mod arrival;
mod distrust;
mod driver;
mod gate;
mod handle;
mod host;
mod load;
mod outbox;
mod patience;
mod proofs;
mod report;
mod restart;
mod routes;
mod stopped;
mod threads;
mod turns;
mod verifier;
mod witness;

pub use handle::{Replica, ReplicaHandle};
pub use stopped::{SpawnError, Stopped};

pub(crate) use arrival::Core;
pub(crate) use load::{Load, Ticket};
pub(crate) use report::encode;
pub(crate) use turns::Turns;
