//! The parent of all processes: starts them, introduces them to each other, and reads how it went.

use crate::child::{DESCRIPTION, MARK};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first length of a round. Half of it is margin.
const ROUND: Duration = Duration::from_millis(100);
/// How often the rounds are made twice as long.
const ATTEMPTS: u32 = 7;
/// From the introduction to the first round: time to connect.
const LEAD: Duration = Duration::from_millis(800);

/// What is fought, and by whom. General 0 commands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Battle {
    pub(crate) protocol: &'static str,
    pub(crate) nodes: usize,
    pub(crate) traitors: usize,
    pub(crate) links: &'static str,
    /// Who is not loyal, and what it does instead.
    pub(crate) parts: &'static [(usize, &'static str)],
    pub(crate) agreements: usize,
}

/// How it went for one loyal general.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) general: usize,
    /// What was decided in each agreement: an order, or as many as there are generals.
    pub(crate) orders: Vec<Vec<Option<u8>>>,
    pub(crate) accusations: Vec<(usize, String)>,
    pub(crate) absent: Vec<usize>,
    missed: bool,
    /// Everything that it said.
    log: String,
}

impl Outcome {
    /// It has decided every time, and accuses nobody who is loyal.
    pub(crate) fn expect_loyal(&self, battle: &Battle) {
        assert_eq!(self.orders.len(), battle.agreements, "{self:?}");
        let named = self.accusations.iter().find(|(node, _)| battle.part(*node) == "loyal");
        assert_eq!(named, None, "a loyal general is accused: {self:?}");
    }

    pub(crate) fn expect_order(&self, order: Option<u8>) {
        assert!(self.orders.iter().all(|orders| *orders == [order]), "not {order:?}: {self:?}");
    }

    pub(crate) fn accuses(&self, node: usize, fault: &str) -> bool {
        self.accusations.iter().any(|known| (known.0, known.1.as_str()) == (node, fault))
    }
}

impl Battle {
    /// Loyal generals only.
    pub(crate) const fn of(nodes: usize, traitors: usize) -> Self {
        let (protocol, links) = ("om", "hmac");
        Self { protocol, nodes, traitors, links, parts: &[], agreements: 1 }
    }

    fn part(&self, id: usize) -> &'static str {
        let part = self.parts.iter().find(|(node, _)| *node == id);
        part.map_or("loyal", |(_, part)| part)
    }

    /// Fights until the rounds were long enough for this machine. Returns how it went for the
    /// loyal generals.
    pub(crate) fn fight(&self) -> Vec<Outcome> {
        for attempt in 0..ATTEMPTS {
            let round = ROUND * 2u32.pow(attempt);
            let outcomes = self.fight_once(round);
            if outcomes.iter().all(|outcome| self.was_in_time(outcome)) {
                return outcomes;
            }
            eprintln!("rounds of {round:?} are too short for this machine: {outcomes:#?}");
        }
        panic!("no length of the rounds was enough: {self:?}");
    }

    /// Whether no loyal general was too slow, as far as this one can tell: neither itself, nor
    /// another whose frame did not come in its round.
    fn was_in_time(&self, outcome: &Outcome) -> bool {
        let slow = outcome.accusations.iter().any(|(node, fault)| {
            self.part(*node) == "loyal" && ["Missing", "Late"].contains(&fault.as_str())
        });
        !slow && !outcome.missed
    }

    fn fight_once(&self, round: Duration) -> Vec<Outcome> {
        let mut processes: Vec<_> = (0..self.nodes).map(|id| Process::start(self, id)).collect();
        let addresses: Vec<String> =
            processes.iter_mut().map(|process| process.read("listens")).collect();
        let start = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
        let start = start + LEAD + round;
        let words = [start.as_micros().to_string(), round.as_millis().to_string()];
        let introduction = format!("{} {}\n", words.join(" "), addresses.join(" "));
        for process in &mut processes {
            process.introduce(&introduction);
        }
        let all = processes.into_iter().enumerate();
        let outcomes = all.map(|(id, process)| (id, process.end(id)));
        let outcomes: Vec<_> = outcomes.collect();
        outcomes.into_iter().filter(|(id, _)| self.part(*id) == "loyal").map(|it| it.1).collect()
    }
}

/// One general's process.
struct Process {
    child: Child,
    lines: BufReader<ChildStderr>,
    log: String,
}

impl Process {
    fn start(battle: &Battle, id: usize) -> Self {
        let Battle { protocol, nodes, traitors, links, agreements, .. } = battle;
        let part = battle.part(id);
        let description = format!("{protocol} {nodes} {traitors} {id} {part} {links} {agreements}");
        let mut command = Command::new(std::env::current_exe().expect("this very program"));
        command.args(["--exact", "child_general", "--nocapture"]);
        command.env(DESCRIPTION, description);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let lines = BufReader::new(child.stderr.take().expect("its error output"));
        Self { child, lines, log: String::new() }
    }

    /// The rest of the next line that is for us, if it begins with this word.
    fn read(&mut self, word: &str) -> String {
        let line = self.line().unwrap_or_else(|| panic!("it ended: {}", self.log));
        let rest = line.strip_prefix(word).unwrap_or_else(|| panic!("not {word}: {line}"));
        rest.trim().to_owned()
    }

    /// The next line that is for us; `None` at the end.
    fn line(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("the pipe is open") == 0 {
                return None;
            }
            self.log.push_str(&line);
            if let Some((_, line)) = line.split_once(MARK) {
                return Some(line.trim().to_owned());
            }
        }
    }

    fn introduce(&mut self, introduction: &str) {
        let mut input = self.child.stdin.take().expect("its input");
        // One that is dead does not listen.
        let _ = input.write_all(introduction.as_bytes());
    }

    /// Waits for its end, and says how it went.
    fn end(mut self, general: usize) -> Outcome {
        let mut outcome = Outcome { general, ..Outcome::default() };
        while let Some(line) = self.line() {
            let words: Vec<&str> = line.split(' ').collect();
            let id = || words[1].parse().expect("an id");
            match words[0] {
                "accuses" => outcome.accusations.push((id(), words[2].to_owned())),
                "absent" => outcome.absent.push(id()),
                "missed" => outcome.missed = true,
                "decides" => {
                    outcome.orders.push(words[1..].iter().map(|word| word.parse().ok()).collect());
                }
                _ => panic!("it says {line:?}"),
            }
        }
        let status = self.child.wait().expect("it can be waited for");
        outcome.log = std::mem::take(&mut self.log);
        assert!(status.success(), "general {general} failed: {}", outcome.log);
        outcome
    }
}
