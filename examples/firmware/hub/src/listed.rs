//! Panics that are left in images, each with the reason why it does no harm.
//!
//! Two kinds are meant to be there: the core stops rather than contradict itself when an invariant
//! of its own is broken, which no peer, client or disk can do. All others are checks that the
//! compiler could not prove to be needless.
//!
//! A panic is told by the end of its file's path and by its whole line, so that no other line of
//! the file is let through with it. A library's line that all uses of a method share would let all
//! of them through: such methods are forbidden in the core (`core/clippy.toml`), but for uses that
//! say why they cannot panic. What is listed and found in no image is stale, and is told too.
//! Lines of Rust's own library are those of the compiler that the tables of the README name; with
//! another one they may have to be looked up again.

/// A line of a source that panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// What its path ends with, at the beginning of a name.
    pub(crate) file: &'static str,
    /// The line, without the spaces around it.
    pub(crate) line: &'static str,
    /// Why it does no harm.
    pub(crate) why: &'static str,
}

impl Listed {
    fn is(&self, file: &str, line: &str) -> bool {
        let before = file.strip_suffix(self.file);
        let whole = before.is_some_and(|before| before.is_empty() || before.ends_with('/'));
        whole && line == self.line
    }
}

/// Why a line does no harm; `None` if it is not listed.
pub(crate) fn reason(list: &[Listed], file: &str, line: &str) -> Option<&'static str> {
    list.iter().find(|listed| listed.is(file, line)).map(|listed| listed.why)
}

/// What is listed and is none of these files and lines.
pub(crate) fn stale<'l>(list: &'l [Listed], found: &[(String, String)]) -> Vec<&'l Listed> {
    let is_found = |it: &&Listed| !found.iter().any(|(file, line)| it.is(file, line));
    list.iter().filter(is_found).collect()
}

/// Everything that may panic.
pub(crate) const LISTED: &[Listed] = &[
    // The core stops rather than contradict itself.
    panics("core/src/pbft/rules.rs", EFFECTS, INVARIANT),
    panics("core/src/pbft/client.rs", EFFECTS_OF_A_CLIENT, INVARIANT),
    panics("core/src/lockstep/rules.rs", EFFECTS_OF_A_GENERAL, INVARIANT),
    panics("core/src/pbft/normal.rs", BEGINNING, INVARIANT),
    panics("core/src/lockstep/slots.rs", PROPOSAL, INVARIANT),
    panics("core/src/lockstep/requests.rs", ADMITTED, INVARIANT),
    // Copies.
    panics("core/src/link.rs", "room.copy_from_slice(payload);", SAME_LENGTH),
    panics("core/src/wire.rs", "room.copy_from_slice(bytes);", SAME_LENGTH),
    panics("core/src/pbft/client.rs", "room.copy_from_slice(reply);", SAME_LENGTH),
    panics("core/src/pbft/client.rs", OPERATION, SAME_LENGTH),
    panics("core/src/pbft/history.rs", "here.copy_from_slice(field);", SAME_LENGTH),
    panics("core/src/pbft/log.rs", "room.copy_from_slice(bytes);", SAME_LENGTH),
    panics("core/src/pbft/new_view.rs", "named_store.copy_from_slice(named);", SAME_LENGTH),
    panics("core/src/pbft/new_view.rs", "chosen_store.copy_from_slice(chosen);", SAME_LENGTH),
    panics("core/src/pbft/normal.rs", "room.copy_from_slice(pool);", SAME_LENGTH),
    panics("core/src/pbft/read.rs", ANSWER, SAME_LENGTH),
    panics("core/src/pbft/recover.rs", "named_store.copy_from_slice(named);", SAME_LENGTH),
    panics("core/src/pbft/recover.rs", "chosen_store.copy_from_slice(chosen);", SAME_LENGTH),
    panics("core/src/pbft/view_change.rs", "store.copy_from_slice(histories);", SAME_LENGTH),
    panics("core/src/pbft/view_change.rs", "place.copy_from_slice(checkpoints);", SAME_LENGTH),
    panics("core/src/service/batch.rs", "here.copy_from_slice(field);", SAME_LENGTH),
    panics("core/src/service/client_table.rs", "room.copy_from_slice(field);", SAME_LENGTH),
    panics("core/src/service/client_table.rs", "room.copy_from_slice(reply);", SAME_LENGTH),
    panics("core/src/lockstep/proposal.rs", BATCH, SAME_LENGTH),
    panics("core/src/lockstep/slots.rs", "room.copy_from_slice(request);", ENDS_THERE),
    // Moves within.
    panics("core/src/pbft/pool.rs", POOL_OUT_OF, IN_USE),
    panics("core/src/pbft/pool.rs", POOL_FRONT, IN_USE),
    panics(
        "core/src/pbft/view_change.rs",
        "self.memory.histories.copy_within(from, to.start);",
        "both ranges were compared with the store",
    ),
    panics("library/core/src/slice/index.rs", ENDS_BEHIND, WITHIN),
    panics("library/core/src/slice/index.rs", ENDS_BEFORE, WITHIN),
    // Divisions.
    panics(
        "core/src/pbft/transfer.rs",
        "let part = REQUESTS.div_ceil(servers.len().max(1));",
        "the divisor is 1 at least",
    ),
    panics("core/src/pbft/transfer.rs", AROUND, SOMEBODY),
    panics("core/src/pbft/message.rs", "NodeId((self.0 % n as u64) as u8)", SOMEBODY),
    panics(
        "core/src/pbft/log.rs",
        "(sequence.0 % self.sizes.window as u64) as usize",
        "the window is 2 at least: Dimensions::problem",
    ),
    panics(
        "core/src/service/client_table.rs",
        "let pages = clients.div_ceil(rows_of_a_page(reply_bytes)) as u32;",
        "a page has a row at least",
    ),
    // Of others.
    panics(
        "library/core/src/time.rs",
        ".expect(\"overflow in Duration::new\");",
        "the library's own arithmetic hands over less than a second of nanoseconds",
    ),
    panics(
        "heapless-0.9.3/src/vec/mod.rs",
        "panic!(\"removal index (is {index}) should be < len (is {len})\");",
        "the first element of a vector that is full",
    ),
    panics("postcard-1.1.3/src/varint.rs", "return &mut out[..=i];", NUMBER),
    panics(CURVE, "if r[i + b] != 0 {", "b is below 256 - i, and there are 256 digits"),
    panics(CURVE, "t = t.to_p3() + ai[(aslide[i] / 2) as usize];", DIGITS),
    panics(CURVE, "t = t.to_p3() - ai[(-aslide[i] / 2) as usize];", DIGITS),
    panics(CURVE, "t = t.to_p3() + BI[(bslide[i] / 2) as usize];", DIGITS),
    panics(CURVE, "t = t.to_p3() - BI[(-bslide[i] / 2) as usize];", DIGITS),
    panics(HASH, "let addr = &base[offset..];", WORDS),
    panics(HASH, "(addr[7] as u64)", WORDS),
    panics(HASH, "let addr = &mut base[offset..];", WORDS),
    panics(HASH, "addr[7] = x as u8;", WORDS),
    panics(HASH, "w[a] = w[a]", SIXTEEN),
    panics(HASH, ".wrapping_add(Self::sigma0(w[d]));", SIXTEEN),
    panics(HASH, ".wrapping_add(self.0[i]);", SIXTEEN),
    panics(HASH, "self.w[self.r..self.r + tc].copy_from_slice(&input[0..tc]);", BLOCK),
    panics(HASH, "self.w[..rb].copy_from_slice(&input[pos + n - rb..]);", BLOCK),
    panics(HASH, "padded[..self.r].copy_from_slice(&self.w[..self.r]);", BLOCK),
];

const fn panics(file: &'static str, line: &'static str, why: &'static str) -> Listed {
    Listed { file, line, why }
}

const EFFECTS: &str = "assert!(kept.is_ok(), \"a step has at most {EFFECTS} effects\");";
const EFFECTS_OF_A_CLIENT: &str =
    "assert!(kept.is_ok(), \"a client's step has at most four effects\");";
const EFFECTS_OF_A_GENERAL: &str =
    "assert!(kept.is_ok(), \"the effects of one step have a bound\");";
const BEGINNING: &str =
    "assert!(self.knows_its_beginning(), \"an active view's NEW-VIEW is kept\");";
const PROPOSAL: &str =
    "assert!(given.is_ok(), \"a lane that waits takes its general's proposal\");";
const ADMITTED: &str = "assert!(written.is_some(), \"a request that was admitted fits\");";
const OPERATION: &str = "room.ok_or(Refusal::TooLong { limit })?.copy_from_slice(operation);";
const ANSWER: &str = "self.memory.answer.get_mut(..answer.len())?.copy_from_slice(answer);";
const BATCH: &str = "bytes.get_mut(..batch.len())?.copy_from_slice(batch);";
const POOL_OUT_OF: &str =
    "self.memory.pool.copy_within(range.end.min(used)..used, range.start.min(used));";
const POOL_FRONT: &str = "self.memory.pool.copy_within(bytes.min(used)..used, 0);";
const AROUND: &str = "let around = (1..=n).map(|step| (transfer.last.index() + step) % n);";
const ENDS_BEHIND: &str =
    "ops::Bound::Excluded(end) if end > len => slice_index_fail(0, end, len),";
const ENDS_BEFORE: &str =
    "ops::Bound::Included(start) if start > end => slice_index_fail(start, end, len),";

const INVARIANT: &str = "an invariant of the core itself: it stops rather than contradict itself";
const SAME_LENGTH: &str = "the room was taken as long as what is copied to it, just before";
const ENDS_THERE: &str = "the room ends where the request does that begins with it";
const IN_USE: &str = "the range ends with what the pool has in use";
const WITHIN: &str = "the range of a copy_within: core/clippy.toml has each of them give a reason";
const SOMEBODY: &str = "there is a node at least: Dimensions::problem, Quorum::of";
const NUMBER: &str = "the buffer is as long as the longest number of its type";

const CURVE: &str = "ed25519-compact-2.6.0/src/edwards25519.rs";
const HASH: &str = "ed25519-compact-2.6.0/src/sha512.rs";
const DIGITS: &str = "digits lie in -15..=15, so that half of one is below 8, the tables' length";
const WORDS: &str = "words of 8 bytes within blocks of 128 and hashes of 64";
const SIXTEEN: &str = "the callers number 16 words, 0 to 15, by constants";
const BLOCK: &str = "what waits for its block is at most the block's 128 bytes";

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[Listed] = &[panics("src/a.rs", "one();", "1"), panics("src/b.rs", "two();", "2")];

    fn found(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(file, line)| ((*file).to_owned(), (*line).to_owned())).collect()
    }

    #[test]
    fn only_the_whole_line_of_that_very_file_is_listed() {
        assert_eq!(reason(LIST, "/x/src/a.rs", "one();"), Some("1"));
        assert_eq!(reason(LIST, "src/b.rs", "two();"), Some("2"));
        for (file, line) in [
            ("/x/src/a.rs", "one(); two();"),
            ("/x/src/a.rs", "one()"),
            ("/x/src/a.rs", ""),
            ("/x/src/b.rs", "one();"),
            ("/x/my_src/a.rs", "one();"),
            ("/src/a.rs/c.rs", "one();"),
        ] {
            assert_eq!(reason(LIST, file, line), None, "{file}: {line}");
        }
    }

    #[test]
    fn what_is_listed_and_nowhere_is_stale() {
        let both = found(&[("src/b.rs", "two();"), ("src/a.rs", "one();")]);
        assert!(stale(LIST, &both).is_empty());
        let other = found(&[("/x/src/a.rs", "one();"), ("/x/src/a.rs", "two();")]);
        assert_eq!(stale(LIST, &other), [&LIST[1]]);
        assert_eq!(stale(LIST, &[]), [&LIST[0], &LIST[1]]);
    }

    #[test]
    fn nothing_is_listed_twice_or_without_a_reason() {
        for (at, one) in LISTED.iter().enumerate() {
            assert!(!one.line.is_empty() && one.why.len() > 10, "{one:?}");
            let again = LISTED[at + 1..].iter().any(|it| it.is(one.file, one.line));
            assert!(!again, "{one:?} is listed twice");
        }
    }
}
