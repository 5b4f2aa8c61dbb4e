//! Fetching a state from other replicas, piece by piece (Castro-Liskov 2002, section 6.2.2).
//!
//! The target is certified before it is asked for: weak replicas vouch for its digest, so a
//! correct one holds it. From that digest down every piece is checked against one that was
//! checked before: the roots against the checkpoint's, a node or a page against the digest that
//! stands in the node above. So a liar is known by its first wrong byte, and nothing of what it
//! sent is used.
//!
//! What the state is made of, and which of its pieces are held already, the host knows: the core
//! tells it how many pieces may be asked for, the host names those that it lacks, and the core
//! asks those who vouch for the target, several at once, in turn. It needs memory for what is
//! asked for at a time, whatever the size of the state.

use super::merkle::{Place, Roots, encoded_clients_top};
use super::message::Sequence;
use super::rules::{Awaiting, Effect, REQUESTS, Request, Rules, Transfer};
use super::slot::CheckpointVote;
use crate::auth::Digest;
use crate::fault::{Fault, Refusal};
use crate::node::{ClientId, NodeId, NodeSet};
use crate::pbft::Sought;
use crate::service;
use crate::service::EncodedPages;

/// How often the patience with a server doubles.
const PATIENCE_DOUBLINGS: u32 = 4;

/// Pieces served to one peer in a status interval.
pub(super) const SERVED: u8 = 128;

/// Pieces asked of one server in a status interval: half of what it serves, since its intervals
/// begin when they like.
const ASKED: u8 = 64;

impl Rules<'_> {
    /// Looks for a certified checkpoint that is worth fetching. `stuck`: this replica has not
    /// executed anything for a while, so that a checkpoint inside of its window is worth it too.
    pub(super) fn consider_transfer(&mut self, stuck: bool) {
        if self.node.transfer.is_some() {
            return;
        }
        let next = self.node.executed.next();
        let least = if stuck { next } else { next.map(|next| next.max(self.high())) };
        let best = least.and_then(|least| self.best_certified(least));
        if let Some(CheckpointVote { sequence, digest }) = best {
            let vouchers = self.vouchers(sequence, &digest).len();
            self.begin_transfer(sequence, digest, vouchers >= self.node.quorum.strong());
        }
    }

    /// The highest checkpoint from `least` on that a weak quorum vouches for.
    fn best_certified(&self, least: Sequence) -> Option<CheckpointVote> {
        let votes = self.nodes().flat_map(|node| self.checkpoints_of(node).iter().copied());
        let certified = votes.filter(|vote| {
            vote.sequence >= least
                && self.vouchers(vote.sequence, &vote.digest).len() >= self.node.quorum.weak()
        });
        certified.max_by_key(|vote| (vote.sequence, vote.digest))
    }

    /// A strong quorum vouches for a checkpoint that this replica does not hold (yet).
    pub(super) fn certify_transfer(&mut self, sequence: Sequence, digest: &Digest) {
        if let Some(transfer) = self.node.transfer.as_mut()
            && transfer.sequence == sequence
            && transfer.digest == *digest
        {
            transfer.stable = true;
        }
        self.consider_transfer(false);
    }

    /// Pins a target and asks for its roots. One that is being fetched stays, unless the new one
    /// is later; what was learnt of servers is kept.
    pub(super) fn begin_transfer(&mut self, sequence: Sequence, digest: Digest, stable: bool) {
        let before = self.node.transfer;
        if before.is_some_and(|it| it.sequence >= sequence || it.awaiting == Awaiting::Installation)
        {
            return;
        }
        let fresh = Transfer::to(sequence, digest, stable, self.node.me());
        let known = before.unwrap_or(fresh);
        let Transfer { liars, stalled, last, rounds, .. } = known;
        self.node.transfer = Some(Transfer { liars, stalled, last, rounds, ..fresh });
        self.ask(Place::ROOTS, digest);
    }

    /// Forgets a transfer whose target this replica has reached without it.
    pub(super) fn end_transfer_at(&mut self, sequence: Sequence) {
        let reached =
            |it: &Transfer| it.sequence <= sequence && it.awaiting != Awaiting::Installation;
        if self.node.transfer.as_ref().is_some_and(reached) {
            self.node.transfer = None;
        }
    }

    /// Whether the host is putting a fetched state in the place of this replica's own.
    pub(super) fn is_installing(&self) -> bool {
        self.node.transfer.is_some_and(|it| it.awaiting == Awaiting::Installation)
    }

    /// Those who may be asked: who vouches for the target, neither lied nor stalled. If nobody
    /// does any more, since votes for later checkpoints took the place of theirs: everybody else.
    fn servers(&self, transfer: &Transfer) -> NodeSet {
        let me = self.node.me();
        let fit = |node: &NodeId| {
            *node != me && !transfer.liars.contains(*node) && !transfer.stalled.contains(*node)
        };
        let vouchers = self.vouchers(transfer.sequence, &transfer.digest);
        let vouching: NodeSet = vouchers.iter().filter(fit).collect();
        if vouching.is_empty() { self.nodes().filter(fit).collect() } else { vouching }
    }

    /// How many more pieces a server may be asked for now: what is left of its share, and no more
    /// than its part of what is under way, so that a slow one does not come to owe all of that.
    fn open(&self, server: NodeId, transfer: &Transfer, servers: NodeSet) -> usize {
        let asked = self.node.status.asked.get(server.index()).copied().unwrap_or(ASKED);
        let part = REQUESTS.div_ceil(servers.len().max(1));
        usize::from(ASKED.saturating_sub(asked)).min(part.saturating_sub(transfer.owed(server)))
    }

    /// The server whose turn it is: of those that may be asked and owe the fewest pieces the next
    /// one around.
    fn next_server(&mut self) -> Option<NodeId> {
        let n = self.node.sizes.nodes;
        let mut transfer = self.node.transfer?;
        if self.servers(&transfer).is_empty() {
            // Everybody was slow or worse: those who were only slow have another chance. If all
            // the others lied, more than f do: then hoping for the best is all that is left.
            transfer.stalled = NodeSet::EMPTY;
            transfer.rounds = transfer.rounds.saturating_add(1);
            if self.servers(&transfer).is_empty() {
                transfer.liars = NodeSet::EMPTY;
            }
        }
        let servers = self.servers(&transfer);
        let around = (1..=n).map(|step| (transfer.last.index() + step) % n);
        let around = around.filter_map(|at| u8::try_from(at).ok()).map(NodeId);
        let open =
            |node: &NodeId| servers.contains(*node) && self.open(*node, &transfer, servers) > 0;
        let next = around.filter(open).min_by_key(|node| transfer.owed(*node));
        transfer.last = next.unwrap_or(transfer.last);
        self.node.transfer = Some(transfer);
        next
    }

    /// Asks the next server for a piece; there is room for it. If none may be asked, the request
    /// stays with this replica until the next status interval.
    fn ask(&mut self, place: Place, digest: Digest) {
        let (next, me, since) = (self.next_server(), self.node.me(), self.node.now);
        let server = next.unwrap_or(me);
        let Some(transfer) = self.node.transfer.as_mut() else { return };
        let Some(free) = transfer.requests.iter_mut().find(|it| it.is_none()) else { return };
        *free = Some(Request { place, digest, server, since });
        let (sequence, to) = (transfer.sequence, server);
        if let Some(asked) = self.node.status.asked.get_mut(to.index()).filter(|_| to != me) {
            *asked = asked.saturating_add(1);
            self.emit(Effect::FetchState { to, sequence, place });
        }
    }

    /// Sets a server aside and asks others for what it was asked for.
    fn leave_server(&mut self, server: NodeId, fault: Fault) {
        let Some(transfer) = self.node.transfer.as_mut() else { return };
        let set = match fault {
            Fault::Stalled => &mut transfer.stalled,
            _ => &mut transfer.liars,
        };
        set.insert(server);
        self.accuse(server, fault);
        for request in self.take_requests(server).into_iter().flatten() {
            self.ask(request.place, request.digest);
        }
    }

    /// Once a status interval, when there are new shares of what servers serve: a look at those
    /// who do not, and at what nobody could be asked for.
    pub(super) fn review_transfer(&mut self) {
        let (Some(transfer), me) = (self.node.transfer, self.node.me()) else { return };
        let now = self.node.now;
        let doublings = u32::from(transfer.rounds).min(PATIENCE_DOUBLINGS);
        let patience = self.node.config.status_interval.saturating_mul(4 << doublings);
        let mut waiting = transfer.requests.iter().flatten();
        let late = |request: &&Request| request.since.after(patience) <= now;
        let stalled = waiting.find(|request| request.server != me && late(request));
        if let Some(server) = stalled.map(|request| request.server) {
            self.on_stall(server);
        }
        let begun = transfer.roots.is_some() || transfer.requests.iter().any(Option::is_some);
        if !begun {
            self.ask(Place::ROOTS, transfer.digest);
        }
        for request in self.take_requests(me).into_iter().flatten() {
            self.ask(request.place, request.digest);
        }
        self.seek();
    }

    /// Takes back what a server was asked for.
    fn take_requests(&mut self, server: NodeId) -> [Option<Request>; REQUESTS] {
        let mut taken = [None; REQUESTS];
        let requests = self.node.transfer.as_mut().map(|it| &mut it.requests);
        for (request, place) in requests.into_iter().flatten().zip(taken.iter_mut()) {
            *place = request.take_if(|request| request.server == server);
        }
        taken
    }

    /// A server that has not delivered is left for the others; or, if those may have dropped the
    /// target, it is left for a later one. They may if a strong quorum vouches for that, or if
    /// weak replicas have stalled, since one of them is correct; then patience doubles, because
    /// they may be slow instead.
    fn on_stall(&mut self, server: NodeId) {
        let Some(transfer) = self.node.transfer.as_mut() else { return };
        transfer.stalled.insert(server);
        let (sequence, stalled) = (transfer.sequence, transfer.stalled.len());
        let later = sequence.next().and_then(|least| self.best_certified(least));
        let vouchers = later.map_or(0, |it| self.vouchers(it.sequence, &it.digest).len());
        let strong = vouchers >= self.node.quorum.strong();
        let gone = stalled >= self.node.quorum.weak();
        let Some(later) = later.filter(|_| strong || gone) else {
            return self.leave_server(server, Fault::Stalled);
        };
        if let Some(transfer) = self.node.transfer.as_mut().filter(|_| gone) {
            transfer.stalled = NodeSet::EMPTY;
            transfer.rounds = transfer.rounds.saturating_add(1);
        }
        self.accuse(server, Fault::Stalled);
        self.begin_transfer(later.sequence, later.digest, strong);
    }

    /// A peer that vouches for the target tells where it stands: if that is below the target, it
    /// is not asked any more.
    pub(super) fn note_height(&mut self, from: NodeId, executed: Sequence) {
        let Some(transfer) = self.node.transfer else { return };
        let left = transfer.stalled.contains(from) || transfer.liars.contains(from);
        let lowered = executed < transfer.sequence && !left;
        if lowered && self.vouchers(transfer.sequence, &transfer.digest).contains(from) {
            self.leave_server(from, Fault::Stalled);
        }
    }

    /// Serves a piece of a state that was captured here, to each peer a bounded number of them in
    /// a status interval. Whether it is still held, the host knows: it may keep for a while what
    /// is being fetched, so that a transfer ends although the cluster moves on.
    pub(super) fn on_fetch_state(&mut self, from: NodeId, sequence: Sequence, place: Place) {
        let interval = self.node.sizes.checkpoint_interval();
        let reached = sequence.0 != 0 && sequence <= self.node.executed;
        let captured = reached && sequence.0.is_multiple_of(interval);
        if !captured || self.node.diverged || self.is_installing() {
            return;
        }
        if let Some(served) = self.node.status.served.get_mut(from.index())
            && *served < SERVED
        {
            *served += 1;
            self.node.fruitless = false;
            self.emit(Effect::ServeState { to: from, sequence, place });
        }
    }

    /// Whether a piece may be one that this sender was asked for.
    pub(super) fn awaits_piece(&self, from: NodeId, sequence: Sequence, place: Place) -> bool {
        let fetching = self.node.transfer.filter(|it| it.sequence == sequence);
        fetching.is_some_and(|it| it.awaited(from, place).is_some())
    }

    /// A piece arrives: the right one is given to the host, a wrong one is the end of its server.
    pub(super) fn on_state(
        &mut self,
        from: NodeId,
        (sequence, place): (Sequence, Place),
        bytes: &[u8],
        digest: &Digest,
    ) {
        let Some(mut transfer) = self.node.transfer.filter(|it| it.sequence == sequence) else {
            return;
        };
        if sequence < self.node.stable || (sequence <= self.node.executed && !self.node.diverged) {
            return self.end_transfer_at(sequence);
        }
        let Some(at) = transfer.awaited(from, place) else { return };
        let Some(request) = transfer.requests.get_mut(at) else { return };
        let wrong = request.is_some_and(|request| request.digest != *digest);
        if wrong && !canary!("pages_unverified") {
            return self.leave_server(from, Fault::BadContent);
        }

        *request = None;
        // What was lost on the way makes patient for no longer than what arrives makes up for.
        transfer.rounds = transfer.rounds.saturating_sub(1);
        if place == Place::ROOTS {
            transfer.roots = Roots::from_bytes(bytes);
        }
        if let Awaiting::Host { again } = &mut transfer.awaiting {
            *again = true;
        }
        self.node.transfer = Some(transfer);
        self.emit(Effect::Stage { sequence, place });
        self.seek();
    }

    /// Asks the host what it lacks, if anything can be asked for.
    fn seek(&mut self) {
        let Some(transfer) = self.node.transfer else { return };
        let (sequence, room) = (transfer.sequence, self.room(&transfer));
        if transfer.roots.is_none() || transfer.awaiting != Awaiting::Peers || room == 0 {
            return;
        }
        if let Some(transfer) = self.node.transfer.as_mut() {
            transfer.awaiting = Awaiting::Host { again: false };
        }
        self.emit(Effect::Seek { sequence, room });
    }

    /// How many pieces can be asked for now.
    fn room(&self, transfer: &Transfer) -> usize {
        let free = transfer.requests.iter().filter(|it| it.is_none()).count();
        let servers = self.servers(transfer);
        if servers.is_empty() {
            // Whoever is asked then is found by asking.
            return free;
        }
        let open = servers.iter().map(|server| self.open(server, transfer, servers));
        free.min(open.sum())
    }

    /// The host names what it lacks. If that is nothing, and nothing is under way, all is there.
    pub(super) fn on_seek(&mut self, sequence: Sequence, pieces: &[Sought]) {
        let Some(transfer) = self.node.transfer.filter(|it| it.sequence == sequence) else {
            return;
        };
        let Awaiting::Host { again } = transfer.awaiting else { return };
        let free = transfer.requests.iter().filter(|it| it.is_none()).count();
        if pieces.len() > free {
            return self.refuse(Refusal::NotFetching { sequence: sequence.0 });
        }

        if let Some(transfer) = self.node.transfer.as_mut() {
            transfer.awaiting = Awaiting::Peers;
        }
        for Sought { place, digest } in pieces {
            self.ask(*place, *digest);
        }
        if again {
            self.seek();
        } else if pieces.is_empty() && free == REQUESTS {
            self.install();
        }
    }

    /// All pieces are there.
    fn install(&mut self) {
        let Some(transfer) = self.node.transfer.as_mut() else { return };
        let (sequence, digest) = (transfer.sequence, transfer.digest);
        transfer.awaiting = Awaiting::Installation;
        self.node.executing = None;
        self.emit(Effect::PersistInstall { sequence, digest });
        self.emit(Effect::Install { sequence });
    }

    /// The host has replaced the application's state: this replica continues from it.
    pub(super) fn on_installed(&mut self, sequence: Sequence, clients: &[u8]) {
        let refusal = Refusal::NotFetching { sequence: sequence.0 };
        let installing = self.node.transfer.filter(|it| it.awaiting == Awaiting::Installation);
        let Some(transfer) = installing.filter(|it| it.sequence == sequence) else {
            return self.refuse(refusal);
        };
        let pages = self.client_table().pages();
        let size = self.node.sizes.reply_bytes;
        let top = encoded_clients_top(pages, EncodedPages::of(clients, size));
        if transfer.roots.is_none_or(|roots| roots.clients != top) {
            return self.refuse(refusal);
        }
        let (rows, replies) = (&mut *self.memory.clients, &mut *self.memory.replies);
        if service::install(rows, replies, size, clients).is_none() {
            return self.refuse(refusal);
        }

        self.close_reads();
        self.node.transfer = None;
        self.node.diverged = false;
        self.node.executing = None;
        self.node.executed = sequence;
        self.node.captures = [None; 2];
        self.forget_executed();
        self.forget_checkpoints_above(sequence);
        self.vouch(sequence, transfer.digest);
        if self.node.is_mute() {
            // It says nothing, but the log must know that the installation is over.
            self.emit(Effect::PersistCheckpoint { sequence, digest: transfer.digest });
        }
        if transfer.stable {
            self.stabilize(sequence, transfer.digest);
        }
        self.try_execute();
    }

    /// Stops the timers of requests that the installed client table shows as executed, and starts
    /// the others anew.
    fn forget_executed(&mut self) {
        self.restart_agreements();
        let (clock, now) = (self.node.watch.clock(), self.node.now);
        for pending in self.memory.pending.iter_mut() {
            (pending.stamp, pending.since) = (clock, now);
        }
        for at in 0..self.memory.clients.len() {
            let timestamp = self.memory.clients.get(at).map_or(0, |row| row.timestamp);
            if let Ok(client) = u16::try_from(at) {
                self.forget_pending(ClientId(client), timestamp);
            }
        }
    }
}

impl Transfer {
    /// A transfer that has not begun. The first server is the one after this replica.
    pub(super) const fn to(sequence: Sequence, digest: Digest, stable: bool, me: NodeId) -> Self {
        Self {
            sequence,
            digest,
            stable,
            awaiting: Awaiting::Peers,
            roots: None,
            requests: [None; REQUESTS],
            liars: NodeSet::EMPTY,
            stalled: NodeSet::EMPTY,
            last: me,
            rounds: 0,
        }
    }

    /// How many pieces a server was asked for and has not sent.
    fn owed(&self, server: NodeId) -> usize {
        self.requests.iter().flatten().filter(|request| request.server == server).count()
    }

    /// Which request a piece of this sender answers. One that was asked too early may be late.
    fn awaited(&self, from: NodeId, place: Place) -> Option<usize> {
        let late = self.stalled.contains(from) && !self.liars.contains(from);
        let mut requests = self.requests.iter();
        requests
            .position(|it| it.is_some_and(|it| it.place == place && (it.server == from || late)))
    }
}
