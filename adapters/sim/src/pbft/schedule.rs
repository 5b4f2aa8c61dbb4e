//! A plan becomes events to come.

use super::cluster::Cluster;
use super::stage::Happening;
use crate::harm::Kind;
use crate::plan::{Crash, Jump, Plan, Relapse, Role, Trigger};
use crate::swarm::FOR_EVER;
use crate::traitors::{Plot, cast};
use core::time::Duration;
use quorate::{Instant, NodeId, NodeSet};

impl Cluster {
    /// Enters the plan into the queue, and starts the machines.
    pub(super) fn schedule(&mut self) {
        self.engine.schedule(self.plan.calm, Happening::Calm);
        for (at, partition) in self.plan.partitions.iter().enumerate() {
            self.engine.schedule(partition.from, Happening::Cut(at));
            if partition.until < FOR_EVER {
                self.engine.schedule(partition.until, Happening::Heal(at));
            }
        }
        for Crash { node, when, down, wiped } in self.plan.crashes.clone() {
            self.servers[node.index()].site.fragile |= wiped;
            match when {
                Trigger::At(at) => self.engine.schedule(at, Happening::Crash(node, down)),
                Trigger::Writes(fuel) => self.servers[node.index()].fuel(fuel, down),
            }
        }
        for Relapse { node, at, fuel, down } in self.plan.relapses.clone() {
            self.engine.schedule(at, Happening::Crash(node, Some(down)));
            self.servers[node.index()].relapses.extend(fuel.into_iter().map(|fuel| (fuel, down)));
        }
        for (node, clock) in self.plan.clocks.clone() {
            self.servers[node.index()].clock = clock;
        }
        for Jump { node, at, by } in self.plan.jumps.clone() {
            self.engine.schedule(at, Happening::Jump(node, by));
            // Until it shows again what it has shown, no time passes for the machine.
            let back = Duration::from_micros(by.min(0).unsigned_abs()) * 11 / 10;
            self.healed = self.healed.max(at.after(back));
        }
        for harm in self.plan.harms.clone() {
            self.engine.schedule(harm.at, Happening::Harm(harm));
            if let Kind::RolledBack { to } = harm.kind {
                self.engine.schedule(to, Happening::Backup(harm.node));
            }
        }
        let plot = Plot::against(half(&self.plan));
        for (node, role) in self.plan.traitors.clone() {
            let mouth = cast(&self.plan, role, &plot);
            self.corrupt(node, mouth);
            if let Role::Twin(side) = role {
                self.double(node, side);
            }
        }
        for node in (0..self.plan.nodes as u8).map(NodeId) {
            self.with_server(node, |server, stage| server.start(stage));
            self.with_copy(node, |copy, stage| copy.start(stage));
        }
        for client in 0..self.plan.clients {
            self.engine.schedule(Instant::ZERO, Happening::Submit(client));
        }
    }
}

/// The nodes that hear the second story of equivocators.
fn half(plan: &Plan) -> NodeSet {
    let even = (0..plan.nodes as u8).filter(|id| id % 2 == 0).map(NodeId);
    even.filter(|node| !plan.liars().contains(*node)).collect()
}
