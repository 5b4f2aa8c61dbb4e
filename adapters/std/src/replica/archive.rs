//! The disk thread: checkpoints are written, served, fetched and deleted beside the step thread.

use super::arrival::Arrival;
use super::stopped::Stopped;
use super::turns::Turns;
use crate::disk::{Checkpoint, Checkpoints, Counts, Directory, DiskError, Staging};
use crate::image::{Draft, Image};
use crate::net::{Channel, LinkId, Payload, Post};
use quorate::NodeId;
use quorate::pbft::{Message, Part, Place, Roots, Sequence, Sought};
use quorate::wire::{self, Bytes};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

/// What the disk thread is to do, in order.
#[derive(Debug)]
pub(crate) enum Job {
    /// Make a checkpoint durable and say so. State pages that are not among the changed ones are
    /// those of the newest checkpoint.
    Store { era: u64, sequence: Sequence, clients: Vec<Vec<u8>>, state: Changed },
    /// Delete checkpoints below a stable one.
    Forget { below: Sequence },
    /// Send a piece of a checkpoint to a replica that missed it.
    Serve { to: NodeId, sequence: Sequence, place: Place },
    /// Keep a piece of a checkpoint that is being fetched.
    Stage { place: Place, piece: Vec<u8> },
    /// Say which pieces are lacking, up to so many.
    Seek { sequence: Sequence, room: usize },
    /// Make the fetched checkpoint durable, delete those above it, since they were captured from
    /// another state, and hand over what the application lacks: all pages but those that did not
    /// change since the newest checkpoint and are the same in it.
    Install { sequence: Sequence, changed: Vec<u32>, into: SyncSender<Installing> },
}

/// The pages of a state that are not those of the checkpoint before, and how many there are.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) pages: u32,
    pub(crate) changed: BTreeMap<u32, Vec<u8>>,
}

/// A state on its way to the application, a page at a time.
#[derive(Debug)]
pub(crate) enum Installing {
    /// The number of its pages.
    Pages(u32),
    /// A page.
    Page(u32, Vec<u8>),
    /// That was all; the client table with it.
    End { clients: Vec<u8> },
    /// It did not go well.
    Failed(DiskError),
}

/// Bytes on their way to a peer above which it is served no more pieces.
const BACKLOG: usize = 4 << 20;

/// How long after its last request a peer's checkpoint is kept for it: one a peer at most.
const LEASE: Duration = Duration::from_secs(2);

/// The disk thread's tools.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) directory: Arc<Directory>,
    pub(crate) post: Arc<Post>,
    pub(crate) arrivals: Arc<Turns<Arrival>>,
    /// Bytes of all captured checkpoints, for reports.
    pub(crate) bytes: Arc<AtomicU64>,
    /// Pages of the client table, a constant of the cluster.
    pub(crate) client_pages: u32,
    pub(crate) shelf: Shelf,
}

/// The checkpoints that are held, with their digests in memory, and what is being fetched.
#[derive(Debug)]
pub(crate) struct Shelf {
    held: BTreeMap<Sequence, (Checkpoint, Image)>,
    /// What each peer has fetched pieces of, and when it did last.
    fetched: BTreeMap<NodeId, (Sequence, Instant)>,
    staging: Staging,
    draft: Draft,
}

impl Shelf {
    /// What the directory holds up to the checkpoint that was restored: what is newer is damaged,
    /// and what is damaged is no use.
    pub(crate) fn open(directory: &Arc<Directory>, newest: Sequence) -> Result<Self, DiskError> {
        let checkpoints = Checkpoints(directory);
        let mut held = BTreeMap::new();
        for sequence in checkpoints.sequences()?.into_iter().filter(|at| *at <= newest) {
            if let Ok(Some(checkpoint)) = checkpoints.load(sequence) {
                let image = checkpoint.image();
                held.insert(sequence, (checkpoint, image));
            }
        }
        let staging = Staging::open(Arc::clone(directory))?;
        Ok(Self { held, fetched: BTreeMap::new(), staging, draft: Draft::default() })
    }

    /// Drops what is below a sequence, but for what a peer is fetching. Returns that.
    fn forget_below(&mut self, below: Sequence) -> Vec<Sequence> {
        self.fetched.retain(|_, (_, since)| since.elapsed() < LEASE);
        let kept: Vec<Sequence> = self.fetched.values().map(|(sequence, _)| *sequence).collect();
        self.held.retain(|sequence, _| *sequence >= below || kept.contains(sequence));
        kept
    }

    fn newest(&self) -> Option<&(Checkpoint, Image)> {
        self.held.values().next_back()
    }

    fn keep(&mut self, checkpoint: Checkpoint) -> Image {
        let image = checkpoint.image();
        self.held.insert(checkpoint.sequence, (checkpoint, image.clone()));
        image
    }
}

impl Archive {
    /// Works until nobody can send another job.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            if let Err(error) = self.work(job) {
                self.arrivals.push(None, Arrival::Failed(Stopped::Disk(error)));
                return;
            }
        }
    }

    fn work(&mut self, job: Job) -> Result<(), DiskError> {
        match job {
            Job::Store { era, sequence, clients, state } => {
                let state = self.store(sequence, &clients, state)?.roots().state();
                self.arrivals.push(None, Arrival::Captured { era, sequence, state });
            }
            Job::Forget { below } => {
                let kept = self.shelf.forget_below(below);
                Checkpoints(&self.directory).forget_below(below, &kept)?;
            }
            Job::Serve { to, sequence, place } => return self.serve(to, sequence, place),
            Job::Stage { place, piece } => return self.stage(place, &piece),
            Job::Seek { sequence, room } => {
                let pieces = self.seek(room);
                self.arrivals.push(None, Arrival::Sought { sequence, pieces });
                return Ok(());
            }
            Job::Install { sequence, changed, into } => {
                let installed = self.install(sequence, &changed, &into);
                // The step thread waits for this, and ends if it went wrong.
                let _ = into.send(match installed {
                    Ok(clients) => Installing::End { clients },
                    Err(error) => Installing::Failed(error),
                });
            }
        }
        let bytes = Checkpoints(&self.directory).bytes()?;
        self.bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn store(
        &mut self,
        sequence: Sequence,
        clients: &[Vec<u8>],
        state: Changed,
    ) -> Result<Image, DiskError> {
        let counts = Counts { clients: clients.len() as u32, state: state.pages };
        let newest = self.shelf.newest();
        let stored = Checkpoints(&self.directory).store(sequence, counts, |part, index| {
            let page = match part {
                Part::Clients => clients.get(index as usize),
                Part::Roots | Part::State => state.changed.get(&index),
            };
            match (page, newest) {
                (Some(page), _) => Ok(page.clone()),
                (None, Some((before, _))) => before.page(part, index),
                (None, None) => unreachable!("before the first checkpoint every page is new"),
            }
        })?;
        Ok(self.shelf.keep(stored))
    }

    /// Queues a piece for a peer, unless too much is on its way to it already or the link is
    /// down: it asks again as long as it lacks it.
    fn serve(&mut self, to: NodeId, sequence: Sequence, place: Place) -> Result<(), DiskError> {
        let link = LinkId(to.index());
        let depth = self.post.depth(link);
        if !depth.open || depth.bytes > BACKLOG {
            return Ok(());
        }
        let Some((checkpoint, image)) = self.shelf.held.get(&sequence) else { return Ok(()) };
        self.shelf.fetched.insert(to, (sequence, Instant::now()));
        let piece = match (place, image.digest(place)) {
            (Place { level: 0, part: Part::Clients | Part::State, .. }, None) => None,
            (Place { level: 0, part: part @ (Part::Clients | Part::State), index }, Some(_)) => {
                Some(checkpoint.page(part, index)?)
            }
            _ => image.node(place),
        };
        let Some(bytes) = piece else { return Ok(()) };
        let message = Message::State { sequence, place, bytes: Bytes(&bytes) };
        let mut payload = vec![0; 1 + wire::encoded_len(&message)];
        payload[0] = Channel::Protocol as u8;
        let encoded = wire::encode(&message, &mut payload[1..]);
        encoded.expect("a message is as long as it said");
        self.post.send([(link, Payload::from(payload))]);
        Ok(())
    }

    fn stage(&mut self, place: Place, piece: &[u8]) -> Result<(), DiskError> {
        let Shelf { staging, draft, .. } = &mut self.shelf;
        match place {
            Place::ROOTS => {
                let roots = Roots::from_bytes(piece).expect("the core has read them");
                *draft = Draft::begin(&roots, self.client_pages);
                // Pages of targets that were given up, one after the other, must not pile up.
                if staging.len() > 64 + 2 * roots.pages as usize {
                    staging.clear()?;
                }
                Ok(())
            }
            Place { level: 0, .. } => staging.keep(place, piece),
            node => {
                draft.open(node, piece);
                Ok(())
            }
        }
    }

    fn seek(&mut self, room: usize) -> Vec<Sought> {
        let Shelf { held, staging, draft, .. } = &mut self.shelf;
        let images: Vec<&Image> = held.values().map(|(_, image)| image).collect();
        draft.seek(&images, |sought| staging.page(sought).is_some(), room)
    }

    fn install(
        &mut self,
        sequence: Sequence,
        changed: &[u32],
        into: &SyncSender<Installing>,
    ) -> Result<Vec<u8>, DiskError> {
        let checkpoints = Checkpoints(&self.directory);
        let Shelf { held, staging, draft, .. } = &mut self.shelf;
        let of = |part| draft.pages.keys().filter(move |place| place.part == part).count() as u32;
        let counts = Counts { clients: of(Part::Clients), state: of(Part::State) };
        let stored = checkpoints.store(sequence, counts, |part, index| {
            let place = Place::page(part, index);
            let digest = draft.pages.get(&place).copied().unwrap_or_default();
            let sought = Sought { place, digest };
            let holder = held.values().find(|(_, image)| image.has(&sought));
            if let Some((holder, _)) = holder {
                return holder.page(part, index);
            }
            let path = checkpoints.path(sequence);
            let lost = || DiskError::damaged(&path, 0, "a page that was staged for it is gone");
            staging.page(&sought).ok_or_else(lost)
        })?;
        checkpoints.forget_above(sequence)?;
        let image = stored.image();
        let before = held.values().next_back().map(|(_, image)| image.clone());
        // The step thread waits for each of these.
        let _ = into.send(Installing::Pages(counts.state));
        for index in 0..counts.state {
            let place = Place::page(Part::State, index);
            let same = before.as_ref().is_some_and(|it| it.digest(place) == image.digest(place));
            if !same || changed.binary_search(&index).is_ok() {
                let _ = into.send(Installing::Page(index, stored.page(Part::State, index)?));
            }
        }
        let clients = stored.clients()?;
        drop(held.split_off(&sequence));
        staging.clear()?;
        *draft = Draft::default();
        self.shelf.keep(stored);
        Ok(clients)
    }
}
