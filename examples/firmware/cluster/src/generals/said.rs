//! What a general tells the one who started its board, as a line of text.

use crate::wrong::{self, NONE};
use core::fmt;
use core::str::FromStr;
use quorate::{Fault, NodeId};

/// A line of a general.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It has its keys and knows the time, and waits for the hour.
    Ready,
    /// The last round has ended.
    Over {
        /// With how many peers it had a session when the first round began.
        met: usize,
        /// What it does: an agreed order, or what is done where there is none. `None`: it missed
        /// a deadline of its own, and decides nothing.
        order: Option<u8>,
        /// Whether the order is one that was agreed on.
        agreed: bool,
        /// Bytes of stack that it used at most.
        stack: u64,
        /// How many wrongs it saw others do.
        faults: u32,
        /// Who did the last one, and what it was.
        last: Option<(NodeId, Fault)>,
    },
}

/// What a line begins with.
const READY: &str = "ready";
const OVER: &str = "over";

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Over { met, order, agreed, stack, faults, last } = self else {
            return f.write_str(READY);
        };
        write!(f, "{OVER} {met} ")?;
        match order {
            Some(order) => write!(f, "{order}")?,
            None => f.write_str(NONE)?,
        }
        write!(f, " {agreed} {stack} {faults} ")?;
        wrong::write(f, *last)
    }
}

impl FromStr for Said {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().ok_or(());
        let said = match next()? {
            READY => Self::Ready,
            OVER => {
                let met = next()?.parse().map_err(|_| ())?;
                let order = match next()? {
                    NONE => None,
                    order => Some(order.parse().map_err(|_| ())?),
                };
                let agreed = next()?.parse().map_err(|_| ())?;
                let stack = next()?.parse().map_err(|_| ())?;
                let faults = next()?.parse().map_err(|_| ())?;
                let last = wrong::read(&mut next)?;
                Self::Over { met, order, agreed, stack, faults, last }
            }
            _ => return Err(()),
        };
        words.next().map_or(Ok(said), |_| Err(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::FAULTS;

    #[test]
    fn what_is_printed_is_what_is_read() {
        let wrongs = FAULTS.map(|fault| Some((NodeId(3), fault)));
        for last in wrongs.into_iter().chain([None]) {
            for (order, agreed) in [(Some(65), true), (Some(82), false), (None, false)] {
                let (stack, faults) = (u64::from(u32::MAX), u32::MAX);
                let over = Said::Over { met: 3, order, agreed, stack, faults, last };
                assert_eq!(over.to_string().parse(), Ok(over));
            }
        }
        assert_eq!(Said::Ready.to_string().parse(), Ok(Said::Ready));
    }

    #[test]
    fn other_lines_are_none() {
        for line in
            ["", "ready now", "over", "over 3 65 true 9 0", "over 3 65 true 9 0 - -", "panic"]
        {
            assert_eq!(line.parse::<Said>(), Err(()), "{line:?}");
        }
    }
}
