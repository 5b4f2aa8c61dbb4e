//! What the traitor may say, to anybody, at any time.

use super::speech::{NODES, SpeechId, Speeches, everybody, others};
use crate::scheme::Key;
use quorate::pbft::{
    Batch, Histories, History, Message, NewView, Pairs, PrePrepared, Request, Sequence, View,
    ViewChange, Vote,
};
use quorate::{Digest, NodeId, Principal, Signature};

/// The one sequence that it speaks of.
const PLACE: Sequence = Sequence(1);
/// The view that it may ask for.
const NEXT: View = View(1);

/// The traitor's speeches, and the request, which everybody may hear at any time too.
#[derive(Clone, Debug)]
pub(super) struct Repertoire {
    traitor: NodeId,
    /// What can be said from the beginning.
    pub(super) fixed: Vec<SpeechId>,
    /// Its VIEW-CHANGEs, by digest.
    changes: Vec<Digest>,
    /// The batch of the one request.
    batch: Digest,
}

impl Repertoire {
    /// For each view: PRE-PREPAREs of the request and of NULL where it leads, PREPAREs where it
    /// does not, COMMITs for both. VIEW-CHANGEs for view 1 that tell of nothing, of a batch that
    /// was pre-prepared in view 0, or prepared. The batch, to whoever lacks it.
    pub(super) fn new(traitor: NodeId, speeches: &mut Speeches) -> Self {
        let request = request(speeches);
        let bytes = crate::traitors::encode(&request);
        let client = Principal::Client(request.client);
        let mut fixed = vec![speeches.say(client, everybody(), Message::Request(request))];
        let (from, to) = (Principal::Node(traitor), others(traitor));
        let batches = [Batch::from_bytes(&bytes), Batch::from_bytes(&[])];
        for view in [View(0), NEXT] {
            for batch in batches {
                let (sequence, digest) = (PLACE, batch.digest());
                let vote = Vote { view, sequence, digest };
                let first = if view.primary(usize::from(NODES)) == traitor {
                    Message::PrePrepare { view, sequence, batch }
                } else {
                    Message::Prepare(vote)
                };
                fixed.push(speeches.say(from, to, first));
                fixed.push(speeches.say(from, to, Message::Commit(vote)));
            }
        }
        let batch = batches[0];
        fixed.push(speeches.say(from, to, Message::Batch { sequence: PLACE, batch }));
        let mut changes = Vec::new();
        for histories in reports(&batches.map(|batch| batch.digest())) {
            let checkpoints = pairs([(0, Digest::ZERO)]);
            let change = ViewChange {
                author: traitor,
                view: NEXT,
                stable: Sequence(0),
                checkpoints: Pairs::from_bytes(&checkpoints),
                histories: Histories::from_bytes(&histories),
                signature: Signature::ZERO,
            };
            changes.push(change.digest(speeches.scope()));
            fixed.push(speeches.say(from, to, Message::ViewChange(change)));
        }
        Self { traitor, fixed, changes, batch: batch.digest() }
    }

    /// The NEW-VIEWs that it can make once others have left view 0: of every strong quorum of
    /// VIEW-CHANGEs, one of its own among them or none, and with every choice: nothing, the
    /// request, NULL. Most of them are lies.
    pub(super) fn new_views(&self, speeches: &mut Speeches, said: &[SpeechId]) -> Vec<SpeechId> {
        if NEXT.primary(usize::from(NODES)) != self.traitor {
            return Vec::new();
        }
        let told = said.iter().filter_map(|number| match speeches.message(*number) {
            Message::ViewChange(change) if change.author != self.traitor => {
                Some((change.author, change.digest(speeches.scope())))
            }
            _ => None,
        });
        let mut told: Vec<(NodeId, Digest)> = told.collect();
        told.sort_unstable();
        let mut made = Vec::new();
        for subset in 0..1u32 << told.len() {
            let chosen = told.iter().enumerate().filter(|(at, _)| subset & 1 << at != 0);
            let chosen: Vec<_> = chosen.map(|(_, one)| *one).collect();
            let own = self.changes.iter().map(|digest| Some((self.traitor, *digest)));
            for own in own.chain([None]) {
                let mut named: Vec<_> = chosen.iter().copied().chain(own).collect();
                named.sort_unstable();
                if named.len() >= 3 {
                    made.extend(self.choose(speeches, &named));
                }
            }
        }
        made
    }

    fn choose(&self, speeches: &mut Speeches, named: &[(NodeId, Digest)]) -> Vec<SpeechId> {
        let (from, to) = (Principal::Node(self.traitor), others(self.traitor));
        let named = pairs(named.iter().map(|(node, digest)| (u64::from(node.0), *digest)));
        let choices = [None, Some(self.batch), Some(Batch::null_digest())];
        let say = |choice: Option<Digest>| {
            let chosen = pairs(choice.map(|digest| (PLACE.0, digest)));
            let new_view = NewView {
                author: self.traitor,
                view: NEXT,
                view_changes: Pairs::from_bytes(&named),
                chosen: Pairs::from_bytes(&chosen),
                signature: Signature::ZERO,
            };
            speeches.say(from, to, Message::NewView(new_view))
        };
        choices.map(say).to_vec()
    }
}

/// The one request, as its client signs it.
fn request(speeches: &Speeches) -> Request<'static> {
    let (client, signature) = (super::speech::CLIENT, Signature::ZERO);
    let operation = quorate::wire::Bytes(b"the one");
    let request = Request { client, timestamp: 1, operation, signature };
    let key = Key::new(super::speech::SEED, Principal::Client(client));
    let signature = quorate::Signer::sign(&key, &request.digest(speeches.scope()));
    Request { signature, ..request }
}

/// P and Q of VIEW-CHANGEs: nothing; each batch pre-prepared in view 0; the same prepared.
fn reports(digests: &[Digest]) -> Vec<Vec<u8>> {
    let mut reports = vec![Vec::new()];
    for (digest, prepared) in digests.iter().flat_map(|it| [(it, None), (it, Some((0, View(0))))]) {
        let entry = PrePrepared { view: View(0), digest: *digest };
        let history = History { sequence: PLACE, pre_prepared: [Some(entry), None], prepared };
        reports.push(history.encode().to_vec());
    }
    reports
}

/// A list of pairs as it stands in a message.
pub(super) fn pairs(entries: impl IntoIterator<Item = (u64, Digest)>) -> Vec<u8> {
    let entries = entries.into_iter();
    entries.flat_map(|(number, digest)| [&number.to_le_bytes()[..], &digest.0].concat()).collect()
}
