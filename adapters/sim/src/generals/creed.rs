//! What the simulator has to know of a protocol in rounds.

use super::cabal::{Cabal, Occasion};
use super::saying::{Lack, Saying};
use quorate::auth::Signed;
use quorate::rounds::{Config, Instance, Rules};
use quorate::value::{Order, Value};
use quorate::{NodeId, wire};
use std::fmt::Debug;
use std::hash::Hasher;

/// What one agreement may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// The most frames that all correct generals together send, one for each receiver.
    pub frames: u64,
    /// Exactly so many if nobody is faulty, and every commander has an order.
    pub exactly: Option<u64>,
    /// The most bytes of one frame of a correct general.
    pub frame_bytes: u64,
    /// The most signatures that a general verifies in one round.
    pub verifications: u64,
}

/// How a traitor changes a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    /// Every order in it becomes the one that the cabal tells this receiver.
    Face,
    /// Each order in it becomes any, or none.
    Mixed,
    /// Every order in it becomes the absence of one, where that can be said.
    Absent,
    /// It is about another agreement.
    Instance(Instance),
    /// It belongs to another round, where frames have a round.
    Round(u8),
}

/// A protocol in rounds: how its generals are made, what they decide, what traitors can say.
///
/// Traitors work on encoded frames, and sign with the keys of the cabal only.
pub trait Creed: Debug + 'static {
    /// What is agreed on.
    type Value: Value;
    /// The rules of one general.
    type Rules: for<'a> Rules<Message<'a>: Signed, Command<'a> = Order<Self::Value>>
        + Clone
        + Debug
        + 'static;

    /// Its kind of frame, in a transcript.
    const FRAME: &'static str;

    /// Whether a frame counts as a whole or not at all; else what is right in one counts, whatever
    /// is wrong beside it.
    const WHOLE: bool = true;

    /// The rules of one general, also beyond the bound of the protocol: a script may show what
    /// happens there.
    ///
    /// # Panics
    /// The sizes cannot work.
    fn rules(config: Config) -> Self::Rules;

    /// What an agreement costs, with values of at most so many bytes.
    fn costs(nodes: usize, traitors: usize, value_bytes: usize) -> Costs;

    /// Whether each general commands an agreement of its own, all at once.
    #[must_use]
    fn all_command() -> bool {
        false
    }

    /// What was decided: one entry for each agreement of the decision.
    fn entries(decision: <Self::Rules as Rules>::Decision<'_>) -> Vec<Option<Self::Value>>;

    /// The number of the agreement that a frame is about.
    fn number(message: &<Self::Rules as Rules>::Message<'_>) -> u64;

    /// What a commander orders with a frame of its first round, encoded; `None` if this is none, or
    /// one of many commanders.
    #[must_use]
    fn opening(message: &<Self::Rules as Rules>::Message<'_>) -> Option<Vec<u8>>;

    /// Hashes what a general has heard and holds: all that a frame that is rejected must not
    /// change. What peers have spent is not among it.
    fn remember(rules: &Self::Rules, hasher: &mut dyn Hasher);

    /// Whether what a frame of this sender tells is another thing than what it told this general
    /// before, so that it must be rejected: the first word counts.
    #[must_use]
    fn is_second_word(
        rules: &Self::Rules,
        from: NodeId,
        message: &<Self::Rules as Rules>::Message<'_>,
    ) -> bool {
        let _ = (rules, from, message);
        false
    }

    /// A frame with a change in it; `None` if these bytes are no frame.
    fn twist(
        frame: &[u8],
        cabal: &mut Cabal<Self::Value>,
        at: Occasion,
        twist: Twist,
    ) -> Option<Vec<u8>>;

    /// A frame that no machine made: anything that the keys of the cabal and what was overheard
    /// allow, and more.
    fn invent(cabal: &mut Cabal<Self::Value>, at: Occasion) -> Option<Vec<u8>>;

    /// A frame in which a member of the cabal says this: in place of what its machine would say,
    /// if that is given; else beside it.
    ///
    /// # Errors
    /// What it lacks for that: a signature that it never heard, or a reason to speak at all.
    fn utter(
        cabal: &Cabal<Self::Value>,
        at: Occasion,
        loyal: Option<&[u8]>,
        saying: &Saying<Self::Value>,
    ) -> Result<Vec<u8>, Lack>;

    /// A frame in words.
    #[must_use]
    fn tell(frame: &[u8]) -> String {
        wire::decode::<<Self::Rules as Rules>::Message<'_>>(frame)
            .map_or_else(|_| format!("{} bytes of nothing", frame.len()), |_| Self::words(frame))
    }

    /// A frame that decodes, in words.
    fn words(frame: &[u8]) -> String;
}

/// Encodes what a traitor says, as it is.
///
/// # Panics
/// Never: the buffer is as long as the message says.
pub(super) fn encode<M: serde::Serialize>(message: &M) -> Vec<u8> {
    let mut buffer = vec![0; wire::encoded_len(message)];
    let length = wire::encode(message, &mut buffer).expect("as long as it says").len();
    buffer.truncate(length);
    buffer
}
