//! The member that is no board: a replica of `quorate-std` in a process of its own, as anybody
//! would run one on a server. It listens at a TCP port, and has its log in a folder.
//!
//! What it replicates, its keys, sizes and patience are those of the boards, so its states have
//! their digests. It prints what a board prints.

use anyhow::{Context as _, Result};
use cluster::{DIMENSIONS, FAULTS, LAYOUT, REPLY, Registers, Report};
use quorate::auth::Scope;
use quorate::pbft::Message;
use quorate::{ClientId, Digest, NodeId, Principal, Target};
use quorate_embedded::{Application as _, Reply};
use quorate_std::{
    Cluster, Links, Replica, ReplicaConfig, RestoreError, SinglePage, Snapshot, StatusReport,
    Tamper,
};
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Which member it is: the lowest, which is dialled by all others, see [`crate::gateway`].
pub(crate) const LINUX: NodeId = NodeId(0);

/// How often at most something is said.
const INTERVAL: Duration = Duration::from_millis(200);

/// What the process is told when it is started.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Told {
    /// The folder of its log and checkpoints.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Where it listens.
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// Lie in every vote and every reply.
    #[arg(long)]
    pub(crate) lies: bool,
}

/// Runs the replica for as long as nothing breaks, or until the standard input ends: then whoever
/// has started it is gone.
///
/// # Errors
/// Why it does not start, or cannot go on.
pub(crate) fn run(told: Told) -> Result<()> {
    thread::spawn(|| {
        // It says nothing; its end, however it comes, is all that matters.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let state = State::default();
    let replica = Replica::spawn(config(told), SinglePage(state.clone()));
    let replica = replica.context("the replica does not start")?;
    let mut said = None;
    while !replica.is_finished() {
        let report = report(&replica.status(), &state.registers());
        if said != Some(report) {
            println!("{report}");
            said = Some(report);
        }
        thread::sleep(INTERVAL);
    }
    replica.wait().context("the replica cannot go on")
}

/// The settings of the boards, in the words of `quorate-std`.
pub(crate) fn config(Told { data, listen, lies }: Told) -> ReplicaConfig {
    let (nodes, clients) = cluster::keys();
    // Nobody dials these: boards have no address, and are behind the gateway.
    let addresses = (1..=nodes.len() as u16).map(|port| (Ipv4Addr::LOCALHOST, port).into());
    let cluster = Cluster {
        name: cluster::NAME.to_owned(),
        nodes: nodes.to_vec(),
        clients: clients.to_vec(),
        addresses: addresses.collect(),
        window: DIMENSIONS.window,
        batch_bytes: DIMENSIONS.batch_bytes,
        reply_bytes: DIMENSIONS.reply_bytes,
        links: Links::Hmac,
        fast_reads: false,
    };
    let core = cluster::replica(LINUX, Scope { cluster: Digest::ZERO, epoch: 0, profile: "" });
    let mut config =
        ReplicaConfig::new(cluster, LINUX, cluster::secret(Principal::Node(LINUX)), data);
    config.listen = Some(listen);
    config.timeout = core.timeout;
    config.timeout_cap = core.timeout_cap;
    config.batch_delay = core.batch_delay;
    config.batch_requests = core.batch_requests;
    config.status_interval = core.status_interval;
    config.budget_interval = core.budget_interval;
    config.page_bytes = LAYOUT.state_bytes;
    config.tamper = lies.then(|| Box::new(Liar) as Box<dyn Tamper>);
    config
}

/// What a board would print.
fn report(status: &StatusReport, registers: &Registers) -> Report {
    let counts = status.faults.iter().map(|(_, _, count)| *count);
    let most = status.faults.iter().max_by_key(|(_, _, count)| *count);
    let last = most.and_then(|(node, name, _)| {
        let fault = FAULTS.into_iter().find(|fault| format!("{fault:?}") == *name)?;
        Some((*node, fault))
    });
    Report {
        view: status.view,
        executed: status.executed,
        stable: status.stable,
        total: registers.total(),
        digest: registers.digest(),
        stacks: [0; 2],
        faults: counts.sum::<u64>().try_into().unwrap_or(u32::MAX),
        last,
    }
}

/// The registers: the replica executes on them, and this process reports of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct State(Arc<Mutex<Registers>>);

impl State {
    pub(crate) fn registers(&self) -> MutexGuard<'_, Registers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot for State {
    fn execute(&mut self, client: ClientId, operation: &[u8], reply: &mut Vec<u8>) {
        let mut room = [0; REPLY];
        let mut written = Reply::new(&mut room);
        self.registers().execute(client, operation, &mut written);
        reply.extend_from_slice(written.written().unwrap_or_default());
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut page = vec![0; LAYOUT.state_bytes];
        let length = self.registers().snapshot(&mut page).unwrap_or_default();
        page.truncate(length);
        page
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
        let restored = self.registers().restore(snapshot);
        restored.map_err(|refused| RestoreError::new(refused.to_string()))
    }
}

/// It lies as a board does.
#[derive(Debug)]
struct Liar;

impl Tamper for Liar {
    fn outgoing(&mut self, _to: Target, message: &mut Message<'_>) {
        if let Some(lie) = cluster::twist(*message) {
            *message = lie;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::{Sequence, View, Vote};

    fn told(lies: bool) -> Told {
        Told { data: PathBuf::from("data"), listen: (Ipv4Addr::LOCALHOST, 1).into(), lies }
    }

    #[test]
    fn it_is_a_member_of_the_cluster_of_the_boards() {
        let config = config(told(false));
        assert_eq!(config.cluster.check(), Ok(()));
        let board = cluster::member(Principal::Node(NodeId(1)), false).unwrap();
        assert_eq!(config.cluster.id(), board.roster.scope().cluster);
        let key = board.roster.key(Principal::Node(LINUX));
        assert_eq!(key, Some(&config.key.public()));
    }

    #[test]
    fn its_state_is_that_of_a_board() {
        let (mut state, mut board) = (State::default(), Registers::default());
        let (mut reply, mut room) = (Vec::new(), [0; REPLY]);
        let mut told = Reply::new(&mut room);
        state.execute(ClientId(2), &cluster::operation(7), &mut reply);
        board.execute(ClientId(2), &cluster::operation(7), &mut told);
        assert_eq!(Some(&reply[..]), told.written());
        assert_eq!(*state.registers(), board);
        let mut again = State::default();
        assert_eq!(again.restore(&state.snapshot()), Ok(()));
        assert_eq!(*again.registers(), board);
        assert!(again.restore(&[]).is_err());
    }

    #[test]
    fn it_lies_as_a_board_does() {
        assert!(config(told(false)).tamper.is_none());
        let (view, sequence, digest) = (View(0), Sequence(1), Digest::ZERO);
        let truth = Message::Commit(Vote { view, sequence, digest });
        let mut said = truth;
        let mut liar = config(told(true)).tamper.unwrap();
        liar.outgoing(Target::All, &mut said);
        assert_eq!(Some(said), cluster::twist(truth));
    }

    #[test]
    fn it_reports_the_wrong_that_it_saw_most() {
        let replica = tempfile::tempdir().unwrap();
        let mut config = config(told(false));
        (config.data, config.listen) =
            (replica.path().to_owned(), Some((Ipv4Addr::LOCALHOST, 0).into()));
        let server = Replica::spawn(config, SinglePage(State::default())).unwrap();
        let mut status = server.status();
        status.faults = vec![(NodeId(1), "Malformed".into(), 2), (NodeId(3), "Forged".into(), 5)];
        let report = report(&status, &Registers::default());
        assert_eq!((report.faults, report.last), (7, Some((NodeId(3), quorate::Fault::Forged))));
        assert_eq!(report.to_string().parse(), Ok(report));
    }
}
