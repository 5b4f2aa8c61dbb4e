//! What the queues consist of.

/// Bytes before the body of an item.
pub(super) const HEAD: usize = 4 + 4 + 1 + 1 + 2;

/// The most bytes of a body. What is longer takes several items.
pub(super) const CHUNK: usize = 240;

/// Room for the longest item, and for the padding to the largest word of any flash.
pub(super) const ROOM: usize = (HEAD + CHUNK).next_multiple_of(32) + 32;

/// What an item is, or is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The begin of a generation: whose log it is.
    Begin = 1,
    /// A record.
    Record = 2,
    /// A checkpoint.
    Checkpoint = 3,
    /// The generation is whole.
    Whole = 4,
    /// The log was opened.
    Opened = 5,
}

/// An item of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Counts the items of a generation.
    pub(super) number: u32,
    /// Counts the rotations.
    pub(super) generation: u32,
    pub(super) kind: Kind,
    /// Whether the next item goes on with the same thing.
    pub(super) more: bool,
    /// Its place in that.
    pub(super) place: u16,
}

impl Item {
    pub(super) fn to_bytes(self) -> [u8; HEAD] {
        let [a, b, c, d] = self.number.to_le_bytes();
        let [e, f, g, h] = self.generation.to_le_bytes();
        let [i, j] = self.place.to_le_bytes();
        [a, b, c, d, e, f, g, h, self.kind as u8, self.more.into(), i, j]
    }

    /// An item and its body; `None` for what no log contains.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let ([a, b, c, d, e, f, g, h, kind, more, i, j], body) =
            bytes.split_first_chunk::<HEAD>()?;
        let kind = match kind {
            1 => Kind::Begin,
            2 => Kind::Record,
            3 => Kind::Checkpoint,
            4 => Kind::Whole,
            5 => Kind::Opened,
            _ => return None,
        };
        let item = Self {
            number: u32::from_le_bytes([*a, *b, *c, *d]),
            generation: u32::from_le_bytes([*e, *f, *g, *h]),
            kind,
            more: *more != 0,
            place: u16::from_le_bytes([*i, *j]),
        };
        Some((item, body))
    }
}
