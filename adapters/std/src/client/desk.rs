//! The client's thread: operations from other threads, replies from the network.

use super::session::{Ended, Outgoing, Session};
use super::shared::{Question, Shared};
use crate::net::{Channel, Intake, LinkId, Payload, Post};
use crate::replica::encode;
use crate::status::{Control, StatusReport};
use quorate::ed25519::Ed25519;
use quorate::pbft::Message;
use quorate::{Instant, NodeId, Principal, PublicKey, Roster, wire};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// All sessions of a client. Link `s * nodes + j` is that of session s to replica j.
pub(crate) struct Desk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) post: Arc<Post>,
    pub(crate) roster: Roster<Vec<PublicKey>>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) nodes: usize,
    pub(crate) begin: std::time::Instant,
    pub(crate) up: Vec<bool>,
    questions: BTreeMap<u64, Asked>,
    asked: u64,
    payloads: Vec<(LinkId, Payload)>,
    buffer: Vec<u8>,
    ended: Vec<Ended>,
}

/// A question, and the link that it went over, if one was up.
#[derive(Debug)]
struct Asked {
    question: Question,
    over: Option<LinkId>,
}

impl Desk {
    pub(crate) fn new(
        shared: Arc<Shared>,
        roster: Roster<Vec<PublicKey>>,
        sessions: Vec<Session>,
    ) -> Self {
        let nodes = roster.nodes();
        Self {
            post: Arc::clone(&shared.post),
            shared,
            roster,
            up: vec![false; sessions.len() * nodes],
            sessions,
            nodes,
            begin: std::time::Instant::now(),
            questions: BTreeMap::new(),
            asked: 0,
            payloads: Vec::new(),
            buffer: Vec::new(),
            ended: Vec::new(),
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO.after(self.begin.elapsed())
    }

    /// Lets a session do something, and keeps what came of it for the end of the turn.
    fn with_session(
        &mut self,
        at: usize,
        what: impl FnOnce(&mut Session, Instant, &mut Outgoing<'_>) -> Option<Ended>,
    ) {
        let now = self.now();
        let Self { sessions, payloads, up, buffer, ended, .. } = self;
        let mut out = Outgoing { payloads, up, buffer };
        if let Some(session) = sessions.get_mut(at) {
            ended.extend(what(session, now, &mut out));
        }
    }

    fn on_message(&mut self, link: LinkId, bytes: &[u8]) {
        let Ok(message) = wire::decode::<Message<'_>>(bytes) else { return };
        let from = Principal::Node(self.node_of(link));
        let Ok(verified) = self.roster.verify(&Ed25519, from, message) else { return };
        self.with_session(link.0 / self.nodes, |session, now, out| {
            session.reply(now, verified, out)
        });
    }

    fn on_report(&mut self, link: LinkId, number: u64, report: StatusReport) {
        let is_asked =
            |asked: &Asked| asked.over == Some(link) && report.node == asked.question.node;
        if self.questions.get(&number).is_some_and(is_asked)
            && let Some(asked) = self.questions.remove(&number)
        {
            // Whoever does not wait any more does not want it.
            let _ = asked.question.answer.try_send(report);
        }
    }

    fn node_of(&self, link: LinkId) -> NodeId {
        NodeId((link.0 % self.nodes) as u8)
    }

    /// Gives operations to free sessions, as long as there are both.
    fn begin_operations(&mut self) {
        for at in 0..self.sessions.len() {
            if !self.sessions[at].is_free() {
                continue;
            }
            let job = self.shared.work().jobs.pop_front();
            let Some(job) = job else { return };
            self.with_session(at, |session, now, out| session.submit(now, job, out));
        }
    }

    fn wake_sessions(&mut self) {
        let now = self.now();
        for at in 0..self.sessions.len() {
            if self.sessions[at].deadline().is_some_and(|deadline| deadline <= now) {
                self.with_session(at, |session, now, out| session.wake(now, out));
            }
        }
    }

    /// Sends questions over any link that is up; forgets those that nobody waits for.
    fn ask(&mut self) {
        for question in std::mem::take(&mut self.shared.work().questions) {
            self.asked += 1;
            self.questions.insert(self.asked, Asked { question, over: None });
        }
        let now = std::time::Instant::now();
        self.questions.retain(|_, asked| asked.question.until > now);
        for (number, asked) in &mut self.questions {
            if asked.over.is_some_and(|link| self.up[link.0]) {
                continue;
            }
            let node = asked.question.node.index();
            let mut links = (0..self.sessions.len()).map(|at| at * self.nodes + node);
            asked.over = links.find(|link| self.up[*link]).map(LinkId);
            if let Some(link) = asked.over {
                let control = Control::StatusRequest { number: *number };
                self.payloads.push((link, encode(&control)));
            }
        }
    }

    /// Tells those who wait, with no lock held: what they do is theirs.
    fn finish_operations(&mut self) {
        let free = self.sessions.iter().filter(|session| session.is_free()).count();
        self.shared.work().free = free;
        for (done, result) in self.ended.drain(..) {
            done(result);
        }
    }
}

impl Intake for Desk {
    fn ready(&mut self, _link: LinkId) -> bool {
        true
    }

    fn frame(&mut self, link: LinkId, payload: &[u8]) {
        match Channel::split(payload) {
            Some((Channel::Protocol, bytes)) => self.on_message(link, bytes),
            Some((Channel::Control, bytes)) => {
                if let Ok(Control::StatusReport { number, report }) = wire::decode(bytes) {
                    self.on_report(link, number, report);
                }
            }
            Some((Channel::Proof, _)) | None => {}
        }
    }

    fn changed(&mut self, link: LinkId, up: bool) {
        self.up[link.0] = up;
        if up {
            let node = self.node_of(link);
            self.with_session(link.0 / self.nodes, |session, _, out| {
                session.up(node, out);
                None
            });
        }
    }

    fn turn(&mut self) {
        self.wake_sessions();
        self.finish_operations();
        self.begin_operations();
        self.finish_operations();
        self.ask();
        self.post.queue(self.payloads.drain(..));
    }

    fn deadline(&self) -> Option<std::time::Instant> {
        let sessions = self.sessions.iter().filter_map(Session::deadline).min();
        let sessions = sessions.map(|at| self.begin + Duration::from_micros(at.as_micros()));
        let questions = self.questions.values().map(|asked| asked.question.until).min();
        sessions.into_iter().chain(questions).min()
    }
}

impl Drop for Desk {
    /// Nothing is left waiting: the thread has ended, in whatever way.
    fn drop(&mut self) {
        let mut work = self.shared.work();
        work.closed = true;
        let jobs = std::mem::take(&mut work.jobs);
        work.questions.clear();
        drop(work);
        for job in jobs {
            (job.done)(Err(super::error::Failure::Closed));
        }
        for session in &mut self.sessions {
            if let Some(done) = session.abandon() {
                done(Err(super::error::Failure::Closed));
            }
        }
    }
}
