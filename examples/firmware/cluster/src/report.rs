//! Where a board stands, as a line of text.

use crate::wrong;
use core::fmt;
use core::str::FromStr;
use quorate::{Digest, Fault, NodeId};

/// What a board prints whenever it has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The view it is in, or is changing to.
    pub view: u64,
    /// The last sequence that it executed.
    pub executed: u64,
    /// Its last stable checkpoint.
    pub stable: u64,
    /// The sum of all registers.
    pub total: u64,
    /// The digest of its state.
    pub digest: Digest,
    /// Bytes of stack that it has used at most until it ran, and since then; 0 where nobody looks.
    pub stacks: [u64; 2],
    /// How many wrongs it saw others do.
    pub faults: u32,
    /// Who did the last one, and what it was.
    pub last: Option<(NodeId, Fault)>,
}

/// What members can do wrong: printed by number.
pub const FAULTS: [Fault; 20] = [
    Fault::Malformed,
    Fault::OutOfBounds,
    Fault::Forged,
    Fault::Impersonation,
    Fault::NotAllowed,
    Fault::Equivocation,
    Fault::NotPrimary,
    Fault::BadBatch,
    Fault::BadViewChange,
    Fault::BadNewView,
    Fault::BadContent,
    Fault::WrongDigest,
    Fault::Late,
    Fault::Missing,
    Fault::WrongInstance,
    Fault::OffPath,
    Fault::BadChain,
    Fault::ThirdValue,
    Fault::OverBudget,
    Fault::Stalled,
];

/// What a line begins with.
const NAME: &str = "report";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { view, executed, stable, total, digest, stacks, faults, last } = self;
        let [start, run] = stacks;
        write!(f, "{NAME} {view} {executed} {stable} {total} {digest} {start} {run} {faults} ")?;
        wrong::write(f, *last)
    }
}

impl FromStr for Report {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().ok_or(());
        if next()? != NAME {
            return Err(());
        }
        let mut number = || next()?.parse().map_err(|_| ());
        let [view, executed, stable, total] = [number()?, number()?, number()?, number()?];
        let digest = digest(next()?)?;
        let mut number = || next()?.parse().map_err(|_| ());
        let stacks = [number()?, number()?];
        let faults = next()?.parse().map_err(|_| ())?;
        let last = wrong::read(&mut next)?;
        let report = Self { view, executed, stable, total, digest, stacks, faults, last };
        words.next().map_or(Ok(report), |_| Err(()))
    }
}

/// The wrong of a number.
pub(crate) fn fault(number: u8) -> Result<Fault, ()> {
    FAULTS.into_iter().find(|fault| *fault as u8 == number).ok_or(())
}

fn digest(word: &str) -> Result<Digest, ()> {
    let (pairs, rest) = word.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return Err(());
    }
    let mut digest = Digest::ZERO;
    for (place, pair) in digest.0.iter_mut().zip(pairs) {
        let pair = core::str::from_utf8(pair).map_err(|_| ())?;
        *place = u8::from_str_radix(pair, 16).map_err(|_| ())?;
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_what_is_read() {
        let wrongs = FAULTS.map(|fault| Some((NodeId(3), fault)));
        for last in wrongs.into_iter().chain([None]) {
            let (total, digest, faults) = (u64::MAX, Digest::of(b"state"), u32::MAX);
            let (view, executed, stable, stacks) = (1, 2, 3, [4, 5]);
            let report = Report { view, executed, stable, total, digest, stacks, faults, last };
            assert_eq!(report.to_string().parse(), Ok(report));
        }
    }

    #[test]
    fn other_lines_are_none() {
        let line = Report::default().to_string();
        let cut = line.rsplit_once(' ').unwrap().0;
        for other in ["", "panicked at main.rs", cut, &format!("{line} 1"), &line[1..]] {
            assert_eq!(other.parse::<Report>(), Err(()), "{other:?}");
        }
    }
}
