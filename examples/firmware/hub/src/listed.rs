//! Panics that are left in images, each with the reason why it does no harm.
//!
//! Two kinds are meant to be there: the core stops rather than contradict itself when an invariant
//! of its own is broken, which no peer, client or disk can do. All others are checks that the
//! compiler could not prove to be needless.

/// What is part of the name of a file and of a line in it, and why it does no harm.
pub(crate) const LISTED: &[(&str, &str, &str)] = &[
    ("core/src/pbft/rules.rs", "effects\"", INVARIANT),
    ("core/src/pbft/normal.rs", "assert!(self.knows_its_beginning()", INVARIANT),
    ("core/src/link.rs", "room.copy_from_slice(payload)", SAME_LENGTH),
    ("core/src/wire.rs", "room.copy_from_slice(bytes)", SAME_LENGTH),
    ("core/src/pbft/history.rs", "here.copy_from_slice(field)", SAME_LENGTH),
    ("core/src/pbft/log.rs", "room.copy_from_slice(bytes)", SAME_LENGTH),
    ("core/src/pbft/new_view.rs", "_store.copy_from_slice(", SAME_LENGTH),
    ("core/src/pbft/normal.rs", "room.copy_from_slice(pool)", SAME_LENGTH),
    ("core/src/pbft/read.rs", ".copy_from_slice(answer)", SAME_LENGTH),
    ("core/src/pbft/view_change.rs", ".copy_from_slice(", SAME_LENGTH),
    ("core/src/service/batch.rs", "here.copy_from_slice(field)", SAME_LENGTH),
    ("core/src/service/client_table.rs", ".copy_from_slice(", SAME_LENGTH),
    ("core/src/pbft/pool.rs", ".copy_within(", "the range ends with what the pool has in use"),
    ("core/src/pbft/view_change.rs", ".copy_within(", "both ranges were compared with the store"),
    ("core/src/pbft/transfer.rs", "div_ceil(servers.len().max(1))", "the divisor is 1 at least"),
    ("core/src/pbft/transfer.rs", "% n)", "there are four nodes at least: Dimensions::problem"),
    (
        "core/src/pbft/message.rs",
        "% n as u64",
        "there are four nodes at least: Dimensions::problem",
    ),
    ("core/src/pbft/log.rs", "window as u64", "the window is 2 at least: Dimensions::problem"),
    ("core/src/service/client_table.rs", "rows_of_a_page", "a page has a row at least"),
    (
        "core/src/time.rs",
        "overflow in Duration",
        "the library's own arithmetic hands over less than a second of nanoseconds",
    ),
    (
        "core/src/slice/index.rs",
        "slice_index_fail",
        "the range of a copy_within, which is listed too",
    ),
    ("heapless-0.9", "removal index", "the first element of a vector that is full"),
    ("postcard-1.1", "out[..=i]", "the buffer is as long as the longest number of its type"),
    ("ed25519-compact-2.6.0", "", CURVE),
];

const INVARIANT: &str = "an invariant of the core itself: it stops rather than contradict itself";
const SAME_LENGTH: &str = "the room was taken as long as what is copied to it, a line above";
const CURVE: &str = "digits of a scalar lie in -15..=15, blocks have 128 bytes: each index is \
    below the length of its array";
