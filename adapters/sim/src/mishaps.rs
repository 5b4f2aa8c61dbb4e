//! What befalls the machines and the network of a run: crashes, bad disks, partitions.

use crate::harm::{Harm, Kind};
use crate::network::Cut;
use crate::plan::{Crash, Partition, Plan, Trigger};
use crate::random::Random;
use core::time::Duration;
use quorate::{ClientId, Instant, NodeId, Principal};
use std::collections::BTreeSet;

impl Plan {
    /// One crash; for ever only if the cluster withstands one more fault.
    pub(crate) fn draw_crash(&mut self, random: &mut Random) {
        let node = NodeId(random.below(self.nodes as u64) as u8);
        let for_ever = self.spare() > 0 && random.chance(250);
        let down = Duration::from_micros(random.between(0, self.calm.as_micros() / 2));
        let at = Instant::from_micros(random.below(self.calm.as_micros()));
        let writes = random.between(1, 2 * (self.clients * self.requests) as u64);
        let when = *random.pick(&[Trigger::At(at), Trigger::Writes(writes)]);
        // Until it has recovered, which takes traffic, it is one of the f.
        let wiped = !for_ever && self.spare() > 0 && random.chance(250);
        self.crashes.push(Crash { node, when, down: (!for_ever).then_some(down), wiped });
    }

    /// All replicas lose their power at once; each has it back in its own time.
    pub(crate) fn draw_blackout(&mut self, random: &mut Random) {
        let at = Instant::from_micros(random.below(self.calm.as_micros()));
        for node in (0..self.nodes as u8).map(NodeId) {
            let down = Duration::from_micros(random.between(0, 1_000_000));
            let when = Trigger::At(at);
            self.crashes.push(Crash { node, when, down: Some(down), wiped: false });
        }
    }

    /// A disk is rolled back or corrupted, if one more replica may be faulty.
    pub(crate) fn draw_harm(&mut self, random: &mut Random) {
        let node = NodeId(random.below(self.nodes as u64) as u8);
        let forever = self.crashes.iter().any(|c| c.node == node && c.down.is_none());
        if self.spare() == 0 || forever || self.faulty().contains(node) {
            return;
        }
        let at = Instant::from_micros(random.between(1, self.calm.as_micros()));
        let to = Instant::from_micros(random.below(at.as_micros()));
        let kinds = [
            Kind::RolledBack { to },
            Kind::Corrupted,
            Kind::Misdirected,
            Kind::Lost,
            Kind::CaptureCorrupted,
            Kind::PagesCorrupted,
        ];
        let (kind, down) = (*random.pick(&kinds), random.between(0, 1_000_000));
        self.harms.push(Harm { node, at, down: Duration::from_micros(down), kind });
    }

    /// Splits replicas and clients in two; in one of three, one side still hears the other.
    pub(crate) fn draw_partition(&mut self, random: &mut Random) {
        let nodes = (0..self.nodes as u8).map(|id| Principal::Node(NodeId(id)));
        let clients = (0..self.clients as u16).map(|id| Principal::Client(ClientId(id)));
        let mut members: Vec<Principal> = nodes.collect();
        random.shuffle(&mut members);
        let cut_off = random.between(1, self.nodes as u64 / 2) as usize;
        let mut one: BTreeSet<_> = members.split_off(members.len() - cut_off).into_iter().collect();
        let mut other: BTreeSet<_> = members.into_iter().collect();
        for client in clients {
            match random.below(3) {
                0 => one.insert(client),
                1 => other.insert(client),
                _ => false,
            };
        }
        let (there, back) =
            (Cut { from: one.clone(), to: other.clone() }, Cut { from: other, to: one });
        let cuts = match random.below(6) {
            0 => vec![there],
            1 => vec![back],
            _ => vec![there, back],
        };
        let from = random.below(self.calm.as_micros());
        let until = Instant::from_micros(random.between(from, self.calm.as_micros()));
        self.partitions.push(Partition { from: Instant::from_micros(from), until, cuts });
    }
}
