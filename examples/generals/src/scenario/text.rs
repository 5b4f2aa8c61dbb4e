//! A scenario file as it is written.

use super::expect::Expect;
use super::ids::Ids;
use crate::word::Word;
use serde::Deserialize;

/// The keys of a scenario file. README.md describes each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioText {
    pub(super) title: Option<String>,
    pub(super) about: Option<String>,
    pub(super) protocol: ProtocolText,
    pub(super) over: Option<OverText>,
    pub(super) n: usize,
    pub(super) m: usize,
    pub(super) commander: Option<u8>,
    pub(super) order: Option<Word>,
    pub(super) orders: Option<Vec<Word>>,
    pub(super) default: Option<Word>,
    #[serde(default)]
    pub(super) traitors: Vec<u8>,
    #[serde(default)]
    pub(super) unchecked: bool,
    #[serde(default)]
    pub(super) lie: Vec<LieText>,
    pub(super) expect: Option<Expect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProtocolText {
    Om,
    Sm,
    King,
    Vector,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OverText {
    Om,
    Sm,
    King,
}

/// The keys of one `[[lie]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LieText {
    pub(super) from: u8,
    pub(super) to: Ids,
    pub(super) value: Option<String>,
    pub(super) path: Option<Ids>,
    pub(super) round: Option<u8>,
    pub(super) signers: Option<Vec<u8>>,
    pub(super) replay_of: Option<Word>,
    pub(super) commander: Option<u8>,
    pub(super) claims: Option<u8>,
}
