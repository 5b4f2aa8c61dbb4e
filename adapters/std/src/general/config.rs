//! The settings of one general's camp.

use super::army::Army;
use quorate::NodeId;
use quorate::ed25519::SecretKey;
use std::fmt;
use std::net::TcpListener;
use std::time::Duration;

/// Rewrites what a general says: fault injection for demonstrations and tests.
///
/// A general with a tamper may be a traitor. It is asked for each frame and receiver, after the
/// frame was signed and encoded and before the link seals it, so it can tell different peers
/// different things. What it returns is sent in place of the frame; `None` is silence.
pub type Tamper = Box<dyn FnMut(NodeId, Vec<u8>) -> Option<Vec<u8>> + Send>;

/// The settings of one general's camp.
pub struct CampConfig {
    /// The army that it belongs to.
    pub army: Army,
    /// Which of its generals this is.
    pub me: NodeId,
    /// The secret half of its key.
    pub key: SecretKey,
    /// A socket that listens already, in place of one at the general's address in the army.
    pub listener: Option<TcpListener>,
    /// Bytes of the largest frame, the same at all generals: a longer one is not sent, and whoever
    /// sends one loses its connection. Buffers grow with what arrives, not with what is promised.
    pub frame_bytes: usize,
    /// How long a connection may take until its peer is proved.
    pub handshake: Duration,
    /// Connections whose peer is not proved yet; one more closes the oldest of them.
    pub half_open: usize,
    /// Fault injection.
    pub tamper: Option<Tamper>,
}

impl CampConfig {
    /// Frames up to 1 MiB, which is enough for OM(5) of 16 generals with values of up to 60
    /// bytes; 3 s for a handshake, 128 at a time.
    #[must_use]
    pub fn new(army: Army, me: NodeId, key: SecretKey) -> Self {
        Self {
            army,
            me,
            key,
            listener: None,
            frame_bytes: 1 << 20,
            handshake: Duration::from_secs(3),
            half_open: 128,
            tamper: None,
        }
    }
}

impl fmt::Debug for CampConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CampConfig")
            .field("army", &self.army.name)
            .field("me", &self.me)
            .field("tamper", &self.tamper.is_some())
            .finish_non_exhaustive()
    }
}
