//! How what a general says becomes what its peers are sent.

use super::config::Tamper;
use super::error::CampError;
use crate::net::{Channel, LinkId, Payload};
use quorate::auth::{Scope, Signed};
use quorate::ed25519::SecretKey;
use quorate::{NodeId, Principal, Target, wire};
use serde::Serialize;
use std::fmt;

/// Signs and encodes what a general says, once for all who are told the same. If the general has
/// a tamper, it rewrites the frame for each of them.
pub(crate) struct Voice {
    pub(crate) me: NodeId,
    pub(crate) generals: usize,
    pub(crate) scope: Scope,
    pub(crate) key: SecretKey,
    pub(crate) frame_bytes: usize,
    pub(crate) tamper: Option<Tamper>,
}

impl Voice {
    /// Appends one frame for each receiver to `frames`.
    pub(crate) fn say<M: Signed + Serialize>(
        &mut self,
        to: Target,
        message: M,
        frames: &mut Vec<(LinkId, Payload)>,
    ) -> Result<(), CampError> {
        let payload = self.encode(message)?;
        let peers = (0..self.generals).zip(0u8..).filter(|(_, id)| NodeId(*id) != self.me);
        for (at, node) in peers.map(|(at, id)| (at, NodeId(id))) {
            if !to.includes(node) {
                continue;
            }
            let frame = match &mut self.tamper {
                None => Some(Payload::clone(&payload)),
                Some(tamper) => tamper(node, payload[1..].to_vec()).map(|frame| {
                    let channel = std::iter::once(Channel::Protocol as u8);
                    channel.chain(frame).collect()
                }),
            };
            frames.extend(frame.map(|frame| (LinkId(at), frame)));
        }
        Ok(())
    }

    fn encode<M: Signed + Serialize>(&self, message: M) -> Result<Payload, CampError> {
        let (bytes, limit) = (wire::encoded_len(&message), self.frame_bytes);
        if bytes > limit {
            return Err(CampError::FrameTooLong { bytes, limit });
        }
        let mut payload = vec![0; 1 + bytes];
        payload[0] = Channel::Protocol as u8;
        let me = Principal::Node(self.me);
        let sealed = wire::seal(message, me, &self.scope, &self.key, &mut payload[1..]);
        let length = sealed.expect("a signed message is as long as an unsigned one").len();
        payload.truncate(1 + length);
        Ok(payload.into())
    }
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice").field("me", &self.me).finish_non_exhaustive()
    }
}
