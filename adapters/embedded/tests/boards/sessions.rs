//! Sessions that liars and slow links would like to spoil.

use crate::air::{Air, Weather};
use crate::keys::{Board, member, node, nonce};
use crate::replicas::{FRAME, forgetful};
use crate::rng::Rng;
use quorate::link::{Hello, Proof};
use quorate::rounds::{Config, General, Instance, Schedule};
use quorate::{Digest, Instant, NodeId, Principal, om};
use quorate_embedded::{Arrival, Assembly, Link, Node, Seats, Settings};
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

const STEP: Duration = Duration::from_millis(1);

/// A hello in the name of board 1, of a nonce that nobody will ever prove.
fn forged(rng: &mut Rng) -> [u8; Hello::LEN] {
    let cluster = Digest::of(b"boards");
    let (from, to) = (node(1), node(0));
    Hello { cluster, epoch: 1, from, to, nonce: rng.array(), proof: Proof::Hmac }.to_bytes()
}

/// A board was started again while a liar greets another one in its name all the time: under the
/// liar's own name where the link tells who sent a frame, and under the board's where it lies.
#[test]
fn forged_hellos_keep_no_board_out() {
    for (by, seed) in [(node(3), 1), (node(3), 2), (node(1), 3), (node(1), 4)] {
        let air = Air::new(6, seed, Weather::FAIR);
        let mut links = [0, 1].map(|board| air.radio(board, FRAME));
        let mut boards = [0, 1].map(|board| forgetful(board, 0));
        let (mut now, mut rng) = (Instant::ZERO, Rng::new(seed));
        let mut run = |boards: &mut [_; 2], millis: u32, liar: bool| {
            for _ in 0..millis {
                if liar {
                    air.deliver(by, 0, &forged(&mut rng));
                }
                for (board, link) in boards.iter_mut().zip(&mut links) {
                    Node::poll(board, link, now).unwrap();
                }
                now = now.after(STEP);
            }
        };
        run(&mut boards, 500, false);
        assert!(boards[0].has_session(node(1)) && boards[1].has_session(node(0)));
        boards[1] = forgetful(1, 1);
        run(&mut boards, 5000, true);
        assert!(boards[1].has_session(node(0)), "{by:?}");
        // What was under way comes to its end.
        run(&mut boards, 500, false);
        // And each opens what the other says: in the last session, not in the one before.
        let before = [0, 1].map(|at| boards[at].traffic());
        run(&mut boards, 500, false);
        let after = [0, 1].map(|at| boards[at].traffic());
        for (before, after) in before.iter().zip(&after) {
            assert!(after.received > before.received, "{by:?}");
            assert_eq!(after.unproved, before.unproved, "{by:?}");
        }
    }
}

/// What is under way: when it arrives, where, from whom.
type Flight = (Instant, usize, Principal, Vec<u8>);

/// A link on which everything takes its time.
#[derive(Clone)]
struct Slow {
    flights: Rc<RefCell<Vec<Flight>>>,
    me: usize,
    now: Instant,
    delay: Duration,
}

impl Link for Slow {
    type Error = Infallible;

    fn mtu(&self) -> usize {
        FRAME
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Infallible> {
        let Principal::Node(to) = to else { return Ok(()) };
        let at = self.now.after(self.delay);
        self.flights.borrow_mut().push((at, to.index(), node(self.me), frame.to_vec()));
        Ok(())
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, Infallible> {
        let mut flights = self.flights.borrow_mut();
        let mine = |(at, to, ..): &Flight| *to == self.me && *at <= self.now;
        let Some(next) = flights.iter().position(mine) else { return Ok(None) };
        let (_, _, from, frame) = flights.remove(next);
        buffer[..frame.len()].copy_from_slice(&frame);
        Ok(Some(Arrival { from, length: frame.len() }))
    }
}

pub type Idle = Node<General<om::Orders<u8, Vec<om::Entry<u8>>>>, Assembly, Board, Vec<u8>, 4>;

/// A general whose rounds begin when the test is long over.
pub fn idle(me: usize) -> Idle {
    let instance = Instance { number: 1, commander: NodeId(0) };
    let config = Config { me: NodeId(me as u8), nodes: 4, traitors: 1, instance };
    let start = Instant::from_micros(1_000_000_000);
    let schedule = Schedule::new(start, 20 * STEP, 5 * STEP).unwrap();
    let memory = vec![om::Entry::EMPTY; om::slots(4, 1)];
    let general = om::General::new(config, schedule, memory).unwrap();
    let identity = member(Seats { nodes: 4, clients: 0 }, node(me));
    let (buffer, settings) = (vec![0; 3 * FRAME], Settings::new(nonce(node(me), 0)));
    Node::new(general, Assembly::new(), identity, buffer, settings).unwrap()
}

/// Two boards that have nothing to say open their sessions, and then say nothing.
#[test]
fn boards_on_a_slow_link_come_to_an_end_with_their_hellos() {
    for millis in [0, 1, 10, 40, 100, 300] {
        let flights = Rc::default();
        let delay = Duration::from_millis(millis);
        let slow = |me| Slow { flights: Rc::clone(&flights), me, now: Instant::ZERO, delay };
        let mut boards = [0, 1, 2, 3].map(|me| (idle(me), slow(me)));
        let mut sent = Vec::new();
        for second in 0..15u64 {
            for at in 0..1000 {
                let now = Instant::from_micros((second * 1000 + at) * 1000);
                for (board, link) in &mut boards {
                    link.now = now;
                    board.poll(link, now).unwrap();
                }
            }
            sent.push(boards.iter().map(|(board, _)| board.traffic().sent).sum::<u32>());
        }
        for (board, _) in &boards {
            assert!((0..4).filter(|peer| board.has_session(node(*peer))).count() == 3);
        }
        assert_eq!(sent[4], sent[14], "delay {millis} ms, frames each second: {sent:?}");
    }
}
