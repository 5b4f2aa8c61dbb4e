//! Scenarios as text: who does what, and what is expected.
//!
//! A script is read aloud from top to bottom. Its first comment tells the story. Then comes its
//! cluster, or its [generals](#generals), then what happens, one line after another, and what is
//! expected of it:
//!
//! ```text
//! # The primary is dead, and the cluster goes on without it.
//! cluster of 4, window 8, 1 client
//! crash r0
//! at 1s client 0 asks "A"
//! expect client 0 has 1 reply by 5s
//! expect view 1
//! expect history "A"
//! ```
//!
//! # Time
//!
//! A line happens when the line before it has happened; `at 2s` lets the time of day be 2 s
//! before it, `after 100ms` lets so much time pass. `wait 2s` lets time pass and does nothing. An
//! expectation looks at what is; with `by 5s` (a time of day) or `within 3s` it waits until that
//! holds and goes on at once when it does.
//!
//! # The cluster
//!
//! `cluster of 4, window 8, 2 clients, 1 request a batch, timeout 500ms to 4s, retry 300ms,
//! status 50ms, disk 2ms, network 1ms to 5ms, loss 10%, duplicates 10%, seed 7, fast reads,
//! compaction, clients believe in 2`; all but the first is optional, and these are the values of
//! what is left out, with a network of 1 ms that loses nothing, an instant disk, and clients that
//! believe in all replicas. The application keeps a chain of all operations.
//!
//! # What happens
//!
//! * `client 0 asks "A"`, `client 0 asks for 20 operations`, `client 0 reads`: one operation after
//!   another. `client 1 lies "A" time 7 forged to r0 r1`: a request of its own making, here
//!   without a signature; `time last` is the largest timestamp.
//! * `crash r0`, `restart r0`, `wipe r0`: power, and power with the disk. `back up r0`,
//!   `roll back r0`, `corrupt disk of r0`, `log of r0 gains settled view 0 seq 1 batch "A"` (or
//!   `accepted`): disks; all but the first while it is down. `flip state of r0`: a bit of its
//!   application's state turns.
//! * `cut r0 -> r1 r2`, `cut r0 <-> client 0`, `isolate r0`: links, one way or both ways.
//!   `lose the first 2 COMMIT from r0 to r1`, `hold PRE-PREPARE view 0 seq 1 to r3 for 50ms`:
//!   single messages. `heal` ends all of these.
//!   `network 1ms to 20ms, loss 30%, duplicates 50%`: the weather.
//! * `traitor r0 says PRE-PREPARE with seq+1 to r3`: a lie in place of what it should say.
//!   `traitor r0 drops PREPARE to r2`, `delays PREPARE by 1s`, `repeats PREPARE 9 times`,
//!   `ignores REQUEST`; a rule may be about `the first 3 PREPARE view 0 seq 1`.
//! * `traitor r0 sends a new COMMIT view 0 seq 1 batch "A" to r1`: it speaks of its own accord.
//!   `traitor r0 sends its first NEW-VIEW to r1`, `sends the last PREPARE of r2 100 times to r1`,
//!   `sends garbage to r1`: what it said before, what it heard, and nonsense.
//! * `traitor r0 stops lying`; `traitor r0 plays silent to r1`, from the beginning: any of the
//!   traitors of [`Role`](crate::plan::Role), by its name: silent, equivocator, liar, forgetful,
//!   slow, stale, hoarder, delayer, forger, replayer (also of what was signed in another cluster
//!   and epoch), spammer, withholder, poisoner, counterfeiter, partial, usurper, agitator, boaster,
//!   twin (a second copy of it runs with its keys, and all talk with both), mutator (which messages
//!   it changes, the seed of the cluster says). Some have more to say: `silent to r1 r2`, `unfair
//!   to client 0` (never without), `withholder to r1`, `twin to r1` (who talks with the copy),
//!   `mutator of 3 rounds`.
//!
//! A lie is made by one change or several, joined by `and`: `view+1`, `seq-1`,
//! `another digest`, `batch "A"`, `empty batch`, `requests twice`, `a bad signature`,
//! `author r0`, `content "x"`, `a byte missing`; for a VIEW-CHANGE `nothing prepared`,
//! `a claim seq 1 view 0`, `checkpoint s8`; for a NEW-VIEW `another choice at s1`,
//! `NULL at s1`, `r0 left out`. A traitor has its own keys and what it heard, nothing else. A rule
//! that never had its chance makes the script fail: it would test nothing.
//!
//! # What is expected
//!
//! `client 0 has 2 replies` · `client 0 gets #1 #3` (which operations of all those executed its
//! own were) · `history "A" "B"` · `"A" at s1` · `view 1` · `no view change` · `executed s8` ·
//! `stable s8` · `equal states` · `different states of r0 r3` · `r1 accuses r0 of Equivocation` ·
//! `r0 accused of Equivocation` · `no accusation` · `no accusation of r0` · `evidence` ·
//! `no evidence` · `9 PREPARE from r0 to r1` (that arrived; also `at most 9`, `at least 9`, `some`,
//! `no`) ·
//! `r0 up` · `r0 down` · `r3 "installs"` and `r3 never "installs"` (in the transcript) ·
//! `r1 left 1 view as slow` (or timer, unfair, followed) · `violation of agreement`.
//! Where replicas are not named with `on r1 r2`, all that are correct and up are meant; if there is
//! none, nothing holds of them. `r0 accused of Equivocation`: by one that is correct. What
//! happens to the copy of a twin is left out. That no checker of the simulator objects is
//! expected of every script that does not say otherwise, with one `violation of agreement`.
//!
//! # Generals
//!
//! A script that begins with `generals` or `vector` plays a protocol in rounds:
//!
//! ```text
//! # A traitor commander tells each lieutenant another order: none of them prevails.
//! generals of 4, oral messages, 1 traitor
//! general r0 commands "A"
//! traitor r0 says "B" to r2
//! traitor r0 says "C" to r3
//! expect r1 r2 r3 decide the default
//! expect 9 frames
//! ```
//!
//! All rules hold from the beginning, and expectations are looked at in the end; with `by 300ms`
//! they are about what has happened up to then, decisions too (`within` there is not). The first
//! round begins at zero, or at twice the skew.
//!
//! * `generals of 4, signed messages, 2 traitors, round 100ms, network 1ms to 5ms, duplicates 50%,
//!   skew 10ms, seed 7`, or `phase king`; `vector of 4 over oral messages, 1 traitor`. All but the
//!   protocol is optional, and these are the values of what is left out, with one traitor, a
//!   network of 1 ms that repeats nothing, and no skew. `beyond the bound` allows more traitors
//!   than are withstood, or too few generals, and demands one or the other.
//! * `general r0 commands "A"`: an order of up to twelve letters. In a vector everybody has one;
//!   else each such line is another agreement, which `at 20ms` begins later.
//! * `traitor r0 says "B" to r1 in round 2`: in place of the truth, every order of a frame; of oral
//!   messages also `nothing`, and `for path r0 r3` one order of it; of the phase king also
//!   `nothing` and `undecided`. What it signed itself it signs again.
//! * `traitor r0 is silent`, `delays by 10ms`, `repeats 9 times`, each with `to r1`, `in round 2`,
//!   `about r1` (the agreement of r1 or that entry of a vector; `agreement 2` where one commands
//!   twice).
//! * `traitor r0 sends "B" to r1 in round 2 after 5ms`: beside it. Oral messages: `for path r0 r3`,
//!   also one that cannot be. Signed messages: `signed by r0 r1`, then `without r0` and `forged`;
//!   traitors have their own keys, and signatures of others only as they have heard them. `10
//!   orders`; `9 times`; `of round 9`: as if it were of that round. `sends garbage`, `sends what r1
//!   said`, and `sends what r1 said as about r0`, in another agreement.
//! * `traitor r0 plays liar`, from the beginning: any of [`generals::Role`](crate::generals::Role),
//!   by its name. Of a `twin` all hear both machines; of a `twin to r1` r1 hears the copy, and the
//!   others do not.
//! * `at 50ms crash r1`, `at 50ms freeze r1 for 100ms`, `lose everything from r1`, `lose 50% to
//!   r1`, `clock of r1 ahead by 5ms` or `behind by 5ms`: faults as well, of a clock if all that is
//!   said of it is more than the skew together. What happens when all have decided is refused.
//! * Expected: `r1 r2 decide "A"` · `all decide the default` (all that are correct) · `all decide
//!   "A" "B" "C" the default` (a vector) · `r1 decides "A" about r0` · `all decide alike` · `r1
//!   does not decide` · `r1 accuses r0 of Missing` · `r0 accused of Late` · `no accusation` · `no
//!   accusation of r0` · `9 frames from r0 to r1` (that arrived; also `at most`, `at least`,
//!   `some`, `no`) · `r1 "REFUSES"` and `r1 never "REFUSES"` (in the transcript) · `violation of
//!   validity`.
//!
//! # A service in lockstep
//!
//! `service of 4 in lockstep over oral messages, 1 traitor, slot 400ms`, and the other words of
//! generals but `beyond the bound`: slots begin every 400 ms, the first at 400 ms. There are three
//! clients.
//!
//! * `at 50ms client 0 asks "A"`, of all generals, or `of r1` only; one operation after another.
//!   `client 0 lies "A" time 2 to r0 r1`: a request of its own making beside them, signed; `time
//!   last` is the largest timestamp. What it asks for has the times 1, 2 and so on, and one that
//!   lies is promised nothing: neither a reply nor one in time.
//! * `host of r1 takes 60ms`, from then on for each request that its general has it execute and
//!   each state that it captures, one after the other; nothing before. Who takes longer than a slot
//!   does not keep up: it is faulty, and rejoins.
//! * `traitor r0 plays liar` (or another part of generals, but a service has no twins); `at 450ms
//!   freeze r2 for 150ms`, `lose everything from r2`.
//! * Expected: `client 0 has 1 reply by 1s` · `history "A" "B" on r1 r2` (all that is executed) ·
//!   `"A" at s0` · `r1 proposes something in s0` and `r1 proposes nothing in s1` (of one that does
//!   not lie) · accusations, the transcript and violations as of generals.

mod golden;
mod pbft;
mod played;
mod problem;
mod rounds;
mod service;
mod when;
mod witness;
mod words;

pub use golden::golden;
pub use played::{Outcome, Played};
pub use problem::Problem;

use crate::generals::Protocol;
use std::fmt::Debug;
use std::sync::Arc;
use words::{Cast, Words, Wrong};

/// A script that was read.
#[derive(Clone, Debug)]
pub struct Script {
    file: String,
    story: String,
    scene: Arc<dyn Scene>,
}

/// What a script plays: of each kind there is one, which its first line chooses.
trait Scene: Debug + Send + Sync {
    /// Reads the next line.
    fn read(&mut self, line: usize, text: &str, words: &mut Words) -> Result<(), Wrong>;

    /// All lines are read: whether they fit together.
    fn close(&mut self) -> Result<(), Wrong>;

    /// Whether anything is expected.
    fn expects(&self) -> bool;

    /// Plays it from its beginning.
    fn play(&self) -> Played;
}

impl Script {
    /// Reads a script; `file` is what problems call it.
    ///
    /// # Errors
    /// The first line that cannot be read, and what would be right there.
    pub fn read(file: &str, text: &str) -> Result<Self, Problem> {
        let problem = |line, what| Problem { file: file.to_owned(), line, what };
        let mut cast = Cast { nodes: 64, clients: 1 << 16, fixed: false };
        let (mut scene, mut violation) = (None, false);
        for (line, text) in (1..).zip(text.lines()) {
            let mut words = Words::of(text, cast).map_err(|what| problem(line, what))?;
            if words.is_empty() {
                continue;
            }
            let Some(scene) = &mut scene else {
                scene = Some(open(&mut words).map_err(|what| problem(line, what))?);
                cast = words.cast;
                continue;
            };
            scene.read(line, text.trim(), &mut words).map_err(|what| problem(line, what))?;
            if violation && words.violation {
                return Err(problem(line, ONE_VIOLATION.to_owned()));
            }
            violation |= words.violation;
        }
        let mut scene =
            scene.ok_or_else(|| problem(0, format!("there is no cluster: write {FIRST_LINES}")))?;
        scene.close().map_err(|what| problem(0, what))?;
        let comments = text.lines().take_while(|line| line.starts_with('#'));
        let comments: Vec<&str> =
            comments.map(|line| line.trim_start_matches('#').trim()).collect();
        let story = comments.join(" ");
        if story.is_empty() {
            return Err(problem(1, NO_STORY.to_owned()));
        }
        if !scene.expects() {
            return Err(problem(0, NO_CLAIM.to_owned()));
        }
        Ok(Self { file: file.to_owned(), story, scene: scene.into() })
    }

    /// What the script tells, in its own words.
    #[must_use]
    pub fn story(&self) -> &str {
        &self.story
    }

    /// What the script is called.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Plays the script from its beginning.
    #[must_use]
    pub fn play(&self) -> Played {
        self.scene.play()
    }
}

const NO_STORY: &str = "there is no story: begin with a comment, as `# The primary is dead.`";
const NO_CLAIM: &str = "nothing is expected: write one line at least that begins with `expect`";

const ONE_VIOLATION: &str =
    "a violation is expected already, and the first one ends the run: take one of them";

const FIRST_LINES: &str = "`cluster of 4` before anything else, or `generals of 4, oral messages, \
    1 traitor`, or `vector of 4 over oral messages, 1 traitor`, or `service of 4 in lockstep over \
    oral messages, 1 traitor`";

/// Reads the first line.
fn open(words: &mut Words) -> Result<Box<dyn Scene>, Wrong> {
    if words.take("cluster") {
        return Ok(Box::new(pbft::Cluster::open(words)?));
    }
    if words.take("generals") {
        return Ok(Box::new(rounds::Generals::open(words, None)?));
    }
    if words.take("vector") {
        return Ok(Box::new(rounds::Generals::open(words, Some(Protocol::Vector))?));
    }
    if words.take("service") {
        return Ok(Box::new(service::Service::open(words)?));
    }
    Err(words.instead(FIRST_LINES))
}
