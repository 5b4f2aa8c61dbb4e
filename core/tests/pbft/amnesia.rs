//! A replica that lost its log (PROTOCOLS, point 9): it says nothing that it could have
//! contradicted before, and then takes part again.

use crate::bench::*;
use quorate::pbft::*;
use quorate::{Input, Instant, NodeId, Protocol, wire};

impl<const N: usize> Bench<N> {
    /// A replica loses log, checkpoints and state, and starts as one that knows it.
    fn forget(&mut self, id: usize, nonce: u64) {
        let host = &mut self.hosts[id];
        host.records.clear();
        host.captured.clear();
        host.history.clear();
        host.state = quorate::Digest::ZERO;
        *host.replica = Replica::amnesiac(Self::config(id), Memory::<N>::new(), nonce).unwrap();
    }

    fn recovers(&self, id: usize) -> bool {
        self.hosts[id].replica.is_recovering()
    }

    /// Orders requests of client 1 from timestamp `first` on, time passing between them.
    fn order(&mut self, first: u64, count: u64) {
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

#[test]
fn a_replica_that_lost_its_log_is_silent_until_a_checkpoint_above_all_that_it_may_have_said() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 6);
    bench.forget(3, 77);
    let said = bench.sent.len();
    bench.pass(300);
    assert!(bench.recovers(3));
    // M is at most 6 and at least 4, so the bound is a checkpoint from 12 to 16.
    let mut t = 7;
    while bench.recovers(3) {
        assert_eq!(bench.votes_said(3, said), 0, "before request {t}");
        bench.order(t, 1);
        t += 1;
        assert!(t < 30, "it never recovers");
    }
    let stable = bench.hosts[3].replica.status().stable.0;
    assert!((12..=16).contains(&stable), "{stable}");
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
    bench.order(7, 16);
    assert!(!bench.recovers(3));
    // Replica 2 dies: the other three are just enough.
    for t in 30..40 {
        for id in [0, 1, 3] {
            bench.ask(id, 1, t, b"y");
        }
        bench.run_where(|from, to, _| from != 2 && to != 2);
    }
    assert_eq!(bench.operations(0).len(), 22 + 10);
}

#[test]
fn a_primary_that_lost_its_log_proposes_nothing_is_replaced_and_follows() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 3);
    bench.forget(0, 5);
    let said = bench.sent.len();
    for id in 0..4 {
        bench.ask(id, 1, 9, b"z");
    }
    bench.run();
    bench.pass(4_000);
    assert!((1..4).all(|id| bench.view(id) == (1, true)));
    assert_eq!(bench.view(0), (1, true), "it follows the NEW-VIEW");
    assert_eq!(bench.votes_said(0, said), 0);
    assert!(bench.recovers(0));
    bench.order(10, 20);
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
    assert!(bench.tell(3, 0, bench.proposal(0, 1, &second)));
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
    bench.tell(6, from, Message::Estimate { nonce, stable, prepared });
}

/// The bound that replica 6 of 7 concludes shows in which stable checkpoint ends its recovery.
fn ends_at(answers: &[(usize, u64, u64)], stable: u64) -> bool {
    let mut bench = Bench::<7>::new();
    bench.forget(6, 9);
    for (from, stable, prepared) in answers {
        answer(&mut bench, *from, 9, *stable, *prepared);
    }
    // Strong peers vouch for a checkpoint, whose state is fetched from one of them.
    let clients = clients();
    let state = digest(b"state");
    let certified = certified(stable, &clients, &state);
    for from in 0..5 {
        let sequence = Sequence(stable);
        bench.tell(6, from, Message::Checkpoint { sequence, digest: certified });
    }
    let (sequence, clients) = (Sequence(stable), wire::Bytes(&clients));
    let state = wire::Bytes(&state.0);
    bench.tell(6, 0, Message::State { sequence, clients, state });
    assert_eq!(bench.hosts[6].replica.status().stable, sequence);
    !bench.recovers(6)
}

/// The encoded table of clients that have asked nothing.
fn clients() -> Vec<u8> {
    vec![0; CLIENTS * 13]
}

fn certified(sequence: u64, clients: &[u8], state: &quorate::Digest) -> quorate::Digest {
    use quorate::auth::{Statement, Tag};
    let (clients, state) = (quorate::Digest::of(clients), quorate::Digest::of(&state.0));
    Statement::unscoped(Tag::Checkpoint).u64(sequence).digest(&clients).digest(&state).finish()
}

#[test]
fn two_liars_of_seven_move_the_estimate_neither_up_nor_down() {
    // W is 8. Five correct peers are stable at 40 and have prepared up to 44.
    let honest = [(0, 40, 44), (1, 40, 44), (2, 40, 43), (3, 40, 44)];
    let with = |more: &[(usize, u64, u64)]| [&honest[..], more].concat();
    assert!(ends_at(&with(&[(4, 40, 44)]), 48));
    assert!(!ends_at(&with(&[(4, 40, 44)]), 44), "48 is M + W");
    assert!(ends_at(&with(&[(4, 0, 0), (5, u64::MAX, u64::MAX)]), 48));
    assert!(!ends_at(&with(&[(4, 0, 0), (5, 0, 0)]), 44));
    assert!(ends_at(&with(&[(4, 40, u64::MAX), (5, 40, u64::MAX)]), 48));
    assert!(!ends_at(&with(&[(4, 40, u64::MAX - 1)])[..4], 48), "four answers are not enough");
}

#[test]
fn answers_count_once_and_only_to_the_question_that_was_asked() {
    let mut bench = Bench::<7>::new();
    bench.forget(6, 9);
    for from in 0..5 {
        answer(&mut bench, from, 8, 0, 0);
    }
    for _ in 0..5 {
        answer(&mut bench, 0, 9, 0, 0);
    }
    let asks = |bench: &mut Bench<7>| {
        let before = bench.sent.len();
        bench.pass_where(200, &[6], |_, _, _| false);
        bench.sent[before..].iter().any(|letter| {
            matches!(wire::decode(&letter.bytes).unwrap(), Message::Recover { nonce: 9 })
        })
    };
    assert!(asks(&mut bench), "it still asks");
    for from in 1..5 {
        answer(&mut bench, from, 9, 0, 0);
    }
    assert!(!asks(&mut bench), "five answers are enough");
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
        bench.order(11, 14);
        assert!(!bench.recovers(3));
        bench.restart(3);
        assert!(!bench.recovers(3), "it has recovered for good");
        bench.order(25, 8);
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
                Message::Recover { nonce: 4 },
            )
            .unwrap(),
    );
    let outputs = bench.hosts[3].replica.step(Instant::ZERO, asked).count();
    assert_eq!(outputs, 0);
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
