//! What a traitor may cost: floods, forgeries, replays, far numbers, impossible ids (PROTOCOLS,
//! point 11, and what the field most often leaves out).

use crate::bench::*;
use crate::wanted::*;
use quorate::auth::Scope;
use quorate::pbft::*;
use quorate::{ClientId, Digest, Fault, NodeId, Principal, Protocol, Signature, Target, wire};

fn pairs(entries: &[(u64, Digest)]) -> Vec<u8> {
    let entry = |(number, digest): &(u64, Digest)| [&number.to_le_bytes()[..], &digest.0].concat();
    entries.iter().flat_map(entry).collect()
}

/// A VIEW-CHANGE from the initial state.
fn view_change(author: u8, view: u64, checkpoints: &[u8]) -> ViewChange<'_> {
    ViewChange {
        author: NodeId(author),
        view: View(view),
        stable: Sequence(0),
        checkpoints: Pairs::from_bytes(checkpoints),
        histories: Histories::from_bytes(&[]),
        signature: Signature::ZERO,
    }
}

/// A NEW-VIEW that chooses nothing.
fn new_view(author: u8, view: u64, view_changes: &[u8]) -> NewView<'_> {
    NewView {
        author: NodeId(author),
        view: View(view),
        view_changes: Pairs::from_bytes(view_changes),
        chosen: Pairs::from_bytes(&[]),
        signature: Signature::ZERO,
    }
}

/// One message of each kind that replicas send each other, well formed.
fn one_of_each<'a>(bench: &Bench<4>, batch: &'a [u8], lists: &'a [u8]) -> Vec<Message<'a>> {
    let digest = digest(b"any");
    let (view, sequence) = (View(0), Sequence(4));
    let vote = Vote { view, sequence, digest };
    let request = Batch::from_bytes(batch).iter().next().unwrap();
    let (reply, state) = (Reply { view, ..empty_reply() }, wire::Bytes(batch));
    vec![
        Message::Request(request),
        Message::Reply(reply),
        bench.proposal(0, 1, batch),
        Message::Prepare(vote),
        Message::Commit(vote),
        Message::Checkpoint { sequence, digest },
        Message::ViewChange(view_change(3, 1, &lists[..40])),
        Message::NewView(new_view(1, 1, lists)),
        Message::Status(Status { executed: Sequence(7), wanting: true, ..Status::default() }),
        Message::FetchBatch { sequence, digest },
        Message::Batch { sequence, batch: Batch::from_bytes(batch) },
        Message::FetchViewChange { author: NodeId(1), digest },
        Message::FetchState { sequence, place: Place::ROOTS },
        Message::State { sequence, place: Place::page(Part::State, 0), bytes: state },
        Message::Settled { sequence, digest },
        Message::Recover { nonce: 1, lost: true, until: sequence },
        Message::Estimate { nonce: 1, stable: sequence, prepared: sequence, view, heard: true },
        Message::busy(ClientId(1), 5, core::time::Duration::from_millis(50)),
        Message::Read(bench.read(1, 1, b"read")),
        Message::ReadReply(empty_answer()),
    ]
}

fn empty_reply() -> Reply<'static> {
    let (client, outcome) = (ClientId(1), Outcome::Executed);
    Reply { view: View(0), client, timestamp: 1, outcome, reply: wire::Bytes(&[]) }
}

fn empty_answer() -> ReadReply<'static> {
    let (client, operation, state) = (ClientId(1), Digest::ZERO, Sequence(0));
    ReadReply { view: View(0), client, number: 1, operation, state, answer: None }
}

fn lists() -> Vec<u8> {
    pairs(&[(0, Digest::ZERO), (1, digest(b"1")), (2, digest(b"2"))])
}

#[test]
fn p36_flood_of_votes_takes_one_place_per_sequence_and_hinders_nobody() {
    let mut bench = Bench::<4>::new();
    let mut dice = Dice(36);
    for sequence in 1..=8u64 {
        let first = Vote { view: View(0), sequence: Sequence(sequence), digest: digest(b"first") };
        bench.hear(2, 3, Message::Prepare(first));
        bench.hear(2, 3, Message::Commit(first));
    }
    let before = bench.picture(2);
    for round in 0..50_000u64 {
        let sequence = Sequence(dice.next() % 8 + 1);
        let vote = Vote { view: View(0), sequence, digest: digest(&round.to_le_bytes()) };
        for message in [Message::Prepare(vote), Message::Commit(vote)] {
            assert_eq!(bench.hear(2, 3, message), [Wanted::Accuse(3, Fault::Equivocation)]);
        }
    }
    assert!(before == bench.picture(2), "a flood grew the state");
    for t in 1..=8 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    assert_eq!(bench.operations(2).len(), 8);
    assert_eq!(bench.hosts[2].replica.status().stable.0, 8);
}

#[test]
fn p37_far_views_and_sequences_cost_a_peer_its_own_places_only() {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    bench.hear(2, 1, Message::Prepare(vote));
    bench.hear(2, 1, Message::Commit(vote));
    let checkpoint = |at| Message::Checkpoint { sequence: Sequence(at), digest: digest(b"any") };
    bench.hear(2, 1, checkpoint(4));
    let mut pictures = Vec::new();
    let start = pairs(&[(0, Digest::ZERO)]);
    for round in 0..20_000u64 {
        let far = View(round + 1);
        let sequence = Sequence([round % 8 + 1, 9 + round, u64::MAX - round][round as usize % 3]);
        let vote = Vote { view: far, sequence, digest: digest(b"far") };
        let mut wanted = Vec::new();
        if far.primary(4).index() != 3 {
            wanted.extend(bench.hear(2, 3, Message::Prepare(vote)));
        }
        wanted.extend(bench.hear(2, 3, Message::Commit(vote)));
        wanted.extend(bench.hear(2, 3, checkpoint((4 * (round + 1)) << 20)));
        let change = view_change(3, round + 1, &start);
        wanted.extend(bench.hear(2, 3, Message::ViewChange(change)));
        assert!(wanted.iter().all(|it| matches!(it, Wanted::Accuse(3, _))), "{wanted:?}");
        if round % 4_000 == 3_999 {
            pictures.push(bench.picture(2).len());
        }
    }
    let (least, most) = (pictures.iter().min().unwrap(), pictures.iter().max().unwrap());
    assert!(most - least < 2_000, "numbers may have more digits, and no more: {pictures:?}");
    // What replica 1 said earlier is still there: with one more it makes a quorum.
    let wanted = bench.hear(2, 0, bench.proposal(0, 1, &batch));
    assert!(wanted.iter().any(|it| it.commit() == Some(vote)));
    assert!(bench.hear(2, 0, Message::Commit(vote)).iter().any(Wanted::is_execute));
}

#[test]
fn p40_message_in_the_own_name_from_the_network_is_refused_and_changes_nothing() {
    let mut bench = Bench::<4>::new();
    let (batch, _) = bench.one((0, 1), 1, 5, b"a");
    let lists = lists();
    for id in 0..4 {
        bench.pass_where(60, &[0, 1, 2, 3], |_, _, _| false);
        let before = bench.picture(id);
        for message in one_of_each(&bench, &batch, &lists).into_iter().skip(1) {
            let letter = bench.letter(Principal::Node(node(id)), Target::All, message);
            let signed = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
            let Ok(verified) = bench.roster.verify(&TestVerifier, letter.from, signed) else {
                continue;
            };
            let wanted = bench.dry(id, quorate::Input::Message(verified));
            assert_eq!(wanted, [Wanted::Accuse(id, Fault::Impersonation)], "{message:?}");
            bench.deliver(id, &letter);
        }
        assert!(before == bench.picture(id), "replica {id} believed itself");
    }
}

#[test]
fn p40_signed_messages_may_be_passed_on_and_count_for_their_author_alone() {
    let mut bench = Bench::<4>::new();
    let lists = lists();
    // Replica 3's VIEW-CHANGE by way of 0 and 1: still one.
    let letter = bench.letter(
        Principal::Node(node(3)),
        Target::All,
        Message::ViewChange(view_change(3, 1, &lists[..40])),
    );
    for from in [0, 1, 3] {
        let relayed = Letter { from: Principal::Node(node(from)), ..letter.clone() };
        bench.deliver(2, &relayed);
    }
    assert_eq!(bench.view(2), (0, true));
    // In the name of 1, signed by 3: not believed.
    let mut forged = view_change(1, 1, &lists[..40]);
    forged.signature = quorate::Signer::sign(
        &TestSigner(Principal::Node(node(3))),
        &forged.digest(bench.roster.scope()),
    );
    assert!(!bench.tell(2, 3, Message::ViewChange(forged)));
    assert_eq!(bench.hosts[2].accusations, [(3, Fault::Forged)]);
    assert_eq!(bench.view(2), (0, true));
    bench.tell(2, 1, Message::ViewChange(view_change(1, 1, &lists[..40])));
    assert_eq!(bench.view(2), (1, false), "two distinct authors are weak");
}

#[test]
fn p41_sender_that_is_no_member_gets_nothing_in() {
    let mut bench = Bench::<4>::new();
    let (batch, _) = bench.one((0, 1), 1, 5, b"a");
    let lists = lists();
    let before = bench.picture(2);
    for message in one_of_each(&bench, &batch, &lists) {
        for id in [4, 5, 63, 64, 255] {
            assert!(!bench.give(2, Principal::Node(NodeId(id)), message), "{id}: {message:?}");
        }
        for id in [4, 5, 63, 64, 255, u16::MAX] {
            assert!(!bench.give(2, Principal::Client(ClientId(id)), message), "{id}: {message:?}");
        }
    }
    assert!(before == bench.picture(2), "a stranger changed the state");
}

#[test]
fn p41_ids_out_of_bounds_in_any_field_change_nothing() {
    let mut bench = Bench::<4>::new();
    let lists = lists();
    let before = bench.picture(2);
    for id in [4u8, 5, 63, 64, 255] {
        let any = digest(b"any");
        let author = NodeId(id);
        assert!(!bench.tell(2, 1, Message::FetchViewChange { author, digest: any }));
        let change = view_change(id, 1, &lists[..40]);
        assert!(!bench.tell(2, 1, Message::ViewChange(change)), "author {id}");
        assert!(!bench.tell(2, 1, Message::NewView(new_view(id, 1, &lists))), "author {id}");
        for number in [u64::from(id), u64::from(id) + 256, u64::MAX] {
            let named = pairs(&[(0, any), (1, any), (2, any), (number, any)]);
            let wanted = bench.hear(2, 1, Message::NewView(new_view(1, 1, &named)));
            assert_eq!(wanted, [Wanted::Accuse(1, Fault::BadNewView)], "names {number}");
        }
        for client in [u16::from(id), u16::from(id) << 8 | 4, u16::MAX] {
            let request = bench.request(client, 5, b"a");
            assert!(!bench.tell(2, 0, Message::Request(request)), "client {client}");
            let batch = bench.batch(&[bench.request(1, 5, b"a"), request]);
            assert!(!bench.tell(2, 0, bench.proposal(0, 1, &batch)), "client {client}");
            let body = Batch::from_bytes(&batch);
            assert!(!bench.tell(2, 0, Message::Batch { sequence: Sequence(1), batch: body }));
            let reply = Message::Reply(Reply { client: ClientId(client), ..empty_reply() });
            assert_eq!(bench.hear(2, 0, reply), [Wanted::Accuse(0, Fault::NotAllowed)]);
        }
    }
    assert!(before == bench.picture(2), "an id out of bounds changed the state");
    assert!(bench.hosts[2].accusations.iter().all(|(node, _)| [0, 1].contains(node)));
}

#[test]
fn p41_new_view_of_a_member_that_is_not_its_primary_is_refused() {
    let bench = Bench::<4>::new();
    let lists = lists();
    for author in [0, 2, 3] {
        let from = Principal::Node(NodeId(author));
        let message = Message::NewView(new_view(author, 1, &lists));
        let letter = bench.letter(from, Target::All, message);
        let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
        let verified = bench.roster.verify(&TestVerifier, from, message);
        assert_eq!(verified.err(), Some(Fault::NotPrimary), "author {author}");
    }
}

#[test]
fn statements_of_two_authors_are_never_one() {
    let bench = Bench::<4>::new();
    let (scope, lists) = (scope(), lists());
    let requests = [0, 1, 2].map(|client| bench.request(client, 5, b"a").digest(&scope));
    let changes = [0, 1, 2].map(|author| view_change(author, 1, &lists).digest(&scope));
    for [a, b, c] in [requests, changes] {
        assert!(a != b && b != c && a != c);
    }
}

#[test]
fn p41_numbers_at_their_ends_in_any_field_panic_nowhere() {
    let mut bench = Bench::<4>::new();
    let any = digest(b"any");
    for number in [0, 1, 8, 9, u64::MAX - 8, u64::MAX - 3, u64::MAX - 1, u64::MAX] {
        for view in [0, 1, u64::MAX - 1, u64::MAX] {
            let (batch, _) = bench.one((0, 1), 1, number, b"a");
            let (view, sequence) = (View(view), Sequence(number));
            let vote = Vote { view, sequence, digest: any };
            let status = Status { view, stable: sequence, executed: sequence, ..Status::default() };
            for from in [0, 1, 3] {
                bench.tell(2, from, bench.proposal(view.0, number, &batch));
                bench.tell(2, from, Message::Prepare(vote));
                bench.tell(2, from, Message::Commit(vote));
                bench.tell(2, from, Message::FetchBatch { sequence, digest: any });
                let place = Place::ROOTS;
                assert_eq!(bench.hear(2, from, Message::FetchState { sequence, place }), []);
                for (active, wanting) in [(false, true), (true, false), (true, true)] {
                    bench.tell(2, from, Message::Status(Status { active, wanting, ..status }));
                }
                bench.now += 60_000;
                bench.wake(2);
            }
            bench.tell(2, 1, Message::Checkpoint { sequence, digest: any });
        }
    }
    assert_eq!(bench.hosts[2].history, []);
}

/// The message as its author would sign it in another cluster, epoch, or under another profile.
fn foreign(from: Principal, mut message: Message<'_>, scope: &Scope) -> Letter {
    let mut buffer = vec![0; 1 << 12];
    quorate::auth::Signed::sign(&mut message, from, scope, &TestSigner(from));
    let bytes = wire::encode(&message, &mut buffer).unwrap().to_vec();
    Letter { from, to: Target::All, bytes }
}

#[test]
fn p42_what_was_signed_in_another_cluster_epoch_or_profile_is_refused() {
    let mut bench = Bench::<4>::new();
    let (home, lists) = (scope(), lists());
    let before = bench.picture(2);
    let others = [
        Scope { cluster: digest(b"another"), ..home },
        Scope { epoch: 1, ..home },
        Scope { epoch: u32::MAX, ..home },
        Scope { profile: "test2", ..home },
    ];
    for scope in others {
        let client = Principal::Client(ClientId(1));
        let request = bench.request(1, 5, b"a");
        let letter = foreign(client, Message::Request(request), &scope);
        assert!(!bench.deliver(2, &letter), "{scope:?}");
        let Ok(Message::Request(request)) = wire::decode(&letter.bytes) else { panic!() };
        assert!(!bench.tell(2, 3, Message::Request(request)), "relayed, {scope:?}");
        let batch = bench.batch(&[request]);
        assert!(!bench.tell(2, 0, bench.proposal(0, 1, &batch)), "proposed, {scope:?}");
        let change = Message::ViewChange(view_change(3, 1, &lists[..40]));
        let letter = foreign(Principal::Node(node(3)), change, &scope);
        assert!(!bench.deliver(2, &letter), "{scope:?}");
        let letter =
            foreign(Principal::Node(node(1)), Message::NewView(new_view(1, 1, &lists)), &scope);
        assert!(!bench.deliver(2, &letter), "{scope:?}");
        let accused = std::mem::take(&mut bench.hosts[2].accusations);
        assert_eq!(accused, [3, 0, 3, 1].map(|from| (from, Fault::Forged)), "{scope:?}");
    }
    assert!(before == bench.picture(2), "a foreign message changed the state");
}

#[test]
fn c10_message_with_one_bit_of_its_signature_flipped_changes_nothing() {
    let mut bench = Bench::<4>::new();
    let (batch, _) = bench.one((0, 1), 1, 5, b"a");
    let lists = lists();
    bench.ask(2, 2, 5, b"pending");
    let before = (bench.picture(2), bench.hosts[2].replica.deadline());
    let authors = [
        (1, Message::Request(bench.request(1, 5, b"a")), Fault::Forged),
        (0, bench.proposal(0, 1, &batch), Fault::Forged),
        (3, Message::ViewChange(view_change(3, 1, &lists[..40])), Fault::Forged),
        (1, Message::NewView(new_view(1, 1, &lists)), Fault::Forged),
    ];
    for (from, message, fault) in authors {
        for bit in 0..8 * 32 {
            let mut letter = bench.letter(Principal::Node(node(from)), Target::All, message);
            // Every signature here is the last field; its second half is not used by the tests'
            // scheme, but is compared all the same.
            let end = letter.bytes.len();
            letter.bytes[end - 64 + bit / 4] ^= 1 << (bit % 8);
            assert!(!bench.deliver(2, &letter), "{message:?}");
        }
        assert!(bench.hosts[2].accusations.iter().all(|it| *it == (from, fault)));
        bench.hosts[2].accusations.clear();
    }
    let after = (bench.picture(2), bench.hosts[2].replica.deadline());
    assert!(before == after, "a forged message changed the state");
}

#[test]
fn messages_that_are_refused_move_no_deadline() {
    let mut bench = Bench::<4>::new();
    bench.ask(2, 2, 5, b"never proposed");
    bench.mail.clear();
    bench.waken(2);
    let (batch, vote) = bench.one((1, 1), 1, 5, b"a");
    for _ in 0..99 {
        bench.now += 10_000;
        let deadline = bench.hosts[2].replica.deadline();
        let off = Message::Checkpoint { sequence: Sequence(3), digest: digest(b"any") };
        let early = Message::Checkpoint { sequence: Sequence(0), digest: digest(b"any") };
        for message in [off, early, bench.proposal(1, 1, &batch), Message::Reply(empty_reply())] {
            bench.hear(2, 3, message);
        }
        let old = Vote { sequence: Sequence(9), ..vote };
        bench.hear(2, 1, Message::Prepare(old));
        bench.hear(2, 3, Message::Commit(old));
        assert_eq!(bench.hosts[2].replica.deadline(), deadline);
        if deadline.is_some_and(|due| due.as_micros() <= bench.now) {
            bench.waken(2);
        }
    }
    assert_eq!(bench.view(2), (0, true));
    bench.now += 10_000;
    bench.waken(2);
    assert_eq!(bench.view(2), (1, false), "one second after the request came");
}
