//! What happened, in a form that programs read: expectations of scripts, and drawings.
//!
//! A chronicle is kept beside the lines of a [transcript](crate::transcript) and is made of the
//! same events. It knows which message a node received, and when that was sent.

use quorate::{ClientId, Fault, Instant, Principal};
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher};

/// One event.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// To whom it happened; `None`: to the network.
    pub who: Option<Principal>,
    /// Whether that was the copy of one that runs twice.
    pub copy: bool,
    /// What happened.
    pub what: What,
    /// The same in words, as in the transcript.
    pub text: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A message leaves; to nobody in particular: to all other nodes.
    Sends {
        /// Who is to receive it.
        to: Option<Principal>,
        /// Its kind.
        kind: &'static str,
    },
    /// A traitor says something else to one receiver.
    Lies {
        /// Who is to receive it.
        to: Principal,
        /// Its kind.
        kind: &'static str,
    },
    /// A traitor says nothing to one receiver.
    Withholds {
        /// Who was to receive it.
        to: Principal,
        /// Its kind.
        kind: &'static str,
    },
    /// A message will not arrive.
    Loses {
        /// Who sent it.
        from: Principal,
        /// Who was to receive it.
        to: Principal,
    },
    /// A message arrives.
    Receives {
        /// Who sent it.
        from: Principal,
        /// Its kind.
        kind: &'static str,
        /// Which entry tells that it left; `None` if nobody in this world sent it.
        sent: Option<usize>,
    },
    /// A request is executed.
    Executes {
        /// Where in the history.
        sequence: u64,
        /// Whose request.
        client: ClientId,
        /// Which one of that client.
        timestamp: u64,
        /// What was asked.
        operation: Vec<u8>,
    },
    /// A node enters a view, or leaves for it.
    Turns {
        /// The view.
        view: u64,
        /// Whether it enters.
        enters: bool,
    },
    /// A round begins at a node, or the last one ends.
    Begins,
    /// A node accuses somebody.
    Accuses {
        /// Whom.
        who: Principal,
        /// Of what.
        fault: Fault,
    },
    /// A node loses its power.
    Crashes,
    /// A node starts again.
    Restarts {
        /// The sequence whose state it begins with.
        checkpoint: u64,
        /// The view that it is in from the beginning, if it is in one.
        view: Option<u64>,
    },
    /// A peer's state takes the place of a node's own.
    Installs {
        /// The last sequence that the state includes.
        sequence: u64,
    },
    /// A client has its reply.
    Completes,
    /// What matters to the node's disk and nobody else: writes, and repetitions that it dropped.
    Keeps,
    /// Anything else, told in words only.
    Happens,
}

/// To whom something happens: a replica or a client, or the copy of one that runs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// Its name.
    pub who: Principal,
    /// Whether it is the copy.
    pub copy: bool,
}

impl fmt::Display for Lane {
    /// `r0` or `c0`, and `r0'` of a copy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prime = if self.copy { "'" } else { "" };
        write!(f, "{}{prime}", name(self.who))
    }
}

impl Entry {
    /// To whom it happened; `None`: to the network.
    #[must_use]
    pub fn lane(&self) -> Option<Lane> {
        self.who.map(|who| Lane { who, copy: self.copy })
    }
}

/// The entries of a run.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    entries: Vec<Entry>,
    /// The last sending of the bytes at an address to somebody, or to all. They are not moved while
    /// they are under way, and what is sent later from the same place is entered here later.
    under_way: HashMap<Journey, usize, BuildHasherDefault<DefaultHasher>>,
    /// Whose copy it is that what happens now happens to, if it is one.
    copy: Option<Principal>,
}

/// An address, who sent what is there, and to whom.
type Journey = (usize, Principal, Option<Principal>);

impl Chronicle {
    /// Everything that happened, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Enters an event. A copy has its name, whatever its address is.
    pub fn enter(&mut self, entry: Entry) {
        let who = entry.who.map(|who| self.copy.unwrap_or(who));
        self.entries.push(Entry { who, copy: self.copy.is_some(), ..entry });
    }

    /// From now on what is entered happens to the copy of this one, which runs twice; or to none.
    pub const fn turn_to(&mut self, copy: Option<Principal>) {
        self.copy = copy;
    }

    /// Enters that these bytes leave; the text and what happens are in the entry.
    pub fn send(&mut self, entry: Entry, from: Principal, bytes: &[u8]) {
        let to = match entry.what {
            What::Sends { to, .. } => to,
            What::Lies { to, .. } => Some(to),
            _ => None,
        };
        let from = self.copy.unwrap_or(from);
        self.under_way.insert((bytes.as_ptr().addr(), from, to), self.entries.len());
        self.enter(entry);
    }

    /// Which entry tells that these bytes, which arrive now, left.
    #[must_use]
    pub fn sending(&self, from: Principal, to: Principal, bytes: &[u8]) -> Option<usize> {
        let address = bytes.as_ptr().addr();
        let sent = |to| self.under_way.get(&(address, from, to)).copied();
        sent(Some(to)).max(sent(None))
    }

    /// Tells of the last entry, an execution, what was executed.
    pub fn attach(&mut self, executed: &[u8]) {
        if let Some(Entry { what: What::Executes { operation, .. }, .. }) = self.entries.last_mut()
        {
            *operation = executed.to_vec();
        }
    }

    /// Tells of the last entry, a restart, in which view the replica is.
    pub fn resume(&mut self, is_in: Option<u64>) {
        if let Some(Entry { what: What::Restarts { view, .. }, .. }) = self.entries.last_mut() {
            *view = is_in;
        }
    }
}

/// `r0` or `c0`.
#[must_use]
pub fn name(who: Principal) -> String {
    match who {
        Principal::Node(node) => format!("r{}", node.0),
        Principal::Client(client) => format!("c{}", client.0),
    }
}
