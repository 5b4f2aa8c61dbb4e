//! A checkpoint that is being fetched, one piece after the other.

use super::shelf::{Label, client_shape};

use quorate::pbft::merkle::children;
use quorate::pbft::{Part, Place, Roots, Sequence, Sought};

/// What has come of a checkpoint: first the roots, then the node over the client table if that has
/// several pages, then those pages in order, then the state. One piece is asked for at a time, so
/// that nothing has to be put aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    pub(super) sequence: Sequence,
    roots: Roots,
    /// The place that it is written to.
    pub(super) at: usize,
    /// Pages of the client table.
    pages: u32,
    /// Whether the node over them is there.
    node: bool,
    /// How many of them are there, and how long they are together.
    come: u32,
    clients: usize,
    state: Option<usize>,
    /// Whether a piece was asked for and has not come.
    asked: bool,
}

impl Draft {
    /// The roots have come; the checkpoint is written to a place of the shelf.
    pub(super) fn begin(sequence: Sequence, roots: Roots, pages: u32, at: usize) -> Self {
        let node = client_shape(pages).height() == 0;
        let (come, clients, state, asked) = (0, 0, None, false);
        Self { sequence, roots, at, pages, node, come, clients, state, asked }
    }

    /// What is to be asked for next, with the node that came; `None`: nothing, for now or at all.
    pub(super) fn seek(&mut self, node: &[u8]) -> Option<Sought> {
        let next = self.next(node).filter(|_| !self.asked);
        self.asked |= next.is_some();
        next
    }

    fn next(&self, node: &[u8]) -> Option<Sought> {
        let top = client_shape(self.pages).top(Part::Clients);
        if !self.node {
            return Some(Sought { place: top, digest: self.roots.clients });
        }
        if self.come < self.pages {
            let place = Place::page(Part::Clients, self.come);
            let digest = if top.level == 0 {
                self.roots.clients
            } else {
                children(node).nth(usize::try_from(self.come).ok()?)?
            };
            return Some(Sought { place, digest });
        }
        let state = Sought { place: Place::page(Part::State, 0), digest: self.roots.top };
        self.state.is_none().then_some(state)
    }

    /// The piece that was asked for has come, the right one. Says false if there is no room.
    pub(super) fn stage(
        &mut self,
        place: Place,
        piece: &[u8],
        (table, page): (&mut [u8], &mut [u8]),
        node: &mut [u8],
    ) -> bool {
        let expected = self.next(node).map(|sought| sought.place);
        if expected != Some(place) {
            return true;
        }
        self.asked = false;
        let room = match place {
            Place { part: Part::State, .. } => page.get_mut(..piece.len()),
            Place { level: 0, .. } => {
                table.get_mut(self.clients..).and_then(|rest| rest.get_mut(..piece.len()))
            }
            _ => node.get_mut(..piece.len()),
        };
        let Some(room) = room else { return false };
        room.copy_from_slice(piece);
        match place {
            Place { part: Part::State, .. } => self.state = Some(piece.len()),
            Place { level: 0, .. } => {
                self.come += 1;
                self.clients += piece.len();
            }
            _ => self.node = true,
        }
        true
    }

    /// What it is, once all of it is there.
    pub(super) fn finished(&self) -> Option<(usize, Label)> {
        let label = Label { sequence: self.sequence, clients: self.clients, state: self.state? };
        Some((self.at, label))
    }
}
