//! A replica that lost its log (PROTOCOLS, point 9): it says nothing that it could have
//! contradicted before, and then takes part again.

use crate::bench::*;
use quorate::pbft::*;
use quorate::{Input, Instant, NodeId, Output, Protocol, wire};

impl<const N: usize> Bench<N> {
    /// A replica loses log, checkpoints and state, and starts as one that knows it.
    pub fn forget(&mut self, id: usize, nonce: u64) {
        let host = &mut self.hosts[id];
        host.records.clear();
        host.captured.clear();
        host.history.clear();
        host.state = quorate::Digest::ZERO;
        *host.replica = Replica::amnesiac(Self::config(id), Memory::<N>::new(), nonce).unwrap();
    }

    /// A replica starts with an empty log and does not know whether it is new.
    fn doubt(&mut self, id: usize) {
        *self.hosts[id].replica =
            Replica::unsure(Self::config(id), Memory::<N>::new(), 100).unwrap();
    }

    pub fn recovers(&self, id: usize) -> bool {
        self.hosts[id].replica.is_recovering()
    }

    /// Orders requests of client 1 from timestamp `first` on, time passing between them.
    pub fn order(&mut self, first: u64, count: u64) {
        for t in first..first + count {
            for id in 0..N {
                self.ask(id, 1, t, b"x");
            }
            self.run();
            self.pass(60);
        }
    }

    /// What a replica has said that a replica that recovers must not say.
    fn votes_said(&self, id: usize, after: usize) -> usize {
        let mine = self
            .sent
            .iter()
            .skip(after)
            .filter(|letter| letter.from == quorate::Principal::Node(node(id)));
        let said = mine.map(|letter| wire::decode::<Message<'_>>(&letter.bytes).unwrap());
        said.filter(|message| match message {
            Message::PrePrepare { .. }
            | Message::Prepare(_)
            | Message::Commit(_)
            | Message::Checkpoint { .. }
            | Message::NewView(_) => true,
            Message::ViewChange(change) => change.author == node(id),
            _ => false,
        })
        .count()
    }
}

fn said_in(letter: &Letter) -> Message<'_> {
    wire::decode(&letter.bytes).unwrap()
}

#[test]
fn a_replica_that_lost_its_log_is_silent_until_a_checkpoint_above_all_that_it_may_have_said() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 6);
    bench.forget(3, 77);
    let said = bench.sent.len();
    bench.pass(300);
    assert!(bench.recovers(3));
    // The others are stable at 4, so M is 4, and M + 3W is 28.
    let mut t = 7;
    while bench.recovers(3) {
        assert_eq!(bench.votes_said(3, said), 0, "before request {t}");
        bench.order(t, 1);
        t += 1;
        assert!(t < 40, "it never recovers");
    }
    assert_eq!(bench.hosts[3].replica.status().stable, Sequence(28));
    let recovered = bench.sent.len();
    bench.order(t, 8);
    assert!(bench.votes_said(3, recovered) > 0, "it takes part again");
    assert!((0..4).all(|id| bench.hosts[id].state == bench.hosts[0].state));
    assert!((0..4).all(|id| bench.view(id) == (0, true)), "its loss changed no view");
    assert!(bench.hosts.iter().all(|host| host.accusations.is_empty()));
}

#[test]
fn after_its_recovery_the_cluster_needs_its_vote_and_has_it() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 6);
    bench.forget(3, 1);
    bench.order(7, 24);
    assert!(!bench.recovers(3));
    // Replica 2 dies: the other three are just enough.
    for t in 40..50 {
        for id in [0, 1, 3] {
            bench.ask(id, 1, t, b"y");
        }
        bench.run_where(|from, to, _| from != 2 && to != 2);
    }
    assert_eq!(bench.operations(0).len(), 30 + 10);
}

#[test]
fn a_primary_that_lost_its_log_is_replaced_before_any_timer_ends_and_follows() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 3);
    bench.forget(0, 5);
    let said = bench.sent.len();
    bench.pass(300);
    assert!((1..4).all(|id| bench.view(id) == (1, true)));
    assert_eq!(bench.view(0), (1, true), "it follows the NEW-VIEW");
    assert_eq!(bench.votes_said(0, said), 0);
    assert!(bench.recovers(0));
    bench.order(10, 30);
    assert!(!bench.recovers(0));
    assert!((0..4).all(|id| bench.hosts[id].state == bench.hosts[1].state));
}

#[test]
fn a_proposal_that_contradicts_what_it_accepted_before_its_loss_gets_no_vote() {
    let mut bench = Bench::<4>::new();
    let (first, _) = bench.one((0, 1), 1, 5, b"first");
    let (second, _) = bench.one((0, 1), 1, 5, b"second");
    assert!(bench.tell(3, 0, bench.proposal(0, 1, &first)));
    assert_eq!(bench.votes_said(3, 0), 1, "its PREPARE for the first");
    bench.forget(3, 5);
    let said = bench.sent.len();
    assert!(!bench.tell(3, 0, bench.proposal(0, 1, &second)), "it is not even verified");
    bench.force(3, 0, bench.proposal(0, 1, &second));
    bench.pass_where(3_000, &[3], |_, _, _| false);
    assert_eq!(bench.votes_said(3, said), 0, "nor does its patience end");
}

#[test]
fn it_joins_no_view_change() {
    let mut bench = Bench::<4>::new();
    bench.forget(3, 5);
    let said = bench.sent.len();
    for id in 0..2 {
        bench.ask(id, 1, 5, b"a");
    }
    // Replicas 0 and 1 hear nothing and want view 1; weak of them are two.
    bench.pass_where(2_500, &[0, 1], |_, to, message| {
        to == 3 && matches!(message, Message::ViewChange(_))
    });
    assert!(!bench.view(0).1 && !bench.view(1).1);
    assert_eq!(bench.votes_said(3, said), 0);
    assert_eq!(bench.view(3), (0, true));
}

fn answer(bench: &mut Bench<7>, from: usize, nonce: u64, stable: u64, prepared: u64) {
    let (stable, prepared) = (Sequence(stable), Sequence(prepared));
    let (view, heard) = (View(0), true);
    bench.tell(6, from, Message::Estimate { nonce, stable, prepared, view, heard });
}

/// The bound that replica 6 of 7 concludes from answers; 0: none.
fn bound(answers: &[(usize, u64, u64)]) -> u64 {
    let mut bench = Bench::<7>::new();
    bench.forget(6, 9);
    for (from, stable, prepared) in answers {
        answer(&mut bench, *from, 9, *stable, *prepared);
    }
    bound_of(&mut bench, 6, 9)[0]
}

#[test]
fn two_liars_of_seven_move_the_estimate_neither_up_nor_down() {
    // W is 8. Five correct peers are stable at 40 and have prepared up to 44.
    let honest = [(0, 40, 44), (1, 40, 44), (2, 40, 43), (3, 40, 44)];
    let with = |more: &[(usize, u64, u64)]| [&honest[..], more].concat();
    // 64 is M + 3W.
    assert_eq!(bound(&with(&[(4, 40, 44)])), 64);
    assert_eq!(bound(&with(&[(4, 0, 0), (5, u64::MAX, u64::MAX)])), 64);
    assert_eq!(bound(&with(&[(4, 0, 0), (5, 0, 0)])), 64);
    assert_eq!(bound(&with(&[(4, 40, 48), (5, 40, 48)])), 64);
    assert_eq!(bound(&with(&[(4, 40, 44)])[..4]), 0, "four answers are not enough");
    for impossible in [(4, 40, 39), (4, 40, 49), (4, 41, 44), (4, u64::MAX, u64::MAX)] {
        assert_eq!(bound(&with(&[impossible])), 0, "{impossible:?} is no answer");
    }
    // c <= M, and M + 3W is no checkpoint: it recovers at the next one.
    let low = [(0, 0, 6), (1, 0, 6), (2, 0, 5), (3, 4, 5), (4, 4, 4)];
    assert_eq!(bound(&low), 28);
}

#[test]
fn answers_count_only_to_the_question_that_was_asked_and_one_for_each_peer() {
    let mut bench = Bench::<7>::new();
    bench.forget(6, 9);
    for from in 0..5 {
        answer(&mut bench, from, 8, 0, 0);
    }
    for _ in 0..5 {
        answer(&mut bench, 0, 9, 0, 0);
    }
    assert_eq!(bound_of(&mut bench, 6, 9), [0], "it does not know the bound");
    for from in 1..5 {
        answer(&mut bench, from, 9, 0, 0);
    }
    assert_eq!(bound_of(&mut bench, 6, 9), [24], "five answers are enough");
}

/// The bounds that a replica which recovers tells the others in the next while.
fn bound_of<const N: usize>(bench: &mut Bench<N>, id: usize, of: u64) -> Vec<u64> {
    let before = bench.sent.len();
    bench.pass_where(200, &[id], |_, _, _| false);
    let said = bench.sent[before..].iter().filter_map(|letter| match said_in(letter) {
        Message::Recover { nonce, until, lost: true } if nonce == of => Some(until.0),
        _ => None,
    });
    let mut said: Vec<u64> = said.collect();
    said.dedup();
    said
}

#[test]
fn a_crash_during_recovery_and_a_compacted_log_do_not_give_it_its_voice_back() {
    for compact in [false, true] {
        let mut bench = Bench::<4>::new();
        bench.order(1, 6);
        bench.forget(3, 77);
        bench.pass(200);
        bench.order(7, 2);
        if compact {
            let replica = &bench.hosts[3].replica;
            let mut buffer = vec![0; 4096];
            let encode = |record| wire::encode(&record, &mut buffer).unwrap().to_vec();
            bench.hosts[3].records = replica.records().map(encode).collect();
        }
        bench.restart(3);
        assert!(bench.recovers(3), "compact: {compact}");
        let said = bench.sent.len();
        bench.order(9, 2);
        assert_eq!(bench.votes_said(3, said), 0);
        bench.order(11, 24);
        assert!(!bench.recovers(3));
        bench.restart(3);
        assert!(!bench.recovers(3), "it has recovered for good");
        bench.order(35, 8);
        assert!((0..4).all(|id| bench.hosts[id].state == bench.hosts[0].state));
    }
}

#[test]
fn a_replica_that_recovers_answers_no_other() {
    let mut bench = Bench::<4>::new();
    bench.forget(3, 1);
    let asked = Input::Message(
        bench
            .roster
            .verify(
                &TestVerifier,
                quorate::Principal::Node(NodeId(2)),
                Message::Recover { nonce: 4, lost: true, until: Sequence(0) },
            )
            .unwrap(),
    );
    let outputs = bench.hosts[3].replica.step(Instant::ZERO, asked);
    let answers = outputs
        .filter(|output| matches!(output, Output::Send { message: Message::Estimate { .. }, .. }));
    assert_eq!(answers.count(), 0);
}

#[test]
fn two_that_recover_at_once_make_no_progress_and_no_second_history() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 6);
    bench.forget(2, 1);
    bench.forget(3, 2);
    for id in 0..4 {
        bench.ask(id, 2, 1, b"waits");
    }
    bench.run();
    bench.pass(3_000);
    assert!(bench.recovers(2) && bench.recovers(3));
    assert_eq!(bench.operations(0).len(), 6);
    assert_eq!(bench.operations(1).len(), 6);
}

#[test]
fn one_that_recovers_keeps_what_it_signed_before_to_itself_even_if_a_peer_gave_it_back() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 3);
    for id in 1..4 {
        bench.ask(id, 1, 9, b"without the primary");
    }
    bench.pass_where(3_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    assert_eq!(bench.view(3), (1, true));
    let digest_of = |bench: &Bench<4>, author| {
        let mut changes = bench.sent.iter().filter_map(|letter| match said_in(letter) {
            Message::ViewChange(change) if change.author == author => Some(change),
            _ => None,
        });
        changes.next_back().unwrap().digest(&scope())
    };
    bench.forget(3, 5);
    bench.pass(600);
    assert!(bench.recovers(3));
    assert_eq!(bench.view(3), (1, true), "it was told the NEW-VIEW, with what it signed");
    let answers = |bench: &mut Bench<4>, author| {
        let (said, digest) = (bench.sent.len(), digest_of(bench, author));
        bench.tell(3, 1, Message::FetchViewChange { author, digest });
        let answered = |letter: &Letter| match said_in(letter) {
            Message::ViewChange(change) => change.author == author,
            _ => false,
        };
        bench.sent[said..].iter().any(answered)
    };
    assert!(answers(&mut bench, node(1)), "it passes on what others signed");
    assert!(!answers(&mut bench, node(3)));
    bench.order(10, 30);
    assert!(!bench.recovers(3));
}

#[test]
fn one_that_recovers_signs_no_view_change_that_it_may_have_signed_before() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 3);
    // Its VIEW-CHANGE for view 1 reaches nobody.
    bench.ask(3, 1, 9, b"alone");
    bench.pass_where(2_500, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (1, false));
    bench.forget(3, 5);
    bench.order(10, 30);
    assert!(!bench.recovers(3));
    let said = bench.sent.len();
    // The primary dies, and its vote is needed for the next view.
    for id in 1..4 {
        bench.ask(id, 1, 90, b"goes on");
    }
    bench.pass_where(12_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    let changes = bench.sent[said..].iter().filter_map(|letter| match said_in(letter) {
        Message::ViewChange(change) if change.author == node(3) => Some(change.view.0),
        _ => None,
    });
    assert_eq!(changes.min(), Some(2));
    assert_eq!(bench.operations(1).len(), 34);
}

/// A cluster whose replicas all find empty logs.
fn unsure<const N: usize>() -> Bench<N> {
    let mut bench = Bench::<N>::new();
    (0..N).for_each(|id| bench.doubt(id));
    bench
}

#[test]
fn replicas_that_find_empty_logs_find_out_that_they_are_new_with_f_of_them_silent() {
    let mut bench = unsure::<4>();
    assert!((0..4).all(|id| bench.recovers(id)));
    bench.pass_where(200, &[0, 1, 2], |from, to, _| from != 3 && to != 3);
    assert!((0..3).all(|id| !bench.recovers(id)));
    assert!(bench.recovers(3), "nobody has answered it");
    for id in 0..3 {
        bench.ask(id, 1, 1, b"first");
    }
    bench.run_where(|from, to, _| from != 3 && to != 3);
    assert_eq!(bench.operations(0).len(), 1);
}

#[test]
fn one_that_finds_its_log_empty_and_is_remembered_recovers() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 1);
    bench.forget(3, 1);
    bench.doubt(3);
    let said = bench.sent.len();
    bench.pass(200);
    assert!(bench.recovers(3));
    assert_eq!(bound_of(&mut bench, 3, 101), [24], "it asked anew");
    assert_eq!(bench.votes_said(3, said), 0);
    bench.order(2, 30);
    assert!(!bench.recovers(3));
}

#[test]
fn one_that_starts_late_is_new_although_the_cluster_is_not() {
    let mut bench = Bench::<4>::new();
    bench.doubt(3);
    for t in 1..=3 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench.pass(200);
    assert!(!bench.recovers(3));
    assert_eq!(bench.operations(3).len(), 3);
}

#[test]
fn one_liar_who_remembers_it_keeps_no_new_replica_silent() {
    let mut bench = unsure::<4>();
    let (stable, prepared, view) = (Sequence(400), Sequence(444), View(9));
    bench.wake(0);
    let lie = Message::Estimate { nonce: 100, stable, prepared, view, heard: true };
    bench.tell(0, 3, lie);
    bench.pass_where(200, &[0, 1, 2], |from, to, _| from != 3 && to != 3);
    assert!(!bench.recovers(0));
}

#[test]
fn one_that_is_unsure_does_not_answer_one_that_is_sure_of_its_loss() {
    let mut bench = unsure::<4>();
    let question = Message::Recover { nonce: 4, lost: true, until: Sequence(0) };
    bench.tell(3, 2, question);
    let answers = |message: &Message<'_>| matches!(message, Message::Estimate { .. });
    assert_eq!(bench.count_sent(answers), 0);
    bench.tell(3, 2, Message::Recover { nonce: 4, lost: false, until: Sequence(0) });
    assert_eq!(bench.count_sent(answers), 1);
}

#[test]
fn without_durability_no_record_is_made() {
    let mut bench = Bench::<4>::new();
    let config = Config { durability: Durability::None, ..Bench::<4>::config(3) };
    *bench.hosts[3].replica = Replica::new(config, Memory::<4>::new()).unwrap();
    bench.order(1, 10);
    bench.ask(3, 1, 90, b"alone");
    bench.pass_where(2_500, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (1, false));
    assert!(bench.hosts[3].records.is_empty());
    assert_eq!(bench.operations(3).len(), 10);
}

#[test]
fn one_that_is_unsure_stays_so_over_a_crash() {
    let mut bench = unsure::<4>();
    bench.pass_where(100, &[3], |_, _, _| false);
    bench.restart(3);
    assert!(bench.recovers(3), "its log says that it does not know");
    bench.pass(200);
    assert!(!bench.recovers(3));
    bench.restart(3);
    assert!(!bench.recovers(3), "it is new, and knows its whole log");
}

/// One that lost its log installs a state on the word of weak peers, executes on to the next
/// checkpoint, and is started again: its state is right, and it knows that.
#[test]
fn who_recovers_and_has_installed_a_state_restarts_with_it() {
    let mut bench = Bench::<4>::new();
    let apart = |from: usize, to: usize, _: &Message<'_>| from != 3 && to != 3;
    for timestamp in 1..=4 {
        for id in 0..3 {
            bench.ask(id, 1, timestamp, b"x");
        }
        bench.run_where(apart);
        bench.pass_where(60, &[0, 1, 2], apart);
    }
    bench.forget(3, 77);
    let weak = |from: usize, to: usize, message: &Message<'_>| {
        let vouches = from == 2 && to == 3 && matches!(message, Message::Checkpoint { .. });
        !vouches && !matches!(message, Message::Recover { .. })
    };
    bench.pass_where(1500, &[0, 1, 2, 3], weak);
    assert_eq!(bench.hosts[3].installs, [4]);
    let none = |_: usize, _: usize, message: &Message<'_>| {
        !matches!(message, Message::Checkpoint { .. } | Message::Recover { .. })
    };
    for timestamp in 5..=8 {
        for id in 0..3 {
            bench.ask(id, 1, timestamp, b"x");
        }
        bench.run_where(none);
        bench.pass_where(60, &[0, 1, 2, 3], none);
    }
    bench.pass_where(300, &[0, 1, 2, 3], none);
    let status = bench.hosts[3].replica.status();
    assert!(bench.recovers(3) && status.stable == Sequence(0), "{status:?}");
    assert_eq!(bench.hosts[3].captured.keys().last(), Some(&8));
    bench.restart(3);
    assert!(!bench.hosts[3].replica.is_diverged());
    assert_eq!(bench.hosts[3].replica.status().executed, Sequence(8));
}
