//! The loop that serves all connections on one thread.

use super::connection::{Connection, Fate};
use super::{LISTENER, Options, WAKER};
use crate::backend::{Backend, Failure};
use crate::bundle::{Replies, VERSION};
use crate::local::Facts;
use crate::reply::Reply;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a bundle became.
type Landing = (u64, Result<Vec<u8>, Failure>);

/// Where backends leave what became of bundles, for the gateway's thread to find.
#[derive(Debug)]
struct Landings {
    queue: Mutex<Vec<Landing>>,
    waker: Arc<Waker>,
}

impl Landings {
    fn push(&self, landing: Landing) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push(landing);
        let first = queue.len() == 1;
        drop(queue);
        if first {
            // A poller that cannot be woken has ended already.
            let _ = self.waker.wake();
        }
    }

    fn take(&self) -> Vec<Landing> {
        std::mem::take(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The state of the loop.
pub(super) struct Poller {
    poll: Poll,
    listener: TcpListener,
    backend: Box<dyn Backend>,
    options: Options,
    stop: Arc<AtomicBool>,
    landings: Arc<Landings>,
    connections: HashMap<usize, Connection>,
    next_connection: usize,
    /// Connections to look after before the next wait.
    touched: Vec<usize>,
    /// Connections with commands for a bundle, the longest waiting first.
    waiting: VecDeque<usize>,
    /// Bundles under way: whose commands, and how many of each.
    flights: HashMap<u64, Vec<(usize, usize)>>,
    next_flight: u64,
    started: Instant,
    facts: Facts,
    /// What is read goes here first.
    scratch: Vec<u8>,
}

/// Bytes of the memory to read into.
const SCRATCH: usize = 16 * 1024;

/// What a command is answered when its bundle had no reply in time.
const TRY_AGAIN: &str = "TRYAGAIN the cluster did not answer in time; the command may or may not \
                         have been executed";

/// What a command is answered when its bundle had another reply than a bundle has.
const NO_REPLY: &str = "ERR the backend did not understand the command";

impl Poller {
    pub(super) fn new(
        poll: Poll,
        listener: std::net::TcpListener,
        backend: Box<dyn Backend>,
        options: Options,
        (waker, stop): (Arc<Waker>, Arc<AtomicBool>),
    ) -> io::Result<Self> {
        let port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let facts = Facts { backend: backend.describe(), port, ..Facts::default() };
        Ok(Self {
            poll,
            listener,
            backend,
            options,
            stop,
            landings: Arc::new(Landings { queue: Mutex::default(), waker }),
            connections: HashMap::new(),
            next_connection: WAKER.0 + 1,
            touched: Vec::new(),
            waiting: VecDeque::new(),
            flights: HashMap::new(),
            next_flight: 0,
            started: Instant::now(),
            facts,
            scratch: vec![0; SCRATCH],
        })
    }

    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.stop.load(Ordering::Acquire) {
            let timeout = if self.touched.is_empty() { None } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(id) => {
                        if let Some(connection) = self.connections.get_mut(&id) {
                            if event.is_readable() || event.is_read_closed() {
                                connection.set_readable();
                            }
                            self.touch(id);
                        }
                    }
                }
            }
            self.land();
            self.look_after();
        }
        Ok(())
    }

    /// Takes in what the touched connections sent, lets bundles leave, and sends replies.
    fn look_after(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        self.facts.uptime = self.started.elapsed().as_secs();
        self.facts.connections = self.connections.len();
        for id in &touched {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            connection.touched = false;
            let (commands, more) = connection.take_in(&self.facts, &mut self.scratch);
            self.facts.commands += commands;
            if connection.waits() && !connection.queued {
                connection.queued = true;
                self.waiting.push_back(*id);
            }
            if more {
                self.touch(*id);
            }
        }
        self.launch();
        for id in &touched {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            if connection.put_out() == Fate::Closed {
                self.close(*id);
            }
        }
    }

    fn touch(&mut self, id: usize) {
        if let Some(connection) = self.connections.get_mut(&id)
            && !connection.touched
        {
            connection.touched = true;
            self.touched.push(id);
        }
    }

    fn accept(&mut self) {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Nobody more, or no more files: those that wait are accepted when one closes.
                Err(_) => return,
            };
            if self.connections.len() >= self.options.connections {
                // The client is told if the sentence fits; it is turned away in any case.
                let _ = stream.write(b"-ERR max number of clients reached\r\n");
                continue;
            }
            let id = self.next_connection;
            self.next_connection += 1;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registered = self.poll.registry().register(&mut stream, Token(id), interest);
            if registered.and_then(|()| stream.set_nodelay(true)).is_err() {
                continue;
            }
            let limit = self.backend.bundle_bytes() - 1;
            self.connections.insert(id, Connection::new(stream, id, limit));
            self.facts.accepted += 1;
            self.touch(id);
        }
    }

    fn close(&mut self, id: usize) {
        if let Some(mut connection) = self.connections.remove(&id) {
            // It is gone from the poller with its socket, whether or not this succeeds.
            let _ = self.poll.registry().deregister(connection.stream());
            drop(connection);
            self.accept();
        }
    }

    /// Sends bundles while the backend takes them and somebody waits.
    fn launch(&mut self) {
        let most = self.options.bundles.min(self.backend.sessions());
        while self.flights.len() < most && !self.waiting.is_empty() {
            let mut bundle = vec![VERSION];
            let mut passengers = Vec::new();
            while let Some(id) = self.waiting.front().copied() {
                let Some(connection) = self.connections.get_mut(&id) else {
                    self.waiting.pop_front();
                    continue;
                };
                let room = self.options.bundle_bytes.saturating_sub(bundle.len());
                // A command that is too long for a shared bundle goes alone.
                let alone = passengers.is_empty().then_some(connection.first_len());
                let count = connection.load(&mut bundle, room.max(alone.unwrap_or(0)));
                if count == 0 && !passengers.is_empty() {
                    break;
                }
                connection.queued = false;
                self.waiting.pop_front();
                if count > 0 {
                    passengers.push((id, count));
                }
            }
            if !passengers.is_empty() {
                self.submit(bundle, passengers);
            }
        }
    }

    fn submit(&mut self, bundle: Vec<u8>, passengers: Vec<(usize, usize)>) {
        let flight = self.next_flight;
        self.next_flight += 1;
        self.facts.bundles += 1;
        self.facts.bundled += passengers.iter().map(|(_, count)| *count as u64).sum::<u64>();
        self.flights.insert(flight, passengers);
        let landings = Arc::clone(&self.landings);
        self.backend.submit(bundle, Box::new(move |result| landings.push((flight, result))));
    }

    /// Hands out the replies to bundles.
    fn land(&mut self) {
        for (flight, result) in self.landings.take() {
            let passengers = self.flights.remove(&flight).unwrap_or_default();
            let sentence = match &result {
                Ok(_) => NO_REPLY.to_owned(),
                Err(Failure::TimedOut) => TRY_AGAIN.to_owned(),
                Err(Failure::Refused(why)) => format!("ERR {why}"),
            };
            let mut for_all = Vec::new();
            // There is room without end, so no reply fails.
            let _ = Reply::new(&mut for_all, usize::MAX).error(sentence.as_bytes());
            let mut replies = result.as_deref().ok().and_then(Replies::parse);
            // A bundle of which nothing was executed would be sent for ever.
            let mut replies = replies.take_if(|replies| replies.executed() > 0);
            for (id, count) in passengers {
                // Replies are counted out even if their connection is gone.
                let mut share: Vec<&[u8]> = Vec::with_capacity(count);
                match &mut replies {
                    Some(replies) => share.extend(replies.take(count)),
                    None => share.extend(iter::repeat_n(&for_all[..], count)),
                }
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.land(share.into_iter());
                    self.touch(id);
                }
            }
        }
    }
}
