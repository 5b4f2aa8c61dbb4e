//! The constants of the cluster, and how patient everybody is.

use core::time::Duration;
use quorate::auth::Scope;
use quorate::hmac;
use quorate::link::Sealer as _;
use quorate::pbft::{ClientConfig, Config, Dimensions, Fixed, Switches};
use quorate::{ClientId, NodeId, Quorum};
use quorate_embedded::flash::flash_bytes;
use quorate_embedded::{Layout, Seats};

/// Boards.
pub const NODES: usize = 4;
/// Clients.
pub const CLIENTS: usize = 4;
/// Everybody.
pub const MEMBERS: usize = NODES + CLIENTS;
/// Everybody, as tables have them.
pub const SEATS: Seats = Seats { nodes: NODES, clients: CLIENTS };

const WINDOW: usize = 8;
const BATCH: usize = 512;
/// Bytes of the longest reply.
pub const REPLY: usize = 16;

/// The sizes of the cluster.
pub const DIMENSIONS: Dimensions = Dimensions {
    nodes: NODES,
    window: WINDOW,
    batch_bytes: BATCH,
    clients: CLIENTS,
    reply_bytes: REPLY,
};
/// The sizes of a replica's host.
pub const LAYOUT: Layout =
    Layout { dimensions: DIMENSIONS, state_bytes: crate::registers::STATE_BYTES };
/// Bytes of the longest frame: the channel, the message, the proof.
pub const FRAME: usize = 1 + LAYOUT.message_bytes() + hmac::Sealer::OVERHEAD;
/// Bytes of the longest record in a log.
pub const RECORD: usize = DIMENSIONS.message_bytes();
/// Bytes of a board's flash.
pub const FLASH: usize = 256 * 1024;
/// Bytes of its pages.
pub const PAGE: usize = 4096;
/// Bytes of its words.
pub const WORD: usize = 4;

// Whoever has less stops in the middle of its work: nothing more fits in.
const _: () = assert!(
    flash_bytes(&LAYOUT, PAGE, WORD) <= FLASH,
    "a log of this cluster takes more flash than its boards have"
);

/// The memory of a replica.
pub type Memory = Fixed<NODES, WINDOW, BATCH, CLIENTS, REPLY>;

// What it takes is known before it is built, here as on the machine that builds it.
const _: () = assert!(DIMENSIONS.memory_bytes() == size_of::<Memory>());

/// How often a peer without a session is greeted at first.
pub const GREETING: Duration = Duration::from_millis(1000);

/// The settings of a replica. Emulated boards share the processors of a host that may be busy, so
/// everybody has patience: what comes late costs a view change, which is no failure, but takes
/// time.
#[must_use]
pub const fn replica(me: NodeId, scope: Scope) -> Config {
    let mut config = Config::new(me, scope);
    config.timeout = Duration::from_secs(12);
    config.timeout_cap = Duration::from_secs(96);
    config.watch_window = Duration::from_secs(6);
    config.status_interval = Duration::from_millis(500);
    config.batch_delay = Duration::from_millis(20);
    config
}

/// The settings of a client: it never gives up while the cluster may yet answer.
///
/// # Panics
/// Never: there is a quorum of four.
#[must_use]
pub fn client(me: ClientId) -> ClientConfig {
    let Some(quorum) = Quorum::of(NODES) else { panic!("four replicas have quorums") };
    ClientConfig {
        me,
        quorum,
        retry: Duration::from_secs(3),
        give_up: Duration::from_secs(600),
        switches: Switches::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::Digest;

    #[test]
    fn the_settings_can_work() {
        let scope = Scope { cluster: Digest::ZERO, epoch: 0, profile: "" };
        for id in 0..NODES as u8 {
            assert_eq!(replica(NodeId(id), scope).check(&DIMENSIONS), Ok(()));
        }
        assert_eq!(SEATS.count(), MEMBERS);
    }
}
