//! Seeds of the protocols in rounds, each with its own mix of faults.

use quorate_sim::Faults;
use quorate_sim::Sweep;
use quorate_sim::generals::{Campaign, Protocol, Summary};

const ALL: [Protocol; 4] = [Protocol::Om, Protocol::Sm, Protocol::King, Protocol::Vector];
const SERVICE: Protocol = Protocol::Lockstep;

/// Runs a campaign and, if a promise was broken, says by which seed and how to see it again.
fn hold(campaign: Campaign) -> Summary {
    let summary = campaign.run(|_| {});
    if let Some((seed, violation)) = summary.violations.first_key_value() {
        let plan = campaign.plan(*seed);
        let replay = campaign.again(*seed);
        panic!("seed {seed} breaks a promise: {violation}\n{plan}replay: {replay}");
    }
    assert_eq!(summary.seeds, campaign.seeds);
    summary
}

fn campaign(protocol: Protocol, faults: Faults, seeds: u64) -> Campaign {
    Campaign { faults, ..Campaign::new(protocol, 1, seeds) }
}

#[test]
fn seeds_with_up_to_m_traitors_keep_every_promise() {
    for protocol in ALL {
        let summary = hold(campaign(protocol, Faults::Traitors, 400));
        let happened = &summary.statistics;
        println!("{}: {happened:?}, {:?}", protocol.name(), summary.features);
        // A run that meets no lie proves little.
        assert!(happened.lies > 2_000 && happened.rejected > 200, "{happened:?}");
        assert!(happened.accusations > 500 && happened.missed > 3, "{happened:?}");
        assert!(happened.values > 200 && happened.defaults > 30, "{happened:?}");
        assert!(summary.features.len() >= 20, "{:?}", summary.features);
    }
}

#[test]
fn seeds_with_up_to_m_mishaps_keep_every_promise() {
    for protocol in ALL {
        for faults in [Faults::Network, Faults::Swarm] {
            let summary = hold(campaign(protocol, faults, 400));
            let (happened, traffic) = (&summary.statistics, &summary.traffic);
            assert_eq!(happened.lies, 0, "{happened:?}");
            assert!(happened.losses > 50 && happened.missed > 3, "{happened:?}");
            assert!(traffic.duplicated > 100 && traffic.overtaking > 50, "{traffic:?}");
        }
    }
}

#[test]
fn without_a_fault_nothing_is_lost_and_nobody_accused() {
    for protocol in ALL {
        let summary = hold(campaign(protocol, Faults::None, 100));
        let happened = &summary.statistics;
        assert_eq!((happened.losses, happened.rejected, happened.lies), (0, 0, 0));
        assert_eq!((happened.accusations, happened.missed, happened.defaults), (0, 0, 0));
    }
}

#[test]
fn with_one_traitor_too_many_the_checkers_object() {
    for protocol in ALL {
        let beyond = Campaign { beyond: true, keep_going: true, ..Campaign::new(protocol, 1, 400) };
        let summary = beyond.run(|_| {});
        let found =
            |checker| summary.violations.values().filter(|it| it.checker == checker).count();
        let counts = [found("agreement"), found("validity")];
        println!("{}: agreement and validity {counts:?}", protocol.name());
        assert_eq!(counts.iter().sum::<usize>(), summary.violations.len(), "{summary:?}");
        // No number of traitors makes generals of signed messages disobey a correct commander.
        assert!(counts[0] > 3 && (counts[1] > 3 || protocol == Protocol::Sm), "{counts:?}");
    }
}

#[test]
fn a_service_in_lockstep_keeps_every_promise() {
    let traitors = hold(campaign(SERVICE, Faults::Traitors, 50)).statistics;
    println!("{traitors:?}");
    assert!(traitors.lies > 1_000 && traitors.rejected > 50, "{traitors:?}");
    assert!(traitors.executions > 500 && traitors.replies > 150, "{traitors:?}");
    let swarm = hold(campaign(SERVICE, Faults::Swarm, 50)).statistics;
    println!("{swarm:?}");
    assert!(swarm.rejoins > 4 && swarm.crashes > 2 && swarm.missed > 4, "{swarm:?}");
    hold(campaign(SERVICE, Faults::Network, 20));
    let none = hold(campaign(SERVICE, Faults::None, 15)).statistics;
    assert_eq!((none.rejected, none.accusations, none.missed, none.rejoins), (0, 0, 0, 0));
}

#[test]
fn a_service_with_one_traitor_too_many_is_seen_to_fail() {
    let beyond = Campaign { beyond: true, keep_going: true, ..Campaign::new(SERVICE, 1, 50) };
    let summary = beyond.run(|_| {});
    let found = |checker| summary.violations.values().filter(|it| it.checker == checker).count();
    let counts = ["agreement", "replies", "refusal"].map(found);
    println!("agreement, replies and refusal {counts:?} of {}", summary.violations.len());
    // Most correct generals see that more are faulty than may be, and refuse.
    assert!(counts[0] + counts[1] > 3 && counts[2] > 10, "{counts:?}");
}

#[test]
fn more_generals_than_are_drawn_keep_every_promise() {
    for (protocol, nodes) in [
        (Protocol::Om, 10),
        (Protocol::Sm, 9),
        (Protocol::King, 16),
        (Protocol::Vector, 7),
        (SERVICE, 7),
        (Protocol::King, 64),
        (Protocol::Om, 64),
    ] {
        let some = campaign(protocol, Faults::Traitors, if nodes == 64 { 1 } else { 4 });
        hold(Campaign { nodes: Some(nodes), ..some });
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for protocol in ALL.into_iter().chain([SERVICE]) {
        let campaign = campaign(protocol, Faults::Traitors, 1);
        for seed in 1..12 {
            let [one, other] = [false, true].map(|text| campaign.run_seed(seed, text));
            let (quiet, told) = (one.transcript, other.transcript);
            assert_eq!(quiet.fingerprint(), told.fingerprint(), "seed {seed}");
            assert_eq!((quiet.events(), one.micros), (told.events(), other.micros));
            assert!(quiet.lines().is_empty() && told.lines().len() as u64 >= told.events());
        }
        let [one, other] = [1, 2].map(|seed| campaign.run_seed(seed, false).transcript);
        assert_ne!(one.fingerprint(), other.fingerprint());
    }
}

#[test]
fn many_threads_find_what_one_finds() {
    let one = campaign(Protocol::Sm, Faults::Traitors, 60);
    let [alone, together] = [1, 3].map(|threads| Campaign { threads, ..one }.run(|_| {}));
    assert_eq!(alone.fingerprint, together.fingerprint);
    assert_eq!((alone.statistics, alone.events), (together.statistics, together.events));
}

/// One that catches up asked for a state while the next one was being captured in its place.
#[test]
fn a_state_whose_capture_is_being_replaced_is_not_served() {
    let seed = Campaign::new(SERVICE, 738, 1);
    hold(Campaign { faults: Faults::Traitors, ..seed });
}
