//! What happened: every message, every accusation, every decision.

use crate::lie::Lie;
use crate::route::Route;
use crate::word::Word;
use quorate::{Fault, NodeId, Refusal, Verdict};
use std::fmt;

/// What one message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// An order.
    Word(Word),
    /// That there is none.
    Nothing,
    /// Phase king: that the votes were not enough for anything.
    Undecided,
}

impl Said {
    /// The order, if it is one.
    #[must_use]
    pub const fn word(self) -> Option<Word> {
        match self {
            Self::Word(word) => Some(word),
            Self::Nothing | Self::Undecided => None,
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => word.fmt(f),
            Self::Nothing => f.pad("nothing"),
            Self::Undecided => f.pad("?"),
        }
    }
}

/// One message of the paper, as it is put into a frame or read out of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utterance {
    /// Whose order it is about.
    pub commander: NodeId,
    /// The path or the chain of signers; empty for the phase king.
    pub route: Route,
    /// The round it belongs to.
    pub claims: u8,
    /// What it says.
    pub said: Said,
    /// Signed messages: the signatures are those of this order in another instance.
    pub replay: Option<Word>,
}

/// How a message relates to what a loyal general would have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// It is what a loyal general sends.
    Honest,
    /// It is something else.
    Lie,
    /// A loyal general would have sent it, and it was not.
    Dropped,
    /// It was sent after its round had closed, or with too few signatures for the round.
    Late,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Honest, Self::Lie, Self::Dropped, Self::Late];

    /// One word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Lie => "lie",
            Self::Dropped => "dropped",
            Self::Late => "late",
        }
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It was read.
    #[default]
    Read,
    /// It was of no use any more, and dropped unread.
    Known,
    /// The receiver blamed its sender for it.
    Blamed(Fault),
}

/// One message that was sent, or was to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The round in which it was sent; 0 before the first.
    pub round: u8,
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// The message; where it was dropped, what it would have been.
    pub utterance: Utterance,
    /// What a loyal general would have said in this place; `None`: nothing.
    pub loyal: Option<Said>,
    /// How the two relate.
    pub kind: Kind,
    /// The frame it was in.
    pub frame: Option<usize>,
}

/// One frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The round in which it was sent; 0 before the first.
    pub round: u8,
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// Bytes of its payload.
    pub bytes: usize,
    /// Messages in it.
    pub messages: usize,
    /// What became of it.
    pub fate: Fate,
}

/// A loyal general blames somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accusation {
    /// The round that was open, or for [`Fault::Missing`] the one that closed.
    pub round: u8,
    /// The loyal general.
    pub by: NodeId,
    /// Whom it blames.
    pub node: NodeId,
    /// For what.
    pub fault: Fault,
}

/// What happened in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Battle {
    /// How many rounds there were.
    pub rounds: u8,
    /// Every message, in the order of sending; empty if there were too many to keep.
    pub tellings: Vec<Telling>,
    /// Whether [`tellings`](Battle::tellings) is complete.
    pub detailed: bool,
    /// Every frame, in the order of sending.
    pub frames: Vec<Frame>,
    /// Messages of each [`Kind`], in the order of [`Kind::ALL`].
    pub counts: [u64; 4],
    /// What loyal generals blamed others for.
    pub accusations: Vec<Accusation>,
    /// What loyal generals refused.
    pub refusals: Vec<(NodeId, Refusal)>,
    /// What each loyal general decided, by id, one verdict for each commander; `None` for
    /// traitors, whose decisions mean nothing.
    pub decisions: Vec<Option<Vec<Verdict<Word>>>>,
    /// The numbers of lies that found no place.
    pub idle: Vec<usize>,
}

impl Battle {
    /// How many messages were sent.
    #[must_use]
    pub fn messages(&self) -> u64 {
        let [honest, lies, _, late] = self.counts;
        honest + lies + late
    }

    /// Bytes of all payloads.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frames.iter().map(|frame| frame.bytes).sum()
    }

    /// What became of a message.
    #[must_use]
    pub fn fate(&self, telling: &Telling) -> Fate {
        telling.frame.and_then(|at| self.frames.get(at)).map_or(Fate::Read, |frame| frame.fate)
    }

    pub(super) fn tell(&mut self, telling: Telling) {
        self.counts[telling.kind as usize] += 1;
        if self.detailed {
            self.tellings.push(telling);
        }
    }

    /// Notes that a lie found a place.
    pub(super) fn used(&mut self, lie: &Lie) {
        self.idle.retain(|number| *number != lie.number);
    }
}
