//! Reports: who asked, when they are made, and what is in them.

use super::arrival::{Asker, Core};
use super::driver::Clock;
use super::host::Host;
use crate::application::Application;
use crate::net::{Channel, LinkId, Payload, Post};
use crate::status::{Control, PeerStatus, StatusReport};
use quorate::{Instant, NodeId, wire};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Digests may take this part of the step thread's time: one in so many.
const SHARE: u32 = 20;

/// Answers questions. The digest of a large state is dear, so all who ask are answered together,
/// and not before the time that the last digest took has passed many times over.
#[derive(Debug)]
pub(crate) struct Reporter {
    me: NodeId,
    nodes: usize,
    clients: usize,
    /// Bytes of captured checkpoints.
    archived: Arc<AtomicU64>,
    /// The last report made, for those who ask when the replica has ended.
    last: Arc<Mutex<StatusReport>>,
    /// One question a link: another of the same link takes its place.
    links: BTreeMap<LinkId, u64>,
    local: Vec<SyncSender<StatusReport>>,
    next: Instant,
}

impl Reporter {
    pub(crate) fn new(
        me: NodeId,
        (nodes, clients): (usize, usize),
        archived: Arc<AtomicU64>,
        last: Arc<Mutex<StatusReport>>,
    ) -> Self {
        let (links, local, next) = (BTreeMap::new(), Vec::new(), Instant::ZERO);
        Self { me, nodes, clients, archived, last, links, local, next }
    }

    pub(crate) fn ask(&mut self, by: Asker) {
        match by {
            Asker::Link(link, number) => drop(self.links.insert(link, number)),
            Asker::Local(answer) => self.local.push(answer),
        }
    }

    /// When the next report is to be made, if anybody waits for one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let anybody = !self.links.is_empty() || !self.local.is_empty();
        anybody.then_some(self.next)
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Makes a report and gives it to all who asked.
    pub(crate) fn answer<A: Application>(&mut self, core: &Core, host: &Host<A>, clock: Clock) {
        let begin = clock.now();
        let report = self.report(core, host).trimmed();
        let end = clock.now();
        self.next = end.after(end.since(begin).max(Duration::from_micros(50)) * SHARE);
        for answer in self.local.drain(..) {
            // Whoever does not wait any more does not want it.
            let _ = answer.try_send(report.clone());
        }
        let links = std::mem::take(&mut self.links).into_iter();
        host.post.send(links.map(|(link, number)| {
            (link, encode(&Control::StatusReport { number, report: report.clone() }))
        }));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }

    fn report<A: Application>(&self, core: &Core, host: &Host<A>) -> StatusReport {
        let status = core.status();
        let others = (0..self.nodes).filter(|id| *id != self.me.index());
        StatusReport {
            node: self.me,
            view: status.view.0,
            active: status.active,
            recovering: core.is_recovering(),
            executed: status.executed.0,
            stable: status.stable.0,
            digest: Some(host.digest()),
            peers: others.map(|id| peer(&host.post, id)).collect(),
            faults: host.faults.of_nodes(),
            client_faults: host.faults.client_total,
            clients: host.post.count_open(self.nodes..self.nodes + self.clients) as u64,
            log_bytes: host.log.bytes() + self.archived.load(Ordering::Relaxed),
            notes: host.notes.clone(),
            faulty_clients: host.faults.of_clients(),
            proofs: host.proofs.kept().to_vec(),
            departures: core.departures(),
            alone: core.is_alone(),
        }
    }
}

fn peer(post: &Post, id: usize) -> PeerStatus {
    let depth = post.depth(LinkId(id));
    PeerStatus {
        node: NodeId(id as u8),
        connected: depth.open,
        queued_bytes: depth.bytes as u64,
        dropped: depth.dropped,
    }
}

/// A control message as a payload.
pub(crate) fn encode(control: &Control) -> Payload {
    let mut payload = vec![0; 1 + wire::encoded_len(control)];
    payload[0] = Channel::Control as u8;
    let encoded = wire::encode(control, &mut payload[1..]);
    encoded.expect("a message is as long as it said");
    payload.into()
}
