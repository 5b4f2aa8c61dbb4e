//! The majority, taken from the longest paths to the shortest.
//!
//! One level of the tree is resolved with the next, which is resolved already: a matrix of which
//! this one is the top row. Every column is an election of its own. They are held side by side,
//! row by row and without a branch, so that a compiler makes vector code of it where there
//! is any, and the memory is read in the order in which it lies.

use super::entry::Entry;
use super::tree::Tree;
use crate::value::Value;

/// How many elections are held side by side.
const BLOCK: usize = 64;

/// Replaces what was heard along each path by what really came along it, as far as it can be
/// told. The first slot then has what is decided.
pub(super) fn resolve<V: Value>(tree: &Tree, entries: &mut [Entry<V>]) {
    let told = entries.first().copied();
    for round in (1..tree.rounds()).rev() {
        let (start, next) = (tree.start(round), tree.start(round + 1));
        let Some((above, below)) = entries.split_at_mut_checked(next) else { return };
        let Some(own) = above.get_mut(start..) else { return };
        let Some(below) = below.get(..tree.level(round + 1)) else { return };
        resolve_level(own, below);
    }
    let Some((root @ Entry::Conflict, rest)) = entries.split_first_mut() else { return };
    let relayed = rest.iter().take(tree.level(2)).copied();
    let mut values = relayed.chain(told).filter_map(|entry| entry.value());
    // One value and silence is no conflict of values: too few have heard of it.
    let first = values.next();
    if values.all(|value| Some(value) == first) {
        *root = told.filter(|told| told.value().is_none()).unwrap_or(Entry::Nothing);
    }
}

/// Resolves one level, given the next one resolved.
fn resolve_level<V: Value>(own: &mut [Entry<V>], below: &[Entry<V>]) {
    let columns = own.len();
    // All who say something about a path: those below, and what was heard along it directly.
    let all = below.len() / columns + 1;
    for (block, at) in own.chunks_mut(BLOCK).zip((0..).step_by(BLOCK)) {
        let rows = below.chunks_exact(columns).filter_map(|row| row.get(at..at + block.len()));
        // Most often what was heard directly prevails everywhere, and stays where it is.
        let mut votes = [1u8; BLOCK];
        count(&mut votes, block, rows.clone());
        let prevails = |votes: &u8| usize::from(*votes) * 2 > all;
        if votes.iter().take(block.len()).all(prevails) {
            continue;
        }
        let mut candidates = [Entry::EMPTY; BLOCK];
        let candidates = candidates.get_mut(..block.len()).unwrap_or_default();
        candidates.copy_from_slice(block);
        nominate(candidates, rows.clone());
        for ((votes, candidate), own) in votes.iter_mut().zip(&*candidates).zip(&*block) {
            *votes = u8::from(candidate.agrees(own));
        }
        count(&mut votes, candidates, rows);
        for ((own, votes), candidate) in block.iter_mut().zip(&votes).zip(&*candidates) {
            *own = own.settled(candidate, prevails(votes));
        }
    }
}

/// Adds up how many of the rows agree with each candidate.
fn count<'e, V: Value + 'e>(
    votes: &mut [u8; BLOCK],
    candidates: &[Entry<V>],
    rows: impl Iterator<Item = &'e [Entry<V>]>,
) {
    for row in rows {
        for ((votes, candidate), said) in votes.iter_mut().zip(candidates).zip(row) {
            *votes += u8::from(candidate.agrees(said));
        }
    }
}

/// Replaces each candidate by the only one that can have a majority: the one who is left when
/// every vote cancels a vote for somebody else (Boyer and Moore).
fn nominate<'e, V: Value + 'e>(
    candidates: &mut [Entry<V>],
    rows: impl Iterator<Item = &'e [Entry<V>]>,
) {
    let mut leads = [1u8; BLOCK];
    for row in rows {
        for ((lead, candidate), said) in leads.iter_mut().zip(&mut *candidates).zip(row) {
            let (open, agrees) = (*lead == 0, candidate.agrees(said));
            *candidate = if open { *said } else { *candidate };
            *lead = if open | agrees { *lead + 1 } else { *lead - 1 };
        }
    }
}
