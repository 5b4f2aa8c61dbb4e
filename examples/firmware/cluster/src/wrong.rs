//! The last wrong that a board saw, as words of a line.

use core::fmt;
use quorate::{Fault, NodeId};

/// In the place of what is not there.
pub(crate) const NONE: &str = "-";

/// Writes who did it, and what.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, last: Option<(NodeId, Fault)>) -> fmt::Result {
    match last {
        Some((node, fault)) => write!(f, "{} {}", node.0, fault as u8),
        None => f.write_str(NONE),
    }
}

/// The inverse of [`write`]; `next` gives the words of the line.
pub(crate) fn read<'l>(
    mut next: impl FnMut() -> Result<&'l str, ()>,
) -> Result<Option<(NodeId, Fault)>, ()> {
    let id = match next()? {
        NONE => return Ok(None),
        id => NodeId(id.parse().map_err(|_| ())?),
    };
    let number = next()?.parse().map_err(|_| ())?;
    Ok(Some((id, crate::report::fault(number)?)))
}
