//! Scripts of PBFT.

mod action;
mod claim;
mod cluster_line;
mod judge;
mod lie;
mod note;
mod play;
mod sift;

use super::Scene;
use super::played::Played;
use super::when::When;
use super::words::{Words, Wrong};
use crate::plan::{Plan, Role};
use crate::role::NOBODY;
use action::Action;
pub(super) use action::{Breeze, read_parties};
use claim::Claim;
use quorate::NodeId;

/// A cluster, and what happens to it.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    plan: Plan,
    steps: Vec<Step>,
}

/// A line.
#[derive(Clone, Debug)]
struct Step {
    line: usize,
    text: String,
    when: When,
    what: Deed,
}

#[derive(Clone, Debug)]
enum Deed {
    Act(Action),
    Expect(Claim, When),
}

/// A mouth that says what a correct replica says: nobody is this client.
const HONEST: Role = Role::Unfair(NOBODY);

impl Cluster {
    /// Reads the line that makes the cluster, after its first word.
    pub(super) fn open(words: &mut Words) -> Result<Self, Wrong> {
        Ok(Self { plan: cluster_line::read_cluster(words)?, steps: Vec::new() })
    }
}

impl Scene for Cluster {
    fn read(&mut self, line: usize, text: &str, words: &mut Words) -> Result<(), Wrong> {
        let (when, what) = read_step(words)?;
        self.steps.push(Step { line, text: text.to_owned(), when, what });
        Ok(())
    }

    /// Who lies is known then.
    fn close(&mut self) -> Result<(), Wrong> {
        self.plan.traitors = cast_roles(&self.steps);
        Ok(())
    }

    fn expects(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.what, Deed::Expect(..)))
    }

    fn play(&self) -> Played {
        play::play(self)
    }
}

fn read_step(words: &mut Words) -> Result<(When, Deed), Wrong> {
    if words.take("wait") {
        let when = When::After(words.time()?);
        words.end()?;
        return Ok((when, Deed::Act(Action::Wait)));
    }
    let when = When::read(words)?;
    if !words.take("expect") {
        return Ok((when, Deed::Act(Action::read(words)?)));
    }
    let claim = Claim::read(words)?;
    let until = When::read_end(words)?;
    words.end()?;
    Ok((when, Deed::Expect(claim, until)))
}

/// Who is not correct, and who among them is a traitor of a known kind from the beginning.
fn cast_roles(steps: &[Step]) -> Vec<(NodeId, Role)> {
    let mut roles: Vec<(NodeId, Role)> = Vec::new();
    for step in steps {
        let Deed::Act(action) = &step.what else { continue };
        for node in action.corrupts() {
            let role = if let Action::Play { role, .. } = action { *role } else { HONEST };
            match roles.iter_mut().find(|(other, _)| *other == node) {
                Some((_, known)) if role != HONEST => *known = role,
                Some(_) => {}
                None => roles.push((node, role)),
            }
        }
    }
    roles
}
