//! The network thread: every socket of a replica, or of all sessions of a client.

use super::backoff::{Backoff, Random};
use super::connection::{Connection, Ended, Left, Phase};
use super::handshake::{Handshake, Progress, Side};
use super::session::{Identities, OVERHEAD};
use super::timers::{Timer, Timers};
use super::{LinkId, Payload, Post};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use quorate::Principal;
use quorate::link::Hello;
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The token of [`Post`]'s waker.
const WAKE: Token = Token(usize::MAX - 1);
/// The token of the listener.
const LISTEN: Token = Token(usize::MAX - 2);

/// Frames taken from one connection before others have their turn.
const FRAMES_A_ROUND: usize = 64;
/// Connections accepted before others have their turn.
const ACCEPTED_A_ROUND: usize = 64;
/// Pause after the system refused to accept: it is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What takes the frames that arrive. All of it runs on the network thread and must not wait.
pub(crate) trait Intake {
    /// Whether another frame of this link can be taken. If not, the link is not read until
    /// [`Post::resume`]: the peer waits, and nobody else.
    fn ready(&mut self, link: LinkId) -> bool;
    /// Takes an authentic frame.
    fn frame(&mut self, link: LinkId, payload: &[u8]);
    /// The same frame as it came, after [`Intake::frame`], if its sender signed it: with the
    /// hellos of its session, the sender's first.
    fn signed(&mut self, link: LinkId, frame: &[u8], hellos: &[Hello; 2]) {
        let _ = (link, frame, hellos);
    }
    /// A link is up, or down.
    fn changed(&mut self, link: LinkId, up: bool);
    /// Does what is to be done once a round; may fill queues by [`Post::queue`].
    fn turn(&mut self) {}
    /// When the next turn is due at the latest.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// A link that may come up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// Which of our identities it belongs to.
    pub(crate) local: usize,
    /// Who is at the other end.
    pub(crate) remote: Principal,
    /// Where to dial; `None`: the other side dials.
    pub(crate) dial: Option<SocketAddr>,
    /// Bytes of the largest payload that is accepted.
    pub(crate) cap: usize,
    /// A connection over which nothing came for so long is given up.
    pub(crate) idle: Option<Duration>,
}

/// Limits on connections whose peer is not proved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) handshake: Duration,
    pub(crate) half_open: usize,
}

struct Link {
    route: Route,
    /// The place of its proved connection.
    live: Option<usize>,
    backoff: Backoff,
}

pub(crate) struct Reactor<I> {
    poll: Poll,
    post: Arc<Post>,
    identities: Identities,
    links: Vec<Link>,
    by_peer: HashMap<(usize, Principal), LinkId>,
    listener: Option<TcpListener>,
    acceptable: bool,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Accepted connections in the order of their arrival; some may be proved or gone.
    half_open: VecDeque<(usize, u64)>,
    timers: Timers,
    limits: Limits,
    random: Random,
    serial: u64,
    scratch: Vec<u8>,
    taken: Vec<Payload>,
    intake: I,
}

/// A poll, and a waker for the [`Post`] that goes with it.
pub(crate) fn poll() -> io::Result<(Poll, mio::Waker)> {
    let poll = Poll::new()?;
    let waker = mio::Waker::new(poll.registry(), WAKE)?;
    Ok((poll, waker))
}

impl<I: Intake> Reactor<I> {
    pub(crate) fn new(
        poll: Poll,
        post: Arc<Post>,
        identities: Identities,
        routes: Vec<Route>,
        limits: Limits,
        random: Random,
        intake: I,
    ) -> Self {
        let peers = routes.iter().enumerate();
        let by_peer = peers.map(|(at, r)| ((r.local, r.remote), LinkId(at))).collect();
        let link = |route| Link { route, live: None, backoff: Backoff::new() };
        Self {
            poll,
            post,
            identities,
            links: routes.into_iter().map(link).collect(),
            by_peer,
            listener: None,
            acceptable: false,
            connections: Vec::new(),
            free: Vec::new(),
            half_open: VecDeque::new(),
            timers: Timers::default(),
            limits,
            random,
            serial: 0,
            scratch: vec![0; 64 << 10],
            taken: Vec::new(),
            intake,
        }
    }

    /// Accepts connections from this listener.
    pub(crate) fn listen(&mut self, listener: std::net::TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        self.poll.registry().register(&mut listener, LISTEN, Interest::READABLE)?;
        self.listener = Some(listener);
        Ok(())
    }

    /// Runs until [`Post::stop`].
    ///
    /// # Errors
    /// The poll itself failed.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        let mut busy: Vec<usize> = Vec::new();
        for link in 0..self.links.len() {
            self.dial(LinkId(link));
        }
        loop {
            let timeout = if busy.is_empty() { self.wait() } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            let news = self.post.news();
            if news.stopped {
                return Ok(());
            }
            self.note(&events, &mut busy);
            let live = |link: &LinkId| self.links.get(link.0)?.live;
            busy.extend(news.resumed.iter().chain(&news.filled).filter_map(live));
            self.expire();
            self.accept(&mut busy);
            self.round(&mut busy);
            self.intake.turn();
            for link in self.post.filled() {
                if let Some(slot) = self.links[link.0].live {
                    busy.push(slot);
                }
            }
            if !busy.is_empty() {
                self.round(&mut busy);
            }
        }
    }

    /// How long to sleep.
    fn wait(&self) -> Option<Duration> {
        let due = [self.timers.next(), self.intake.deadline()].into_iter().flatten().min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Notes what the poll says.
    fn note(&mut self, events: &Events, busy: &mut Vec<usize>) {
        for event in events {
            match event.token() {
                WAKE => {}
                LISTEN => self.acceptable = true,
                Token(slot) => {
                    let Some(Some(connection)) = self.connections.get_mut(slot) else { continue };
                    connection.readable |= event.is_readable() || event.is_error();
                    connection.readable |= event.is_read_closed();
                    connection.writable |= event.is_writable() || event.is_error();
                    busy.push(slot);
                }
            }
        }
    }

    /// Serves each busy connection once; those with more to do stay busy.
    fn round(&mut self, busy: &mut Vec<usize>) {
        busy.sort_unstable();
        busy.dedup();
        busy.retain(|slot| {
            let Some(mut connection) = self.connections.get_mut(*slot).and_then(Option::take)
            else {
                return false;
            };
            match self.serve(*slot, &mut connection) {
                Ok(left) => {
                    self.connections[*slot] = Some(connection);
                    left == Left::More
                }
                Err(_) => {
                    self.close(*slot, connection);
                    false
                }
            }
        });
    }

    fn serve(&mut self, slot: usize, connection: &mut Connection) -> Result<Left, Ended> {
        if let Phase::Connecting(link) = connection.phase
            && !self.connected(link, connection)?
        {
            return Ok(Left::Nothing);
        }
        let read = self.read(slot, connection)?;
        let written = connection.flush(&self.post, &mut self.taken)?;
        Ok(if read == Left::More { read } else { written })
    }

    /// Whether a dialled connection is there now; if so, our hello is on its way.
    fn connected(&mut self, link: LinkId, connection: &mut Connection) -> Result<bool, Ended> {
        if let Some(error) = connection.stream.take_error()? {
            return Err(error.into());
        }
        if !connection.writable || connection.stream.peer_addr().is_err() {
            return Ok(false);
        }
        connection.stream.set_nodelay(true)?;
        let nonce = nonce()?;
        let Route { local, remote, .. } = self.links[link.0].route;
        let out = &mut connection.out;
        let handshake = Handshake::dial(&self.identities, link, local, remote, nonce, out);
        connection.phase = Phase::Greeting(Some(handshake));
        Ok(true)
    }

    /// Takes frames until there are no more, it is somebody else's turn, or nobody wants them.
    fn read(&mut self, slot: usize, connection: &mut Connection) -> Result<Left, Ended> {
        for _ in 0..FRAMES_A_ROUND {
            if let Phase::Live { link, .. } = connection.phase {
                let ready = self.intake.ready(link);
                self.listen_to(slot, connection, ready)?;
                if !ready {
                    return Ok(Left::Nothing);
                }
            }
            while !self.take_frame(slot, connection)? {
                if !connection.readable || !connection.fill(&mut self.scratch)? {
                    return Ok(Left::Nothing);
                }
            }
        }
        Ok(Left::More)
    }

    /// Has the poll tell of what arrives on a connection, or not: what nobody will read for a
    /// while is not to wake this thread again and again either.
    fn listen_to(&self, slot: usize, connection: &mut Connection, read: bool) -> io::Result<()> {
        if connection.muted != read {
            return Ok(());
        }
        connection.muted = !read;
        let both = Interest::READABLE | Interest::WRITABLE;
        let interest = if read { both } else { Interest::WRITABLE };
        // What arrived meanwhile was not told of.
        connection.readable |= read;
        self.poll.registry().reregister(&mut connection.stream, Token(slot), interest)
    }

    /// Takes one frame; `false` if none is whole yet.
    fn take_frame(&mut self, slot: usize, connection: &mut Connection) -> Result<bool, Ended> {
        let Connection { inbound, phase, out, heard, .. } = connection;
        let cap = match phase {
            Phase::Connecting(_) => 0,
            Phase::Greeting(handshake) => handshake.as_ref().map_or(0, Handshake::cap),
            Phase::Live { link, .. } => self.links[link.0].route.cap + OVERHEAD,
        };
        let Some(frame) = inbound.next(cap).map_err(|_| Ended::Frame)? else { return Ok(false) };
        *heard = Instant::now();
        match phase {
            Phase::Connecting(_) => return Err(Ended::Frame),
            Phase::Live { link, session } => {
                self.intake.frame(*link, session.1.open(frame)?);
                if let Some(hellos) = session.1.signed() {
                    self.intake.signed(*link, frame, hellos);
                }
                return Ok(true);
            }
            Phase::Greeting(handshake) => {
                let greeting = handshake.take().ok_or(Ended::Frame)?;
                match greeting.step(&mut self.identities, frame, out)? {
                    Progress::Waiting(next) => *handshake = Some(next),
                    Progress::Done { side, session } => {
                        let link = self.link_of(side)?;
                        *phase = Phase::Live { link, session };
                        let serial = connection.serial;
                        self.promote(slot, serial, link);
                    }
                }
            }
        }
        Ok(true)
    }

    fn link_of(&self, side: Side) -> Result<LinkId, Ended> {
        match side {
            Side::Dialled(link) => Ok(link),
            Side::Accepted { local, from } => {
                let link = *self.by_peer.get(&(local, from)).ok_or(Ended::Link)?;
                // Who should be dialled must not dial: there is one connection a pair.
                if self.links[link.0].route.dial.is_some() { Err(Ended::Link) } else { Ok(link) }
            }
        }
    }

    /// A connection is proved: it replaces an older one of its link.
    fn promote(&mut self, slot: usize, serial: u64, link: LinkId) {
        let old = self.links[link.0].live.replace(slot);
        self.links[link.0].backoff = Backoff::new();
        if let Some(idle) = self.links[link.0].route.idle {
            self.timers.set(Instant::now() + idle, Timer::Idle { slot, serial });
        }
        if let Some(connection) = old.and_then(|old| self.connections.get_mut(old)?.take()) {
            self.close(old.unwrap_or_default(), connection);
        }
        self.post.set_open(link, true);
        self.intake.changed(link, true);
    }

    /// Ends a connection that was taken out of its place.
    fn close(&mut self, slot: usize, mut connection: Connection) {
        // What was registered is there; failing to take it out means the poll is gone.
        let _ = self.poll.registry().deregister(&mut connection.stream);
        self.free.push(slot);
        let Some(id) = connection.link() else { return };
        let link = &mut self.links[id.0];
        if !connection.is_half_open() {
            if link.live != Some(slot) {
                return;
            }
            link.live = None;
            self.post.set_open(id, false);
            self.intake.changed(id, false);
        }
        if link.route.dial.is_some() {
            let pause = link.backoff.pause(&mut self.random);
            self.timers.set(Instant::now() + pause, Timer::Dial(id));
        }
    }

    fn close_slot(&mut self, slot: usize) {
        if let Some(connection) = self.connections.get_mut(slot).and_then(Option::take) {
            self.close(slot, connection);
        }
    }

    /// Dials a link that is ours to dial, and tries again later if that fails at once.
    fn dial(&mut self, link: LinkId) {
        let Route { dial: Some(address), .. } = self.links[link.0].route else { return };
        let added = TcpStream::connect(address)
            .and_then(|stream| self.add(stream, Phase::Connecting(link)));
        if added.is_err() {
            let pause = self.links[link.0].backoff.pause(&mut self.random);
            self.timers.set(Instant::now() + pause, Timer::Dial(link));
        }
    }

    /// Accepts what has come, and gives up the oldest half-open connections for it if need be.
    fn accept(&mut self, busy: &mut Vec<usize>) {
        for _ in 0..ACCEPTED_A_ROUND {
            let Some(listener) = self.listener.as_ref().filter(|_| self.acceptable) else { return };
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => {
                    self.acceptable = false;
                    if error.kind() != ErrorKind::WouldBlock {
                        self.timers.set(Instant::now() + ACCEPT_PAUSE, Timer::Accept);
                    }
                    return;
                }
            };
            let Ok(nonce) = nonce() else { continue };
            let phase = Phase::Greeting(Some(Handshake::accept(nonce)));
            let nodelay = stream.set_nodelay(true);
            let Ok((slot, serial)) = nodelay.and_then(|()| self.add(stream, phase)) else {
                continue;
            };
            busy.push(slot);
            self.half_open.push_back((slot, serial));
            self.evict();
        }
        self.timers.set(Instant::now(), Timer::Accept);
    }

    /// Closes the oldest half-open connections beyond the limit.
    fn evict(&mut self) {
        let connections = &self.connections;
        let is_half_open = |(slot, serial): &(usize, u64)| {
            let connection = connections.get(*slot).and_then(Option::as_ref);
            connection.is_some_and(|c| c.serial == *serial && c.is_half_open())
        };
        if self.half_open.len() > self.limits.half_open {
            self.half_open.retain(is_half_open);
        }
        while self.half_open.len() > self.limits.half_open {
            let Some((slot, _)) = self.half_open.pop_front() else { return };
            self.close_slot(slot);
        }
    }

    /// Gives a stream a place and a deadline for its handshake.
    fn add(&mut self, mut stream: TcpStream, phase: Phase) -> io::Result<(usize, u64)> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, Token(slot), both) {
            self.free.push(slot);
            return Err(error);
        }
        self.serial += 1;
        let serial = self.serial;
        self.connections[slot] = Some(Connection::new(serial, stream, phase));
        self.timers.set(Instant::now() + self.limits.handshake, Timer::Handshake { slot, serial });
        Ok((slot, serial))
    }

    /// Does what is due.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::Dial(link) => self.dial(link),
                Timer::Accept => self.acceptable = true,
                Timer::Handshake { slot, serial } => {
                    if self.at(slot, serial).is_some_and(Connection::is_half_open) {
                        self.close_slot(slot);
                    }
                }
                Timer::Idle { slot, serial } => self.check_idle(now, slot, serial),
            }
        }
    }

    fn check_idle(&mut self, now: Instant, slot: usize, serial: u64) {
        let Some(connection) = self.at(slot, serial) else { return };
        let idle = connection.link().and_then(|link| self.links[link.0].route.idle);
        let Some(idle) = idle else { return };
        let until = connection.heard + idle;
        if until <= now {
            self.close_slot(slot);
        } else {
            self.timers.set(until, Timer::Idle { slot, serial });
        }
    }

    fn at(&self, slot: usize, serial: u64) -> Option<&Connection> {
        let connection = self.connections.get(slot)?.as_ref()?;
        (connection.serial == serial).then_some(connection)
    }
}

/// A number that was never used before, from the operating system.
fn nonce() -> io::Result<[u8; 32]> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    Ok(nonce)
}
