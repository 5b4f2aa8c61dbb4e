//! Power cuts at the boundary between two outputs of a replica.

use super::cluster::Cluster;
use super::stage::Happening;
use crate::violation::Violation;
use core::time::Duration;
use quorate::NodeId;

impl Cluster {
    /// How many outputs a replica has performed: records, messages and decisions. 0 if there is
    /// no such replica.
    #[must_use]
    pub fn outputs(&self, node: NodeId) -> u64 {
        self.servers.get(node.index()).map_or(0, |server| server.site.outputs)
    }

    /// Has a replica's power fail when it has performed so many more outputs. Every record among
    /// them is durable, its messages have left if `leave` says so, and nothing after them
    /// happened. For a plan with an instant disk.
    pub fn cut_after(&mut self, node: NodeId, outputs: u64, leave: bool) {
        if let Some(server) = self.servers.get_mut(node.index()) {
            server.site.cut = Some((outputs, leave));
        }
    }

    /// Plays a world in which replicas are down to its end: they get their power back after
    /// `down`, each client makes `requests` more requests at most, and then everything must be
    /// as it is at the end of [`Cluster::run`].
    ///
    /// # Errors
    /// The first violation.
    pub fn finish(&mut self, down: Duration, requests: usize) -> Result<(), Violation> {
        let back = self.engine.now().after(down);
        self.healed = self.healed.max(back);
        for server in self.servers.iter().filter(|server| server.status().is_none()) {
            self.engine.schedule(back, Happening::Restart(server.site.me));
        }
        self.callers.iter_mut().for_each(|caller| caller.shorten(requests));
        self.run()?;
        self.account()
    }

    /// Whether every replica that is up has executed all that was acknowledged, and nothing
    /// twice: as many operations of each client as it has replies.
    ///
    /// # Errors
    /// A replica that has executed more or less.
    pub fn account(&mut self) -> Result<(), Violation> {
        let mut wrong = None;
        for server in self.servers.iter().filter(|server| server.status().is_some()) {
            for (client, caller) in (0u16..).zip(&self.callers) {
                let (node, replies) = (server.site.me, caller.replies().len() as u64);
                let executed = server.site.journal.count(quorate::ClientId(client));
                if executed != replies && self.checks.correct(node) {
                    let node = node.0;
                    wrong.get_or_insert_with(|| {
                        format!("c{client} has {replies} replies, r{node} executed {executed}")
                    });
                }
            }
        }
        if let Some(what) = wrong {
            self.checks.fail("acknowledged", self.engine.now(), what);
        }
        self.violation().cloned().map_or(Ok(()), Err)
    }
}
