//! The wall between the network and the general's own thread.

use super::error::CampError;
use crate::net::{Intake, LinkId};
use crate::replica::{Load, Ticket, Turns};
use quorate::{NodeId, NodeSet, Principal};
use std::sync::{Arc, Mutex, PoisonError};

/// What the general's thread is told. What a peer sends is bounded by its tickets.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A frame.
    Frame { from: NodeId, payload: Vec<u8>, _ticket: Ticket },
    /// A link came up; at most one of each waits.
    Up(NodeId),
    /// The network thread cannot go on.
    Failed(CampError),
}

/// Links that came up and were not yet told of.
#[derive(Debug, Default)]
pub(crate) struct Risen(Mutex<NodeSet>);

impl Risen {
    /// Notes that a link came up; says whether it was not noted yet.
    fn note(&self, node: NodeId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node)
    }

    /// The link is dealt with: it may come up again.
    pub(crate) fn forget(&self, node: NodeId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
    }
}

/// Takes what links bring, whole frames and no look into them: that is for the general's thread,
/// where the peers take turns.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) peers: Vec<NodeId>,
    pub(crate) loads: Vec<Arc<Load>>,
    pub(crate) risen: Arc<Risen>,
    pub(crate) arrivals: Arc<Turns<Arrival>>,
}

impl Intake for Gate {
    fn ready(&mut self, link: LinkId) -> bool {
        self.loads[link.0].has_room()
    }

    fn frame(&mut self, link: LinkId, payload: &[u8]) {
        let from = self.peers[link.0];
        let ticket = self.loads[link.0].ticket(payload.len());
        let arrival = Arrival::Frame { from, payload: payload.to_vec(), _ticket: ticket };
        self.arrivals.push(Some(Principal::Node(from)), arrival);
    }

    fn changed(&mut self, link: LinkId, up: bool) {
        let node = self.peers[link.0];
        if up && self.risen.note(node) {
            self.arrivals.push(None, Arrival::Up(node));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Bounds, Post};
    use std::time::Duration;

    fn gate(bounds: Bounds) -> (mio::Poll, Gate) {
        let (poll, waker) = crate::net::poll().expect("a poll");
        let post = Arc::new(Post::new(waker, std::iter::repeat_n(bounds, 2)));
        let load = |at| Load::new(LinkId(at), bounds, Arc::clone(&post));
        let gate = Gate {
            peers: vec![NodeId(0), NodeId(1)],
            loads: (0..2).map(load).collect(),
            risen: Arc::new(Risen::default()),
            arrivals: Arc::new(Turns::new()),
        };
        (poll, gate)
    }

    fn taken(gate: &Gate) -> Vec<Arrival> {
        let mut taken = Vec::new();
        gate.arrivals.take(usize::MAX, Some(Duration::ZERO), &mut taken);
        taken
    }

    #[test]
    fn a_flood_of_one_peer_waits_for_itself() {
        let (_poll, mut gate) = gate(Bounds { frames: 3, bytes: 100 });
        for _ in 0..3 {
            assert!(gate.ready(LinkId(0)));
            gate.frame(LinkId(0), b"flood");
        }
        assert!(!gate.ready(LinkId(0)), "it is at its bound");
        assert!(gate.ready(LinkId(1)), "nobody else is");
        gate.frame(LinkId(1), b"one");
        let second = taken(&gate).into_iter().nth(1);
        let Some(Arrival::Frame { from: NodeId(1), payload, .. }) = second else {
            panic!("peers take turns: {second:?}");
        };
        assert_eq!(payload, b"one");
        assert!(gate.ready(LinkId(0)), "what was taken and dropped makes room");
    }

    #[test]
    fn a_link_that_flaps_waits_once() {
        let (_poll, mut gate) = gate(Bounds { frames: 3, bytes: 100 });
        for _ in 0..1000 {
            gate.changed(LinkId(1), true);
            gate.changed(LinkId(1), false);
        }
        let arrivals = taken(&gate);
        assert!(matches!(arrivals[..], [Arrival::Up(NodeId(1))]), "{arrivals:?}");
        gate.risen.forget(NodeId(1));
        gate.changed(LinkId(1), true);
        assert_eq!(taken(&gate).len(), 1, "it was dealt with, and came up again");
    }
}
