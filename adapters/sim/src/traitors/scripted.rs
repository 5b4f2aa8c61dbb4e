//! Lies as it is told to, rule by rule. It holds its own keys only, like every traitor: what it
//! has of others is what it heard them say.

use super::bent::{broken, digest_of, misjudge, misreport, pairs, shift, unsigned};
use super::heard::encode;
use crate::engine::Payload;
use crate::pbft::kind;
use crate::traitor::{Rights, Traitor};
use core::time::Duration;
use quorate::pbft::{
    Batch, Histories, Message, NewView, Pairs, Sequence, Status, View, ViewChange, Vote,
};
use quorate::wire::{self, Bytes};
use quorate::{Digest, NodeId, Principal, Signature};
use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// Which messages a rule is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Of this kind, as transcripts call it; `None`: of any.
    pub kind: Option<&'static str>,
    /// Of this view only.
    pub view: Option<u64>,
    /// Of this sequence only.
    pub sequence: Option<u64>,
}

/// What becomes of a message that the traitor's machine wants to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is not sent.
    Drop,
    /// It is sent later.
    Delay(Duration),
    /// It is sent so many times.
    Repeat(u64),
    /// Something else is sent. Not sent, if these changes make no sense for it.
    Change(Vec<Change>),
    /// It never reaches the traitor's machine: this is about what arrives.
    Ignore,
}

/// How a message is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its view, by so much.
    View(i64),
    /// Its sequence, by so much. Of a STATUS or an ESTIMATE: all that it tells of sequences.
    Sequence(i64),
    /// Its digest is that of nothing.
    Digest,
    /// Its batch is made of these operations, which the traitor must have heard; of a vote: its
    /// digest is that of such a batch.
    Batch(Vec<Vec<u8>>),
    /// Each request of its batch stands there twice.
    Twice,
    /// A signature in it is that of nobody.
    Forged,
    /// It is said to be somebody else's.
    Author(NodeId),
    /// It ends with these bytes instead: a reply, an answer, a piece of a state.
    Content(Vec<u8>),
    /// It is a byte too short.
    Short,
    /// A VIEW-CHANGE reports that nothing was prepared.
    Forgetful,
    /// A VIEW-CHANGE claims that this was prepared.
    Claim {
        /// Where.
        sequence: u64,
        /// In which view.
        view: u64,
        /// A batch of which operations; none: a batch that nobody ever saw.
        batch: Vec<Vec<u8>>,
    },
    /// A VIEW-CHANGE claims a stable checkpoint that is none.
    Checkpoint(u64),
    /// A NEW-VIEW begins a sequence with another batch, or with NULL where one was chosen.
    Chosen {
        /// Where.
        sequence: u64,
        /// Whether with NULL.
        null: bool,
    },
    /// A NEW-VIEW names one VIEW-CHANGE less.
    Without(NodeId),
}

/// A rule: the first that fits a message and has not been used up decides about it.
#[derive(Clone, Debug)]
pub struct Rule {
    /// About which messages.
    pub what: Selector,
    /// To whom; `None`: to anybody.
    pub to: Option<Vec<Principal>>,
    /// What becomes of them.
    pub deed: Deed,
    /// How often it is used at most.
    pub most: Option<u64>,
    /// How often it was used.
    pub used: u64,
}

/// Something that the traitor says of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speech {
    /// What it said before: the first or the last such message.
    Again {
        /// Which messages.
        what: Selector,
        /// Whether the last of them.
        last: bool,
    },
    /// What somebody else said to it.
    Heard {
        /// Which messages.
        what: Selector,
        /// Whether the last of them.
        last: bool,
        /// Who said it.
        of: Principal,
    },
    /// Something new.
    New {
        /// Its kind.
        kind: &'static str,
        /// Its view, one message for each.
        views: RangeInclusive<u64>,
        /// Its sequence, one message for each.
        sequences: RangeInclusive<u64>,
        /// Its batch, or the batch that it votes for; none: one that nobody ever saw.
        batch: Vec<Vec<u8>>,
    },
}

/// What a scripted traitor knows: its rules, what it heard and what it said.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Its rules, in order.
    pub rules: Vec<Rule>,
    heard: Vec<(Principal, Payload)>,
    said: Vec<Payload>,
    /// How long what it says next is held back.
    lag: Duration,
    noise: u64,
}

/// A traitor that follows its part, which its director may change at any time.
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    /// Its part.
    pub part: Rc<RefCell<Part>>,
}

impl Selector {
    /// Whether a message is one of these.
    #[must_use]
    pub fn fits(&self, payload: &[u8]) -> bool {
        if self.kind.is_some_and(|wanted| wanted != kind(payload)) {
            return false;
        }
        let place = wire::decode(payload).ok().map(|message| place(&message));
        let (view, sequence) = place.unwrap_or_default();
        self.view.is_none_or(|wanted| view == Some(wanted))
            && self.sequence.is_none_or(|wanted| sequence == Some(wanted))
    }
}

/// View and sequence of a message that has them.
const fn place(message: &Message<'_>) -> (Option<u64>, Option<u64>) {
    match message {
        Message::PrePrepare { view, sequence, .. } => (Some(view.0), Some(sequence.0)),
        Message::Prepare(vote) | Message::Commit(vote) => {
            (Some(vote.view.0), Some(vote.sequence.0))
        }
        Message::ViewChange(change) => (Some(change.view.0), None),
        Message::NewView(new_view) => (Some(new_view.view.0), None),
        Message::Checkpoint { sequence, .. }
        | Message::FetchBatch { sequence, .. }
        | Message::Batch { sequence, .. }
        | Message::FetchState { sequence, .. }
        | Message::State { sequence, .. }
        | Message::Settled { sequence, .. } => (None, Some(sequence.0)),
        Message::Reply(reply) => (Some(reply.view.0), None),
        _ => (None, None),
    }
}

impl Traitor for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn overhear(&mut self, from: Principal, payload: &[u8]) {
        self.part.borrow_mut().heard.push((from, Payload::from(payload)));
    }

    fn ignores(&self, payload: &[u8]) -> bool {
        let mut part = self.part.borrow_mut();
        let rule = part.rules.iter_mut().find(|rule| rule.is_open(payload, true));
        rule.map(|rule| rule.used += 1).is_some()
    }

    fn holds_back(&self, _: &[u8]) -> Duration {
        self.part.borrow().lag
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let mut part = self.part.borrow_mut();
        part.lag = Duration::ZERO;
        let fits = |rule: &&mut Rule| {
            rule.is_open(payload, false) && rule.to.as_ref().is_none_or(|all| all.contains(&to))
        };
        let deed = part.rules.iter_mut().find(fits).map(|rule| {
            rule.used += 1;
            rule.deed.clone()
        });
        match deed {
            None => out.push((to, Payload::clone(payload))),
            Some(Deed::Drop | Deed::Ignore) => {}
            Some(Deed::Delay(lag)) => {
                part.lag = lag;
                out.push((to, Payload::clone(payload)));
            }
            Some(Deed::Repeat(times)) => {
                out.extend((0..times).map(|_| (to, Payload::clone(payload))));
            }
            Some(Deed::Change(changes)) => {
                out.extend(part.change(&rights, payload, &changes).map(|lie| (to, lie)));
            }
        }
        part.said.push(Payload::clone(payload));
        part.said.extend(out.last().map(|(_, lie)| Payload::clone(lie)));
    }
}

impl Rule {
    fn is_open(&self, payload: &[u8], arriving: bool) -> bool {
        let left = self.most.is_none_or(|most| self.used < most);
        left && (self.deed == Deed::Ignore) == arriving && self.what.fits(payload)
    }
}

impl Part {
    /// What it says of its own accord, changed like this; nothing if it lacks what that takes.
    pub fn speak(
        &mut self,
        rights: &Rights<'_>,
        speech: &Speech,
        changes: &[Change],
    ) -> Vec<Payload> {
        let pick = |all: &mut dyn DoubleEndedIterator<Item = &Payload>, last: bool| {
            let one = if last { all.next_back() } else { all.next() };
            one.map(Payload::clone)
        };
        let honest: Vec<Payload> = match speech {
            Speech::Again { what, last } => {
                let mut fit = self.said.iter().filter(|payload| what.fits(payload));
                pick(&mut fit, *last).into_iter().collect()
            }
            Speech::Heard { what, last, of } => {
                let theirs = self.heard.iter().filter(|(from, _)| from == of);
                let mut fit = theirs.map(|(_, payload)| payload).filter(|it| what.fits(it));
                pick(&mut fit, *last).into_iter().collect()
            }
            Speech::New { kind, views, sequences, batch } => {
                let places = views.clone().flat_map(|view| {
                    sequences.clone().map(move |sequence| (View(view), Sequence(sequence)))
                });
                places.filter_map(|place| self.invent(rights, kind, place, batch)).collect()
            }
        };
        let lies = honest.iter().filter_map(|payload| self.change(rights, payload, changes));
        lies.collect()
    }

    /// A message of its own.
    fn invent(
        &mut self,
        rights: &Rights<'_>,
        kind: &str,
        (view, sequence): (View, Sequence),
        batch: &[Vec<u8>],
    ) -> Option<Payload> {
        self.noise += 1;
        let bytes = if batch.is_empty() { Vec::new() } else { self.batch(batch)? };
        let batch_of = Batch::from_bytes(&bytes);
        let unseen = Digest::of(&self.noise.to_le_bytes());
        let digest = if bytes.is_empty() { unseen } else { batch_of.digest() };
        let vote = Vote { view, sequence, digest };
        let checkpoints = pairs([(0, Digest::ZERO)]);
        let (author, signature) = (rights.me, Signature::ZERO);
        let named = self.view_changes(rights, view);
        Some(rights.seal(match kind {
            "PRE-PREPARE" => Message::PrePrepare { view, sequence, batch: batch_of },
            "PREPARE" => Message::Prepare(vote),
            "COMMIT" => Message::Commit(vote),
            "CHECKPOINT" => Message::Checkpoint { sequence, digest },
            "SETTLED" => Message::Settled { sequence, digest },
            "FETCH-BATCH" => Message::FetchBatch { sequence, digest },
            "BATCH" => Message::Batch { sequence, batch: batch_of },
            "RECOVER" => Message::Recover { nonce: self.noise, lost: true, until: sequence },
            "STATUS" => Message::Status(Status {
                view,
                active: true,
                stable: sequence,
                executed: sequence,
                wanting: true,
            }),
            "VIEW-CHANGE" => Message::ViewChange(ViewChange {
                author,
                view,
                stable: Sequence(0),
                checkpoints: Pairs::from_bytes(&checkpoints),
                histories: Histories::default(),
                signature,
            }),
            "NEW-VIEW" => Message::NewView(NewView {
                author,
                view,
                view_changes: Pairs::from_bytes(&named),
                chosen: Pairs::default(),
                signature,
            }),
            _ => return Some(Payload::from(self.noise.to_be_bytes().as_slice())),
        }))
    }

    /// The VIEW-CHANGEs for a view that it heard, as a NEW-VIEW names them.
    fn view_changes(&self, rights: &Rights<'_>, view: View) -> Vec<u8> {
        let heard = self.heard.iter().filter_map(|(_, payload)| match wire::decode(payload) {
            Ok(Message::ViewChange(change)) if change.view == view => {
                Some((u64::from(change.author.0), change.digest(rights.scope)))
            }
            _ => None,
        });
        pairs(heard.collect::<std::collections::BTreeMap<_, _>>())
    }

    /// The bytes of a batch of these operations, if it heard the requests for all of them.
    fn batch(&self, operations: &[Vec<u8>]) -> Option<Vec<u8>> {
        let find = |operation: &Vec<u8>| {
            self.heard.iter().rev().find_map(|(_, payload)| match wire::decode(payload) {
                Ok(Message::Request(request)) if request.operation.0 == operation => {
                    Some(encode(&request))
                }
                _ => None,
            })
        };
        let requests: Option<Vec<Vec<u8>>> = operations.iter().map(find).collect();
        requests.map(|requests| requests.concat())
    }

    fn change(
        &self,
        rights: &Rights<'_>,
        payload: &Payload,
        changes: &[Change],
    ) -> Option<Payload> {
        let mut payload = Payload::clone(payload);
        for change in changes {
            payload = self.change_once(rights, &payload, change)?;
        }
        Some(payload)
    }

    fn change_once(
        &self,
        rights: &Rights<'_>,
        payload: &Payload,
        change: &Change,
    ) -> Option<Payload> {
        if *change == Change::Short {
            return Some(Payload::from(&payload[..payload.len().saturating_sub(1)]));
        }
        let mut message = wire::decode::<Message<'_>>(payload).ok()?;
        let bytes = match (change, &message) {
            (Change::Batch(batch), _) => self.batch(batch)?,
            (Change::Claim { batch, .. }, _) if !batch.is_empty() => self.batch(batch)?,
            (Change::Content(content), _) => content.clone(),
            (Change::Twice, Message::PrePrepare { batch, .. }) => batch.bytes().repeat(2),
            (Change::Forged, Message::PrePrepare { batch, .. }) => broken(*batch)?,
            _ => Vec::new(),
        };
        let mut list = Vec::new();
        match (change, &mut message) {
            (Change::View(_) | Change::Sequence(_), message) => shift(message, change)?,
            (Change::Digest, message) => *digest_of(message)? = Digest::of(b"nothing"),
            (
                Change::Batch(_) | Change::Twice | Change::Forged,
                Message::PrePrepare { batch, .. },
            ) => {
                *batch = Batch::from_bytes(&bytes);
            }
            (Change::Batch(_), Message::Batch { batch, .. }) => *batch = Batch::from_bytes(&bytes),
            (Change::Batch(_), message) => {
                *digest_of(message)? = Batch::from_bytes(&bytes).digest();
            }
            (Change::Content(_), Message::Reply(reply)) => reply.reply = Bytes(&bytes),
            (Change::Content(_), Message::ReadReply(reply)) => reply.answer = Some(Bytes(&bytes)),
            (Change::Content(_), Message::State { bytes: piece, .. }) => *piece = Bytes(&bytes),
            (Change::Author(who), Message::ViewChange(change)) => change.author = *who,
            (Change::Author(who), Message::NewView(new_view)) => new_view.author = *who,
            (Change::Author(who), Message::FetchViewChange { author, .. }) => *author = *who,
            (Change::Forged, Message::ViewChange(_) | Message::NewView(_)) => {
                return Some(unsigned(message));
            }
            (change, Message::ViewChange(report)) => misreport(report, change, &bytes, &mut list)?,
            (change, Message::NewView(new_view)) => misjudge(new_view, change, &mut list)?,
            _ => return None,
        }
        Some(rights.seal(message))
    }
}
