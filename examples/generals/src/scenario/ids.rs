//! Several generals: a list of ids, or all of them.

use quorate::NodeId;
use serde::de::{self, Deserialize, Deserializer, SeqAccess};
use std::fmt;

/// What a scenario writes as `[1, 2]`, as `3`, or as `"*"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// `"*"`: all that there are.
    All,
    /// These, in this order.
    These(Vec<NodeId>),
}

impl Ids {
    /// Whether this general is meant.
    #[must_use]
    pub fn includes(&self, general: NodeId) -> bool {
        match self {
            Self::All => true,
            Self::These(list) => list.contains(&general),
        }
    }
}

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> de::Visitor<'de> for OneOrMore {
            type Value = Ids;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ids such as [1, 2], or \"*\" for all")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ids, E> {
                if text == "*" {
                    return Ok(Ids::All);
                }
                Err(E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<Ids, E> {
                let one = u8::try_from(id)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(id), &"an id"))?;
                Ok(Ids::These(vec![NodeId(one)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ids, A::Error> {
                let mut ids = Vec::new();
                while let Some(id) = list.next_element::<u8>()? {
                    ids.push(NodeId(id));
                }
                Ok(Ids::These(ids))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}
