//! A recording of a replica: what it began with, every input of its core, and a digest of what
//! each input had put out. `quorate-sim replay` steps the same core through it.
//!
//! The file survives a kill at any moment up to its last whole frame. All numbers are
//! little-endian. It begins with `QUORREC\n` and the version (4 bytes). Then come frames: kind
//! (1), length of the body (4), CRC-32C (4) of the frame's place in the file (8), kind, length and
//! body; body.
//!
//! * 1, cluster: replica (1), epoch (4), id of the cluster (32); nodes, window, batch bytes,
//!   clients and reply bytes (8 each); batch delay, timeout, its cap, status interval, watch
//!   window and budget interval (8 each, microseconds); requests of a batch (8); 1 if reads are
//!   fast, else 0 (1); keys of the nodes, then of the clients (32 each).
//! * 2, begin: time (8); 0 if the replica began with a log, 1 if with an empty one, 2 if it had
//!   lost it (1); its nonce, 0 with a log (8).
//! * 3, snapshot, if it began with one: sequence (8), digest of the state (32), client table.
//! * 4, record: one record of the log that it began with, in its wire encoding.
//! * 5, ready: nothing. What follows are inputs.
//! * 6, step: time (8), digest of the outputs (8), kind of the input (1) and the input. 0, a wake:
//!   nothing; 1, a request was executed: client (2), reply; 2, a checkpoint was captured: sequence
//!   (8), digest (32); 3, a message: sender (3), message; 4, a read was answered: client (2), 1 if
//!   there is an answer, else 0 (1), the answer; 5, the host lacks pieces of a state: sequence (8),
//!   and for each its part (1: 0 roots, 1 clients, 2 state), level (1), index (4), digest (32);
//!   6, a state was installed: sequence (8), client table.
//! * 7, admission: time (8), answer (1: 0 verify, 1 known, 2 refused, 3 later), sender (3),
//!   message.
//!
//! Times are microseconds of the replica's own clock. The digest of the outputs is the first
//! eight bytes of the SHA-256 of what [`outputs::put`] writes for each of them.

mod file;
mod outputs;

pub(crate) use file::{Beginning, Origin, Recording};
