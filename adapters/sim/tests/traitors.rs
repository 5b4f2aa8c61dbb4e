//! Each traitor really does its deed, which is seen in the transcript, and breaks nothing.

use quorate::{ClientId, Instant, NodeId, NodeSet, Principal};
use quorate_sim::network::{Cut, Delay, Weather};
use quorate_sim::pbft::Cluster;
use quorate_sim::plan::{Crash, Partition, Role, Trigger};
use quorate_sim::traitors::{Change, Mutation, Mutator};
use quorate_sim::{Plan, Report, campaign};
use std::collections::BTreeSet;
use std::time::Duration;

const SEEDS: u64 = 6;

/// A run without other faults in which messages overtake each other.
fn plan(seed: u64, nodes: usize) -> Plan {
    let delay = Delay {
        min: Duration::from_micros(200),
        max: Duration::from_millis(6),
        spikes: 0,
        spike: Duration::ZERO,
    };
    let weather = Weather { delay, ..Weather::FAIR };
    Plan { requests: 12, storm: weather, fair: weather, ..Plan::quiet(seed, nodes) }
}

fn everyone(nodes: usize) -> NodeSet {
    (0..nodes as u8).map(NodeId).collect()
}

/// The same where r3 of four misses much and has to fetch a state, or the primary of view 0 of
/// seven dies and the view changes.
fn plan_for(role: Role, seed: u64) -> Plan {
    match role {
        Role::Poisoner => {
            let cut_off = BTreeSet::from([Principal::Node(NodeId(3))]);
            let others: BTreeSet<Principal> =
                (0..3).map(|id| Principal::Node(NodeId(id))).collect();
            let cuts = vec![
                Cut { from: cut_off.clone(), to: others.clone() },
                Cut { from: others, to: cut_off },
            ];
            let until = Instant::from_micros(800_000);
            let partitions = vec![Partition { from: Instant::ZERO, until, cuts }];
            let traitors = vec![(NodeId(0), role)];
            let plan = Plan { window: 4, batch_requests: 2, requests: 60, ..plan(seed, 4) };
            Plan { partitions, calm: until, traitors, ..plan }
        }
        Role::Forgetful | Role::Boaster => {
            let when = Trigger::At(Instant::from_micros(100_000));
            let crashes = vec![Crash { node: NodeId(0), when, down: None, wiped: false }];
            let traitors = vec![(NodeId(1), role)];
            Plan { traitors, crashes, ..plan(seed, 7) }
        }
        Role::Stale => {
            let traitors = vec![(NodeId(0), role)];
            Plan { traitors, fast_reads: true, reads: 600, ..plan(seed, 4) }
        }
        Role::Counterfeiter => {
            let (traitors, pause) = (vec![(NodeId(0), role)], Duration::from_millis(200));
            Plan { traitors, pause, ..plan(seed, 4) }
        }
        // A primary says no PREPARE.
        Role::Partial => Plan { traitors: vec![(NodeId(1), role)], ..plan(seed, 4) },
        // Clients ask everybody, so that it has something to propose.
        Role::Usurper => {
            let (traitors, retry) = (vec![(NodeId(1), role)], Duration::from_millis(2));
            Plan { traitors, retry, ..plan(seed, 4) }
        }
        role => Plan { traitors: vec![(NodeId(0), role)], ..plan(seed, 4) },
    }
}

/// Plays a role with some seeds; how many lines of the transcripts tell of this deed, in words
/// that must all stand in a line.
fn deeds(role: Role, words: &[&str]) -> usize {
    let mut deeds = 0;
    for seed in 0..SEEDS {
        let Report { violation, transcript, .. } = campaign::run(plan_for(role, seed), true);
        let lines = transcript.lines();
        assert_eq!(violation, None, "{role:?}, seed {seed}");
        let told = |line: &&String| words.iter().all(|word| line.contains(word));
        deeds += lines.iter().filter(told).count();
    }
    println!("{role:?}: {deeds} times `{}`", words.join(" ... "));
    deeds
}

/// That a role does so, with some seeds.
fn does(role: Role, words: &[&str]) {
    assert!(deeds(role, words) > 0, "{role:?} does not: {words:?}");
}

#[test]
fn silent_ones_say_nothing() {
    does(Role::Silent(everyone(4)), &["r0  WITHHOLDS from r1"]);
    does(Role::Silent(everyone(4)), &["r0  WITHHOLDS from c0"]);
}

#[test]
fn equivocators_propose_two_batches() {
    does(Role::Equivocator, &["r0  LIES to r2: PRE-PREPARE"]);
    // To one who hears both stories it is plain who lies.
    does(Role::Equivocator, &["accuses   r0 of Equivocation"]);
}

#[test]
fn usurpers_propose_although_another_leads() {
    does(Role::Usurper, &["r1  LIES to r", "PRE-PREPARE v0"]);
    does(Role::Usurper, &["accuses   r1 of NotPrimary"]);
}

#[test]
fn agitators_ask_for_the_next_view_and_nobody_follows() {
    does(Role::Agitator, &["r0  LIES to r", "VIEW-CHANGE of r0 for v1"]);
    let left = (1..4).map(|node| deeds(Role::Agitator, &[&format!("r{node}  LEAVES")]));
    assert_eq!(left.sum::<usize>(), 0);
}

#[test]
fn boasters_claim_to_have_prepared_what_they_did_not() {
    does(Role::Boaster, &["r1  LIES to r", "VIEW-CHANGE of r1"]);
}

#[test]
fn liars_tell_each_receiver_something_else() {
    let Report { transcript, violation, .. } = campaign::run(plan_for(Role::Liar, 1), true);
    let lines = transcript.lines();
    assert_eq!(violation, None);
    let told = |receiver: &str| -> BTreeSet<String> {
        let lie = format!("LIES to {receiver}: COMMIT ");
        let told = lines.iter().filter_map(|line| line.split_once(&lie));
        told.map(|(_, commit)| commit.to_owned()).collect()
    };
    let (one, other) = (told("r1"), told("r2"));
    assert!(!one.is_empty() && !other.is_empty() && one.is_disjoint(&other));
    does(Role::Liar, &["r0  LIES to c", "REPLY"]);
}

#[test]
fn forgetful_ones_report_other_histories() {
    does(Role::Forgetful, &["r1  LIES to r", "VIEW-CHANGE of r1"]);
}

#[test]
fn slow_ones_keep_proposals_back_and_stale_ones_answer_from_the_past() {
    does(Role::Slow, &["r0  KEEPS BACK from r1", "PRE-PREPARE"]);
    does(Role::Stale, &["r0  LIES to c", "ANSWER to read"]);
}

#[test]
fn partial_ones_help_one_to_commit_and_tell_it_so_too_early() {
    does(Role::Partial, &["r1  WITHHOLDS from r", "COMMIT v0"]);
    does(Role::Partial, &["r1  WITHHOLDS from r", "CHECKPOINT s"]);
    does(Role::Partial, &["r1  LIES to r", "SETTLED s"]);
}

#[test]
fn delayers_keep_all_kinds_of_messages_back() {
    for kind in ["PRE-PREPARE", "COMMIT", "REPLY", "STATUS"] {
        does(Role::Delayer, &["r0  KEEPS BACK", kind]);
    }
}

#[test]
fn forgers_are_told_by_signatures_that_they_cannot_make() {
    for kind in ["REQUEST", "PRE-PREPARE"] {
        does(Role::Forger, &["r0  LIES to", kind]);
    }
    does(Role::Forger, &["accuses   r0 of Forged"]);
}

#[test]
fn replayers_say_again_what_was_said_here_and_elsewhere() {
    for kind in ["REQUEST c", "PREPARE", "VIEW-CHANGE of r2"] {
        does(Role::Replayer, &["r0  LIES to", kind]);
    }
    // What was signed in another epoch or cluster is forged here.
    does(Role::Replayer, &["accuses   r0 of Forged"]);
}

#[test]
fn spammers_send_votes_and_questions_and_garbage() {
    for kind in ["PREPARE", "CHECKPOINT", "RECOVER", "FETCH-BATCH", "that are no message"] {
        does(Role::Spammer, &["r0  LIES to", kind]);
    }
    does(Role::Spammer, &["accuses   r0 of Malformed"]);
}

#[test]
fn withholders_keep_bodies_and_the_others_fetch_them() {
    let victims = [NodeId(2)].into_iter().collect();
    does(Role::Withholder(victims), &["r0  WITHHOLDS from r2", "PRE-PREPARE"]);
    does(Role::Withholder(victims), &["r2  to r", "FETCH-BATCH"]);
}

#[test]
fn poisoners_serve_wrong_states_and_the_right_one_comes_from_others() {
    does(Role::Poisoner, &["r0  LIES to r3", " STATE s"]);
    does(Role::Poisoner, &["r0  LIES to", " STATUS "]);
    does(Role::Poisoner, &["r3  accuses   r0 of BadContent"]);
    does(Role::Poisoner, &["r3  installs"]);
}

#[test]
fn counterfeiters_vouch_for_states_that_nobody_has() {
    does(Role::Counterfeiter, &["r0  LIES to", "CHECKPOINT s"]);
    does(Role::Counterfeiter, &["r0  LIES to", "STATUS"]);
    does(Role::Counterfeiter, &["accuses   r0 of WrongDigest"]);
}

#[test]
fn twins_propose_two_batches_without_a_lie() {
    let sides = [NodeSet::EMPTY, [NodeId(1)].into_iter().collect()];
    for side in sides {
        let mut places = 0;
        for seed in 0..SEEDS {
            let report = campaign::run(plan_for(Role::Twin(side), seed), true);
            assert_eq!(report.violation, None, "{side:?}, seed {seed}");
            let proposals = report.transcript.lines().iter().filter_map(|line| {
                let (_, proposal) = line.split_once("r0  to all    PRE-PREPARE ")?;
                let mut words = proposal.split_whitespace();
                Some(((words.next()?, words.next()?), words.next()?.trim_end_matches(',')))
            });
            let proposals: BTreeSet<_> = proposals.collect();
            let known: BTreeSet<_> = proposals.iter().map(|(place, _)| place).collect();
            places += proposals.len() - known.len();
        }
        println!("twins, {side:?} with the copy: {places} places with two proposals");
        assert!(places > 0, "{side:?}");
    }
}

#[test]
fn mutators_change_few_messages_and_no_two_runs_alike() {
    for (process, network) in [(1, 0), (2, 0), (4, 2), (0, 2)] {
        let role = Role::Mutator { process, network };
        let (changed, omitted) =
            (deeds(role, &["r0  LIES to"]), deeds(role, &["r0  WITHHOLDS from"]));
        assert!(changed + omitted > 0, "{role:?}");
        assert!(process == 0 || changed > 0, "{role:?}");
        assert!(network == 0 || omitted > 0, "{role:?}");
    }
}

/// The change that broke PBFT-java: the first proposal goes to one backup with the sequence after
/// it, and to all others as it should.
#[test]
fn p49_a_proposal_that_is_one_too_high_for_one_backup_splits_nothing() {
    for seed in 0..20 {
        let receivers = [NodeId(3)].into_iter().collect();
        let change = Change::NextSequence;
        let mutations = (1..=10).map(|round| Mutation { round, receivers, change }).collect();
        let traitors = vec![(NodeId(0), Role::Mutator { process: 0, network: 0 })];
        let mut cluster = Cluster::new(Plan { traitors, ..plan(seed, 4) }, true);
        cluster.corrupt(NodeId(0), Box::new(Mutator::of(mutations)));
        cluster.run().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        assert_eq!(cluster.replies(ClientId(0)).len(), 12);
        let lines = cluster.transcript().lines();
        let lie = |line: &String| line.contains("LIES to r3: PRE-PREPARE v0 s2");
        assert!(lines.iter().any(lie), "seed {seed}");
    }
}

/// What no compiler checks within the crate: a traitor's file asks nobody for a key.
#[test]
fn no_traitor_makes_keys() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut read = 0;
    for folder in ["traitors", "generals/traitors"] {
        for file in std::fs::read_dir(source.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let reaches = ["scheme", "Key::", "abroad::"].into_iter().find(|it| text.contains(it));
            let casts = path.ends_with("traitors/cast.rs") && reaches == Some("abroad::");
            assert!(reaches.is_none() || casts, "{}: {reaches:?}", path.display());
            read += 1;
        }
    }
    assert!(read > 25, "{read} files");
}
