//! Replicas that run twice.

use super::cluster::{Cluster, server};
use super::server::Server;
use super::stage::Stage;
use crate::traitors::Twin;
use quorate::{NodeId, NodeSet, Principal};

/// A second copy of a replica, with the same name and key.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    manner: Twin,
    pub(super) server: Server,
}

/// The lives of copies are counted from here, so that nobody wakes the original for them.
const LIVES: u32 = 1 << 31;

/// Whether a life is that of a copy.
pub(super) const fn is_copy(life: u32) -> bool {
    life >= LIVES
}

impl Cluster {
    /// Has a replica run twice; these nodes talk with the copy. The copy begins when it is woken.
    pub(super) fn double(&mut self, node: NodeId, side: NodeSet) {
        let mut copy = server(&self.plan, &self.registry, node.index());
        let manner = Twin::copy(side);
        copy.site.life = LIVES;
        copy.site.traitor = Some(Box::new(manner));
        self.copies.push(Copy { manner, server: copy });
    }

    /// Whether the original and whether the copy of a replica hears somebody. What both could hear
    /// goes to both, or to one of them, as chance has it: they share a door.
    pub(super) fn who_hears(&mut self, node: NodeId, from: Principal) -> (bool, bool) {
        let copy = self.copies.iter().find(|copy| copy.server.site.me == node);
        let Some(Copy { manner, .. }) = copy else { return (true, false) };
        match (manner.other().knows(from), manner.knows(from)) {
            (true, true) => *self.engine.random.pick(&[(true, true), (true, false), (false, true)]),
            either => either,
        }
    }

    /// Lets the copy of a replica act, if there is one.
    pub(super) fn with_copy(
        &mut self,
        node: NodeId,
        act: impl FnOnce(&mut Server, &mut Stage<'_>),
    ) {
        let Self { engine, checks, registry, copies, .. } = self;
        let copy = copies.iter_mut().find(|copy| copy.server.site.me == node);
        if let Some(Copy { server, .. }) = copy {
            let mut stage = Stage { engine, checks, registry };
            stage.turn_to(Some(Principal::Node(node)));
            act(server, &mut stage);
            stage.turn_to(None);
        }
    }
}
