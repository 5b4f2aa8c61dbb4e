//! The checkpoints that are held.

use super::layout::{Layout, PLACES};
use crate::ledger::Kept;
use quorate::Digest;
use quorate::pbft::merkle::{CLIENT_FAN_OUT, client_pages, node_digest, page_digest, state_digest};
use quorate::pbft::{Part, Place, Roots, Sequence, Shape};

/// One checkpoint: how long its parts are. The bytes are in the place of the same number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Label {
    /// `Sequence(0)`: the place is free.
    pub(super) sequence: Sequence,
    pub(super) clients: usize,
    pub(super) state: usize,
}

/// Which places are taken by what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelf {
    layout: Layout,
    labels: [Label; PLACES],
    /// The newest checkpoint.
    newest: usize,
}

impl Shelf {
    pub(super) const fn new(layout: Layout) -> Self {
        let free = Label { sequence: Sequence(0), clients: 0, state: 0 };
        Self { layout, labels: [free; PLACES], newest: 0 }
    }

    /// A place for something new, not this one: a free one, or that of the lowest sequence. It is
    /// free then.
    pub(super) fn clear(&mut self, taken: Option<usize>) -> usize {
        let labels = self.labels.iter().enumerate().filter(|(at, _)| Some(*at) != taken);
        let lowest = labels.min_by_key(|(_, label)| label.sequence).map_or(0, |(at, _)| at);
        if let Some(label) = self.labels.get_mut(lowest) {
            *label = Label::default();
        }
        lowest
    }

    /// The bytes of a place: client table, state.
    pub(super) fn room<'m>(
        &self,
        memory: &'m mut [u8],
        at: usize,
    ) -> Option<(&'m mut [u8], &'m mut [u8])> {
        let size = self.layout.place_bytes();
        let from = at.checked_mul(size)?;
        let place = memory.get_mut(from..)?.get_mut(..size)?;
        place.split_at_mut_checked(self.layout.table_bytes())
    }

    /// Puts a checkpoint on the shelf that was written to a place: the newest. Those of its
    /// sequence and above are of a state that was given up.
    pub(super) fn put(&mut self, at: usize, label: Label) {
        for other in &mut self.labels {
            if other.sequence >= label.sequence {
                *other = Label::default();
            }
        }
        if let Some(place) = self.labels.get_mut(at) {
            *place = label;
            self.newest = at;
        }
    }

    /// The newest checkpoint.
    pub(super) fn newest<'m>(&self, memory: &'m [u8]) -> Option<Kept<'m>> {
        self.get(memory, self.newest)
    }

    /// All checkpoints, the newest last.
    pub(super) fn all<'m>(&self, memory: &'m [u8]) -> impl Iterator<Item = Kept<'m>> {
        let shelf = *self;
        let older = (0..PLACES).filter(move |at| *at != shelf.newest);
        let mut sorted = [0; PLACES];
        let mut count = 0;
        for (place, at) in sorted.iter_mut().zip(older) {
            (*place, count) = (at, count + 1);
        }
        let sequence = |at: &usize| self.labels.get(*at).map(|label| label.sequence);
        if let Some(older) = sorted.get_mut(..count) {
            older.sort_unstable_by_key(sequence);
        }
        if let Some(place) = sorted.get_mut(count) {
            *place = shelf.newest;
        }
        sorted.into_iter().take(count + 1).filter_map(move |at| shelf.get(memory, at))
    }

    /// The checkpoint of a sequence.
    pub(super) fn find<'m>(&self, memory: &'m [u8], sequence: Sequence) -> Option<Kept<'m>> {
        let mut labels = self.labels.iter();
        let at = labels.position(|label| label.sequence == sequence)?;
        self.get(memory, at)
    }

    fn get<'m>(&self, memory: &'m [u8], at: usize) -> Option<Kept<'m>> {
        let Label { sequence, clients, state } = *self.labels.get(at)?;
        let size = self.layout.place_bytes();
        let place = memory.get(at.checked_mul(size)?..)?.get(..size)?;
        let (table, page) = place.split_at_checked(self.layout.table_bytes())?;
        let kept = Kept { sequence, clients: table.get(..clients)?, state: page.get(..state)? };
        (sequence != Sequence(0)).then_some(kept)
    }

    /// The digests from which a checkpoint can be fetched.
    pub(super) fn roots(&self, kept: &Kept<'_>) -> Roots {
        let (pages, reply_bytes) = self.clients();
        let digest = |(index, page): (u32, &[u8])| page_digest(Part::Clients, index, page);
        let mut digests = (0..pages).zip(client_pages(kept.clients, reply_bytes)).map(digest);
        let top = client_shape(pages).top(Part::Clients);
        let clients = if top.level == 0 {
            digests.next().unwrap_or_default()
        } else {
            node_digest(top, digests)
        };
        Roots { clients, pages: 1, top: page_digest(Part::State, 0, kept.state) }
    }

    /// The digest of the application's state.
    pub(super) fn state_digest(kept: &Kept<'_>) -> Digest {
        state_digest(1, &page_digest(Part::State, 0, kept.state))
    }

    /// The bytes of a piece of a checkpoint; those that are made for it are written to `node`.
    pub(super) fn piece<'p>(
        &self,
        kept: &Kept<'p>,
        place: Place,
        node: &'p mut [u8],
    ) -> Option<&'p [u8]> {
        let (pages, reply_bytes) = self.clients();
        let mut table = client_pages(kept.clients, reply_bytes);
        let top = client_shape(pages).top(Part::Clients);
        match place {
            Place::ROOTS => {
                let room = node.get_mut(..Roots::BYTES)?;
                room.copy_from_slice(&self.roots(kept).to_bytes());
                Some(room)
            }
            Place { part: Part::State, level: 0, index: 0 } => Some(kept.state),
            Place { part: Part::Clients, level: 0, index } if index < pages => {
                table.nth(usize::try_from(index).ok()?)
            }
            place if place == top => {
                let room = node.get_mut(..usize::try_from(pages).ok()?.checked_mul(32)?)?;
                let (children, _) = room.as_chunks_mut::<32>();
                for ((child, index), page) in children.iter_mut().zip(0..).zip(table) {
                    *child = page_digest(Part::Clients, index, page).0;
                }
                Some(room)
            }
            _ => None,
        }
    }

    /// Pages of the client table, and bytes of its longest reply.
    fn clients(&self) -> (u32, usize) {
        (self.layout.dimensions.client_pages(), self.layout.dimensions.reply_bytes)
    }
}

/// The tree over the client table.
pub(super) const fn client_shape(pages: u32) -> Shape {
    Shape { pages, fan_out: CLIENT_FAN_OUT }
}
