//! The rules of a vector: n instances, in which each general commands one.

use super::broadcast::Broadcast;
use super::entries::Vector;
use super::message::Message;
use crate::auth::{Digest, Verified};
use crate::fault::{ConfigError, Fault, Refusal};
use crate::node::{NodeId, NodeSet, Principal};
use crate::protocol::Admission;
use crate::rounds::{Blame, Instance, Rules};
use crate::value::Order;
use core::marker::PhantomData;

/// N instances of a protocol `P`, in memory `T` that the host hands in: an array, a slice or a
/// vector of them, the commander of each at its place.
#[derive(Clone, Debug)]
pub struct Instances<P, T> {
    me: NodeId,
    number: u64,
    nodes: usize,
    rounds: u8,
    instances: T,
    /// Who was silent, late or wrong in this vector.
    suspects: NodeSet,
    /// Whether it counts itself faulty if these are more than may be.
    doubts: bool,
    protocol: PhantomData<fn() -> P>,
}

#[cfg(feature = "defmt")]
impl<P, T> defmt::Format for Instances<P, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { me, number, nodes, .. } = self;
        defmt::write!(f, "Instances(vector {} of {}, {})", number, nodes, me);
    }
}

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>> Instances<P, T> {
    /// The rules of vector `number`, which is the number of all its instances.
    ///
    /// # Errors
    /// Not one instance for each general with that general as its commander, or instances of
    /// different generals, sizes or numbers.
    pub fn new(instances: T) -> Result<Self, ConfigError> {
        let list = instances.as_ref();
        let first =
            list.first().ok_or(ConfigError("a vector has one instance for each general"))?;
        let (me, nodes, rounds) = (first.me(), first.nodes(), first.rounds());
        let number = first.instance().number;
        if list.len() != nodes {
            return Err(ConfigError("a vector has one instance for each general"));
        }
        for (instance, id) in list.iter().zip((0u8..).map(NodeId)) {
            if instance.instance() != (Instance { number, commander: id }) {
                return Err(ConfigError(
                    "instance i of a vector is commanded by general i, and all have one number",
                ));
            }
            if (instance.me(), instance.nodes(), instance.rounds()) != (me, nodes, rounds) {
                return Err(ConfigError(
                    "all instances of a vector belong to one general and have the same sizes",
                ));
            }
        }
        let (suspects, doubts, protocol) = (NodeSet::EMPTY, false, PhantomData);
        Ok(Self { me, number, nodes, rounds, instances, suspects, doubts, protocol })
    }

    /// Forgets everything and begins vector `number`.
    pub fn renew(&mut self, number: u64) {
        (self.number, self.suspects) = (number, NodeSet::EMPTY);
        for instance in self.instances.as_mut() {
            instance.renew(number);
        }
    }

    /// From now on the general counts itself faulty if more peers seem to be than may be: for one
    /// that cannot afford to decide apart from the others.
    pub(crate) const fn doubt_itself(&mut self) {
        self.doubts = true;
    }

    /// Which vector this is.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many traitors they withstand, m.
    #[must_use]
    pub fn traitors(&self) -> usize {
        self.instances.as_ref().first().map_or(0, P::traitors)
    }

    /// What was agreed, after the last round.
    #[must_use]
    pub fn vector(&self) -> Vector<'_, P> {
        Vector::new(self.instances.as_ref())
    }

    /// Gives the memory back.
    #[must_use]
    pub fn into_memory(self) -> T {
        self.instances
    }
}

impl<P: Broadcast, T: AsRef<[P]> + AsMut<[P]>> Rules for Instances<P, T> {
    const AUTHENTIC_LINKS: bool = P::AUTHENTIC_LINKS;

    type Command<'a> = Order<P::Value>;
    type Message<'a> = Message<'a, P>;
    type Decision<'a>
        = Vector<'a, P>
    where
        Self: 'a;

    fn me(&self) -> NodeId {
        self.me
    }

    fn nodes(&self) -> usize {
        self.nodes
    }

    fn rounds(&self) -> u8 {
        self.rounds
    }

    fn on_command(&mut self, round: u8, command: Order<P::Value>) -> Result<(), Refusal> {
        let mine = self.instances.as_mut().get_mut(self.me.index());
        mine.ok_or(Refusal::NotCommander)?.order(round, command.0)
    }

    /// Each part is a frame of its own instance: one that is to blame changes nothing, and takes
    /// nothing from the others.
    fn on_message(&mut self, round: u8, from: NodeId, message: &Verified<Message<'_, P>>) -> Blame {
        let message = message.message();
        if message.number != self.number {
            return Blame::sender(Fault::WrongInstance);
        }
        if message.parts().any(|part| part.is_err()) {
            return Blame::sender(Fault::Malformed);
        }
        let mut all = Blame::NONE;
        for (commander, part) in message.parts().flatten() {
            let blame = match self.instances.as_mut().get_mut(commander.index()) {
                None => Blame::sender(Fault::OutOfBounds),
                Some(instance) => {
                    let digest = Digest::ZERO;
                    let part = Verified { from: Principal::Node(from), digest, message: part };
                    instance.on_message(round, from, &part)
                }
            };
            all.sender = all.sender.or(blame.sender);
            for equivocator in blame.equivocators.iter() {
                all.equivocators.insert(equivocator);
            }
        }
        all
    }

    fn admit(&mut self, round: u8, from: NodeId, message: &mut Message<'_, P>) -> Admission {
        if message.number != self.number {
            return Admission::Refused(Fault::WrongInstance);
        }
        if message.parts().any(|part| part.is_err()) {
            return Admission::Refused(Fault::Malformed);
        }
        let mut verdict = Admission::Known;
        let heard = *message;
        for ((commander, mut part), at) in heard.parts().flatten().zip(0u32..) {
            let Some(instance) = self.instances.as_mut().get_mut(commander.index()) else {
                return Admission::Refused(Fault::OutOfBounds);
            };
            match instance.admit(round, from, &mut part) {
                Admission::Verify => {
                    message.strike(at, P::struck(&part));
                    verdict = Admission::Verify;
                }
                Admission::Known | Admission::Later { .. } => message.strike(at, u8::MAX),
                Admission::Refused(fault) => return Admission::Refused(fault),
            }
        }
        verdict
    }

    fn suspect(&mut self, node: NodeId) {
        self.suspects.insert(node);
    }

    fn is_cut_off(&self) -> bool {
        self.doubts && self.suspects.len() > self.traitors() && !canary!("hears_nobody")
    }

    fn close(&mut self, round: u8) -> NodeSet {
        let instances = self.instances.as_mut().iter_mut();
        instances.flat_map(|instance| instance.close(round).iter()).collect()
    }

    fn frame(&self, round: u8, to: NodeId) -> Option<Message<'_, P>> {
        let instances = self.instances.as_ref();
        let speaks = instances.iter().any(|instance| instance.frame(round, to).is_some());
        speaks.then(|| Message::said(self.number, instances, round, to))
    }

    fn audience(&self, round: u8, to: NodeId) -> NodeSet {
        let silent = |instance: &P, node| instance.frame(round, node).is_none();
        let alike = |node: &NodeId| {
            self.instances.as_ref().iter().all(|instance| {
                instance.audience(round, to).contains(*node)
                    || (silent(instance, to) && silent(instance, *node))
            })
        };
        (0u8..).map(NodeId).take(self.nodes).filter(alike).chain([to]).collect()
    }

    fn decision(&self) -> Vector<'_, P> {
        self.vector()
    }
}
