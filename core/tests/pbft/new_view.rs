//! Which NEW-VIEW a replica accepts (Castro-Liskov 2002, section 3.2.4).
//!
//! Four replicas. Mostly replica 2 is the only real one, and replica 1, the primary of view 1,
//! is a traitor.

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{Digest, Fault};

type Numbered = Vec<(u64, Digest)>;

fn a() -> Digest {
    digest(b"A")
}

fn b() -> Digest {
    digest(b"B")
}

/// VIEW-CHANGEs for view 5 of all but replica 2. A was prepared at 1 in view 3, B before it in
/// view 0; nothing at 2; B at 3.
fn members() -> Vec<ViewChange<'static>> {
    let both = entry(1, &[(0, b()), (3, a())], Some((1, 3)));
    let old = entry(1, &[(0, b()), (3, a())], Some((0, 0)));
    let third = prepared(3, 1, b());
    vec![change(0, 5, &[both, third]), change(1, 5, &[old, third]), change(3, 5, &[both, third])]
}

fn right() -> Numbered {
    vec![(1, a()), (2, Batch::null_digest()), (3, b())]
}

/// Replica 2, which wants view 5 and has these VIEW-CHANGEs.
fn waiting(changes: &[ViewChange<'static>]) -> Bench<4> {
    let mut bench = Bench::<4>::new();
    for change in changes {
        bench.show(2, *change);
    }
    bench
}

#[test]
fn p11_new_view_whose_choices_do_not_follow_is_rejected_and_the_next_view_wanted_on_the_timer() {
    let null = Batch::null_digest();
    let wrong: [(&str, Numbered); 12] = [
        ("drops a prepared digest at the end", right()[..2].to_vec()),
        ("drops a prepared digest at the start", right()[1..].to_vec()),
        ("drops everything", vec![]),
        ("drops a gap", vec![right()[0], right()[2]]),
        ("picks the digest of the lower view", vec![(1, b()), (2, null), (3, b())]),
        ("NULL for a prepared sequence", vec![(1, null), (2, null), (3, b())]),
        ("a digest that nobody reported", vec![(1, digest(b"new")), (2, null), (3, b())]),
        ("a batch for a gap", vec![(1, a()), (2, a()), (3, b())]),
        ("one more batch", [&right()[..], &[(4, a())]].concat()),
        ("one more NULL", [&right()[..], &[(4, null)]].concat()),
        ("shifted by one", vec![(2, a()), (3, null), (4, b())]),
        ("swapped", vec![(1, b()), (2, null), (3, a())]),
    ];
    for (what, chosen) in wrong {
        let mut bench = waiting(&members());
        bench.install(2, new_view(4, 5, &names(&members()), &chosen));
        assert_eq!(bench.view(2), (5, false), "{what}");
        assert_eq!(bench.hosts[2].accusations, [(1, Fault::BadNewView)], "{what}");
        bench.now += 1_000_000;
        bench.wake(2);
        assert_eq!(bench.view(2), (6, false), "{what}: it wants the next view");
    }
    let mut bench = waiting(&members());
    bench.install(2, new_view(4, 5, &names(&members()), &right()));
    assert_eq!(bench.view(2), (5, true), "and the right one is accepted");
    assert!(bench.hosts[2].accusations.is_empty());
}

#[test]
fn p11_traitor_that_begins_its_view_wrongly_is_passed_over_by_all_backups() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    bench.run_where(|_, _, message| !matches!(message, Message::Commit(_)));
    for id in [0, 2, 3] {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.pass_where(1_100, &[0, 2, 3], |_, _, _| false);
    let mine = change(1, 1, &[]);
    for id in [0, 2, 3] {
        assert_eq!(bench.view(id), (1, false), "replica {id}");
        let others: Vec<_> =
            [0, 2, 3].into_iter().filter(|o| *o != id).map(|o| bench.own_change(o)).collect();
        for change in others.into_iter().chain([mine]) {
            bench.show(id, change);
        }
    }
    let v = names(&[bench.own_change(0), mine, bench.own_change(2), bench.own_change(3)]);
    for id in [0, 2, 3] {
        bench.install(id, new_view(4, 1, &v, &[]));
        assert_eq!(bench.view(id), (1, false), "replica {id}");
        assert_eq!(bench.hosts[id].accusations, [(1, Fault::BadNewView)], "replica {id}");
    }
    bench.mail.clear();
    bench.pass_where(4_000, &[0, 2, 3], |from, to, _| from != 1 && to != 1);
    for id in [0, 2, 3] {
        assert_eq!(bench.view(id), (2, true), "replica {id}");
        assert_eq!(bench.operations(id), [&b"A"[..], b"pending"], "replica {id}");
    }
}

#[test]
fn p12_v_is_strong_distinct_members_of_the_cluster_in_order() {
    let good = names(&members());
    let twice = vec![good[0], good[0], good[1]];
    let unsorted = vec![good[1], good[0], good[2]];
    let outside = vec![good[0], good[1], (4, a())];
    let far = vec![good[0], good[1], (256, good[2].1)];
    let bad: [(&str, Numbered); 6] = [
        ("one less than strong", good[..2].to_vec()),
        ("one of them twice", twice),
        ("falling", unsorted),
        ("a member that is none", outside),
        ("a member that is none after truncation", far),
        ("nobody", vec![]),
    ];
    for (what, v) in bad {
        let mut bench = waiting(&members());
        bench.install(2, new_view(4, 5, &v, &right()));
        assert_eq!(bench.view(2), (5, false), "{what}");
        assert_eq!(bench.hosts[2].accusations, [(1, Fault::BadNewView)], "{what}");
    }
    let mut chosen = right();
    chosen.swap(0, 1);
    let mut bench = waiting(&members());
    bench.install(2, new_view(4, 5, &good, &chosen));
    assert_eq!((bench.view(2), bench.hosts[2].accusations.len()), ((5, false), 1), "X unsorted");
    let many: Numbered = (1..=WINDOW as u64 + 1).map(|at| (at, a())).collect();
    let mut bench = waiting(&members());
    bench.install(2, new_view(4, 5, &good, &many));
    assert_eq!((bench.view(2), bench.hosts[2].accusations.len()), ((5, false), 1), "X too long");
}

#[test]
fn p12_view_change_for_another_view_in_v_is_a_bad_new_view() {
    let members = members();
    let of_another = change(3, 6, &[]);
    let mut bench = waiting(&members[..2]);
    let v = names(&[members[0], members[1], of_another]);
    bench.install(2, new_view(4, 5, &v, &right()));
    assert_eq!(bench.view(2), (5, false));
    assert!(bench.hosts[2].accusations.is_empty(), "it waits for what it does not know");
    bench.tell(2, 1, Message::ViewChange(of_another));
    assert_eq!(bench.view(2), (5, false));
    assert_eq!(bench.hosts[2].accusations, [(1, Fault::BadNewView)]);
}

#[test]
fn p12_named_view_change_that_its_author_did_not_sign_is_never_taken() {
    let members = members();
    let mut forged = change(3, 5, &[prepared(1, 4, b())]);
    forged.signature = change(3, 4, &[]).signature;
    let mut bench = waiting(&members[..2]);
    let v = names(&[members[0], members[1], forged]);
    bench.install(2, new_view(4, 5, &v, &right()));
    for by in [1, 0, 1] {
        assert!(!bench.tell(2, by, Message::ViewChange(forged)));
    }
    assert_eq!(bench.view(2), (5, false));
    let forged_by = |by| (by, Fault::Forged);
    assert_eq!(bench.hosts[2].accusations, [forged_by(1), forged_by(0), forged_by(1)]);
}

#[test]
fn p13_new_view_of_another_than_the_primary_or_with_a_false_signature_is_kept_out() {
    let mut bench = waiting(&members());
    let mut stolen = new_view(4, 5, &names(&members()), &right());
    stolen.author = node(3);
    assert!(!bench.tell(2, 3, Message::NewView(signed_new_view(stolen))));
    let mut forged = new_view(4, 5, &names(&members()), &right());
    forged.signature = signed_new_view(stolen).signature;
    assert!(!bench.tell(2, 0, Message::NewView(forged)));
    assert_eq!(bench.hosts[2].accusations, [(3, Fault::NotPrimary), (0, Fault::Forged)]);
    assert_eq!(bench.view(2), (5, false));
    let passed_on = new_view(4, 5, &names(&members()), &right());
    assert!(bench.tell(2, 0, Message::NewView(passed_on)), "anybody may pass on a true one");
    assert_eq!(bench.view(2), (5, true));
}

#[test]
fn p13_new_view_of_a_view_that_is_past_or_entered_changes_nothing() {
    let mut bench = waiting(&members());
    let first = new_view(4, 5, &names(&members()), &right());
    bench.install(2, first);
    let other: Vec<_> = [0, 1, 3].map(|author| change(author, 5, &[])).into();
    let second = new_view(4, 5, &names(&other), &[]);
    let zero = new_view(4, 0, &names(&members()), &[]);
    let lower: Vec<_> = [0, 1, 3].map(|author| change(author, 4, &[])).into();
    let past = new_view(4, 4, &names(&lower), &[]);
    assert!(bench.install(2, second), "it is looked at once, as evidence against its author");
    assert_eq!((bench.view(2), bench.hosts[2].proofs.len()), ((5, true), 1));
    bench.wake(2);
    for old in [first, second, past] {
        let before = bench.portrait(2);
        assert!(!bench.install(2, old), "the wall says that it is known");
        assert_eq!(bench.portrait(2), before);
        bench.force(2, old.author.index(), Message::NewView(old));
        assert_eq!(bench.view(2), (5, true));
    }
    assert!(!bench.install(2, zero), "view 0 has no NEW-VIEW");
    let status = Status { view: View(5), active: true, ..Status::default() };
    for (old, changes) in [(second, &other), (past, &lower)] {
        bench.tell(2, 0, Message::Status(status));
        bench.tell(2, 3, Message::Status(status));
        bench.force(2, old.author.index(), Message::NewView(old));
        for change in changes {
            bench.force(2, 1, Message::ViewChange(*change));
        }
        assert_eq!(bench.view(2), (5, true), "also with all that it names");
    }
    let before = bench.sent.len();
    bench.tell(2, 3, Message::Status(Status { wanting: true, ..Status::default() }));
    let served = bench.sent[before..].iter().map(message).next();
    assert_eq!(served, Some(Message::NewView(first)), "the view's own NEW-VIEW is still there");
}

#[test]
fn named_view_changes_that_are_not_at_hand_are_fetched_and_taken_from_anybody() {
    let members = members();
    let mut bench = waiting(&members[..2]);
    let before = bench.sent.len();
    bench.install(2, new_view(4, 5, &names(&members), &right()));
    assert_eq!(bench.view(2), (5, false));
    let (author, digest) = (node(3), members[2].digest(&scope()));
    let asked: Vec<_> = bench.sent[before..].iter().map(message).collect();
    assert_eq!(asked, [Message::FetchViewChange { author, digest }], "asked from who sent it");
    let before = bench.sent.len();
    bench.now += 200_000;
    for _ in 0..4 {
        bench.wake(2);
        bench.now += 50_000;
    }
    let again = Message::FetchViewChange { author, digest };
    assert!(bench.sent[before..].iter().any(|letter| message(letter) == again), "asked again");
    bench.tell(2, 0, Message::ViewChange(members[2]));
    assert_eq!(bench.view(2), (5, true));
}

#[test]
fn view_change_that_differs_from_the_one_shown_to_the_primary_is_fetched_and_all_enter() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    bench.run();
    for id in 1..3 {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.pass_where(1_010, &[0, 1, 2], |_, _, _| false);
    let to_primary = change(3, 1, &[prepared(2, 0, b())]);
    let to_others = change(3, 1, &[]);
    for id in 0..3 {
        bench.show(id, if id == 1 { to_primary } else { to_others });
    }
    let first = bench.own_change(2);
    bench.show(1, first);
    bench.mail.retain(|letter| !matches!(message(letter), Message::ViewChange(_)));
    bench.pass_where(3_000, &[0, 1, 2], |from, to, _| from != 3 && to != 3);
    let named = bench.own_new_views(1)[0].view_changes.get(Sequence(3));
    assert_eq!(named, Some(to_primary.digest(&scope())), "the primary names what it was shown");
    for id in 0..3 {
        assert_eq!(bench.view(id), (1, true), "replica {id}");
        assert_eq!(bench.operations(id), [&b"A"[..], b"pending"], "replica {id}");
    }
    assert!(bench.hosts[0].accusations.contains(&(3, Fault::Equivocation)));
}

#[test]
fn made_up_new_view_moves_nobody_who_is_in_a_view_and_hears_of_no_later_one() {
    let mut bench = Bench::<4>::new();
    let far: Numbered = (0..3).map(|id| (id, a())).collect();
    let before = bench.portrait(2);
    for view in [1, 7, 1 << 40, u64::MAX - 2] {
        bench.install(2, new_view(4, view, &far, &[]));
    }
    let status = Status { view: View(1 << 40), active: true, ..Status::default() };
    assert_eq!(bench.view(2), (0, true));
    assert_eq!(bench.portrait(2).replace("behind: true", "behind: false"), before);
    bench.tell(2, 3, Message::Status(status));
    bench.install(2, new_view(4, 1 << 40, &far, &[]));
    let fetches = bench.count_sent(|m| matches!(m, Message::FetchViewChange { .. }));
    assert_eq!(fetches, 0, "what one liar says of itself makes no view believable");
}

/// Replica 2 left view 0 for view 1 and missed how views 1 to 5 went; 0, 1 and 3 are in view 5.
/// At each status interval `attack` comes first, then the true NEW-VIEW; says when it enters.
fn intervals_until_entered(attack: impl Fn(&mut Bench<4>, u64)) -> Option<u64> {
    let mut bench = Bench::<4>::new();
    for from in [0, 1] {
        bench.show(2, change(from, 1, &[]));
    }
    let members: Vec<_> = [0, 1, 3].map(|author| change(author, 5, &[])).into();
    let truth = new_view(4, 5, &names(&members), &[]);
    for interval in 0..60 {
        bench.now += 50_000;
        bench.wake(2);
        for peer in [0, 1] {
            let status = Status { view: View(5), active: true, ..Status::default() };
            bench.tell(2, peer, Message::Status(status));
        }
        attack(&mut bench, interval);
        bench.tell(2, 0, Message::NewView(truth));
        // A peer serves what was asked for, at the end of the interval.
        attack(&mut bench, 1_000 + interval);
        for member in &members {
            let digest = member.digest(&scope());
            let asked = Message::FetchViewChange { author: member.author, digest };
            if bench.sent.iter().any(|letter| message(letter) == asked) {
                bench.tell(2, 0, Message::ViewChange(*member));
            }
        }
        if bench.view(2) == (5, true) {
            return Some(interval);
        }
    }
    None
}

#[test]
fn made_up_new_view_of_a_far_view_does_not_lock_out_the_true_one() {
    assert_eq!(intervals_until_entered(|_, _| ()), Some(0));
    let once = intervals_until_entered(|bench, interval| {
        if interval == 0 {
            let unknown: Numbered = (0..3).map(|id| (id, a())).collect();
            bench.install(2, new_view(4, 3, &unknown, &[]));
        }
    });
    assert!(once.is_some_and(|interval| interval <= 4), "{once:?}");
}

#[test]
fn made_up_new_views_without_end_do_not_lock_out_the_true_one() {
    // Replica 3 is the primary of views 3, 7, 11...; each of its NEW-VIEWs is another one.
    for far in [false, true] {
        let flooded = intervals_until_entered(|bench, interval| {
            let view = if far { 7 + 4 * interval } else { 3 };
            let liar = Status { view: View(view), active: true, ..Status::default() };
            bench.tell(2, 3, Message::Status(liar));
            let unknown: Numbered =
                (0..3).map(|id| (id, digest(&interval.to_le_bytes()))).collect();
            bench.install(2, new_view(4, view, &unknown, &[]));
        });
        assert!(flooded.is_some_and(|it| it <= 6), "far: {far}: {flooded:?}");
    }
}
