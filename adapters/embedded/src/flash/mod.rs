//! The journal on flash: records and checkpoints of a replica, over any NOR flash.
//!
//! The region is cut into two halves. Each holds a *generation*: a queue of items
//! (`sequential-storage`) that begins with whose it is, then what was carried over from the
//! generation before, then a mark that it is whole, then what was appended since. Rotation erases
//! the other half and writes the next generation there; only its mark makes it the one that
//! counts. So at any loss of power one generation is whole, and nothing is ever written twice or
//! erased that is still needed. Nothing is popped, so flash that can write a word only once will
//! do.
//!
//! Items are numbered, and every start leaves a mark. What was cut short by a loss of power was
//! never vouched for, and is dropped; a hole in the numbers, or an unfinished record that is not
//! followed by the mark of a start, is damage: the log is not used any more, since a replica that
//! forgot one of its votes might contradict it. So are several records at the end that cannot be
//! read, since a loss of power spoils one. Each item has a CRC-32 of its own by
//! `sequential-storage`.
//!
//! # What cannot be told
//!
//! A log knows nothing of what left no trace in it:
//!
//! * The last record, spoiled, looks as one that was cut short.
//! * Pages at the end that were erased as a whole look as never written.
//! * If all of the newer half was erased, the generation before counts again.
//! * A region that was erased as a whole is that of a new log.
//!
//! After any of these a replica may contradict what it said before, which only others may notice
//! ([`Refusal::OldLog`](quorate::Refusal::OldLog)). Where flash may lose whole pages, or a chip may
//! have been replaced, erase the region and start the replica with
//! [`Origin::Lost`](crate::Origin::Lost), or with [`Origin::Unsure`](crate::Origin::Unsure) if the
//! cluster may be new: the origin counts where the log is empty, and there alone.

mod blocking;
mod chain;
mod doubt;
mod error;
mod item;
mod log;
mod size;

pub use blocking::Blocking;
pub use error::FlashError;
pub use log::{FlashLog, Owner};
pub use size::flash_bytes;
