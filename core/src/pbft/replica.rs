//! The replica: its one `match` on inputs is the table of contents of the protocol.

use super::amnesia::Estimate;
use super::config::Config;
use super::decision::{Command, Decision, Record};
use super::message::{Message, Status};
use super::outputs::Outputs;
use super::rules::{Cursor, Effect, Node, Rules};
use super::storage::Storage;
use super::view_change::{Shelf, plausible};
use super::watch::Departures;
use crate::auth::Verified;
use crate::fault::{ConfigError, Fault};
use crate::node::{NodeId, Principal};
use crate::protocol::{Admission, Input, InputOf, Protocol};
use crate::quorum::Quorum;
use crate::time::Instant;

/// A PBFT replica in memory of the host's: [`Fixed`](super::Fixed) arrays or another
/// [`Storage`].
///
/// A copy is for exploring what would happen: two that both speak with one key are one Byzantine
/// replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica<S> {
    pub(super) node: Node,
    pub(super) storage: S,
}

#[cfg(feature = "defmt")]
impl<S> defmt::Format for Replica<S> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Node { config, view, active, executed, stable, .. } = &self.node;
        defmt::write!(f, "Replica({}, {}, active: {}, ", config.me, view, active);
        defmt::write!(f, "executed {}, stable {})", executed, stable);
    }
}

impl<S: Storage> Replica<S> {
    /// A replica at the initial state of the cluster, in empty memory.
    ///
    /// # Errors
    /// Sizes or settings that cannot work.
    pub fn new(config: Config, storage: S) -> Result<Self, ConfigError> {
        let sizes = storage.dimensions();
        config.check(&sizes)?;
        let quorum = Quorum::of(sizes.nodes).ok_or(ConfigError("no replicas"))?;
        Ok(Self { node: Node::new(config, sizes, quorum), storage })
    }

    /// A replica that has lost its log, in empty memory. It votes on nothing until it holds a
    /// checkpoint above everything that it may have voted on before, so that it cannot contradict
    /// itself; see "A replica that lost its log" in [the chapter](crate::pbft). Until then it
    /// counts among the f. `nonce` was never used before by this replica: from a random source.
    ///
    /// # Errors
    /// Sizes or settings that cannot work.
    pub fn amnesiac(config: Config, storage: S, nonce: u64) -> Result<Self, ConfigError> {
        let mut replica = Self::new(config, storage)?;
        let mut rules = Rules { node: &mut replica.node, memory: replica.storage.parts() };
        rules.begin_recovery(nonce, true);
        Ok(replica)
    }

    /// A replica with an empty log that may be new, or may have lost one without knowing: like
    /// [`Replica::amnesiac`] if weak peers remember a vote of it, like [`Replica::new`] as soon as
    /// `n - 1 - f` remember none. It says nothing until then. Peers remember what they have heard
    /// since they were started themselves; so a lost log may be taken for a new replica, which then
    /// counts among the f: declare a loss that is known.
    ///
    /// # Errors
    /// Sizes or settings that cannot work.
    pub fn unsure(config: Config, storage: S, nonce: u64) -> Result<Self, ConfigError> {
        let mut replica = Self::new(config, storage)?;
        let mut rules = Rules { node: &mut replica.node, memory: replica.storage.parts() };
        rules.begin_recovery(nonce, false);
        Ok(replica)
    }

    /// Whether it has lost its log, or may have, and does not vote yet.
    #[must_use]
    pub const fn is_recovering(&self) -> bool {
        self.node.recovering.is_some()
    }

    /// Where the replica stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            view: self.node.view,
            active: self.node.active,
            stable: self.node.stable,
            executed: self.node.executed,
            wanting: self.node.transfer.is_some(),
        }
    }

    /// Whether a strong quorum contradicts this replica's state, so that it neither executes nor
    /// vouches for anything until it has fetched theirs.
    #[must_use]
    pub const fn is_diverged(&self) -> bool {
        self.node.diverged
    }

    /// Why this replica left the views that it left since it was started.
    #[must_use]
    pub const fn departures(&self) -> Departures {
        self.node.watch.departures
    }

    /// Whether the message of the last step left nothing, or nothing but what its sender had said
    /// before in other words: a vote that was cast before, lies outside of the window or only
    /// takes the place of another one of its sender's, a question. Each costs little, and a
    /// correct replica sends few of them. A host that counts those of each peer can let one that
    /// floods it wait. It is false for at most two PREPAREs and two COMMITs of a peer for each
    /// sequence of the window in each view of this replica, and for four of its CHECKPOINTs until
    /// the next stable one, and for 128 questions for pieces of a state in a status interval of
    /// this replica.
    #[must_use]
    pub const fn was_fruitless(&self) -> bool {
        self.node.fruitless
    }

    /// Whether a decoded message from an authentic link is worth its verification. Cheap, and it
    /// changes nothing but what its sender owes: the verification is charged to it, and paid
    /// back as the verified message is stepped.
    #[must_use]
    pub fn admit(&mut self, now: Instant, from: Principal, message: &Message<'_>) -> Admission {
        self.node.now = self.node.now.max(now);
        let mut rules = Rules { node: &mut self.node, memory: self.storage.parts() };
        if canary!("moved_before_verified")
            && let Message::ViewChange(change) = message
        {
            rules.note_spoken(change.author);
        }
        match rules.admit(from, message) {
            Admission::Verify => rules.charge(from, message),
            other => other,
        }
    }
}

impl<S: Storage> Protocol for Replica<S> {
    type Command<'a> = Command<'a>;
    type Message<'a> = Message<'a>;
    type Decision<'a>
        = Decision<'a>
    where
        Self: 'a;
    type Record<'a>
        = Record<'a>
    where
        Self: 'a;
    type Outputs<'a>
        = Outputs<'a>
    where
        Self: 'a;

    fn step(&mut self, now: Instant, input: InputOf<'_, Self>) -> Outputs<'_> {
        let cursor = self.node.cursor.get();
        if cursor.effect < self.node.effects.len() {
            self.node.cursor.set(Cursor { undrained: true, ..cursor });
        } else {
            self.node.effects.clear();
            self.node.fruitless = false;
            self.node.cursor.set(Cursor::default());
            self.node.now = self.node.now.max(now);
            let mut rules = Rules { node: &mut self.node, memory: self.storage.parts() };
            rules.watch_time();
            // Before anything else is written.
            rules.say_recovery();
            match input {
                _ if rules.node.old_log.is_some() => rules.refuse_all(),
                Input::Wake => rules.on_wake(),
                Input::Command(Command::Executed { client, reply }) => {
                    rules.on_executed(client, reply);
                }
                Input::Command(Command::Captured { sequence, state }) => {
                    rules.on_captured(sequence, &state);
                }
                Input::Command(Command::Answered { client, answer }) => {
                    rules.on_answered(client, answer);
                }
                Input::Command(Command::Seek { sequence, pieces }) => {
                    rules.on_seek(sequence, pieces);
                }
                Input::Command(Command::Installed { sequence, clients }) => {
                    rules.on_installed(sequence, clients);
                }
                Input::Message(message) => {
                    rules.on_message(&message);
                    rules.repay(&message);
                }
            }
            rules.work_backlog();
            if let Some(resend) = rules.node.resend.take() {
                rules.emit(Effect::Resend(resend));
            }
            rules.watch_state();
            rules.node.deadline = rules.next_deadline();
        }
        Outputs { node: &self.node, memory: self.storage.lend() }
    }

    fn deadline(&self) -> Option<Instant> {
        self.node.old_log.is_none().then_some(self.node.deadline)
    }
}

impl Rules<'_> {
    /// One line for each message of the protocol.
    fn on_message(&mut self, verified: &Verified<Message<'_>>) {
        let digest = verified.digest;
        if let Message::Request(request) = &verified.message {
            return self.on_request(verified.from, request);
        }
        if let (Principal::Client(_), Message::Read(read)) = (verified.from, &verified.message) {
            return self.on_read(verified.from, read);
        }
        let Principal::Node(from) = verified.from else { return };
        if from == self.node.me() {
            return self.accuse(from, Fault::Impersonation);
        }
        self.node.fruitless = is_small(&verified.message);
        match verified.message {
            Message::Request(_) => {}
            Message::Reply(_) => self.accuse(from, Fault::NotAllowed),
            Message::PrePrepare { view, sequence, batch } => {
                self.on_pre_prepare(from, view, sequence, batch, digest);
            }
            Message::Prepare(vote) => self.on_prepare(from, vote),
            Message::Commit(vote) => self.on_commit(from, vote),
            Message::Checkpoint { sequence, digest } => self.on_checkpoint(from, sequence, digest),
            Message::ViewChange(change) => self.on_view_change(&change, digest),
            Message::NewView(new_view) => self.on_new_view(from, &new_view, digest),
            Message::Status(status) => self.on_status(from, &status),
            Message::FetchBatch { sequence, digest } => {
                self.on_fetch_batch(from, sequence, &digest);
            }
            Message::Batch { sequence, batch } => self.bring(from, sequence, batch, digest),
            Message::FetchViewChange { author, digest } => {
                self.on_fetch_view_change(from, author, &digest);
            }
            Message::FetchState { sequence, place } => self.on_fetch_state(from, sequence, place),
            Message::State { sequence, place, bytes } => {
                self.on_state(from, (sequence, place), bytes.0, &digest);
            }
            Message::Settled { sequence, digest } => self.on_settled(from, sequence, digest),
            Message::Recover { nonce, lost, until } => self.on_recover(from, nonce, lost, until),
            Message::Estimate { nonce, stable, prepared, view, heard } => {
                self.on_estimate(from, nonce, Estimate { stable, prepared, view, heard });
            }
            Message::Busy(_) => self.accuse(from, Fault::NotAllowed),
            Message::Read(_) | Message::ReadReply(_) => self.accuse(from, Fault::NotAllowed),
        }
    }

    /// The checks that need no signature, before those that do.
    fn admit(&self, from: Principal, message: &Message<'_>) -> Admission {
        if let Message::Request(request) = message {
            return self.admit_request(from, request.client.index(), request.timestamp);
        }
        if let Message::Read(read) = message {
            return self.admit_read(from, read);
        }
        let Principal::Node(from) = from else { return Admission::Refused(Fault::NotAllowed) };
        match message {
            Message::PrePrepare { view, .. }
                if from != self.node.primary(*view) && !canary!("anyone_proposes") =>
            {
                Admission::Refused(Fault::NotPrimary)
            }
            Message::PrePrepare { view, sequence, batch } => {
                let current = *view == self.node.view && self.node.active;
                let accepted = self.slot(*sequence).and_then(|slot| slot.accepted(*view));
                let said = self.cast_by_me(*sequence, *view);
                match accepted.filter(|accepted| said == Some(*accepted)) {
                    _ if !current || self.node.is_mute() => Admission::Known,
                    _ if !self.in_window(*sequence) => Admission::Known,
                    Some(digest) if digest == batch.digest() => Admission::Known,
                    _ => Admission::Verify,
                }
            }
            Message::Batch { sequence, .. } if self.wanted(*sequence).is_none() => Admission::Known,
            Message::ViewChange(change) if !plausible(change, &self.node.sizes) => {
                Admission::Refused(Fault::BadViewChange)
            }
            Message::ViewChange(change) => {
                let latest = self.row(Shelf::Latest, change.author).map(|row| row.view);
                let waiting = self.awaits_view_change(change.author);
                let news = latest.is_none_or(|latest| change.view > latest);
                let worth = news || waiting || self.contradicts_view_change(change);
                if worth { Admission::Verify } else { Admission::Known }
            }
            Message::NewView(new_view) => {
                let entered = new_view.view == self.node.view && self.node.active;
                let old = new_view.view < self.node.view || entered;
                let digest = || new_view.digest(&self.node.config.scope);
                let worth = if old {
                    self.contradicts_new_view(new_view, &digest())
                } else {
                    !self.waits_already(new_view.view, digest)
                };
                if worth { Admission::Verify } else { Admission::Known }
            }
            Message::State { sequence, place, .. } => {
                let awaited = self.awaits_piece(from, *sequence, *place);
                if awaited { Admission::Verify } else { Admission::Known }
            }
            _ => Admission::Verify,
        }
    }

    fn admit_request(&self, from: Principal, client: usize, timestamp: u64) -> Admission {
        let Some(row) = self.memory.clients.get(client) else {
            return Admission::Refused(Fault::OutOfBounds);
        };
        match from {
            Principal::Client(sender) if sender.index() != client => {
                Admission::Refused(Fault::Impersonation)
            }
            Principal::Node(_) if timestamp <= row.timestamp => Admission::Known,
            Principal::Node(_) if self.holds_request(client, timestamp) => Admission::Known,
            _ => Admission::Verify,
        }
    }

    /// Whether a client's request waits here to be proposed, or was proposed in this view.
    fn holds_request(&self, client: usize, timestamp: u64) -> bool {
        let pending = self.memory.pending.get(client).copied().unwrap_or_default();
        let under_way = self.node.leads() && pending.proposed == Some(self.node.view);
        timestamp <= pending.timestamp && (pending.pooled || under_way)
    }

    fn awaits_view_change(&self, author: NodeId) -> bool {
        self.missing().any(|(missing, _)| missing == author)
    }
}

/// Whether a message costs no budget, and may be sent again and again for nothing.
const fn is_small(message: &Message<'_>) -> bool {
    matches!(
        message,
        Message::Prepare(_)
            | Message::Commit(_)
            | Message::Checkpoint { .. }
            | Message::Status(_)
            | Message::FetchBatch { .. }
            | Message::FetchViewChange { .. }
            | Message::FetchState { .. }
            | Message::Settled { .. }
            | Message::Recover { .. }
            | Message::Estimate { .. }
    )
}
