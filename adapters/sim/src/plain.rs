//! Numbers, times and names in plain words.

use crate::chronicle::name;
use core::time::Duration;
use quorate::{Instant, NodeSet, Principal};
use std::fmt::Display;

/// So many things: `1 request`, `2 requests`.
pub(crate) fn counted(count: impl Display, thing: &str) -> String {
    let count = count.to_string();
    let plural = if count == "1" { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// `1.900 s`.
pub(crate) fn moment(at: Instant) -> String {
    format!("{:.3} s", at.as_micros() as f64 / 1e6)
}

/// `0.250 s`.
pub(crate) fn lasting(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// `r0 r2 c1`.
pub(crate) fn names<'p>(of: impl IntoIterator<Item = &'p Principal>) -> String {
    of.into_iter().map(|who| name(*who)).collect::<Vec<_>>().join(" ")
}

/// `r0 r2`, or `nobody`.
pub(crate) fn nodes(set: NodeSet) -> String {
    if set.is_empty() {
        return "nobody".to_owned();
    }
    names(&set.iter().map(Principal::Node).collect::<Vec<_>>())
}

/// `12.5 %` of so many of a thousand.
pub(crate) fn percent(permille: u32) -> String {
    format!("{:.1} %", f64::from(permille) / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        let told = [counted(0, "write"), counted(1_u8, "write"), counted(21_u64, "write")];
        assert_eq!(told, ["0 writes", "1 write", "21 writes"]);
    }
}
