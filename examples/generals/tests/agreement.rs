//! Traitors by strategy: within the bounds no run violates IC1 or IC2, and beyond them some do,
//! so that the judge is not blind.

mod support;

use quorate::{NodeId, NodeSet};
use quorate_generals::battle;
use quorate_generals::chart::svg;
use quorate_generals::judge::Judgement;
use quorate_generals::scenario::{Over, Protocol, Scenario};
use quorate_generals::table;
use quorate_generals::treason::{Strategy, Treason};

const STRATEGIES: [Strategy; 4] =
    [Strategy::Silent, Strategy::Split, Strategy::Invert, Strategy::Random];

fn scenario(
    protocol: Protocol,
    n: usize,
    m: usize,
    traitors: &[u8],
    lies: (Strategy, u64),
) -> Scenario {
    let word = |text: &str| text.parse().unwrap();
    let [default, other] = ["R", "B"].map(word);
    let orders: Vec<_> = match protocol {
        Protocol::Vector(_) => (0..n).map(|id| word(&format!("v{id}"))).collect(),
        _ => vec![word("A"); n],
    };
    let (strategy, seed) = lies;
    Scenario {
        title: None,
        about: None,
        protocol,
        n,
        m,
        commander: NodeId(0),
        orders: orders.clone(),
        default,
        traitors: traitors.iter().copied().map(NodeId).collect::<NodeSet>(),
        unchecked: true,
        treason: Treason::Strategy { strategy, other, default, orders, seed },
        expect: None,
    }
}

fn judge(scenario: &Scenario) -> Judgement {
    scenario.check().unwrap();
    Judgement::of(scenario, &battle::fight(scenario).unwrap())
}

#[test]
fn within_the_bounds_nothing_is_violated() {
    let vector = Protocol::Vector;
    for (protocol, n, m, seeds) in [
        (Protocol::Om, 4, 1, 20),
        (Protocol::Om, 7, 2, 6),
        (Protocol::Om, 10, 3, 1),
        (Protocol::Sm, 3, 1, 4),
        (Protocol::Sm, 5, 3, 2),
        (Protocol::King, 4, 1, 20),
        (Protocol::King, 7, 2, 4),
        (vector(Over::Om), 4, 1, 10),
        (vector(Over::Sm), 4, 2, 2),
        (vector(Over::King), 4, 1, 4),
    ] {
        for strategy in STRATEGIES {
            let seeds = if strategy == Strategy::Random { seeds } else { 1 };
            for seed in 0..seeds {
                for first in (0..n as u8).step_by(if n < 10 { 1 } else { 4 }) {
                    let traitors: Vec<u8> = (0..m as u8).map(|at| (first + at) % n as u8).collect();
                    let scenario = scenario(protocol, n, m, &traitors, (strategy, seed));
                    let judged = judge(&scenario);
                    let holds = judged.ic1 && judged.ic2 && judged.excuse.is_none();
                    assert!(
                        holds,
                        "{protocol:?} {traitors:?} {strategy:?}, seed {seed}: {judged:?}"
                    );
                    assert!(!judged.is_broken_promise());
                }
            }
        }
    }
}

#[test]
fn beyond_the_bounds_something_is() {
    let vector = Protocol::Vector;
    for (protocol, n, m, traitors) in [
        (Protocol::Om, 3, 1, &[2][..]),
        (Protocol::Om, 6, 2, &[4, 5]),
        (Protocol::Om, 4, 1, &[2, 3]),
        (Protocol::Sm, 5, 1, &[0, 1]),
        (Protocol::King, 3, 1, &[0]),
        (Protocol::King, 4, 1, &[2, 3]),
        (vector(Over::Om), 3, 1, &[2]),
    ] {
        let found = STRATEGIES.iter().any(|strategy| {
            (0..200).any(|seed| {
                let judged = judge(&scenario(protocol, n, m, traitors, (*strategy, seed)));
                assert!(judged.excuse.is_some() && !judged.is_broken_promise());
                !judged.ic1 || !judged.ic2
            })
        });
        assert!(found, "{protocol:?} of {n} with traitors {traitors:?}: the judge sees nothing");
    }
}

#[test]
fn fault_free_counts_are_those_of_the_papers() {
    for (protocol, n, m, messages, frames) in [
        (Protocol::Om, 4, 1, 9, 9),
        (Protocol::Om, 7, 2, 156, 66),
        (Protocol::Om, 10, 3, 3_609, 225),
        (Protocol::Sm, 4, 1, 9, 9),
        (Protocol::Sm, 7, 2, 36, 36),
        (Protocol::Sm, 16, 5, 225, 225),
        (Protocol::King, 4, 1, 57, 57),
        (Protocol::Vector(Over::Om), 4, 1, 36, 24),
    ] {
        let battle = battle::fight(&scenario(protocol, n, m, &[], (Strategy::Split, 0))).unwrap();
        assert_eq!((battle.messages(), battle.frames.len()), (messages, frames), "{protocol:?}");
        assert_eq!(battle.accusations, []);
    }
}

#[test]
fn too_many_messages_to_keep_are_counted_all_the_same() {
    let large = scenario(Protocol::Om, 17, 4, &[5], (Strategy::Split, 0));
    let battle = battle::fight(&large).unwrap();
    assert!(!battle.detailed && battle.tellings.is_empty());
    assert_eq!(battle.messages(), quorate::om::messages(17, 4));
    let judgement = Judgement::of(&large, &battle);
    let refused = svg::chart(&large, &battle, &judgement).unwrap_err().to_string();
    assert!(
        refused.contains("571456 messages are too many to draw: take a smaller n"),
        "{refused}"
    );
    let text = table::report(&large, &battle, &judgement, None);
    assert!(text.contains("(There were too many messages to list them.)"), "{text}");
}
