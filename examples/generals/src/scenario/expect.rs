//! What a scenario says will come out.

use crate::word::Word;
use quorate::NodeId;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The `[expect]` table. What it leaves out is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What loyal generals decide, by id; those that are left out are not compared.
    #[serde(default)]
    pub decisions: BTreeMap<String, Decided>,
    /// Whether all loyal lieutenants decide the same.
    pub ic1: Option<bool>,
    /// Whether they obey a loyal commander.
    pub ic2: Option<bool>,
    /// How many messages are sent.
    pub messages: Option<u64>,
    /// How many frames are sent.
    pub frames: Option<u64>,
    /// How many rounds there are.
    pub rounds: Option<u8>,
    /// Accusations that must be among those that are made.
    #[serde(default)]
    pub accusations: Vec<Accused>,
    /// Whether those are all of them.
    #[serde(default)]
    pub no_other_accusations: bool,
}

/// An order, or a vector of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "an order such as \"A\", or a list of orders with protocol vector")]
pub enum Decided {
    /// The order obeyed.
    One(Word),
    /// The order of each general, by id.
    Vector(Vec<Word>),
}

/// One accusation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accused {
    /// The loyal general who accuses.
    pub by: u8,
    /// Whom.
    pub node: u8,
    /// Of what: the name of the fault, `"Late"`.
    pub fault: String,
}

impl Expect {
    /// The decisions with their keys as ids.
    ///
    /// # Errors
    /// The first key that is no id.
    pub fn by_id(&self) -> Result<Vec<(NodeId, &Decided)>, &str> {
        let id = |key: &String| key.parse().map(NodeId);
        self.decisions
            .iter()
            .map(|(key, decided)| id(key).map_or(Err(key.as_str()), |id| Ok((id, decided))))
            .collect()
    }
}
