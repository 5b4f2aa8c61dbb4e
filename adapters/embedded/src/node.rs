//! A protocol with its host, its keys and its buffers: everything but a link and a clock.

use crate::agent::Agent;
use crate::host::Host;
use crate::link::{Arrival, AsyncLink};
use crate::member::Identity;
use crate::sessions::{Opened, Sessions};
use crate::steps::{hear, step};
use crate::voice::{Traffic, Voice, overhead};
use core::fmt;
use core::time::Duration;
use quorate::link::Hello;
use quorate::{Input, InputOf, Instant, Principal};

/// Settings of a node that have nothing to do with its protocol.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Never used before by this member: 32 bytes of a random source, or a number of this start
    /// that was durable before it is used. All nonces of sessions come from it; an old one would
    /// let what was recorded then be heard again.
    pub nonce: [u8; 32],
    /// How often a peer without a session is greeted at first; up to 16 times less often later.
    pub greeting: Duration,
    /// One more frame of each client is heard once in this time, and one for each batch that was
    /// executed, since a signature is dear to verify. What comes faster is ignored. A client that
    /// reads fast ([`Switches::fast_reads`](quorate::pbft::Switches::fast_reads)) reads that often.
    pub client_pace: Duration,
    /// Frames of a client that may be ahead of that pace: so many are heard at once.
    pub client_burst: u32,
    /// How long the async loop waits for a frame to leave. Then it counts as lost: a link that is
    /// stuck delays nobody for longer.
    pub patience: Duration,
}

impl Settings {
    /// Greetings every 250 ms at first, frames that take 250 ms to leave are lost. Of a client 64
    /// frames at once and one each 5 ms, which one with a single request under way never reaches.
    #[must_use]
    pub const fn new(nonce: [u8; 32]) -> Self {
        let moment = Duration::from_millis(250);
        let (client_pace, client_burst) = (Duration::from_millis(5), 64);
        Self { nonce, greeting: moment, client_pace, client_burst, patience: moment }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("greeting", &self.greeting)
            .field("client_pace", &self.client_pace)
            .field("client_burst", &self.client_burst)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Settings {
    fn format(&self, f: defmt::Formatter<'_>) {
        let micros = |span| Instant::ZERO.after(span);
        let (greeting, patience) = (micros(self.greeting), micros(self.patience));
        let (pace, burst) = (micros(self.client_pace), self.client_burst);
        defmt::write!(f, "Settings(greeting: {}, clients: {} at ", greeting, burst);
        defmt::write!(f, "once and one each {}, patience: {})", pace, patience);
    }
}

/// Why a node cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NodeError {
    /// The node has another number of rows than the roster has principals: this many.
    Rows(usize),
    /// The roster does not know this member.
    Unknown,
    /// The buffer has no room for three of the longest frames: so many bytes are needed.
    Buffer(usize),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(count) => {
                write!(f, "the roster has {count} nodes and clients: a node needs as many rows")
            }
            Self::Unknown => f.write_str("the roster does not know this member"),
            Self::Buffer(bytes) => {
                write!(f, "three of the longest frames take a buffer of {bytes} bytes")
            }
        }
    }
}

impl core::error::Error for NodeError {}

/// The node cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Stopped<E> {
    /// The host could not go on. The node says nothing any more.
    Host(E),
    /// The node had stopped before.
    Before,
    /// The link carries shorter frames than this node may have to send or hear. Nothing was done.
    Mtu {
        /// Bytes of the longest frame of the link.
        carried: usize,
        /// Bytes of the longest frame of the node.
        needed: usize,
    },
}

impl<E: fmt::Debug> fmt::Display for Stopped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => write!(f, "the node has stopped: {error:?}"),
            Self::Before => f.write_str("the node had stopped before"),
            Self::Mtu { carried, needed } => {
                write!(f, "frames have up to {needed} bytes, and the link carries {carried}")
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Stopped<E> {}

/// A member at work: a protocol `P` with its host `H`, its keys `I`, its buffers `B` and sessions
/// with `N` others, itself counted too.
///
/// It is driven by [`Node::poll`] or by [`Node::turn`], over any link.
pub struct Node<P, H, I: Identity, B, const N: usize> {
    pub(crate) protocol: P,
    pub(crate) host: H,
    pub(crate) voice: Voice<I, N>,
    pub(crate) buffer: B,
    /// Bytes of the longest frame.
    longest: usize,
    pub(crate) patience: Duration,
    /// Events of the async loop since it last left others their turn.
    pub(crate) at_once: usize,
    pub(crate) stopped: bool,
}

impl<P, H: fmt::Debug, I: Identity, B, const N: usize> fmt::Debug for Node<P, H, I, B, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, voice, stopped, .. } = self;
        f.debug_struct("Node")
            .field("host", host)
            .field("sessions", &voice.sessions)
            .field("traffic", &voice.traffic)
            .field("stopped", stopped)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<P, H: defmt::Format, I: Identity, B, const N: usize> defmt::Format for Node<P, H, I, B, N> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { host, voice, stopped, .. } = self;
        defmt::write!(f, "Node({}, {}, stopped: {})", host, voice.traffic, stopped);
    }
}

/// Where a node writes: a payload, and the frame that is made of it.
pub(crate) type Desk<'b> = (&'b mut [u8], &'b mut [u8]);

impl<P, H, I, B, const N: usize> Node<P, H, I, B, N>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    B: AsMut<[u8]>,
{
    /// A node. `buffer` has room for three frames of the longest message, each
    /// [`overhead`](crate::overhead) longer than that. Where the host cannot tell how long messages
    /// get ([`Host::message_bytes`]), one that finds no room is not sent or not received
    /// ([`Traffic::too_long`]).
    ///
    /// # Errors
    /// `N` is not the number of nodes and clients of the roster, the member not one of them, or the
    /// buffer too short.
    pub fn new(
        protocol: P,
        host: H,
        identity: I,
        mut buffer: B,
        settings: Settings,
    ) -> Result<Self, NodeError> {
        let member = identity.member();
        let (me, seats, scope) = (member.me, member.seats(), *member.roster.scope());
        if seats.count() != N {
            return Err(NodeError::Rows(seats.count()));
        }
        seats.row(me).ok_or(NodeError::Unknown)?;
        let longest = host.message_bytes().saturating_add(overhead::<I::Proofs>()).max(Hello::LEN);
        if buffer.as_mut().len() / 3 < longest {
            return Err(NodeError::Buffer(longest.saturating_mul(3)));
        }
        let proof = <I::Proofs as crate::Proofs>::PROOF;
        let (cluster, epoch, nonce) = (scope.cluster, scope.epoch, [0; 32]);
        let hello = Hello { cluster, epoch, from: me, to: me, nonce, proof };
        let clients = (settings.client_pace, settings.client_burst);
        let sessions = Sessions::new(hello, seats, (settings.greeting, clients), settings.nonce);
        let voice = Voice { identity, sessions, traffic: Traffic::default() };
        let (patience, at_once, stopped) = (settings.patience, 0, false);
        Ok(Self { protocol, host, voice, buffer, longest, patience, at_once, stopped })
    }

    /// When the node is to be woken at the latest; `None`: not before a frame arrives.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let mine = [self.protocol.deadline(), self.voice.sessions.deadline()];
        mine.into_iter().flatten().min()
    }

    /// The protocol.
    #[must_use]
    pub const fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &H {
        &self.host
    }

    /// The host, to be asked or told something.
    pub const fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// What has happened to frames.
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.voice.traffic
    }

    /// Whether there is a session with a peer: without one it is neither heard nor told.
    #[must_use]
    pub fn has_session(&self, peer: Principal) -> bool {
        self.voice.sessions.has(peer)
    }

    /// How long the async loop waits for a frame to leave, from now on.
    pub const fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Ends the node, and gives back its protocol and its host.
    pub fn into_parts(self) -> (P, H) {
        (self.protocol, self.host)
    }

    /// Where frames are received.
    pub(crate) fn inbox(&mut self) -> &mut [u8] {
        let bytes = self.buffer.as_mut();
        let third = bytes.len() / 3;
        bytes.get_mut(..third).unwrap_or_default()
    }

    /// A frame is in the inbox. Says whether it took any work.
    pub(crate) async fn take<L: AsyncLink>(
        &mut self,
        link: &mut L,
        now: Instant,
        arrival: Arrival,
    ) -> Result<bool, Stopped<H::Error>> {
        self.ensure_running()?;
        let done = self.try_take(link, now, arrival).await;
        self.end(done)
    }

    /// Time has passed.
    pub(crate) async fn wake<L: AsyncLink>(
        &mut self,
        link: &mut L,
        now: Instant,
    ) -> Result<(), Stopped<H::Error>> {
        self.voice.sessions.wake(now);
        self.voice.greet(now, link).await;
        if self.protocol.deadline().is_some_and(|due| due <= now) {
            self.give(link, now, Input::Wake).await?;
        }
        Ok(())
    }

    /// Wakes the protocol, or commands it.
    pub(crate) async fn give<L: AsyncLink>(
        &mut self,
        link: &mut L,
        now: Instant,
        input: InputOf<'_, P>,
    ) -> Result<(), Stopped<H::Error>> {
        self.ensure_running()?;
        let Self { protocol, host, voice, buffer, .. } = self;
        let (_, desk) = split(buffer.as_mut());
        let done = step(protocol, host, voice, desk, link, (now, input)).await;
        self.end(done)
    }

    /// Says whether it took any work.
    async fn try_take<L: AsyncLink>(
        &mut self,
        link: &mut L,
        now: Instant,
        arrival: Arrival,
    ) -> Result<bool, H::Error> {
        let Self { protocol, host, voice, buffer, .. } = self;
        let (inbox, desk) = split(buffer.as_mut());
        let Some(frame) = inbox.get(..arrival.length) else { return Ok(true) };
        count(&mut voice.traffic.received);
        let proofs = &voice.identity.member().proofs;
        match voice.sessions.open(proofs, now, (arrival.from, frame)) {
            Opened::Payload(from, payload) => {
                hear(protocol, host, voice, desk, link, (now, from, payload)).await?;
            }
            Opened::Proof => {}
            Opened::Nothing => count(&mut voice.traffic.unproved),
            Opened::Hello => {
                voice.greet(now, link).await;
                return Ok(false);
            }
            Opened::Stray => {
                count(&mut voice.traffic.unproved);
                return Ok(false);
            }
            Opened::Ignored => {
                count(&mut voice.traffic.ignored);
                return Ok(false);
            }
        }
        voice.greet(now, link).await;
        Ok(true)
    }

    fn ensure_running(&self) -> Result<(), Stopped<H::Error>> {
        if self.stopped { Err(Stopped::Before) } else { Ok(()) }
    }

    /// A link must carry everything, or some messages would never arrive, however often they were
    /// said.
    pub(crate) const fn ensure_fits(&self, carried: usize) -> Result<(), Stopped<H::Error>> {
        let needed = self.longest;
        if carried < needed { Err(Stopped::Mtu { carried, needed }) } else { Ok(()) }
    }

    fn end<T>(&mut self, done: Result<T, H::Error>) -> Result<T, Stopped<H::Error>> {
        self.stopped = done.is_err();
        done.map_err(Stopped::Host)
    }
}

/// The three parts of a buffer: the inbox, and a desk.
fn split(bytes: &mut [u8]) -> (&mut [u8], Desk<'_>) {
    let third = bytes.len() / 3;
    let (inbox, rest) = bytes.split_at_mut(third);
    let (plain, frame) = rest.split_at_mut(third);
    (inbox, (plain, frame))
}

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
