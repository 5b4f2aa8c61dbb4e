//! Floods cost those who are flooded next to nothing: of a faulty replica, and of clients whose
//! signatures are bad. Time is virtual, so what counts is what goes over the lines and what the
//! cluster does about it; what a flood costs on processors the example `attack` of `quorate-std`
//! measures.

use quorate::pbft::Departures;
use quorate::{ClientId, Instant, NodeId};
use quorate_sim::Plan;
use quorate_sim::network::{Delay, Weather};
use quorate_sim::pbft::{Cluster, Lie};
use quorate_sim::plan::Role;
use std::time::Duration;

/// Clients that ask; one more lies.
const ASKING: u16 = 4;
const LIAR: ClientId = ClientId(ASKING);
const STEP: Duration = Duration::from_millis(5);
/// How long a run is.
const RUN: Duration = Duration::from_secs(8);
/// Bytes a second that each replica can send.
const UPLINK: u64 = 1 << 20;
/// Forged requests for each one that is asked for.
const TIMES: u64 = 10;

fn plan(seed: u64, nodes: usize) -> Plan {
    let delay = Duration::from_millis(2);
    let delay = Delay { min: delay, max: delay, spikes: 0, spike: delay };
    let weather = Weather { loss: 0, duplicates: 0, delay };
    let clients = usize::from(ASKING) + 1;
    let timeout = Duration::from_secs(1);
    let quiet = Plan::quiet(seed, nodes);
    Plan { clients, requests: 0, window: 64, timeout, storm: weather, fair: weather, ..quiet }
}

/// Lets each client ask for one thing after another, `forged` requests in the name of the liar
/// for each; says how many were executed.
fn served(plan: &Plan, forged: u64) -> usize {
    let mut cluster = Cluster::new(plan.clone(), false);
    cluster.set_uplink(UPLINK);
    let everybody: Vec<_> = (0..plan.nodes as u8).map(NodeId).collect();
    let (mut now, mut asked) = (Instant::ZERO, [0; ASKING as usize]);
    let mut timestamp = 0;
    while now < Instant::ZERO.after(RUN) {
        for (client, asked) in (0..ASKING).map(ClientId).zip(&mut asked) {
            if cluster.replies(client).len() < *asked {
                continue;
            }
            *asked += 1;
            cluster.submit(client, b"something to do");
            for _ in 0..forged {
                timestamp += 1;
                let lie = Lie { client: LIAR, timestamp, operation: b"nothing", forged: true };
                cluster.lie(lie, &everybody);
            }
        }
        now = now.after(STEP);
        cluster.run_until(now).unwrap();
    }
    let liars = plan.liars();
    for node in everybody.into_iter().filter(|node| !liars.contains(*node)) {
        assert_eq!(cluster.departures(node), Some(Departures::default()), "{node:?} left a view");
    }
    (0..ASKING).map(|client| cluster.replies(ClientId(client)).len()).sum()
}

#[test]
fn f_flooding_replicas_leave_nine_tenths_of_the_throughput_and_change_no_view() {
    for (seed, nodes) in [(1, 4), (2, 7)] {
        let quiet = served(&plan(seed, nodes), 0);
        let mut flooded = plan(seed, nodes);
        let last = (nodes - nodes / 3..nodes).map(|id| NodeId(id as u8));
        flooded.traitors = last.map(|node| (node, Role::Spammer)).collect();
        let flooded = served(&flooded, 0);
        println!("n = {nodes}: {quiet} without faults, {flooded} with floods");
        assert!(flooded * 10 >= quiet * 9, "{flooded} of {quiet}, n = {nodes}");
    }
}

#[test]
fn clients_with_bad_signatures_at_ten_times_the_load_cost_less_than_a_twentieth() {
    for (seed, nodes) in [(1, 4), (2, 7)] {
        let quiet = served(&plan(seed, nodes), 0);
        let forged = served(&plan(seed, nodes), TIMES);
        println!("n = {nodes}: {quiet} without faults, {forged} with forgers");
        assert!(quiet > 1_000 && forged * 20 >= quiet * 19, "{forged} of {quiet}, n = {nodes}");
    }
}
