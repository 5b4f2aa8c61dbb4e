//! Seeds of PBFT clusters, each with its own mix of faults.

use quorate_sim::{Campaign, Faults, Plan, Summary, Sweep, campaign};

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

/// A run that meets no fault proves little: over many seeds everything has to happen.
fn eventful(summary: &Summary) {
    let happened = &summary.statistics;
    assert!(happened.view_changes > 50, "{happened:?}");
    assert!(happened.transfers > 10, "{happened:?}");
    assert!(happened.checkpoints > 1000, "{happened:?}");
    assert!(happened.torn > 3 && happened.restarts > 30, "{happened:?}");
    assert!(happened.requests > 2000, "{happened:?}");
    // Every feature is drawn, and does what it is there for.
    println!("of {} seeds so many had {:?}", summary.seeds, summary.features);
    assert!(summary.features.len() >= 20, "{:?}", summary.features);
    let traffic = &summary.traffic;
    println!("{traffic:?}");
    assert!(traffic.lost > 0 && traffic.cut > 0 && traffic.duplicated > 0, "{traffic:?}");
    assert!(traffic.replayed > 0 && traffic.overtaking > 0, "{traffic:?}");
    assert!(traffic.queued > 0, "{traffic:?}");
    assert!(happened.looks > 100, "{happened:?}");
    assert!(happened.jumps > 10 && happened.relapses > 10, "{happened:?}");
    assert!(happened.cores > 20, "{happened:?}");
    // Disks rolled back and corrupted, some of them noticed.
    assert!(happened.harmed > 3 && happened.damaged + happened.outdated > 1, "{happened:?}");
}

#[test]
fn a_hundred_seeds_of_four_replicas_keep_every_promise() {
    eventful(&hold(Campaign { nodes: Some(4), ..Campaign::new(1, 100) }));
}

#[test]
fn a_hundred_seeds_of_seven_replicas_keep_every_promise() {
    eventful(&hold(Campaign { nodes: Some(7), ..Campaign::new(1_000_001, 100) }));
}

#[test]
fn a_hundred_seeds_with_up_to_f_traitors_keep_every_promise() {
    let summary = hold(Campaign { faults: Faults::Traitors, ..Campaign::new(2_000_001, 100) });
    assert!(summary.statistics.lies > 1000, "{:?}", summary.statistics);
    assert!(summary.statistics.accusations > 0, "{:?}", summary.statistics);
}

#[test]
fn less_goes_wrong_where_less_may() {
    let none = hold(Campaign { faults: Faults::None, ..Campaign::new(3_000_001, 20) });
    assert_eq!((none.traffic.lost, none.statistics.view_changes), (0, 0), "{none:?}");
    assert!(none.statistics.requests > 500, "{none:?}");
    let network = hold(Campaign { faults: Faults::Network, ..Campaign::new(3_100_001, 20) });
    assert_eq!((network.statistics.crashes, network.statistics.lies), (0, 0), "{network:?}");
    assert!(network.traffic.lost > 0 && network.statistics.jumps > 0, "{network:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for (seed, traitors) in [(1, false), (2, true), (3, true)] {
        let run = |text| campaign::run(Plan::draw(seed, None, traitors), text);
        let (one, other) = (run(false), run(true));
        assert_eq!(one.micros, other.micros, "seed {seed}");
        let (quiet, told) = (one.transcript, other.transcript);
        assert_eq!(quiet.fingerprint(), told.fingerprint(), "seed {seed}");
        assert_eq!(quiet.events(), told.events(), "seed {seed}");
        assert!(quiet.lines().is_empty() && told.lines().len() as u64 >= told.events());
    }
    let [one, other] = [1, 2].map(|seed| campaign::run(Plan::draw(seed, None, false), false));
    assert_ne!(one.transcript.fingerprint(), other.transcript.fingerprint());
}
