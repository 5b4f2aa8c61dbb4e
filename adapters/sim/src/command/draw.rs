//! From what the run of a seed is drawn: `run` and `explain` have these arguments in common.

use crate::forecast;
use clap::{Args, ValueEnum};
use quorate::node::MAX_NODES;
use quorate_sim::plan::Role;
use quorate_sim::{Campaign, Faults, Map, generals};
use std::path::PathBuf;
use std::sync::Arc;

/// What, beside its seed, decides a run. Nothing is given a default here, so that `explain` can
/// tell what was given.
#[derive(Clone, Debug, Args)]
pub(crate) struct Draw {
    /// Which protocol; `pbft` if not given.
    #[arg(long, value_enum)]
    protocol: Option<Protocol>,
    /// Number of replicas, or of generals of `om` and `king`, 4 to 64, or of `sm`, `vector` and
    /// `lockstep`, 3 to 64; `mixed`, or not given: each seed chooses, of replicas 4 or 7.
    #[arg(long, value_parser = nodes)]
    nodes: Option<Nodes>,
    /// What may go wrong: each seed draws its own mix of it. `swarm` if not given.
    #[arg(long, value_enum)]
    faults: Option<Weather>,
    /// The same as `--faults traitors`.
    #[arg(long, conflicts_with = "faults")]
    traitors: bool,
    /// Let all who lie do so in this manner; given more than once: in any of these. It implies
    /// `--faults traitors`, and in rounds that each run has a traitor. A name that is not known
    /// lists those that are; what each does stands in the README of `quorate-sim`.
    #[arg(long, value_name = "NAME")]
    traitor: Vec<String>,
    /// PBFT: the wide area that lies between replicas, as round trips in a text file such as
    /// `matrices/cities.txt`; the i-th replica and client are at place i modulo the number of
    /// places. Without it each seed chooses.
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Let one more lie than the protocol withstands: checkers must object. It implies `--faults
    /// traitors`.
    #[arg(long)]
    beyond: bool,
    /// PBFT: requests that the clients of a run make together, 1 to 100000, or a few more, since
    /// each makes the same number. Without it each seed chooses.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    requests: Option<u32>,
}

impl Draw {
    /// Whether none of it was given.
    pub(crate) const fn is_empty(&self) -> bool {
        let Self { protocol, nodes, faults, traitors, traitor, matrix, beyond, requests } = self;
        let none = protocol.is_none() && nodes.is_none() && faults.is_none();
        none && matrix.is_none()
            && requests.is_none()
            && !*traitors
            && traitor.is_empty()
            && !*beyond
    }

    /// The protocol in rounds that it is; `None`: PBFT.
    pub(crate) fn in_rounds(&self) -> Option<generals::Protocol> {
        self.protocol.and_then(Protocol::in_rounds)
    }

    /// Runs of PBFT; or says why there are none.
    pub(crate) fn pbft(&self) -> Result<Campaign, String> {
        let (nodes, beyond) = (self.nodes(), self.beyond);
        if nodes.is_some_and(|nodes| !(4..=MAX_NODES).contains(&nodes)) {
            return Err(format!("a PBFT cluster of this library has 4 to {MAX_NODES} replicas"));
        }
        self.check()?;
        let faults = self.faults();
        let kinds = Role::ALL.only(self.names())?;
        let (map, requests) = (self.map()?, self.requests.map(|requests| requests as usize));
        Ok(Campaign { nodes, faults, kinds, beyond, requests, map, ..Campaign::new(0, 1) })
    }

    /// Runs of a protocol in rounds; or says why there are none.
    pub(crate) fn generals(
        &self,
        protocol: generals::Protocol,
    ) -> Result<generals::Campaign, String> {
        if self.matrix.is_some() {
            let problem = "--matrix is for PBFT: rounds are as long as their frames take";
            return Err(problem.to_owned());
        }
        if self.requests.is_some() {
            return Err("--requests is for PBFT: each seed chooses what generals decide on".into());
        }
        self.check()?;
        let (nodes, least) = (self.nodes(), protocol.least());
        let few_or_many = |nodes| !(least..=MAX_NODES).contains(&nodes);
        if nodes.is_some_and(few_or_many) {
            let name = protocol.name();
            return Err(format!(
                "{name} withstands a traitor among {least} generals or more, and takes {least} to \
                 {MAX_NODES}"
            ));
        }
        let (faults, beyond) = (self.faults(), self.beyond);
        let split = matches!(protocol, generals::Protocol::Sm | generals::Protocol::Vector);
        if beyond && split && nodes.is_some_and(|nodes| nodes < 4) {
            return Err(
                "one traitor too many shows where two loyal lieutenants disagree: --beyond \
                        takes 4 generals or more"
                    .into(),
            );
        }
        let kinds = generals::Role::ALL.only(self.names())?;
        let quiet = generals::Campaign::new(protocol, 0, 1);
        Ok(generals::Campaign { nodes, faults, kinds, beyond, ..quiet })
    }

    /// Whether somebody lies, where it is said how or how many.
    fn check(&self) -> Result<(), String> {
        if self.is_honest() && !self.traitor.is_empty() {
            return Err("--traitor tells how they lie, but with these --faults nobody does".into());
        }
        if self.is_honest() && self.beyond {
            return Err("--beyond is for traitors, but with these --faults nobody lies".into());
        }
        Ok(())
    }

    /// Whether the faults that were asked for are such that nobody lies.
    const fn is_honest(&self) -> bool {
        !matches!(self.faults, None | Some(Weather::Traitors))
    }

    fn nodes(&self) -> Option<usize> {
        self.nodes.and_then(|nodes| nodes.0)
    }

    /// Where everybody is, if that was told.
    fn map(&self) -> Result<Option<Arc<Map>>, String> {
        let Some(file) = &self.matrix else { return Ok(None) };
        let (matrix, file) = (forecast::read_matrix(file)?, file.display().to_string());
        Ok(Some(Arc::new(Map { file, matrix })))
    }

    /// What may go wrong.
    const fn faults(&self) -> Faults {
        match self.faults {
            _ if self.traitors || self.beyond || !self.traitor.is_empty() => Faults::Traitors,
            Some(Weather::None) => Faults::None,
            Some(Weather::Network) => Faults::Network,
            Some(Weather::Swarm) | None => Faults::Swarm,
            Some(Weather::Traitors) => Faults::Traitors,
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.traitor.iter().map(String::as_str)
    }
}

/// How many replicas; `None`: each seed chooses.
#[derive(Clone, Copy, Debug)]
struct Nodes(Option<usize>);

/// Reads a number of replicas or generals, or `mixed`. How many may be, the protocol says.
fn nodes(text: &str) -> Result<Nodes, String> {
    if text == "mixed" {
        return Ok(Nodes(None));
    }
    let count = text.parse().map(|count| Nodes(Some(count)));
    count.map_err(|_| "this is no number of replicas or generals, as 4; or say `mixed`".into())
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Protocol {
    /// Castro and Liskov's, on networks that are slow or lose.
    Pbft,
    /// Oral messages, in rounds.
    Om,
    /// Signed messages, in rounds.
    Sm,
    /// The phase king, in rounds.
    King,
    /// Interactive consistency, in rounds of any of these three.
    Vector,
    /// A replicated service in slots of any of these three.
    Lockstep,
}

impl Protocol {
    /// The protocol in rounds that it is; `None`: PBFT.
    const fn in_rounds(self) -> Option<generals::Protocol> {
        match self {
            Self::Pbft => None,
            Self::Om => Some(generals::Protocol::Om),
            Self::Sm => Some(generals::Protocol::Sm),
            Self::King => Some(generals::Protocol::King),
            Self::Vector => Some(generals::Protocol::Vector),
            Self::Lockstep => Some(generals::Protocol::Lockstep),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Weather {
    /// Nothing: messages take their time.
    None,
    /// The network, and clocks.
    Network,
    /// Power and disks as well.
    Swarm,
    /// One to f of the replicas lie as well.
    Traitors,
}
