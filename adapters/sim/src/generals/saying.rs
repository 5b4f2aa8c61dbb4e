//! What somebody has a traitor say, in the words of its protocol.

use quorate::NodeId;

/// A lie, or the truth at a wrong time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying<V> {
    /// Which order it tells.
    pub told: Told<V>,
    /// How.
    pub form: Form,
    /// Of many commanders: of whose order it tells; `None`: of all that the frame is about.
    pub about: Option<NodeId>,
    /// The round that it says it is of; `None`: the one that begins.
    pub round: Option<u8>,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<V> {
    /// The order is this.
    Order(V),
    /// There is none.
    Nothing,
    /// The phase king: there are not votes enough for anything.
    Undecided,
}

/// How it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// As its machine would say it, all of it.
    Whole,
    /// Oral messages: as what came along this path.
    Along(Vec<NodeId>),
    /// Signed messages: with a chain of signatures.
    Signed {
        /// Whose signatures, one after another.
        signers: Vec<NodeId>,
        /// Whose are taken out again when all have signed.
        without: Vec<NodeId>,
        /// Whether the last signature is none.
        forged: bool,
    },
}

/// Why it cannot be said.
pub type Lack = String;
