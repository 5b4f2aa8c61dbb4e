//! How a state was reached, in words.

use super::cell::Event;
use super::cells::CellId;
use super::mirror::exchanged;
use super::search::{Search, State};
use super::speech::{Speech, SpeechId};
use quorate::pbft::Message;
use quorate::{NodeId, Principal};
use std::collections::HashMap;

impl Search {
    /// What happened on the way to the state that was visited last. Names are those of the first
    /// state: where two replicas were exchanged on the way they are told under their own names.
    pub(super) fn story(&mut self) -> Vec<String> {
        let mut way = vec![self.visits.len() - 1];
        while let Some(at) = way.last().copied().filter(|at| *at != 0) {
            way.push(self.visits[at].from as usize);
        }
        way.reverse();
        let (mut story, mut exchanged) = (Vec::new(), false);
        for pair in way.windows(2) {
            let [here, there] = [pair[0], pair[1]].map(|at| self.visits[at].state);
            let Some((place, cell, swaps)) = self.between(&here, &there) else { continue };
            let from = here[place];
            for (event, next) in self.path(from, cell, &here) {
                story.push(self.line(from, event, exchanged));
                let (before, after) = (self.cells.get(from), self.cells.get(next));
                let new = after.said.iter().filter(|said| !before.said.contains(said));
                let new: Vec<SpeechId> = new.copied().collect();
                story
                    .extend(new.iter().map(|said| format!("    {}", self.words(*said, exchanged))));
                let executed = &after.executed[before.executed.len()..];
                story.extend(executed.iter().map(|what| format!("    executes {what:?}")));
            }
            exchanged ^= swaps;
        }
        story
    }

    /// Which replica moved between two states, what it became, and whether two were exchanged.
    fn between(&mut self, here: &State, there: &State) -> Option<(usize, CellId, bool)> {
        let net = self.net(here);
        for place in 0..here.len() {
            for future in self.futures(here, place, net).iter() {
                let mut next = *here;
                next[place] = *future;
                if self.canonical(next) == *there {
                    return Some((place, *future, next != *there));
                }
            }
        }
        None
    }

    /// What a cell heard until it became another one; nobody else noticed until then. Words and
    /// deeds come with the last input.
    fn path(&mut self, from: CellId, to: CellId, state: &State) -> Vec<(Event, CellId)> {
        let net = self.net(state);
        let audible = std::rc::Rc::clone(&self.audible[net as usize]);
        let events = self.cells.events(from, &audible);
        let mut before: HashMap<CellId, (CellId, Event)> = HashMap::new();
        let mut open = vec![from];
        let mut at = 0;
        while at < open.len() && !before.contains_key(&to) {
            let here = open[at];
            for event in &events {
                let edge = self.cells.edge(here, *event);
                let wanted = if edge.loud { edge.to == to } else { edge.to != here };
                if wanted && !before.contains_key(&edge.to) && edge.to != from {
                    before.insert(edge.to, (here, *event));
                    if !edge.loud {
                        open.push(edge.to);
                    }
                }
            }
            at += 1;
        }
        let mut path = Vec::new();
        let mut cell = to;
        while let Some((earlier, event)) = before.get(&cell).copied() {
            let next = if cell == to { to } else { from };
            path.push((event, next));
            cell = earlier;
        }
        path.reverse();
        path
    }

    fn line(&self, cell: CellId, event: Event, exchanged: bool) -> String {
        let me = name(self.cells.get(cell).me, exchanged);
        match event {
            Event::Timeout => format!("r{me} has waited long enough in view 0"),
            Event::Hear(number) => format!("r{me} hears {}", self.words(number, exchanged)),
        }
    }

    fn words(&self, number: SpeechId, exchanged: bool) -> String {
        let Speech { from, .. } = self.cells.speeches.get(number);
        let from = match from {
            Principal::Node(node) => format!("r{}", name(*node, exchanged)),
            Principal::Client(client) => format!("c{}", client.0),
        };
        let message = self.cells.speeches.message(number);
        let what = match &message {
            Message::PrePrepare { view, sequence, batch } => {
                let digest = batch.digest();
                format!("PRE-PREPARE v{} s{} {digest:?}", view.0, sequence.0)
            }
            Message::Prepare(vote) => format!("PREPARE {}", told(vote)),
            Message::Commit(vote) => format!("COMMIT {}", told(vote)),
            Message::ViewChange(change) => {
                format!("VIEW-CHANGE v{} with {:?}", change.view.0, change.histories)
            }
            Message::NewView(new_view) => {
                let of = new_view.view_changes.iter();
                let of = of.map(|(node, _)| format!("r{}", name(NodeId(node.0 as u8), exchanged)));
                let of = of.collect::<Vec<_>>().join(", ");
                let chosen: Vec<_> = new_view.chosen.iter().collect();
                format!("NEW-VIEW v{} of {of}, choosing {chosen:?}", new_view.view.0)
            }
            Message::Request(request) => format!("REQUEST @{}", request.timestamp),
            other => format!("{other:?}"),
        };
        format!("{what} of {from}")
    }
}

/// A replica's own name.
const fn name(node: NodeId, is_exchanged: bool) -> u8 {
    if is_exchanged { exchanged(node).0 } else { node.0 }
}

fn told(vote: &quorate::pbft::Vote) -> String {
    format!("v{} s{} {:?}", vote.view.0, vote.sequence.0, vote.digest)
}
