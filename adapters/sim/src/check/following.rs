//! A replica leaves a view because others did only if a correct one among them did.

use quorate::NodeId;
use quorate::pbft::{Message, View};
use std::collections::BTreeMap;

/// The latest views of correct replicas, by their own words, and how often each has followed.
#[derive(Clone, Debug, Default)]
pub struct Following {
    latest: BTreeMap<NodeId, View>,
    followed: BTreeMap<NodeId, u64>,
}

impl Following {
    /// A message leaves a correct replica.
    pub fn sent(&mut self, node: NodeId, message: &Message<'_>) {
        let view = match message {
            Message::ViewChange(change) if change.author == node => change.view,
            Message::NewView(new_view) if new_view.author == node => new_view.view,
            Message::Status(status) => status.view,
            _ => return,
        };
        let latest = self.latest.entry(node).or_default();
        *latest = view.max(*latest);
    }

    /// A replica starts again, and counts from here.
    pub fn restarted(&mut self, node: NodeId, followed: u64) {
        self.followed.insert(node, followed);
    }

    /// A correct replica comes to another view; so often has it followed others in this life.
    ///
    /// # Errors
    /// It followed just now, to a view that no other correct replica has asked for or been in.
    pub fn moved(&mut self, node: NodeId, view: View, followed: u64) -> Result<(), String> {
        let before = self.followed.insert(node, followed).unwrap_or_default();
        let others = self.latest.iter().filter(|(other, _)| **other != node);
        let furthest = others.map(|(_, latest)| *latest).max().unwrap_or_default();
        if followed > before && furthest < view {
            let (view, furthest) = (view.0, furthest.0);
            let what = format!("no other correct replica spoke of one after v{furthest}");
            return Err(format!("r{} follows others to v{view}, but {what}", node.0));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::Status;

    #[test]
    fn to_follow_nobody_correct_is_a_violation() {
        let (me, peer) = (NodeId(0), NodeId(1));
        let mut following = Following::default();
        following.moved(me, View(1), 0).unwrap();
        following.moved(me, View(2), 1).unwrap_err();
        let there = |view| Message::Status(Status { view: View(view), ..Status::default() });
        following.sent(me, &there(3));
        following.moved(me, View(3), 2).unwrap_err();
        following.sent(peer, &there(4));
        following.moved(me, View(4), 3).unwrap();
        following.moved(me, View(5), 3).unwrap();
        following.restarted(me, 0);
        following.moved(me, View(6), 1).unwrap_err();
    }
}
