//! The two hellos and two proofs with which a connection begins, without a socket.

use super::session::{Identities, OVERHEAD, Session};
use super::{Channel, LinkId, frame};
use quorate::Principal;
use quorate::link::{Hello, LinkError};

/// Where a handshake stands. The dialler says hello and proves itself first, so that an
/// acceptor seals nothing for one who only claims to be somebody.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// Dialled: our hello is out, theirs is awaited.
    Dialled { link: LinkId, local: usize, mine: Hello },
    /// Accepted: their hello is awaited.
    Accepted { nonce: [u8; 32] },
    /// Their proof is awaited.
    Proving { side: Side, session: Box<Session> },
}

/// Which side of the connection we are, and whom we talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// We dialled this link.
    Dialled(LinkId),
    /// They dialled; one of ours is meant.
    Accepted { local: usize, from: Principal },
}

/// What a frame led to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// More is to come.
    Waiting(Handshake),
    /// Both sides are proved.
    Done { side: Side, session: Box<Session> },
}

impl Handshake {
    /// Begins as the one who dials; writes our hello.
    pub(crate) fn dial(
        identities: &Identities,
        link: LinkId,
        local: usize,
        peer: Principal,
        nonce: [u8; 32],
        out: &mut Vec<u8>,
    ) -> Self {
        let mine = identities.hello(local, peer, nonce);
        put_hello(&mine, out);
        Self::Dialled { link, local, mine }
    }

    /// Begins as the one who was dialled.
    pub(crate) const fn accept(nonce: [u8; 32]) -> Self {
        Self::Accepted { nonce }
    }

    /// The longest frame that may come next.
    pub(crate) const fn cap(&self) -> usize {
        match self {
            Self::Dialled { .. } | Self::Accepted { .. } => Hello::LEN,
            Self::Proving { .. } => OVERHEAD + 1,
        }
    }

    /// Takes the next frame; what is to be sent is written to `out`.
    ///
    /// # Errors
    /// The peer is not one whom we can talk to, or not who it claims to be.
    pub(crate) fn step(
        self,
        identities: &mut Identities,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, LinkError> {
        match self {
            Self::Dialled { link, local, mine } => {
                let theirs = Hello::from_bytes(bytes)?;
                let mut session = identities.session(local, &mine, &theirs)?;
                session.0.append(&[Channel::Proof as u8], out)?;
                let side = Side::Dialled(link);
                Ok(Progress::Waiting(Self::Proving { side, session: Box::new(session) }))
            }
            Self::Accepted { nonce } => {
                let theirs = Hello::from_bytes(bytes)?;
                let local = identities.addressed(&theirs)?;
                let mine = identities.hello(local, theirs.from, nonce);
                let session = identities.session(local, &mine, &theirs)?;
                put_hello(&mine, out);
                let side = Side::Accepted { local, from: theirs.from };
                Ok(Progress::Waiting(Self::Proving { side, session: Box::new(session) }))
            }
            Self::Proving { side, mut session } => {
                let (sealer, opener) = &mut *session;
                if opener.open(bytes)? != [Channel::Proof as u8] {
                    return Err(LinkError::Unknown);
                }
                if let Side::Accepted { .. } = side {
                    sealer.append(&[Channel::Proof as u8], out)?;
                }
                Ok(Progress::Done { side, session })
            }
        }
    }
}

fn put_hello(hello: &Hello, out: &mut Vec<u8>) {
    frame::put_length(Hello::LEN, out);
    out.extend_from_slice(&hello.to_bytes());
}
