//! Signed statements made by hand: what a traitor could say, or all the others around one
//! replica under test.

use crate::bench::*;
use quorate::pbft::*;
use quorate::{Digest, NodeId, Principal, Signature, Signer, wire};

/// SplitMix64: the same numbers for the same seed, everywhere.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Whether something happens that does so `percent` times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// A list of numbers and digests.
pub fn pairs(entries: &[(u64, Digest)]) -> Pairs<'static> {
    let bytes = entries.iter().flat_map(|(n, digest)| [&n.to_le_bytes()[..], &digest.0].concat());
    Pairs::from_bytes(bytes.collect::<Vec<u8>>().leak())
}

/// P and Q of one sequence: the digests pre-prepared and their views; which of them was
/// prepared, and in which view.
pub fn entry(sequence: u64, q: &[(u64, Digest)], p: Option<(usize, u64)>) -> History {
    let mut pre_prepared = [None; DIGESTS];
    for (place, (view, digest)) in pre_prepared.iter_mut().zip(q) {
        *place = Some(PrePrepared { view: View(*view), digest: *digest });
    }
    let prepared = p.map(|(which, view)| (which, View(view)));
    History { sequence: Sequence(sequence), pre_prepared, prepared }
}

/// P and Q of one sequence where one digest was prepared in a view.
pub fn prepared(sequence: u64, view: u64, digest: Digest) -> History {
    entry(sequence, &[(view, digest)], Some((0, view)))
}

/// A signed VIEW-CHANGE of a replica with the initial state as its only checkpoint.
pub fn change(author: usize, view: u64, entries: &[History]) -> ViewChange<'static> {
    change_at(author, view, &[(0, Digest::ZERO)], entries)
}

/// The same with other checkpoints; the first is the stable one.
pub fn change_at(
    author: usize,
    view: u64,
    checkpoints: &[(u64, Digest)],
    entries: &[History],
) -> ViewChange<'static> {
    let histories: Vec<u8> = entries.iter().flat_map(History::encode).collect();
    signed_change(ViewChange {
        author: node(author),
        view: View(view),
        stable: Sequence(checkpoints[0].0),
        checkpoints: pairs(checkpoints),
        histories: Histories::from_bytes(histories.leak()),
        signature: Signature::ZERO,
    })
}

/// The VIEW-CHANGE, signed by its author.
pub fn signed_change(mut change: ViewChange<'static>) -> ViewChange<'static> {
    let signer = TestSigner(Principal::Node(change.author));
    change.signature = signer.sign(&change.digest(&scope()));
    change
}

/// A signed NEW-VIEW of the primary of a view among `n`, with any V and X.
pub fn new_view(n: usize, view: u64, v: &[(u64, Digest)], x: &[(u64, Digest)]) -> NewView<'static> {
    signed_new_view(NewView {
        author: View(view).primary(n),
        view: View(view),
        view_changes: pairs(v),
        chosen: pairs(x),
        signature: Signature::ZERO,
    })
}

/// The NEW-VIEW, signed by its author.
pub fn signed_new_view(mut new_view: NewView<'static>) -> NewView<'static> {
    let signer = TestSigner(Principal::Node(new_view.author));
    new_view.signature = signer.sign(&new_view.digest(&scope()));
    new_view
}

/// The names by which a NEW-VIEW calls these VIEW-CHANGEs.
pub fn names(changes: &[ViewChange<'static>]) -> Vec<(u64, Digest)> {
    let mut names: Vec<_> =
        changes.iter().map(|change| (change.author.0.into(), change.digest(&scope()))).collect();
    names.sort_unstable();
    names
}

/// A message that a replica sent, decoded, with its bytes for as long as the test lives.
pub fn message(letter: &Letter) -> Message<'static> {
    wire::decode(letter.bytes.clone().leak()).unwrap()
}

impl<const N: usize> Bench<N> {
    /// A batch of one request: its bytes and its digest.
    pub fn lot(&self, client: u16, timestamp: u64, operation: &[u8]) -> (&'static [u8], Digest) {
        let bytes = self.batch(&[self.request(client, timestamp, operation)]).leak();
        (bytes, Batch::from_bytes(bytes).digest())
    }

    /// The primary of `view` proposes a batch to one replica.
    pub fn propose(&mut self, to: usize, view: u64, sequence: u64, batch: &[u8]) -> bool {
        let (view, sequence) = (View(view), Sequence(sequence));
        let message = Message::PrePrepare { view, sequence, batch: Batch::from_bytes(batch) };
        self.tell(to, view.primary(N).index(), message)
    }

    pub fn prepare(&mut self, to: usize, from: usize, view: u64, sequence: u64, digest: Digest) {
        let (view, sequence) = (View(view), Sequence(sequence));
        self.tell(to, from, Message::Prepare(Vote { view, sequence, digest }));
    }

    pub fn commit(&mut self, to: usize, from: usize, view: u64, sequence: u64, digest: Digest) {
        let (view, sequence) = (View(view), Sequence(sequence));
        self.tell(to, from, Message::Commit(Vote { view, sequence, digest }));
    }

    /// A replica gets a VIEW-CHANGE from its author.
    pub fn show(&mut self, to: usize, change: ViewChange<'_>) -> bool {
        self.tell(to, change.author.index(), Message::ViewChange(change))
    }

    /// A replica gets a NEW-VIEW from its author.
    pub fn install(&mut self, to: usize, new_view: NewView<'_>) -> bool {
        self.tell(to, new_view.author.index(), Message::NewView(new_view))
    }

    /// All that a replica itself sent since the start, decoded.
    pub fn said(&self, id: usize) -> Vec<Message<'static>> {
        let mine = |letter: &&Letter| letter.from == Principal::Node(node(id));
        self.sent.iter().filter(mine).map(message).collect()
    }

    /// The last VIEW-CHANGE of its own that a replica sent.
    pub fn own_change(&self, id: usize) -> ViewChange<'static> {
        let said = self.said(id).into_iter().rev();
        let mut own = said.filter_map(|message| match message {
            Message::ViewChange(change) if change.author == node(id) => Some(change),
            _ => None,
        });
        own.next().expect("a VIEW-CHANGE")
    }

    /// The NEW-VIEWs of its own that a replica sent.
    pub fn own_new_views(&self, id: usize) -> Vec<NewView<'static>> {
        let said = self.said(id).into_iter();
        let own = said.filter_map(|message| match message {
            Message::NewView(new_view) if new_view.author == node(id) => Some(new_view),
            _ => None,
        });
        own.collect()
    }

    /// Has all others want a view, with nothing in their histories, and begin it if its primary
    /// is not this replica.
    pub fn lead_into(&mut self, id: usize, view: u64) {
        self.lead_into_with(id, view, &[], &[]);
    }

    /// The same; all others report `entries`, and the view begins with `chosen`.
    pub fn lead_into_with(
        &mut self,
        id: usize,
        view: u64,
        entries: &[History],
        chosen: &[(u64, Digest)],
    ) {
        let others: Vec<usize> = (0..N).filter(|other| *other != id).collect();
        let changes: Vec<_> = others.iter().map(|other| change(*other, view, entries)).collect();
        for change in &changes {
            self.show(id, *change);
        }
        if View(view).primary(N) != node(id) {
            self.install(id, new_view(N, view, &names(&changes), chosen));
        }
        assert_eq!(self.view(id), (view, true), "replica {id} is led into view {view}");
    }

    /// The digest that a replica vouched for at a checkpoint.
    pub fn vouched(&self, id: usize, at: u64) -> Option<Digest> {
        self.said(id).into_iter().find_map(|message| match message {
            Message::Checkpoint { sequence, digest } if sequence.0 == at => Some(digest),
            _ => None,
        })
    }

    /// The votes of a replica in a view and at a sequence: digests of its PREPAREs, of its
    /// COMMITs.
    pub fn votes(&self, id: usize, view: u64, sequence: u64) -> (Vec<Digest>, Vec<Digest>) {
        let (mut prepares, mut commits) = (Vec::new(), Vec::new());
        let here = |vote: &Vote| vote.view.0 == view && vote.sequence.0 == sequence;
        for message in self.said(id) {
            match message {
                Message::Prepare(vote) if here(&vote) => prepares.push(vote.digest),
                Message::Commit(vote) if here(&vote) => commits.push(vote.digest),
                _ => {}
            }
        }
        (prepares, commits)
    }

    /// Everything that a replica is, as text: equal texts, equal replicas.
    pub fn portrait(&self, id: usize) -> String {
        without_budgets(&format!("{:?}", self.hosts[id].replica))
    }

    /// Has a replica continue from these records, with no checkpoint captured.
    pub fn remember(&mut self, id: usize, records: &[Record<'_>]) {
        let mut buffer = vec![0; 1 << 16];
        let encode = |record| wire::encode(record, &mut buffer).unwrap().to_vec();
        self.hosts[id].records = records.iter().map(encode).collect();
        self.restart(id);
    }

    /// Has the host of a replica begin a fresh log.
    pub fn compact(&mut self, id: usize) {
        let mut buffer = vec![0; 1 << 16];
        let records = self.hosts[id].replica.records();
        let encode = |record| wire::encode(&record, &mut buffer).unwrap().to_vec();
        self.hosts[id].records = records.map(encode).collect();
    }

    /// Gives a replica other settings, before it did anything.
    pub fn reconfigure(&mut self, id: usize, change: impl Fn(&mut Config)) {
        let mut config = Self::config(id);
        change(&mut config);
        *self.hosts[id].replica = Replica::new(config, Memory::<N>::new()).unwrap();
    }
}

/// A node as a principal.
pub fn replica(id: usize) -> Principal {
    Principal::Node(NodeId(u8::try_from(id).unwrap()))
}
