//! A general that serves clients: its one `match` on inputs is the table of contents.

use super::authority::Authority;
use super::config::Config;
use super::decision::{Command, Decision};
use super::memory::Storage;
use super::message::Message;
use super::outputs::Outputs;
use super::rules::{Node, Rules};
use crate::auth::Verified;
use crate::fault::{ConfigError, Fault, Refusal};
use crate::node::{NodeId, Principal};
use crate::protocol::{Admission, Input, InputOf, Never, Protocol};
use crate::rounds::Rules as _;
use crate::time::Instant;

/// A general that agrees with the others on a vector of proposals in each slot and has all
/// requests executed in the order that follows from it.
///
/// `S` is the memory, `A` tells which requests are authentic, `B` is the most bytes of a proposal.
#[derive(Debug)]
pub struct General<S, A, const B: usize> {
    pub(super) node: Node,
    pub(super) storage: S,
    pub(super) authority: A,
}

#[cfg(feature = "defmt")]
impl<S, A, const B: usize> defmt::Format for General<S, A, B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Node { config, executed, next, .. } = &self.node;
        defmt::write!(f, "General({}, executed {} slots, next {})", config.me, executed, next);
    }
}

/// Whether a general keeps up with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Status {
    /// How many slots were executed: the number of the next one to execute.
    pub executed: u64,
    /// The next slot to begin.
    pub next: u64,
    /// Whether it counts itself faulty, and waits for the others' state.
    pub is_behind: bool,
}

impl<S: Storage<B>, A: Authority, const B: usize> General<S, A, B> {
    /// A general at the initial state of the cluster, to be stepped at once. If slot 0 has begun
    /// when it is stepped for the first time, it has missed it, and rejoins: it cannot know what it
    /// said in slots that have begun before it was started again. So let slot 0 begin when all are
    /// there: without all but m of them the service is over before it begins.
    ///
    /// # Errors
    /// Sizes or settings that do not fit together.
    pub fn new(config: Config, mut storage: S, authority: A) -> Result<Self, ConfigError> {
        config.check()?;
        let parts = storage.parts();
        let request_bytes = parts.requests.len().checked_div(parts.desks.len()).unwrap_or(0);
        if request_bytes > B {
            return Err(ConfigError("a proposal must have room for the longest request"));
        }
        let mut node = Node::new(config);
        let mut rules = Rules { node: &mut node, memory: storage.parts(), authority: &authority };
        rules.check()?;
        for lane in rules.memory.lanes.iter_mut() {
            lane.rules_mut().doubt_itself();
        }
        for slot in (0..).take(rules.memory.lanes.len()) {
            rules.prepare(slot);
        }
        Ok(Self { node, storage, authority })
    }

    /// The memory that it was given, to be looked at.
    #[must_use]
    pub const fn memory(&self) -> &S {
        &self.storage
    }

    /// Where the general stands.
    #[must_use]
    pub const fn status(&self) -> Status {
        Status {
            executed: self.node.executed,
            next: self.node.next,
            is_behind: self.node.behind.is_some(),
        }
    }

    /// Whether a decoded message from an authentic link is worth its verification. What is not
    /// worth it is struck from the frames of slots.
    #[must_use]
    pub fn admit(
        &mut self,
        now: Instant,
        from: Principal,
        message: &mut Message<'_, S::Protocol>,
    ) -> Admission {
        self.node.now = self.node.now.max(now);
        let mut rules = Rules {
            node: &mut self.node,
            memory: self.storage.parts(),
            authority: &self.authority,
        };
        rules.admit(from, message)
    }
}

impl<S: Storage<B>, A: Authority, const B: usize> Protocol for General<S, A, B> {
    type Command<'a> = Command<'a>;
    type Message<'a> = Message<'a, S::Protocol>;
    type Decision<'a>
        = Decision<'a, S::Protocol>
    where
        Self: 'a;
    type Record<'a>
        = Never
    where
        Self: 'a;
    type Outputs<'a>
        = Outputs<'a, S::Protocol, S::Instances>
    where
        Self: 'a;

    fn step(
        &mut self,
        now: Instant,
        input: InputOf<'_, Self>,
    ) -> Outputs<'_, S::Protocol, S::Instances> {
        let drained = self.storage.lend().lanes.iter().all(|lane| lane.is_drained());
        if !drained || self.node.cursor.get() < self.node.effects.len() {
            self.node.undrained.set(true);
        } else {
            self.node.effects.clear();
            self.node.cursor.set(0);
            self.node.now = self.node.now.max(now);
            let mut rules = Rules {
                node: &mut self.node,
                memory: self.storage.parts(),
                authority: &self.authority,
            };
            rules.start();
            rules.begin_slots();
            match input {
                Input::Wake => {}
                Input::Command(Command::Executed { slot, client, reply }) => {
                    rules.on_executed(slot, client, reply);
                }
                Input::Command(Command::Captured { slot, state }) => {
                    rules.on_captured(slot, &state);
                }
                Input::Message(message) => rules.on_message(message),
            }
            rules.wake_lanes();
            rules.execute();
            rules.ask_again();
        }
        Outputs { node: &self.node, memory: self.storage.lend() }
    }

    fn deadline(&self) -> Option<Instant> {
        if !self.node.started {
            // At once: the first step tells whether it is too late for the first slot.
            return Some(self.node.now);
        }
        let memory = self.storage.lend();
        let lanes = memory.lanes.iter().filter_map(|lane| lane.deadline());
        let retry = self.node.behind.map(|behind| behind.retry_at);
        let waiting = self.node.unfinished.then_some(self.node.now);
        lanes.chain(retry).chain(waiting).min()
    }
}

impl<P, T, A, const B: usize> Rules<'_, P, T, A>
where
    P: crate::vector::Broadcast<Value = super::proposal::Proposal<B>>,
    T: AsRef<[P]> + AsMut<[P]>,
    A: Authority,
{
    /// One line for each message.
    fn on_message(&mut self, verified: Verified<Message<'_, P>>) {
        let Verified { from, digest, message } = verified;
        if let Message::Request(request) = &message {
            return self.on_request(from, request);
        }
        let from = match self.peer(from) {
            Ok(from) => from,
            Err((node, fault)) => return self.accuse(node, fault),
        };
        match message {
            Message::Request(_) => {}
            Message::Reply(_) => self.accuse(from, Fault::NotAllowed),
            Message::Slot(frame) => self.on_slot(from, digest, frame),
            Message::Rejoin { after } => self.on_rejoin(from, after),
            Message::Vouch { slot, digest } => self.on_vouch(from, slot, digest),
            Message::FetchState { slot } => self.on_fetch_state(from, slot),
            Message::State { slot, clients, .. } => self.on_state(from, slot, clients.0, &digest),
        }
    }

    fn on_slot(
        &mut self,
        from: NodeId,
        digest: crate::auth::Digest,
        message: crate::vector::Message<'_, P>,
    ) {
        let (slot, now) = (message.number, self.node.now);
        let given_up = self.is_given_up(slot);
        match self.lane(slot) {
            // It was woken in this very step, long after its time: it has missed its deadline.
            Ok(lane) if !lane.is_drained() => {}
            Ok(lane) => {
                let from = Principal::Node(from);
                let message = Input::Message(Verified { from, digest, message });
                // What comes of it is put out together with the other lanes' outputs.
                let _ = lane.step(now, message);
            }
            Err(_) if given_up => {}
            Err(fault) => self.accuse(from, fault),
        }
    }

    /// The checks that need no signature, before those that do.
    fn admit(&mut self, from: Principal, message: &mut Message<'_, P>) -> Admission {
        if let Message::Request(request) = message {
            return self.admit_request(from, request);
        }
        match (self.peer(from), message) {
            (Err((_, fault)), _) => Admission::Refused(fault),
            (Ok(_), Message::Slot(frame)) => {
                // The next step begins the slots whose time has come, and judges their frames.
                let slot = frame.number;
                let due =
                    slot > self.node.next && slot < self.node.config.slot_after(self.node.now);
                let given_up = self.is_given_up(slot);
                match self.lane(slot) {
                    Ok(lane) => lane.admit(from, frame),
                    Err(_) if due => Admission::Verify,
                    Err(_) if given_up => Admission::Known,
                    Err(fault) => Admission::Refused(fault),
                }
            }
            (Ok(from), Message::State { slot, .. }) if !self.awaits_state(from, *slot) => {
                Admission::Known
            }
            _ => Admission::Verify,
        }
    }

    /// The peer behind a link; a client that speaks as a general has no id to be accused by.
    fn peer(&self, from: Principal) -> Result<NodeId, (NodeId, Fault)> {
        match from {
            Principal::Client(_) => Err((NodeId(u8::MAX), Fault::NotAllowed)),
            Principal::Node(node) if node == self.node.config.me => {
                Err((node, Fault::Impersonation))
            }
            Principal::Node(node) if node.index() >= self.node.config.nodes => {
                Err((node, Fault::OutOfBounds))
            }
            Principal::Node(node) => Ok(node),
        }
    }
}

impl<P, T, A> Rules<'_, P, T, A>
where
    P: crate::vector::Broadcast,
    T: AsRef<[P]> + AsMut<[P]>,
{
    /// Whether the sizes fit together.
    fn check(&self) -> Result<(), ConfigError> {
        let (config, memory) = (&self.node.config, &self.memory);
        let first = memory.lanes.first().ok_or(ConfigError("at least two lanes for slots"))?;
        if memory.lanes.len() < config.lanes(first.rules().rounds()) {
            return Err(ConfigError(
                "too few lanes: as many as `Config::lanes` tells, which leave time to rejoin",
            ));
        }
        let mine = |lane: &super::memory::Lane<P, T>| {
            lane.rules().me() == config.me && lane.rules().nodes() == config.nodes
        };
        if !memory.lanes.iter().all(mine) {
            return Err(ConfigError("a lane belongs to another general or size of cluster"));
        }
        let withstands = |lane: &super::memory::Lane<P, T>| lane.rules().traitors();
        if !memory.lanes.iter().all(|lane| withstands(lane) == config.traitors) {
            return Err(ConfigError(
                "a lane withstands another number of traitors than the service",
            ));
        }
        if memory.peers.len() != config.nodes {
            return Err(ConfigError("one peer row for each general"));
        }
        let clients = memory.rows.len();
        if memory.desks.len() != clients {
            return Err(ConfigError("one desk for each client"));
        }
        let even = |bytes: usize| bytes.checked_rem(clients).unwrap_or(bytes) == 0;
        if !even(memory.requests.len()) || !even(memory.replies.len()) {
            return Err(ConfigError("as many bytes of requests and replies for each client"));
        }
        Ok(())
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.emit(super::rules::Effect::Refuse(refusal));
    }

    pub(super) fn accuse(&mut self, node: NodeId, fault: Fault) {
        if node.0 != u8::MAX {
            self.emit(super::rules::Effect::Accuse { node, fault });
        }
    }
}
