//! How a request ended.

use serde::{Deserialize, Serialize};

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// It was executed; the reply is the application's.
    #[default]
    Executed,
    /// It was executed, but the application's reply is longer than the cluster's constants allow.
    ReplyTooLong,
    /// It is older than the client's last executed request: its own reply is gone.
    Stale,
}
