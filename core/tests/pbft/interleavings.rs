//! One request in every order of delivery (P-38), and what must be durable before what is sent.

use crate::bench::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{Principal, wire};

/// How many random orders of the whole cluster's messages are tried.
const ORDERS: u64 = 20_000;

#[test]
fn p38_every_order_of_the_messages_to_one_replica_has_one_outcome() {
    let mut order = [0, 1, 2, 3, 4, 5];
    let mut orders = 0;
    permute(&mut order, 0, &mut |order| {
        orders += 1;
        let mut bench = Bench::<4>::new();
        let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
        for kind in order {
            let (from, message) = match kind {
                0 => (0, bench.proposal(0, 1, &batch)),
                1 => (1, Message::Prepare(vote)),
                2 => (2, Message::Prepare(vote)),
                3 => (0, Message::Commit(vote)),
                4 => (1, Message::Commit(vote)),
                _ => (2, Message::Commit(vote)),
            };
            bench.tell(3, from, message);
        }
        let host = &bench.hosts[3];
        assert_eq!(bench.operations(3), [b"a"], "order {order:?}");
        assert!(host.accusations.is_empty() && host.refusals.is_empty(), "order {order:?}");
        assert_eq!(bench.replies.len(), 1, "order {order:?}");
        let sent = |message| bench.count_sent(|other| *other == message);
        assert_eq!(sent(Message::Prepare(vote)), 3, "order {order:?}");
        assert_eq!(sent(Message::Commit(vote)), 3, "order {order:?}");
    });
    assert_eq!(orders, 720);
}

fn permute(order: &mut [usize; 6], from: usize, visit: &mut impl FnMut(&[usize; 6])) {
    if from == order.len() {
        return visit(order);
    }
    for at in from..order.len() {
        order.swap(from, at);
        permute(order, from + 1, visit);
        order.swap(from, at);
    }
}

#[test]
fn p38_random_orders_of_delivery_in_the_whole_cluster_have_one_outcome() {
    let mut bench = Bench::<4>::new();
    for seed in 0..ORDERS {
        let mut dice = Dice(seed);
        // The same replicas go on with the next request: the window moves too.
        let timestamp = seed + 1;
        bench.ask(0, 1, timestamp, &timestamp.to_le_bytes());
        let mut way: Vec<(usize, Letter)> = Vec::new();
        loop {
            for letter in std::mem::take(&mut bench.mail) {
                way.extend(receivers(&letter).map(|to| (to, letter.clone())));
            }
            if way.is_empty() {
                break;
            }
            let (to, letter) = way.swap_remove(dice.below(way.len()));
            bench.deliver(to, &letter);
        }
        let expected = Bench::<4>::history_of(&bench.hosts[0]);
        for host in &bench.hosts {
            assert_eq!(Bench::<4>::history_of(host), expected, "seed {seed}");
            assert_eq!(host.history.len() as u64, timestamp, "seed {seed}");
            assert!(host.accusations.is_empty() && host.refusals.is_empty(), "seed {seed}");
        }
        bench.sent.clear();
        bench.replies.clear();
        for host in &mut bench.hosts {
            host.records.clear();
        }
    }
    assert!(bench.hosts.iter().all(|host| host.replica.status().view == View(0)));
    assert!(bench.hosts.iter().all(|host| host.replica.status().stable.0 + 4 > ORDERS));
}

fn receivers(letter: &Letter) -> impl Iterator<Item = usize> + use<> {
    let (from, to) = (letter.from, letter.to);
    let others = (0..4).filter(move |id| from != Principal::Node(node(*id)));
    others.filter(move |id| to.includes(node(*id)))
}

impl Bench<4> {
    /// The last operation of a replica and the state that it led to.
    fn history_of(host: &Host<4>) -> (Option<(u64, &[u8])>, quorate::Digest) {
        let last = host.history.last();
        (last.map(|(sequence, _, _, operation)| (*sequence, operation.as_slice())), host.state)
    }
}

/// The place of the only output of a kind.
fn place(wanted: &[Wanted], kind: impl Fn(&Wanted) -> bool) -> usize {
    let mut places = (0..wanted.len()).filter(|at| kind(&wanted[*at]));
    let first = places.next().unwrap_or_else(|| panic!("not among {wanted:?}"));
    assert_eq!(places.next(), None, "twice among {wanted:?}");
    first
}

#[test]
fn f01_record_of_a_vote_stands_before_the_vote_in_the_same_step() {
    let mut bench = Bench::<4>::new();
    let request = bench.request(1, 5, b"a");
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    let client = Principal::Client(quorate::ClientId(1));
    let is_body = |it: &Wanted| matches!(it.record(), Some(Record::PrePrepared { .. }));
    let proposed = bench.hear_from(0, client, Message::Request(request));
    let sent = place(&proposed, |it| matches!(it.message(), Some(Message::PrePrepare { .. })));
    assert!(place(&proposed, is_body) < sent, "{proposed:?}");

    let accepted = bench.hear(2, 0, bench.proposal(0, 1, &batch));
    let sent = place(&accepted, |it| it.prepare() == Some(vote));
    assert!(place(&accepted, is_body) < sent, "{accepted:?}");
    let body = accepted.iter().find_map(Wanted::record).unwrap();
    let (view, sequence) = (View(0), Sequence(1));
    assert_eq!(body, Record::PrePrepared { view, sequence, batch: Batch::from_bytes(&batch) });

    let prepared = bench.hear(2, 1, Message::Prepare(vote));
    let sent = place(&prepared, |it| it.commit() == Some(vote));
    let kept = Record::Prepared { view, sequence, digest: vote.digest };
    assert!(place(&prepared, |it| it.record() == Some(kept)) < sent, "{prepared:?}");
}

#[test]
fn f01_record_of_a_checkpoint_and_of_a_view_change_stands_before_the_message() {
    let mut bench = Bench::<4>::new();
    for t in 1..=3 {
        bench.ask(0, 1, t, b"x");
        bench.run();
    }
    bench.hosts[2].captures = false;
    bench.ask(0, 1, 4, b"x");
    bench.run();
    let state = crate::pages::state_digest(&bench.hosts[2].state);
    let command = Command::Captured { sequence: Sequence(4), state };
    let wanted = bench.dry(2, quorate::Input::Command(command));
    let sent = place(&wanted, |it| matches!(it.message(), Some(Message::Checkpoint { .. })));
    let kept = |it: &Wanted| matches!(it.record(), Some(Record::Checkpoint { .. }));
    assert!(place(&wanted, kept) < sent, "{wanted:?}");
    place(&wanted, |it| matches!(it.record(), Some(Record::Stable { .. })));

    bench.ask(2, 3, 5, b"never proposed");
    bench.now += 1_000_000;
    let wanted = bench.waken(2);
    let sent = place(&wanted, |it| matches!(it.message(), Some(Message::ViewChange(_))));
    let kept = |it: &Wanted| matches!(it.record(), Some(Record::ViewChange(_)));
    assert!(place(&wanted, kept) < sent, "{wanted:?}");
    assert_eq!(bench.view(2), (1, false));
}

#[test]
fn f01_records_of_a_new_view_stand_before_the_message_and_before_the_votes_in_it() {
    let mut bench = Bench::<4>::new();
    for id in 1..4 {
        bench.ask(id, 3, 5, b"never proposed");
    }
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    for to in 1..4 {
        bench.tell(to, 0, bench.proposal(0, 1, &batch));
    }
    // The PREPAREs arrive, so that the batch is in P; the COMMITs are lost.
    let prepares = |message: &Message<'_>| matches!(message, Message::Prepare(_));
    bench.run_where(|from, to, message| from != 0 && to != 0 && prepares(message));
    bench.now += 1_000_000;
    for id in 1..4 {
        bench.wake(id);
    }
    let changes: Vec<Letter> = bench.mail.drain(..).collect();
    let mut wanted = Vec::new();
    for letter in &changes {
        let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
        let Principal::Node(from) = letter.from else { continue };
        if from.index() != 1 && matches!(message, Message::ViewChange(_)) {
            wanted.extend(bench.hear(1, from.index(), message));
        }
    }
    let sent = place(&wanted, |it| matches!(it.message(), Some(Message::NewView(_))));
    let kept = place(&wanted, |it| matches!(it.record(), Some(Record::NewView(_))));
    let named = |at: usize| matches!(wanted[at].record(), Some(Record::Named(_)));
    assert_eq!((0..kept).filter(|at| named(*at)).count(), 3);
    assert!(kept < sent && !(kept..wanted.len()).any(named), "{wanted:?}");

    // The primary of the new view enters the batch in Q again before its COMMIT can follow.
    let again = Record::RePrePrepared { view: View(1), sequence: Sequence(1), digest: vote.digest };
    place(&wanted, |it| it.record() == Some(again));
    let new_view = wanted[sent].message().unwrap();
    for letter in &changes {
        let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
        if letter.from != Principal::Node(node(2)) && matches!(message, Message::ViewChange(_)) {
            bench.deliver(2, letter);
        }
    }
    let wanted = bench.hear(2, 1, new_view);
    let sent = place(&wanted, |it| it.prepare() == Some(Vote { view: View(1), ..vote }));
    assert!(place(&wanted, |it| it.record() == Some(again)) < sent, "{wanted:?}");
    assert!(place(&wanted, |it| matches!(it.record(), Some(Record::NewView(_)))) < sent);
}
