//! Ports that are free now.

use crate::config::random_key;
use crate::problem::Problem;
use std::net::{Ipv4Addr, TcpListener};

/// Where to look: below the ports that systems give to outgoing connections, which could take a
/// port between the death of a replica and its restart.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// So many different ports of the loopback interface that nobody listens at.
///
/// # Errors
/// There are not so many.
pub fn free_ports(count: usize) -> Result<Vec<u16>, Problem> {
    let [low, high, ..] = random_key()?;
    let start = u16::from_le_bytes([low, high]) % (LAST - FIRST);
    let mut held = Vec::new();
    for step in 0..LAST - FIRST {
        if held.len() == count {
            break;
        }
        let port = FIRST + (start + step) % (LAST - FIRST);
        // They are held until all are found, so that they differ.
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|held| (port, held)));
    }
    if held.len() < count {
        return Err(Problem::failed(format!("no {count} free ports from {FIRST} to {LAST}")));
    }
    Ok(held.into_iter().map(|(port, _)| port).collect())
}
