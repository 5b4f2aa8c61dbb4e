//! Plays a script.

use super::super::played::{Outcome, Played};
use super::super::when::When;
use super::action::Action;
use super::claim::Claim;
use super::note::Note;
use super::sift::{Mesh, Meshes};
use super::{Deed, HONEST, Step};
use crate::harm::Kind;
use crate::network::{Cut, Weather};
use crate::pbft::{Cluster, Lie};
use crate::traitors::Scripted;
use crate::traitors::scripted::{Part, Rule};
use core::time::Duration;
use quorate::{Instant, NodeId, NodeSet, Principal};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How often an expectation that waits is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Whoever has the script in hand.
pub(super) struct Director<'s> {
    scene: &'s super::Cluster,
    pub(super) cluster: Cluster,
    pub(super) outcomes: Vec<Outcome>,
    parts: BTreeMap<NodeId, Rc<RefCell<Part>>>,
    /// Lines that gave a traitor a rule: line, traitor, place among its rules.
    rules: Vec<(usize, NodeId, usize)>,
    meshes: Meshes,
    weather: Weather,
    cuts: Vec<usize>,
}

/// Plays a script from its beginning.
pub(super) fn play(scene: &super::Cluster) -> Played {
    let mut director = Director::new(scene);
    let panic = Outcome::of_panic(|| director.direct());
    let Director { mut outcomes, cluster, .. } = director;
    outcomes.extend(panic);
    Played {
        outcomes,
        plan: cluster.plan().to_string(),
        faulty: cluster.plan().marks(),
        end: cluster.now(),
        violation: cluster.violation().cloned(),
        transcript: cluster.into_transcript(),
    }
}

impl<'s> Director<'s> {
    fn new(scene: &'s super::Cluster) -> Self {
        let mut cluster = Cluster::new(scene.plan.clone(), true);
        let meshes = Meshes::default();
        cluster.sift(Some(meshes.sieve()));
        let mut parts = BTreeMap::new();
        for (node, role) in &scene.plan.traitors {
            if *role == HONEST {
                let mouth = Scripted::default();
                parts.insert(*node, Rc::clone(&mouth.part));
                cluster.corrupt(*node, Box::new(mouth));
            }
        }
        let (weather, cuts) = (scene.plan.fair, Vec::new());
        let (outcomes, rules) = (Vec::new(), Vec::new());
        Self { scene, cluster, outcomes, parts, rules, meshes, weather, cuts }
    }

    /// The replicas of which nothing is promised.
    pub(super) fn liars(&self) -> NodeSet {
        self.scene.plan.liars()
    }

    /// How many replicas there are.
    pub(super) const fn nodes(&self) -> usize {
        self.scene.plan.nodes
    }

    fn direct(&mut self) {
        for step in &self.scene.steps {
            self.pass(step);
            match &step.what {
                Deed::Act(action) => self.act(step, action),
                Deed::Expect(claim, until) => self.expect(step, claim, *until),
            }
        }
        let unused = self.rules.iter().filter(|(_, node, at)| {
            self.parts.get(node).is_some_and(|part| part.borrow().rules[*at].used == 0)
        });
        let unused: Vec<usize> = unused.map(|(line, ..)| *line).collect();
        for line in unused.into_iter().chain(self.meshes.unused()) {
            let text = self.scene.steps.iter().find(|step| step.line == line);
            let text = text.map_or_else(String::new, |step| step.text.clone());
            self.enter(line, &text, Err("no message ever fitted: it tests nothing".to_owned()));
        }
        let _ = self.cluster.conclude();
        self.judge_promises();
    }

    /// That no checker objects, unless the script wants that.
    fn judge_promises(&mut self) {
        let wanted = self.scene.steps.iter().find_map(|step| match &step.what {
            Deed::Expect(Claim::Violation(checker), _) => Some((step, checker.as_str())),
            _ => None,
        });
        let wanted = wanted.map(|(step, checker)| (step.line, step.text.as_str(), checker));
        self.outcomes.push(Outcome::of_checkers(wanted, self.cluster.violation()));
    }

    fn enter(&mut self, line: usize, text: &str, result: Result<(), String>) {
        self.outcomes.push(Outcome::new(line, text, result));
    }

    /// Lets the time come at which a line happens.
    fn pass(&mut self, step: &Step) {
        let now = self.cluster.now();
        if step.when == When::Next {
            return;
        }
        match step.when.reach(now) {
            Ok(at) => self.run(at),
            Err(what) => self.enter(step.line, &step.text, Err(what)),
        }
    }

    /// A violation stops the world; the script goes on to tell what it found.
    fn run(&mut self, until: Instant) {
        let _ = self.cluster.run_until(until);
        self.cluster.rest_until(until);
    }

    fn expect(&mut self, step: &Step, claim: &Claim, until: When) {
        if let Claim::Violation(_) = claim {
            return;
        }
        let last = until.from(self.cluster.now());
        let result = loop {
            let result = self.judge(claim);
            let now = self.cluster.now();
            if result.is_ok() || now >= last || self.cluster.violation().is_some() {
                break result;
            }
            self.run(now.after(GLANCE).min(last));
        };
        self.enter(step.line, &step.text, result);
    }

    fn act(&mut self, step: &Step, action: &Action) {
        let cluster = &mut self.cluster;
        match action {
            Action::Ask { client, operations } => {
                operations.iter().for_each(|operation| cluster.submit(*client, operation));
            }
            Action::Lie { client, timestamp, operation, forged, to } => {
                let (client, timestamp, forged) = (*client, *timestamp, *forged);
                cluster.lie(Lie { client, timestamp, operation, forged }, to);
            }
            Action::Crash(nodes) => nodes.iter().for_each(|node| cluster.crash(*node)),
            Action::Restart(nodes) => nodes.iter().for_each(|node| cluster.restart(*node)),
            Action::Wipe(nodes) => nodes.iter().for_each(|node| cluster.wipe(*node)),
            Action::BackUp(nodes) => nodes.iter().for_each(|node| cluster.back_up(*node)),
            Action::Harm(nodes, kind) => self.harm(step, nodes, *kind),
            Action::Note(nodes, note) => self.note(step, nodes, note),
            Action::Flip(nodes) => nodes.iter().for_each(|node| cluster.flip(*node)),
            Action::Cut { from, to, both } => self.cut(from, to, *both),
            Action::Sift { what, from, to, held, most } => self.meshes.add(Mesh {
                line: step.line,
                what: *what,
                from: from.clone(),
                to: to.clone(),
                held: *held,
                most: *most,
                used: 0,
                open: true,
            }),
            Action::Heal => {
                self.cuts.drain(..).for_each(|number| cluster.heal(number));
                self.meshes.close();
            }
            Action::Weather(breeze) => {
                self.weather = breeze.over(self.weather);
                cluster.weather(self.weather);
            }
            Action::Follow { node, rule } => self.follow(step, *node, rule),
            Action::Speak { .. } => self.speak(step, action),
            Action::Repent(node) => {
                if let Some(part) = self.parts.get(node) {
                    let rules = &mut part.borrow_mut().rules;
                    rules.iter_mut().for_each(|rule| rule.most = Some(0));
                }
            }
            Action::Play { .. } | Action::Wait => {}
        }
    }

    fn harm(&mut self, step: &Step, nodes: &[NodeId], kind: Kind) {
        for node in nodes {
            self.demand_down(step, *node);
            self.cluster.harm(*node, kind);
        }
    }

    fn note(&mut self, step: &Step, nodes: &[NodeId], note: &Note) {
        for node in nodes {
            self.demand_down(step, *node);
            note.with_record(|record| self.cluster.note(*node, record));
        }
    }

    /// Says so if a replica whose disk is touched is running.
    fn demand_down(&mut self, step: &Step, node: NodeId) {
        if self.cluster.status(node).is_some() {
            let what = format!("r{} is running: write `crash r{}` before", node.0, node.0);
            self.enter(step.line, &step.text, Err(what));
        }
    }

    fn cut(&mut self, from: &[Principal], to: &[Principal], both: bool) {
        let set = |some: &[Principal]| some.iter().copied().collect();
        let there = Cut { from: set(from), to: set(to) };
        self.cuts.push(self.cluster.cut(there));
        if both {
            let back = Cut { from: set(to), to: set(from) };
            self.cuts.push(self.cluster.cut(back));
        }
    }

    fn follow(&mut self, step: &Step, node: NodeId, rule: &Rule) {
        let Some(part) = self.parts.get(&node) else {
            let what = "it plays a part already, and follows no other rules".to_owned();
            return self.enter(step.line, &step.text, Err(what));
        };
        let rules = &mut part.borrow_mut().rules;
        self.rules.push((step.line, node, rules.len()));
        rules.push(rule.clone());
    }

    fn speak(&mut self, step: &Step, action: &Action) {
        let Action::Speak { node, speech, changes, to, times } = action else { return };
        let Some(part) = self.parts.get(node) else { return };
        let mut said = false;
        for _ in 0..*times {
            let mut payloads = Vec::new();
            self.cluster.lend_rights(*node, |rights| {
                payloads = part.borrow_mut().speak(rights, speech, changes);
            });
            for to in to {
                for payload in &payloads {
                    self.cluster.speak(*node, *to, payload);
                    said = true;
                }
            }
        }
        if !said {
            let what = format!("r{} lacks what it takes: it heard or said nothing such", node.0);
            self.enter(step.line, &step.text, Err(what));
        }
    }
}
