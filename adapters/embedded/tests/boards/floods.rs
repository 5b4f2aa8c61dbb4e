//! Those who send more than anybody needs.

use crate::air::{Air, Weather};
use crate::keys::{Board, member, node, nonce};
use crate::replicas::{Cluster, FRAME, Host as Servant, Memory, SEATS, config, service};
use quorate::pbft::{
    Command, Decision, Durability, Message, Record, Replica, Sequence, View, Vote,
};
use quorate::{Digest, Fault, NodeId, Refusal, Target};
use quorate_embedded::{Forgetful, Host, Ledger, Node, Settings};

/// The host of a replica that says an old vote again and again.
struct Flooder {
    host: Servant<Forgetful>,
    left: u32,
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
            let (view, sequence, digest) = (View(0), Sequence(1), Digest::ZERO);
            return Some((Target::All, Message::Commit(Vote { view, sequence, digest })));
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

fn flooder(me: usize) -> Liar {
    let mut config = config(me);
    config.durability = Durability::None;
    let replica = Replica::new(config, Memory::new()).unwrap();
    let (identity, settings) = (member(SEATS, node(me)), Settings::new(nonce(node(me), 0)));
    let host = Flooder { host: service(), left: 0 };
    Node::new(replica, host, identity, vec![0; 3 * FRAME], settings).unwrap()
}

/// Twelve old votes a turn, where a board takes eight frames: what is in front of a client's
/// request would only get more.
#[test]
fn a_replica_that_floods_old_votes_keeps_no_client_waiting() {
    let air = Air::new(6, 1, Weather::FAIR);
    let mut cluster = Cluster::new(|board| air.radio(board, FRAME));
    cluster.servers[3] = None;
    let (mut liar, mut radio) = (flooder(3), air.radio(3, FRAME));
    let mut total = 0;
    for amount in 0..30 {
        total += amount;
        liar.poll(&mut radio, cluster.now).unwrap();
        assert_eq!(cluster.ask(0, amount as u8), total);
    }
    let (mut turns, mut longest) = (0u32, 0);
    while turns < 12_000 {
        cluster.submit(0, 1);
        total += 1;
        let begin = turns;
        while cluster.states()[0].total < total {
            liar.host_mut().left += 12;
            liar.poll(&mut radio, cluster.now).unwrap();
            cluster.turn();
            turns += 1;
            assert!(turns < begin + 2500, "a request waits for half a second and more");
        }
        longest = longest.max(turns - begin);
    }
    let pending: usize = (0..3).map(|board| air.waiting(board)).sum();
    assert!(pending < 1000, "{pending} frames wait, longest {longest}");
}
