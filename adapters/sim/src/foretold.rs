//! What a plan has in store, in plain words, and who is faulty in it.

use crate::chronicle::name;
use crate::network::Cut;
use crate::plain::{counted, lasting, moment, names, percent};
use crate::plan::{Crash, Jump, Partition, Plan, Relapse, Trigger};
use crate::swarm::FOR_EVER;
use quorate::{ClientId, NodeId, Principal};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

impl Plan {
    /// The replicas that are not what they should be, or not for long, and what they are in a word
    /// or two.
    #[must_use]
    pub fn marks(&self) -> Vec<(NodeId, String)> {
        let mut marks: BTreeMap<NodeId, Vec<&str>> = BTreeMap::new();
        for (node, role) in &self.traitors {
            marks.entry(*node).or_default().push(role.mark());
        }
        for harm in &self.harms {
            marks.entry(harm.node).or_default().push(harm.kind.mark());
        }
        for crash in self.crashes.iter().filter(|crash| crash.wiped || crash.down.is_none()) {
            let mark = if crash.wiped { "lost disk" } else { "gone" };
            marks.entry(crash.node).or_default().push(mark);
        }
        for partition in self.partitions.iter().filter(|it| it.until == FOR_EVER) {
            if let Some((Principal::Node(node), mark)) = self.alone(&partition.cuts) {
                marks.entry(node).or_default().push(mark);
            }
        }
        marks.into_iter().map(|(node, marks)| (node, marks.join(", "))).collect()
    }

    fn everybody(&self) -> BTreeSet<Principal> {
        let nodes = (0..self.nodes as u8).map(|id| Principal::Node(NodeId(id)));
        let clients = (0..self.clients as u16).map(|id| Principal::Client(ClientId(id)));
        nodes.chain(clients).collect()
    }

    /// Who alone is severed from all others by these cuts, and how.
    fn alone(&self, cuts: &[Cut]) -> Option<(Principal, &'static str)> {
        let all = self.everybody();
        let single = |side: &BTreeSet<Principal>, other: &BTreeSet<Principal>| {
            let first = side.first().copied().filter(|_| side.len() == 1)?;
            all.iter().all(|who| (*who == first) != other.contains(who)).then_some(first)
        };
        match cuts {
            [there, back] if there.from == back.to && there.to == back.from => {
                let either = single(&there.from, &there.to).or(single(&there.to, &there.from));
                either.map(|who| (who, "cut off"))
            }
            [cut] => {
                let deaf = single(&cut.to, &cut.from).map(|who| (who, "deaf"));
                deaf.or(single(&cut.from, &cut.to).map(|who| (who, "mute")))
            }
            _ => None,
        }
    }

    /// Who does not hear whom.
    fn severed(&self, cuts: &[Cut]) -> String {
        match (self.alone(cuts), cuts) {
            (Some((who, "deaf")), _) => format!("{} hears nobody", name(who)),
            (Some((who, "mute")), _) => format!("nobody hears {}", name(who)),
            (Some((who, _)), _) => format!("{} is cut off", name(who)),
            (None, [there, back]) if there.from == back.to && there.to == back.from => {
                let (one, other) = (names(&there.from), names(&there.to));
                format!("{one} and on the other side {other} do not hear each other")
            }
            (None, _) => {
                let each = cuts.iter().map(|Cut { from, to }| {
                    let verb = if to.len() == 1 { "does" } else { "do" };
                    format!("{} {verb} not hear {}", names(to), names(from))
                });
                each.collect::<Vec<_>>().join(", and ")
            }
        }
    }

    fn sizes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = counted(self.clients, "client");
        let requests = counted(self.requests, "request");
        let (seed, nodes, window) = (self.seed, self.nodes, self.window);
        writeln!(
            f,
            "seed {seed}: {nodes} replicas, window {window}, {clients} with {requests} each"
        )?;
        writeln!(
            f,
            "batches of up to {}, {}, {:?} delay; timeout {:?} to {:?}",
            counted(self.batch_requests, "request"),
            counted(self.batch_bytes, "byte"),
            self.batch_delay,
            self.timeout,
            self.timeout_cap
        )
    }

    fn weather(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let storm = &self.storm;
        let (loss, later) = (percent(storm.loss), percent(self.fair.loss));
        let (twice, spikes) = (percent(storm.duplicates), percent(storm.delay.spikes));
        write!(f, "network: {:?} to {:?}, spikes {spikes}", storm.delay.min, storm.delay.max)?;
        write!(f, ", duplicates {twice}, loss {loss}")?;
        if self.calm != FOR_EVER && later != loss {
            write!(f, " until {}, then {later}", moment(self.calm))?;
        }
        let reads = if self.fast_reads { "fast" } else { "ordered" };
        writeln!(f, "\nreads: {} of all operations, {reads}", percent(self.reads))?;
        writeln!(f, "disk: a write is durable after up to {:?}", self.disk_latency)?;
        if self.asks {
            writeln!(f, "start: a replica whose log is empty asks whether it is new")?;
        }
        if self.host_latency.is_zero() {
            return Ok(());
        }
        writeln!(f, "application: a request takes {:?}", self.host_latency)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sizes(f)?;
        self.weather(f)?;
        self.crashes.iter().try_for_each(|crash| writeln!(f, "{crash}"))?;
        for Partition { from, until, cuts } in &self.partitions {
            let (severed, from) = (self.severed(cuts), moment(*from));
            match *until {
                FOR_EVER => writeln!(f, "{severed} from {from} on")?,
                until => writeln!(f, "{severed} from {from} to {}", moment(until))?,
            }
        }
        self.harms.iter().try_for_each(|harm| writeln!(f, "{harm}"))?;
        self.relapses.iter().try_for_each(|relapse| writeln!(f, "{relapse}"))?;
        self.jumps.iter().try_for_each(|jump| writeln!(f, "{jump}"))?;
        writeln!(f, "features: {}", self.features().join(", "))?;
        if let Some(core) = self.core {
            let (calm, core) = (moment(self.calm), crate::plain::nodes(core));
            writeln!(f, "core from {calm} on: {core}")?;
        }
        self.traitors.iter().try_for_each(|(node, role)| writeln!(f, "r{} {role}", node.0))
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, when, down, wiped } = *self;
        let how = down.map_or("for ever".to_owned(), |down| format!("for {}", lasting(down)));
        let disk = if wiped { ", and loses its disk" } else { "" };
        match when {
            Trigger::At(at) => write!(f, "r{} goes down at {} {how}{disk}", node.0, moment(at)),
            Trigger::Writes(writes) => {
                let writes = counted(writes, "write");
                write!(f, "r{} goes down {how} when it has made {writes}{disk}", node.0)
            }
        }
    }
}

impl fmt::Display for Relapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, at, fuel, down } = self;
        let (at, down) = (moment(*at), lasting(*down));
        write!(f, "r{} goes down at {at} for {down}", node.0)?;
        if fuel.is_empty() {
            return Ok(());
        }
        let fuel: Vec<String> = fuel.iter().map(|writes| counted(writes, "write")).collect();
        write!(f, ", and again when it is back and has made {}", fuel.join(", then "))
    }
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, at, by } = *self;
        let way = if by < 0 { "back" } else { "forward" };
        let by = by.unsigned_abs() as f64 / 1e6;
        write!(f, "the clock of r{} is set {way} by {by:.3} s at {}", node.0, moment(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Faults;
    use quorate::Instant;

    fn severed(cuts: &[(&[u8], &[u8])]) -> (String, Vec<(NodeId, String)>) {
        let side = |ids: &[u8]| ids.iter().map(|id| Principal::Node(NodeId(*id))).collect();
        let cuts = cuts.iter().map(|(from, to)| Cut { from: side(from), to: side(to) }).collect();
        let mut plan = Plan { clients: 0, ..Plan::quiet(1, 4) };
        let from = Instant::from_micros(1_900_000);
        plan.partitions.push(Partition { from, until: FOR_EVER, cuts });
        let told = plan.to_string();
        let line = told.lines().find(|line| line.ends_with("from 1.900 s on"));
        (line.expect(&told).to_owned(), plan.marks())
    }

    #[test]
    fn who_does_not_hear_whom_is_told_in_plain_words() {
        let mark = |mark: &str| vec![(NodeId(3), mark.to_owned())];
        let deaf = severed(&[(&[0, 1, 2], &[3])]);
        assert_eq!(deaf, ("r3 hears nobody from 1.900 s on".to_owned(), mark("deaf")));
        let mute = severed(&[(&[3], &[0, 1, 2])]);
        assert_eq!(mute, ("nobody hears r3 from 1.900 s on".to_owned(), mark("mute")));
        let off = severed(&[(&[3], &[0, 1, 2]), (&[0, 1, 2], &[3])]);
        assert_eq!(off, ("r3 is cut off from 1.900 s on".to_owned(), mark("cut off")));
        let some = severed(&[(&[0], &[2, 3])]);
        assert_eq!(some, ("r2 r3 do not hear r0 from 1.900 s on".to_owned(), vec![]));
        let two = severed(&[(&[0, 1], &[2, 3]), (&[2, 3], &[0, 1])]);
        let told = "r0 r1 and on the other side r2 r3 do not hear each other from 1.900 s on";
        assert_eq!(two, (told.to_owned(), vec![]));
    }

    #[test]
    fn no_plan_shows_how_it_is_kept() {
        let mut words = String::new();
        for seed in 0..300 {
            words += &Plan::under(seed, None, Faults::Traitors).to_string();
            words += &Plan::under(seed, None, Faults::Swarm).to_string();
        }
        for told in [" goes down at ", " when it has made ", " hears nobody from ", " is set back "]
        {
            assert!(words.contains(told), "none of 600 plans says{told}");
        }
        let kept = |line: &&str| line.contains(['{', '(', '[']) || line.contains("1844674407");
        assert_eq!(words.lines().find(kept), None);
    }

    #[test]
    fn everybody_of_whom_nothing_is_promised_has_a_mark() {
        for seed in 0..300 {
            let plan = Plan::under(seed, None, Faults::Traitors);
            let marked: Vec<NodeId> = plan.marks().into_iter().map(|(node, _)| node).collect();
            assert!(plan.unreliable().iter().all(|node| marked.contains(&node)), "seed {seed}");
        }
    }
}
