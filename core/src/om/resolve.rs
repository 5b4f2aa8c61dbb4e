//! The majority, taken from the longest paths to the shortest.

use super::entry::Entry;
use super::tree::Tree;
use crate::value::Value;

/// Replaces what was heard along each path by what really came along it, as far as it can be
/// told. The first slot then has what is decided.
pub(super) fn resolve<V: Value>(tree: &Tree, entries: &mut [Entry<V>]) {
    let heard = entries.first().copied();
    for round in (1..tree.rounds()).rev() {
        let (start, next) = (tree.start(round), tree.start(round + 1));
        let Some((above, below)) = entries.split_at_mut_checked(next) else { return };
        let Some(level) = above.get_mut(start..) else { return };
        let Some(below) = below.get(..tree.level(round + 1)) else { return };
        // Those who relay what came along a path stand side by side.
        let relays = below.len() / level.len();
        for (own, said) in level.iter_mut().zip(below.chunks_exact(relays)) {
            // Most often what was heard directly prevails, and stays where it is.
            if !prevails(own, own, said) {
                *own = elect(own, said);
            }
        }
    }
    let Some((root @ Entry::Conflict, rest)) = entries.split_first_mut() else { return };
    let relayed = rest.iter().take(tree.level(2)).copied();
    let mut values = relayed.chain(heard).filter_map(|entry| entry.value());
    // One value and silence are no conflict of values: too few have heard of it.
    let first = values.next();
    if values.all(|value| Some(value) == first) {
        *root = heard.filter(|heard| heard.value().is_none()).unwrap_or(Entry::Nothing);
    }
}

/// What more than half of all say, if it is not what was heard directly.
fn elect<V: Value>(own: &Entry<V>, said: &[Entry<V>]) -> Entry<V> {
    // Whoever has more than half of the votes has one in any half of them.
    let mut rejected = own;
    for candidate in said.iter().take(said.len() / 2 + 1) {
        if !candidate.agrees(rejected) {
            if prevails(candidate, own, said) {
                return if candidate.is_value() { *candidate } else { Entry::Nothing };
            }
            rejected = candidate;
        }
    }
    Entry::Conflict
}

/// Whether more than half of all say the same as the candidate: what was heard directly is one of
/// them, and who said nothing is one too.
fn prevails<V: Value>(candidate: &Entry<V>, own: &Entry<V>, said: &[Entry<V>]) -> bool {
    let more = |votes: usize| votes * 2 > said.len() + 1;
    let mut votes = usize::from(candidate.agrees(own));
    let Entry::Value(value) = *candidate else {
        return more(votes + said.iter().filter(|vote| !vote.is_value()).count());
    };
    // Counted in eights, and no further than needed: of an array whose length it knows, a compiler
    // makes code without branches, and vector code where there is any.
    let (eights, rest) = said.as_chunks::<8>();
    for eight in eights {
        votes += count(eight, value);
        if more(votes) {
            return true;
        }
    }
    votes += rest.iter().map(|vote| count(&[*vote], value)).sum::<usize>();
    more(votes)
}

fn count<V: Value, const K: usize>(votes: &[Entry<V>; K], value: V) -> usize {
    let is = |vote: &Entry<V>| matches!(vote, Entry::Value(other) if *other == value);
    votes.iter().map(|vote| u32::from(is(vote))).sum::<u32>() as usize
}
