//! What is to be done after a step, unfolded one output at a time.

use super::decision::{Decision, Execution};
use super::memory::Lent;
use super::message::{Message, Reply};
use super::rules::{Effect, Node, place};
use crate::fault::Refusal;
use crate::node::{ClientId, NodeSet};
use crate::protocol::{Never, Output, Target};
use crate::service::{ClientTable, Outcome};
use crate::vector::Broadcast;
use crate::wire::Bytes;
use core::fmt;

/// The outputs of one step, in the order in which the host performs them.
#[must_use = "outputs do nothing unless the host performs them"]
pub struct Outputs<'a, P, T> {
    pub(super) node: &'a Node,
    pub(super) memory: Lent<'a, P, T>,
}

impl<P, T> fmt::Debug for Outputs<'_, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outputs")
    }
}

#[cfg(feature = "defmt")]
impl<P, T> defmt::Format for Outputs<'_, P, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Outputs");
    }
}

impl<'a, P: Broadcast, T: AsRef<[P]> + AsMut<[P]>> Iterator for Outputs<'a, P, T> {
    type Item = Output<Message<'a, P>, Decision<'a, P>, Never>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.node.undrained.replace(false) {
            return Some(Output::Refuse(Refusal::Undrained));
        }
        for lane in self.memory.lanes {
            for output in lane.rest() {
                match output {
                    // The vector is not the decision here: what is executed follows from it.
                    Output::Decide(_) => {}
                    Output::Persist(never) => match never {},
                    Output::Send { to, message } => {
                        return Some(Output::Send { to, message: Message::Slot(message) });
                    }
                    Output::Accuse { node, fault } => return Some(Output::Accuse { node, fault }),
                    Output::Refuse(refusal) => return Some(Output::Refuse(refusal)),
                }
            }
        }
        while let Some(effect) = self.node.effects.get(self.node.cursor.get()) {
            let output = self.unfold(*effect);
            if output.is_some() {
                return output;
            }
        }
        None
    }
}

impl<'a, P: Broadcast, T: AsRef<[P]> + AsMut<[P]>> Outputs<'a, P, T> {
    /// The next output of an effect; moves on when it has no more.
    fn unfold(&self, effect: Effect) -> Option<<Self as Iterator>::Item> {
        if let Effect::AccuseAll { nodes, fault } = effect {
            let mut told = self.node.told.get();
            if let Some(node) = nodes.iter().find(|node| !told.contains(*node)) {
                told.insert(node);
                self.node.told.set(told);
                return Some(Output::Accuse { node, fault });
            }
            self.node.told.set(NodeSet::EMPTY);
        }
        self.node.cursor.set(self.node.cursor.get() + 1);
        let send = |to, message| Output::Send { to, message };
        Some(match effect {
            Effect::Execute { slot } => {
                let lane = self.memory.lanes.get(place(slot, self.memory.lanes.len()))?;
                let (vector, peers) = (lane.rules().vector(), self.memory.peers);
                Output::Decide(Decision::Execute(Execution { slot, vector, peers }))
            }
            Effect::Capture { slot } => {
                Output::Decide(Decision::Capture { slot, clients: self.clients() })
            }
            Effect::ServeState { to, slot } => Output::Decide(Decision::ServeState { to, slot }),
            Effect::Install { slot } => Output::Decide(Decision::Install { slot }),
            Effect::Reply { client } => send(Target::Client(client), self.reply(client)?),
            Effect::Stale { client, timestamp } => {
                let (outcome, reply) = (Outcome::Stale, Bytes(&[]));
                let reply = Reply { client, timestamp, outcome, reply };
                send(Target::Client(client), Message::Reply(reply))
            }
            Effect::Rejoin { after } => send(Target::All, Message::Rejoin { after }),
            Effect::Vouch { to, slot, digest } => {
                send(Target::Nodes(to), Message::Vouch { slot, digest })
            }
            Effect::FetchState { to, slot } => {
                send(Target::Nodes(to), Message::FetchState { slot })
            }
            Effect::Accuse { node, fault } => Output::Accuse { node, fault },
            Effect::AccuseAll { .. } => return None,
            Effect::Refuse(refusal) => Output::Refuse(refusal),
        })
    }

    fn clients(&self) -> ClientTable<'a> {
        let (rows, replies) = (self.memory.rows, self.memory.replies);
        let reply_bytes = replies.len().checked_div(rows.len()).unwrap_or(0);
        ClientTable { rows, replies, reply_bytes }
    }

    fn reply(&self, client: ClientId) -> Option<Message<'a, P>> {
        let (timestamp, outcome, reply) = self.clients().get(client)?;
        Some(Message::Reply(Reply { client, timestamp, outcome, reply: Bytes(reply) }))
    }
}
