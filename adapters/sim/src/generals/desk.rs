//! The host of a general for the length of one step.

use super::creed::Creed;
use super::field::Happening;
use crate::engine::{Engine, Host, Payload};
use crate::scheme::Key;
use quorate::auth::Scope;
use quorate::protocol::Target;
use quorate::rounds::{General, Rules};
use quorate::{Fault, NodeId, Principal, Refusal};

/// A host for the length of one step: it collects what is to be done.
pub(super) struct Desk<'d, C: Creed> {
    pub(super) me: Principal,
    pub(super) engine: &'d mut Engine<Happening>,
    pub(super) key: &'d Key,
    pub(super) scope: &'d Scope,
    pub(super) sent: Vec<(Target, Payload)>,
    pub(super) entries: Option<Vec<Option<C::Value>>>,
    pub(super) accused: Vec<(NodeId, Fault)>,
    pub(super) refused: Option<Refusal>,
    pub(super) outputs: usize,
}

impl<C: Creed> Host<General<C::Rules>> for Desk<'_, C> {
    fn persist(&mut self, record: quorate::Never) {
        match record {}
    }

    fn send(&mut self, to: Target, message: <C::Rules as Rules>::Message<'_>) {
        self.outputs += 1;
        let payload = self.engine.seal(message, self.me, self.scope, self.key);
        self.sent.push((to, payload));
    }

    fn decide(&mut self, decision: <C::Rules as Rules>::Decision<'_>) {
        self.outputs += 1;
        self.entries = Some(C::entries(decision));
    }

    fn accuse(&mut self, node: NodeId, fault: Fault) {
        self.outputs += 1;
        self.accused.push((node, fault));
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.outputs += 1;
        self.refused = Some(refusal);
    }
}
