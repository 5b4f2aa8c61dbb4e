//! The events of a PBFT run as entries of a chronicle.

use super::line::Line;
use crate::chronicle::{Chronicle, Entry, What};
use quorate::pbft::Message;
use quorate::{Instant, Principal, wire};

/// What a message is called in transcripts; other bytes are `bytes`.
pub(crate) fn kind(payload: &[u8]) -> &'static str {
    let Ok(message) = wire::decode::<Message<'_>>(payload) else { return "bytes" };
    match message {
        Message::Request(_) => "REQUEST",
        Message::Reply(_) => "REPLY",
        Message::PrePrepare { .. } => "PRE-PREPARE",
        Message::Prepare(_) => "PREPARE",
        Message::Commit(_) => "COMMIT",
        Message::Checkpoint { .. } => "CHECKPOINT",
        Message::ViewChange(_) => "VIEW-CHANGE",
        Message::NewView(_) => "NEW-VIEW",
        Message::Status(_) => "STATUS",
        Message::FetchBatch { .. } => "FETCH-BATCH",
        Message::Batch { .. } => "BATCH",
        Message::FetchViewChange { .. } => "FETCH-VIEW-CHANGE",
        Message::FetchState { .. } => "FETCH-STATE",
        Message::State { .. } => "STATE",
        Message::Settled { .. } => "SETTLED",
        Message::Recover { .. } => "RECOVER",
        Message::Estimate { .. } => "ESTIMATE",
        Message::Busy(_) => "BUSY",
        Message::Read(_) => "READ",
        Message::ReadReply(_) => "READ-REPLY",
    }
}

/// All kinds of messages, by which scripts name them.
pub(crate) const KINDS: [&str; 21] = [
    "REQUEST",
    "REPLY",
    "PRE-PREPARE",
    "PREPARE",
    "COMMIT",
    "CHECKPOINT",
    "VIEW-CHANGE",
    "NEW-VIEW",
    "STATUS",
    "FETCH-BATCH",
    "BATCH",
    "FETCH-VIEW-CHANGE",
    "FETCH-STATE",
    "STATE",
    "SETTLED",
    "RECOVER",
    "ESTIMATE",
    "BUSY",
    "READ",
    "READ-REPLY",
    "bytes",
];

impl Line<'_> {
    /// Enters the event in a chronicle.
    pub(super) fn tell(&self, at: Instant, chronicle: &mut Chronicle) {
        let (who, what) = self.what(chronicle);
        let entry =
            Entry { at, who, copy: false, what, text: self.to_string().trim_start().to_owned() };
        match *self {
            Self::Sent { from, payload, .. } | Self::Lied { from, payload, .. } => {
                chronicle.send(entry, from, payload);
            }
            _ => chronicle.enter(entry),
        }
    }

    fn what(&self, chronicle: &Chronicle) -> (Option<Principal>, What) {
        let of = |node| Some(Principal::Node(node));
        match *self {
            Self::Sent { from, to, payload } => {
                (Some(from), What::Sends { to, kind: kind(payload) })
            }
            Self::Lied { from, to, payload } => {
                (Some(from), What::Lies { to, kind: kind(payload) })
            }
            Self::Withheld { from, to, payload } => {
                (Some(from), What::Withholds { to, kind: kind(payload) })
            }
            Self::KeptBack { from, .. } => (Some(from), What::Happens),
            Self::Lost { from, to } => (None, What::Loses { from, to }),
            Self::Delivered { from, to, payload } => {
                let sent = chronicle.sending(from, to, payload);
                (Some(to), What::Receives { from, kind: kind(payload), sent })
            }
            Self::Executed { node, sequence, client, timestamp } => {
                let operation = Vec::new();
                (of(node), What::Executes { sequence, client, timestamp, operation })
            }
            Self::Installed { node, sequence } => (of(node), What::Installs { sequence }),
            Self::View { node, view, active } => (of(node), What::Turns { view, enters: active }),
            Self::Crashed { node, .. } => (of(node), What::Crashes),
            Self::Restarted { node, checkpoint, .. } => {
                (of(node), What::Restarts { checkpoint, view: None })
            }
            Self::Accused { node, who, fault } => (of(node), What::Accuses { who, fault }),
            Self::Completed { client, .. } => (Some(Principal::Client(client)), What::Completes),
            Self::Known { node }
            | Self::Persisted { node, .. }
            | Self::Durable { node, .. }
            | Self::Staged { node, .. }
            | Self::Compacted { node, .. } => (of(node), What::Keeps),
            Self::Captured { node, .. }
            | Self::Served { node, .. }
            | Self::Input { node, .. }
            | Self::Disk { node, .. }
            | Self::Answered { node, .. } => (of(node), What::Happens),
            Self::Submitted { client, .. } | Self::Asked { client, .. } => {
                (Some(Principal::Client(client)), What::Happens)
            }
            Self::Refused { who, .. } => (Some(who), What::Happens),
            Self::Cut { .. } | Self::Healed { .. } | Self::Calm => (None, What::Happens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once() {
        let mut kinds = KINDS.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), KINDS.len());
        assert_eq!(kind(b"\xff"), "bytes");
        assert!(KINDS.contains(&kind(b"\xff")));
    }
}
