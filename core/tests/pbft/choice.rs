//! What a new view begins with: the decision procedure of Castro-Liskov 2002, section 3.2.4.
//!
//! Four replicas; replica 1 is the primary of view 5, and unless a test says otherwise it has
//! nothing in its own history. Weak is 2, strong is 3.

use crate::bench::*;
use crate::forgery::*;
use quorate::Digest;
use quorate::pbft::*;

const VIEW: u64 = 5;

fn a() -> Digest {
    digest(b"A")
}

fn b() -> Digest {
    digest(b"B")
}

/// Pre-prepared, and not prepared, at sequence 1.
fn seen(view: u64, digest: Digest) -> History {
    entry(1, &[(view, digest)], None)
}

/// What the primary of view 5 chooses once it has each of these VIEW-CHANGEs: nothing as long as
/// it cannot decide.
fn choices(changes: &[ViewChange<'static>]) -> Vec<Option<Vec<(u64, Digest)>>> {
    let mut bench = Bench::<4>::new();
    changes.iter().map(|change| chosen_after(&mut bench, change)).collect()
}

fn chosen_after(bench: &mut Bench<4>, change: &ViewChange<'static>) -> Option<Vec<(u64, Digest)>> {
    bench.show(1, *change);
    let made = bench.own_new_views(1);
    made.first().map(|first| first.chosen.iter().map(|(at, digest)| (at.0, digest)).collect())
}

#[test]
fn p09_well_formed_lie_is_not_chosen_and_does_not_block_the_true_one() {
    let truth = change(0, VIEW, &[prepared(1, 0, a())]);
    let lie = change(3, VIEW, &[prepared(1, 4, b())]);
    let witness = change(2, VIEW, &[seen(0, a())]);
    let mut bench = Bench::<4>::new();
    for change in [truth, lie] {
        assert_eq!(chosen_after(&mut bench, &change), None, "strong members cannot decide");
    }
    assert_eq!(chosen_after(&mut bench, &witness), Some(vec![(1, a())]));
    assert_eq!(bench.own_new_views(1)[0].view_changes.len(), 4, "V grew to n");
}

#[test]
fn p09_malformed_view_change_is_not_counted_and_the_others_decide() {
    for view in [VIEW, VIEW + 1, 1 << 63, u64::MAX] {
        let lie = change(3, VIEW, &[prepared(1, view, b())]);
        let truth = [change(0, VIEW, &[prepared(1, 0, a())]), change(2, VIEW, &[seen(0, a())])];
        let outcome = choices(&[lie, truth[0], truth[1]]);
        assert_eq!(outcome, [None, None, Some(vec![(1, a())])], "P of view {view}");
    }
}

#[test]
fn a1_the_digest_prepared_in_the_highest_view_is_chosen_in_whatever_order_they_come() {
    let low = change(0, VIEW, &[prepared(1, 0, a())]);
    let high = change(2, VIEW, &[entry(1, &[(3, b()), (0, a())], Some((0, 3)))]);
    let other = change(3, VIEW, &[entry(1, &[(0, a()), (3, b())], Some((0, 0)))]);
    for changes in [[low, high, other], [other, high, low], [high, low, other]] {
        let outcome = choices(&changes);
        assert_eq!(outcome.last().unwrap(), &Some(vec![(1, b())]));
    }
}

#[test]
fn a1_needs_strong_members_that_prepared_nothing_later() {
    // Two prepared B later than the A that is claimed; one member is missing for A, two for B.
    let claims = [prepared(1, 1, a()), entry(1, &[(2, b())], Some((0, 2)))];
    let outcome = choices(&[change(0, VIEW, &claims[..1]), change(2, VIEW, &claims[1..])]);
    assert_eq!(outcome, [None, None]);
    let both = |which| entry(1, &[(1, a()), (1, b())], Some((which, 1)));
    let members = [change(0, VIEW, &[both(0)]), change(2, VIEW, &[both(1)]), change(3, VIEW, &[])];
    let decided = choices(&members);
    assert_eq!(decided[1], None, "two digests prepared in one view: neither has strong members");
    assert_eq!(decided[2], Some(vec![(1, a().max(b()))]), "then both have: the greater one");
}

/// One that adopted a settled batch by the word of others has it in P under a later view than
/// those who prepared it. Too few vouch for it in that view (A2); it must not block the earlier.
#[test]
fn a1_the_same_digest_in_a_later_view_contradicts_nobody() {
    let (prepared_it, adopted_it) = (prepared(1, 0, a()), prepared(1, 1, a()));
    let outcome = choices(&[change(0, VIEW, &[prepared_it]), change(2, VIEW, &[adopted_it])]);
    assert_eq!(outcome, [None, Some(vec![(1, a())])]);
}

#[test]
fn a2_needs_weak_members_that_pre_prepared_it_in_that_view_or_later() {
    let claim = change(0, VIEW, &[prepared(1, 2, a())]);
    let bystander = change(3, VIEW, &[]);
    let expected = [(1, None), (2, Some(vec![(1, a())])), (4, Some(vec![(1, a())]))];
    for (view, outcome) in expected {
        let witness = change(2, VIEW, &[seen(view, a())]);
        let chosen = choices(&[claim, witness, bystander]);
        assert_eq!(chosen[1], outcome, "seen in view {view}");
        // Strong members that prepared nothing make it a gap, at the end of the history.
        assert_eq!(chosen[2], Some(outcome.unwrap_or_default()), "seen in view {view}");
    }
    let of_another = change(2, VIEW, &[seen(4, b())]);
    assert_eq!(choices(&[claim, of_another])[1], None);
}

#[test]
fn null_needs_strong_members_that_prepared_nothing_there() {
    let above = prepared(2, 0, b());
    let unvouched = change(0, VIEW, &[prepared(1, 3, a()), above]);
    let (second, third) = (change(2, VIEW, &[above]), change(3, VIEW, &[]));
    let null = Batch::null_digest();
    let outcome = choices(&[unvouched, second, third]);
    assert_eq!(outcome, [None, None, Some(vec![(1, null), (2, b())])]);
}

#[test]
fn what_was_prepared_is_given_up_if_weak_members_pre_prepared_another_batch_later() {
    let claim = change(0, VIEW, &[prepared(1, 2, a())]);
    let outcome = |rival: History| {
        let mut bench = Bench::<4>::new();
        let own = bench.lot(0, 1, b"own");
        let (view, sequence, batch) = (View(3), Sequence(1), Batch::from_bytes(own.0));
        bench.remember(1, &[Record::PrePrepared { view, sequence, batch }]);
        assert_eq!(chosen_after(&mut bench, &claim), None);
        chosen_after(&mut bench, &change(2, VIEW, &[rival]))
    };
    assert_eq!(outcome(seen(3, b())), Some(vec![]), "replicas 1 and 2 are past it");
    assert_eq!(outcome(seen(4, b())), Some(vec![]), "in another view than each other, too");
    assert_eq!(outcome(seen(2, b())), None, "replica 1 alone is past it");
    assert_eq!(outcome(entry(2, &[(4, b())], None)), None, "at another sequence");
    assert_eq!(outcome(seen(3, a())), Some(vec![(1, a())]), "the same batch is no other");
}

#[test]
fn p14_gap_below_a_prepared_sequence_is_filled_with_null_and_nothing_is_chosen_above() {
    let entries = [prepared(5, 0, a())];
    let outcome = choices(&[change(0, VIEW, &entries), change(2, VIEW, &entries)]);
    let null = Batch::null_digest();
    assert_eq!(outcome[1], Some(vec![(1, null), (2, null), (3, null), (4, null), (5, a())]));
    let only_seen = change(0, VIEW, &[entry(5, &[(0, a())], None)]);
    assert_eq!(choices(&[only_seen, change(2, VIEW, &[])])[1], Some(vec![]));
}

#[test]
fn null_that_was_prepared_is_chosen_again_even_if_it_is_last() {
    let null = Batch::null_digest();
    let entries = [prepared(1, 2, null)];
    let outcome = choices(&[change(0, VIEW, &entries), change(2, VIEW, &entries)]);
    assert_eq!(outcome[1], Some(vec![(1, null)]));
}

#[test]
fn p21_checkpoint_that_f_replicas_claim_is_not_the_start() {
    let truth = [prepared(1, 0, a())];
    let far = 1_000_000;
    let lie = change_at(3, VIEW, &[(far, b())], &[prepared(far + 1, 4, b())]);
    let outcome = choices(&[change(0, VIEW, &truth), lie, change(2, VIEW, &truth)]);
    assert_eq!(outcome, [None, None, Some(vec![(1, a())])]);
}

#[test]
fn p21_start_is_the_highest_checkpoint_of_weak_members_that_strong_members_have_not_passed() {
    let zero = (0, Digest::ZERO);
    let (x, y) = ((4, digest(b"x")), (8, digest(b"y")));
    let wrong = (4, digest(b"z"));
    let up_to_9: Vec<_> = (5..=9).map(|at| prepared(at, 0, a())).collect();
    let up_to_8: Vec<_> = (1..=8).map(|at| prepared(at, 0, a())).collect();
    type Held = Vec<(u64, Digest)>;
    let cases: [(&str, [Held; 3], u64, u64); 5] = [
        ("each holds another digest", [vec![zero, x], vec![zero, wrong], vec![zero]], 1, 8),
        ("weak hold one, one lies", [vec![x], vec![zero, x], vec![zero, wrong]], 5, 8),
        ("a checkpoint of one", [vec![x, y], vec![zero, x], vec![zero]], 5, 8),
        ("weak hold a later one", [vec![x, y], vec![zero, x, y], vec![zero]], 9, 8),
        ("one is past the others", [vec![y], vec![zero, x], vec![x]], 5, 9),
    ];
    for (what, held, first, last) in cases {
        let change_of = |(author, held): (usize, &Held)| match held[0].0 {
            0 => change_at(author, VIEW, held, &up_to_8),
            4 => change_at(author, VIEW, held, &up_to_9),
            _ => change_at(author, VIEW, held, &up_to_9[4..]),
        };
        let changes: Vec<_> = [0, 2, 3].into_iter().zip(&held).map(change_of).collect();
        let mut bench = Bench::<4>::new();
        let mut chosen = None;
        for change in &changes {
            chosen = chosen_after(&mut bench, change);
        }
        let chosen = chosen.unwrap_or_else(|| panic!("{what}: undecided"));
        let numbers: Vec<u64> = chosen.iter().map(|(at, _)| *at).collect();
        assert_eq!(numbers, (first..=last).collect::<Vec<_>>(), "{what}");
        let fetched = bench.count_sent(|message| {
            matches!(message, Message::FetchState { place: Place::ROOTS, .. })
        });
        assert_eq!(fetched, usize::from(first > 1), "{what}: a start above its own is fetched");
    }
}

#[test]
fn member_whose_stable_checkpoint_is_at_or_above_a_sequence_says_nothing_about_it() {
    // Replica 3 is past sequence 1: it neither makes it a gap nor agrees with a claim there.
    let past = change_at(3, VIEW, &[(8, b())], &[]);
    let unvouched = change(0, VIEW, &[prepared(1, 3, a()), prepared(2, 3, b())]);
    let other = change(2, VIEW, &[entry(2, &[(3, b())], None)]);
    assert_eq!(choices(&[unvouched, other, past]), [None, None, None]);
    let later = change(0, VIEW, &[prepared(1, 3, a())]);
    let claim = change(2, VIEW, &[entry(1, &[(2, b()), (3, a())], Some((0, 2)))]);
    let mut bench = Bench::<4>::new();
    let own = bench.lot(0, 1, b"own");
    let batch = Batch::from_bytes(own.0);
    let (view, sequence) = (View(4), Sequence(1));
    let digest = own.1;
    bench.remember(
        1,
        &[
            Record::PrePrepared { view, sequence, batch },
            Record::Prepared { view, sequence, digest },
        ],
    );
    for change in [later, claim, past] {
        assert_eq!(chosen_after(&mut bench, &change), None);
    }
}

#[test]
fn member_is_not_counted_more_than_a_window_above_its_own() {
    // W is 8. The start is 24; the primary itself is at 0 and speaks of nothing above 16.
    let at = |author, stable| change_at(author, VIEW, &[(stable, b())], &[]);
    for (stable, decides) in [(0, false), (8, false), (16, true), (24, true)] {
        let fourth = at(3, stable);
        let outcome = choices(&[at(0, 24), at(2, 24), fourth]);
        let decided = decides.then(Vec::new);
        assert_eq!(outcome, [None, None, decided], "the fourth at {stable}");
    }
}

#[test]
fn each_replica_counts_once_and_only_for_the_view_it_wants() {
    let mut bench = Bench::<4>::new();
    let first = change(0, VIEW, &[]);
    bench.show(1, first);
    bench.force(1, 0, Message::ViewChange(first));
    bench.force(1, 3, Message::ViewChange(first));
    bench.show(1, change(2, VIEW + 4, &[]));
    assert!(bench.own_new_views(1).is_empty(), "two distinct ones and its own are not there");
    assert_eq!(bench.view(1), (VIEW, false), "it joined the lower of the two");
    bench.show(1, change(3, VIEW, &[]));
    assert_eq!(bench.own_new_views(1).len(), 1);
}

#[test]
fn general_strong_quorum_of_view_changes_begins_a_view_for_every_n() {
    fn members<const N: usize>() -> usize {
        let mut bench = Bench::<N>::new();
        for other in (0..N).filter(|other| *other != 1) {
            bench.show(1, change(other, 1, &[]));
        }
        let made = bench.own_new_views(1);
        assert_eq!(made.len(), 1);
        made[0].view_changes.len()
    }
    let counts = [members::<4>(), members::<5>(), members::<6>(), members::<7>(), members::<8>()];
    assert_eq!(counts, [3, 4, 4, 5, 6]);
}

#[test]
fn no_view_change_is_needed_twice_once_it_is_decided() {
    let mut bench = Bench::<4>::new();
    for other in [0, 2, 3] {
        bench.show(1, change(other, VIEW, &[]));
    }
    assert_eq!(bench.own_new_views(1).len(), 1, "the fourth does not make a second NEW-VIEW");
}
