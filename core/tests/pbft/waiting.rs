//! A NEW-VIEW that waits for the VIEW-CHANGEs that it names, and others that come meanwhile
//! (PROTOCOLS, PBFT, point 6).

use crate::bench::*;
use crate::forgery::*;
use quorate::Fault;
use quorate::pbft::*;

/// Weak replicas say that they are in a view, and its primary tells replica 3 of a NEW-VIEW of
/// which it has no VIEW-CHANGE yet.
fn tell_of(bench: &mut Bench<4>, view: u64) {
    let there = Status { view: View(view), active: true, ..Status::default() };
    for from in 0..2 {
        bench.tell(3, from, Message::Status(there));
    }
    bench.install(3, named_by(view, &[0, 1, 2]));
}

/// A NEW-VIEW that names the VIEW-CHANGEs of these.
fn named_by(view: u64, authors: &[usize]) -> NewView<'static> {
    let changes: Vec<_> = authors.iter().map(|author| change(*author, view, &[])).collect();
    new_view(4, view, &names(&changes), &[])
}

#[test]
fn new_view_of_a_later_view_waits_its_turn_behind_one_that_waits() {
    let mut bench = Bench::<4>::new();
    tell_of(&mut bench, 2);
    assert_eq!(bench.view(3), (2, false));
    tell_of(&mut bench, 5);
    assert_eq!(bench.view(3), (2, false), "the one of view 2 may still be filled");
    // Two status intervals.
    bench.pass_where(110, &[3], |_, _, _| false);
    tell_of(&mut bench, 5);
    assert_eq!(bench.view(3), (5, false), "it had its turn");
}

#[test]
fn two_new_views_of_one_view_are_evidence_while_the_first_waits() {
    let mut bench = Bench::<4>::new();
    tell_of(&mut bench, 2);
    bench.install(3, named_by(2, &[0, 1, 2]));
    assert_eq!(bench.hosts[3].accusations, [], "the same once more");
    bench.install(3, named_by(2, &[0, 1, 3]));
    assert_eq!(bench.hosts[3].accusations, [(2, Fault::Equivocation)]);
}
