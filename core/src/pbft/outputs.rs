//! What a step wants done, unfolded one output at a time. This file alone builds messages.

use super::amnesia::Estimate;
use super::decision::{Decision, Execution, Record};
use super::history::{History, Pairs};
use super::log::{self, Ring};
use super::message::{Message, NewView, Reply, Sequence, Status, View, ViewChange, Vote};
use super::read::ReadReply;
use super::rules::{Cursor, Effect, Kept, Node, Resend};
use super::status::REPROPOSED;
use super::storage::Lent;
use crate::fault::Refusal;
use crate::node::{ClientId, NodeId};
use crate::protocol::{Output, Target};
use crate::service::Batch;
use crate::service::ClientTable;
use crate::service::Outcome;
use crate::wire::Bytes;

/// The outputs of one step, in the order in which they are to be performed.
#[derive(Debug)]
#[must_use = "outputs are to be performed, in order"]
pub struct Outputs<'a> {
    pub(super) node: &'a Node,
    pub(super) memory: Lent<'a>,
}

#[cfg(feature = "defmt")]
impl defmt::Format for Outputs<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Outputs");
    }
}

/// How many things there are to say again at one sequence.
pub(super) const PARTS: u64 = 4;

type Item<'a> = Output<Message<'a>, Decision<'a>, Record<'a>>;

/// One part of an effect.
enum Part<'a> {
    /// An output.
    Item(Item<'a>),
    /// Nothing, but there may be more parts.
    Skip,
    /// There are no more parts.
    End,
}

impl<'a> Iterator for Outputs<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let mut cursor = self.node.cursor.get();
        if cursor.undrained {
            self.node.cursor.set(Cursor { undrained: false, ..cursor });
            return Some(Output::Refuse(Refusal::Undrained));
        }
        while let Some(effect) = self.node.effects.get(cursor.effect) {
            let part = self.unfold(*effect, cursor.part);
            cursor.part += 1;
            let ranged = matches!(effect, Effect::Resend(_) | Effect::PersistNewView);
            if matches!(part, Part::End) || !ranged {
                cursor = Cursor { effect: cursor.effect + 1, part: 0, undrained: false };
            }
            self.node.cursor.set(cursor);
            if let Part::Item(item) = part {
                return Some(item);
            }
        }
        None
    }
}

impl<'a> Outputs<'a> {
    fn unfold(&self, effect: Effect, part: u64) -> Part<'a> {
        match effect {
            Effect::Resend(resend) => self.resend(resend, part),
            Effect::PersistNewView => self.persist_new_view(part),
            _ => self.single(effect).map_or(Part::End, Part::Item),
        }
    }

    /// The one output of an effect that has one.
    fn single(&self, effect: Effect) -> Option<Item<'a>> {
        let all = Target::All;
        Some(match effect {
            Effect::Forward { to, client } => send(Target::Node(to), self.forward(client)?),
            Effect::PrePrepare { view, sequence, which } => {
                let batch = self.batch(sequence, which);
                send(all, Message::PrePrepare { view, sequence, batch })
            }
            Effect::Prepare(vote) => send(all, Message::Prepare(vote)),
            Effect::Commit(vote) => send(all, Message::Commit(vote)),
            Effect::Checkpoint { to, sequence, digest } => {
                send(to.into(), Message::Checkpoint { sequence, digest })
            }
            Effect::ViewChange { to, author, named } => {
                send(to.into(), Message::ViewChange(self.view_change(author, named)?))
            }
            Effect::NewView { to } => send(to.into(), Message::NewView(self.new_view())),
            Effect::Status { to, wanting } => send(to.into(), self.status(wanting)),
            Effect::Reply { client } => send(Target::Client(client), self.reply(client)?),
            Effect::Stale { client, timestamp } => {
                let (view, outcome) = (self.node.view, Outcome::Stale);
                let reply = Reply { view, client, timestamp, outcome, reply: Bytes(&[]) };
                send(Target::Client(client), Message::Reply(reply))
            }
            Effect::Busy { client, timestamp } => {
                let after = self.node.config.status_interval;
                send(Target::Client(client), Message::busy(client, timestamp, after))
            }
            Effect::Batch { to, sequence, digest } => {
                // What came after it in the same step may have taken its place.
                let slot = log::slot(self.memory.slots, self.ring(), sequence)?;
                let which = slot.position(&digest)?;
                let batch = self.batch(sequence, which);
                send(Target::Node(to), Message::Batch { sequence, batch })
            }
            Effect::FetchBatch { to, sequence, digest } => {
                send(to.into(), Message::FetchBatch { sequence, digest })
            }
            Effect::FetchViewChange { to, author, digest } => {
                send(to.into(), Message::FetchViewChange { author, digest })
            }
            Effect::FetchState { to, sequence, place } => {
                send(Target::Node(to), Message::FetchState { sequence, place })
            }
            Effect::Recover { nonce, lost, until } => {
                send(all, Message::Recover { nonce, lost, until })
            }
            Effect::Estimate { to, nonce, estimate } => {
                let Estimate { stable, prepared, view, heard } = estimate;
                let to = Target::Node(to);
                send(to, Message::Estimate { nonce, stable, prepared, view, heard })
            }
            Effect::Accuse { node, fault } => Output::Accuse { node, fault },
            Effect::Refuse(refusal) => Output::Refuse(refusal),
            Effect::ReadReply { client } => send(Target::Client(client), self.read_reply(client)?),
            other => self.record(other).map(Output::Persist).or_else(|| self.decide(other))?,
        })
    }

    fn record(&self, effect: Effect) -> Option<Record<'a>> {
        Some(match effect {
            Effect::PersistPrePrepared { view, sequence, which } => {
                Record::PrePrepared { view, sequence, batch: self.batch(sequence, which) }
            }
            Effect::PersistRePrePrepared(Vote { view, sequence, digest }) => {
                Record::RePrePrepared { view, sequence, digest }
            }
            Effect::PersistPrepared(Vote { view, sequence, digest }) => {
                Record::Prepared { view, sequence, digest }
            }
            Effect::PersistCommitted { view, sequence, which } => {
                Record::Committed { view, sequence, batch: self.batch(sequence, which) }
            }
            Effect::PersistCheckpoint { sequence, digest } => {
                Record::Checkpoint { sequence, digest }
            }
            Effect::PersistStable { sequence, digest } => Record::Stable { sequence, digest },
            Effect::PersistRecovering { nonce, lost } => {
                Record::Recovering { nonce, lost, signed: self.node.signed_view }
            }
            Effect::PersistRecovered { signed } => Record::Recovered { signed },
            Effect::PersistLeft(view) => Record::Left { view },
            Effect::PersistInstall { sequence, digest } => Record::Install { sequence, digest },
            Effect::PersistViewChange => {
                Record::ViewChange(self.view_change(self.node.me(), false)?)
            }
            _ => return None,
        })
    }

    fn decide(&self, effect: Effect) -> Option<Item<'a>> {
        Some(Output::Decide(match effect {
            Effect::Execute { sequence, which, fresh } => {
                let batch = self.batch(sequence, which);
                Decision::Execute(Execution { sequence, batch, fresh })
            }
            Effect::Capture { sequence } => {
                Decision::Checkpoint { sequence, clients: self.clients() }
            }
            Effect::ServeState { to, sequence, place } => {
                Decision::ServeState { to, sequence, place }
            }
            Effect::Stage { sequence, place } => Decision::Stage { sequence, place },
            Effect::Seek { sequence, room } => Decision::Seek { sequence, room },
            Effect::Install { sequence } => Decision::Install { sequence },
            Effect::Contradiction(kept) => Decision::Contradiction { kept: self.kept(kept)? },
            Effect::Read { client } => {
                let state = self.memory.reads.get(client.index())?.state;
                Decision::Read { client, state }
            }
            _ => return None,
        }))
    }

    /// V, then the NEW-VIEW itself: a restarted replica needs both to serve them.
    fn persist_new_view(&self, part: u64) -> Part<'a> {
        let n = self.node.sizes.nodes as u64;
        if part > n {
            return Part::End;
        }
        if part == n {
            return Part::Item(Output::Persist(Record::NewView(self.new_view())));
        }
        let author = NodeId(u8::try_from(part).unwrap_or(u8::MAX));
        let named = self.view_change(author, true).map(Record::Named);
        named.map_or(Part::Skip, |record| Part::Item(Output::Persist(record)))
    }

    /// What this replica itself has to say at some sequences: its proposal, its PREPARE, its
    /// COMMIT, and what it knows to be settled.
    fn resend(&self, resend: Resend, part: u64) -> Part<'a> {
        let Resend { to, first, last, executed } = resend;
        let Some(sequence) = first.plus(part / PARTS).filter(|at| *at <= last) else {
            return Part::End;
        };
        let (ring, view) = (self.ring(), self.node.view);
        let Some(slot) = log::slot(self.memory.slots, ring, sequence) else { return Part::Skip };
        let me = self.node.me().index();
        let of = |node: usize, votes: &[Vote]| {
            let votes = votes.get(ring.votes(sequence)).unwrap_or_default();
            votes.get(node).copied().filter(Vote::is_cast)
        };
        let mine = |votes: &[Vote]| of(me, votes);
        let proposed_by_me = |vote: &Vote| vote.view.primary(self.node.sizes.nodes).index() == me;
        // What the NEW-VIEW chose its primary votes for as the others do.
        let prepared_by_me = |vote: &Vote| {
            let chosen = vote.view == view && sequence <= self.node.chosen_until();
            chosen || !proposed_by_me(vote)
        };
        // The peer may have executed by the word of others what it has not seen proposed, while its
        // PREPARE is needed here.
        let needless = || {
            let theirs = of(to.index(), self.memory.prepares);
            sequence <= self.node.executed || theirs.is_some_and(|vote| vote.view >= view)
        };
        let message = match part % PARTS {
            0 if sequence.0 > executed.0.saturating_add(REPROPOSED) => None,
            0 if sequence <= executed && needless() => None,
            0 => mine(self.memory.prepares).filter(proposed_by_me).and_then(|vote| {
                let current = self.node.leads() && vote.view == view;
                let batch = self.batch(sequence, slot.position(&vote.digest)?);
                let proposal = Message::PrePrepare { view, sequence, batch };
                current.then_some(proposal)
            }),
            1 => mine(self.memory.prepares).filter(prepared_by_me).map(Message::Prepare),
            2 => mine(self.memory.commits).map(Message::Commit),
            _ => slot.committed.filter(|_| sequence > executed).map(|settled| {
                let digest = settled.digest;
                Message::Settled { sequence, digest }
            }),
        };
        message.map_or(Part::Skip, |message| Part::Item(send(Target::Node(to), message)))
    }

    pub(super) fn ring(&self) -> Ring {
        Ring::new(self.node.sizes)
    }

    pub(super) fn batch(&self, sequence: Sequence, which: usize) -> Batch<'a> {
        Batch::from_bytes(log::batch(&self.memory, self.ring(), sequence, which))
    }

    fn clients(&self) -> ClientTable<'a> {
        ClientTable {
            rows: self.memory.clients,
            replies: self.memory.replies,
            reply_bytes: self.node.sizes.reply_bytes,
        }
    }

    fn forward(&self, client: ClientId) -> Option<Message<'a>> {
        let pool = self.memory.pool.get(..self.node.pool_used)?;
        let mut requests = Batch::from_bytes(pool).iter();
        requests.find(|request| request.client == client).map(Message::Request)
    }

    fn reply(&self, client: ClientId) -> Option<Message<'a>> {
        let (timestamp, outcome, reply) = self.clients().get(client)?;
        let (view, reply) = (self.node.view, Bytes(reply));
        Some(Message::Reply(Reply { view, client, timestamp, outcome, reply }))
    }

    fn kept(&self, kept: Kept) -> Option<Message<'a>> {
        match kept {
            Kept::Request(client) => self.forward(client),
            Kept::ViewChange(author) => self.view_change(author, false).map(Message::ViewChange),
            Kept::NewView => Some(Message::NewView(self.new_view())),
        }
    }

    fn read_reply(&self, client: ClientId) -> Option<Message<'a>> {
        let reading = self.memory.reads.get(client.index())?;
        let length = reading.length.and_then(|length| usize::try_from(length).ok());
        Some(Message::ReadReply(ReadReply {
            view: self.node.view,
            client,
            number: reading.number,
            operation: reading.operation,
            state: reading.state,
            answer: length.and_then(|length| self.memory.answer.get(..length)).map(Bytes),
        }))
    }

    fn status(&self, wanting: bool) -> Message<'a> {
        Message::Status(Status {
            view: self.node.view,
            active: self.node.active,
            stable: self.node.stable,
            executed: self.node.executed,
            wanting,
        })
    }

    pub(super) fn view_change(&self, author: NodeId, named: bool) -> Option<ViewChange<'a>> {
        let first = if named { self.node.sizes.nodes } else { 0 };
        let index = first + author.index();
        let row = self.memory.view_rows.get(index).filter(|row| row.view > View(0))?;
        let size = self.node.sizes.window * History::ENTRY;
        Some(row.message(author, self.memory.histories.chunks_exact(size.max(1)).nth(index)?))
    }

    pub(super) fn new_view(&self) -> NewView<'a> {
        let stored = &self.node.new_view;
        let list = |bytes: &'a [u8], count: usize| {
            Pairs::from_bytes(bytes.get(..count * Pairs::ENTRY).unwrap_or_default())
        };
        NewView {
            author: stored.author,
            view: stored.view,
            view_changes: list(self.memory.named, stored.named),
            chosen: list(self.memory.chosen, stored.chosen),
            signature: stored.signature,
        }
    }
}

fn send(to: Target, message: Message<'_>) -> Item<'_> {
    Output::Send { to, message }
}
