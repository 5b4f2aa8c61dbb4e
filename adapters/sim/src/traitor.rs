//! Traitors: nodes that hold their own keys and nothing else, and say what they like.
//!
//! A traitor is a true machine behind a mouth that lies. The machine runs as every other one
//! does; what it wants to send passes through a [`Traitor`], once for each receiver, which
//! sends it on, changes it, keeps it back, or sends something else. The network still vouches
//! for the sender, and signatures of others stay out of reach: [`Rights`] is all there is.

use crate::engine::Payload;
use crate::random::Random;
use crate::scheme::Key;
use core::time::Duration;
use quorate::auth::{Scope, Signed};
use quorate::{NodeId, Principal, wire};
use std::fmt::Debug;

/// What a traitor may use: the key of its own is behind [`Rights::seal`]. It cannot be taken out,
///
/// ```compile_fail,E0616
/// # use quorate_sim::traitor::Rights;
/// fn lend(rights: Rights<'_>) {
///     let mine = rights.key;
/// }
/// ```
///
/// and there is no way to that of another:
///
/// ```compile_fail,E0624
/// use quorate::{NodeId, Principal};
/// let stolen = quorate_sim::scheme::Key::new(1, Principal::Node(NodeId(2)));
/// ```
#[derive(Debug)]
pub struct Rights<'a> {
    /// Who it is.
    pub me: NodeId,
    /// How many nodes there are.
    pub nodes: usize,
    /// Its source of chance.
    pub random: &'a mut Random,
    pub(crate) scope: &'a Scope,
    pub(crate) key: &'a Key,
}

impl Rights<'_> {
    /// Encodes a message, with the traitor's own signature where its own name stands.
    #[must_use]
    pub fn seal<M: Signed + serde::Serialize>(&self, message: M) -> Payload {
        let mut buffer = vec![0; wire::encoded_len(&message)];
        let me = Principal::Node(self.me);
        wire::seal(message, me, self.scope, self.key, &mut buffer).expect("as long as it says");
        Payload::from(buffer)
    }
}

/// What can be copied behind a trait: a copied world has its own traitors. (The equivocators of
/// one plot share it with those of the copy.)
pub trait Copied {
    /// A copy of it.
    fn copied(&self) -> Box<dyn Traitor>;
}

impl<T: Traitor + Clone + 'static> Copied for T {
    fn copied(&self) -> Box<dyn Traitor> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Traitor> {
    fn clone(&self) -> Self {
        (**self).copied()
    }
}

/// A mouth that lies.
pub trait Traitor: Copied + Debug {
    /// A word or two for the transcript.
    fn name(&self) -> &'static str;

    /// A message arrived at the traitor's machine. It may learn from it.
    fn overhear(&mut self, from: Principal, payload: &[u8]) {
        let _ = (from, payload);
    }

    /// Whether a message that arrived is kept from the traitor's machine.
    fn ignores(&self, payload: &[u8]) -> bool {
        let _ = payload;
        false
    }

    /// For how long a message that is to be sent is kept back.
    fn holds_back(&self, payload: &[u8]) -> Duration {
        let _ = payload;
        Duration::ZERO
    }

    /// The machine wants to send a message to one receiver: puts into `out` what is sent
    /// instead, and to whom. By default it is the message itself.
    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let _ = rights;
        out.push((to, Payload::clone(payload)));
    }
}
