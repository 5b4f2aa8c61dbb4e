//! Plays a scenario with the replicas of the core.

use super::scenario::{NODES, ROUNDS, Scenario};
use crate::many::caught;
use crate::network::{Delay, Weather};
use crate::pbft::{Cluster, Round, Statistics};
use crate::plan::{Plan, Role};
use crate::transcript::Transcript;
use crate::violation::Violation;
use core::time::Duration;
use quorate::pbft::View;
use quorate::{ClientId, Instant, NodeId, NodeSet, Quorum};

/// A round is over after so long, whatever happened in it.
const ROUND: Duration = Duration::from_secs(3);
/// And after so long, more than the longest timeout, where nobody can agree with enough others.
const LULL: Duration = Duration::from_secs(1);
/// How often it is looked at whether a round is over.
const GLANCE: Duration = Duration::from_millis(20);
/// Clients: one for each side.
const CLIENTS: u16 = 2;

/// How a scenario went.
#[derive(Clone, Debug)]
pub struct Played {
    /// What was broken, if anything.
    pub violation: Option<Violation>,
    /// In how many rounds a correct replica was in the round's view.
    pub led: usize,
    /// In how many rounds correct replicas executed something.
    pub served: usize,
    /// What happened, in numbers.
    pub statistics: Statistics,
    /// Events of the run.
    pub events: u64,
    /// Its length in virtual microseconds.
    pub micros: u64,
    /// The same for every run of this scenario.
    pub fingerprint: u64,
    /// What happened: with lines and a chronicle, if they were asked for.
    pub transcript: Transcript,
}

/// Plays a scenario to its end; `text`: with a transcript. A panic in a machine is a violation.
#[must_use]
pub fn play(scenario: &Scenario, text: bool) -> Played {
    let mut cluster = Cluster::new(scenario.plan(), text);
    let (mut led, mut served) = (0, 0);
    let play = |cluster: &mut Cluster| {
        for at in 0..ROUNDS {
            let executed = cluster.statistics().executions;
            led += usize::from(play_round(cluster, scenario, at)?);
            served += usize::from(cluster.statistics().executions > executed);
        }
        cluster.end_rounds();
        ask(cluster, ROUNDS);
        cluster.run()
    };
    let violation = caught(&mut cluster, play, Cluster::now);
    Played {
        violation,
        led,
        served,
        statistics: *cluster.statistics(),
        events: cluster.transcript().events(),
        micros: cluster.now().as_micros(),
        fingerprint: cluster.transcript().fingerprint(),
        transcript: cluster.transcript().clone(),
    }
}

impl Scenario {
    /// Four replicas, some with a twin, in a network in which messages overtake each other.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let delay = Delay {
            min: Duration::from_micros(500),
            max: Duration::from_micros(4_000),
            spikes: 0,
            spike: Duration::ZERO,
        };
        let weather = Weather { loss: 0, duplicates: 0, delay };
        let twins = (0..self.twins as u8).map(NodeId);
        Plan {
            clients: usize::from(CLIENTS),
            requests: 0,
            timeout: Duration::from_millis(200),
            timeout_cap: Duration::from_millis(800),
            status_interval: Duration::from_millis(100),
            retry: Duration::from_millis(150),
            storm: weather,
            fair: weather,
            // Faults end with the last round, whenever that is.
            calm: Instant::from_micros(u64::MAX),
            traitors: twins.map(|twin| (twin, Role::Twin(NodeSet::EMPTY))).collect(),
            ..Plan::quiet(self.number(), NODES)
        }
    }
}

/// Plays a round. Says whether a correct replica got to its view.
fn play_round(cluster: &mut Cluster, scenario: &Scenario, at: usize) -> Result<bool, Violation> {
    let view = View(scenario.views()[at]);
    let setting = scenario.rounds[at];
    let sides = (0..scenario.instances()).map(|instance| setting.is_here(instance)).collect();
    cluster.begin_round(Round { sides, leading: Some(view) });
    ask(cluster, at);
    let (mut time, mut led) = (cluster.now(), false);
    let end = time.after(if setting.has_quorum(scenario.twins) { ROUND } else { LULL });
    while time < end && !is_over(cluster, at, view) {
        time = time.after(GLANCE);
        cluster.run_until(time)?;
        let mut correct = cluster.instances().filter(|(node, _)| node.index() >= scenario.twins);
        led |= correct.any(|(_, status)| status.is_some_and(|it| it.view == view && it.active));
    }
    Ok(led)
}

/// Each client asks for one thing more.
fn ask(cluster: &mut Cluster, at: usize) {
    for client in (0..CLIENTS).map(ClientId) {
        let operation = format!("c{} in round {at}", client.0);
        cluster.submit(client, operation.as_bytes());
    }
}

/// Whether the clients have what they asked for, or a strong quorum has left the view.
fn is_over(cluster: &Cluster, at: usize, view: View) -> bool {
    let served = |client| cluster.replies(ClientId(client)).len() > at;
    let quorum = Quorum::of(NODES).expect("four replicas have quorums");
    let left = |status: Option<quorate::pbft::Status>| status.is_some_and(|it| it.view > view);
    let gone: NodeSet =
        cluster.instances().filter(|(_, status)| left(*status)).map(|(node, _)| node).collect();
    (0..CLIENTS).all(served) || gone.len() >= quorum.strong()
}
