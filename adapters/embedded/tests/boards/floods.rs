//! Those who send more than anybody needs.

use crate::air::{Air, Radio, Weather};
use crate::keys::{Board, member, node, nonce};
use crate::replicas::{Cluster, FRAME, Host as Servant, Memory, SEATS, config, service};
use quorate::link::{Hello, Proof};
use quorate::pbft::{
    Batch, Command, Decision, Durability, Message, Outcome, Place, Record, Replica, Reply,
    Sequence, View, Vote,
};
use quorate::wire::Bytes;
use quorate::{ClientId, Digest, Fault, Instant, NodeId, Refusal, Target};
use quorate_embedded::{Forgetful, Host, Ledger, Node, Settings};

/// The host of a replica that says one thing again and again.
struct Flooder {
    host: Servant<Forgetful>,
    left: u32,
    said: (Target, Message<'static>),
}

impl Host<Replica<Memory>> for Flooder {
    type Journal = Forgetful;
    type Error = <Servant<Forgetful> as Host<Replica<Memory>>>::Error;

    fn ledger(&mut self) -> &mut Ledger<Forgetful> {
        Host::<Replica<Memory>>::ledger(&mut self.host)
    }

    fn note(&mut self, record: &Record<'_>) {
        Host::<Replica<Memory>>::note(&mut self.host, record);
    }

    async fn decide<'d>(&mut self, decision: Decision<'d>, said: &[u8]) -> Result<(), Self::Error>
    where
        Replica<Memory>: 'd,
    {
        Host::<Replica<Memory>>::decide(&mut self.host, decision, said).await
    }

    fn command(&mut self) -> Option<Command<'_>> {
        Host::<Replica<Memory>>::command(&mut self.host)
    }

    fn message(&mut self) -> Option<(Target, Message<'_>)> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Some(self.said);
        }
        Host::<Replica<Memory>>::message(&mut self.host)
    }

    fn accuse(&mut self, node: NodeId, fault: Fault) {
        Host::<Replica<Memory>>::accuse(&mut self.host, node, fault);
    }

    fn refuse(&mut self, refusal: Refusal) -> Result<(), Self::Error> {
        Host::<Replica<Memory>>::refuse(&mut self.host, refusal)
    }
}

type Liar = Node<Replica<Memory>, Flooder, Board, Vec<u8>, 6>;

fn flooder(me: usize, said: (Target, Message<'static>)) -> Liar {
    let mut config = config(me);
    config.durability = Durability::None;
    let replica = Replica::new(config, Memory::new()).unwrap();
    let (identity, settings) = (member(SEATS, node(me)), Settings::new(nonce(node(me), 0)));
    let host = Flooder { host: service(), left: 0, said };
    Node::new(replica, host, identity, vec![0; 3 * FRAME], settings).unwrap()
}

/// Twelve frames a turn, where a board takes eight: what is in front of a client's request would
/// only get more.
const FLOOD: u32 = 12;

/// Without board 3, which is a liar, a client is served for 2.4 s and more, whatever happens each
/// turn. Nothing waits for half a second, and frames do not pile up.
fn serve(cluster: &mut Cluster<Radio>, air: &Air, mut each_turn: impl FnMut(Instant)) {
    let (mut turns, mut longest) = (0u32, 0);
    while turns < 12_000 {
        cluster.submit(0, 1);
        let (begin, before) = (turns, cluster.ended(0));
        while cluster.ended(0) == before {
            each_turn(cluster.now);
            cluster.turn();
            turns += 1;
            assert!(turns < begin + 2500, "a request waits for half a second and more");
        }
        longest = longest.max(turns - begin);
    }
    let pending: usize = [0, 1, 2, 4].map(|board| air.waiting(board)).iter().sum();
    assert!(pending < 1000, "{pending} frames wait, longest {longest}");
}

/// A replica that says the same to all others again and again.
fn flood(said: Message<'static>) {
    flood_whom(Target::All, said);
}

fn flood_whom(to: Target, said: Message<'static>) {
    let air = Air::new(6, 1, Weather::FAIR);
    let mut cluster = Cluster::new(|board| air.radio(board, FRAME));
    cluster.servers[3] = None;
    let (mut liar, mut radio) = (flooder(3, (to, said)), air.radio(3, FRAME));
    let mut total = 0;
    for amount in 0..30 {
        total += amount;
        liar.poll(&mut radio, cluster.now).unwrap();
        assert_eq!(cluster.ask(0, amount as u8), total);
    }
    serve(&mut cluster, &air, |now| {
        liar.host_mut().left += FLOOD;
        liar.poll(&mut radio, now).unwrap();
    });
}

/// A board that is no replica, and sends what `frame` makes of a number and a receiver.
fn babble(frame: impl Fn(u32, usize) -> Vec<u8>) {
    let air = Air::new(6, 1, Weather::FAIR);
    let mut cluster = Cluster::new(|board| air.radio(board, FRAME));
    cluster.servers[3] = None;
    let mut number = 0;
    serve(&mut cluster, &air, |_| {
        for _ in 0..FLOOD {
            number += 1;
            (0..3).for_each(|to| air.deliver(node(3), to, &frame(number, to)));
        }
    });
}

#[test]
fn a_replica_that_floods_old_votes_keeps_no_client_waiting() {
    let (view, sequence, digest) = (View(0), Sequence(1), Digest::ZERO);
    flood(Message::Commit(Vote { view, sequence, digest }));
}

/// Of a view that it leads and nobody is in.
#[test]
fn a_replica_that_floods_what_is_of_no_use_keeps_no_client_waiting() {
    let (view, sequence, batch) = (View(3), Sequence(1), Batch::from_bytes(&[]));
    flood(Message::PrePrepare { view, sequence, batch });
}

#[test]
fn a_replica_that_floods_what_only_a_primary_may_say_keeps_no_client_waiting() {
    let (view, sequence, batch) = (View(0), Sequence(1), Batch::from_bytes(&[]));
    flood(Message::PrePrepare { view, sequence, batch });
}

#[test]
fn a_replica_that_floods_pieces_nobody_asked_for_keeps_no_client_waiting() {
    let (sequence, place, bytes) = (Sequence(1), Place::ROOTS, Bytes(&[0; 40]));
    flood(Message::State { sequence, place, bytes });
}

#[test]
fn a_replica_that_floods_what_is_for_clients_keeps_no_client_waiting() {
    flood(Message::busy(ClientId(0), 1, std::time::Duration::from_secs(1)));
}

/// Answers to what was never asked, and what no client is told.
#[test]
fn a_replica_that_floods_a_client_keeps_it_from_no_answer() {
    let (me, to) = (ClientId(0), Target::Client(ClientId(0)));
    flood_whom(to, Message::busy(me, 7, std::time::Duration::from_secs(1)));
    let (view, timestamp, outcome, reply) = (View(0), 7, Outcome::Executed, Bytes(&[0; 8]));
    flood_whom(to, Message::Reply(Reply { view, timestamp, client: me, outcome, reply }));
    let (view, sequence, digest) = (View(0), Sequence(1), Digest::ZERO);
    flood_whom(to, Message::Commit(Vote { view, sequence, digest }));
}

#[test]
fn frames_without_a_name_keep_no_client_waiting() {
    babble(|_, _| vec![1]);
}

#[test]
fn hellos_without_end_keep_no_client_waiting() {
    babble(|number, to| {
        let mut nonce = [0; 32];
        nonce[..4].copy_from_slice(&number.to_le_bytes());
        let (cluster, epoch, proof) = (Digest::of(b"boards"), 1, Proof::Hmac);
        let (from, to) = (node(3), node(to));
        Hello { cluster, epoch, from, to, nonce, proof }.to_bytes().to_vec()
    });
}
