//! Reads back what was written, through the gateway like any client.

use super::connection::Connection;
use super::input::Text;
use super::ledger::Ledger;
use super::load::{line_key, value, word_key};
use crate::problem::Problem;
use redis_protocol::resp2::types::OwnedFrame;
use std::net::SocketAddr;

/// Keys of one MGET.
const KEYS: usize = 32;

/// MGETs that are sent together.
const PIPELINE: usize = 16;

/// Whether what the store holds is possible.
type Allows<'a> = Box<dyn Fn(Option<&[u8]>) -> bool + 'a>;

/// Reads every key that was written and counts those that contradict an acknowledged write.
pub(super) fn lost(gateway: SocketAddr, text: &Text, ledger: &Ledger) -> Result<u64, Problem> {
    let lines = ledger.lines.iter().map(|(at, line)| {
        let expected: Allows<'_> =
            Box::new(|held| line.allows(|round| text.line(*at, round), held));
        (line_key(*at), expected)
    });
    let words = ledger.words.iter().map(|(word, count)| {
        let expected: Allows<'_> = Box::new(|held| count.allows(held));
        (word_key(word), expected)
    });
    let checks: Vec<_> = lines.chain(words).collect();
    let mut connection = Connection::open(gateway)?;
    let mut lost = 0;
    for together in checks.chunks(KEYS * PIPELINE) {
        for some in together.chunks(KEYS) {
            let keys = some.iter().map(|(key, _)| key.as_slice());
            let command: Vec<&[u8]> = std::iter::once(&b"MGET"[..]).chain(keys).collect();
            connection.add(&command);
        }
        let (mut some, mut wrong) = (together.chunks(KEYS), None);
        connection.exchange(|reply| match (reply, some.next()) {
            (OwnedFrame::Array(held), Some(some)) if held.len() == some.len() => {
                let allowed = held.iter().zip(some).map(|(held, (_, allows))| allows(value(held)));
                lost += allowed.filter(|allowed| !allowed).count() as u64;
            }
            (other, _) => wrong = Some(format!("MGET was answered by {other:?}")),
        })?;
        if let Some(sentence) = wrong {
            return Err(Problem::failed(sentence));
        }
    }
    Ok(lost)
}
