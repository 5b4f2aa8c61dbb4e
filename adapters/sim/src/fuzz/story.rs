//! The last things that happened in a run, told as the draft of a script when a promise breaks.

use super::phrases::{NODES, Payload};
use crate::pbft::words;
use quorate::{ClientId, Instant, NodeId, Principal};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Once;

/// The most things that are remembered.
const MEMORY: usize = 400;

/// Something that a fuzzer let happen.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// A correct client asks.
    Asked { client: ClientId, operation: Vec<u8> },
    /// A message arrives, and may arrive again.
    Brought { from: Principal, to: Principal, payload: Payload, again: bool },
    /// A message will not arrive.
    Lost { from: Principal, to: Principal, payload: Payload },
    /// A traitor says something to one replica, or to all.
    Lied { from: Principal, only: Option<usize>, payload: Payload },
    /// More writes are durable.
    Durable { node: usize, writes: u64 },
    /// A machine hears of the next thing that its application or disk has done.
    Answered { node: usize },
    /// The power fails: of the writes that were not durable some survive, and bytes of one more.
    Crashed { node: usize, survive: u64, torn: usize },
    /// The power is back.
    Restarted { node: usize },
    /// Power and disk are lost.
    Wiped { node: usize },
    /// A fresh log takes the place of the old one.
    Compacted { node: usize },
    /// It is later than before.
    Passed,
    /// All writes are durable, and all applications have answered.
    Calmed,
    /// Faults are over: all are up, and every message arrives.
    Healed,
}

/// A line of a script: what the words of scripts can tell, and the rest as a comment.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { client, operation } => {
                write!(f, "client {} asks \"0x", client.0)?;
                operation.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("\"")
            }
            Self::Brought { from, to, payload, again } => {
                let more = if *again { ", and may arrive again" } else { "" };
                write!(f, "# {} <- {}: {}{more}", name(*to), name(*from), words(payload))
            }
            Self::Lost { from, to, payload } => {
                write!(f, "# lost from {} to {}: {}", name(*from), name(*to), words(payload))
            }
            Self::Lied { from, only, payload } => {
                let to = only.map_or_else(|| "all".to_owned(), |to| format!("r{to}"));
                write!(f, "# traitor {} says to {to}: {}", name(*from), words(payload))
            }
            Self::Durable { node, writes } => {
                write!(f, "# up to {writes} more writes of r{node} are durable")
            }
            Self::Answered { node } => write!(f, "# r{node} hears from its host"),
            Self::Crashed { node, survive, torn } => {
                write!(f, "crash r{node} # up to {survive} writes survive, and {torn} bytes")
            }
            Self::Restarted { node } => write!(f, "restart r{node}"),
            Self::Wiped { node } => write!(f, "wipe r{node}"),
            Self::Compacted { node } => write!(f, "# r{node} writes a fresh log"),
            Self::Passed => f.write_str("# time passes"),
            Self::Calmed => f.write_str("# all disks and applications are done"),
            Self::Healed => f.write_str("heal # all restart, and every message arrives"),
        }
    }
}

fn name(who: Principal) -> String {
    match who {
        Principal::Node(NodeId(id)) => format!("r{id}"),
        Principal::Client(ClientId(id)) => format!("client {id}"),
    }
}

thread_local! {
    static RUN: RefCell<Run> = const { RefCell::new(Run::new()) };
}

struct Run {
    deeds: VecDeque<(Instant, Deed)>,
    /// Those that are not remembered.
    before: u64,
    told: bool,
    /// Whether everything is well again: then every message arrives, which needs no telling.
    healed: bool,
}

impl Run {
    const fn new() -> Self {
        Self { deeds: VecDeque::new(), before: 0, told: false, healed: false }
    }

    /// The draft of a script.
    fn draft(&self) -> String {
        let clients = super::phrases::CLIENTS;
        let mut text = format!(
            "# A draft of a script; what its words cannot tell stands in comments.\n\
             cluster of {NODES}, window {}, {clients} clients, timeout 400ms to 1600ms, \
             retry 300ms, status 40ms\n",
            super::phrases::WINDOW
        );
        if self.before > 0 {
            text += &format!("# {} things happened before\n", self.before);
        }
        let mut down = [false; NODES];
        for (at, deed) in &self.deeds {
            // A script may not crash who is down, nor restart who is up.
            let idle = match deed {
                Deed::Crashed { node, .. } | Deed::Wiped { node } => {
                    std::mem::replace(&mut down[*node], true)
                }
                Deed::Restarted { node } => !std::mem::replace(&mut down[*node], false),
                _ => false,
            };
            let line = deed.to_string();
            let micros = at.as_micros();
            text += &if idle {
                format!("# in vain: {line} ({micros} us)\n")
            } else if line.starts_with('#') {
                format!("{line} ({micros} us)\n")
            } else {
                format!("at {micros}us {line}\n")
            };
        }
        // What every run promises; what this one broke is what a script should end with.
        text + "expect equal states\n"
    }
}

/// While this lives, a panic of its thread tells what happened.
pub(super) struct Story;

impl Story {
    /// A run begins.
    pub(super) fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                tell();
                before(panic);
            }));
        });
        RUN.with_borrow_mut(|run| {
            run.deeds.clear();
            (run.before, run.told, run.healed) = (0, true, false);
        });
        Self
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        RUN.with_borrow_mut(|run| run.told = false);
    }
}

/// Remembers what happens.
pub(super) fn happens(at: Instant, deed: Deed) {
    RUN.with_borrow_mut(|run| {
        let expected = matches!(deed, Deed::Brought { .. } | Deed::Passed | Deed::Calmed);
        if run.healed && expected {
            return;
        }
        run.healed |= matches!(deed, Deed::Healed);
        if run.deeds.len() == MEMORY {
            run.deeds.pop_front();
            run.before += 1;
        }
        run.deeds.push_back((at, deed));
    });
}

fn tell() {
    let told =
        |run: &RefCell<Run>| run.try_borrow().ok().filter(|run| run.told).map(|it| it.draft());
    if let Ok(Some(draft)) = RUN.try_with(told) {
        eprint!("{draft}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    #[test]
    fn what_happened_is_told_as_a_script_that_can_be_read() {
        let mut random = crate::random::Random::new(5);
        let mut kinds = [0; 4];
        for _ in 0..40 {
            let input: Vec<u8> = (0..600).map(|_| random.below(32) as u8).collect();
            super::super::pbft_cluster(&input);
            let draft = RUN.with_borrow(Run::draft);
            let read = Script::read("draft.txt", &draft);
            assert!(read.is_ok(), "{read:?}:\n{draft}");
            for (kind, mark) in
                ["us crash r", "us restart r", "asks \"0x", ": PRE"].iter().enumerate()
            {
                kinds[kind] += draft.matches(mark).count();
            }
        }
        assert!(kinds.iter().all(|count| *count > 5), "{kinds:?}");
    }
}
