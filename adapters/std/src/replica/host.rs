//! What a replica's outputs do: records to the log, messages to the outbox, batches to the
//! application.

use super::archive::{self, Installing};
use super::arrival::Core;
use super::distrust;
use super::outbox::Outbox;
use super::proofs::{self, Proofs};
use super::restart;
use super::stopped::Stopped;
use crate::application::Application;
use crate::disk::{Checkpoints, Directory, DiskError, Log};
use crate::net::Post;
use quorate::fault::Evidence;
use quorate::pbft::{ClientTable, Decision, Execution, Message, Record, Sequence};
use quorate::{ClientId, Digest, Fault, NodeId, Output, OutputOf, Principal, Refusal};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Sender, sync_channel};

/// Everything of a replica but its core.
#[derive(Debug)]
pub(crate) struct Host<A> {
    pub(crate) application: A,
    pub(crate) log: Log,
    pub(crate) directory: Arc<Directory>,
    pub(crate) outbox: Outbox,
    pub(crate) archive: Sender<archive::Job>,
    pub(crate) post: Arc<Post>,
    pub(crate) faults: Faults,
    pub(crate) proofs: Proofs,
    pub(crate) notes: Vec<String>,
    /// How many pages the application's state had when its changes were asked for last.
    pub(crate) pages: u32,
    /// How many states were installed: what was captured before one is of no use after it.
    pub(crate) era: u64,
    /// Bytes of the largest page that a peer with the same settings accepts.
    pub(crate) page_bytes: usize,
    /// Replies of the batch under execution that the core has not been told yet.
    pub(crate) replies: VecDeque<(ClientId, Vec<u8>)>,
    /// The answer to a read that the core has not been told yet.
    pub(crate) answered: Option<(ClientId, Option<Vec<u8>>)>,
    /// The log is rewritten when it is larger than this.
    pub(crate) log_limit: u64,
    /// What [`Host::log_limit`] never goes below.
    pub(crate) log_bytes: u64,
    /// Buffers of replies, to be used again.
    pub(crate) spare: Vec<Vec<u8>>,
    /// The last checkpoint that became stable in this turn.
    pub(crate) stable: Option<Sequence>,
    /// A checkpoint that was installed and that the core has not been told of: its client table.
    pub(crate) installed: Option<(Sequence, Vec<u8>)>,
}

/// Pages on their way from the disk thread to the application.
const PAGES: usize = 4;

/// The most notes that are kept.
const NOTES: usize = 32;

impl<A: Application> Host<A> {
    /// Performs one output. `said` is the message that was the input of this step.
    pub(crate) fn perform(
        &mut self,
        output: OutputOf<'_, Core>,
        said: Option<Message<'_>>,
    ) -> Result<(), Stopped> {
        match output {
            Output::Persist(record) => {
                match record {
                    Record::Stable { sequence, .. } => self.stable = Some(sequence),
                    Record::Recovering { lost: true, .. } => self.note(restart::LOST.to_owned()),
                    Record::Recovered { .. } => self.notes.retain(|note| note != restart::LOST),
                    _ => {}
                }
                self.log.append(&record);
            }
            Output::Send { to, message } => self.outbox.hold(to, message),
            Output::Decide(decision) => self.decide(decision, said)?,
            Output::Accuse { node, fault } => self.faults.count(Principal::Node(node), fault),
            Output::Refuse(Refusal::OldLog { view }) => {
                // If that cannot be remembered, a peer will tell it again.
                let _ = distrust::mark(&self.directory);
                return Err(Stopped::OldLog { view });
            }
            Output::Refuse(refusal) => self.note(format!("the core refused a command: {refusal}")),
        }
        Ok(())
    }

    fn decide(&mut self, decision: Decision<'_>, said: Option<Message<'_>>) -> Result<(), Stopped> {
        match decision {
            Decision::Execute(execution) => self.execute(&execution),
            Decision::Checkpoint { sequence, clients } => self.capture(sequence, clients),
            Decision::ServeState { to, sequence, place } => {
                self.hand_over(archive::Job::Serve { to, sequence, place });
            }
            Decision::Stage { place, .. } => {
                if let Some(Message::State { bytes, .. }) = said {
                    self.hand_over(archive::Job::Stage { place, piece: bytes.0.to_vec() });
                }
            }
            Decision::Seek { sequence, room } => {
                self.hand_over(archive::Job::Seek { sequence, room });
            }
            Decision::Install { sequence } => self.install(sequence)?,
            Decision::Contradiction { kept } => {
                if let Some(evidence) = said.and_then(|came| Evidence::between(kept, came)) {
                    self.prove(&proofs::encode(&evidence));
                }
            }
            Decision::Read { client, .. } => {
                if let Some(Message::Read(read)) = said {
                    let mut answer = Vec::new();
                    let known = self.application.read(client, read.operation.0, &mut answer);
                    self.answered = Some((client, known.then_some(answer)));
                }
            }
        }
        Ok(())
    }

    /// Captures client table and changed pages; the disk thread does the rest.
    fn capture(&mut self, sequence: Sequence, clients: ClientTable<'_>) {
        let table = |at| {
            let mut page = vec![0; clients.page_len(at)];
            let written = clients.encode_page(at, &mut page);
            assert_eq!(written, Some(page.len()), "a page is as long as it said");
            page
        };
        let clients = (0..clients.pages()).map(table).collect();
        let mut changed = BTreeMap::new();
        for index in self.changed() {
            let mut page = Vec::new();
            self.application.page(index, &mut page);
            if page.len() > self.page_bytes {
                self.note(format!(
                    "page {index} of the state, of {} bytes, is larger than page_bytes, {}: no \
                     replica can fetch it. Raise page_bytes at all replicas",
                    page.len(),
                    self.page_bytes
                ));
            }
            changed.insert(index, page);
        }
        let state = archive::Changed { pages: self.application.pages(), changed };
        self.hand_over(archive::Job::Store { era: self.era, sequence, clients, state });
    }

    /// The pages that operations have changed since this was asked last, and that there are.
    fn changed(&mut self) -> Vec<u32> {
        let mut changed = Vec::new();
        self.application.changed(&mut |index| changed.push(index));
        let pages = self.application.pages();
        // Pages that there were none of before are new, whatever the application says.
        changed.extend(self.pages..pages);
        self.pages = pages;
        changed.retain(|index| *index < pages);
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Replaces the application's state, page by page, once its checkpoint is durable, and before
    /// that the record that says so.
    fn install(&mut self, sequence: Sequence) -> Result<(), Stopped> {
        let durable = self.log.commit()?;
        self.outbox.release(durable, &self.post);
        let (into, pages) = sync_channel(PAGES);
        let changed = self.changed();
        self.era += 1;
        self.hand_over(archive::Job::Install { sequence, changed, into });
        let path = Checkpoints(&self.directory).path(sequence);
        loop {
            let ended = |_| std::io::Error::other("the disk thread has ended");
            match pages.recv().map_err(ended).map_err(DiskError::io("store", &path))? {
                Installing::Pages(pages) => {
                    self.application.resize(pages).map_err(Stopped::Restore)?;
                }
                Installing::Page(index, bytes) => {
                    self.application.install(index, &bytes).map_err(Stopped::Restore)?;
                }
                Installing::End { clients } => {
                    self.application.finish().map_err(Stopped::Restore)?;
                    self.changed();
                    self.installed = Some((sequence, clients));
                    return Ok(());
                }
                Installing::Failed(error) => return Err(error.into()),
            }
        }
    }

    fn execute(&mut self, execution: &Execution<'_>) {
        for request in execution.requests() {
            let mut reply = self.spare.pop().unwrap_or_default();
            reply.clear();
            self.application.execute(request.client, request.operation.0, &mut reply);
            self.replies.push_back((request.client, reply));
        }
    }

    /// Ends a turn: one sync for every record of it, then its messages leave, then what has
    /// become useless goes.
    pub(crate) fn settle(&mut self, core: &Core) -> Result<(), DiskError> {
        let durable = self.log.commit()?;
        self.outbox.release(durable, &self.post);
        let Some(below) = self.stable.take() else { return Ok(()) };
        self.hand_over(archive::Job::Forget { below });
        if self.log.bytes() > self.log_limit {
            self.log.rotate(&self.directory, core.records())?;
            // A window of large batches may be larger than the limit: then it is doubled.
            self.log_limit = self.log_bytes.max(self.log.bytes().saturating_mul(2));
        }
        Ok(())
    }

    /// The disk thread is gone only after it has told why: that is the next arrival.
    fn hand_over(&self, job: archive::Job) {
        let _ = self.archive.send(job);
    }

    /// Keeps evidence. A disk that does not take it is the operator's matter: nothing that the
    /// replica does depends on it.
    pub(crate) fn prove(&mut self, evidence: &[u8]) {
        if let Err(error) = self.proofs.add(evidence) {
            self.note(format!("evidence is not kept: {error}"));
        }
    }

    /// Keeps a note for the operator.
    pub(crate) fn note(&mut self, note: String) {
        if self.notes.len() < NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The digest of the application's state as it is now.
    pub(crate) fn digest(&self) -> Digest {
        self.application.digest()
    }
}

/// Who did what wrong, how often.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    nodes: HashMap<(NodeId, Fault), u64>,
    clients: HashMap<(ClientId, Fault), u64>,
    /// Wrongs of clients, together.
    pub(crate) client_total: u64,
}

/// The most rows of clients that are counted; wrongs of further ones only add to the total.
const FAULTY_CLIENTS: usize = 1024;

impl Faults {
    pub(crate) fn count(&mut self, who: Principal, fault: Fault) {
        let counter = match who {
            Principal::Node(node) => self.nodes.entry((node, fault)).or_default(),
            Principal::Client(client) => {
                self.client_total = self.client_total.saturating_add(1);
                let (key, full) = ((client, fault), self.clients.len() >= FAULTY_CLIENTS);
                if full && !self.clients.contains_key(&key) {
                    return;
                }
                self.clients.entry(key).or_default()
            }
        };
        *counter = counter.saturating_add(1);
    }

    /// Wrongs of nodes, ascending by node and name.
    pub(crate) fn of_nodes(&self) -> Vec<(NodeId, String, u64)> {
        let named = self.nodes.iter().map(|((node, fault), n)| (*node, format!("{fault:?}"), *n));
        let mut all: Vec<_> = named.collect();
        all.sort_unstable();
        all
    }

    /// Wrongs of clients, those who did most first.
    pub(crate) fn of_clients(&self) -> Vec<(ClientId, String, u64)> {
        let rows = self.clients.iter();
        let mut all: Vec<_> =
            rows.map(|((who, fault), n)| (*who, format!("{fault:?}"), *n)).collect();
        all.sort_unstable_by(|a, b| b.2.cmp(&a.2).then_with(|| a.cmp(b)));
        all
    }
}
