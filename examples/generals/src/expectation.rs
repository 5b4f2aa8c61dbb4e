//! What came out, compared with what a scenario expects.

use crate::battle::Battle;
use crate::judge::{Judgement, orders};
use crate::scenario::{Accused, Decided, Expect, Scenario};
use crate::word::Word;
use std::fmt::Display;

/// Each difference between what is expected and what came out, as one sentence; none if there is
/// no expectation.
#[must_use]
pub fn differences(scenario: &Scenario, battle: &Battle, judgement: &Judgement) -> Vec<String> {
    let Some(expect) = &scenario.expect else { return vec![] };
    let mut found = Vec::new();
    let mut differs = |what: &str, expected: &dyn Display, came: &dyn Display| {
        found.push(format!("{what}: {expected} was expected, and it is {came}"));
    };
    for (id, decided) in expect.by_id().into_iter().flatten() {
        let expected = match decided {
            Decided::One(word) => vec![*word],
            Decided::Vector(words) => words.clone(),
        };
        let came = orders(scenario, battle, id);
        if expected != came {
            let what = format!("the decision of general {}", id.0);
            differs(&what, &listed(&expected), &listed(&came));
        }
    }
    let Expect { ic1, ic2, messages, frames, rounds, .. } = expect;
    if let Some(expected) = ic1.filter(|expected| *expected != judgement.ic1) {
        differs("IC1", &expected, &judgement.ic1);
    }
    if let Some(expected) = ic2.filter(|expected| *expected != judgement.ic2) {
        differs("IC2", &expected, &judgement.ic2);
    }
    let numbers = [
        ("messages", *messages, battle.messages()),
        ("frames", *frames, battle.frames.len() as u64),
        ("rounds", rounds.map(u64::from), battle.rounds.into()),
    ];
    for (what, expected, came) in numbers {
        if let Some(expected) = expected.filter(|expected| *expected != came) {
            differs(what, &expected, &came);
        }
    }
    found.extend(accusations(expect, battle));
    found
}

fn accusations(expect: &Expect, battle: &Battle) -> Vec<String> {
    let made: Vec<Accused> = battle
        .accusations
        .iter()
        .map(|it| Accused { by: it.by.0, node: it.node.0, fault: format!("{:?}", it.fault) })
        .collect();
    let text =
        |it: &Accused| format!("general {} blames general {} for {}", it.by, it.node, it.fault);
    let missing = expect.accusations.iter().filter(|expected| !made.contains(expected));
    let missing = missing.map(|it| format!("{}: that was expected, and does not happen", text(it)));
    let others =
        made.iter().filter(|it| expect.no_other_accusations && !expect.accusations.contains(it));
    missing.chain(others.map(|it| format!("{}: that was not expected", text(it)))).collect()
}

fn listed(words: &[Word]) -> String {
    words.iter().map(Word::to_string).collect::<Vec<_>>().join(" ")
}
