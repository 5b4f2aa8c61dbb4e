//! What the traitors of one run know and hold together: their own keys, and what everybody said.

use crate::engine::Payload;
use crate::random::Random;
use crate::scheme::Key;
use core::time::Duration;
use quorate::auth::Scope;
use quorate::rounds::Instance;
use quorate::value::Value;
use quorate::{Digest, NodeId, NodeSet, Principal, Signature, Signer};

/// The most frames that the cabal remembers.
const SEEN: usize = 64;

/// The traitors of one run. They act together, hear all that is said, and know what each of them
/// tells to whom. They hold their own keys and nobody else's.
#[derive(Clone, Debug)]
pub struct Cabal<V> {
    /// Who they are.
    pub members: NodeSet,
    /// How many generals there are.
    pub nodes: usize,
    /// Their source of chance.
    pub random: Random,
    scope: Scope,
    keys: Vec<(NodeId, Key)>,
    /// The value that they like to tell each general, so that several lies fit together.
    faces: Vec<V>,
    /// Values that they tell now and then.
    pool: Vec<V>,
    seen: Vec<(NodeId, Payload)>,
    oldest: usize,
}

/// When a traitor speaks.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// The agreement.
    pub instance: Instance,
    /// The round that begins, counted from 1.
    pub round: u8,
    /// How many there are.
    pub rounds: u8,
    /// Who speaks.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// How long a round is.
    pub length: Duration,
}

impl<V: Value> Cabal<V> {
    /// The traitors of a run of so many generals.
    #[must_use]
    pub fn new(seed: u64, members: NodeSet, nodes: usize, scope: Scope, random: Random) -> Self {
        let key = |node| (node, Key::new(seed, Principal::Node(node)));
        Self {
            members,
            nodes,
            random,
            scope,
            keys: members.iter().map(key).collect(),
            faces: Vec::new(),
            pool: Vec::new(),
            seen: Vec::new(),
            oldest: 0,
        }
    }

    /// The scope of all statements of the cluster.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Agrees on what to tell: half of the generals one value, half another, and at times any of
    /// the pool.
    pub fn plot(&mut self, pool: &[V]) {
        self.pool = pool.to_vec();
        let two = [*self.random.pick(pool), *self.random.pick(pool)];
        self.faces = (0..self.nodes).map(|_| *self.random.pick(&two)).collect();
    }

    /// What is told to a general, by all members alike.
    ///
    /// # Panics
    /// Nothing was agreed on.
    #[must_use]
    pub fn face(&self, to: NodeId) -> V {
        self.faces[to.index() % self.faces.len()]
    }

    /// A lie: most often the one that fits the others.
    pub fn lie(&mut self, to: NodeId) -> V {
        if self.random.chance(650) { self.face(to) } else { *self.random.pick(&self.pool) }
    }

    /// A member's signature; nobody else's.
    #[must_use]
    pub fn sign(&self, signer: NodeId, statement: &Digest) -> Option<Signature> {
        let (_, key) = self.keys.iter().find(|(node, _)| *node == signer)?;
        Some(key.sign(statement))
    }

    /// Somebody says something: the cabal listens, if there is one.
    pub fn overhear(&mut self, from: NodeId, payload: &Payload) {
        if self.members.is_empty() {
            return;
        }
        if self.seen.len() < SEEN {
            self.seen.push((from, Payload::clone(payload)));
        } else {
            self.seen[self.oldest] = (from, Payload::clone(payload));
            self.oldest = (self.oldest + 1) % SEEN;
        }
    }

    /// One of the frames that were overheard.
    pub fn recall(&mut self) -> Option<Payload> {
        if self.seen.is_empty() {
            return None;
        }
        let (_, payload) = self.random.pick(&self.seen);
        Some(Payload::clone(payload))
    }

    /// The frames that were overheard and are remembered, and who said each, from the last one
    /// back.
    pub fn heard(&self) -> impl Iterator<Item = (NodeId, &Payload)> {
        let (newer, older) = self.seen.split_at(self.oldest);
        let all = newer.iter().rev().chain(older.iter().rev());
        all.map(|(from, payload)| (*from, payload))
    }

    /// Any general.
    pub fn anyone(&mut self) -> NodeId {
        NodeId(self.random.below(self.nodes as u64) as u8)
    }

    /// Another agreement than this one, near it as often as not.
    pub fn elsewhere(&mut self, instance: Instance) -> Instance {
        let number = match self.random.below(4) {
            0 => instance.number,
            1 => instance.number.wrapping_add(1),
            2 => instance.number.wrapping_sub(1),
            _ => self.random.bits(),
        };
        let commander = if self.random.chance(500) { self.anyone() } else { instance.commander };
        Instance { number, commander }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_for_its_members_and_for_nobody_else() {
        let scope = Scope { cluster: Digest::ZERO, epoch: 0, profile: "" };
        let members = NodeSet::from_iter([NodeId(1), NodeId(3)]);
        let cabal = Cabal::<u32>::new(7, members, 4, scope, Random::new(1));
        let signs = |node| cabal.sign(NodeId(node), &Digest::ZERO).is_some();
        assert_eq!([0, 1, 2, 3, 4].map(signs), [false, true, false, true, false]);
    }

    #[test]
    fn it_remembers_the_last_frames_only() {
        let scope = Scope { cluster: Digest::ZERO, epoch: 0, profile: "" };
        let members = NodeSet::from_iter([NodeId(0)]);
        let mut cabal = Cabal::<u32>::new(7, members, 4, scope, Random::new(1));
        assert_eq!(cabal.recall(), None);
        for byte in 0..200u8 {
            cabal.overhear(NodeId(byte % 4), &Payload::from([byte]));
        }
        let oldest = (0..1000).filter_map(|_| cabal.recall()).map(|frame| frame[0]).min();
        assert_eq!(oldest, Some(200 - SEEN as u8));
        let heard: Vec<u8> = cabal.heard().map(|(_, payload)| payload[0]).collect();
        assert_eq!(heard, (200 - SEEN as u8..200).rev().collect::<Vec<_>>());
        assert!(cabal.heard().all(|(from, payload)| from.0 == payload[0] % 4));
    }
}
