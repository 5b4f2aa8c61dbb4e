//! The one shape that every protocol of this library has.

use crate::auth::Verified;
use crate::fault::{Fault, Refusal};
use crate::node::{ClientId, NodeId, NodeSet};
use crate::time::Instant;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A protocol as a state machine: an input in, outputs out, nothing else.
///
/// The laws of the host, of which there are three, stand at the top of the crate's documentation.
pub trait Protocol {
    /// What the host asks for.
    type Command<'a>;
    /// What travels between nodes: borrowed, zero copy.
    type Message<'a>: Serialize + Deserialize<'a>;
    /// What was agreed.
    type Decision<'a>
    where
        Self: 'a;
    /// What must survive a crash.
    type Record<'a>: Serialize
    where
        Self: 'a;
    /// The outputs of one step, in the order in which the host performs them.
    type Outputs<'a>: Iterator<Item = OutputOf<'a, Self>>
    where
        Self: 'a;

    /// Takes one input and returns what is to be done about it.
    ///
    /// The outputs borrow the node, so no second step can begin while they are held. If they are
    /// dropped before the end, the rest is not lost: the next step is answered with
    /// [`Refusal::Undrained`], its input is not consumed, and the rest follows.
    fn step(&mut self, now: Instant, input: InputOf<'_, Self>) -> Self::Outputs<'_>;

    /// When the host must step with [`Input::Wake`] at the latest; `None`: not before an input.
    fn deadline(&self) -> Option<Instant>;
}

/// The input type of protocol `P`.
pub type InputOf<'a, P> = Input<<P as Protocol>::Command<'a>, <P as Protocol>::Message<'a>>;

/// The output type of protocol `P`.
pub type OutputOf<'a, P> = Output<
    <P as Protocol>::Message<'a>,
    <P as Protocol>::Decision<'a>,
    <P as Protocol>::Record<'a>,
>;

/// What can happen to a node.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Input<C, M> {
    /// Time has passed.
    Wake,
    /// The host asks for something.
    Command(C),
    /// A message arrived, was authenticated, and its statements were verified.
    Message(Verified<M>),
}

/// What a node wants done. The host performs outputs in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Output<M, D, R> {
    /// Make this durable before any later `Send` of this step leaves.
    Persist(R),
    /// Seal the message and send it.
    Send {
        /// To whom.
        to: Target,
        /// What; its own statements are signed by `wire::seal` as it leaves.
        message: M,
    },
    /// Something was agreed.
    Decide(D),
    /// A peer did wrong. Nothing else came of what it did.
    Accuse {
        /// The one who did it.
        node: NodeId,
        /// What it did.
        fault: Fault,
    },
    /// The host asked for what cannot be done.
    Refuse(Refusal),
}

/// To whom a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Target {
    /// Every other node.
    All,
    /// One node.
    Node(NodeId),
    /// Each of these nodes, the same message.
    Nodes(NodeSet),
    /// One client.
    Client(ClientId),
}

impl Target {
    /// Whether this other node is meant.
    #[must_use]
    pub const fn includes(self, node: NodeId) -> bool {
        match self {
            Self::All => true,
            Self::Node(one) => one.0 == node.0,
            Self::Nodes(set) => set.contains(node),
            Self::Client(_) => false,
        }
    }
}

/// What a node says of a message before its statements are verified.
///
/// The check is cheap and spends nothing but the sender's own budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Admission {
    /// It may be of use: verify it, then step.
    Verify,
    /// It is held already, or of no use any more: drop it.
    Known,
    /// It breaks a rule that can be seen without verification: drop it and blame the sender.
    Refused(Fault),
    /// Its sender has used up what it may cost: drop it, and look at nothing that needs a
    /// verification of its for so long. A host that can reads nothing of it meanwhile, and tells
    /// a client that it is busy.
    Later {
        /// How long.
        after: Duration,
    },
}

/// The record of a protocol that has nothing to remember: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Never {}
