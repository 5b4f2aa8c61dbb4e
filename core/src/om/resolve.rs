//! The majority, taken from the longest paths to the shortest.

use super::entry::Entry;
use super::tree::Tree;
use crate::value::Value;

/// How many paths are counted at once.
const BLOCK: usize = 64;

/// Replaces what was heard along each path by what really came along it, as far as it can be
/// told. The first slot then has what is decided.
pub(super) fn resolve<V: Value>(tree: &Tree, entries: &mut [Entry<V>]) {
    for round in (1..tree.rounds()).rev() {
        let (start, next) = (tree.start(round), tree.start(round + 1));
        let Some((above, below)) = entries.split_at_mut_checked(next) else { return };
        let Some(own) = above.get_mut(start..) else { return };
        let Some(below) = below.get(..tree.level(round + 1)) else { return };
        resolve_level(own, below);
    }
}

/// Resolves one level, given the next one resolved: a matrix of which `own` is the top.
fn resolve_level<V: Value>(own: &mut [Entry<V>], below: &[Entry<V>]) {
    let columns = own.len();
    // All who say something about a path: those below, and what was heard along it directly.
    let all = below.len() / columns + 1;
    for (block, at) in own.chunks_mut(BLOCK).zip((0..).step_by(BLOCK)) {
        // Most often what was heard directly prevails, and stays where it is.
        let mut votes = [1u8; BLOCK];
        for row in below.chunks_exact(columns) {
            let row = row.get(at..).unwrap_or_default();
            for ((votes, own), said) in votes.iter_mut().zip(&*block).zip(row) {
                *votes += u8::from(own.agrees(said));
            }
        }
        for ((own, votes), column) in block.iter_mut().zip(votes).zip(at..) {
            if usize::from(votes) * 2 <= all {
                let said = below.get(column..).unwrap_or_default().iter().step_by(columns);
                *own = prevailing(own, said, all);
            }
        }
    }
}

/// What more than half of `all` say, given that this is not what was heard directly.
fn prevailing<'e, V: Value + 'e>(
    own: &Entry<V>,
    said: impl Iterator<Item = &'e Entry<V>> + Clone,
    all: usize,
) -> Entry<V> {
    // Whoever has a majority survives when every vote cancels one for somebody else.
    let (mut candidate, mut lead) = (own, 1usize);
    for vote in said.clone() {
        if lead == 0 {
            candidate = vote;
        }
        if candidate.agrees(vote) {
            lead += 1;
        } else {
            lead -= 1;
        }
    }
    let votes = said.clone().filter(|vote| vote.agrees(candidate)).count();
    let votes = votes + usize::from(own.agrees(candidate));
    if votes * 2 > all && candidate.value().is_some() {
        return *candidate;
    }
    let mut values = said.clone().filter_map(Entry::value).chain(own.value());
    let first = values.next();
    if votes * 2 <= all && values.any(|value| Some(value) != first) {
        return Entry::Conflict;
    }
    // Too few have heard anything. If the own entry has a value, it heard what others did not.
    if own.value().is_some() { Entry::Nothing } else { *own }
}
