//! Camps in this process: who may join, what may be agreed on in them, over which links.

use crate::{ORDER, child, key};
use quorate::link::{Hello, Proof};
use quorate::rounds::{Config, General, Instance, Schedule};
use quorate::{NodeId, Order, Principal, Refusal, king, om, sm, vector};
use quorate_std::general::{self, Army, Camp, CampConfig, CampError, Links};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

/// An army of as many generals, and a socket for each.
fn army(nodes: usize, links: Links) -> (Army, Vec<TcpListener>) {
    let bind = |_| TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listeners: Vec<_> = (0..nodes).map(bind).collect();
    let address = |listener: &TcpListener| listener.local_addr().expect("its address");
    let addresses = listeners.iter().map(address).collect();
    let generals = (0..nodes).map(|id| key(id).public()).collect();
    (Army { name: "one process".into(), generals, addresses, links }, listeners)
}

/// A camp of general 1 that nobody else is in.
fn lonely_camp(links: Links) -> Camp {
    let (army, mut listeners) = army(4, links);
    let listener = listeners.swap_remove(1);
    let config =
        CampConfig { listener: Some(listener), ..CampConfig::new(army, NodeId(1), key(1)) };
    Camp::join(config).expect("the camp is well")
}

/// General 1 of an agreement that began long ago, so that nobody waits for it: whatever is not
/// refused is too late.
fn config() -> (Config, Schedule) {
    let instance = Instance { number: 1, commander: NodeId(0) };
    let config = Config { me: NodeId(1), nodes: 4, traitors: 1, instance };
    let (start, round) = (SystemTime::now() - Duration::from_secs(3600), Duration::from_secs(1));
    (config, general::schedule(start, round, round / 2).expect("the margin is shorter"))
}

#[test]
fn who_takes_a_word_for_it_is_refused_over_plain_links() {
    let mut camp = lonely_camp(Links::Plain);
    let (config, schedule) = config();
    let refused = "this protocol takes a general's word for what it says, so its links must prove \
                   who speaks, and plain links do not: anybody could speak for all. Use authentic \
                   links (HMAC or Ed25519), or signed messages, SM(m)";

    let memory = vec![om::Entry::<u8>::EMPTY; om::slots(4, 1)];
    let general = om::General::new(config, schedule, memory).expect("it is well");
    let error = camp.agree(general, None).expect_err("oral messages need authentic links");
    assert!(matches!(error, CampError::PlainLinks), "{error:?}");
    assert_eq!(error.to_string(), refused);

    let memory = vec![king::Opinion::<u8>::Nothing; king::slots(4, 1)];
    let general = king::General::new(config, schedule, memory).expect("it is well");
    let error = camp.agree(general, None).expect_err("so does the phase king");
    assert!(matches!(error, CampError::PlainLinks), "{error:?}");

    let rules = child::instances(config, |config| {
        om::Orders::new(config, vec![om::Entry::<u8>::EMPTY; om::slots(4, 1)])
    });
    let general = vector::General::with_rules(rules, schedule);
    let error = camp.agree(general, None).expect_err("so do vectors of oral messages");
    assert!(matches!(error, CampError::PlainLinks), "{error:?}");

    // Signed messages, and vectors of them, begin, an hour too late.
    let signed = |config| sm::Chains::new(config, vec![[0; 65]; sm::slots(4, 1)]);
    let rules: sm::Chains<u8, _> = signed(config).expect("it is well");
    let report = camp.agree(General::with_rules(rules, schedule), None);
    assert_eq!(report.expect("its orders are signed").missed(), Some(1));
    let rules = child::instances(config, signed);
    let report = camp.agree(General::with_rules(rules, schedule), Some(Order(ORDER)));
    assert_eq!(report.expect("its orders are signed").missed(), Some(1));
}

#[test]
fn a_general_that_does_not_fit_its_camp_is_refused() {
    let mut camp = lonely_camp(Links::default());
    let (config, schedule) = config();
    let mut refused = |config: Config, schedule| {
        let memory = vec![om::Entry::<u8>::EMPTY; om::slots(config.nodes, 1)];
        let general = om::General::new(config, schedule, memory).expect("it is well");
        camp.agree(general, None).expect_err("it does not fit").to_string()
    };
    let other = Config { me: NodeId(2), ..config };
    assert_eq!(refused(other, schedule), "general 2 cannot speak from the camp of 1");
    let larger = Config { nodes: 5, ..config };
    let sizes = "the general was made for an army of 5 generals, and this one has 4";
    assert_eq!(refused(larger, schedule), sizes);
}

#[test]
fn an_order_of_one_who_does_not_command_is_refused() {
    let mut camp = lonely_camp(Links::default());
    let (config, schedule) = config();
    let memory = vec![om::Entry::EMPTY; om::slots(4, 1)];
    let general = om::General::new(config, schedule, memory).expect("it is well");
    let error = camp.agree(general, Some(Order(ORDER))).expect_err("a lieutenant gives no order");
    assert!(matches!(error, CampError::Order(Refusal::NotCommander)), "{error:?}");
}

#[test]
fn who_does_not_belong_to_the_army_cannot_join_it() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = listener.local_addr().expect("its address");
    let free = SocketAddr::from(([127, 0, 0, 1], 1));
    let generals = vec![key(0).public(), key(1).public()];
    let (name, addresses, links) = ("pair".into(), vec![taken, free], Links::default());
    let army = Army { name, generals, addresses, links };
    let refused = |me, key| {
        let config = CampConfig::new(army.clone(), NodeId(me), key);
        Camp::join(config).expect_err("it does not belong here").to_string()
    };
    let none = "there is no general 2: the army has 2, from 0 on";
    assert_eq!(refused(2, key(2)), none);
    assert!(refused(1, key(0)).starts_with("the secret key is not that of general 1"));
    assert!(refused(0, key(0)).starts_with(&format!("cannot listen at {taken}: ")));
}

/// Says hello to the camp of general 1 in the name of general 2, and claims to have proved it.
fn claim(links: Links) -> Vec<u8> {
    let (army, mut listeners) = army(4, links);
    let (id, address) = (army.id(), army.addresses[1]);
    let listener = Some(listeners.swap_remove(1));
    let config = CampConfig { listener, ..CampConfig::new(army, NodeId(1), key(1)) };
    let _camp = Camp::join(config).expect("the camp is well");
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    let hello = Hello {
        cluster: id,
        epoch: 0,
        from: Principal::Node(NodeId(2)),
        to: Principal::Node(NodeId(1)),
        nonce: [9; 32],
        proof: Proof::Hmac,
    };
    let frame = [&[Hello::LEN as u8, 0, 0, 0][..], &hello.to_bytes()].concat();
    stream.write_all(&frame).expect("a hello is free");
    let mut answer = vec![0; 4 + Hello::LEN];
    stream.read_exact(&mut answer).expect("hellos are answered");
    stream.write_all(&[1, 0, 0, 0, 2]).expect("the link is there yet");
    let mut answer = vec![0; 5];
    let count = stream.read(&mut answer).unwrap_or(0);
    answer.truncate(count);
    answer
}

#[test]
fn a_claim_is_a_proof_over_plain_links_only() {
    assert_eq!(claim(Links::Plain), [1, 0, 0, 0, 2], "the link is up");
    assert_eq!(claim(Links::default()), [], "the connection is closed");
}

#[test]
fn one_who_comes_after_the_round_began_is_told_what_was_said_in_it() {
    for length in (0..5).map(|attempt| Duration::from_secs(1) * 2u32.pow(attempt)) {
        let (army, listeners) = army(2, Links::default());
        let timetable = general::schedule(SystemTime::now(), length, length * 9 / 10);
        let timetable = timetable.expect("the margin is shorter");
        let general = |id| {
            let instance = Instance { number: 1, commander: NodeId(0) };
            let config = Config { me: NodeId(id), nodes: 2, traitors: 0, instance };
            let memory = vec![[0; 65]; sm::slots(2, 0)];
            sm::General::new(config, timetable, memory).expect("it fits")
        };
        let camps = listeners.into_iter().zip(0..).map(|(listener, id)| {
            let config = CampConfig::new(army.clone(), NodeId(id), key(id.into()));
            CampConfig { listener: Some(listener), ..config }
        });
        let mut camps = camps.collect::<Vec<_>>().into_iter();
        let (mut first, second) = (camps.next().expect("two"), camps.next().expect("two"));
        let (begun, wait) = channel();
        first.tamper = Some(Box::new(move |_, frame| begun.send(()).map(|()| frame).ok()));
        let commander = general(0);
        let first = std::thread::spawn(move || {
            let mut camp = Camp::join(first).expect("the camp is well");
            camp.agree(commander, Some(Order(ORDER))).expect("it is well")
        });
        // The second one joins when the first has said what it had to say.
        let said = wait.recv().is_ok();
        let mut camp = Camp::join(second).expect("the camp is well");
        let report = camp.agree(general(1), None).expect("it is well");
        let first = first.join().expect("it ends well");
        if said && first.missed().is_none() && report.missed().is_none() {
            assert!(first.absent().contains(NodeId(1)), "it came later: {first:?}");
            let value = report.decision().and_then(|verdict| verdict.value());
            assert_eq!((value, report.accusations()), (Some(ORDER), &[][..]));
            return;
        }
    }
    panic!("no round was long enough to come late");
}

#[test]
fn a_general_that_comes_too_late_says_so_and_decides_nothing() {
    let mut camp = lonely_camp(Links::default());
    let (config, schedule) = config();
    let memory = vec![om::Entry::<u8>::EMPTY; om::slots(4, 1)];
    let general = om::General::new(config, schedule, memory).expect("it is well");
    let report = camp.agree(general, None).expect("that is no error of the camp");
    assert_eq!((report.missed(), report.decision()), (Some(1), None));
    let again = camp.agree(report.into_general(), None).expect_err("it is over");
    assert!(matches!(again, CampError::Begun), "{again:?}");
}
