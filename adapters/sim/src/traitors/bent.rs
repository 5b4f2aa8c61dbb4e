//! Single fields of messages, bent: what a lie is made of.

use super::heard::encode;
use super::scripted::Change;
use crate::engine::Payload;
use quorate::pbft::{
    Batch, Histories, History, Message, NewView, Pairs, PrePrepared, Sequence, View, ViewChange,
};
use quorate::{Digest, Signature, wire};

/// The same batch, the signature of its first request broken; `None` if it has none.
pub(super) fn broken(batch: Batch<'_>) -> Option<Vec<u8>> {
    let mut requests = batch.iter();
    let mut first = requests.next()?;
    first.signature = Signature::ZERO;
    Some(std::iter::once(first).chain(requests).flat_map(|it| encode(&it)).collect())
}

/// A list of numbers and digests as bytes.
pub(super) fn pairs(entries: impl IntoIterator<Item = (u64, Digest)>) -> Vec<u8> {
    let entries = entries.into_iter();
    entries.flat_map(|(number, digest)| [&number.to_le_bytes()[..], &digest.0].concat()).collect()
}

/// The message without a valid signature of its author.
pub(super) fn unsigned(mut message: Message<'_>) -> Payload {
    match &mut message {
        Message::ViewChange(change) => change.signature = Signature::ZERO,
        Message::NewView(new_view) => new_view.signature = Signature::ZERO,
        _ => {}
    }
    let mut buffer = vec![0; wire::encoded_len(&message)];
    wire::encode(&message, &mut buffer).expect("as long as it says");
    Payload::from(buffer)
}

/// Moves the view or the sequence; `None` if there is none.
pub(super) fn shift(message: &mut Message<'_>, change: &Change) -> Option<()> {
    let (numbers, by): ([Option<&mut u64>; 2], i64) = match (change, message) {
        (
            Change::View(by),
            Message::PrePrepare { view, .. }
            | Message::ViewChange(ViewChange { view, .. })
            | Message::NewView(NewView { view, .. })
            | Message::Estimate { view, .. },
        ) => ([Some(&mut view.0), None], *by),
        (Change::View(by), Message::Prepare(vote) | Message::Commit(vote)) => {
            ([Some(&mut vote.view.0), None], *by)
        }
        (Change::View(by), Message::Status(status)) => ([Some(&mut status.view.0), None], *by),
        (Change::View(by), Message::Reply(reply)) => ([Some(&mut reply.view.0), None], *by),
        (
            Change::Sequence(by),
            Message::PrePrepare { sequence, .. }
            | Message::Checkpoint { sequence, .. }
            | Message::FetchBatch { sequence, .. }
            | Message::Batch { sequence, .. }
            | Message::FetchState { sequence, .. }
            | Message::State { sequence, .. }
            | Message::Settled { sequence, .. },
        ) => ([Some(&mut sequence.0), None], *by),
        (Change::Sequence(by), Message::Prepare(vote) | Message::Commit(vote)) => {
            ([Some(&mut vote.sequence.0), None], *by)
        }
        (Change::Sequence(by), Message::Status(status)) => {
            ([Some(&mut status.stable.0), Some(&mut status.executed.0)], *by)
        }
        (Change::Sequence(by), Message::Estimate { stable, prepared, .. }) => {
            ([Some(&mut stable.0), Some(&mut prepared.0)], *by)
        }
        (Change::Sequence(by), Message::ReadReply(reply)) => {
            ([Some(&mut reply.state.0), None], *by)
        }
        _ => return None,
    };
    for number in numbers.into_iter().flatten() {
        *number = number.saturating_add_signed(by);
    }
    Some(())
}

/// The digest that a message tells; `None` if it tells none.
pub(super) const fn digest_of<'m>(message: &'m mut Message<'_>) -> Option<&'m mut Digest> {
    match message {
        Message::Prepare(vote) | Message::Commit(vote) => Some(&mut vote.digest),
        Message::Checkpoint { digest, .. }
        | Message::FetchBatch { digest, .. }
        | Message::FetchViewChange { digest, .. }
        | Message::Settled { digest, .. } => Some(digest),
        _ => None,
    }
}

/// Bends what a VIEW-CHANGE reports; `batch` is that of a claim, `list` room for what is new.
pub(super) fn misreport<'a>(
    report: &mut ViewChange<'a>,
    change: &Change,
    batch: &[u8],
    list: &'a mut Vec<u8>,
) -> Option<()> {
    match *change {
        Change::Forgetful => report.histories = Histories::default(),
        Change::Checkpoint(sequence) => {
            *list = pairs([(sequence, Digest::of(b"no state"))]);
            report.stable = Sequence(sequence);
            report.checkpoints = Pairs::from_bytes(list);
            report.histories = Histories::default();
        }
        Change::Claim { sequence, view, .. } => {
            let digest = if batch.is_empty() {
                Digest::of(b"a batch that nobody saw")
            } else {
                Batch::from_bytes(batch).digest()
            };
            let claimed = History {
                sequence: Sequence(sequence),
                pre_prepared: [Some(PrePrepared { view: View(view), digest }), None],
                prepared: Some((0, View(view))),
            };
            let others = report.histories.iter().filter(|it| it.sequence.0 != sequence);
            let mut all: Vec<History> = others.chain([claimed]).collect();
            all.sort_by_key(|history| history.sequence);
            list.extend(all.iter().flat_map(History::encode));
            report.histories = Histories::from_bytes(list);
        }
        _ => return None,
    }
    Some(())
}

/// Bends what a NEW-VIEW concludes, or from what.
pub(super) fn misjudge<'a>(
    new_view: &mut NewView<'a>,
    change: &Change,
    list: &'a mut Vec<u8>,
) -> Option<()> {
    match *change {
        Change::Chosen { sequence, null } => {
            let digest = if null { Batch::null_digest() } else { Digest::of(b"another batch") };
            let kept = new_view.chosen.iter().map(|(at, digest)| (at.0, digest));
            let mut all: std::collections::BTreeMap<u64, Digest> = kept.collect();
            all.insert(sequence, digest);
            *list = pairs(all);
            new_view.chosen = Pairs::from_bytes(list);
        }
        Change::Without(node) => {
            let left = new_view.view_changes.iter().filter(|(at, _)| at.0 != u64::from(node.0));
            *list = pairs(left.map(|(at, digest)| (at.0, digest)));
            new_view.view_changes = Pairs::from_bytes(list);
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::{Request, Status, Vote};
    use quorate::wire::Bytes;
    use quorate::{ClientId, NodeId};

    fn request() -> Vec<u8> {
        encode(&Request {
            client: ClientId(1),
            timestamp: 7,
            operation: Bytes(b"op"),
            signature: Signature::from_bytes([3; 64]),
        })
    }

    fn report() -> ViewChange<'static> {
        ViewChange {
            author: NodeId(1),
            view: View(4),
            stable: Sequence(0),
            checkpoints: Pairs::default(),
            histories: Histories::default(),
            signature: Signature::from_bytes([3; 64]),
        }
    }

    #[test]
    fn numbers_are_moved_where_there_are_any() {
        let vote = Vote { view: View(1), sequence: Sequence(2), digest: Digest::ZERO };
        let mut message = Message::Prepare(vote);
        shift(&mut message, &Change::View(-1)).unwrap();
        shift(&mut message, &Change::Sequence(1)).unwrap();
        let moved = Vote { view: View(0), sequence: Sequence(3), digest: Digest::ZERO };
        assert_eq!(message, Message::Prepare(moved));
        let mut status = Message::Status(Status::default());
        shift(&mut status, &Change::Sequence(9)).unwrap();
        let Message::Status(Status { stable, executed, .. }) = status else { panic!() };
        assert_eq!((stable, executed), (Sequence(9), Sequence(9)));
        shift(&mut status, &Change::Sequence(-99)).unwrap();
        let Message::Status(Status { stable, .. }) = status else { panic!() };
        assert_eq!(stable, Sequence(0), "there is nothing before the beginning");
        let digest = Digest::ZERO;
        let mut fetch = Message::FetchViewChange { author: NodeId(0), digest };
        assert_eq!(shift(&mut fetch, &Change::Sequence(1)), None);
        assert!(digest_of(&mut fetch).is_some() && digest_of(&mut status).is_none());
    }

    #[test]
    fn a_batch_loses_its_signature_and_nothing_else() {
        let bytes = request();
        let broken = broken(Batch::from_bytes(&bytes)).unwrap();
        assert_eq!(broken.len(), bytes.len());
        assert_eq!(broken[..bytes.len() - 64], bytes[..bytes.len() - 64]);
        assert_eq!(broken[bytes.len() - 64..], [0; 64]);
        assert_eq!(super::broken(Batch::from_bytes(b"")), None);
    }

    #[test]
    fn a_report_claims_what_it_is_told_to() {
        let (mut list, mut change) = (Vec::new(), report());
        let claim = Change::Claim { sequence: 3, view: 2, batch: Vec::new() };
        misreport(&mut change, &claim, b"", &mut list).unwrap();
        let claimed = change.histories.get(Sequence(3)).unwrap();
        assert_eq!(claimed.prepared().map(|entry| entry.view), Some(View(2)));
        let (mut list, mut change) = (Vec::new(), report());
        misreport(&mut change, &Change::Checkpoint(8), b"", &mut list).unwrap();
        assert_eq!((change.stable, change.checkpoints.len()), (Sequence(8), 1));
        let mut unused = Vec::new();
        misreport(&mut change, &Change::Forgetful, b"", &mut unused).unwrap();
        assert!(change.histories.is_empty());
        assert_eq!(misreport(&mut report(), &Change::Twice, b"", &mut Vec::new()), None);
        let payload = unsigned(Message::ViewChange(report()));
        let Ok(Message::ViewChange(change)) = wire::decode(&payload) else { panic!() };
        assert_eq!(change, ViewChange { signature: Signature::ZERO, ..report() });
    }

    #[test]
    fn a_new_view_chooses_and_names_what_it_is_told_to() {
        let named = pairs([(0, Digest::ZERO), (2, Digest::ZERO)]);
        let mut new_view = NewView {
            author: NodeId(1),
            view: View(1),
            view_changes: Pairs::from_bytes(&named),
            chosen: Pairs::default(),
            signature: Signature::ZERO,
        };
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let null = Change::Chosen { sequence: 1, null: true };
        misjudge(&mut new_view, &null, &mut one).unwrap();
        assert_eq!(new_view.chosen.get(Sequence(1)), Some(Batch::null_digest()));
        misjudge(&mut new_view, &Change::Without(NodeId(2)), &mut other).unwrap();
        assert_eq!(new_view.view_changes.len(), 1);
        assert_eq!(new_view.view_changes.get(Sequence(2)), None);
        assert_eq!(misjudge(&mut new_view, &Change::Forgetful, &mut Vec::new()), None);
    }
}
