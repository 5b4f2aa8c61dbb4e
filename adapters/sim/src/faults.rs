//! Which kinds of faults a seed may draw.

/// The kinds of faults that may happen, each including those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Faults {
    /// None: messages take their time, and nothing else goes wrong.
    None,
    /// The network loses, repeats, delays and reorders messages, and splits; clocks are wrong.
    Network,
    /// Replicas lose their power, and disks are not what they were.
    #[default]
    Swarm,
    /// One to f of the replicas lie.
    Traitors,
}

impl Faults {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Network => "network",
            Self::Swarm => "swarm",
            Self::Traitors => "traitors",
        }
    }
}
