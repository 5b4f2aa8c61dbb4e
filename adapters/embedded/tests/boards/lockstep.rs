//! Lockstep replication on boards: slots of OM(1) among four, a client, both loops.

use crate::keys::{Board, client, member, node, nonce, roster};
use crate::line::{Line, Noise, Port, Waiting};
use crate::scheme::TestVerifier;
use crate::waiting::{Hands, Task, run};
use quorate::lockstep::{
    Client, ClientConfig, Clients, Command, Config, Decision, Desk, General, Lane, Memory, Peer,
    Proposal,
};
use quorate::rounds::{self, Instance, Schedule};
use quorate::service::{ClientCommand, ClientDecision, ClientRow};
use quorate::vector::Instances;
use quorate::{ClientId, Instant, NodeId, PublicKey, om};
use quorate_embedded::{
    Broken, Caller, Forgetful, Host, Ledger, NoLog, Node, Seats, Settings, Stream, Timer,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

const SEATS: Seats = Seats { nodes: 4, clients: 1 };
const B: usize = 200;
const FRAME: usize = 4000;
const ROUND: Duration = Duration::from_millis(20);

type Oral = om::Orders<Proposal<B>, Vec<om::Entry<Proposal<B>>>>;
type Room = Memory<
    (Oral, Vec<Oral>),
    Vec<Lane<Oral, Vec<Oral>>>,
    Vec<ClientRow>,
    Vec<Desk>,
    Vec<u8>,
    Vec<Peer>,
>;
type Member = General<Room, Clients<Vec<PublicKey>, TestVerifier>, B>;

/// Adds up; its reply is the sum.
struct Sum {
    ledger: Ledger<Forgetful>,
    total: u64,
    executed: VecDeque<(u64, ClientId, u64)>,
    told: [u8; 8],
}

impl Host<Member> for Sum {
    type Journal = Forgetful;
    type Error = Broken<NoLog>;

    fn ledger(&mut self) -> &mut Ledger<Forgetful> {
        &mut self.ledger
    }

    async fn decide<'d>(
        &mut self,
        decision: Decision<'d, Oral>,
        _said: &[u8],
    ) -> Result<(), Self::Error>
    where
        Member: 'd,
    {
        if let Decision::Execute(execution) = decision {
            for request in execution.requests() {
                self.total += u64::from(request.operation.0[0]);
                self.executed.push_back((execution.slot(), request.client, self.total));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Option<Command<'_>> {
        let (slot, client, total) = self.executed.pop_front()?;
        self.told = total.to_le_bytes();
        Some(Command::Executed { slot, client, reply: &self.told })
    }
}

fn general(me: usize) -> Member {
    let config = Config {
        me: NodeId(me as u8),
        nodes: 4,
        traitors: 1,
        first: Instant::from_micros(1_000_000),
        interval: ROUND,
        round: ROUND,
        margin: Duration::from_millis(4),
    };
    let instance = |commander| {
        let instance = Instance { number: 0, commander: NodeId(commander) };
        let config = rounds::Config { me: NodeId(me as u8), nodes: 4, traitors: 1, instance };
        om::Orders::new(config, vec![om::Entry::EMPTY; om::slots(4, 1)]).unwrap()
    };
    let schedule = Schedule::new(Instant::ZERO, ROUND, Duration::ZERO).unwrap();
    let lane = |_| {
        let instances = Instances::new((0..4).map(instance).collect::<Vec<Oral>>()).unwrap();
        Lane::with_rules(instances, schedule)
    };
    let memory = Memory {
        lanes: (0..config.lanes(2) + 2).map(lane).collect(),
        rows: vec![ClientRow::default(); 1],
        desks: vec![Desk::default(); 1],
        requests: vec![0; 110],
        replies: vec![0; 8],
        peers: vec![Peer::default(); 4],
        protocol: PhantomData,
    };
    let authority = Clients { roster: roster(SEATS), verifier: TestVerifier };
    General::new(config, memory, authority).unwrap()
}

type Server = Node<Member, Sum, Board, Vec<u8>, 5>;

fn server(me: usize) -> Server {
    let told = [0; 8];
    let ledger = Ledger::new(Forgetful);
    let host = Sum { ledger, total: 0, executed: VecDeque::new(), told };
    let settings = Settings::new(nonce(node(me), 0));
    let identity = member(SEATS, node(me));
    Node::new(general(me), host, identity, vec![0; 3 * FRAME], settings).unwrap()
}

type Sums = Rc<RefCell<Vec<u64>>>;
type OnEnd = Box<dyn FnMut(ClientDecision<'_>)>;
type Asker = Node<Client<Vec<u8>>, Caller<OnEnd>, Board, Vec<u8>, 5>;

fn asker(told: Sums) -> Asker {
    let config = ClientConfig {
        me: ClientId(0),
        traitors: 1,
        retry: Duration::from_millis(500),
        give_up: Duration::from_secs(20),
    };
    let on_end: OnEnd = Box::new(move |end| {
        let ClientDecision::Done { reply } = end else { panic!("{end:?}") };
        told.borrow_mut().push(u64::from_le_bytes(reply.try_into().unwrap()));
    });
    let identity = member(SEATS, client(0));
    let settings = Settings::new(nonce(client(0), 0));
    let protocol = Client::new(config, vec![0; 16], vec![0; 8]);
    Node::new(protocol, Caller::new(on_end), identity, vec![0; 3 * FRAME], settings).unwrap()
}

/// All but one that has no power, if there is one.
fn servers(silent: Option<usize>) -> impl Iterator<Item = (usize, Server)> {
    let loyal = (0..4).filter(move |me| Some(*me) != silent);
    loyal.map(|me| (me, server(me)))
}

/// When there are sessions.
const BEGIN: Instant = Instant::from_micros(1_100_000);

/// What is waited for, unless there are sessions before: it is dropped then, and loses nothing.
async fn before<T>(alarm: &mut Hands, event: impl Future<Output = T>) -> Option<T> {
    let (mut event, mut begin) = (pin!(event), pin!(alarm.until(BEGIN)));
    poll_fn(|waking| match begin.as_mut().poll(waking) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => event.as_mut().poll(waking).map(Some),
    })
    .await
}

fn told_all(sums: &Sums) {
    let expected = (1..=10u64).map(|last| last * (last + 1) / 2);
    assert_eq!(*sums.borrow(), expected.collect::<Vec<_>>());
}

#[test]
fn generals_in_lockstep_serve_a_client_although_one_is_silent() {
    for silent in [None, Some(2)] {
        let line = Line::new(5, 1, Noise::NONE);
        let link = |board, me| Stream::new(line.port(board), me, FRAME);
        let mut servers: Vec<(Server, Stream<Port>)> =
            servers(silent).map(|(me, server)| (server, link(me, node(me)))).collect();
        let sums = Sums::default();
        let mut asker = asker(sums.clone());
        let mut wire = link(4, client(0));
        let (mut now, mut asked) = (Instant::ZERO, 0u8);
        while sums.borrow().len() < 10 {
            if sums.borrow().len() == usize::from(asked) && now > BEGIN {
                asked += 1;
                let command = ClientCommand::Submit { operation: &[asked], wall_micros: 0 };
                asker.command(&mut wire, now, command).unwrap();
            }
            asker.poll(&mut wire, now).unwrap();
            for (server, link) in &mut servers {
                server.poll(link, now).unwrap();
            }
            now = now.after(Duration::from_micros(500));
            assert!(now < Instant::from_micros(20_000_000), "{:?}", servers[0].0.traffic());
        }
        told_all(&sums);
        let status = servers.iter().map(|(server, _)| server.protocol().status().is_behind);
        assert!(status.clone().all(|is_behind| !is_behind));
    }
}

#[test]
fn generals_in_lockstep_that_wait_serve_a_client_although_one_is_silent() {
    for silent in [None, Some(2)] {
        let (line, hands) = (Line::new(5, 1, Noise::NONE), Hands::default());
        let link = |board, me| Stream::new(Waiting(line.port(board)), me, FRAME);
        let boards = servers(silent).map(|(me, mut server)| -> Task {
            let (mut link, mut timer) = (link(me, node(me)), hands.clone());
            Box::pin(async move {
                loop {
                    server.turn(&mut link, &mut timer).await.unwrap();
                    assert!(!server.protocol().status().is_behind, "{:?}", server.traffic());
                }
            })
        });
        let mut tasks: Vec<Task> = boards.collect();
        let (sums, mut wire, mut timer) = (Sums::default(), link(4, client(0)), hands.clone());
        let (told, mut asker) = (sums.clone(), asker(sums.clone()));
        tasks.push(Box::pin(async move {
            let mut alarm = timer.clone();
            while let Some(event) = before(&mut alarm, asker.next(&mut wire, &mut timer)).await {
                asker.handle(&mut wire, &mut timer, event).await.unwrap();
            }
            for amount in 1..=10u8 {
                let command = ClientCommand::Submit { operation: &[amount], wall_micros: 0 };
                asker.tell(&mut wire, &mut timer, command).await.unwrap();
                while told.borrow().len() < usize::from(amount) {
                    asker.turn(&mut wire, &mut timer).await.unwrap();
                }
            }
            std::future::pending().await
        }));
        run(&mut tasks, &hands, || sums.borrow().len() == 10);
        told_all(&sums);
    }
}
