//! The life of one general: a process with a socket.

use crate::lies::{self, Lie};
use crate::{ORDER, key};
use quorate::auth::Signed;
use quorate::rounds::{self, Config, Instance, Rules, Schedule};
use quorate::vector::{Broadcast, Instances};
use quorate::{ConfigError, NodeId, Order, Verdict, king, om, sm, vector};
use quorate_std::general::{Army, Camp, CampConfig, Links, schedule};
use std::io::stdin;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, UNIX_EPOCH};

/// The variable that describes the general: protocol, generals, traitors, id, part, links,
/// agreements, and between them spaces.
pub(crate) const DESCRIPTION: &str = "QUORATE_TEST_GENERAL";

/// What begins every line for the parent: everything else comes from the test harness.
pub(crate) const MARK: &str = "general: ";

fn tell(line: &str) {
    eprintln!("{MARK}{line}");
}

struct Life {
    protocol: String,
    nodes: usize,
    traitors: usize,
    me: NodeId,
    agreements: u64,
    start: Duration,
    round: Duration,
}

/// Lives, and tells on the standard error output how it went.
pub(crate) fn live(description: &str) {
    let words: Vec<&str> = description.split(' ').collect();
    let [protocol, nodes, traitors, me, part, links, agreements] = words[..] else {
        panic!("seven words: {description:?}");
    };
    let number = |word: &str| -> usize { word.parse().expect("a number") };
    let (nodes, me) = (number(nodes), number(me));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    tell(&format!("listens {}", listener.local_addr().expect("its address")));
    if part == "dead" {
        return;
    }
    let mut line = String::new();
    stdin().read_line(&mut line).expect("the parent is there");
    let mut words = line.split_whitespace();
    let [start, round] = [(); 2].map(|()| words.next().map(number).expect("a time") as u64);
    let addresses: Vec<SocketAddr> = words.map(|it| it.parse().expect("an address")).collect();

    let links = match links {
        "hmac" => Links::Authentic(quorate_std::Links::Hmac),
        "ed25519" => Links::Authentic(quorate_std::Links::Ed25519),
        _ => Links::Plain,
    };
    let generals = (0..nodes).map(|id| key(id).public()).collect();
    let army = Army { name: "test".into(), generals, addresses, links };
    let lie = Lie { scope: army.scope(), me: NodeId(me as u8), key: key(me) };
    let tamper = lies::tamper(lie, part, protocol);
    let config = CampConfig::new(army, NodeId(me as u8), key(me));
    let camp = Camp::join(CampConfig { listener: Some(listener), tamper, ..config });
    let life = Life {
        protocol: protocol.into(),
        nodes,
        traitors: number(traitors),
        me: NodeId(me as u8),
        agreements: number(agreements) as u64,
        start: Duration::from_micros(start),
        round: Duration::from_millis(round),
    };
    life.hold(&mut camp.expect("the camp is well"));
}

impl Life {
    /// Holds all agreements, a round after each other.
    fn hold(&self, camp: &mut Camp) {
        let mut start = UNIX_EPOCH + self.start;
        for number in 1..=self.agreements {
            let instance = Instance { number, commander: NodeId(0) };
            let (nodes, traitors) = (self.nodes, self.traitors);
            let config = Config { me: self.me, nodes, traitors, instance };
            let schedule = schedule(start, self.round, self.round / 2).expect("half a round");
            let rounds = self.agree(camp, config, schedule);
            start += self.round * (u32::from(rounds) + 1);
        }
    }

    /// Holds one agreement; returns how many rounds it had.
    fn agree(&self, camp: &mut Camp, config: Config, schedule: Schedule) -> u8 {
        let Config { nodes: n, traitors: m, .. } = config;
        let oral = |config| om::Orders::new(config, vec![om::Entry::EMPTY; om::slots(n, m)]);
        let signed = |config| sm::Chains::new(config, vec![[0; 65]; sm::slots(n, m)]);
        let king =
            |config| king::Ballots::new(config, vec![king::Opinion::Nothing; king::slots(n, m)]);
        let order = config.commands().then_some(Order(ORDER));
        let mine = Some(Order(ORDER + config.me.0));
        match self.protocol.as_str() {
            "om" => held(camp, oral(config).expect("it fits"), schedule, order, one),
            "sm" => held(camp, signed(config).expect("it fits"), schedule, order, one),
            "king" => held(camp, king(config).expect("it fits"), schedule, order, one),
            "vector-om" => held(camp, instances(config, oral), schedule, mine, all),
            "vector-sm" => held(camp, instances(config, signed), schedule, mine, all),
            other => panic!("no protocol is called {other:?}"),
        }
    }
}

/// What all generals command at once.
pub(crate) fn instances<P: Broadcast>(
    config: Config,
    rules: impl Fn(Config) -> Result<P, ConfigError>,
) -> Instances<P, Vec<P>> {
    let instance = |id: usize| {
        let instance = Instance { commander: NodeId(id as u8), ..config.instance };
        rules(Config { instance, ..config }).expect("it fits")
    };
    Instances::new((0..config.nodes).map(instance).collect()).expect("all are alike")
}

fn one(verdict: Verdict<u8>) -> Vec<Option<u8>> {
    vec![verdict.value()]
}

fn all<P: Broadcast<Value = u8>>(vector: vector::Vector<'_, P>) -> Vec<Option<u8>> {
    vector.iter().map(Verdict::value).collect()
}

/// Holds an agreement and tells how it went.
fn held<R: Rules>(
    camp: &mut Camp,
    rules: R,
    schedule: Schedule,
    order: Option<R::Command<'_>>,
    list: impl Fn(R::Decision<'_>) -> Vec<Option<u8>>,
) -> u8
where
    for<'a> R::Message<'a>: Signed,
{
    let rounds = rules.rounds();
    let report = camp.agree(rounds::General::with_rules(rules, schedule), order);
    let report = report.expect("the camp goes on");
    for accusation in report.accusations() {
        tell(&format!("accuses {} {:?}", accusation.node.0, accusation.fault));
    }
    for node in report.absent().iter() {
        tell(&format!("absent {}", node.0));
    }
    if let Some(round) = report.missed() {
        tell(&format!("missed {round}"));
    }
    if let Some(decision) = report.decision() {
        let word = |order: Option<u8>| order.map_or("none".into(), |order| order.to_string());
        let words: Vec<String> = list(decision).into_iter().map(word).collect();
        tell(&format!("decides {}", words.join(" ")));
    }
    rounds
}
