//! What a replica's decisions do on a board.

use super::application::{Application, Refused, Reply};
use super::draft::Draft;
use super::layout::{Layout, REPLY_HEAD, Regions};
use super::shelf::{Label, Shelf};
use crate::host::Host;
use crate::ledger::{Broken, Journal, Ledger};
use core::fmt;
use quorate::pbft::{
    ClientTable, Command, Decision, Execution, Message, Place, Record, Replica, Roots, Sequence,
    Sought, Storage, View,
};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, Fault, NodeId, Refusal, Target};

/// The host of a PBFT replica: an application `A`, a journal `J`, and memory `M` of the size that
/// [`Layout::bytes`] tells.
pub struct Service<A, J, M> {
    application: A,
    pub(super) ledger: Ledger<J>,
    pub(super) memory: M,
    pub(super) layout: Layout,
    pub(super) shelf: Shelf,
    draft: Option<Draft>,
    /// Replies of the batch under execution, and how many of them the replica has been told.
    replies: core::ops::Range<usize>,
    answer: Option<(ClientId, bool)>,
    captured: Option<(Sequence, Digest)>,
    sought: Option<Sequence>,
    pieces: [Sought; 1],
    found: bool,
    installed: Option<Sequence>,
    serve: Option<(NodeId, Sequence, Place)>,
    /// Whether a checkpoint became stable.
    stable: bool,
    faults: u32,
    last_fault: Option<(NodeId, Fault)>,
    refusal: Option<Refusal>,
}

/// Why the host of a replica cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ServiceError<E> {
    /// The journal failed. Nothing that was not durable has been said.
    Journal(Broken<E>),
    /// The application's state is too long, or it does not take the one that a quorum vouches for.
    Application(Refused),
    /// The memory is shorter than the layout says: so many bytes are needed.
    Memory(usize),
    /// The client table has more pages than sixteen.
    TooManyClients,
    /// The others replicate another application: its state has this many pages.
    OtherApplication(u32),
    /// The journal is older than what this replica has said: it must be started as one that has
    /// lost it.
    OldLog(View),
}

impl<E> From<Broken<E>> for ServiceError<E> {
    fn from(broken: Broken<E>) -> Self {
        Self::Journal(broken)
    }
}

impl<E: fmt::Debug> fmt::Display for ServiceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(broken) => broken.fmt(f),
            Self::Application(refused) => refused.fmt(f),
            Self::Memory(bytes) => write!(f, "the memory must have {bytes} bytes: see Layout"),
            Self::TooManyClients => f.write_str("a table of clients has sixteen pages at most"),
            Self::OtherApplication(pages) => {
                write!(f, "the others have a state of {pages} pages, this application of one")
            }
            Self::OldLog(view) => write!(
                f,
                "what this replica signed for view {} is not in its journal: start it again as \
                 one that has lost it",
                view.0
            ),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for ServiceError<E> {}

impl<A: Application, J: Journal, M: AsRef<[u8]> + AsMut<[u8]>> Service<A, J, M> {
    /// The host of a replica at the initial state of the cluster.
    ///
    /// # Errors
    /// [`ServiceError::Memory`] or [`ServiceError::TooManyClients`].
    pub fn new(
        application: A,
        journal: J,
        memory: M,
        layout: Layout,
    ) -> Result<Self, ServiceError<J::Error>> {
        if memory.as_ref().len() < layout.bytes() {
            return Err(ServiceError::Memory(layout.bytes()));
        }
        if layout.dimensions.client_pages() > quorate::pbft::merkle::CLIENT_FAN_OUT {
            return Err(ServiceError::TooManyClients);
        }
        Ok(Self {
            application,
            ledger: Ledger::new(journal),
            memory,
            layout,
            shelf: Shelf::new(layout),
            draft: None,
            replies: 0..0,
            answer: None,
            captured: None,
            sought: None,
            pieces: [Sought { place: Place::ROOTS, digest: Digest::ZERO }],
            found: false,
            installed: None,
            serve: None,
            stable: false,
            faults: 0,
            last_fault: None,
            refusal: None,
        })
    }

    /// The application.
    pub const fn application(&self) -> &A {
        &self.application
    }

    /// The journal, to look at.
    pub const fn journal(&self) -> &J {
        self.ledger.journal()
    }

    /// Gives application, journal and memory back.
    pub fn into_parts(self) -> (A, J, M) {
        (self.application, self.ledger.into_journal(), self.memory)
    }

    /// How many wrongs peers did, and the last one.
    pub const fn faults(&self) -> (u32, Option<(NodeId, Fault)>) {
        (self.faults, self.last_fault)
    }

    /// The last command that the replica refused.
    pub const fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    fn execute(&mut self, execution: &Execution<'_>) {
        let Self { application, memory, layout, replies, .. } = self;
        let Regions { replies: room, .. } = layout.split(memory.as_mut());
        let mut rooms = room.chunks_exact_mut(layout.reply_stride());
        let mut count = 0;
        for request in execution.requests() {
            // A batch has at most one request of each client.
            let Some((head, room)) = rooms.next().and_then(|it| it.split_first_chunk_mut()) else {
                break;
            };
            let mut reply = Reply::new(room);
            application.execute(request.client, request.operation.0, &mut reply);
            *head = label(request.client, reply.length());
            count += 1;
        }
        *replies = 0..count;
    }

    fn read(&mut self, said: &[u8]) {
        let Ok(Message::Read(read)) = wire::decode::<Message<'_>>(said) else { return };
        let Self { application, memory, layout, answer, .. } = self;
        let Regions { replies, .. } = layout.split(memory.as_mut());
        let room = replies.rchunks_exact_mut(layout.reply_stride()).next();
        let room = room.and_then(|room| room.split_first_chunk_mut());
        if let Some((head, room)) = room {
            let mut reply = Reply::new(room);
            let known = application.read(read.client, read.operation.0, &mut reply);
            *head = label(read.client, reply.length());
            *answer = Some((read.client, known));
        }
    }

    async fn capture(
        &mut self,
        sequence: Sequence,
        clients: &ClientTable<'_>,
    ) -> Result<(), ServiceError<J::Error>> {
        let Self { application, memory, layout, shelf, draft, .. } = self;
        let at = shelf.clear(draft.as_ref().map(|draft| draft.at));
        let Regions { places, .. } = layout.split(memory.as_mut());
        let lost = ServiceError::Application(Refused);
        let (table, page) = shelf.room(places, at).ok_or(lost)?;
        let clients = clients.encode(table).ok_or(ServiceError::Application(Refused))?;
        let state = application.snapshot(page).map_err(ServiceError::Application)?;
        if state > page.len() {
            return Err(ServiceError::Application(Refused));
        }
        shelf.put(at, Label { sequence, clients, state });
        let digest = self.keep_newest().await?;
        self.captured = Some((sequence, digest));
        Ok(())
    }

    /// Makes the newest checkpoint durable; returns the digest of its state.
    async fn keep_newest(&mut self) -> Result<Digest, ServiceError<J::Error>> {
        let newest = self.shelf.newest(self.memory.as_ref());
        let newest = newest.ok_or(ServiceError::Application(Refused))?;
        self.ledger.keep(newest).await?;
        Ok(Shelf::state_digest(&newest))
    }

    fn stage(
        &mut self,
        sequence: Sequence,
        place: Place,
        said: &[u8],
    ) -> Result<(), ServiceError<J::Error>> {
        let Ok(Message::State { bytes, .. }) = wire::decode::<Message<'_>>(said) else {
            return Ok(());
        };
        let Self { memory, layout, shelf, draft, .. } = self;
        if place == Place::ROOTS {
            let Some(roots) = Roots::from_bytes(bytes.0) else { return Ok(()) };
            if roots.pages != 1 {
                return Err(ServiceError::OtherApplication(roots.pages));
            }
            let at = shelf.clear(None);
            *draft = Some(Draft::begin(sequence, roots, layout.dimensions.client_pages(), at));
            return Ok(());
        }
        let Some(draft) = draft.as_mut().filter(|draft| draft.sequence == sequence) else {
            return Ok(());
        };
        let Regions { places, drafted, .. } = layout.split(memory.as_mut());
        let lost = ServiceError::Application(Refused);
        let room = shelf.room(places, draft.at).ok_or(lost)?;
        let staged = draft.stage(place, bytes.0, room, drafted);
        if staged { Ok(()) } else { Err(ServiceError::Application(Refused)) }
    }

    fn seek(&mut self, sequence: Sequence) {
        let Self { memory, layout, draft, pieces, .. } = self;
        let Regions { drafted, .. } = layout.split(memory.as_mut());
        let draft = draft.as_mut().filter(|draft| draft.sequence == sequence);
        let next = draft.and_then(|draft| draft.seek(drafted));
        self.found = next.is_some();
        if let ([piece], Some(next)) = (pieces, next) {
            *piece = next;
        }
        self.sought = Some(sequence);
    }

    /// The checkpoint first, so that the journal has it when the application does.
    async fn install(&mut self, sequence: Sequence) -> Result<(), ServiceError<J::Error>> {
        let draft = self.draft.take().filter(|draft| draft.sequence == sequence);
        let Some((at, label)) = draft.and_then(|draft| draft.finished()) else { return Ok(()) };
        self.shelf.put(at, label);
        self.keep_newest().await?;
        self.restore()?;
        self.installed = Some(sequence);
        Ok(())
    }

    /// Rotates the journal if that cannot wait: each start and each view that fails makes it
    /// longer.
    pub(super) async fn make_room<S: Storage>(
        &mut self,
        replica: &Replica<S>,
    ) -> Result<(), ServiceError<J::Error>> {
        if self.ledger.journal().is_nearly_full() {
            let checkpoints = self.shelf.all(self.memory.as_ref());
            self.ledger.shorten(checkpoints, replica.records()).await?;
        }
        Ok(())
    }

    /// Gives the application the state of the newest checkpoint.
    pub(super) fn restore(&mut self) -> Result<(), ServiceError<J::Error>> {
        let newest = self.shelf.newest(self.memory.as_ref());
        let newest = newest.ok_or(ServiceError::Application(Refused))?;
        self.application.restore(newest.state).map_err(ServiceError::Application)
    }
}

/// What stands before a reply.
fn label(client: ClientId, length: usize) -> [u8; REPLY_HEAD] {
    let [a, b] = client.0.to_le_bytes();
    let [c, d, e, f] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    [a, b, c, d, e, f]
}

/// Author and length.
const fn read_label(label: [u8; REPLY_HEAD]) -> (ClientId, usize) {
    let [a, b, c, d, e, f] = label;
    (ClientId(u16::from_le_bytes([a, b])), u32::from_le_bytes([c, d, e, f]) as usize)
}

impl<S, A, J, M> Host<Replica<S>> for Service<A, J, M>
where
    S: Storage,
    A: Application,
    J: Journal,
    M: AsRef<[u8]> + AsMut<[u8]>,
{
    type Journal = J;
    type Error = ServiceError<J::Error>;

    fn ledger(&mut self) -> &mut Ledger<J> {
        &mut self.ledger
    }

    fn message_bytes(&self) -> usize {
        self.layout.message_bytes()
    }

    fn note(&mut self, record: &Record<'_>) {
        self.stable |= matches!(record, Record::Stable { .. });
    }

    async fn decide<'d>(&mut self, decision: Decision<'d>, said: &[u8]) -> Result<(), Self::Error>
    where
        S: 'd,
    {
        match decision {
            Decision::Execute(execution) => self.execute(&execution),
            Decision::Checkpoint { sequence, clients } => {
                self.capture(sequence, &clients).await?;
            }
            Decision::ServeState { to, sequence, place } => {
                self.serve = Some((to, sequence, place));
            }
            Decision::Stage { sequence, place } => self.stage(sequence, place, said)?,
            Decision::Seek { sequence, .. } => self.seek(sequence),
            Decision::Install { sequence } => self.install(sequence).await?,
            Decision::Read { .. } => self.read(said),
            // A board keeps no evidence.
            Decision::Contradiction { .. } => {}
        }
        Ok(())
    }

    fn command(&mut self) -> Option<Command<'_>> {
        if let Some((sequence, state)) = self.captured.take() {
            return Some(Command::Captured { sequence, state });
        }
        if let Some(sequence) = self.sought.take() {
            let pieces = if self.found { &self.pieces[..] } else { &[] };
            return Some(Command::Seek { sequence, pieces });
        }
        if let Some(sequence) = self.installed.take() {
            let newest = self.shelf.newest(self.memory.as_ref())?;
            return Some(Command::Installed { sequence, clients: newest.clients });
        }
        let stride = self.layout.reply_stride();
        let memory = self.memory.as_mut();
        if let Some((client, known)) = self.answer.take() {
            let Regions { replies, .. } = self.layout.split(memory);
            let answer = replies.rchunks_exact(stride).next().filter(|_| known);
            let answer = answer.and_then(|answer| {
                let (head, room) = answer.split_first_chunk()?;
                room.get(..read_label(*head).1)
            });
            return Some(Command::Answered { client, answer });
        }
        let at = self.replies.next()?;
        let Regions { places, replies, .. } = self.layout.split(memory);
        let (head, room) = replies.chunks_exact(stride).nth(at)?.split_first_chunk()?;
        let (client, length) = read_label(*head);
        // One that did not fit is as long as what does not fit.
        let too_long = places.get(..=room.len()).unwrap_or_default();
        Some(Command::Executed { client, reply: room.get(..length).unwrap_or(too_long) })
    }

    fn message(&mut self) -> Option<(Target, Message<'_>)> {
        let (to, sequence, place) = self.serve.take()?;
        let Regions { places, served, .. } = self.layout.split(self.memory.as_mut());
        let kept = self.shelf.find(places, sequence)?;
        let bytes = Bytes(self.shelf.piece(&kept, place, served)?);
        Some((Target::Node(to), Message::State { sequence, place, bytes }))
    }

    fn accuse(&mut self, node: NodeId, fault: Fault) {
        self.faults = self.faults.saturating_add(1);
        self.last_fault = Some((node, fault));
    }

    fn refuse(&mut self, refusal: Refusal) -> Result<(), Self::Error> {
        self.refusal = Some(refusal);
        match refusal {
            Refusal::OldLog { view } => Err(ServiceError::OldLog(View(view))),
            _ => Ok(()),
        }
    }

    async fn settle(&mut self, replica: &Replica<S>) -> Result<(), Self::Error> {
        if core::mem::take(&mut self.stable) {
            let memory = self.memory.as_ref();
            self.ledger.shorten(self.shelf.all(memory), replica.records()).await?;
        }
        self.make_room(replica).await
    }
}

impl<A, J, M> fmt::Debug for Service<A, J, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("faults", &self.faults)
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<A, J, M> defmt::Format for Service<A, J, M> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Service(faults: {}, refusal: {})", self.faults, self.refusal);
    }
}
