//! The tree of digests over the pages of a state, so that each page can be checked by itself.
//!
//! A checkpoint has two trees: one over the pages of the client table, which this core cuts, and
//! one over those of the application's state, which the host cuts as it likes. Level 0 of a tree
//! is its pages; a node of level `l` covers up to [`MAX_FAN_OUT`] neighbours of level `l - 1`; the
//! last level has one node, the top. A tree of one page has no nodes: the page is its top.
//!
//! Every digest says what it is of: a page or a node, of which tree, on which level, at which
//! index, and how long it is. So a right page at a wrong index, a shorter list, or a node given
//! for a page never has the digest that is looked for. The number of pages stands in the root
//! alone: a state that grows by a page changes the digests of that page and of the nodes above
//! it, and of no other.

use super::message::Sequence;
use crate::auth::{Digest, Statement, Tag};
use crate::service::{ClientTable, EncodedPages};
use serde::{Deserialize, Serialize};

/// The most children of a node.
pub const MAX_FAN_OUT: u32 = 64;

/// Children of the nodes over the client table.
pub const CLIENT_FAN_OUT: u32 = 16;

/// Levels of nodes over the client table: 16^4 pages are as many as there can be clients.
const CLIENT_LEVELS: usize = 4;

/// The most levels of a tree: as many as 2^32 pages have with two children a node.
const LEVELS: u8 = 33;

/// Of what a piece is a piece.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Part {
    /// Both trees: there is one piece of this part, [`Place::ROOTS`].
    #[default]
    Roots,
    /// The client table.
    Clients,
    /// The application's state.
    State,
}

/// Where a piece of a state stands: in which tree, on which level, which one from the left.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Place {
    /// The tree.
    pub part: Part,
    /// 0: a page; above: a node.
    pub level: u8,
    /// How many pieces of this level stand left of it.
    pub index: u32,
}

impl Place {
    /// Where a fetching replica begins: the roots of both trees.
    pub const ROOTS: Self = Self { part: Part::Roots, level: 0, index: 0 };

    /// A page of a tree.
    #[must_use]
    pub const fn page(part: Part, index: u32) -> Self {
        Self { part, level: 0, index }
    }

    /// The child number `at` of a node that has up to `fan_out`; `None` below a page.
    #[must_use]
    pub fn child(self, fan_out: u32, at: u32) -> Option<Self> {
        let index = self.index.checked_mul(fan_out)?.checked_add(at)?;
        Some(Self { level: self.level.checked_sub(1)?, index, ..self })
    }

    /// Whether there can be a piece at all.
    pub(super) fn is_possible(self) -> bool {
        self.level <= LEVELS && (self.part != Part::Roots || self == Self::ROOTS)
    }
}

/// The shape of a tree: how many pages it has, and how many children a node has at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Shape {
    /// Pages, 1 or more.
    pub pages: u32,
    /// Children of a node, 2 to [`MAX_FAN_OUT`]. A constant of the cluster.
    pub fan_out: u32,
}

impl Shape {
    /// How many pieces there are on a level.
    #[must_use]
    pub fn width(&self, level: u8) -> u32 {
        (0..level).fold(self.pages, |width, _| width.div_ceil(self.fan_out.max(2)))
    }

    /// The level of the top: 0 for a single page.
    #[must_use]
    pub fn height(&self) -> u8 {
        (0..LEVELS).find(|level| self.width(*level) <= 1).unwrap_or(LEVELS)
    }

    /// Where the top of such a tree stands.
    #[must_use]
    pub fn top(&self, part: Part) -> Place {
        Place { part, level: self.height(), index: 0 }
    }
}

/// What the digest of a checkpoint is made of: the one piece that says how large the trees are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Roots {
    /// The top of the tree over the client table, whose size is a constant of the cluster.
    pub clients: Digest,
    /// Pages of the application's state.
    pub pages: u32,
    /// The top of the tree over them.
    pub top: Digest,
}

impl Roots {
    /// Bytes of the piece: clients, pages, top.
    pub const BYTES: usize = 32 + 4 + 32;

    /// The piece as it travels.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let (mut bytes, pages) = ([0; Self::BYTES], self.pages.to_le_bytes());
        let parts = self.clients.0.iter().chain(&pages).chain(&self.top.0);
        bytes.iter_mut().zip(parts).for_each(|(place, byte)| *place = *byte);
        bytes
    }

    /// The piece from its bytes; `None` if it has another length, or tells of no page at all.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (clients, rest) = bytes.split_first_chunk::<32>()?;
        let (pages, top) = rest.split_first_chunk::<4>()?;
        let pages = u32::from_le_bytes(*pages);
        let top = Digest(<[u8; 32]>::try_from(top).ok()?);
        (pages > 0).then_some(Self { clients: Digest(*clients), pages, top })
    }

    /// The digest of the application's state: what [`Command::Captured`](super::Command) tells.
    #[must_use]
    pub fn state(&self) -> Digest {
        state_digest(self.pages, &self.top)
    }

    /// The digest that a CHECKPOINT message of this sequence carries.
    #[must_use]
    pub fn digest(&self, sequence: Sequence) -> Digest {
        checkpoint_digest(sequence, &self.clients, &self.state())
    }
}

/// The digest of an application's state of so many pages, whose tree has this top.
#[must_use]
pub fn state_digest(pages: u32, top: &Digest) -> Digest {
    node_digest(Place { index: pages, ..Place::ROOTS }, [*top])
}

/// The digest that a CHECKPOINT message carries: sequence, client table, application state.
#[must_use]
pub(super) fn checkpoint_digest(sequence: Sequence, clients: &Digest, state: &Digest) -> Digest {
    Statement::unscoped(Tag::Checkpoint).u64(sequence.0).digest(clients).digest(state).finish()
}

/// The digest of a page.
#[must_use]
pub fn page_digest(part: Part, index: u32, bytes: &[u8]) -> Digest {
    let mut page = begin_page(part, index, bytes.len());
    page.absorb(bytes);
    page.finish()
}

fn begin_page(part: Part, index: u32, length: usize) -> Statement {
    Statement::unscoped(Tag::Page).u64(part as u64).u64(index.into()).u64(length as u64)
}

/// The digest of the node at this place, over its children from left to right.
#[must_use]
pub fn node_digest(place: Place, children: impl IntoIterator<Item = Digest>) -> Digest {
    let mut node = OpenNode::at(place);
    children.into_iter().for_each(|child| node.add(&child));
    node.finish()
}

/// A node whose children come one by one. Their number stands at the end, where it is known; as
/// everything in the statement has a fixed width, no two lists make the same one.
struct OpenNode {
    statement: Statement,
    children: u64,
}

impl OpenNode {
    fn at(place: Place) -> Self {
        let Place { part, level, index } = place;
        let statement = Statement::unscoped(Tag::Node).u64(part as u64);
        Self { statement: statement.u64(level.into()).u64(index.into()), children: 0 }
    }

    fn add(&mut self, child: &Digest) {
        self.statement.absorb(&child.0);
        self.children += 1;
    }

    fn finish(self) -> Digest {
        self.statement.u64(self.children).finish()
    }
}

/// The children that the bytes of a node list.
pub fn children(bytes: &[u8]) -> impl Iterator<Item = Digest> + '_ {
    let (children, _) = bytes.as_chunks::<32>();
    children.iter().map(|child| Digest(*child))
}

/// The pages of an encoded client table, whose longest reply is a constant of the cluster.
pub fn client_pages(encoded: &[u8], reply_bytes: usize) -> impl Iterator<Item = &[u8]> {
    EncodedPages::of(encoded, reply_bytes)
}

/// The digest of a piece that arrives: right if it is the one that is looked for. `None` if no
/// piece can have these bytes, so that no digest is theirs.
pub(super) fn piece_digest(sequence: Sequence, place: Place, bytes: &[u8]) -> Option<Digest> {
    match (place.part, place.level) {
        (Part::Roots, _) => Some(Roots::from_bytes(bytes)?.digest(sequence)),
        (part, 0) => Some(page_digest(part, place.index, bytes)),
        _ => {
            let whole = bytes.len().is_multiple_of(32) && !bytes.is_empty();
            let fits = whole && bytes.len() <= MAX_FAN_OUT as usize * 32;
            fits.then(|| node_digest(place, children(bytes)))
        }
    }
}

/// The top of the tree over a client table as it is now.
pub(super) fn clients_top(table: &ClientTable<'_>) -> Digest {
    if canary!("clients_outside_checkpoint") {
        return Digest::ZERO;
    }
    clients_tree(table.pages(), |index| {
        let mut page = begin_page(Part::Clients, index, table.page_len(index));
        table.page_fields(index, |field| page.absorb(field));
        page.finish()
    })
}

/// The top of the tree over a client table that was encoded.
pub(super) fn encoded_clients_top(pages: u32, encoded: EncodedPages<'_>) -> Digest {
    let mut encoded = encoded;
    clients_tree(pages, |index| {
        page_digest(Part::Clients, index, encoded.next().unwrap_or_default())
    })
}

/// The top of a tree over the client table, whose pages are asked for from left to right.
fn clients_tree(pages: u32, mut page: impl FnMut(u32) -> Digest) -> Digest {
    let shape = Shape { pages, fan_out: CLIENT_FAN_OUT };
    let height = shape.height();
    let mut open: [Option<OpenNode>; CLIENT_LEVELS] = [const { None }; CLIENT_LEVELS];
    let mut digest = Digest::ZERO;
    for at in 0..pages {
        digest = page(at);
        let mut index = at;
        for (level, node) in (1..=height).zip(open.iter_mut()) {
            let last = index + 1 == shape.width(level - 1);
            let parent = Place { part: Part::Clients, level, index: index / CLIENT_FAN_OUT };
            let mut filling = node.take().unwrap_or_else(|| OpenNode::at(parent));
            filling.add(&digest);
            if !last && !(index + 1).is_multiple_of(CLIENT_FAN_OUT) {
                *node = Some(filling);
                break;
            }
            digest = filling.finish();
            index = parent.index;
        }
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same top, level by level.
    fn reference(shape: Shape, mut level: Vec<Digest>) -> Digest {
        for above in 1..=shape.height() {
            let nodes = level.chunks(shape.fan_out as usize).zip(0..);
            let node = |(children, index): (&[Digest], u32)| {
                let place = Place { part: Part::Clients, level: above, index };
                node_digest(place, children.iter().copied())
            };
            level = nodes.map(node).collect();
        }
        assert_eq!(level.len(), 1);
        level[0]
    }

    extern crate std;
    use std::vec::Vec;

    #[test]
    fn the_top_of_any_number_of_pages_is_that_of_its_levels() {
        for pages in (1..=40).chain([255, 256, 257, 4095, 4096, 4097, 65_536]) {
            let page = |at: u32| page_digest(Part::Clients, at, &at.to_le_bytes());
            let shape = Shape { pages, fan_out: CLIENT_FAN_OUT };
            let expected = reference(shape, (0..pages).map(page).collect());
            assert_eq!(clients_tree(pages, page), expected, "{pages} pages");
        }
    }

    #[test]
    fn shapes_have_the_levels_that_they_need() {
        for (pages, fan_out, height) in
            [(1, 2, 0), (2, 2, 1), (3, 2, 2), (64, 64, 1), (65, 64, 2), (u32::MAX, 2, 32)]
        {
            let shape = Shape { pages, fan_out };
            assert_eq!(shape.height(), height, "{shape:?}");
            assert_eq!(shape.width(height), 1, "{shape:?}");
        }
        assert_eq!(Shape { pages: 17, fan_out: 16 }.width(1), 2);
    }

    #[test]
    fn roots_of_another_length_or_of_no_page_are_none() {
        let roots = Roots { clients: Digest::of(b"c"), pages: 7, top: Digest::of(b"t") };
        let bytes = roots.to_bytes();
        assert_eq!(Roots::from_bytes(&bytes), Some(roots));
        assert_eq!(Roots::from_bytes(&bytes[1..]), None);
        assert_eq!(Roots::from_bytes(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(Roots::from_bytes(&Roots { pages: 0, ..roots }.to_bytes()), None);
    }

    #[test]
    fn what_stands_elsewhere_has_another_digest() {
        let bytes = [7; 64];
        let (sequence, mut seen) = (Sequence(8), Vec::new());
        for part in [Part::Clients, Part::State] {
            for level in 0..3 {
                for index in 0..3 {
                    let place = Place { part, level, index };
                    for bytes in [&bytes[..], &bytes[..32]] {
                        seen.push(piece_digest(sequence, place, bytes).unwrap());
                    }
                }
            }
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn pieces_that_cannot_be_have_no_digest() {
        let node = Place { part: Part::State, level: 1, index: 0 };
        let cases: [(Place, &[u8]); 5] = [
            (node, &[]),
            (node, &[0; 31]),
            (node, &[0; 33]),
            (node, &[0; 65 * 32]),
            (Place::ROOTS, &[0; Roots::BYTES]),
        ];
        for (place, bytes) in cases {
            assert_eq!(piece_digest(Sequence(8), place, bytes), None, "{place:?}");
        }
        assert!(piece_digest(Sequence(8), node, &[0; 64 * 32]).is_some());
        let deep = Place { level: LEVELS + 1, ..node };
        let (odd, high) = (Place { index: 1, ..Place::ROOTS }, Place { level: 1, ..Place::ROOTS });
        assert!([deep, odd, high].iter().all(|place| !place.is_possible()));
        assert!([node, Place::ROOTS].iter().all(|place| place.is_possible()));
    }
}
