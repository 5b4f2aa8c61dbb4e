//! The engine: one clock, one queue, one network, and the loop body that any protocol shares.

use crate::network::{Network, Weather};
use crate::probe::{self, Watched};
use crate::queue::Queue;
use crate::random::Random;
use crate::sieve::{Fate, Sieve};
use crate::transcript::Transcript;
use core::time::Duration;
use quorate::auth::Scope;
use quorate::protocol::{InputOf, Output, Protocol, Target};
use quorate::{Fault, Instant, NodeId, Principal, Refusal, Signer, wire};
use std::rc::Rc;

/// An encoded message under way; its copies share the bytes.
pub type Payload = Rc<[u8]>;

/// Something that happens. `X` is what else can happen in a cluster of some protocol.
#[derive(Clone, Debug)]
pub enum Event<X> {
    /// A message arrives.
    Deliver {
        /// Who sent it: the network vouches for that.
        from: Principal,
        /// Who receives it.
        to: Principal,
        /// Its bytes.
        payload: Payload,
    },
    /// A machine wanted to be woken now.
    Wake {
        /// Which machine.
        who: Principal,
        /// In which of its lives; a restarted machine has another.
        life: u32,
    },
    /// Something of the cluster's own.
    Own(X),
}

/// The virtual world in which machines run: clock, events, network, chance and transcript.
#[derive(Clone, Debug)]
pub struct Engine<X> {
    /// The network; cut it, heal it, change its weather.
    pub network: Network,
    /// What happened so far.
    pub transcript: Transcript,
    /// The chance of everything but the network.
    pub random: Random,
    /// What becomes of single messages before the network has them.
    pub sieve: Option<Sieve>,
    now: Instant,
    queue: Queue<Event<X>>,
    scratch: Vec<u8>,
}

/// Bytes of the largest message that can be sealed.
const SCRATCH: usize = 1 << 20;

impl<X> Engine<X> {
    /// A world of a seed, at time zero; `text`: keep a readable transcript.
    #[must_use]
    pub fn new(seed: u64, weather: Weather, text: bool) -> Self {
        Self::with_room(seed, weather, text, SCRATCH)
    }

    /// The same with room for messages of at most so many bytes.
    #[must_use]
    pub fn with_room(seed: u64, weather: Weather, text: bool, bytes: usize) -> Self {
        let mut random = Random::new(seed);
        Self {
            network: Network::new(weather, random.fork()),
            transcript: Transcript::new(text),
            random,
            sieve: None,
            now: Instant::ZERO,
            queue: Queue::default(),
            scratch: vec![0; bytes],
        }
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// When the next event happens; `None`: nothing will happen any more.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.queue.next_at()
    }

    /// Takes the next event and moves the clock to it.
    pub fn advance(&mut self) -> Option<Event<X>> {
        let (at, event) = self.queue.pop()?;
        self.now = self.now.max(at);
        Some(event)
    }

    /// Moves the clock on to a time, but not past the next event.
    pub fn rest_until(&mut self, until: Instant) {
        let next = self.next_at().map_or(until, |next| next.min(until));
        self.now = self.now.max(next);
    }

    /// Has an event of the cluster's own happen at a time; now, if that is past.
    pub fn schedule(&mut self, at: Instant, event: X) {
        self.queue.push(at.max(self.now), Event::Own(event));
    }

    /// Has a machine woken at a time; now, if that is past.
    pub fn wake_at(&mut self, at: Instant, who: Principal, life: u32) {
        self.queue.push(at.max(self.now), Event::Wake { who, life });
    }

    /// Hands a message to the network. Says whether it will arrive.
    pub fn send(&mut self, from: Principal, to: Principal, payload: &Payload) -> bool {
        self.send_after(Duration::ZERO, from, to, payload)
    }

    /// The same after the sender has kept it back for a while.
    pub fn send_after(
        &mut self,
        kept_back: Duration,
        from: Principal,
        to: Principal,
        payload: &Payload,
    ) -> bool {
        let sieve = self.sieve.as_ref();
        let kept_back = match sieve.map_or(Fate::Carried, |sieve| sieve.fate(from, to, payload)) {
            Fate::Carried => kept_back,
            Fate::Held(longer) => kept_back + longer,
            Fate::Lost => return false,
        };
        let sent = self.now.after(kept_back);
        let arrivals = self.network.carry(sent, from, to, payload.len());
        for at in arrivals.into_iter().flatten() {
            self.queue.push(at, Event::Deliver { from, to, payload: Payload::clone(payload) });
        }
        arrivals[0].is_some()
    }

    /// Signs and encodes a message.
    ///
    /// # Panics
    /// It is longer than there is room for, a megabyte unless another room was asked for.
    pub fn seal<M, S>(&mut self, message: M, me: Principal, scope: &Scope, key: &S) -> Payload
    where
        M: quorate::auth::Signed + serde::Serialize,
        S: Signer,
    {
        let sealed = wire::seal(message, me, scope, key, &mut self.scratch);
        Payload::from(sealed.expect("a message is longer than there is room for"))
    }
}

/// What a machine's host does about each output of a step.
pub trait Host<P: Protocol + 'static> {
    /// Makes a record durable before any later send leaves.
    fn persist(&mut self, record: P::Record<'_>);
    /// Sends a message.
    fn send(&mut self, to: Target, message: P::Message<'_>);
    /// Carries out what was agreed.
    fn decide(&mut self, decision: P::Decision<'_>);
    /// Notes that a peer did wrong.
    fn accuse(&mut self, node: NodeId, fault: Fault);
    /// Notes that the host itself did wrong.
    fn refuse(&mut self, refusal: Refusal);
}

/// Steps a machine and has its host perform the outputs, in order: the loop body of every host.
pub fn perform<P, H>(machine: &mut P, now: Instant, input: InputOf<'_, P>, host: &mut H)
where
    P: Protocol + 'static,
    H: Host<P>,
{
    probe::enter();
    for output in Watched::of(machine.step(now, input)) {
        match output {
            Output::Persist(record) => host.persist(record),
            Output::Send { to, message } => host.send(to, message),
            Output::Decide(decision) => host.decide(decision),
            Output::Accuse { node, fault } => host.accuse(node, fault),
            Output::Refuse(refusal) => host.refuse(refusal),
        }
    }
}

/// The alarm of one machine: asks the engine for a wake-up when the deadline moves forward, and
/// notices a machine that wants to be woken for ever.
#[derive(Clone, Debug, Default)]
pub struct Alarm {
    set: Option<Instant>,
    rung: (Instant, u32),
}

/// How often a machine may be woken in one instant without moving its deadline.
const PATIENCE: u32 = 100;

impl Alarm {
    /// Asks for a wake-up at the deadline, unless an earlier one is under way.
    pub fn set<X>(
        &mut self,
        engine: &mut Engine<X>,
        who: Principal,
        life: u32,
        deadline: Option<Instant>,
    ) {
        let Some(deadline) = deadline.map(|deadline| deadline.max(engine.now())) else { return };
        if self.set.is_none_or(|set| deadline < set) {
            self.set = Some(deadline);
            engine.wake_at(deadline, who, life);
        }
    }

    /// Takes a wake-up. Says whether the machine is to be stepped: its deadline has come.
    pub fn ring(&mut self, now: Instant, deadline: Option<Instant>) -> bool {
        if self.set.is_some_and(|set| set <= now) {
            self.set = None;
        }
        let due = deadline.is_some_and(|deadline| deadline <= now);
        if due {
            self.rung = if self.rung.0 == now { (now, self.rung.1 + 1) } else { (now, 1) };
        }
        due
    }

    /// Whether the machine was woken again and again in this instant and still wants more.
    #[must_use]
    pub const fn stuck(&self) -> bool {
        self.rung.1 > PATIENCE
    }

    /// Forgets everything: the machine lost its power.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}
