//! A correct replica never contradicts itself, restarts or not.

use quorate::pbft::{Histories, Message, NewView, Sequence, View, ViewChange};
use quorate::{Digest, NodeId};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};

/// Every vote that left a correct replica.
///
/// For one view and sequence all of PRE-PREPARE, PREPARE and COMMIT name one digest; a sequence
/// has one CHECKPOINT digest; a view has one VIEW-CHANGE and one NEW-VIEW of each author. And
/// each VIEW-CHANGE tells of every vote of an older view, whether that left before or after: a
/// vote that was durable when the power failed may leave only after the restart. A replica that
/// lost its disk does not know what it promised: of its VIEW-CHANGEs of an earlier life only that
/// holds which others may count, up to two windows above its low water mark. And whoever executes a
/// batch, or says that it is settled, does the same as all others, with COMMITs of one view behind
/// it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    votes: BTreeMap<(NodeId, Sequence, View), Voted>,
    checkpoints: BTreeMap<(NodeId, Sequence), Digest>,
    view_changes: BTreeMap<(NodeId, View), Digest>,
    new_views: BTreeMap<(NodeId, View), Digest>,
    reports: BTreeMap<(NodeId, View), Report>,
    settled: BTreeMap<Sequence, Digest>,
    /// COMMITs of correct replicas behind what is settled, at the least.
    backing: usize,
}

/// What a VIEW-CHANGE tells: h, P and Q.
#[derive(Clone, Debug)]
struct Report {
    stable: Sequence,
    histories: Vec<u8>,
    /// The last sequence that it counts for.
    reach: Sequence,
}

#[derive(Clone, Copy, Debug)]
struct Voted {
    digest: Digest,
    kinds: u8,
}

/// The kinds of votes in one view and sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    PrePrepare = 1,
    Prepare = 2,
    Commit = 4,
}

impl Ledger {
    /// Of a cluster in which so many COMMITs of correct replicas stand behind what is settled, not
    /// counting that of whoever says so.
    #[must_use]
    pub fn new(backing: usize) -> Self {
        Self { backing, ..Self::default() }
    }

    /// A message leaves a correct replica.
    ///
    /// # Errors
    /// It contradicts one that left before.
    pub fn sent(&mut self, node: NodeId, message: &Message<'_>) -> Result<(), String> {
        match message {
            Message::PrePrepare { view, sequence, batch } => {
                self.vote(node, Kind::PrePrepare, *view, *sequence, batch.digest())
            }
            Message::Prepare(vote) => {
                self.vote(node, Kind::Prepare, vote.view, vote.sequence, vote.digest)
            }
            Message::Commit(vote) => {
                self.vote(node, Kind::Commit, vote.view, vote.sequence, vote.digest)
            }
            Message::Checkpoint { sequence, digest } => {
                let what = format!("CHECKPOINT s{}", sequence.0);
                same(&mut self.checkpoints, (node, *sequence), *digest, node, &what)
            }
            Message::ViewChange(change) if change.author == node => self.view_change(node, change),
            Message::NewView(new_view) if new_view.author == node => {
                let what = format!("NEW-VIEW v{}", new_view.view.0);
                let digest = new_view_content(new_view);
                same(&mut self.new_views, (node, new_view.view), digest, node, &what)
            }
            Message::Settled { sequence, digest } => {
                self.settled(node, "says to be settled", *sequence, *digest)
            }
            _ => Ok(()),
        }
    }

    /// A correct replica executes a batch.
    ///
    /// # Errors
    /// Too few correct replicas have sent a COMMIT for it, or another one was settled there.
    pub fn executed(
        &mut self,
        node: NodeId,
        sequence: Sequence,
        digest: Digest,
    ) -> Result<(), String> {
        self.settled(node, "executes", sequence, digest)
    }

    fn settled(
        &mut self,
        node: NodeId,
        does: &str,
        sequence: Sequence,
        digest: Digest,
    ) -> Result<(), String> {
        let new = !self.settled.contains_key(&sequence);
        let first = *self.settled.entry(sequence).or_insert(digest);
        let what = format_args!("{digest:?}, which r{} {does} at s{}", node.0, sequence.0);
        if first != digest {
            return Err(format!("{what}, comes after {first:?}"));
        }
        let commits = if new { self.commits(node, sequence, digest) } else { self.backing };
        if commits < self.backing {
            return Err(format!("{what}, has {commits} COMMITs of other correct replicas"));
        }
        Ok(())
    }

    /// The most COMMITs of one view for a digest that left correct replicas but this one.
    fn commits(&self, but: NodeId, sequence: Sequence, digest: Digest) -> usize {
        let mut views: BTreeMap<View, usize> = BTreeMap::new();
        for node in (0..u8::MAX).map(NodeId).filter(|node| *node != but) {
            let range = (node, sequence, View(0))..=(node, sequence, View(u64::MAX));
            for ((.., view), voted) in self.votes.range(range) {
                let counts = voted.kinds & Kind::Commit as u8 != 0 && voted.digest == digest;
                *views.entry(*view).or_default() += usize::from(counts);
            }
        }
        views.into_values().max().unwrap_or_default()
    }

    /// A replica has lost its disk; `window` is W.
    pub fn wiped(&mut self, node: NodeId, window: u64) {
        let mine = (node, View(0))..=(node, View(u64::MAX));
        for (_, report) in self.reports.range_mut(mine) {
            report.reach = Sequence(report.stable.0.saturating_add(2 * window));
        }
    }

    fn vote(
        &mut self,
        node: NodeId,
        kind: Kind,
        view: View,
        sequence: Sequence,
        digest: Digest,
    ) -> Result<(), String> {
        let what = format_args!("r{} sends {kind:?} v{} s{}", node.0, view.0, sequence.0);
        let new = Voted { digest, kinds: 0 };
        let voted = self.votes.entry((node, sequence, view)).or_insert(new);
        if voted.digest != digest {
            return Err(format!("{what} for {digest:?} after a vote for {:?}", voted.digest));
        }
        let first = voted.kinds & kind as u8 == 0;
        voted.kinds |= kind as u8;
        let voted = *voted;
        // There is none after the last view.
        let later = (Excluded((node, view)), Included((node, View(u64::MAX))));
        for ((_, left), report) in self.reports.range(later).filter(|_| first) {
            report.tells(sequence, view, voted).map_err(|missing| {
                format!("{what} after its VIEW-CHANGE for v{} {missing}", left.0)
            })?;
        }
        Ok(())
    }

    fn view_change(&mut self, node: NodeId, change: &ViewChange<'_>) -> Result<(), String> {
        let what = format!("VIEW-CHANGE v{}", change.view.0);
        let content = Digest::of(
            &[
                &change.stable.0.to_le_bytes()[..],
                change.checkpoints.bytes(),
                change.histories.bytes(),
            ]
            .concat(),
        );
        same(&mut self.view_changes, (node, change.view), content, node, &what)?;
        let histories = change.histories.bytes().to_vec();
        let reach = Sequence(u64::MAX);
        let report = Report { stable: change.stable, histories, reach };
        let from = (node, change.stable, View(0));
        let to = (node, Sequence(u64::MAX), View(u64::MAX));
        for ((_, sequence, view), voted) in self.votes.range(from..=to) {
            if *view < change.view {
                report
                    .tells(*sequence, *view, *voted)
                    .map_err(|missing| format!("r{} sends {what} {missing}", node.0))?;
            }
        }
        self.reports.insert((node, change.view), report);
        Ok(())
    }
}

impl Report {
    /// Whether it tells of a vote of an older view: what was committed here stands in P, what
    /// was pre-prepared here stands in Q or was displaced, by later ones or by what a quorum
    /// committed. That is what makes a view change safe.
    fn tells(&self, sequence: Sequence, view: View, voted: Voted) -> Result<(), String> {
        if sequence <= self.stable || sequence > self.reach {
            return Ok(());
        }
        let place = format_args!("its vote v{} s{} {:?}", view.0, sequence.0, voted.digest);
        let Some(history) = Histories::from_bytes(&self.histories).get(sequence) else {
            return Err(format!("that is silent about {place}"));
        };
        let committed = voted.kinds & Kind::Commit as u8 != 0;
        let prepared = history.prepared();
        let in_p = prepared.is_some_and(|entry| {
            entry.view > view || entry.view == view && entry.digest == voted.digest
        });
        if committed && !in_p {
            return Err(format!("whose P, {prepared:?}, does not cover {place}"));
        }
        let in_q = history.pre_prepared(&voted.digest).is_some_and(|last| last >= view);
        let settled = prepared.is_some_and(|p| p.view >= view && p.digest != voted.digest);
        // Of a full Q the lowest view goes first, but never what P names.
        let mut entries = history.pre_prepared.iter();
        let displaced = settled
            || entries.all(|entry| {
                let named = prepared.is_some_and(|p| entry.is_some_and(|e| e.digest == p.digest));
                named || entry.is_some_and(|entry| entry.view >= view)
            });
        if !in_q && !displaced {
            return Err(format!("whose Q, {:?}, does not cover {place}", history.pre_prepared));
        }
        Ok(())
    }
}

fn new_view_content(new_view: &NewView<'_>) -> Digest {
    let lists = [new_view.view_changes.bytes(), new_view.chosen.bytes()];
    Digest::of(&lists.map(|list| Digest::of(list).0).concat())
}

fn same<K: Ord>(
    known: &mut BTreeMap<K, Digest>,
    key: K,
    digest: Digest,
    node: NodeId,
    what: &str,
) -> Result<(), String> {
    let first = *known.entry(key).or_insert(digest);
    if first == digest {
        return Ok(());
    }
    Err(format!("r{} sends {what} with {digest:?} after one with {first:?}", node.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::Signature;
    use quorate::pbft::{Batch, History, Pairs, PrePrepared, Vote};

    const NODE: NodeId = NodeId(2);

    fn vote(view: u64, sequence: u64, batch: &[u8]) -> Vote {
        let digest = Batch::from_bytes(batch).digest();
        Vote { view: View(view), sequence: Sequence(sequence), digest }
    }

    fn change(view: u64, histories: &[u8]) -> Message<'_> {
        Message::ViewChange(ViewChange {
            author: NODE,
            view: View(view),
            stable: Sequence(0),
            checkpoints: Pairs::from_bytes(&[]),
            histories: Histories::from_bytes(histories),
            signature: Signature::ZERO,
        })
    }

    fn history(view: u64, prepared: bool) -> [u8; History::ENTRY] {
        let digest = Batch::from_bytes(b"x").digest();
        History {
            sequence: Sequence(1),
            pre_prepared: [Some(PrePrepared { view: View(view), digest }), None],
            prepared: prepared.then_some((0, View(view))),
        }
        .encode()
    }

    #[test]
    fn two_votes_at_one_place_are_a_violation() {
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &Message::Prepare(vote(0, 1, b"x"))).unwrap();
        ledger.sent(NODE, &Message::Prepare(vote(0, 1, b"x"))).unwrap();
        ledger.sent(NODE, &Message::Prepare(vote(1, 1, b"y"))).unwrap();
        ledger.sent(NodeId(0), &Message::Prepare(vote(0, 1, b"y"))).unwrap();
        assert!(ledger.clone().sent(NODE, &Message::Prepare(vote(0, 1, b"y"))).is_err());
        assert!(ledger.clone().sent(NODE, &Message::Commit(vote(0, 1, b"y"))).is_err());
        let batch = Batch::from_bytes(b"y");
        let proposal = Message::PrePrepare { view: View(0), sequence: Sequence(1), batch };
        assert!(ledger.sent(NODE, &proposal).is_err());
    }

    #[test]
    fn a_word_that_differs_or_has_no_commits_behind_it_is_a_violation() {
        let mut ledger = Ledger::new(2);
        let word = |batch: &[u8]| {
            let Vote { sequence, digest, .. } = vote(0, 1, batch);
            Message::Settled { sequence, digest }
        };
        for (from, view) in [(0, 0), (1, 1), (2, 0)] {
            ledger.sent(NodeId(from), &Message::Commit(vote(view, 1, b"x"))).unwrap();
        }
        ledger.sent(NodeId(3), &Message::Prepare(vote(0, 1, b"x"))).unwrap();
        assert!(ledger.clone().sent(NODE, &word(b"x")).is_err(), "one COMMIT beside its own");
        ledger.sent(NodeId(3), &Message::Commit(vote(0, 1, b"x"))).unwrap();
        ledger.sent(NODE, &word(b"x")).unwrap();
        ledger.sent(NodeId(1), &word(b"x")).unwrap();
        assert!(ledger.sent(NodeId(1), &word(b"y")).is_err());
    }

    #[test]
    fn two_checkpoints_at_one_sequence_are_a_violation() {
        let mut ledger = Ledger::default();
        let checkpoint =
            |state: &[u8]| Message::Checkpoint { sequence: Sequence(4), digest: Digest::of(state) };
        ledger.sent(NODE, &checkpoint(b"x")).unwrap();
        ledger.sent(NodeId(0), &checkpoint(b"y")).unwrap();
        assert!(ledger.sent(NODE, &checkpoint(b"y")).is_err());
    }

    #[test]
    fn two_contents_of_one_view_change_or_new_view_are_a_violation() {
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &change(1, &[])).unwrap();
        ledger.sent(NODE, &change(1, &[])).unwrap();
        ledger.sent(NODE, &change(2, &history(0, false))).unwrap();
        assert!(ledger.sent(NODE, &change(1, &history(0, false))).is_err());
        let new_view = |chosen| {
            Message::NewView(NewView {
                author: NODE,
                view: View(2),
                view_changes: Pairs::from_bytes(&[]),
                chosen: Pairs::from_bytes(chosen),
                signature: Signature::ZERO,
            })
        };
        ledger.sent(NODE, &new_view(&[])).unwrap();
        assert!(ledger.sent(NODE, &new_view(&[0; 40])).is_err());
    }

    #[test]
    fn a_new_vote_in_a_view_that_was_left_is_a_violation() {
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &Message::Prepare(vote(0, 1, b"x"))).unwrap();
        ledger.sent(NODE, &change(1, &history(0, false))).unwrap();
        ledger.sent(NODE, &Message::Prepare(vote(0, 1, b"x"))).unwrap();
        ledger.sent(NODE, &Message::Prepare(vote(1, 2, b"x"))).unwrap();
        assert!(ledger.clone().sent(NODE, &Message::Commit(vote(0, 1, b"x"))).is_err());
        assert!(ledger.sent(NODE, &Message::Prepare(vote(0, 2, b"x"))).is_err());
    }

    #[test]
    fn a_vote_in_the_last_view_follows_its_view_change() {
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &change(u64::MAX, &[])).unwrap();
        ledger.sent(NODE, &Message::Commit(vote(u64::MAX, 1, b"x"))).unwrap();
        assert!(ledger.sent(NODE, &Message::Prepare(vote(u64::MAX - 1, 2, b"x"))).is_err());
    }

    #[test]
    fn after_a_loss_a_view_change_binds_as_far_as_others_count_it() {
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &change(1, &[])).unwrap();
        let above = Message::Prepare(vote(0, 17, b"x"));
        assert!(ledger.clone().sent(NODE, &above).is_err());
        ledger.wiped(NODE, 8);
        ledger.sent(NODE, &above).unwrap();
        assert!(ledger.sent(NODE, &Message::Prepare(vote(0, 16, b"x"))).is_err());
    }

    #[test]
    fn a_vote_that_leaves_late_is_none_if_the_view_change_told_of_it() {
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &change(1, &history(0, true))).unwrap();
        ledger.sent(NODE, &Message::Prepare(vote(0, 1, b"x"))).unwrap();
        ledger.sent(NODE, &Message::Commit(vote(0, 1, b"x"))).unwrap();
        assert!(ledger.sent(NODE, &Message::Commit(vote(0, 1, b"y"))).is_err());
    }

    #[test]
    fn a_view_change_that_forgets_a_vote_is_a_violation() {
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &Message::Prepare(vote(3, 1, b"x"))).unwrap();
        assert!(ledger.clone().sent(NODE, &change(4, &[])).is_err(), "not in Q");
        assert!(ledger.clone().sent(NODE, &change(4, &history(2, false))).is_err(), "old in Q");
        ledger.clone().sent(NODE, &change(4, &history(3, false))).unwrap();
        ledger.sent(NODE, &Message::Commit(vote(3, 1, b"x"))).unwrap();
        assert!(ledger.clone().sent(NODE, &change(4, &history(3, false))).is_err(), "not in P");
        ledger.sent(NODE, &change(4, &history(3, true))).unwrap();
    }

    #[test]
    fn a_commit_gives_way_in_p_to_a_later_view_and_to_nothing_else() {
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &Message::Commit(vote(1, 1, b"y"))).unwrap();
        ledger.sent(NodeId(1), &Message::Commit(vote(2, 1, b"x"))).unwrap();
        assert!(ledger.clone().sent(NODE, &change(3, &history(1, true))).is_err());
        ledger.clone().sent(NODE, &change(3, &history(2, true))).unwrap();
        assert!(ledger.clone().sent(NODE, &change(3, &[])).is_err());
        assert!(ledger.sent(NODE, &change(3, &history(0, true))).is_err(), "of a view before");
    }

    #[test]
    fn what_is_executed_has_commits_of_one_view_behind_it() {
        let digest = Batch::from_bytes(b"x").digest();
        let mut ledger = Ledger::new(2);
        ledger.sent(NODE, &Message::Commit(vote(1, 1, b"x"))).unwrap();
        ledger.sent(NodeId(0), &Message::Commit(vote(1, 1, b"x"))).unwrap();
        ledger.sent(NodeId(1), &Message::Commit(vote(2, 1, b"x"))).unwrap();
        assert!(ledger.clone().executed(NODE, Sequence(1), digest).is_err(), "of two views");
        ledger.sent(NodeId(1), &Message::Commit(vote(1, 1, b"x"))).unwrap();
        assert!(ledger.clone().executed(NODE, Sequence(2), digest).is_err(), "elsewhere");
        ledger.executed(NODE, Sequence(1), digest).unwrap();
        let other = Batch::from_bytes(b"y").digest();
        assert!(ledger.executed(NodeId(3), Sequence(1), other).is_err(), "another one");
    }

    #[test]
    fn a_full_q_forgets_the_lowest_view_and_not_what_p_names() {
        let full = |first: (u64, &[u8]), second: (u64, &[u8]), prepared| {
            let entry = |(view, batch): (u64, &[u8])| {
                let digest = Batch::from_bytes(batch).digest();
                Some(PrePrepared { view: View(view), digest })
            };
            let pre_prepared = [entry(first), entry(second)];
            History { sequence: Sequence(1), pre_prepared, prepared }.encode()
        };
        let mut ledger = Ledger::default();
        ledger.sent(NODE, &Message::Prepare(vote(3, 1, b"x"))).unwrap();
        let later = full((4, b"y"), (5, b"z"), None);
        ledger.clone().sent(NODE, &change(6, &later)).unwrap();
        let older = full((2, b"y"), (5, b"z"), None);
        assert!(ledger.clone().sent(NODE, &change(6, &older)).is_err(), "the lower one stayed");
        let named = full((2, b"y"), (5, b"z"), Some((0, View(2))));
        ledger.sent(NODE, &change(6, &named)).unwrap();
    }
}
