//! One agreement of one general, without a socket or a clock.

use super::error::CampError;
use super::report::Report;
use super::voice::Voice;
use crate::net::{Channel, LinkId, Payload};
use quorate::auth::Signed;
use quorate::ed25519::Ed25519;
use quorate::rounds::{General, Rules};
use quorate::{
    Admission, Fault, Input, InputOf, Instant, NodeId, Output, Principal, Protocol, PublicKey,
    Refusal, Roster, wire,
};

/// Drives a general through its rounds. What is to be sent comes back from each call.
pub(crate) struct Driver<'c, R> {
    pub(crate) report: Report<R>,
    voice: &'c mut Voice,
    roster: &'c Roster<Vec<PublicKey>>,
    /// What was said in the open round, to be said again over a link that comes up in it.
    said: Vec<(LinkId, Payload)>,
}

/// Frames, each for a link.
type Frames = Vec<(LinkId, Payload)>;

impl<'c, R: Rules> Driver<'c, R>
where
    for<'a> R::Message<'a>: Signed,
{
    pub(crate) fn new(
        general: General<R>,
        voice: &'c mut Voice,
        roster: &'c Roster<Vec<PublicKey>>,
    ) -> Self {
        Self { report: Report::new(general), voice, roster, said: Vec::new() }
    }

    /// When [`Driver::wake`] is due; `None`: nothing more will come of this agreement.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.report.general.deadline()
    }

    /// The round that is open.
    pub(crate) fn round(&self) -> u8 {
        self.report.general.round()
    }

    /// Gives the general its order, before all time: whether it is woken in time for the first
    /// round shows when it is woken.
    pub(crate) fn order(&mut self, order: R::Command<'_>) -> Result<(), Refusal> {
        let mut refused = Ok(());
        for output in self.report.general.step(Instant::ZERO, Input::Command(order)) {
            if let Output::Refuse(refusal) = output {
                refused = Err(refusal);
            }
        }
        refused
    }

    /// Time has passed.
    pub(crate) fn wake(&mut self, now: Instant) -> Result<Frames, CampError> {
        self.step(now, Input::Wake)
    }

    /// A frame has arrived: it is decoded, admitted, verified, and stepped.
    pub(crate) fn hear(
        &mut self,
        clock: impl Fn() -> Instant,
        from: NodeId,
        payload: &[u8],
    ) -> Result<Frames, CampError> {
        match self.check(from, payload) {
            Ok(Some(message)) => self.step(clock(), Input::Message(message)),
            Ok(None) => Ok(Frames::new()),
            Err(fault) => {
                self.report.accusations.count(from, fault);
                Ok(Frames::new())
            }
        }
    }

    /// What was said to this peer in the open round, for a link that has come up.
    pub(crate) fn again(&self, node: NodeId) -> Frames {
        let mine = self.said.iter().filter(|(link, _)| link.0 == node.index());
        mine.cloned().collect()
    }

    /// The verified message in a frame, if it is of any use.
    #[allow(clippy::type_complexity)]
    fn check<'f>(
        &mut self,
        from: NodeId,
        payload: &'f [u8],
    ) -> Result<Option<quorate::Verified<R::Message<'f>>>, Fault> {
        let Some((Channel::Protocol, bytes)) = Channel::split(payload) else {
            return Err(Fault::Malformed);
        };
        let from = Principal::Node(from);
        let mut message: R::Message<'f> = wire::decode(bytes).map_err(|_| Fault::Malformed)?;
        match self.report.general.admit(from, &mut message) {
            Admission::Verify => self.roster.verify(&Ed25519, from, message).map(Some),
            Admission::Known | Admission::Later { .. } => Ok(None),
            Admission::Refused(fault) => Err(fault),
        }
    }

    fn step(&mut self, now: Instant, input: InputOf<'_, General<R>>) -> Result<Frames, CampError> {
        let Self { report, voice, said, .. } = self;
        let Report { general, accusations, refusals, decided, .. } = report;
        let (before, mut frames) = (general.round(), Frames::new());
        for output in general.step(now, input) {
            match output {
                Output::Send { to, message } => voice.say(to, message, &mut frames)?,
                Output::Decide(_) => *decided = true,
                Output::Accuse { node, fault } => accusations.count(node, fault),
                Output::Refuse(refusal) => refusals.push(refusal),
                Output::Persist(never) => match never {},
            }
        }
        if general.round() != before {
            said.clone_from(&frames);
        }
        Ok(frames)
    }
}
