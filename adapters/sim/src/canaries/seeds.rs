//! How many seeds it takes until a checker objects to a planted bug.

use super::hunt::Hunt;
use super::{Canary, Check};

/// Random runs of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// Its name on the command line.
    pub protocol: &'static str,
    /// What `--faults` says.
    pub faults: &'static str,
    /// How many seeds are run for each one that was asked for: rounds are quick.
    pub times: u64,
}

/// A seed that found a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In which runs.
    pub draws: Draws,
    /// Which of their seeds, counted from 1: so many it takes.
    pub seeds: u64,
    /// What its checker said.
    pub what: String,
}

const fn draws(protocol: &'static str, faults: &'static str, times: u64) -> Draws {
    Draws { protocol, faults, times }
}

const PBFT: [Draws; 2] = [draws("pbft", "traitors", 1), draws("pbft", "swarm", 1)];
const LOCKSTEP: [Draws; 1] = [draws("lockstep", "traitors", 2)];
const ROUNDS: [Draws; 4] = [
    draws("om", "traitors", 20),
    draws("sm", "traitors", 20),
    draws("king", "traitors", 20),
    draws("vector", "traitors", 5),
];

impl Draws {
    /// The runs in which a canary may show, by the tests that should find it.
    pub fn of(canary: &Canary) -> impl Iterator<Item = Self> {
        let (target, filter) = match canary.check {
            Check::Tests { target, filter } => (target, filter),
            Check::Seeds { protocol, .. } => (protocol, ""),
            Check::Scripts => ("pbft", ""),
        };
        let base = filter.split("::").next().unwrap_or_default();
        let one = ROUNDS.iter().any(|it| it.protocol == base);
        let suits = move |it: &Draws| !one || it.protocol == base || it.protocol == "vector";
        let (pbft, lockstep, rounds) = match target {
            "pbft" => (true, false, false),
            "lockstep" => (false, true, false),
            "generals" => (false, true, true),
            // What all protocols stand on.
            _ => (true, true, true),
        };
        let rounds = ROUNDS.into_iter().filter(move |it| rounds && suits(it));
        let pbft = PBFT.into_iter().filter(move |_| pbft);
        rounds.chain(pbft).chain(LOCKSTEP.into_iter().filter(move |_| lockstep))
    }
}

impl Hunt {
    /// Plants a canary and runs `seeds` seeds, or some times as many, of each protocol that it is
    /// about, until a checker objects. `None`: none did.
    ///
    /// # Errors
    /// A sentence, if something cannot be built or run.
    pub fn seeds(&self, canary: &Canary, seeds: u64) -> Result<Option<Found>, String> {
        for draws in Draws::of(canary) {
            let Draws { protocol, faults, times } = draws;
            let check = Check::Seeds { protocol, traitors: true };
            let count = seeds.saturating_mul(times).to_string();
            let (well, said) = self.simulate(Some(canary), check, |command| {
                command.args(["run", "--protocol", protocol, "--faults", faults, "--json"]);
                command.args(["--seed", "1", "--seeds", &count]);
            })?;
            if !well {
                let found = found(draws, &said);
                let none = || format!("{}: the simulator ended without a report", canary.name);
                return found.ok_or_else(none).map(Some);
            }
        }
        Ok(None)
    }
}

/// The first violation of a report.
fn found(draws: Draws, said: &str) -> Option<Found> {
    let report: serde_json::Value = serde_json::from_str(said).ok()?;
    let violations = report["violations"].as_array()?;
    let first = violations.iter().min_by_key(|violation| violation["seed"].as_u64())?;
    let (checker, what) = (first["checker"].as_str()?, first["what"].as_str()?);
    Some(Found { draws, seeds: first["seed"].as_u64()?, what: format!("{checker}: {what}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canaries::CANARIES;

    #[test]
    fn every_canary_has_runs_in_which_it_may_show() {
        for canary in CANARIES {
            assert!(Draws::of(canary).next().is_some(), "{}", canary.name);
        }
        let of = |name| CANARIES.iter().find(|canary| canary.name == name).map(Draws::of);
        let protocols = |name| of(name).unwrap().map(|it| it.protocol).collect::<Vec<_>>();
        assert_eq!(protocols("anyone_proposes"), ["pbft", "pbft"]);
        assert_eq!(protocols("last_write_wins"), ["om", "vector", "lockstep"]);
        assert_eq!(protocols("speaks_when_late"), ["om", "sm", "king", "vector", "lockstep"]);
        assert_eq!(protocols("type_left_out").len(), 7);
    }

    #[test]
    fn the_first_seed_that_broke_a_promise_is_told() {
        let said = r#"{"violations":[{"seed":9,"checker":"agreement","what":"two histories"},
            {"seed":7,"checker":"once","what":"twice"}]}"#;
        let found = found(PBFT[0], said).unwrap();
        assert_eq!((found.seeds, &*found.what), (7, "once: twice"));
    }
}
