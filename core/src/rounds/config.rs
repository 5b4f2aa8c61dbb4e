//! Who a general is, among how many, in which instance of a protocol.

use crate::fault::ConfigError;
use crate::node::{MAX_NODES, NodeId};
use serde::{Deserialize, Serialize};

/// One agreement: who commands, and which of the many that this commander ever commands. Every
/// message and every signature names it, so that nothing said in one means anything in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instance {
    /// Counts the agreements of the cluster; never used twice in one epoch.
    pub number: u64,
    /// The general whose order is agreed on.
    pub commander: NodeId,
}

/// A general's place in one agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Which general this is.
    pub me: NodeId,
    /// How many generals there are, n: at most 64.
    pub nodes: usize,
    /// The most traitors among them that the agreement withstands, m.
    pub traitors: usize,
    /// Which agreement.
    pub instance: Instance,
}

impl Config {
    /// Whether this general commands.
    #[must_use]
    pub fn commands(&self) -> bool {
        self.me == self.instance.commander
    }

    /// What any protocol demands, whatever its bound: known ids, and generals enough for the
    /// paths of `m + 1` rounds.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.nodes > MAX_NODES {
            return Err(ConfigError("at most 64 generals"));
        }
        if self.nodes < 2 || self.traitors.saturating_add(2) > self.nodes {
            return Err(ConfigError("agreement among lieutenants needs n >= m + 2 generals"));
        }
        if self.me.index() >= self.nodes {
            return Err(ConfigError("this general's id is not below the number of generals"));
        }
        if self.instance.commander.index() >= self.nodes {
            return Err(ConfigError("the commander's id is not below the number of generals"));
        }
        Ok(())
    }
}
