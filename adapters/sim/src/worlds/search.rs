//! The search: every state of the world once.

use super::cell::{Cell, Event};
use super::cells::{CellId, Cells};
use super::speech::SpeechId;
use quorate::NodeId;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// What is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Who lies: 0 leads view 0, 1 leads view 1, 2 leads neither; 3 is 2 under another name.
    pub traitor: u8,
    /// The most messages of the traitor that the correct replicas take together.
    pub lies: u8,
    /// Sequences up to this one are agreed on: 1, or 2, where a new primary proposes the request
    /// once more. Proposals of correct replicas for later ones are lost.
    pub sequences: u64,
    /// The search ends after so many states.
    pub most: usize,
    /// Whether every state is visited on its own: nothing is put off, and names matter. Very much
    /// slower; what replicas do must be the same.
    pub whole: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Explored {
    /// Different states that were visited.
    pub states: usize,
    /// Ways from one of them to another, or back to one that was visited before.
    pub transitions: u64,
    /// Different states of single replicas.
    pub cells: usize,
    /// Inputs that replicas of the core were given.
    pub steps: u64,
    /// Whether nothing was left to visit.
    pub exhausted: bool,
    /// States that were found, and whose future was not looked at.
    pub left: usize,
    /// The most inputs with words between the beginning and a state.
    pub depth: u32,
    /// States in which a correct replica is in view 1 or on its way there.
    pub later: u64,
    /// States in which all three correct replicas have executed something.
    pub executed: u64,
    /// Different things that a correct replica executed, from first to last.
    pub histories: usize,
    /// What the three correct replicas did on the way to each state: what they executed, and their
    /// COMMITs. Replicas 2 and 3 are told in the order of what they did.
    #[serde(skip)]
    pub outcomes: BTreeSet<[BTreeSet<String>; 3]>,
    /// What happened on the way to a broken promise, and the promise.
    pub violation: Option<Vec<String>>,
}

/// The three correct replicas.
pub(super) type State = [CellId; 3];

/// A state that was visited, where it was reached from, and how many steps that took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub(super) state: State,
    pub(super) from: u32,
    pub(super) depth: u32,
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) cells: Cells,
    symmetric: bool,
    known: HashMap<State, u32>,
    pub(super) visits: Vec<Visit>,
    /// Sets of speeches that were said, and what can be heard where they were.
    nets: HashMap<Vec<SpeechId>, u32>,
    pub(super) audible: Vec<Rc<[SpeechId]>>,
    /// What a cell can become with what can be heard.
    futures: HashMap<(CellId, u32, u8), Rc<[CellId]>>,
    lies: u8,
    whole: bool,
}

impl World {
    /// Visits every state.
    ///
    /// # Panics
    /// The traitor is none of 0 to 2.
    #[must_use]
    pub fn explore(&self) -> Explored {
        assert!(self.traitor < 3, "replica 3 is replica 2 under another name");
        Search::new(self).run(self.most)
    }
}

impl Search {
    pub(super) fn new(world: &World) -> Self {
        let mut search = Self {
            cells: Cells::new(NodeId(world.traitor), world.lies, world.sequences),
            symmetric: world.traitor < 2 && !world.whole,
            known: HashMap::new(),
            visits: Vec::new(),
            nets: HashMap::new(),
            audible: Vec::new(),
            futures: HashMap::new(),
            lies: world.lies,
            whole: world.whole,
        };
        let start = search.cells.start();
        search.visit(start, 0, 0);
        search
    }

    /// Enters a state; whether it is new.
    fn visit(&mut self, state: State, from: u32, depth: u32) -> bool {
        let next = self.visits.len() as u32;
        let state = self.canonical(state);
        if *self.known.entry(state).or_insert(next) != next {
            return false;
        }
        self.visits.push(Visit { state, from, depth });
        true
    }

    /// Of a state and that with two replicas exchanged the one that stands for both.
    pub(super) fn canonical(&mut self, state: State) -> State {
        if !self.symmetric {
            return state;
        }
        let [first, second, third] = state;
        let mirrored = [first, third, second].map(|cell| self.cells.mirrored(cell));
        state.min(mirrored)
    }

    pub(super) fn run(mut self, most: usize) -> Explored {
        let mut explored = Explored { exhausted: true, ..Explored::default() };
        let mut histories = BTreeSet::new();
        let mut at = 0;
        while let Some(Visit { state, depth, .. }) = self.visits.get(at).copied() {
            if self.visits.len() >= most {
                explored.exhausted = false;
                break;
            }
            self.note(&state, &mut explored, &mut histories);
            explored.depth = depth;
            for (place, future) in self.moves(&state) {
                let mut next = state;
                next[place] = future;
                explored.transitions += 1;
                let broken = self.cells.broken(&next, place);
                if self.visit(next, at as u32, depth + 1) && broken.is_some() {
                    let mut story = self.story();
                    story.extend(broken);
                    explored.violation = Some(story);
                    explored.exhausted = false;
                    return self.count(explored, at, &histories);
                }
            }
            at += 1;
        }
        self.count(explored, at, &histories)
    }

    /// Who can become what in a state.
    fn moves(&mut self, state: &State) -> Vec<(usize, CellId)> {
        let net = self.net(state);
        let mut all = Vec::new();
        for place in 0..state.len() {
            all.extend(self.futures(state, place, net).iter().map(|cell| (place, *cell)));
        }
        all
    }

    fn count(&self, explored: Explored, at: usize, histories: &BTreeSet<String>) -> Explored {
        Explored {
            states: self.visits.len(),
            left: self.visits.len() - at,
            cells: self.cells.count(),
            steps: self.cells.steps,
            histories: histories.len(),
            ..explored
        }
    }

    fn note(&self, state: &State, explored: &mut Explored, histories: &mut BTreeSet<String>) {
        let cells = state.map(|cell| self.cells.get(cell));
        explored.later += u64::from(cells.iter().any(|cell| cell.view().0 > 0));
        explored.executed += u64::from(cells.iter().all(|cell| !cell.executed.is_empty()));
        let mut outcome = cells.map(Cell::facts);
        let named = cells.iter().filter(|cell| cell.me.0 < 2).count();
        outcome[named..].sort_unstable();
        explored.outcomes.insert(outcome);
        for cell in cells.iter().filter(|cell| !cell.executed.is_empty()) {
            let executed = format!("{:?}", cell.executed);
            if !histories.contains(&executed) {
                histories.insert(executed);
            }
        }
    }

    /// The number of what was said in a state.
    pub(super) fn net(&mut self, state: &State) -> u32 {
        let said = state.iter().flat_map(|cell| self.cells.get(*cell).said.iter().copied());
        let said: Vec<SpeechId> = said.collect::<BTreeSet<_>>().into_iter().collect();
        if let Some(net) = self.nets.get(&said) {
            return *net;
        }
        let net = self.audible.len() as u32;
        self.audible.push(self.cells.audible(&said).into());
        self.nets.insert(said, net);
        net
    }

    /// What a replica can become, as far as others can tell, by hearing some of what can be heard.
    pub(super) fn futures(&mut self, state: &State, place: usize, net: u32) -> Rc<[CellId]> {
        let cell = state[place];
        let told: u8 = state.iter().map(|cell| self.cells.get(*cell).lies).sum();
        let left = self.lies - told;
        if let Some(futures) = self.futures.get(&(cell, net, left)) {
            return Rc::clone(futures);
        }
        let most = self.cells.get(cell).lies + left;
        let mut events = self.cells.events(cell, &self.audible[net as usize]);
        // Whoever has taken none may have to take none: what it would become is never met.
        if left == 0 {
            events.retain(|event| !self.cells.is_lie(*event));
        }
        let futures: Rc<[CellId]> = if self.whole {
            self.all(cell, &events, most).into_iter().collect()
        } else {
            self.compute(cell, &events, most).into()
        };
        self.futures.insert((cell, net, left), Rc::clone(&futures));
        futures
    }

    /// All that the cell can become by one input.
    fn all(&mut self, cell: CellId, events: &[Event], most: u8) -> BTreeSet<CellId> {
        let edges = events.iter().map(|event| self.cells.edge(cell, *event).to);
        let edges: Vec<CellId> = edges.filter(|to| *to != cell).collect();
        edges.into_iter().filter(|to| self.cells.get(*to).lies <= most).collect()
    }

    /// First all that the cell can become without a word, then all that makes one of those speak,
    /// unless it would speak the same with one silent input fewer, which can follow.
    fn compute(&mut self, cell: CellId, events: &[Event], most: u8) -> Vec<CellId> {
        let mut silent = vec![(cell, 0, Vec::new())];
        let mut places = HashMap::from([(cell, 0)]);
        let mut at = 0;
        while at < silent.len() {
            let (here, depth, _) = silent[at];
            for event in events {
                let edge = self.cells.edge(here, *event);
                if edge.loud || edge.to == here || self.cells.get(edge.to).lies > most {
                    continue;
                }
                let place = *places.entry(edge.to).or_insert(silent.len());
                if place == silent.len() {
                    silent.push((edge.to, depth + 1, Vec::new()));
                }
                if silent[place].1 > depth {
                    silent[place].2.push((here, *event));
                }
            }
            at += 1;
        }
        let mut futures = BTreeSet::new();
        for (here, _, before) in &silent {
            for event in events {
                let edge = self.cells.edge(*here, *event);
                let allowed = edge.loud && self.cells.get(edge.to).lies <= most;
                if allowed && !self.comes_anyway(edge.to, *event, before) {
                    futures.insert(edge.to);
                }
            }
        }
        futures.into_iter().collect()
    }

    /// Whether a cell that speaks at an event would have spoken without the silent input before,
    /// and become the same by it afterwards.
    fn comes_anyway(&mut self, to: CellId, event: Event, before: &[(CellId, Event)]) -> bool {
        before.iter().any(|(earlier, silent)| {
            let sooner = self.cells.edge(*earlier, event);
            if !sooner.loud {
                return false;
            }
            let later = self.cells.edge(sooner.to, *silent);
            !later.loud && later.to == to
        })
    }
}
