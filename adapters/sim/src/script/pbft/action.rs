//! What a line of a script has happen.

use super::super::words::{Words, Wrong};
use super::lie::{read_rule, read_speech};
use super::note::Note;
use crate::harm::Kind;
use crate::network::{Delay, Weather};
use crate::pbft::KINDS;
use crate::plan::Role;
use crate::traitors::scripted::{Change, Rule, Selector, Speech};
use core::time::Duration;
use quorate::{ClientId, Instant, NodeId, NodeSet, Principal};

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// A client asks for operations, one after another.
    Ask { client: ClientId, operations: Vec<Vec<u8>> },
    /// A client that lies sends a request.
    Lie { client: ClientId, timestamp: u64, operation: Vec<u8>, forged: bool, to: Vec<NodeId> },
    /// Replicas lose their power.
    Crash(Vec<NodeId>),
    /// They have it back.
    Restart(Vec<NodeId>),
    /// They lose their power and their disks.
    Wipe(Vec<NodeId>),
    /// Their disks are kept aside.
    BackUp(Vec<NodeId>),
    /// Something becomes of the disks of replicas that are down.
    Harm(Vec<NodeId>, Kind),
    /// The logs of replicas that are down have one record more.
    Note(Vec<NodeId>, Note),
    /// A bit of an application's state turns.
    Flip(Vec<NodeId>),
    /// Links are cut.
    Cut { from: Vec<Principal>, to: Vec<Principal>, both: bool },
    /// Single messages are lost, or held for a while.
    Sift { what: Selector, from: Parties, to: Parties, held: Option<Duration>, most: Option<u64> },
    /// All links are whole again, and nothing is lost or held any more.
    Heal,
    /// The weather changes.
    Weather(Breeze),
    /// A traitor has one more rule.
    Follow { node: NodeId, rule: Box<Rule> },
    /// A traitor says something.
    Speak { node: NodeId, speech: Speech, changes: Vec<Change>, to: Vec<Principal>, times: u64 },
    /// A traitor has no rules any more.
    Repent(NodeId),
    /// A traitor of a known kind, from the beginning.
    Play { node: NodeId, role: Role },
    /// Nothing happens.
    Wait,
}

/// Some nodes or clients; `None`: all of them.
pub(super) type Parties = Option<Vec<Principal>>;

/// The weather, as far as it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::script) struct Breeze {
    pub(in crate::script) delay: Option<(Duration, Duration)>,
    pub(in crate::script) loss: Option<u32>,
    pub(in crate::script) duplicates: Option<u32>,
}

impl Action {
    /// The replicas that are not correct if this happens.
    pub(super) fn corrupts(&self) -> Vec<NodeId> {
        match self {
            Self::Harm(nodes, _) | Self::Note(nodes, _) | Self::Flip(nodes) => nodes.clone(),
            Self::Follow { node, .. }
            | Self::Speak { node, .. }
            | Self::Repent(node)
            | Self::Play { node, .. } => vec![*node],
            _ => Vec::new(),
        }
    }

    /// Reads what a line has happen.
    pub(super) fn read(words: &mut Words) -> Result<Self, Wrong> {
        let verb = words.word(VERBS)?;
        let action = match verb.as_str() {
            "client" => Self::client(words)?,
            "crash" => Self::Crash(words.nodes()?),
            "restart" => Self::Restart(words.nodes()?),
            "wipe" => Self::Wipe(words.nodes()?),
            "back" => {
                words.need("up")?;
                Self::BackUp(words.nodes()?)
            }
            "roll" => {
                words.need("back")?;
                Self::Harm(words.nodes()?, Kind::RolledBack { to: Instant::ZERO })
            }
            "corrupt" => {
                words.need("disk of")?;
                Self::Harm(words.nodes()?, Kind::Corrupted)
            }
            "log" => {
                words.need("of")?;
                let nodes = words.nodes()?;
                words.need("gains")?;
                Self::Note(nodes, Note::read(words)?)
            }
            "flip" => {
                words.need("state of")?;
                Self::Flip(words.nodes()?)
            }
            "cut" => Self::cut(words)?,
            "isolate" => {
                let from: Vec<_> = words.nodes()?.into_iter().map(Principal::Node).collect();
                let to = everyone_but(words, &from);
                Self::Cut { from, to, both: true }
            }
            "lose" => Self::sift(words, false)?,
            "hold" => Self::sift(words, true)?,
            "heal" => Self::Heal,
            "network" => Self::Weather(Breeze::read(words)?),
            "traitor" => Self::treason(words)?,
            "wait" => Self::Wait,
            _ => return Err(format!("`{verb}` is nothing that can happen: write {VERBS}")),
        };
        words.end()?;
        Ok(action)
    }

    fn client(words: &mut Words) -> Result<Self, Wrong> {
        let client = words.client()?;
        if words.take("asks for") {
            let count = words.number("")?;
            if count > 10_000 {
                return Err(format!("{count} operations are too many: take 10000 at most"));
            }
            if !words.take("operations") {
                words.need("operation")?;
            }
            let operations = (1..=count).map(|at| format!("op {at}").into_bytes()).collect();
            return Ok(Self::Ask { client, operations });
        }
        if words.take("asks") {
            let operations = vec![words.text()?];
            return Ok(Self::Ask { client, operations });
        }
        if words.take("reads") {
            let operations = vec![crate::pbft::READ.to_vec()];
            return Ok(Self::Ask { client, operations });
        }
        if !words.take("lies") {
            return Err(words.instead("`asks`, `reads` or `lies`"));
        }
        let operation = words.text()?;
        words.need("time")?;
        let timestamp = if words.take("last") { u64::MAX } else { words.number("")? };
        let forged = words.take("forged");
        words.need("to")?;
        Ok(Self::Lie { client, timestamp, operation, forged, to: words.nodes()? })
    }

    fn cut(words: &mut Words) -> Result<Self, Wrong> {
        let from = read_parties(words)?;
        let both = words.take("<->");
        if !both && !words.take("->") {
            return Err(words.instead("`->` for one way or `<->` for both"));
        }
        Ok(Self::Cut { from, to: read_parties(words)?, both })
    }

    fn sift(words: &mut Words, holds: bool) -> Result<Self, Wrong> {
        let most = words.take("the first").then(|| words.number("")).transpose()?;
        let what = read_selector(words)?;
        let from = words.take("from").then(|| read_parties(words)).transpose()?;
        let to = words.take("to").then(|| read_parties(words)).transpose()?;
        let held = if holds {
            words.need("for")?;
            Some(words.time()?)
        } else {
            None
        };
        Ok(Self::Sift { what, from, to, held, most })
    }

    fn treason(words: &mut Words) -> Result<Self, Wrong> {
        let node = words.node()?;
        if words.take("stops lying") {
            return Ok(Self::Repent(node));
        }
        if words.take("plays") {
            return Ok(Self::Play { node, role: read_role(words)? });
        }
        if words.take("sends") {
            let (times, speech, changes, to) = read_speech(words, node)?;
            return Ok(Self::Speak { node, speech, changes, to, times });
        }
        let rule = Box::new(read_rule(words)?);
        Ok(Self::Follow { node, rule })
    }
}

const VERBS: &str = "one of: client, crash, restart, wipe, back up, roll back, corrupt disk of, \
                     log of, flip state of, cut, isolate, lose, hold, heal, network, traitor, \
                     wait, expect";

impl Breeze {
    /// Reads `1ms to 5ms, loss 10%, duplicates 50%` or a part of it.
    pub(in crate::script) fn read(words: &mut Words) -> Result<Self, Wrong> {
        let mut breeze = Self::default();
        let mut separator = "";
        loop {
            if words.take(&format!("{separator}loss")) {
                breeze.loss = Some(words.percent()?);
            } else if words.take(&format!("{separator}duplicates")) {
                breeze.duplicates = Some(words.percent()?);
            } else if separator.is_empty() {
                let min = words.time().map_err(|_| {
                    words.instead("a delay, as `1ms to 5ms`, `loss 10%` or `duplicates 10%`")
                })?;
                let max = if words.take("to") { words.time()? } else { min };
                if max < min {
                    return Err(format!("{max:?} is less than {min:?}: write the shorter first"));
                }
                breeze.delay = Some((min, max));
            } else {
                return Ok(breeze);
            }
            separator = ", ";
        }
    }

    /// The weather with this changed.
    pub(super) fn over(self, mut weather: Weather) -> Weather {
        if let Some((min, max)) = self.delay {
            weather.delay = Delay { min, max, spikes: 0, spike: Duration::ZERO };
        }
        weather.loss = self.loss.unwrap_or(weather.loss);
        weather.duplicates = self.duplicates.unwrap_or(weather.duplicates);
        weather
    }
}

fn read_role(words: &mut Words) -> Result<Role, Wrong> {
    if words.take("silent to") {
        return Ok(Role::Silent(words.nodes()?.into_iter().collect()));
    }
    if words.take("unfair to client") {
        return Ok(Role::Unfair(words.client()?));
    }
    if words.take("twin to") {
        return Ok(Role::Twin(words.nodes()?.into_iter().collect()));
    }
    if words.take("withholder to") {
        return Ok(Role::Withholder(words.nodes()?.into_iter().collect()));
    }
    if words.take("mutator of") {
        let process = words.number("")?;
        if !words.take("rounds") {
            words.need("round")?;
        }
        let process = u8::try_from(process).ok().filter(|rounds| (1..=80).contains(rounds));
        let process = process.ok_or("a mutator has 1 to 80 rounds to change something in")?;
        return Ok(Role::Mutator { process, network: 0 });
    }
    let everyone: NodeSet = (0..words.cast.nodes as u8).map(NodeId).collect();
    let wanted = "one of: silent, silent to r1, equivocator, liar, forgetful, slow, stale, unfair \
                  to client 0, hoarder, delayer, replayer, forger, spammer, withholder, withholder \
                  to r1, poisoner, counterfeiter, partial, usurper, agitator, boaster, twin, twin \
                  to r1, mutator, mutator of 3 rounds";
    let word = words.word(wanted)?;
    Ok(match word.as_str() {
        "silent" => Role::Silent(everyone),
        "equivocator" => Role::Equivocator,
        "liar" => Role::Liar,
        "forgetful" => Role::Forgetful,
        "slow" => Role::Slow,
        "stale" => Role::Stale,
        "twin" => Role::Twin(NodeSet::EMPTY),
        "replayer" => Role::Replayer,
        "forger" => Role::Forger,
        "spammer" => Role::Spammer,
        "hoarder" => Role::Hoarder,
        "delayer" => Role::Delayer,
        "withholder" => Role::Withholder(everyone),
        "poisoner" => Role::Poisoner,
        "counterfeiter" => Role::Counterfeiter,
        "partial" => Role::Partial,
        "usurper" => Role::Usurper,
        "agitator" => Role::Agitator,
        "boaster" => Role::Boaster,
        "mutator" => Role::Mutator { process: 4, network: 2 },
        _ => return Err(format!("`{word}` is no kind of traitor: write {wanted}")),
    })
}

/// Reads a kind of message, and perhaps its view and its sequence.
pub(super) fn read_selector(words: &mut Words) -> Result<Selector, Wrong> {
    let kind = if words.take("everything") { None } else { Some(read_kind(words)?) };
    let view = words.take("view").then(|| words.number("")).transpose()?;
    let sequence = words.take("seq").then(|| words.number("")).transpose()?;
    Ok(Selector { kind, view, sequence })
}

/// Reads a kind of message.
pub(super) fn read_kind(words: &mut Words) -> Result<&'static str, Wrong> {
    let known = || KINDS.join(", ");
    let Some(word) = words.peek().map(str::to_owned) else {
        return Err(words.instead("a kind of message, as PREPARE"));
    };
    let Some(kind) = KINDS.into_iter().find(|kind| *kind == word) else {
        return Err(format!("`{word}` is no kind of message: there are {}", known()));
    };
    words.need(&word)?;
    Ok(kind)
}

/// Reads replicas and clients: `r0 r1 client 0`, `all`, or `clients`.
pub(in crate::script) fn read_parties(words: &mut Words) -> Result<Vec<Principal>, Wrong> {
    let mut parties = Vec::new();
    loop {
        if words.take("all") {
            parties.extend((0..words.cast.nodes as u8).map(|id| Principal::Node(NodeId(id))));
        } else if words.take("clients") {
            let ids = 0..words.cast.clients as u16;
            parties.extend(ids.map(|id| Principal::Client(ClientId(id))));
        } else if words.take("client") {
            parties.push(Principal::Client(words.client()?));
        } else if words.is_node() {
            parties.push(Principal::Node(words.node()?));
        } else if parties.is_empty() {
            return Err(words.instead("who, as `r0 r1`, `all`, `client 0` or `clients`"));
        } else {
            return Ok(parties);
        }
    }
}

fn everyone_but(words: &Words, some: &[Principal]) -> Vec<Principal> {
    let nodes = (0..words.cast.nodes as u8).map(|id| Principal::Node(NodeId(id)));
    let clients = (0..words.cast.clients as u16).map(|id| Principal::Client(ClientId(id)));
    nodes.chain(clients).filter(|one| !some.contains(one)).collect()
}
