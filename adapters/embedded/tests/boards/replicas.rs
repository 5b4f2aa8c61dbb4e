//! PBFT on boards.

use crate::keys::{Board, client, member, node, nonce};
use crate::line::{Line, Noise, Port};
use quorate::auth::{Scope, Verifier};
use quorate::pbft::{self, Client, ClientConfig, Config, Dimensions, Durability, Fixed, Replica};
use quorate::service::{ClientCommand, ClientDecision};
use quorate::{ClientId, Digest, Instant, NodeId, Quorum};
use quorate_embedded::{
    Application, Caller, Forgetful, Journal, Layout, Link, Node, NodeError, Polling, Refused,
    Reply, Seats, Service, Settings, Stopped, Stream, wait,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

pub const SEATS: Seats = Seats { nodes: 4, clients: 2 };
const WINDOW: usize = 8;
pub const DIMENSIONS: Dimensions = Dimensions {
    nodes: SEATS.nodes,
    window: WINDOW,
    batch_bytes: 256,
    clients: SEATS.clients,
    reply_bytes: 16,
};
pub const LAYOUT: Layout = Layout { dimensions: DIMENSIONS, state_bytes: 40 };
/// Bytes of the longest frame: 45 is what the proof takes, and 1 the channel.
pub const FRAME: usize = LAYOUT.message_bytes() + 46;

/// Adds up what it is told: its state is the sum, how often, and a digest of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub total: u64,
    pub history: Digest,
}

impl Application for Sum {
    fn execute(&mut self, client: ClientId, operation: &[u8], reply: &mut Reply<'_>) {
        self.total += u64::from(*operation.first().unwrap_or(&0));
        let past = [&self.history.0[..], &client.0.to_le_bytes(), operation].concat();
        self.history = Digest::of(&past);
        reply.write(&self.total.to_le_bytes());
    }

    fn read(&self, _client: ClientId, _operation: &[u8], reply: &mut Reply<'_>) -> bool {
        reply.write(&self.total.to_le_bytes());
        true
    }

    fn snapshot(&self, page: &mut [u8]) -> Result<usize, Refused> {
        let room = page.get_mut(..40).ok_or(Refused)?;
        room[..8].copy_from_slice(&self.total.to_le_bytes());
        room[8..].copy_from_slice(&self.history.0);
        Ok(40)
    }

    fn restore(&mut self, page: &[u8]) -> Result<(), Refused> {
        let (total, history) = page.split_first_chunk::<8>().ok_or(Refused)?;
        self.total = u64::from_le_bytes(*total);
        self.history = Digest(history.try_into().map_err(|_| Refused)?);
        Ok(())
    }
}

pub type Memory = Fixed<4, WINDOW, 256, 2, 16>;
pub type Host<J> = Service<Sum, J, Vec<u8>>;
pub type Server<J> = Node<Replica<Memory>, Host<J>, Board, Vec<u8>, 6>;

pub fn config(me: usize) -> Config {
    let scope = Scope {
        cluster: Digest::of(b"boards"),
        epoch: 1,
        profile: crate::scheme::TestVerifier::PROFILE,
    };
    let mut config = Config::new(NodeId(me as u8), scope);
    config.timeout = Duration::from_millis(400);
    config.watch_window = Duration::from_millis(200);
    config
}

pub fn service() -> Host<Forgetful> {
    Service::new(Sum::default(), Forgetful, vec![0; LAYOUT.bytes()], LAYOUT).unwrap()
}

/// A replica's board.
pub fn board<J: Journal>(
    me: usize,
    start: u64,
    replica: Replica<Memory>,
    host: Host<J>,
) -> Server<J> {
    let settings = Settings::new(nonce(node(me), start));
    Node::new(replica, host, member(SEATS, node(me)), vec![0; 3 * FRAME], settings).unwrap()
}

/// One without a log: when it is started again it has forgotten everything.
pub fn forgetful(me: usize, start: u64) -> Server<Forgetful> {
    let mut config = config(me);
    config.durability = Durability::None;
    let replica = match start {
        0 => Replica::new(config, Memory::new()),
        _ => Replica::amnesiac(config, Memory::new(), start),
    };
    board(me, start, replica.unwrap(), service())
}

pub type Ends = Rc<RefCell<Vec<Result<u64, pbft::Failure>>>>;
pub type OnEnd = Box<dyn FnMut(ClientDecision<'_>)>;
pub type Asker = Node<Client<Vec<u8>>, Caller<OnEnd>, Board, Vec<u8>, 6>;

pub fn asker(me: usize, ends: Ends) -> Asker {
    let quorum = Quorum::of(4).unwrap();
    let config = ClientConfig {
        me: ClientId(me as u16),
        quorum,
        retry: Duration::from_millis(150),
        give_up: Duration::from_secs(60),
        switches: pbft::Switches::default(),
    };
    let on_end: OnEnd = Box::new(move |end| {
        ends.borrow_mut().push(match end {
            ClientDecision::Done { reply } => Ok(u64::from_le_bytes(reply.try_into().unwrap())),
            ClientDecision::Failed(failure) => Err(failure),
        });
    });
    let settings = Settings::new(nonce(client(me), 0));
    let protocol = Client::new(config, vec![0; 64], vec![0; 16]);
    let host = Caller::new(on_end);
    // Requests and replies are short.
    Node::new(protocol, host, member(SEATS, client(me)), vec![0; 3 * 256], settings).unwrap()
}

/// Four replicas, two clients, and the time that they share.
pub struct Cluster<L, J = Forgetful> {
    pub servers: Vec<Option<Server<J>>>,
    pub server_links: Vec<L>,
    askers: Vec<Asker>,
    asker_links: Vec<L>,
    ends: Vec<Ends>,
    pub now: Instant,
}

impl<L: Link> Cluster<L> {
    /// Boards without a log.
    pub fn new(link: impl FnMut(usize) -> L) -> Self {
        Self::of((0..SEATS.nodes).map(|me| forgetful(me, 0)), link)
    }
}

impl<L: Link, J: Journal> Cluster<L, J> {
    /// `link` makes the link of each board: replicas first.
    pub fn of(servers: impl Iterator<Item = Server<J>>, mut link: impl FnMut(usize) -> L) -> Self {
        let ends: Vec<Ends> = (0..SEATS.clients).map(|_| Ends::default()).collect();
        Self {
            servers: servers.map(Some).collect(),
            server_links: (0..SEATS.nodes).map(&mut link).collect(),
            askers: ends.iter().enumerate().map(|(me, it)| asker(me, it.clone())).collect(),
            asker_links: (0..SEATS.clients).map(|me| link(SEATS.nodes + me)).collect(),
            ends,
            now: Instant::ZERO,
        }
    }

    /// Everybody has a turn, and a board that cannot go on is off from then on. Then a fifth of a
    /// millisecond passes.
    pub fn turn(&mut self) {
        for (place, link) in self.servers.iter_mut().zip(&mut self.server_links) {
            if place.as_mut().is_some_and(|server| server.poll(link, self.now).is_err()) {
                *place = None;
            }
        }
        for (asker, link) in self.askers.iter_mut().zip(&mut self.asker_links) {
            asker.poll(link, self.now).unwrap();
        }
        self.now = self.now.after(Duration::from_micros(200));
    }

    /// Has a client say what is to be executed.
    pub fn submit(&mut self, by: usize, amount: u8) {
        let wall_micros = self.now.as_micros() + 1;
        let command = ClientCommand::Submit { operation: &[amount], wall_micros };
        self.askers[by].command(&mut self.asker_links[by], self.now, command).unwrap();
    }

    /// Has a client's operation executed; returns the reply.
    pub fn ask(&mut self, by: usize, amount: u8) -> u64 {
        let before = self.ends[by].borrow().len();
        self.submit(by, amount);
        for _ in 0..400_000 {
            self.turn();
            if let Some(end) = self.ends[by].borrow().get(before) {
                return end.unwrap();
            }
        }
        panic!("no answer");
    }

    /// How many operations of a client have ended.
    pub fn ended(&self, by: usize) -> usize {
        self.ends[by].borrow().len()
    }

    pub fn states(&self) -> Vec<Sum> {
        let servers = self.servers.iter().flatten();
        servers.map(|server| server.host().application().clone()).collect()
    }

    /// Waits until all that have power have the same state. Nobody had
    /// to wait for having said too much: all of them are correct.
    pub fn settle(&mut self) -> Sum {
        for _ in 0..400_000 {
            self.turn();
            let states = self.states();
            if states.iter().all(|state| *state == states[0]) {
                let servers = self.servers.iter().flatten().map(Server::traffic);
                let all = servers.chain(self.askers.iter().map(Asker::traffic));
                assert_eq!(all.map(|traffic| traffic.ignored).max(), Some(0));
                return states[0].clone();
            }
        }
        panic!("states differ: {:?}", self.states());
    }
}

pub fn wired(line: &Line) -> Cluster<Stream<Port>> {
    Cluster::new(|board| {
        let me = if board < 4 { node(board) } else { client(board - 4) };
        Stream::new(line.port(board), me, FRAME)
    })
}

#[test]
fn four_boards_on_a_quiet_line_execute_what_clients_ask() {
    let line = Line::new(6, 1, Noise::NONE);
    let mut cluster = wired(&line);
    let mut total = 0;
    for round in 0..40u8 {
        total += u64::from(round);
        assert_eq!(cluster.ask(usize::from(round % 2), round), total);
    }
    assert_eq!(cluster.settle().total, total);
    for server in cluster.servers.iter().flatten() {
        assert_eq!(server.host().faults().0, 0, "{:?}", server.host());
        assert_eq!(server.traffic().too_long, 0);
    }
}

/// A client that asks again as soon as it is answered is heard each time, however fast that is.
#[test]
fn a_client_with_one_request_under_way_is_never_ignored() {
    let line = Line::new(6, 1, Noise::NONE);
    let mut cluster = wired(&line);
    for total in 1..=600 {
        assert_eq!(cluster.ask(0, 1), total);
    }
    assert!(cluster.now < Instant::from_micros(2_400_000), "fewer than 250 a second");
    for server in cluster.servers.iter().flatten() {
        assert_eq!(server.traffic().ignored, 0);
    }
}

/// A buffer or a link for which the longest message is too long is refused at once: messages that
/// never arrive would come to light when they are needed.
#[test]
fn buffers_and_links_that_are_too_short_are_refused() {
    let make = |bytes: usize| {
        let mut config = config(0);
        config.durability = Durability::None;
        let replica = Replica::new(config, Memory::new()).unwrap();
        let (identity, settings) = (member(SEATS, node(0)), Settings::new(nonce(node(0), 0)));
        Node::new(replica, service(), identity, vec![0; bytes], settings)
            .map(|node: Server<Forgetful>| node)
    };
    assert_eq!(make(3 * FRAME - 1).err(), Some(NodeError::Buffer(3 * FRAME)));
    let mut board = make(3 * FRAME).unwrap();
    for carried in [0, 300, FRAME - 1] {
        let line = Line::new(6, 1, Noise::NONE);
        let mut link = Stream::new(line.port(0), node(0), carried);
        let refused = Err(Stopped::Mtu { carried, needed: FRAME });
        assert_eq!(board.poll(&mut link, Instant::ZERO), refused);
        let mut hands = crate::waiting::Hands::default();
        let mut link = Polling(link);
        assert_eq!(wait(board.turn(&mut link, &mut hands)), refused.map(|_: Option<Instant>| ()));
    }
    let line = Line::new(6, 1, Noise::NONE);
    let mut link = Stream::new(line.port(0), node(0), FRAME);
    assert!(board.poll(&mut link, Instant::ZERO).is_ok(), "nothing was wrong with the board");
}

#[test]
fn noise_on_the_line_costs_time_and_nothing_else() {
    for seed in 0..4 {
        let line = Line::new(6, seed, Noise::ROUGH);
        let mut cluster = wired(&line);
        let mut total = 0;
        for round in 0..25u8 {
            total += u64::from(round);
            assert_eq!(cluster.ask(usize::from(round % 2), round), total, "seed {seed}");
        }
        line.set_noise(Noise::NONE);
        assert_eq!(cluster.settle().total, total, "seed {seed}");
    }
}

#[test]
fn a_board_that_loses_its_power_and_its_memory_comes_back() {
    let line = Line::new(6, 7, Noise::NONE);
    let mut cluster = wired(&line);
    let mut total = 0;
    for (victim, start) in [(0, 1), (2, 1), (0, 2)] {
        cluster.servers[victim] = None;
        line.switch(victim, true);
        for round in 0..20 {
            total += round;
            assert_eq!(cluster.ask(1, round as u8), total);
        }
        line.switch(victim, false);
        cluster.servers[victim] = Some(forgetful(victim, start));
        // It votes again only above everything that it may have said before.
        let recovering = |cluster: &Cluster<_>| {
            cluster.servers[victim].as_ref().unwrap().protocol().is_recovering()
        };
        for round in 0..200 {
            if round > 20 && !recovering(&cluster) {
                break;
            }
            total += round;
            assert_eq!(cluster.ask(0, round as u8), total);
        }
        assert!(!recovering(&cluster), "{:?}", cluster.servers[victim]);
        assert_eq!(cluster.settle().total, total);
    }
}
