//! The host of a PBFT replica: a replicated application on a board.
//!
//! It executes batches, captures checkpoints, serves them to replicas that fell behind, and
//! fetches one when its own replica has. All of it happens in memory that is handed in once, whose
//! size [`Layout::bytes`] tells: three checkpoints (a replica needs no more than those from the
//! last stable one on, and there are never more than three), the one that is being fetched, and
//! the replies of one batch.
//!
//! The state of the application is one page. It travels in one message, so the buffer of the node
//! needs room for it too, see [`Layout::message_bytes`].

mod application;
mod draft;
mod host;
mod layout;
mod restart;
mod room;
mod shelf;

pub use application::{Application, Refused, Reply};
pub use host::{Service, ServiceError};
pub use layout::Layout;
pub use restart::{Origin, StartError};
pub use room::Room;
