//! All cells that were met, each once, and what becomes of each by which event.

use super::cell::{Cell, Event};
use super::mirror::{Mirror, exchanged};
use super::repertoire::Repertoire;
use super::search::State;
use super::speech::{NODES, SpeechId, Speeches};
use crate::check::Accusation;
use quorate::{Digest, NodeId, Principal};
use std::collections::HashMap;

/// The number of a cell.
pub(super) type CellId = u32;

/// What a cell becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) to: CellId,
    /// Whether others can tell the difference.
    pub(super) loud: bool,
}

/// Every cell with a way to it.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) speeches: Speeches,
    repertoire: Repertoire,
    accusation: Accusation,
    traitor: NodeId,
    lies: u8,
    sequences: u64,
    all: Vec<Cell>,
    keys: Vec<Digest>,
    numbers: HashMap<(Digest, u8), CellId>,
    /// The cell and the event from which each came first; itself, if it is a beginning.
    origins: Vec<(CellId, Event)>,
    edges: HashMap<(CellId, Event), Edge>,
    mirror: Mirror,
    mirrored: HashMap<CellId, CellId>,
    beginnings: HashMap<NodeId, CellId>,
    text: String,
    pub(super) steps: u64,
}

impl Cells {
    pub(super) fn new(traitor: NodeId, lies: u8, sequences: u64) -> Self {
        let mut speeches = Speeches::new();
        let repertoire = Repertoire::new(traitor, &mut speeches);
        Self {
            speeches,
            repertoire,
            accusation: Accusation::new([traitor].into_iter().collect()),
            traitor,
            lies,
            sequences,
            all: Vec::new(),
            keys: Vec::new(),
            numbers: HashMap::new(),
            origins: Vec::new(),
            edges: HashMap::new(),
            mirror: Mirror::default(),
            mirrored: HashMap::new(),
            beginnings: HashMap::new(),
            text: String::new(),
            steps: 0,
        }
    }

    /// The state in which nothing has happened.
    pub(super) fn start(&mut self) -> State {
        let correct = (0..NODES).map(NodeId).filter(|node| *node != self.traitor);
        let correct: Vec<NodeId> = correct.collect();
        let cells: Vec<CellId> = correct.iter().map(|me| self.begin(*me)).collect();
        cells.try_into().expect("three of four are correct")
    }

    fn begin(&mut self, me: NodeId) -> CellId {
        let cell = Cell::new(me, self.sequences, &mut self.speeches);
        let key = cell.key(&mut self.text);
        let number = self.enter(cell, key, None);
        self.beginnings.insert(me, number);
        number
    }

    pub(super) fn get(&self, number: CellId) -> &Cell {
        &self.all[number as usize]
    }

    pub(super) const fn count(&self) -> usize {
        self.all.len()
    }

    /// The number of a cell: that of an equal one, if there is one.
    fn enter(&mut self, cell: Cell, key: Digest, origin: Option<(CellId, Event)>) -> CellId {
        let next = self.all.len() as CellId;
        let number = *self.numbers.entry((key, cell.lies)).or_insert(next);
        if number == next {
            self.all.push(cell);
            self.keys.push(key);
            self.origins.push(origin.unwrap_or((next, Event::Timeout)));
        }
        number
    }

    /// What a cell becomes of an event.
    pub(super) fn edge(&mut self, from: CellId, event: Event) -> Edge {
        if let Some(edge) = self.edges.get(&(from, event)) {
            return *edge;
        }
        let edge = self.try_event(from, event).unwrap_or(Edge { to: from, loud: false });
        self.edges.insert((from, event), edge);
        edge
    }

    fn try_event(&mut self, from: CellId, event: Event) -> Option<Edge> {
        let cell = &self.all[from as usize];
        let lie = self.is_lie(event);
        if cell.wrong.is_some() || (lie && cell.lies >= self.lies) {
            return None;
        }
        self.steps += 1;
        let mut next = cell.meet(event, &mut self.speeches, &self.accusation)?;
        let key = next.key(&mut self.text);
        if key == self.keys[from as usize] {
            return None;
        }
        next.lies += u8::from(lie);
        let loud = next.spoke_since(cell);
        let to = self.enter(next, key, Some((from, event)));
        Some(Edge { to, loud })
    }

    /// Whether an event is a message of the traitor's.
    pub(super) fn is_lie(&self, event: Event) -> bool {
        matches!(event, Event::Hear(number)
            if self.speeches.get(number).from == Principal::Node(self.traitor))
    }

    /// What can be heard where this was said.
    pub(super) fn audible(&mut self, said: &[SpeechId]) -> Vec<SpeechId> {
        let made = self.repertoire.new_views(&mut self.speeches, said);
        let fixed = self.repertoire.fixed.iter();
        fixed.chain(said).chain(&made).copied().collect()
    }

    /// What a cell may meet, if this can be heard.
    pub(super) fn events(&self, cell: CellId, audible: &[SpeechId]) -> Vec<Event> {
        let me = self.get(cell).me;
        let meant = audible.iter().filter(|number| self.speeches.get(**number).to.contains(me));
        meant.map(|number| Event::Hear(*number)).chain([Event::Timeout]).collect()
    }

    /// The cell with two replicas exchanged: what the other one becomes of the same events.
    pub(super) fn mirrored(&mut self, cell: CellId) -> CellId {
        if let Some(mirrored) = self.mirrored.get(&cell) {
            return *mirrored;
        }
        let (from, event) = self.origins[cell as usize];
        let mirrored = if from == cell {
            self.beginnings[&exchanged(self.get(cell).me)]
        } else {
            let from = self.mirrored(from);
            let event = self.mirror.event(&mut self.speeches, event);
            self.edge(from, event).to
        };
        let mut said = self.get(cell).said.clone();
        for speech in &mut said {
            *speech = self.mirror.speech(&mut self.speeches, *speech);
        }
        said.sort_unstable();
        assert_eq!(said, self.get(mirrored).said, "replicas 2 and 3 are not alike");
        self.mirrored.insert(cell, mirrored);
        self.mirrored.insert(mirrored, cell);
        mirrored
    }

    /// What the correct replicas have broken, if the one at `place` has just moved.
    pub(super) fn broken(&self, state: &State, place: usize) -> Option<String> {
        let moved = self.get(state[place]);
        if let Some(wrong) = &moved.wrong {
            return Some(wrong.clone());
        }
        state.iter().map(|cell| self.get(*cell)).find_map(|other| disagreement(moved, other))
    }
}

/// What two replicas, or one with itself, cannot both have done.
fn disagreement(one: &Cell, other: &Cell) -> Option<String> {
    let (a, b) = (one.me.0, other.me.0);
    for (here, what) in &one.executed {
        for (there, other) in &other.executed {
            if here == there && what != other {
                return Some(format!("at s{here} r{a} executed {what:?}, r{b} {other:?}"));
            }
            if here != there && what == other && what.is_some() {
                return Some(format!("{what:?} is executed by r{a} at s{here}, r{b} at s{there}"));
            }
        }
    }
    for vote in &one.commits {
        let same = |cast: &&quorate::pbft::Vote| {
            (cast.view, cast.sequence) == (vote.view, vote.sequence) && cast.digest != vote.digest
        };
        if let Some(cast) = other.commits.iter().find(same) {
            return Some(format!("r{a} sent a COMMIT of {vote:?}, r{b} one of {cast:?}"));
        }
    }
    None
}
