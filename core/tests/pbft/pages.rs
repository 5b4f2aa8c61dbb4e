//! Captured checkpoints in pages, and what a host knows of one that it fetches.

use crate::bench::CLIENTS;
use quorate::Digest;
use quorate::pbft::merkle::{self, CLIENT_FAN_OUT};
use quorate::pbft::{Part, Place, Roots, Sequence, Shape, Sought};
use std::collections::BTreeMap;

/// Children of the nodes over the bench application's pages.
pub const FAN_OUT: u32 = 3;
/// Bytes of a page of its state.
const PAGE: usize = 4;
/// Pages that no operation changes.
const STILL: u32 = 12;
/// All its pages: the state in eight, then those that stand still. Three levels of nodes.
pub const PAGES: u32 = 8 + STILL;

/// Pages and the levels of their tree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tree {
    pages: Vec<Vec<u8>>,
    levels: Vec<Vec<Digest>>,
    fan_out: u32,
}

impl Tree {
    fn of(part: Part, fan_out: u32, pages: Vec<Vec<u8>>) -> Self {
        let leaf = |(index, page): (u32, &Vec<u8>)| merkle::page_digest(part, index, page);
        let mut levels = vec![(0..).zip(&pages).map(leaf).collect::<Vec<_>>()];
        let shape = Shape { pages: pages.len() as u32, fan_out };
        for level in 1..=shape.height() {
            let below = levels.last().unwrap().chunks(fan_out as usize);
            let node = |(index, children): (u32, &[Digest])| {
                merkle::node_digest(Place { part, level, index }, children.iter().copied())
            };
            let above = (0..).zip(below).map(node).collect();
            levels.push(above);
        }
        Self { pages, levels, fan_out }
    }

    fn top(&self) -> Digest {
        self.levels.last().unwrap()[0]
    }

    fn digest(&self, place: Place) -> Option<Digest> {
        self.levels.get(usize::from(place.level))?.get(place.index as usize).copied()
    }

    fn bytes(&self, place: Place) -> Option<Vec<u8>> {
        let Some(below) = place.level.checked_sub(1) else {
            return self.pages.get(place.index as usize).cloned();
        };
        self.digest(place)?;
        let mut below = self.levels[usize::from(below)].chunks(self.fan_out as usize);
        Some(below.nth(place.index as usize)?.iter().flat_map(|it| it.0).collect())
    }
}

/// A captured checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    clients: Tree,
    state: Tree,
}

impl Captured {
    /// Of the bench application: a table with a page for each client, and a state of 32 bytes.
    pub fn of(clients: &[u8], state: &Digest) -> Self {
        let still = (0..STILL).map(|at| at.to_le_bytes().to_vec());
        let pages = state.0.chunks(PAGE).map(<[u8]>::to_vec).chain(still).collect();
        Self {
            clients: Tree::of(Part::Clients, CLIENT_FAN_OUT, rows(clients)),
            state: Tree::of(Part::State, FAN_OUT, pages),
        }
    }

    pub fn roots(&self) -> Roots {
        let pages = self.state.pages.len() as u32;
        Roots { clients: self.clients.top(), pages, top: self.state.top() }
    }

    /// The bytes of a piece.
    pub fn bytes(&self, place: Place) -> Option<Vec<u8>> {
        match place.part {
            Part::Roots => Some(self.roots().to_bytes().to_vec()),
            Part::Clients => self.clients.bytes(place),
            Part::State => self.state.bytes(place),
        }
    }

    /// Whether it has this very piece.
    pub fn holds(&self, sought: &Sought) -> bool {
        let tree = match sought.place.part {
            Part::Roots => return false,
            Part::Clients => &self.clients,
            Part::State => &self.state,
        };
        tree.digest(sought.place) == Some(sought.digest)
    }
}

/// The pages of a client table: one for each row, which ends as it says.
fn rows(mut table: &[u8]) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    while let Some(length) = table.get(9..13) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let (row, rest) = table.split_at(13 + length);
        pages.push(row.to_vec());
        table = rest;
    }
    pages.resize(CLIENTS, Vec::new());
    pages
}

/// The digest of a state of the bench application.
pub fn state_digest(state: &Digest) -> Digest {
    Captured::of(&[], state).roots().state()
}

/// The digest of a checkpoint of it.
pub fn checkpoint_digest(sequence: u64, clients: &[u8], state: &Digest) -> Digest {
    Captured::of(clients, state).roots().digest(Sequence(sequence))
}

/// What a host knows of a checkpoint that it fetches.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    sequence: u64,
    /// What is to be looked at, the next one last.
    stack: Vec<Sought>,
    /// All pages that were met, with their digests.
    pages: BTreeMap<Place, Digest>,
}

/// Pages that were fetched, by digest: of use for any checkpoint that has them.
pub type Staged = BTreeMap<Digest, Vec<u8>>;

impl Draft {
    /// Keeps a piece.
    pub fn stage(&mut self, staged: &mut Staged, sequence: u64, place: Place, bytes: &[u8]) {
        match place {
            Place::ROOTS => {
                let roots = Roots::from_bytes(bytes).unwrap();
                let shape = Shape { pages: roots.pages, fan_out: FAN_OUT };
                let state = Sought { place: shape.top(Part::State), digest: roots.top };
                let table = Shape { pages: CLIENTS as u32, fan_out: CLIENT_FAN_OUT };
                let clients = Sought { place: table.top(Part::Clients), digest: roots.clients };
                *self = Self { sequence, stack: vec![state, clients], pages: BTreeMap::new() };
            }
            Place { part, level: 0, index } => {
                staged.insert(merkle::page_digest(part, index, bytes), bytes.to_vec());
            }
            node => self.open(node, bytes),
        }
    }

    fn open(&mut self, node: Place, bytes: &[u8]) {
        let fan_out = if node.part == Part::Clients { CLIENT_FAN_OUT } else { FAN_OUT };
        let children: Vec<_> = (0..).zip(merkle::children(bytes)).collect();
        for (at, digest) in children.into_iter().rev() {
            let place = node.child(fan_out, at).unwrap();
            self.stack.push(Sought { place, digest });
        }
    }

    /// Up to `room` pieces that are neither staged nor in a captured checkpoint.
    pub fn seek(&mut self, staged: &Staged, held: &[Captured], room: usize) -> Vec<Sought> {
        let mut lacking = Vec::new();
        while lacking.len() < room {
            let Some(sought) = self.stack.pop() else { break };
            let holder = held.iter().find(|captured| captured.holds(&sought));
            if sought.place.level == 0 {
                self.pages.insert(sought.place, sought.digest);
                if holder.is_none() && !staged.contains_key(&sought.digest) {
                    lacking.push(sought);
                }
            } else if let Some(holder) = holder {
                let bytes = holder.bytes(sought.place).unwrap();
                self.open(sought.place, &bytes);
            } else {
                lacking.push(sought);
            }
        }
        lacking
    }

    /// Client table and state, whole.
    pub fn finish(&self, staged: &Staged, held: &[Captured], sequence: u64) -> (Vec<u8>, Digest) {
        assert_eq!((self.sequence, self.stack.len()), (sequence, 0), "all was looked at");
        let bytes = |(place, digest): (&Place, &Digest)| {
            let sought = Sought { place: *place, digest: *digest };
            let holder = held.iter().find(|captured| captured.holds(&sought));
            let held = holder.and_then(|captured| captured.bytes(*place));
            held.or_else(|| staged.get(digest).cloned()).expect("nothing was lacking")
        };
        let clients = self.pages.iter().filter(|(place, _)| place.part == Part::Clients);
        let state = self.pages.iter().filter(|(place, _)| place.part == Part::State);
        assert_eq!(state.clone().count(), PAGES as usize);
        let state: Vec<u8> = state.take(8).flat_map(bytes).collect();
        (clients.flat_map(bytes).collect(), Digest(state.try_into().unwrap()))
    }
}
