//! Beyond the bound: with f + 1 traitors the checkers must see the cluster fail. Checkers that
//! never object would prove nothing.

use quorate::NodeId;
use quorate_sim::plan::Role;
use quorate_sim::{Plan, campaign};

/// Of four replicas the primary and r3 equivocate: r1 hears one story, r2 the other.
fn two_equivocators(seed: u64) -> Plan {
    let traitors = [0, 3].map(|node| (NodeId(node), Role::Equivocator)).to_vec();
    Plan { traitors, batch_requests: 1, ..Plan::quiet(seed, 4) }
}

#[test]
fn two_traitors_of_four_break_agreement_and_the_checker_says_so() {
    for seed in 0..10 {
        let report = campaign::run(two_equivocators(seed), false);
        let violation = report.violation.expect("f + 1 equivocators split two correct replicas");
        assert_eq!(violation.checker, "agreement", "seed {seed}: {violation}");
    }
}

#[test]
fn one_of_the_two_alone_breaks_nothing() {
    for seed in 0..10 {
        for traitor in [0, 3] {
            let traitors = vec![(NodeId(traitor), Role::Equivocator)];
            let plan = Plan { traitors, ..two_equivocators(seed) };
            let report = campaign::run(plan, false);
            assert_eq!(report.violation, None, "seed {seed}, traitor r{traitor}");
        }
    }
}
