//! No request is executed twice, and those of one client in the order of their timestamps.

use quorate::{ClientId, NodeId};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

/// Where in the history each request stands, whoever executed it: across replicas, restarts and
/// state transfers it is one place.
#[derive(Clone, Debug, Default)]
pub struct Once {
    places: BTreeMap<ClientId, BTreeMap<u64, u64>>,
}

impl Once {
    /// A replica executed a request at this sequence.
    ///
    /// # Errors
    /// It was executed at another sequence too, or before an older one of its client.
    pub fn executed(
        &mut self,
        node: NodeId,
        sequence: u64,
        client: ClientId,
        timestamp: u64,
    ) -> Result<(), String> {
        let places = self.places.entry(client).or_default();
        let what = format_args!("r{} executes c{}@{timestamp} at s{sequence}", node.0, client.0);
        if let Some(before) = places.get(&timestamp).filter(|before| **before != sequence) {
            return Err(format!("{what}, but it was executed at s{before}"));
        }
        let older = places.range(..timestamp).next_back();
        if let Some((older, place)) = older.filter(|(_, place)| **place >= sequence) {
            return Err(format!("{what}, but the older @{older} stands at s{place}"));
        }
        let newer = places.range((Excluded(timestamp), Unbounded)).next();
        if let Some((newer, place)) = newer.filter(|(_, place)| **place <= sequence) {
            return Err(format!("{what}, but the newer @{newer} stands at s{place}"));
        }
        places.insert(timestamp, sequence);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(0);
    const CLIENT: ClientId = ClientId(3);

    #[test]
    fn one_request_at_two_sequences_is_a_violation() {
        let mut once = Once::default();
        once.executed(NODE, 5, CLIENT, 10).unwrap();
        once.executed(NodeId(1), 5, CLIENT, 10).unwrap();
        once.executed(NODE, 6, ClientId(4), 10).unwrap();
        let error = once.executed(NodeId(2), 7, CLIENT, 10).unwrap_err();
        assert_eq!(error, "r2 executes c3@10 at s7, but it was executed at s5");
    }

    #[test]
    fn the_last_timestamp_is_one_like_any_other() {
        let mut once = Once::default();
        once.executed(NODE, 5, CLIENT, u64::MAX).unwrap();
        assert!(once.clone().executed(NODE, 6, CLIENT, u64::MAX).is_err());
        assert!(once.executed(NODE, 6, CLIENT, 9).is_err());
    }

    #[test]
    fn requests_of_a_client_out_of_order_are_a_violation() {
        let mut once = Once::default();
        once.executed(NODE, 5, CLIENT, 10).unwrap();
        assert!(once.clone().executed(NODE, 6, CLIENT, 9).is_err());
        assert!(once.clone().executed(NODE, 4, CLIENT, 11).is_err());
        assert!(once.clone().executed(NODE, 5, CLIENT, 11).is_err(), "one of a client in a batch");
        once.executed(NODE, 6, CLIENT, 11).unwrap();
        once.executed(NODE, 7, CLIENT, u64::MAX).unwrap();
        assert!(once.executed(NODE, 8, CLIENT, 12).is_err(), "nothing is after the last");
    }
}
