//! The host of a replica in the small world: it notes what the replica says and does.

use super::cell::Machine;
use super::speech::{NODES, Speech, SpeechId, Speeches, others};
use crate::check::{Accusation, Ledger};
use crate::engine::Host;
use quorate::pbft::{Decision, Message, Record};
use quorate::protocol::Target;
use quorate::{ClientId, Fault, Instant, NodeId, NodeSet, Principal, Refusal};

/// A request that was executed: its sequence, its client and its timestamp; no request: NULL.
pub(super) type Execution = (u64, Option<(ClientId, u64)>);

/// What one input makes a replica do.
#[derive(Debug)]
pub(super) struct Deeds<'w> {
    pub(super) me: NodeId,
    pub(super) speeches: &'w mut Speeches,
    pub(super) accusation: &'w Accusation,
    /// Proposals for later sequences are lost.
    pub(super) sequences: u64,
    pub(super) ledger: Ledger,
    pub(super) said: Vec<SpeechId>,
    pub(super) executed: Vec<Execution>,
    /// Clients whose requests the host has executed, and not answered yet.
    pub(super) owed: Vec<ClientId>,
    pub(super) wrong: Option<String>,
}

impl Deeds<'_> {
    fn object(&mut self, result: Result<(), String>) {
        if let Err(what) = result {
            self.wrong.get_or_insert(what);
        }
    }

    /// Whether others hear of a message: not of what this world loses.
    fn is_lost(&self, message: &Message<'_>) -> bool {
        match message {
            Message::Status(_) | Message::Request(_) | Message::FetchViewChange { .. } => true,
            Message::PrePrepare { sequence, .. } => sequence.0 > self.sequences,
            // What is passed on was sent to everybody before.
            Message::ViewChange(change) => change.author != self.me,
            Message::NewView(new_view) => new_view.author != self.me,
            _ => false,
        }
    }
}

impl Host<Machine> for Deeds<'_> {
    fn persist(&mut self, _: Record<'_>) {}

    fn send(&mut self, to: Target, message: Message<'_>) {
        let from = Principal::Node(self.me);
        let whole = matches!(message, Message::FetchBatch { .. });
        let all = (0..NODES).map(NodeId).filter(|node| whole || to.includes(*node));
        let to: NodeSet = all.filter(|node| others(self.me).contains(*node)).collect();
        if to.is_empty() || self.is_lost(&message) {
            return;
        }
        let number = self.speeches.say(from, to, message);
        let Speech { payload, .. } = self.speeches.get(number);
        let sealed = quorate::wire::decode::<Message<'_>>(payload).expect("encoded here");
        let result = self.ledger.sent(self.me, &sealed);
        self.object(result);
        self.said.push(number);
    }

    fn decide(&mut self, decision: Decision<'_>) {
        match decision {
            Decision::Execute(execution) => {
                for request in execution.requests() {
                    let what = (request.client, request.timestamp);
                    self.executed.push((execution.sequence().0, Some(what)));
                    self.owed.push(request.client);
                }
            }
            Decision::Contradiction { .. } => {}
            other => self.object(Err(format!("r{} wants {other:?}", self.me.0))),
        }
    }

    fn accuse(&mut self, node: NodeId, fault: Fault) {
        let result = self.accusation.accused(self.me, Principal::Node(node), fault);
        self.object(result);
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.object(Err(format!("r{} refuses a command: {refusal}", self.me.0)));
    }
}

/// When a replica that is asked for nothing else wants to be woken.
pub(super) fn due(machine: &Machine) -> Instant {
    use quorate::Protocol;
    machine.deadline().unwrap_or(Instant::from_micros(u64::MAX))
}
