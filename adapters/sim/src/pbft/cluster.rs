//! A whole cluster in one virtual world.

use super::caller::{Caller, Manner};
use super::checks::Checks;
use super::copies::{Copy, is_copy};
use super::instances::Round;
use super::line::Line;
use super::server::Server;
use super::site::{Ground, Site};
use super::stage::{Happening, Registry, Stage};
use super::statistics::Statistics;
use crate::engine::{Engine, Event};
use crate::harm::{Harm, Kind};
use crate::network::Cut;
use crate::plan::Plan;
use crate::random::Random;
use crate::scheme::Key;
use crate::traitor::Traitor;
use crate::transcript::Transcript;
use crate::violation::Violation;
use core::time::Duration;
use quorate::pbft::{ClientConfig, Departures, Status};
use quorate::{ClientId, Digest, Instant, NodeId, Principal, Quorum};
use std::collections::VecDeque;

/// A PBFT cluster: replicas, clients, network, disks, traitors, and checkers over all of it.
///
/// [`Cluster::run`] plays a plan to its end. A test that wants to say itself what happens makes
/// a cluster of a quiet plan and uses [`Cluster::submit`], [`Cluster::crash`], [`Cluster::cut`]
/// and so on between calls of [`Cluster::run_until`].
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(super) plan: Plan,
    pub(super) engine: Engine<Happening>,
    pub(super) checks: Checks,
    pub(super) registry: Registry,
    pub(super) servers: Vec<Server>,
    pub(super) copies: Vec<Copy>,
    pub(super) callers: Vec<Caller>,
    cuts: Vec<Vec<usize>>,
    /// Who hears whom, if the network tells instances from each other.
    pub(super) round: Option<Round>,
    /// When the last fault is over, as far as is known.
    pub(super) healed: Instant,
}

/// A run with more events than this is running in circles.
const EVENTS: u64 = 20_000_000;

impl Cluster {
    /// A cluster at time zero; `text`: keep a readable transcript.
    ///
    /// # Panics
    /// The sizes of the plan cannot work.
    #[must_use]
    pub fn new(plan: Plan, text: bool) -> Self {
        let registry = Registry::new(plan.seed, plan.nodes, plan.clients);
        let mut engine = Engine::new(plan.seed, plan.storm, text);
        engine.network.terrain = plan.terrain.clone();
        engine.transcript.remark(&plan);
        let servers = (0..plan.nodes).map(|id| server(&plan, &registry, id)).collect();
        let scripts = &mut Random::new(!plan.seed);
        let callers = (0..plan.clients).map(|id| caller(&plan, scripts, id)).collect();
        let mut cluster = Self {
            checks: Checks::new(plan.faulty(), &plan.dimensions(), plan.seed),
            healed: plan.calm,
            cuts: vec![Vec::new(); plan.partitions.len()],
            round: None,
            plan,
            engine,
            registry,
            servers,
            copies: Vec::new(),
            callers,
        };
        cluster.schedule();
        cluster
    }

    /// Plays the plan to its end: until every request has its reply, every fault is over and
    /// all correct replicas that are up stand at the same place; or until a checker objects, or
    /// the plan's time bound is over.
    ///
    /// # Errors
    /// The first violation.
    pub fn run(&mut self) -> Result<(), Violation> {
        while self.checks.violation().is_none() && !self.finished() {
            let deadline = self.healed.after(self.plan.bound);
            match self.engine.next_at() {
                Some(at) if at <= deadline && self.engine.transcript.events() < EVENTS => {
                    self.step();
                }
                _ => {
                    let (now, what) = (self.engine.now(), self.unfinished());
                    self.checks.fail("progress", now, what);
                }
            }
        }
        if self.violation().is_none() {
            self.caught_up();
            self.checks.finish(self.engine.now());
        }
        self.violation().cloned().map_or(Ok(()), Err)
    }

    /// Plays on to a point in time.
    ///
    /// # Errors
    /// The first violation.
    pub fn run_until(&mut self, until: Instant) -> Result<(), Violation> {
        while self.violation().is_none() && self.engine.next_at().is_some_and(|at| at <= until) {
            self.step();
        }
        self.violation().cloned().map_or(Ok(()), Err)
    }

    /// The first violation that a checker found.
    #[must_use]
    pub const fn violation(&self) -> Option<&Violation> {
        self.checks.violation()
    }

    /// What was decided before it began.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What happened.
    #[must_use]
    pub fn into_transcript(self) -> Transcript {
        self.engine.transcript
    }

    /// What happened so far.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.engine.transcript
    }

    /// What happened so far, in numbers.
    #[must_use]
    pub const fn statistics(&self) -> &Statistics {
        &self.checks.statistics
    }

    /// What became of messages so far.
    #[must_use]
    pub const fn traffic(&self) -> crate::network::Traffic {
        self.engine.network.traffic()
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.engine.now()
    }

    /// Where a replica stands; `None` while it is down, or if there is no such replica.
    #[must_use]
    pub fn status(&self, node: NodeId) -> Option<Status> {
        self.servers.get(node.index())?.status()
    }

    /// Why a replica left the views that it left since it was started; `None` while it is down, or
    /// if there is no such replica.
    #[must_use]
    pub fn departures(&self, node: NodeId) -> Option<Departures> {
        self.servers.get(node.index())?.departures()
    }

    /// The digest of a replica's application state; `None` if there is no such replica.
    #[must_use]
    pub fn state(&self, node: NodeId) -> Option<Digest> {
        Some(self.servers.get(node.index())?.site.journal.digest())
    }

    /// The replies that a client accepted, in order; `None` for one that was too long.
    #[must_use]
    pub fn replies(&self, client: ClientId) -> &[Option<Vec<u8>>] {
        self.callers.get(client.index()).map(Caller::replies).unwrap_or_default()
    }

    /// Has a client ask for an operation, after those that it has to ask for already.
    pub fn submit(&mut self, client: ClientId, operation: &[u8]) {
        if let Some(caller) = self.callers.get_mut(client.index()) {
            caller.add(operation);
            self.engine.schedule(self.engine.now(), Happening::Submit(client.index()));
        }
    }

    /// Puts a lying mouth before a replica. It counts as correct unless the plan names it among
    /// its traitors.
    pub fn corrupt(&mut self, node: NodeId, traitor: Box<dyn Traitor>) {
        if let Some(server) = self.servers.get_mut(node.index()) {
            server.site.traitor = Some(traitor);
        }
    }

    /// Cuts a replica's power.
    pub fn crash(&mut self, node: NodeId) {
        self.with_server(node, |server, stage| server.crash(stage));
    }

    /// Cuts a replica's power, and takes its disk away.
    pub fn wipe(&mut self, node: NodeId) {
        if let Some(server) = self.servers.get_mut(node.index()) {
            server.site.fragile = true;
        }
        self.crash(node);
    }

    /// Keeps a replica's disk aside as it is now.
    pub fn back_up(&mut self, node: NodeId) {
        self.with_server(node, |server, _| server.site.disk.keep_aside());
    }

    /// Does something to the disk of a replica that has no power. The plan should name it.
    pub fn harm(&mut self, node: NodeId, kind: Kind) {
        self.with_server(node, |server, stage| server.site.harm(stage, kind));
    }

    /// Gives a replica its power back.
    pub fn restart(&mut self, node: NodeId) {
        self.with_server(node, |server, stage| server.restart(stage));
    }

    /// Lets each machine send so many bytes a second: [`uplink`](crate::terrain::Terrain::uplink).
    pub fn set_uplink(&mut self, bytes_per_second: u64) {
        self.engine.network.terrain.uplink = bytes_per_second;
    }

    /// Cuts links, and returns the number by which [`Cluster::heal`] makes them whole.
    pub fn cut(&mut self, cut: Cut) -> usize {
        self.engine.network.cut(cut)
    }

    /// Makes links whole again.
    pub fn heal(&mut self, number: usize) {
        self.engine.network.heal(number);
    }

    /// Lets the next event happen. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(event) = self.engine.advance() else { return false };
        match event {
            Event::Deliver { from, to: Principal::Node(node), payload } => {
                self.arrive(node, from, &payload);
            }
            Event::Deliver { from, to: Principal::Client(client), payload } => {
                let from = self.name_of(from);
                self.with_caller(client.index(), |c, stage| c.receive(stage, from, &payload));
            }
            Event::Wake { who: Principal::Node(node), life } if is_copy(life) => {
                self.with_copy(node, |copy, stage| copy.wake(stage, life));
            }
            Event::Wake { who: Principal::Node(node), life } => {
                self.with_server(node, |server, stage| server.wake(stage, life));
            }
            Event::Wake { who: Principal::Client(client), .. } => {
                self.with_caller(client.index(), |caller, stage| caller.wake(stage));
            }
            Event::Own(happening) => self.happen(happening),
        }
        true
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Durable { node, life, written } if is_copy(life) => {
                self.with_copy(node, |copy, stage| copy.durable(stage, life, written));
            }
            Happening::Durable { node, life, written } => {
                self.with_server(node, |server, stage| server.durable(stage, life, written));
            }
            Happening::Done { node, life } if is_copy(life) => {
                self.with_copy(node, |copy, stage| copy.done(stage, life));
            }
            Happening::Done { node, life } => {
                self.with_server(node, |server, stage| server.done(stage, life));
            }
            Happening::Submit(client) => {
                self.with_caller(client, |caller, stage| caller.submit(stage));
            }
            Happening::Cut(partition) => {
                let cuts = self.plan.partitions[partition].cuts.clone();
                let network = &mut self.engine.network;
                self.cuts[partition] = cuts.into_iter().map(|cut| network.cut(cut)).collect();
                self.stage().enter(&Line::Cut { partition });
            }
            Happening::Heal(partition) => {
                for number in std::mem::take(&mut self.cuts[partition]) {
                    self.engine.network.heal(number);
                }
                self.stage().enter(&Line::Healed { partition });
            }
            Happening::Crash(node, down) => {
                self.crash(node);
                self.fell(node, down);
            }
            Happening::Restart(node) => self.restart(node),
            Happening::Backup(node) => self.back_up(node),
            Happening::Harm(Harm { node, down, kind, .. }) => {
                self.crash(node);
                self.harm(node, kind);
                self.fell(node, Some(down));
            }
            Happening::Calm => {
                self.engine.network.weather = self.plan.fair;
                self.engine.network.terrain = self.plan.settled.clone();
                self.servers.iter_mut().for_each(Server::calm);
                self.checks.statistics.cores += u64::from(self.plan.core.is_some());
                self.stage().enter(&Line::Calm);
                for client in (0..self.plan.clients as u16).map(ClientId) {
                    (0..self.plan.late).for_each(|_| self.submit(client, b"when all is well"));
                }
            }
            Happening::Jump(node, by) => {
                self.with_server(node, |server, stage| server.jump(stage, by));
            }
        }
    }

    /// A replica has lost its power: plans its return.
    fn fell(&mut self, node: NodeId, down: Option<Duration>) {
        if let Some(down) = down {
            let back = self.engine.now().after(down);
            self.healed = self.healed.max(back);
            self.engine.schedule(back, Happening::Restart(node));
        }
    }

    pub(super) fn with_server(
        &mut self,
        node: NodeId,
        act: impl FnOnce(&mut Server, &mut Stage<'_>),
    ) {
        let Self { engine, checks, registry, servers, .. } = self;
        let Some(server) = servers.get_mut(node.index()) else { return };
        act(server, &mut Stage { engine, checks, registry });
        if let Some(down) = server.exhausted() {
            self.fell(node, down);
        }
    }

    fn with_caller(&mut self, client: usize, act: impl FnOnce(&mut Caller, &mut Stage<'_>)) {
        let Self { engine, checks, registry, callers, .. } = self;
        let Some(caller) = callers.get_mut(client) else { return };
        let (served, began) = (caller.replies().len(), caller.began());
        act(caller, &mut Stage { engine, checks, registry });
        if caller.replies().len() > served && engine.now() >= self.healed {
            let waited = engine.now().since(began.max(self.healed));
            let what = || format!("c{client} waited for {waited:?} after everything had healed");
            checks.recovered(engine.now(), waited, self.plan.recovery_bound(), what);
        }
    }

    pub(super) const fn stage(&mut self) -> Stage<'_> {
        let Self { engine, checks, registry, .. } = self;
        Stage { engine, checks, registry }
    }

    /// Whether everything is done: replies, faults, and catching up.
    fn finished(&self) -> bool {
        self.engine.now() >= self.healed
            && self.callers.iter().all(|caller| caller.left() == 0)
            && self.converged()
    }

    /// The published time holds for every replica of the core, not for clients alone.
    fn caught_up(&mut self) {
        let began = self.callers.iter().map(Caller::began).max().unwrap_or_default();
        let (now, bound) = (self.engine.now(), self.plan.recovery_bound());
        let waited = now.since(began.max(self.healed));
        let what = || format!("the last of the core is there {waited:?} after everything healed");
        self.checks.recovered(now, waited, bound, what);
    }

    /// Whether the correct replicas that are up have caught up with each other, without any new
    /// request to help them: they executed equally much. Where others are faulty, or do not come
    /// back, what those alone made one of them know may stay with it: then each must be where f + 1
    /// of them are, and at the last stable checkpoint at least.
    fn converged(&self) -> bool {
        let core = |node| self.plan.core.is_none_or(|core| core.contains(node));
        let counts = |node| self.checks.correct(node) && core(node);
        let correct = self.servers.iter().filter(|server| counts(server.site.me));
        let up = correct.filter_map(|server| Some((server.site.me, server.status()?)));
        let (mut reached, stable): (Vec<u64>, Vec<u64>) =
            up.map(|(node, status)| (self.checks.reached(node), status.stable.0)).unzip();
        reached.sort_unstable();
        let weak = Quorum::of(self.plan.nodes).map_or(1, Quorum::weak);
        let among = if reached.len() == self.plan.nodes { 1 } else { weak };
        let common = reached.iter().rev().nth(among - 1);
        let due = stable.iter().chain(common).max();
        reached.first().zip(due).is_none_or(|(first, due)| first >= due)
    }

    fn unfinished(&self) -> String {
        let left = self.callers.iter().map(Caller::left);
        let left: Vec<String> = left.enumerate().map(|(c, left)| format!("c{c}: {left}")).collect();
        let stand = self.servers.iter().map(|server| {
            let me = server.site.me.0;
            server.status().map_or_else(
                || format!("r{me} is down"),
                |status| {
                    let (view, active) = (status.view.0, status.active);
                    let (stable, executed) = (status.stable.0, status.executed.0);
                    let word = if active { "in" } else { "changing to" };
                    format!("r{me} {word} v{view}, stable s{stable}, executed s{executed}")
                },
            )
        });
        format!(
            "not finished {:?} after the last fault; requests left: {}; {}",
            self.plan.bound,
            left.join(", "),
            stand.collect::<Vec<_>>().join("; ")
        )
    }
}

pub(super) fn server(plan: &Plan, registry: &Registry, id: usize) -> Server {
    let me = NodeId(id as u8);
    let config = plan.config(me, *registry.scope());
    let ground = Ground {
        nodes: plan.nodes,
        clients: plan.clients,
        client_pages: plan.dimensions().client_pages(),
        disk_latency: plan.disk_latency,
        host_latency: plan.host_latency,
        compaction: plan.compaction,
        asks: plan.asks,
    };
    let site = Site::new(me, Key::new(plan.seed, Principal::Node(me)), ground);
    Server::new(site, config, plan.dimensions())
}

/// A client with its script: operations of all lengths, a few of them with a reply too long.
fn caller(plan: &Plan, random: &mut Random, id: usize) -> Caller {
    let me = ClientId(id as u16);
    let manner = Manner {
        config: ClientConfig {
            me,
            quorum: Quorum::of(plan.believed).expect("a plan has 1 to 64 replicas"),
            retry: plan.retry,
            give_up: Duration::from_secs(24 * 60 * 60),
            switches: plan.switches(),
        },
        nodes: plan.nodes,
        operation_bytes: plan.dimensions().operation_bytes(),
        reply_bytes: plan.reply_bytes,
        pause: plan.pause,
        key: Key::new(plan.seed, Principal::Client(me)),
    };
    let longest = manner.operation_bytes as u64;
    let script: VecDeque<Vec<u8>> = (0..plan.requests)
        .map(|_| {
            if plan.reads > 0 && random.chance(plan.reads) {
                return super::journal::READ.to_vec();
            }
            let limit = if random.chance(100) { longest } else { 24 };
            let length = random.between(0, limit);
            let mut operation: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
            if random.chance(20) && operation.len() >= super::journal::LONG.len() {
                operation[..super::journal::LONG.len()].copy_from_slice(super::journal::LONG);
            }
            operation
        })
        .collect();
    Caller::new(manner, script)
}
