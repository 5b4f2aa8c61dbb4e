//! The lines of a transcript of generals.

use crate::chronicle::{Chronicle, Entry, What, name};
use crate::plain::counted;
use core::time::Duration;
use quorate::{ClientId, Fault, Instant, NodeId, Principal, Refusal};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A frame, and how to put it into words.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) kind: &'static str,
    pub(super) tell: fn(&[u8]) -> String,
}

impl Hash for Said<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.tell)(self.bytes))
    }
}

impl fmt::Debug for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One event of a run. Its hash is part of the run's fingerprint.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) enum Line<'a> {
    /// A frame leaves; to nobody in particular: to all others.
    Sent { from: Principal, to: Option<Principal>, said: Said<'a> },
    /// A traitor says this.
    Lied { from: NodeId, to: NodeId, after: Duration, said: Said<'a> },
    /// A frame will not arrive.
    Lost { from: Principal, to: Principal },
    /// A frame arrives.
    Heard { from: Principal, to: Principal, said: Said<'a> },
    /// A round begins at a general, or the last one ends.
    Round { node: NodeId, number: u64, round: u8 },
    /// A general decides.
    Decided { node: NodeId, number: u64, what: &'a str },
    /// A general accuses another.
    Accused { node: NodeId, who: NodeId, fault: Fault },
    /// A machine refuses what its host asks.
    Refused { who: Principal, refusal: Refusal },
    /// A general loses its power.
    Crashed { node: NodeId },
    /// It starts again, with nothing.
    Restarted { node: NodeId },
    /// A request is executed.
    Executed { node: NodeId, slot: u64, client: ClientId, timestamp: u64 },
    /// A state is captured after a slot.
    Captured { node: NodeId, slot: u64 },
    /// A state of the others is installed.
    Installed { node: NodeId, slot: u64 },
    /// A client asks.
    Asked { client: ClientId, operation: &'a [u8] },
    /// It has its reply.
    Replied { client: ClientId },
    /// A host takes so long for each thing from now on.
    Paced { node: NodeId, takes: Duration },
}

impl Line<'_> {
    /// Enters it in a chronicle.
    pub(super) fn tell(&self, at: Instant, chronicle: &mut Chronicle) {
        let node = |node| Some(Principal::Node(node));
        let (who, what) = match *self {
            Self::Sent { from, to, said } => (Some(from), What::Sends { to, kind: said.kind }),
            Self::Lied { from, to, said, .. } => {
                let to = Principal::Node(to);
                (node(from), What::Lies { to, kind: said.kind })
            }
            Self::Lost { from, to } => (None, What::Loses { from, to }),
            Self::Heard { from, to, said } => {
                let sent = chronicle.sending(from, to, said.bytes);
                (Some(to), What::Receives { from, kind: said.kind, sent })
            }
            Self::Accused { node: by, who, fault } => {
                (node(by), What::Accuses { who: Principal::Node(who), fault })
            }
            Self::Crashed { node: who } => (node(who), What::Crashes),
            Self::Restarted { node: who } => {
                (node(who), What::Restarts { checkpoint: 0, view: None })
            }
            Self::Executed { node: by, slot, client, timestamp } => {
                let operation = Vec::new();
                (node(by), What::Executes { sequence: slot, client, timestamp, operation })
            }
            Self::Installed { node: by, slot } => (node(by), What::Installs { sequence: slot }),
            Self::Replied { client } => (Some(Principal::Client(client)), What::Completes),
            Self::Round { node: who, .. } => (node(who), What::Begins),
            Self::Decided { node: who, .. }
            | Self::Captured { node: who, .. }
            | Self::Paced { node: who, .. } => (node(who), What::Happens),
            Self::Refused { who, .. } => (Some(who), What::Happens),
            Self::Asked { client, .. } => (Some(Principal::Client(client)), What::Happens),
        };
        let entry = Entry { at, who, copy: false, what, text: self.to_string() };
        match *self {
            Self::Sent { from, said, .. } => chronicle.send(entry, from, said.bytes),
            Self::Lied { from, said, .. } => {
                chronicle.send(entry, Principal::Node(from), said.bytes);
            }
            _ => chronicle.enter(entry),
        }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Sent { from, to: None, said } => write!(f, "{}  to all    {said}", name(from)),
            Self::Sent { from, to: Some(to), said } => {
                write!(f, "{}  to {}     {said}", name(from), name(to))
            }
            Self::Lied { from, to, after, said } if after.is_zero() => {
                write!(f, "r{}  LIES to r{}: {said}", from.0, to.0)
            }
            Self::Lied { from, to, after, said } => {
                write!(f, "r{}  LIES to r{}, {after:?} later: {said}", from.0, to.0)
            }
            Self::Lost { from, to } => {
                write!(f, "        lost on the way {} to {}", name(from), name(to))
            }
            Self::Heard { from, to, said } => {
                write!(f, "{}  from {}   {said}", name(to), name(from))
            }
            Self::Round { node, number, round } => {
                write!(f, "r{}  ROUND     {round} of #{number}", node.0)
            }
            Self::Decided { node, number, what } => {
                write!(f, "r{}  DECIDES   #{number}: {what}", node.0)
            }
            Self::Accused { node, who, fault } => {
                write!(f, "r{}  accuses   r{} of {fault:?}", node.0, who.0)
            }
            Self::Refused { who, refusal } => write!(f, "{}  REFUSES: {refusal}", name(who)),
            Self::Crashed { node } => write!(f, "r{}  CRASHES", node.0),
            Self::Restarted { node } => write!(f, "r{}  RESTARTS with nothing", node.0),
            Self::Executed { node, slot, client, timestamp } => {
                write!(f, "r{}  executes  s{slot}: c{}@{timestamp}", node.0, client.0)
            }
            Self::Captured { node, slot } => {
                write!(f, "r{}  captures  its state after s{slot}", node.0)
            }
            Self::Installed { node, slot } => {
                write!(f, "r{}  installs  the others' state after s{slot}", node.0)
            }
            Self::Asked { client, operation } => {
                let bytes = counted(operation.len(), "byte");
                write!(f, "c{}  asks      for {bytes}", client.0)
            }
            Self::Replied { client } => write!(f, "c{}  HAS ITS REPLY", client.0),
            Self::Paced { node, takes } => {
                write!(f, "r{}  HOST takes {takes:?} for each thing from now on", node.0)
            }
        }
    }
}
