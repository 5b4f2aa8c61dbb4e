//! The rules of sessions, one by one: a board, and peers that the test plays, frame by frame.

use crate::keys::{client, member, node};
use crate::replicas::{FRAME, SEATS, forgetful};
use crate::scheme::TestSigner;
use crate::sessions::{Idle, idle};
use quorate::hmac::{Opener, Sealer};
use quorate::link::{Hello, Opener as _, Proof, Sealer as _};
use quorate::pbft::{Message, Request};
use quorate::{ClientId, Digest, Instant, Principal, Signature, wire};
use quorate_embedded::{Arrival, Link, Proofs as _, Seats};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

/// What an empty frame says, which proves who sent it.
const PROOF: &[u8] = &[2];
/// How often a peer without a session is greeted at first.
const INTERVAL: u64 = 250;

/// The end of a link that the test holds.
#[derive(Default)]
struct Tap {
    to_board: VecDeque<(Principal, Vec<u8>)>,
    from_board: Vec<(Principal, Vec<u8>)>,
}

impl Link for Tap {
    type Error = Infallible;

    fn mtu(&self) -> usize {
        FRAME
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Infallible> {
        self.from_board.push((to, frame.to_vec()));
        Ok(())
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, Infallible> {
        let Some((from, frame)) = self.to_board.pop_front() else { return Ok(None) };
        buffer[..frame.len()].copy_from_slice(&frame);
        Ok(Some(Arrival { from, length: frame.len() }))
    }
}

/// Board 0, which has nothing to say, and the time in milliseconds.
struct Bench {
    board: Idle,
    tap: Tap,
    now: u64,
}

impl Bench {
    /// A board that has greeted everybody.
    fn new() -> Self {
        let mut bench = Self { board: idle(0), tap: Tap::default(), now: 0 };
        bench.pass(0);
        bench
    }

    /// Lets time pass; returns what the board says meanwhile.
    fn pass(&mut self, millis: u64) -> Vec<(Principal, Vec<u8>)> {
        for at in self.now..=self.now + millis {
            loop {
                self.board.poll(&mut self.tap, Instant::from_micros(at * 1000)).unwrap();
                if self.tap.to_board.is_empty() {
                    break;
                }
            }
        }
        self.now += millis;
        std::mem::take(&mut self.tap.from_board)
    }

    /// Hands frames over at one moment; returns what the board says at once.
    fn hear<'f>(
        &mut self,
        from: usize,
        frames: impl IntoIterator<Item = &'f [u8]>,
    ) -> Vec<(Principal, Vec<u8>)> {
        let frames = frames.into_iter().map(|frame| (node(from), frame.to_vec()));
        self.tap.to_board.extend(frames);
        self.pass(0)
    }

    fn greet(&mut self, hello: &Hello) -> Vec<(Principal, Vec<u8>)> {
        self.hear(1, [&hello.to_bytes()[..]])
    }

    /// Opens a session with board 1, whose hello this is.
    fn meet(&mut self, mine: &Hello) -> (Hello, Sealer, Opener) {
        let answer = self.greet(mine);
        let theirs = hellos(&answer, 1)[0];
        let (mut sealer, mut opener) = session(mine, &theirs);
        assert_eq!(opener.open(sealed(&answer, 1)[0]), Ok(PROOF));
        self.hear(1, [&seal(&mut sealer)[..]]);
        assert!(self.board.has_session(node(1)));
        (theirs, sealer, opener)
    }
}

fn hello(nonce: u8) -> Hello {
    let (from, to, proof) = (node(1), node(0), Proof::Hmac);
    Hello { cluster: Digest::of(b"boards"), epoch: 1, from, to, nonce: [nonce; 32], proof }
}

fn session(mine: &Hello, theirs: &Hello) -> (Sealer, Opener) {
    let Principal::Node(me) = mine.from else { panic!("a node") };
    let member = member(Seats { nodes: 4, clients: 0 }, node(me.index()));
    member.proofs.session(mine, theirs).unwrap()
}

fn seal(sealer: &mut Sealer) -> Vec<u8> {
    let mut frame = vec![0; 100];
    let length = sealer.seal(PROOF, &mut frame).unwrap();
    frame.truncate(length);
    frame
}

/// Frames in the name of board 1 that nobody can open.
fn nonsense() -> Vec<u8> {
    seal(&mut session(&hello(99), &Hello { from: node(0), to: node(1), ..hello(98) }).0)
}

fn to(said: &[(Principal, Vec<u8>)], whom: usize) -> impl Iterator<Item = &[u8]> {
    said.iter().filter(move |(to, _)| *to == node(whom)).map(|(_, frame)| &frame[..])
}

fn hellos(said: &[(Principal, Vec<u8>)], whom: usize) -> Vec<Hello> {
    to(said, whom).filter_map(|frame| Hello::from_bytes(frame).ok()).collect()
}

fn sealed(said: &[(Principal, Vec<u8>)], whom: usize) -> Vec<&[u8]> {
    to(said, whom).filter(|frame| Hello::from_bytes(frame).is_err()).collect()
}

#[test]
fn nodes_are_greeted_less_and_less_often_until_there_is_a_session() {
    let mut bench = Bench::new();
    let (mut times, mut last) = (Vec::new(), 0);
    while times.len() < 6 {
        if !hellos(&bench.pass(1), 1).is_empty() {
            times.push(bench.now - last);
            last = bench.now;
        }
    }
    assert_eq!(times, [1, 2, 4, 8, 16, 16].map(|factor| factor * INTERVAL));
    bench.meet(&hello(1));
    let said = bench.pass(20 * INTERVAL);
    assert!(hellos(&said, 1).is_empty() && !hellos(&said, 2).is_empty());
}

#[test]
fn clients_come_by_themselves() {
    let (mut board, mut tap) = (forgetful(0, 0), Tap::default());
    for millis in 0..5000 {
        board.poll(&mut tap, Instant::ZERO.after(Duration::from_millis(millis))).unwrap();
    }
    assert!(tap.from_board.iter().all(|(to, _)| matches!(to, Principal::Node(_))));
    assert!(!tap.from_board.is_empty());
}

#[test]
fn a_nonce_makes_one_session_and_a_counter_one_frame() {
    let mut bench = Bench::new();
    let (first, _, mut opener) = bench.meet(&hello(1));
    let again = bench.greet(&hello(1));
    let again = if again.is_empty() { bench.pass(INTERVAL) } else { again };
    assert_eq!(hellos(&again, 1), [], "two that answered hellos with hellos would never end");
    assert_eq!(opener.open(sealed(&again, 1)[0]), Ok(PROOF), "a counter was used twice");
    bench.pass(INTERVAL);
    let (second, ..) = bench.meet(&hello(2));
    assert_ne!(first.nonce, second.nonce);
}

#[test]
fn the_session_before_stays_until_the_next_is_proved() {
    let mut bench = Bench::new();
    bench.greet(&hello(1));
    assert!(!bench.board.has_session(node(1)));
    bench.hear(1, [&nonsense()[..]]);
    assert!(!bench.board.has_session(node(1)));
    bench.pass(INTERVAL);
    let (_, mut sealer, _) = bench.meet(&hello(1));
    bench.greet(&hello(2));
    let unproved = bench.board.traffic().unproved;
    bench.hear(1, [&seal(&mut sealer)[..]]);
    assert_eq!(bench.board.traffic().unproved, unproved);
}

#[test]
fn the_newest_hello_counts() {
    let mut bench = Bench::new();
    let answer = bench.greet(&hello(1));
    bench.greet(&hello(2));
    let (mut sealer, _) = session(&hello(2), &hellos(&answer, 1)[0]);
    bench.hear(1, [&seal(&mut sealer)[..]]);
    assert!(bench.board.has_session(node(1)));
}

#[test]
fn what_cannot_be_opened_is_answered_with_hello_and_proof() {
    let mut bench = Bench::new();
    bench.pass(INTERVAL / 2);
    let said = bench.hear(1, [&nonsense()[..]]);
    let first = hellos(&said, 1);
    assert_eq!(first.len(), 1, "it has no session: it says what the next may be made of");
    let (theirs, _, mut opener) = bench.meet(&hello(1));
    assert_eq!(theirs, first[0]);
    bench.pass(INTERVAL);
    let said = bench.hear(1, [&nonsense()[..]]);
    assert_eq!(hellos(&said, 1), [theirs], "the hello of the session that it has");
    assert_eq!(opener.open(sealed(&said, 1)[0]), Ok(PROOF));
}

#[test]
fn what_is_repeated_is_dropped_in_silence() {
    let mut bench = Bench::new();
    let (_, mut sealer, _) = bench.meet(&hello(1));
    bench.pass(INTERVAL);
    let frame = seal(&mut sealer);
    assert_eq!(bench.hear(1, [&frame[..]]), []);
    let unproved = bench.board.traffic().unproved;
    assert_eq!(bench.hear(1, [&frame[..], &frame]), []);
    assert_eq!(bench.board.traffic().unproved, unproved + 2);
    assert!(to(&bench.pass(INTERVAL), 1).next().is_none());
}

/// Repeated, never to be opened, or a proof that nobody needs: it is borne 1,024 times at once, and
/// nobody else waits for it.
#[test]
fn who_sends_for_nothing_is_not_looked_at_for_a_while() {
    for what in ["repeats", "nonsense", "proofs"] {
        let mut bench = Bench::new();
        let (_, mut sealer, _) = bench.meet(&hello(1));
        let repeated = seal(&mut sealer);
        let frames = (0..1200).map(|_| match what {
            "repeats" => repeated.clone(),
            "nonsense" => nonsense(),
            _ => seal(&mut sealer),
        });
        let frames: Vec<_> = frames.collect();
        bench.hear(1, frames[..1000].iter().map(|frame| &frame[..]));
        assert_eq!(bench.board.traffic().ignored, 0, "{what}");
        bench.hear(1, frames[1000..].iter().map(|frame| &frame[..]));
        assert!(bench.board.traffic().ignored > 100, "{what}");
        let other = Hello { from: node(2), ..hello(3) };
        let said = bench.hear(2, [&other.to_bytes()[..]]);
        assert_eq!(hellos(&said, 2).len(), 1, "{what}");
    }
}

#[test]
fn hellos_that_are_not_for_this_link_are_not_answered() {
    let wrong = [
        Hello { cluster: Digest::of(b"others"), ..hello(1) },
        Hello { epoch: 2, ..hello(1) },
        Hello { to: node(2), ..hello(1) },
        Hello { proof: Proof::Ed25519, ..hello(1) },
    ];
    for hello in wrong {
        let mut bench = Bench::new();
        assert_eq!(bench.greet(&hello), [], "{hello:?}");
        assert_eq!(bench.board.traffic().unproved, 1, "{hello:?}");
    }
    // One that the link says is from somebody else, and one that is from the board itself.
    let mut bench = Bench::new();
    assert_eq!(bench.hear(2, [&hello(1).to_bytes()[..]]), []);
    let own = Hello { from: node(0), ..hello(1) };
    assert_eq!(bench.hear(0, [&own.to_bytes()[..]]), []);
    assert_eq!(bench.board.traffic().unproved, 2);
    assert_eq!(hellos(&bench.greet(&hello(1)), 1).len(), 1);
}

#[test]
fn a_flood_of_hellos_is_answered_eight_times_an_interval_and_delays_nobody() {
    let mut bench = Bench::new();
    let mut answers = 0;
    for at in 0..INTERVAL * 4 {
        answers += hellos(&bench.greet(&hello(at as u8)), 1).len();
        if at == 100 {
            let other = Hello { from: node(2), ..hello(3) };
            let said = bench.hear(2, [&other.to_bytes()[..]]);
            assert_eq!((hellos(&said, 2).len(), sealed(&said, 2).len()), (1, 1));
        }
        answers += hellos(&bench.pass(1), 1).len();
    }
    assert!((30..=35).contains(&answers), "{answers} answers in four intervals");
}

#[test]
fn what_may_be_of_a_session_to_come_is_tried_sixteen_times_at_once() {
    for (before, enters) in [(15, true), (16, false)] {
        let mut bench = Bench::new();
        let answer = bench.greet(&hello(1));
        let (mut sealer, _) = session(&hello(1), &hellos(&answer, 1)[0]);
        bench.hear(1, (0..before).map(|_| nonsense()).collect::<Vec<_>>().iter().map(|it| &it[..]));
        bench.hear(1, [&seal(&mut sealer)[..]]);
        assert_eq!(bench.board.has_session(node(1)), enters, "after {before} others");
        bench.pass(INTERVAL);
        bench.hear(1, [&seal(&mut sealer)[..]]);
        assert!(bench.board.has_session(node(1)));
    }
}

/// An answer that waits for its turn is of the session that there is when it leaves.
#[test]
fn what_is_owed_when_a_session_begins_is_said_in_it() {
    let mut bench = Bench::new();
    let answer = bench.greet(&hello(1));
    let theirs = hellos(&answer, 1)[0];
    (0..3).for_each(|_| drop(bench.greet(&hello(1))));
    let (mut sealer, mut opener) = session(&hello(1), &theirs);
    bench.hear(1, [&seal(&mut sealer)[..]]);
    let said = bench.pass(INTERVAL);
    assert_eq!(hellos(&said, 1), [theirs]);
    let proof = sealed(&said, 1);
    assert_eq!((proof.len(), opener.open(proof[0])), (1, Ok(PROOF)));
}

/// A replica that has lost its memory asks all others to say again what they said. Much of that is
/// of no use, and nobody's wrong.
#[test]
fn answers_to_a_question_to_all_are_borne() {
    let (mut board, mut tap) = (forgetful(0, 1), Tap::default());
    let mut run = |tap: &mut Tap, from: u64, to: u64| {
        for millis in from..=to {
            loop {
                board.poll(tap, Instant::from_micros(millis * 1000)).unwrap();
                if tap.to_board.is_empty() {
                    break;
                }
            }
        }
        (board.traffic().ignored, std::mem::take(&mut tap.from_board))
    };
    let (mine, me) = (hello(1), node(1));
    tap.to_board.push_back((me, mine.to_bytes().to_vec()));
    let (_, answer) = run(&mut tap, 0, 100);
    let (mut sealer, _) = session(&mine, &hellos(&answer, 1)[0]);
    let frame = seal(&mut sealer);
    tap.to_board.push_back((me, frame.clone()));
    run(&mut tap, 101, 400);
    tap.to_board.extend((0..1000).map(|_| (me, frame.clone())));
    let (ignored, _) = run(&mut tap, 401, 401);
    assert_eq!(ignored, 0);
    let (_, asked) = run(&mut tap, 402, 600);
    assert!(!sealed(&asked, 1).is_empty(), "it asks");
    tap.to_board.extend((0..700).map(|_| (me, frame.clone())));
    let (ignored, _) = run(&mut tap, 601, 601);
    assert_eq!(ignored, 0);
}

/// A client says one request again and again, well signed, each in a frame of its own: 64 are
/// looked at, and then one each 5 ms.
#[test]
fn a_client_has_its_requests_verified_at_a_pace() {
    let (mut board, mut tap, me) = (forgetful(0, 0), Tap::default(), client(0));
    let mine = Hello { from: me, ..hello(5) };
    tap.to_board.push_back((me, mine.to_bytes().to_vec()));
    board.poll(&mut tap, Instant::ZERO).unwrap();
    let said = tap.from_board.iter().filter(|(to, _)| *to == me);
    let theirs = said.filter_map(|(_, frame)| Hello::from_bytes(frame).ok()).next().unwrap();
    let member = member(SEATS, me);
    let (mut sealer, _) = member.proofs.session(&mine, &theirs).unwrap();

    let (operation, signature) = (wire::Bytes(b"x"), Signature::from_bytes([0; 64]));
    let request = Request { client: ClientId(0), timestamp: 1, operation, signature };
    let (mut payload, scope) = ([0; 200], member.roster.scope());
    let signed =
        wire::seal(Message::Request(request), me, scope, &TestSigner(me), &mut payload[1..]);
    let length = 1 + signed.unwrap().len();
    for _ in 0..4000 {
        let mut frame = vec![0; 300];
        let sealed = sealer.seal(&payload[..length], &mut frame).unwrap();
        frame.truncate(sealed);
        tap.to_board.push_back((me, frame));
    }
    let mut run = |board: &mut crate::replicas::Server<_>, from: u64, to: u64| {
        for millis in from..=to {
            board.poll(&mut tap, Instant::from_micros(millis * 1000)).unwrap();
        }
        let traffic = board.traffic();
        (traffic.received - traffic.ignored, traffic.ignored)
    };
    let (heard, ignored) = run(&mut board, 0, 20);
    assert!((60..80).contains(&heard) && ignored > 1000, "{heard} heard, {ignored} ignored");
    let (after, ignored) = run(&mut board, 21, 1000);
    assert!(after <= heard + 200 && ignored > 3000, "{after} heard, {ignored} ignored");
    assert_eq!(board.traffic().unproved, 0);
}
