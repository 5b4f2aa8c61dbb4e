//! How what a node says becomes frames on a link.

use crate::agent::Agent;
use crate::ledger::Durable;
use crate::link::AsyncLink;
use crate::member::Identity;
use crate::sessions::{OPENING, Sessions};
use quorate::auth::Sealer;
use quorate::{ClientId, Instant, NodeId, Principal, Target};

/// Bytes that a frame is longer than the message in it, with proofs of this kind: the channel,
/// the header and the proof.
#[must_use]
pub const fn overhead<X: crate::Proofs>() -> usize {
    1 + <X::Sealer as Sealer>::OVERHEAD
}

/// What has happened to frames since the begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Traffic {
    /// Frames that left.
    pub sent: u32,
    /// Frames that did not: the link failed, was too slow, or there was no session yet.
    pub unsent: u32,
    /// Messages that found no room in the buffer: it is too short for this cluster.
    pub too_long: u32,
    /// Frames that came.
    pub received: u32,
    /// Those that could not be believed: no session, forged, replayed, or not for us.
    pub unproved: u32,
    /// Those that were not looked at: their sender has to wait, since it sent too much for nothing.
    pub ignored: u32,
    /// Times that the link failed to receive.
    pub broken: u32,
}

/// Seals what is said for those it is said to.
pub(crate) struct Voice<I: Identity, const N: usize> {
    pub(crate) identity: I,
    pub(crate) sessions: Sessions<I::Proofs, N>,
    pub(crate) traffic: Traffic,
}

impl<I: Identity, const N: usize> Voice<I, N> {
    /// Signs and encodes a message as a payload at the front of `plain`, and returns its length;
    /// `None` if it does not fit.
    pub(crate) fn encode<P: Agent>(
        &mut self,
        message: P::Message<'_>,
        plain: &mut [u8],
    ) -> Option<usize> {
        self.sessions.asked(P::answers(&message));
        let encoded = plain.split_first_mut().and_then(|(channel, room)| {
            *channel = quorate::link::PROTOCOL;
            P::seal(message, &self.identity, room).ok().map(|bytes| 1 + bytes.len())
        });
        self.traffic.too_long = self.traffic.too_long.saturating_add(encoded.is_none().into());
        encoded
    }

    /// Sends a payload to all who are meant, once it is proved that it may leave.
    pub(crate) async fn send<L: AsyncLink>(
        &mut self,
        _proof: Durable<'_>,
        to: Target,
        payload: &[u8],
        frame: &mut [u8],
        link: &mut L,
    ) {
        let me = self.identity.member().me;
        for row in 0..N {
            let who = self.sessions.seats().principal(row).filter(|who| *who != me);
            let Some(who) = who.filter(|who| means(to, *who)) else { continue };
            let sent = match self.sessions.seal(who, payload, frame) {
                Ok(length) => match frame.get(..length) {
                    Some(sealed) => link.send(who, sealed).await.is_ok(),
                    None => false,
                },
                Err(_) => false,
            };
            self.count(sent);
        }
    }

    /// Sends what is owed to open sessions. Nothing durable depends on it.
    pub(crate) async fn greet<L: AsyncLink>(&mut self, now: Instant, link: &mut L) {
        let mut frame = [0; OPENING];
        // Everybody is owed two frames at most.
        for _ in 0..2 * N {
            let proofs = &self.identity.member().proofs;
            let next = self.sessions.next_opening(proofs, now, &mut frame);
            let Some((to, length)) = next else { return };
            let sent = match frame.get(..length) {
                Some(opening) => link.send(to, opening).await.is_ok(),
                None => false,
            };
            self.count(sent);
        }
    }

    const fn count(&mut self, sent: bool) {
        let counter = if sent { &mut self.traffic.sent } else { &mut self.traffic.unsent };
        *counter = counter.saturating_add(1);
    }
}

/// Whether a target means a principal.
fn means(to: Target, who: Principal) -> bool {
    match who {
        Principal::Node(NodeId(id)) => to.includes(NodeId(id)),
        Principal::Client(ClientId(id)) => to == Target::Client(ClientId(id)),
    }
}
