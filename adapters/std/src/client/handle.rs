//! The handle by which any thread uses a client.

use super::desk::Desk;
use super::error::{ClientError, Failure, StatusError};
use super::session::Session;
use super::shared::{Job, Question, Shared};
use crate::cluster::Cluster;
use crate::net::{Bounds, Identities, Identity, Limits, Post, Random, Reactor, Route, poll};
use crate::status::StatusReport;
use quorate::ed25519::SecretKey;
use quorate::pbft::ClientConfig;
use quorate::{ClientId, NodeId, Principal, Quorum};
use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Settings of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long to wait for replies before a request goes to all replicas, doubling.
    pub retry: Duration,
    /// How long to try at all.
    pub give_up: Duration,
    /// Operations that may wait for a free session; one more is [`Failure::Busy`].
    pub queue: usize,
    /// How long a connection may take until its replica is proved.
    pub handshake: Duration,
}

impl Default for ClientOptions {
    /// For a local network: retry after 250 ms, give up after 60 s; 65,536 may wait; 3 s for a
    /// handshake.
    fn default() -> Self {
        Self {
            retry: Duration::from_millis(250),
            give_up: Duration::from_secs(60),
            queue: 65_536,
            handshake: Duration::from_secs(3),
        }
    }
}

/// A client of a cluster, usable from many threads. It has one operation under way in each of
/// its sessions. Clones are the same client; it is closed when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    nodes: usize,
    queue: usize,
    operation_bytes: usize,
    _owner: Arc<Owner>,
}

impl Client {
    /// Starts a client with these sessions, and begins to connect. It does not wait for a
    /// connection: operations wait.
    ///
    /// # Errors
    /// A cluster that cannot work, a key that is not the client's, or the system's refusal.
    pub fn spawn(
        cluster: Cluster,
        sessions: Vec<(ClientId, SecretKey)>,
        options: ClientOptions,
    ) -> Result<Self, ClientError> {
        cluster.check().map_err(ClientError::Cluster)?;
        check(&cluster, &sessions)?;
        Self::start(&cluster, sessions, options).map_err(ClientError::System)
    }

    fn start(
        cluster: &Cluster,
        sessions: Vec<(ClientId, SecretKey)>,
        options: ClientOptions,
    ) -> io::Result<Self> {
        let (nodes, sizes) = (cluster.nodes.len(), cluster.dimensions());
        let switches = cluster.switches();
        let quorum = Quorum::of(nodes).ok_or(io::ErrorKind::InvalidInput)?;
        let (poll, waker) = poll()?;
        let routes = routes(cluster, sessions.len());
        let bounds = Bounds { frames: 64, bytes: 4 * cluster.largest_request() };
        let post = Arc::new(Post::new(waker, routes.iter().map(|_| bounds)));
        let shared = Shared::new(sessions.len(), Arc::clone(&post));
        let session = |(at, (me, key)): (usize, &(ClientId, SecretKey))| {
            let ClientOptions { retry, give_up, .. } = options;
            let config = ClientConfig { me: *me, quorum, retry, give_up, switches };
            let buffers = (sizes.operation_bytes(), sizes.reply_bytes);
            Session::new(config, key.clone(), cluster.id(), at * nodes, buffers)
        };
        let all = sessions.iter().enumerate().map(session).collect();
        let desk = Desk::new(Arc::clone(&shared), cluster.roster(), all);
        let identity = |(me, key)| Identity { me: Principal::Client(me), key };
        let own = sessions.into_iter().map(identity).collect();
        let identities = Identities::new(own, cluster.roster(), Some(cluster.links.proof()));
        let limits = Limits { handshake: options.handshake, half_open: 0 };
        let random = Random::seeded(getrandom::u64().map_err(io::Error::other)?);
        let own_post = Arc::clone(&post);
        let reactor = Reactor::new(poll, own_post, identities, routes, limits, random, desk);
        // A poll that fails closes the client: whoever waits is told so.
        let thread = Builder::new().name("quorate-client".into()).spawn(|| drop(reactor.run()))?;
        let owner = Arc::new(Owner { post, thread: Mutex::new(Some(thread)) });
        let operation_bytes = sizes.operation_bytes();
        Ok(Self { shared, nodes, queue: options.queue, operation_bytes, _owner: owner })
    }

    /// Has an operation ordered and executed, and waits for its reply: the one that f + 1
    /// replicas gave, or a strong quorum of them in a cluster with
    /// [`Cluster::fast_reads`](crate::Cluster::fast_reads). It waits for a free session first.
    ///
    /// # Errors
    /// Why there is no reply, and whether it may have been executed.
    pub fn invoke(&self, operation: &[u8]) -> Result<Vec<u8>, Failure> {
        let (done, result) = sync_channel(1);
        // The channel has room for the one result.
        self.submit(operation.to_vec(), move |result| drop(done.try_send(result)));
        result.recv().unwrap_or(Err(Failure::Closed))
    }

    /// The same without waiting: `done` is called with the reply, on the client's own thread, so
    /// it must be brief and must not call [`Client::invoke`] or [`Client::status`]. If the
    /// operation is refused at once it is called by this very call.
    pub fn submit(
        &self,
        operation: Vec<u8>,
        done: impl FnOnce(Result<Vec<u8>, Failure>) + Send + 'static,
    ) {
        self.enqueue(Job { operation, read: false, done: Box::new(done) });
    }

    /// Has an operation answered that changes nothing, and waits for the answer. In a cluster
    /// with [`Cluster::fast_reads`](crate::Cluster::fast_reads) a strong quorum of replicas
    /// answers from one state and nothing is ordered; where that cannot be had, and in all other
    /// clusters, it is as [`Client::invoke`]. Reads and other operations together are
    /// linearizable.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn read(&self, operation: &[u8]) -> Result<Vec<u8>, Failure> {
        let (done, result) = sync_channel(1);
        self.submit_read(operation.to_vec(), move |result| drop(done.try_send(result)));
        result.recv().unwrap_or(Err(Failure::Closed))
    }

    /// [`Client::read`] without waiting, as [`Client::submit`] is for [`Client::invoke`].
    pub fn submit_read(
        &self,
        operation: Vec<u8>,
        done: impl FnOnce(Result<Vec<u8>, Failure>) + Send + 'static,
    ) {
        self.enqueue(Job { operation, read: true, done: Box::new(done) });
    }

    fn enqueue(&self, job: Job) {
        let Job { operation, read, done } = job;
        let limit = self.operation_bytes;
        if operation.len() > limit {
            return done(Err(Failure::TooLong { limit }));
        }
        let mut work = self.shared.work();
        let refused = match (work.closed, work.jobs.len() >= self.queue) {
            (true, _) => Some(Failure::Closed),
            (false, true) => Some(Failure::Busy),
            (false, false) => None,
        };
        if let Some(failure) = refused {
            drop(work);
            return done(Err(failure));
        }
        work.jobs.push_back(Job { operation, read, done });
        drop(work);
        self.shared.post.wake();
    }

    /// How many operations would begin at once if they were submitted now.
    #[must_use]
    pub fn free_sessions(&self) -> usize {
        let work = self.shared.work();
        work.free.saturating_sub(work.jobs.len())
    }

    /// Asks a replica where it stands, over an authentic link of any session. What it says of
    /// itself is its own word: a liar may lie here too.
    ///
    /// # Errors
    /// No such replica, or no answer within `timeout`.
    pub fn status(&self, node: NodeId, timeout: Duration) -> Result<StatusReport, StatusError> {
        if node.index() >= self.nodes {
            return Err(StatusError::NoSuchNode(node));
        }
        let (answer, report) = sync_channel(1);
        let until = Instant::now() + timeout;
        let mut work = self.shared.work();
        if work.closed {
            return Err(StatusError::Closed);
        }
        work.questions.push(Question { node, until, answer });
        drop(work);
        self.shared.post.wake();
        report.recv_timeout(timeout).map_err(|_| StatusError::TimedOut(node))
    }
}

fn check(cluster: &Cluster, sessions: &[(ClientId, SecretKey)]) -> Result<(), ClientError> {
    let mut seen = BTreeSet::new();
    for (client, key) in sessions {
        if !seen.insert(*client) {
            return Err(ClientError::DuplicateSession(*client));
        }
        if cluster.clients.get(client.index()) != Some(&key.public()) {
            return Err(ClientError::WrongKey(*client));
        }
    }
    if sessions.is_empty() { Err(ClientError::NoSession) } else { Ok(()) }
}

fn routes(cluster: &Cluster, sessions: usize) -> Vec<Route> {
    let route = |at: usize| {
        let id = at % cluster.nodes.len();
        Route {
            local: at / cluster.nodes.len(),
            remote: Principal::Node(NodeId(id as u8)),
            dial: cluster.addresses.get(id).copied(),
            cap: cluster.largest_answer(),
            idle: None,
        }
    };
    (0..sessions * cluster.nodes.len()).map(route).collect()
}

/// Ends the client's thread when the last handle is gone.
#[derive(Debug)]
struct Owner {
    post: Arc<Post>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.post.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last handle may be dropped by a callback, on the very thread that is to end.
        if let Some(thread) = thread.filter(|own| own.thread().id() != std::thread::current().id())
        {
            let _ = thread.join();
        }
    }
}
