//! The digests of a checkpoint's pages under their trees, and what is known of a checkpoint that
//! is being fetched.

use quorate::Digest;
use quorate::pbft::merkle::{self, CLIENT_FAN_OUT};
use quorate::pbft::{Part, Place, Roots, Shape, Sought};
use std::collections::BTreeMap;

/// Children of the nodes over the application's pages: the same at all replicas of all clusters.
const FAN_OUT: u32 = 16;

fn fan_out(part: Part) -> u32 {
    if part == Part::Clients { CLIENT_FAN_OUT } else { FAN_OUT }
}

/// The digests of a checkpoint's pages, and of the nodes over them.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    clients: Tree,
    state: Tree,
}

#[derive(Clone, Debug)]
struct Tree {
    fan_out: usize,
    /// Pages first, the top last.
    levels: Vec<Vec<Digest>>,
}

impl Image {
    /// Of the digests of its pages.
    pub(crate) fn of(clients: Vec<Digest>, state: Vec<Digest>) -> Self {
        let (clients, state) = (Tree::of(Part::Clients, clients), Tree::of(Part::State, state));
        Self { clients, state }
    }

    pub(crate) fn roots(&self) -> Roots {
        let pages = self.state.levels[0].len() as u32;
        Roots { clients: self.clients.top(), pages, top: self.state.top() }
    }

    /// Whether it has this very piece.
    pub(crate) fn has(&self, sought: &Sought) -> bool {
        self.digest(sought.place) == Some(sought.digest)
    }

    pub(crate) fn digest(&self, place: Place) -> Option<Digest> {
        let level = self.tree(place.part).levels.get(usize::from(place.level))?;
        level.get(place.index as usize).copied()
    }

    /// The bytes of a node, or of the roots; `None` if there is none, or if it is a page.
    pub(crate) fn node(&self, place: Place) -> Option<Vec<u8>> {
        if place == Place::ROOTS {
            return Some(self.roots().to_bytes().to_vec());
        }
        let (tree, below) = (self.tree(place.part), place.level.checked_sub(1)?);
        self.digest(place)?;
        let mut groups = tree.levels[usize::from(below)].chunks(tree.fan_out);
        Some(groups.nth(place.index as usize)?.iter().flat_map(|child| child.0).collect())
    }

    const fn tree(&self, part: Part) -> &Tree {
        match part {
            Part::Clients => &self.clients,
            Part::Roots | Part::State => &self.state,
        }
    }
}

impl Tree {
    fn of(part: Part, pages: Vec<Digest>) -> Self {
        let shape = Shape { pages: pages.len() as u32, fan_out: fan_out(part) };
        let fan_out = shape.fan_out as usize;
        let mut levels = vec![pages];
        for level in 1..=shape.height() {
            let below = levels[usize::from(level) - 1].chunks(fan_out);
            let node = |(index, children): (u32, &[Digest])| {
                merkle::node_digest(Place { part, level, index }, children.iter().copied())
            };
            let above = (0..).zip(below).map(node).collect();
            levels.push(above);
        }
        Self { fan_out, levels }
    }

    fn top(&self) -> Digest {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }
}

/// What is known of a checkpoint that is being fetched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// What is to be looked at, the next one last.
    stack: Vec<Sought>,
    /// All pages that were met, with their digests.
    pub(crate) pages: BTreeMap<Place, Digest>,
}

impl Draft {
    /// The roots have come: what was sought for another checkpoint is given up.
    pub(crate) fn begin(roots: &Roots, client_pages: u32) -> Self {
        let top = |part, pages, digest| {
            let shape = Shape { pages, fan_out: fan_out(part) };
            Sought { place: shape.top(part), digest }
        };
        let state = top(Part::State, roots.pages, roots.top);
        let clients = top(Part::Clients, client_pages, roots.clients);
        Self { stack: vec![state, clients], pages: BTreeMap::new() }
    }

    /// A node has come: what is below it is sought.
    pub(crate) fn open(&mut self, node: Place, bytes: &[u8]) {
        let children: Vec<_> = (0..).zip(merkle::children(bytes)).collect();
        for (at, digest) in children.into_iter().rev() {
            let place = node.child(fan_out(node.part), at);
            self.stack.extend(place.map(|place| Sought { place, digest }));
        }
    }

    /// Up to `room` pieces that are neither in these images nor, if it is a page, `staged`.
    pub(crate) fn seek(
        &mut self,
        images: &[&Image],
        mut staged: impl FnMut(&Sought) -> bool,
        room: usize,
    ) -> Vec<Sought> {
        let mut lacking = Vec::new();
        while lacking.len() < room {
            let Some(sought) = self.stack.pop() else { break };
            let holder = images.iter().find(|image| image.has(&sought));
            if sought.place.level == 0 {
                self.pages.insert(sought.place, sought.digest);
                if holder.is_none() && !staged(&sought) {
                    lacking.push(sought);
                }
            } else if let Some(bytes) = holder.and_then(|image| image.node(sought.place)) {
                self.open(sought.place, &bytes);
            } else {
                lacking.push(sought);
            }
        }
        lacking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(pages: u32, salt: u32) -> Image {
        let page = |part, at: u32| merkle::page_digest(part, at, &salt.to_le_bytes());
        let clients = (0..3).map(|at| page(Part::Clients, at)).collect();
        Image::of(clients, (0..pages).map(|at| page(Part::State, at)).collect())
    }

    #[test]
    fn a_draft_asks_for_each_piece_that_no_image_has_and_no_other() {
        for pages in [1, 2, 15, 16, 17, 255, 256, 257, 300] {
            let (right, mut asked) = (image(pages, 0), Vec::new());
            let mut draft = Draft::begin(&right.roots(), 3);
            loop {
                let sought = draft.seek(&[], |_| false, 5);
                if sought.is_empty() {
                    break;
                }
                for it in sought.iter().filter(|it| it.place.level > 0) {
                    draft.open(it.place, &right.node(it.place).expect("it is there"));
                }
                asked.extend(sought);
            }
            assert!(asked.iter().all(|it| right.has(it)));
            let found = asked.iter().filter(|it| it.place.level == 0).count();
            assert_eq!((found, draft.pages.len()), (pages as usize + 3, pages as usize + 3));
            let mut again = Draft::begin(&right.roots(), 3);
            assert_eq!(again.seek(&[&right], |_| false, 5), [], "all is held");
            assert_eq!(again.pages, draft.pages);
        }
    }
}
