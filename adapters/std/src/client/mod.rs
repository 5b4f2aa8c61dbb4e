//! A client in one thread: as many sessions as it has keys, all their sockets, all their state
//! machines. Any thread may hand it operations.

mod desk;
mod error;
mod handle;
mod session;
mod shared;

pub use error::{ClientError, Failure, StatusError};
pub use handle::{Client, ClientOptions};
