//! Records as they lie on the virtual disk.

use quorate::pbft::Record;
use quorate::wire;

/// A record of this run's own disk.
pub(crate) fn decode(bytes: &[u8]) -> Record<'_> {
    wire::decode(bytes).expect("records are encoded here")
}

/// Encodes a record.
pub(crate) fn encode(record: &Record<'_>) -> Vec<u8> {
    let mut bytes = vec![0; wire::encoded_len(record)];
    wire::encode(record, &mut bytes).expect("as long as it says");
    bytes
}
