//! Short datagrams through the air: lost, repeated, out of order. Over a radio of the test's own,
//! and over UDP sockets.

use crate::keys::{client, node};
use crate::replicas::{Cluster, FRAME, SEATS};
use crate::rng::Rng;
use edge_nal::{UdpReceive, UdpSend};
use embedded_io::{ErrorKind, ErrorType};
use quorate::Principal;
use quorate_embedded::{Arrival, Fragmented, Link, Polled, Udp};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

/// What happens to packets, out of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub lost: usize,
    pub repeated: usize,
    pub swapped: usize,
}

impl Weather {
    pub const FAIR: Self = Self { lost: 0, repeated: 0, swapped: 0 };
    pub const FOUL: Self = Self { lost: 4, repeated: 40, swapped: 10 };
}

type Packet = (Principal, Vec<u8>);

#[derive(Debug)]
struct Shared {
    inboxes: Vec<VecDeque<Packet>>,
    rng: Rng,
    weather: Weather,
}

/// The air between boards.
#[derive(Clone, Debug)]
pub struct Air(Rc<RefCell<Shared>>);

pub fn who(board: usize) -> Principal {
    if board < SEATS.nodes { node(board) } else { client(board - SEATS.nodes) }
}

impl Air {
    pub fn new(boards: usize, seed: u64, weather: Weather) -> Self {
        let inboxes = vec![VecDeque::new(); boards];
        Self(Rc::new(RefCell::new(Shared { inboxes, rng: Rng::new(seed), weather })))
    }

    pub fn radio(&self, board: usize, mtu: usize) -> Radio {
        Radio { air: self.clone(), board, mtu }
    }

    pub fn clear(&self) {
        self.0.borrow_mut().weather = Weather::FAIR;
    }

    /// How many packets are in an inbox.
    pub fn waiting(&self, board: usize) -> usize {
        self.0.borrow().inboxes[board].len()
    }

    /// Puts a packet into an inbox.
    pub fn deliver(&self, from: Principal, to: usize, packet: &[u8]) {
        let Shared { inboxes, rng, weather } = &mut *self.0.borrow_mut();
        let mut happens = |often: usize| rng.below(1000) < often;
        if happens(weather.lost) {
            return;
        }
        let copies = if happens(weather.repeated) { 2 } else { 1 };
        let swap = happens(weather.swapped);
        for _ in 0..copies {
            inboxes[to].push_back((from, packet.to_vec()));
        }
        let last = inboxes[to].len() - 1;
        if swap && last > 0 {
            inboxes[to].swap(last, last - 1);
        }
    }
}

/// One board's radio.
#[derive(Debug)]
pub struct Radio {
    air: Air,
    board: usize,
    mtu: usize,
}

impl Link for Radio {
    type Error = ErrorKind;

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), ErrorKind> {
        assert!(frame.len() <= self.mtu, "{} bytes", frame.len());
        let to = SEATS.row(to).ok_or(ErrorKind::AddrNotAvailable)?;
        self.air.deliver(who(self.board), to, frame);
        Ok(())
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, ErrorKind> {
        let next = self.air.0.borrow_mut().inboxes[self.board].pop_front();
        let Some((from, packet)) = next else { return Ok(None) };
        buffer[..packet.len()].copy_from_slice(&packet);
        Ok(Some(Arrival { from, length: packet.len() }))
    }
}

/// A UDP socket over the same air.
#[derive(Debug)]
pub struct Socket(pub Radio);

pub fn address(board: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, board as u8), 4000))
}

impl ErrorType for Socket {
    type Error = ErrorKind;
}

impl UdpSend for Socket {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), ErrorKind> {
        let to = (0..SEATS.count()).find(|board| address(*board) == remote).unwrap();
        Link::send(&mut self.0, who(to), data)
    }
}

impl UdpReceive for Socket {
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        std::future::poll_fn(|_| match self.0.try_receive(buffer).unwrap() {
            Some(Arrival { from, length }) => {
                let from = address(SEATS.row(from).unwrap());
                std::task::Poll::Ready(Ok((length, from)))
            }
            None => std::task::Poll::Pending,
        })
        .await
    }
}

fn service_works<L: Link>(cluster: &mut Cluster<L>, air: &Air, rounds: u8, what: &str) {
    let mut total = 0;
    for round in 0..rounds {
        total += u64::from(round);
        assert_eq!(cluster.ask(usize::from(round % 2), round), total, "{what}");
    }
    air.clear();
    assert_eq!(cluster.settle().total, total, "{what}");
}

#[test]
fn four_boards_agree_over_can_and_over_a_radio() {
    for (seed, weather) in [(1, Weather::FAIR), (2, Weather::FOUL), (3, Weather::FOUL)] {
        let air = Air::new(6, seed, weather);
        let link = |board| Fragmented::<_, 64, FRAME, 6>::new(air.radio(board, 64), SEATS);
        service_works(&mut Cluster::new(link), &air, 20, &format!("CAN, seed {seed}"));
        let air = Air::new(6, seed, weather);
        let link = |board| Fragmented::<_, 127, FRAME, 6>::new(air.radio(board, 127), SEATS);
        service_works(&mut Cluster::new(link), &air, 20, &format!("radio, seed {seed}"));
    }
}

#[test]
fn four_boards_agree_over_udp() {
    let air = Air::new(6, 5, Weather { lost: 20, repeated: 40, swapped: 20 });
    let link = |board| {
        let book = (0..6).map(|board| (who(board), address(board))).collect::<Vec<_>>();
        let udp = Udp::new(Socket(air.radio(board, 1472)), book, 400);
        Polled(Fragmented::<_, 400, FRAME, 6>::new(udp, SEATS))
    };
    service_works(&mut Cluster::new(link), &air, 20, "UDP");
}

#[test]
fn a_datagram_of_a_stranger_is_dropped_and_the_next_is_not() {
    let air = Air::new(6, 5, Weather::FAIR);
    let book = vec![(node(1), address(1))];
    let mut udp = Polled(Udp::new(Socket(air.radio(0, 1472)), book, 100));
    air.deliver(node(2), 0, b"who am I");
    air.deliver(node(1), 0, b"hello");
    let mut buffer = [0; 200];
    let arrival = udp.try_receive(&mut buffer).unwrap();
    assert_eq!(arrival, Some(Arrival { from: node(1), length: 5 }));
    assert_eq!(udp.0.strangers(), 1);
    assert!(udp.send(node(2), b"nowhere").is_err());
    assert!(udp.send(node(1), &[0; 101]).is_err());
}
