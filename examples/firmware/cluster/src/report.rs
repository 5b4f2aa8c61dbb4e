//! Where a board stands, as a line of text.

use core::fmt;
use core::str::FromStr;
use quorate::Digest;

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
    /// How many wrongs it saw others do.
    pub faults: u32,
    /// Who did the last one.
    pub culprit: Option<u8>,
}

/// What a line begins with.
const NAME: &str = "report";
/// In the place of a culprit where there is none.
const NOBODY: &str = "-";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { view, executed, stable, total, digest, faults, culprit } = self;
        write!(f, "{NAME} {view} {executed} {stable} {total} {digest} {faults} ")?;
        match culprit {
            Some(id) => write!(f, "{id}"),
            None => f.write_str(NOBODY),
        }
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
        let faults = next()?.parse().map_err(|_| ())?;
        let culprit = match next()? {
            NOBODY => None,
            id => Some(id.parse().map_err(|_| ())?),
        };
        let report = Self { view, executed, stable, total, digest, faults, culprit };
        words.next().map_or(Ok(report), |_| Err(()))
    }
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
        for culprit in [None, Some(3)] {
            let digest = Digest::of(b"state");
            let faults = u32::MAX;
            let report = Report {
                view: 1,
                executed: 2,
                stable: 3,
                total: u64::MAX,
                digest,
                faults,
                culprit,
            };
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
