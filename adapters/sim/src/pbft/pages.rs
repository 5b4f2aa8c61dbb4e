//! Captured states in pages, and what a replica's host knows of one that it fetches.

use crate::disk::Capture;
use quorate::Digest;
use quorate::pbft::merkle::{self, CLIENT_FAN_OUT};
use quorate::pbft::{Part, Place, Roots, Sequence, Shape, Sought};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Children of the nodes over the application's pages: the least, so that trees are high.
const FAN_OUT: u32 = 2;

/// Bytes of a page of the application's state.
const PAGE: usize = 8;

fn fan_out(part: Part) -> u32 {
    if part == Part::Clients { CLIENT_FAN_OUT } else { FAN_OUT }
}

/// A captured state under its trees.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    clients: Tree,
    state: Tree,
}

#[derive(Clone, Debug)]
struct Tree {
    part: Part,
    pages: Vec<Vec<u8>>,
    levels: Vec<Vec<Digest>>,
}

impl Image {
    pub(crate) fn of(capture: &Capture) -> Self {
        let state = capture.state.chunks(PAGE).map(<[u8]>::to_vec).collect();
        Self {
            clients: Tree::of(Part::Clients, capture.clients.clone()),
            state: Tree::of(Part::State, state),
        }
    }

    pub(crate) fn roots(&self) -> Roots {
        let pages = self.state.pages.len() as u32;
        Roots { clients: self.clients.top(), pages, top: self.state.top() }
    }

    /// The bytes of a piece, if there is such a one.
    pub(crate) fn bytes(&self, place: Place) -> Option<Vec<u8>> {
        match place.part {
            Part::Roots => Some(self.roots().to_bytes().to_vec()),
            part => self.tree(part).bytes(place),
        }
    }

    /// The bytes of a piece, if it has this very one.
    fn held(&self, sought: &Sought) -> Option<Vec<u8>> {
        let tree = self.tree(sought.place.part);
        tree.bytes(sought.place).filter(|_| tree.digest(sought.place) == Some(sought.digest))
    }

    const fn tree(&self, part: Part) -> &Tree {
        match part {
            Part::Clients => &self.clients,
            Part::Roots | Part::State => &self.state,
        }
    }
}

impl Tree {
    fn of(part: Part, pages: Vec<Vec<u8>>) -> Self {
        let leaf = |(index, page): (u32, &Vec<u8>)| merkle::page_digest(part, index, page);
        let mut levels = vec![(0..).zip(&pages).map(leaf).collect::<Vec<_>>()];
        let shape = Shape { pages: pages.len() as u32, fan_out: fan_out(part) };
        for level in 1..=shape.height() {
            let below = levels[usize::from(level) - 1].chunks(shape.fan_out as usize);
            let node = |(index, children): (u32, &[Digest])| {
                merkle::node_digest(Place { part, level, index }, children.iter().copied())
            };
            let above = (0..).zip(below).map(node).collect();
            levels.push(above);
        }
        Self { part, pages, levels }
    }

    fn top(&self) -> Digest {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    fn digest(&self, place: Place) -> Option<Digest> {
        self.levels.get(usize::from(place.level))?.get(place.index as usize).copied()
    }

    fn bytes(&self, place: Place) -> Option<Vec<u8>> {
        self.digest(place)?;
        let Some(below) = place.level.checked_sub(1) else {
            return self.pages.get(place.index as usize).cloned();
        };
        let mut groups = self.levels[usize::from(below)].chunks(fan_out(self.part) as usize);
        Some(groups.nth(place.index as usize)?.iter().flat_map(|child| child.0).collect())
    }
}

/// What is known of a checkpoint that is being fetched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// Which one.
    sequence: u64,
    /// What is to be looked at, the next one last.
    stack: Vec<Sought>,
    /// All pages that were met, with their digests.
    pages: BTreeMap<Place, Digest>,
}

/// Pages that are on the disk: staged ones by their digest, and captured states.
#[derive(Clone, Debug)]
pub(crate) struct Holdings {
    pub(crate) staged: BTreeMap<Digest, Rc<[u8]>>,
    pub(crate) images: Vec<Image>,
}

impl Holdings {
    fn bytes(&self, sought: &Sought) -> Option<Vec<u8>> {
        let Place { part, index, .. } = sought.place;
        // A disk may have spoiled it: then it is fetched once more.
        let whole = |page: &&Rc<[u8]>| merkle::page_digest(part, index, page) == sought.digest;
        let staged = self.staged.get(&sought.digest).filter(whole).map(|page| page.to_vec());
        staged.or_else(|| self.images.iter().find_map(|image| image.held(sought)))
    }
}

impl Draft {
    /// The roots have come: what was sought for another checkpoint is given up.
    pub(crate) fn begin(&mut self, sequence: u64, roots: &Roots, client_pages: u32) {
        let top = |part, pages, digest| {
            let shape = Shape { pages, fan_out: fan_out(part) };
            Sought { place: shape.top(part), digest }
        };
        let state = top(Part::State, roots.pages, roots.top);
        let clients = top(Part::Clients, client_pages, roots.clients);
        *self = Self { sequence, stack: vec![state, clients], pages: BTreeMap::new() };
    }

    /// A node has come: what is below it is sought.
    pub(crate) fn open(&mut self, node: Place, bytes: &[u8]) {
        let children: Vec<_> = (0..).zip(merkle::children(bytes)).collect();
        for (at, digest) in children.into_iter().rev() {
            let place = node.child(fan_out(node.part), at);
            self.stack.extend(place.map(|place| Sought { place, digest }));
        }
    }

    /// Up to `room` pieces of a checkpoint that the disk does not have; none, if that was given up
    /// for another one, of which nothing may be left out.
    pub(crate) fn seek(&mut self, sequence: u64, held: &Holdings, room: usize) -> Vec<Sought> {
        let mut lacking = Vec::new();
        if sequence != self.sequence {
            return lacking;
        }
        while lacking.len() < room {
            let Some(sought) = self.stack.pop() else { break };
            if sought.place.level == 0 {
                self.pages.insert(sought.place, sought.digest);
            }
            match held.bytes(&sought) {
                None => lacking.push(sought),
                Some(bytes) if sought.place.level > 0 => self.open(sought.place, &bytes),
                Some(_) => {}
            }
        }
        lacking
    }

    /// The whole checkpoint, if nothing of it is lacking, and if it is the one of this digest.
    pub(crate) fn finish(&self, held: &Holdings, sequence: u64, digest: Digest) -> Option<Capture> {
        let bytes = |(place, digest): (&Place, &Digest)| {
            held.bytes(&Sought { place: *place, digest: *digest })
        };
        let part = |part| self.pages.iter().filter(move |(place, _)| place.part == part);
        let clients = part(Part::Clients).map(bytes).collect::<Option<Vec<_>>>()?;
        let state = part(Part::State).map(bytes).collect::<Option<Vec<_>>>()?.concat();
        let capture = Capture { clients, state };
        let roots = Image::of(&capture).roots();
        (roots.digest(Sequence(sequence)) == digest).then_some(capture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_page_that_was_spoiled_is_sought_again_and_no_part_of_a_state() {
        let capture = Capture { clients: vec![vec![1; 4]], state: vec![7; 3 * PAGE] };
        let image = Image::of(&capture);
        let roots = image.roots();
        let mut held = Holdings { staged: BTreeMap::new(), images: Vec::new() };
        let mut draft = Draft::default();
        draft.begin(8, &roots, 1);
        loop {
            let lacking = draft.seek(8, &held, 8);
            if lacking.is_empty() {
                break;
            }
            for Sought { place, digest } in lacking {
                let bytes = image.bytes(place).unwrap();
                match place.level {
                    0 => drop(held.staged.insert(digest, bytes.into())),
                    _ => draft.open(place, &bytes),
                }
            }
        }
        assert_eq!(draft.seek(4, &held, 8), [], "of another checkpoint");
        let digest = roots.digest(Sequence(8));
        assert_eq!(draft.finish(&held, 8, digest), Some(capture));
        let (spoiled, page) = held.staged.iter_mut().next().unwrap();
        let (spoiled, mut bent) = (*spoiled, page.to_vec());
        bent[0] ^= 1;
        *page = bent.into();
        assert_eq!(draft.finish(&held, 8, digest), None);
        draft.begin(8, &roots, 1);
        let mut lacking = Vec::new();
        while let Some(sought) = draft.seek(8, &held, 1).pop() {
            match sought.place.level {
                0 => lacking.push(sought.digest),
                _ => draft.open(sought.place, &image.bytes(sought.place).unwrap()),
            }
        }
        assert!(!lacking.is_empty() && lacking.iter().all(|it| *it == spoiled), "{lacking:?}");
    }
}
