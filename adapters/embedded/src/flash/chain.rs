//! Whether the items of a generation follow from each other.

use super::item::{HEAD, Item, Kind};

/// Bytes that the queue puts before an item.
const QUEUE_HEAD: usize = 8;

/// What is known of a generation after some of its items.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    /// The highest generation that an item was of; 0: there was none.
    pub(super) generation: u32,
    /// The number of the next item.
    pub(super) number: u32,
    /// Whether it is whole.
    pub(super) whole: bool,
    /// Whether there was a record or a checkpoint.
    pub(super) is_used: bool,
    /// Whether what was begun last was ended.
    unfinished: Option<(Kind, u16)>,
    /// What is wrong with it, if anything.
    pub(super) damage: Option<&'static str>,
    /// Whose log it is said to be is somebody else.
    pub(super) foreign: bool,
    /// Bytes of all items, and of the ends of pages that were too short for the next one.
    pub(super) bytes: u32,
    /// Those up to the mark that it is whole.
    pub(super) carried: u32,
}

/// What items take on a flash: bytes of a page beside its own marks, and of a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grain {
    pub(super) page: usize,
    pub(super) word: usize,
}

impl Grain {
    /// Bytes of an item with a body of so many.
    pub(super) const fn item(self, body: usize) -> usize {
        QUEUE_HEAD.next_multiple_of(self.word) + (HEAD + body).next_multiple_of(self.word)
    }
}

impl Chain {
    /// A generation that is about to be written.
    pub(super) fn begin(generation: u32) -> Self {
        Self { generation, ..Self::default() }
    }

    /// Takes the next item.
    pub(super) fn take(&mut self, item: &Item, body: &[u8], owner: &[u8], grain: Grain) {
        let next = self.judge(item);
        self.damage = self.damage.or(next.err());
        self.generation = self.generation.max(item.generation);
        self.number = item.number.wrapping_add(1);
        self.unfinished = item.more.then_some((item.kind, item.place));
        self.foreign |= item.kind == Kind::Begin && body != owner;
        self.count(body.len(), grain);
        self.mark(item.kind);
    }

    /// Counts what an item with a body of so many bytes takes.
    pub(super) fn count(&mut self, body: usize, grain: Grain) {
        let item = u32::try_from(grain.item(body)).unwrap_or(u32::MAX);
        let page = u32::try_from(grain.page).unwrap_or(u32::MAX).max(1);
        let left = page - self.bytes % page;
        let wasted = if left < item { left } else { 0 };
        self.bytes = self.bytes.saturating_add(wasted).saturating_add(item);
    }

    /// A thing of this kind is there.
    pub(super) fn mark(&mut self, kind: Kind) {
        if kind == Kind::Whole {
            (self.whole, self.carried) = (true, self.bytes);
        }
        self.is_used |= matches!(kind, Kind::Record | Kind::Checkpoint);
    }

    fn judge(&self, item: &Item) -> Result<(), &'static str> {
        let first = self.generation == 0;
        if first != (item.kind == Kind::Begin) {
            return Err("the begin of a generation is missing, or not at its begin");
        }
        if !first && item.generation != self.generation {
            return Err("items of two generations");
        }
        if item.number != self.number {
            return Err("an item is missing");
        }
        let opened = item.kind == Kind::Opened;
        if (self.whole && item.kind == Kind::Whole) || (!self.whole && opened) {
            return Err("marks that contradict each other");
        }
        match self.unfinished {
            None if item.place == 0 => Ok(()),
            // The power went, and came back.
            Some(_) if opened && item.place == 0 => Ok(()),
            Some((kind, place)) if item.kind == kind && item.place == place.wrapping_add(1) => {
                Ok(())
            }
            _ => Err("a part of a record is missing"),
        }
    }
}
