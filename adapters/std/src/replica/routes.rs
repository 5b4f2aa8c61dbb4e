//! Whom a replica talks to, and how much of each it bears.

use crate::cluster::Cluster;
use crate::config::ReplicaConfig;
use crate::net::{Bounds, Route};
use quorate::{ClientId, NodeId, Principal};
use std::time::Duration;

/// A connection between replicas over which nothing came for so long is given up: replicas tell
/// where they stand many times in it. TCP alone would notice a dead peer after minutes.
const IDLE: Duration = Duration::from_secs(15);

/// Messages that may wait for a replica, and that may be under way from one.
const NODE_FRAMES: usize = 4096;
/// The same for a client, which has one request at a time.
const CLIENT_FRAMES: usize = 16;

/// Links to all nodes (the one to itself never comes up), then to all clients.
pub(crate) fn routes(config: &ReplicaConfig) -> Vec<Route> {
    let Cluster { nodes, clients, addresses, .. } = &config.cluster;
    let node = |id: usize| Route {
        local: 0,
        remote: Principal::Node(NodeId(id as u8)),
        dial: addresses.get(id).copied().filter(|_| id < config.me.index()),
        cap: config.largest_frame(),
        idle: Some(IDLE),
    };
    let client = |id: usize| Route {
        local: 0,
        remote: Principal::Client(ClientId(id as u16)),
        dial: None,
        cap: config.cluster.largest_request(),
        idle: None,
    };
    (0..nodes.len()).map(node).chain((0..clients.len()).map(client)).collect()
}

/// How much may wait for a peer, and how much of what it sent may be under way. For a replica
/// that is everything that a window can hold, twice, within reason.
pub(crate) fn bounds(config: &ReplicaConfig, peer: Principal) -> Bounds {
    let Cluster { window, .. } = config.cluster;
    let (message, answer) = (config.cluster.largest_message(), config.cluster.largest_answer());
    match peer {
        Principal::Node(_) => Bounds {
            frames: NODE_FRAMES,
            bytes: window.saturating_mul(2 * message).clamp(1 << 20, 64 << 20),
        },
        Principal::Client(_) => Bounds { frames: CLIENT_FRAMES, bytes: 2 * answer.max(message) },
    }
}
