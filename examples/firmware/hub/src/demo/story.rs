//! What happens, one thing after the other.

use super::fleet::Fleet;
use super::load::Load;
use super::outcome::Outcome;
use super::{Cast, Plan};
use crate::linux::LINUX;
use crate::wire::{Loss, Router};
use anyhow::{Result, bail};
use cluster::NODES;
use quorate::Fault;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long anything may take at most: far longer than it does, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// A cluster, and what has happened to it.
pub(super) struct Story<'p> {
    plan: &'p Plan,
    cast: Cast,
    begin: Instant,
    router: Arc<Router>,
    fleet: Fleet,
    load: Load,
    chance: fastrand::Rng,
    rounds: u64,
    kills: u64,
    liars: u64,
    /// Requests of all rounds up to this one, and tenths of this one that were told of.
    requests: u64,
    told: u64,
}

impl<'p> Story<'p> {
    /// Starts all members.
    pub(super) fn begin(plan: &'p Plan, cast: Cast, image: &Path) -> Result<Self> {
        let begin = Instant::now();
        // No two runs are the same one, whatever the seed: nonces are never used again.
        let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as u64;
        let router = Router::new(Loss::new(plan.loss, plan.seed));
        let mut fleet = Fleet::new((cast, plan.board), image, Arc::clone(&router), run)?;
        let load = Load::start(&router, plan.seed, run)?;
        for id in 0..NODES {
            fleet.start(id, false)?;
        }
        let chance = fastrand::Rng::with_seed(plan.seed);
        let (rounds, kills, liars, requests, told) = (0, 0, 0, 0, 0);
        let story = Self {
            plan,
            cast,
            begin,
            router,
            fleet,
            load,
            chance,
            rounds,
            kills,
            liars,
            requests,
            told,
        };
        let (loss, name) = (plan.loss, plan.board.name());
        let boards = (0..NODES).filter(|id| !cast.is_linux(*id)).count();
        let more = if boards < NODES { ", a Linux process is the fourth member" } else { "" };
        story.say(&format!(
            "{boards} boards ({name}) have power{more}, lines lose {loss} % of frames"
        ));
        Ok(story)
    }

    /// Goes through all rounds.
    pub(super) fn tell(mut self) -> Result<Outcome> {
        let end = Duration::from_secs(60 * self.plan.minutes);
        loop {
            self.round()?;
            if self.begin.elapsed() >= end {
                return Ok(self.end());
            }
        }
    }

    /// One round: a quarter in peace, then the primary is killed and comes back, then a member
    /// lies to the end. Never two of them at a time: f = 1. A Linux process that was not the
    /// primary is killed after it.
    fn round(&mut self) -> Result<()> {
        let (before, each) = (self.requests, self.plan.requests);
        (self.rounds, self.requests, self.told) = (self.rounds + 1, before + each, 0);
        let part = |hundredths: u64| before + each * hundredths / 100;
        self.serve(part(25), part(25))?;
        if self.plan.kill_primary {
            // Work goes on when it happens.
            self.serve(self.load.tally.ended() + 1, part(60))?;
            let primary = self.primary();
            self.lose(primary, part(40), part(60))?;
            if self.cast == Cast::Mixed && !self.cast.is_linux(primary) {
                self.serve(self.load.tally.ended() + 1, part(75))?;
                self.lose(LINUX.index(), part(65), part(75))?;
            }
        }
        if self.plan.liar {
            self.suffer_liar(part(100))?;
        } else {
            self.serve(part(100), part(100))?;
            self.settle()?;
        }
        Ok(())
    }

    fn primary(&self) -> usize {
        (self.fleet.view() % NODES as u64) as usize
    }

    /// A member is killed in the middle of work, and comes back when so many requests have ended.
    fn lose(&mut self, id: usize, back: u64, on: u64) -> Result<()> {
        let (view, who) = (self.fleet.view(), self.fleet.who(id));
        let linux = self.cast.is_linux(id);
        let role = if id == self.primary() { "primary" } else { "a backup" };
        self.fleet.kill(id)?;
        let (dead, seen) = (Instant::now(), self.load.tally.ended());
        self.kills += 1;
        let dies = if linux { "is killed" } else { "loses its power" };
        self.say(&format!("{who}, {role} of view {view}, {dies} (SIGKILL)"));
        // Answers that were under way may still come.
        self.serve(seen + cluster::CLIENTS as u64 + 1, on)?;
        let (now, after) = (self.fleet.view(), dead.elapsed().as_secs_f64());
        self.say(&format!("the others serve in view {now}, after {after:.1} s"));
        self.serve(back, on)?;

        let (goal, since) = (self.fleet.executed(), Instant::now());
        let erased = self.plan.erase_flash;
        if erased {
            self.fleet.erase(id)?;
        }
        self.fleet.start(id, false)?;
        let back = match (linux, erased) {
            (true, _) => "runs again, with its log",
            (false, false) => "has power again, and its flash",
            (false, true) => "has power again, and nothing in its flash: it recovers",
        };
        self.say(&format!("{who} {back}"));
        self.until("the member that was killed catches up", |story| {
            story.fleet.report(id).is_some_and(|report| report.executed >= goal)
        })?;
        let after = since.elapsed().as_secs_f64();
        self.say(&format!("{who} has caught up with sequence {goal}, after {after:.1} s"));
        Ok(())
    }

    /// A member that is not the primary lies until all is served. Then it is honest again, and its
    /// state must be the others'.
    fn suffer_liar(&mut self, all: u64) -> Result<()> {
        let liar = (self.primary() + self.chance.usize(1..NODES)) % NODES;
        let who = self.fleet.who(liar);
        self.fleet.kill(liar)?;
        self.fleet.start(liar, true)?;
        self.liars += 1;
        self.say(&format!("{who} lies from now on, in every vote and every reply"));
        self.serve(all, all)?;
        self.settle()?;
        self.fleet.kill(liar)?;
        self.fleet.start(liar, false)?;
        self.say(&format!("{who} is honest again: it had lied to others, not to itself"));
        self.settle()
    }

    /// Lets the clients make `allowed` requests altogether, until so many have ended.
    fn serve(&mut self, ended: u64, allowed: u64) -> Result<()> {
        self.load.tally.allow(allowed);
        let ended = ended.min(allowed);
        self.until("requests are served", |story| story.load.tally.ended() >= ended)
    }

    /// Waits until all honest members have executed everything, and are in the same state.
    fn settle(&mut self) -> Result<()> {
        self.until("all honest members come to the same state", |story| {
            let (honest, reports) = (story.fleet.honest().len(), story.fleet.reports());
            let first = reports.first().map(|report| report.digest);
            reports.len() == honest
                && reports.iter().all(|it| Some(it.digest) == first)
                && reports.iter().all(|it| it.total == story.load.tally.total())
        })?;
        let honest = self.fleet.honest();
        let digest = self.fleet.reports().first().map(|report| report.digest);
        let digest = digest.unwrap_or_default();
        self.say(&format!("members {honest:?} are in the same state, {digest:?}"));
        Ok(())
    }

    /// Waits for something, and tells how far the clients are.
    fn until(&mut self, what: &str, mut is: impl FnMut(&Self) -> bool) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            self.fleet.listen(Duration::from_millis(10))?;
            self.load.check()?;
            self.tell_logs();
            self.tell_progress();
            if is(self) {
                return Ok(());
            }
            if Instant::now() > end {
                let reports: Vec<_> = (0..NODES).map(|id| self.fleet.report(id)).collect();
                let logs: String = (0..NODES).map(|id| self.fleet.last_lines(id)).collect();
                bail!(
                    "{what}: not within {PATIENCE:?}; if this machine is busy with other things, \
                     boards are too slow to agree; the members say {reports:#?}{logs}"
                );
            }
        }
    }

    /// Tells of each tenth of a round.
    fn tell_progress(&mut self) {
        let before = self.requests - self.plan.requests;
        let ended = self.load.tally.ended();
        let tenths = ended.saturating_sub(before) * 10 / self.plan.requests;
        if tenths > self.told {
            self.told = tenths;
            let view = self.fleet.view();
            let blamed = self.blamed();
            self.say(&format!("{ended} requests of {}, view {view}{blamed}", self.requests));
        }
    }

    /// What the member that accused others most often said last.
    fn blamed(&self) -> String {
        let reports = self.fleet.reports();
        let most = reports.iter().max_by_key(|report| report.faults);
        match most.and_then(|report| Some((report.faults, report.last?))) {
            Some((faults, (node, fault))) => blame(faults, &self.fleet.who(node.index()), fault),
            None => String::new(),
        }
    }

    /// Shows what boards have logged, if that is asked for.
    fn tell_logs(&mut self) {
        for (id, line) in self.fleet.take_lines() {
            if self.plan.log {
                self.show(&format!("{:9}  {} {line}", "", self.fleet.who(id)));
            }
        }
    }

    fn say(&self, what: &str) {
        self.show(&format!("{:7.1} s  {what}", self.begin.elapsed().as_secs_f64()));
    }

    fn show(&self, line: &str) {
        if self.plan.json {
            eprintln!("{line}");
        } else {
            println!("{line}");
        }
    }

    fn end(&self) -> Outcome {
        let (tally, reports) = (&self.load.tally, self.fleet.reports());
        let latencies = tally.latencies();
        let millis = |hundredths: usize| {
            let at = (latencies.len() * hundredths / 100).min(latencies.len().saturating_sub(1));
            latencies.get(at).map_or(0, |latency| latency.as_millis() as u64)
        };
        let most = |at: usize| reports.iter().map(|it| it.stacks[at]).max().unwrap_or_default();
        Outcome {
            stacks: [most(0), most(1)],
            requests: tally.ended(),
            failed: tally.failed(),
            wrong: tally.wrong(),
            seconds: self.begin.elapsed().as_secs_f64(),
            p50_ms: millis(50),
            p99_ms: millis(99),
            max_ms: millis(100),
            frames: self.router.traffic(),
            rounds: self.rounds,
            kills: self.kills,
            liars: self.liars,
            view: self.fleet.view(),
            logged: self.fleet.logged(),
            acknowledged: tally.total(),
            totals: reports.iter().map(|report| report.total).collect(),
            digests: reports.iter().map(|report| report.digest.to_string()).collect(),
        }
    }
}

/// What was said of a member. Silence is no wrong where frames are lost on purpose.
fn blame(faults: u32, who: &str, fault: Fault) -> String {
    match fault {
        Fault::Stalled => format!(
            "; a member accused others {faults} times, last {who} of silence, which is no wrong \
             where frames are lost on purpose"
        ),
        fault => format!("; a member accused others {faults} times, last {who}, which {fault}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_on_a_line_that_loses_frames_is_called_no_wrong() {
        let silent = blame(3, "board 2", Fault::Stalled);
        assert!(silent.contains("3 times") && silent.contains("board 2 of silence"), "{silent}");
        assert!(silent.contains("no wrong"), "{silent}");
        let lied = blame(1, "board 1", Fault::WrongDigest);
        assert!(lied.contains("vouched for a state") && !lied.contains("no wrong"), "{lied}");
    }
}
