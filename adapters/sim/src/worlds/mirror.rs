//! The world with replicas 2 and 3 exchanged.

use super::cell::Event;
use super::repertoire::pairs;
use super::speech::{Speech, SpeechId, Speeches};
use quorate::pbft::{Message, NewView, Pairs, ViewChange};
use quorate::{Digest, NodeId, Principal};
use std::collections::HashMap;

/// The other name of a replica.
pub(super) const fn exchanged(node: NodeId) -> NodeId {
    match node.0 {
        2 => NodeId(3),
        3 => NodeId(2),
        _ => node,
    }
}

/// What becomes of speeches if two replicas are exchanged.
#[derive(Clone, Debug, Default)]
pub(super) struct Mirror {
    known: HashMap<SpeechId, SpeechId>,
}

impl Mirror {
    /// An event under the other names.
    pub(super) fn event(&mut self, speeches: &mut Speeches, event: Event) -> Event {
        match event {
            Event::Hear(number) => Event::Hear(self.speech(speeches, number)),
            Event::Timeout => Event::Timeout,
        }
    }

    /// A speech under the other names, signed by its other author.
    pub(super) fn speech(&mut self, speeches: &mut Speeches, number: SpeechId) -> SpeechId {
        if let Some(mirrored) = self.known.get(&number) {
            return *mirrored;
        }
        let Speech { from, to, payload } = speeches.get(number).clone();
        let from = match from {
            Principal::Node(node) => Principal::Node(exchanged(node)),
            client => client,
        };
        let to = to.iter().map(exchanged).collect();
        let message = quorate::wire::decode::<Message<'_>>(&payload).expect("encoded here");
        let mirrored = match message {
            Message::ViewChange(change) => {
                let author = exchanged(change.author);
                let change = ViewChange { author, ..change };
                speeches.say(from, to, Message::ViewChange(change))
            }
            Message::NewView(new_view) => {
                let named = new_view.view_changes.iter();
                let named = named.map(|(author, digest)| {
                    let author = NodeId(author.0 as u8);
                    let digest = self.change(speeches, author, digest);
                    (u64::from(exchanged(author).0), digest)
                });
                let mut named: Vec<(u64, Digest)> = named.collect();
                named.sort_unstable();
                let named = pairs(named);
                let view_changes = Pairs::from_bytes(&named);
                let author = exchanged(new_view.author);
                let new_view = NewView { author, view_changes, ..new_view };
                speeches.say(from, to, Message::NewView(new_view))
            }
            other => speeches.say(from, to, other),
        };
        self.known.insert(number, mirrored);
        self.known.insert(mirrored, number);
        mirrored
    }

    /// The digest of a VIEW-CHANGE under the other names.
    fn change(&mut self, speeches: &mut Speeches, author: NodeId, digest: Digest) -> Digest {
        let is_it = |speeches: &Speeches, number: SpeechId| match speeches.message(number) {
            Message::ViewChange(change) if change.author == author => {
                change.digest(speeches.scope()) == digest
            }
            _ => false,
        };
        let number = (0..speeches.count()).find(|number| is_it(speeches, *number));
        let mirrored = self.speech(speeches, number.expect("named when it was known"));
        let Message::ViewChange(change) = speeches.message(mirrored) else {
            unreachable!("a mirrored VIEW-CHANGE is one")
        };
        change.digest(speeches.scope())
    }
}
