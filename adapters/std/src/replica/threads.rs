//! The threads of a replica and what they share.

use super::archive::{self, Archive};
use super::arrival::Arrival;
use super::driver::{Clock, Driver};
use super::gate::Gate;
use super::host::{Faults, Host};
use super::load::Load;
use super::outbox::Outbox;
use super::patience::Patience;
use super::proofs::Proofs;
use super::report::Reporter;
use super::restart::Restarted;
use super::routes::{bounds, routes};
use super::stopped::Stopped;
use super::turns::Turns;
use super::verifier::verify;
use super::witness::Witness;
use crate::application::Application;
use crate::config::ReplicaConfig;
use crate::disk::{Checkpoints, Directory, Log};
use crate::net::{Identities, Identity, Limits, LinkId, Post, Random, Reactor, Route, poll};
use crate::recording::Recording;
use crate::status::StatusReport;
use quorate::Principal;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

/// A replica that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) arrivals: Arc<Turns<Arrival>>,
    pub(crate) last: Arc<Mutex<StatusReport>>,
    pub(crate) step: Option<JoinHandle<Result<(), Stopped>>>,
    pub(crate) others: Vec<JoinHandle<()>>,
}

/// What a replica is started with.
#[derive(Debug)]
pub(crate) struct Start<A> {
    pub(crate) config: ReplicaConfig,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Clock,
    pub(crate) restarted: Restarted,
    pub(crate) listener: TcpListener,
    pub(crate) application: A,
    pub(crate) recording: Option<Recording>,
}

impl<A: Application> Start<A> {
    /// Starts all threads. If the system refuses one, the driver is dropped, and those that run
    /// already end with it.
    pub(crate) fn run(self) -> io::Result<Running> {
        let Self { config, directory, clock, restarted, listener, application, recording } = self;
        let Restarted { core, log, notes, pages, shelf } = restarted;
        let arrivals = Arc::new(Turns::new());
        let (archive, stores) = channel();
        let (poll, waker) = poll()?;
        let routes = routes(&config);
        let all_bounds = routes.iter().map(|route| bounds(&config, route.remote));
        let post = Arc::new(Post::new(waker, all_bounds));
        let gate = gate(&config, &routes, &post, &arrivals);
        let (roster, jobs) = (Arc::clone(&gate.roster), Arc::new(Turns::new()));
        let mut reactor = reactor(&config, poll, &post, routes, gate)?;
        reactor.listen(listener)?;
        let archived = Arc::new(AtomicU64::new(Checkpoints(&directory).bytes().unwrap_or(0)));
        let disk = Archive {
            directory: Arc::clone(&directory),
            post: Arc::clone(&post),
            arrivals: Arc::clone(&arrivals),
            bytes: Arc::clone(&archived),
            client_pages: config.cluster.dimensions().client_pages(),
            shelf,
        };
        let last = Arc::new(Mutex::new(StatusReport::at_start(config.me)));
        let sizes = (config.cluster.nodes.len(), config.cluster.clients.len());
        let patience = Patience::new(config.cluster.nodes.len());
        let reporter = Reporter::new(config.me, sizes, archived, Arc::clone(&last));
        let verifying = config.verifiers.max(1);
        let proofs = Proofs::open(Arc::clone(&roster), Arc::clone(&directory));
        let proofs = proofs.map_err(io::Error::other)?;
        let host =
            host(config, application, (log, notes, pages), proofs, (directory, archive), post);
        let verifiers = Arc::clone(&jobs);
        let inputs = Arc::clone(&arrivals);
        let rest = (patience, recording);
        let driver = Driver::new(core, host, clock, inputs, verifiers, reporter, rest);

        let mut others = Others { arrivals: Arc::clone(&arrivals), threads: Vec::new() };
        for at in 0..verifying {
            let (jobs, roster, to) =
                (Arc::clone(&jobs), Arc::clone(&roster), Arc::clone(&arrivals));
            others.spawn(&format!("verify-{at}"), move || {
                verify(&jobs, &roster, &to);
                Ok(())
            })?;
        }
        others.spawn("disk", move || {
            disk.run(&stores);
            Ok(())
        })?;
        others.spawn("net", move || reactor.run().map_err(Stopped::Network))?;
        let step = Builder::new().name("quorate-step".into()).spawn(move || driver.run())?;
        Ok(Running { arrivals, last, step: Some(step), others: others.threads })
    }
}

fn gate(
    config: &ReplicaConfig,
    routes: &[Route],
    post: &Arc<Post>,
    arrivals: &Arc<Turns<Arrival>>,
) -> Gate {
    let load = |(at, route): (usize, &Route)| {
        Load::new(LinkId(at), bounds(config, route.remote), Arc::clone(post))
    };
    Gate {
        roster: Arc::new(config.cluster.roster()),
        peers: routes.iter().map(|route| route.remote).collect(),
        loads: routes.iter().enumerate().map(load).collect(),
        largest_message: config.cluster.largest_message(),
        arrivals: Arc::clone(arrivals),
        witness: Witness::default(),
        waiting: BTreeSet::new(),
        post: Arc::clone(post),
    }
}

fn reactor(
    config: &ReplicaConfig,
    poll: mio::Poll,
    post: &Arc<Post>,
    routes: Vec<Route>,
    gate: Gate,
) -> io::Result<Reactor<Gate>> {
    let own = vec![Identity { me: Principal::Node(config.me), key: config.key.clone() }];
    let proof = Some(config.cluster.links.proof());
    let identities = Identities::new(own, config.cluster.roster(), proof);
    let limits = Limits { handshake: config.handshake, half_open: config.half_open };
    let random = Random::seeded(getrandom::u64().map_err(io::Error::other)?);
    Ok(Reactor::new(poll, Arc::clone(post), identities, routes, limits, random, gate))
}

fn host<A>(
    config: ReplicaConfig,
    application: A,
    (log, notes, pages): (Log, Vec<String>, u32),
    proofs: Proofs,
    (directory, archive): (Arc<Directory>, Sender<archive::Job>),
    post: Arc<Post>,
) -> Host<A> {
    let (nodes, cluster) = (config.cluster.nodes.len(), config.cluster.id());
    Host {
        application,
        log,
        directory,
        outbox: Outbox::new(config.me, nodes, cluster, config.key, config.tamper),
        archive,
        post,
        faults: Faults::default(),
        proofs,
        notes,
        era: 0,
        page_bytes: config.page_bytes,
        replies: VecDeque::new(),
        answered: None,
        log_limit: config.log_bytes,
        log_bytes: config.log_bytes,
        spare: Vec::new(),
        stable: None,
        installed: None,
        pages,
    }
}

/// The threads beside the step thread.
struct Others {
    arrivals: Arc<Turns<Arrival>>,
    threads: Vec<JoinHandle<()>>,
}

impl Others {
    /// Starts a thread that tells the step thread if it cannot go on.
    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<(), Stopped> + Send + 'static,
    ) -> io::Result<()> {
        let arrivals = Arc::clone(&self.arrivals);
        let guarded = move || {
            let ended = catch_unwind(AssertUnwindSafe(work));
            let ended = ended.unwrap_or_else(|panic| Err(Stopped::from_panic(&*panic)));
            if let Err(stopped) = ended {
                arrivals.push(None, Arrival::Failed(stopped));
            }
        };
        self.threads.push(Builder::new().name(format!("quorate-{name}")).spawn(guarded)?);
        Ok(())
    }
}
