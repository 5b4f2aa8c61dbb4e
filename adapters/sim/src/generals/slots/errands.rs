//! What a script has the people of a town do.

use core::time::Duration;
use quorate::{ClientId, Instant, NodeId, NodeSet};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errands {
    /// What clients ask for.
    pub wishes: Vec<Wish>,
    /// What clients say that lie.
    pub lies: Vec<Lie>,
    /// How long hosts take.
    pub paces: Vec<Pace>,
}

/// Something that a client is told to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whose wish it is.
    pub client: ClientId,
    /// Not before this; and not before its wishes before are fulfilled.
    pub at: Instant,
    /// What it asks for.
    pub operation: Vec<u8>,
    /// Who hears of it.
    pub to: NodeSet,
}

/// A request that a client makes as it likes, and signs. It is promised nothing then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lie {
    /// Who makes it.
    pub client: ClientId,
    /// When, whatever else it waits for.
    pub at: Instant,
    /// The timestamp that it has.
    pub timestamp: u64,
    /// What it asks for.
    pub operation: Vec<u8>,
    /// Who hears of it.
    pub to: NodeSet,
}

/// How long a host takes for each thing that its general has it do, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Whose host it is.
    pub node: NodeId,
    /// From when.
    pub at: Instant,
    /// For each request, and each state that it captures.
    pub takes: Duration,
}

impl Errands {
    /// How many requests there are.
    #[must_use]
    pub const fn requests(&self) -> usize {
        self.wishes.len() + self.lies.len()
    }

    /// How long all requests take the slowest of these hosts, one after the other.
    pub(crate) fn work(&self, some: impl Fn(NodeId) -> bool) -> Duration {
        let takes = self.paces.iter().filter(|pace| some(pace.node)).map(|pace| pace.takes);
        takes.max().unwrap_or_default() * u32::try_from(self.requests()).unwrap_or(u32::MAX)
    }
}
