//! The memory of a replica that is fuzzed, and whether two replicas are one.

use super::phrases::{CLIENTS, NODES, WINDOW};
use crate::pbft::Memory;
use quorate::pbft::{Dimensions, Lent, Parts, Replica, Storage};
use std::fmt;

/// The sizes: small, so that a fuzzer comes to their ends.
pub(super) const DIMENSIONS: Dimensions = Dimensions {
    nodes: NODES,
    window: WINDOW,
    batch_bytes: 512,
    clients: CLIENTS,
    reply_bytes: 32,
};

/// Memory that is equal to another, and looks like it, whatever peers owe: a message that is not
/// accepted changes nothing but that.
#[derive(Clone)]
pub(super) struct Ground(Memory);

impl Ground {
    pub(super) fn new() -> Self {
        Self(Memory::new(DIMENSIONS))
    }
}

impl Ground {
    /// What counts.
    fn seen(&self) -> impl PartialEq + fmt::Debug + '_ {
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
            peers,
            view_rows,
            histories,
            named,
            chosen,
            reads,
            answer,
        } = self.0.lend();
        let said = (checkpoints, peers, view_rows);
        let tables = (slots, prepares, commits, clients, pending, said, reads);
        (tables, [batches, pool, replies, histories, named, chosen, answer])
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.seen())
    }
}

impl PartialEq for Ground {
    fn eq(&self, other: &Self) -> bool {
        self.seen() == other.seen()
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

/// Where the pictures of two replicas differ first.
pub(super) fn difference(one: &Replica<Ground>, other: &Replica<Ground>) -> String {
    let (one, other) = (format!("{one:?}"), format!("{other:?}"));
    let alike = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let from = alike.saturating_sub(80);
    let shown = |text: &str| String::from_utf8_lossy(&text.as_bytes()[from..]).into_owned();
    let cut = |text: &str| shown(text).chars().take(200).collect::<String>();
    format!("\n  {}\n  {}", cut(&one), cut(&other))
}
