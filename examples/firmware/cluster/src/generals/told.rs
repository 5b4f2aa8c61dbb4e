//! What the board of a general is told when it is started.

use super::Protocol;
use core::fmt;
use core::str::FromStr;
use quorate::NodeId;

/// The arguments of a general: `PROTOCOL ID COMMANDER RUN MILLISECONDS [lies]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// How it agrees with the others.
    pub protocol: Protocol,
    /// Which general it is.
    pub me: NodeId,
    /// Who commands.
    pub commander: NodeId,
    /// The run, which is another one each time: no nonce and no agreement is used twice.
    pub run: u64,
    /// How long a round takes, in milliseconds.
    pub round_ms: u32,
    /// Whether it is a traitor.
    pub lies: bool,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, me, commander, run, round_ms, lies } = self;
        let lies = if *lies { " lies" } else { "" };
        write!(f, "{} {} {} {run} {round_ms}{lies}", protocol.name(), me.0, commander.0)
    }
}

impl FromStr for Told {
    type Err = &'static str;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let wrong = "a general is told PROTOCOL ID COMMANDER RUN MILLISECONDS [lies]";
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().ok_or(wrong);
        let protocol = next()?.parse()?;
        let me = NodeId(next()?.parse().map_err(|_| wrong)?);
        let commander = NodeId(next()?.parse().map_err(|_| wrong)?);
        let run = next()?.parse().map_err(|_| wrong)?;
        let round_ms = next()?.parse().map_err(|_| wrong)?;
        let lies = match words.next() {
            None => false,
            Some("lies") => true,
            Some(_) => return Err(wrong),
        };
        match words.next() {
            None => Ok(Self { protocol, me, commander, run, round_ms, lies }),
            Some(_) => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_general_is_told_is_what_it_reads() {
        for (protocol, lies) in Protocol::ALL.into_iter().zip([true, false, true]) {
            let (me, commander) = (NodeId(3), NodeId(1));
            let told = Told { protocol, me, commander, run: 1 << 40, round_ms: 900, lies };
            assert_eq!(told.to_string().parse(), Ok(told));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["", "om 1 0 2", "pbft 1 0 2 3", "om 1 0 2 3 lie", "om 1 0 2 3 lies too"] {
            assert!(line.parse::<Told>().is_err(), "{line:?}");
        }
    }
}
