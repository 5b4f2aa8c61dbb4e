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
        let relays = below.len().checked_div(level.len()).unwrap_or_default();
        for (own, said) in level.iter_mut().zip(below.chunks_exact(relays.max(1))) {
            // Most often what was heard directly prevails, and stays where it is.
            let absent = said.iter().filter(|entry| !entry.is_value()).count();
            let absent = if canary!("absent_not_counted") { absent } else { 0 };
            let (votes, all) = (1 + count(own, said), 1 + said.len() - absent);
            let votes = votes - usize::from(canary!("own_value_not_counted"));
            if votes * 2 <= all {
                *own = elect(own, said, all - votes);
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

/// What more than half of all say, given that it is not what was heard directly: `left` of them
/// say something else.
fn elect<V: Value>(own: &Entry<V>, said: &[Entry<V>], mut left: usize) -> Entry<V> {
    let all = said.len() + 1;
    for (candidate, at) in said.iter().zip(0..) {
        // Too few votes are left that nobody has counted yet.
        if left * 2 <= all {
            break;
        }
        let known = said.iter().take(at).chain([own]).any(|known| known.agrees(candidate));
        let votes = if known { 0 } else { count(candidate, said) };
        if votes * 2 > all {
            return if candidate.is_value() { *candidate } else { Entry::Nothing };
        }
        left -= votes;
    }
    Entry::Conflict
}

/// How many say the same, counted no further than to more than half of all.
fn count<V: Value>(candidate: &Entry<V>, said: &[Entry<V>]) -> usize {
    let Entry::Value(value) = *candidate else {
        return said.iter().filter(|vote| !vote.is_value()).count();
    };
    // In eights: of an array whose length it knows, a compiler makes code without branches, and
    // vector code where there is any.
    let (eights, rest) = said.as_chunks::<8>();
    let mut votes = 0;
    for eight in eights {
        votes += equal(eight, value);
        if votes * 2 > said.len() + 1 {
            return votes;
        }
    }
    votes + rest.iter().map(|vote| equal(&[*vote], value)).sum::<usize>()
}

fn equal<V: Value, const K: usize>(votes: &[Entry<V>; K], value: V) -> usize {
    let is = |vote: &Entry<V>| matches!(vote, Entry::Value(other) if *other == value);
    votes.iter().map(|vote| u32::from(is(vote))).sum::<u32>() as usize
}
