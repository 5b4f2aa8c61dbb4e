//! The memory of a replica that is fuzzed, and what a replica is, as one number.

use super::phrases::{CLIENTS, NODES, WINDOW};
use crate::pbft::Memory;
use quorate::pbft::{Dimensions, Lent, Parts, Replica, Storage};
use std::fmt::{self, Write};

/// The sizes: small, so that a fuzzer comes to their ends.
pub(super) const DIMENSIONS: Dimensions = Dimensions {
    nodes: NODES,
    window: WINDOW,
    batch_bytes: 512,
    clients: CLIENTS,
    reply_bytes: 32,
};

/// Memory whose picture leaves out what peers owe: a message that is not accepted changes
/// nothing but that.
#[derive(Clone)]
pub(super) struct Ground(Memory);

impl Ground {
    pub(super) fn new() -> Self {
        Self(Memory::new(DIMENSIONS))
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lent {
            slots,
            prepares,
            commits,
            batches,
            pool,
            clients,
            replies,
            pending,
            replica_budgets: _,
            client_budgets: _,
            checkpoints,
            view_rows,
            histories,
            named,
            chosen,
            reads,
            answer,
        } = self.0.lend();
        let tables = (slots, prepares, commits, clients, pending, checkpoints, view_rows, reads);
        let bytes = [batches, pool, replies, histories, named, chosen, answer];
        write!(f, "{tables:?} {:x?}", bytes.map(print))
    }
}

impl Storage for Ground {
    fn dimensions(&self) -> Dimensions {
        self.0.dimensions()
    }

    fn parts(&mut self) -> Parts<'_> {
        self.0.parts()
    }

    fn lend(&self) -> Lent<'_> {
        self.0.lend()
    }
}

/// A number that is the same for equal replicas, and nearly never for others. What peers owe
/// does not count.
pub(super) fn fingerprint(replica: &Replica<Ground>) -> u64 {
    let mut print = Print(OFFSET);
    write!(print, "{replica:?}").expect("nothing to fail");
    print.0
}

/// Where the pictures of two replicas differ first.
pub(super) fn difference(one: &Replica<Ground>, other: &Replica<Ground>) -> String {
    let (one, other) = (format!("{one:?}"), format!("{other:?}"));
    let alike = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let from = alike.saturating_sub(80);
    let shown = |text: &str| String::from_utf8_lossy(&text.as_bytes()[from..]).into_owned();
    let cut = |text: &str| shown(text).chars().take(200).collect::<String>();
    format!("\n  {}\n  {}", cut(&one), cut(&other))
}

/// FNV-1a of what is written.
struct Print(u64);

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

impl Write for Print {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = text.bytes().fold(self.0, fold);
        Ok(())
    }
}

fn fold(print: u64, byte: u8) -> u64 {
    (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn print(bytes: &[u8]) -> u64 {
    bytes.iter().copied().fold(OFFSET, fold)
}
