//! The loop of a general, whatever its rules.

use crate::port;
use crate::scheme::Element;
use core::time::Duration;
use quorate::auth::Signed;
use quorate::link::{Opener, PROTOCOL, Sealer};
use quorate::rounds::{Config, General, Instance, Rules, Schedule};
use quorate::vector::{Broadcast, Vector};
use quorate::{
    Admission, Digest, Input, NodeId, Order, Output, Principal, Protocol, PublicKey, Roster,
    Verdict, Verifier, wire,
};

/// How frames are proved.
pub trait Bond {
    /// Where in a frame its payload begins.
    const PAYLOAD: usize;
    /// Reads what came from a peer.
    fn open<'f>(&mut self, from: usize, frame: &'f [u8]) -> Option<&'f [u8]>;
    /// Sends to a peer the payload of `length` bytes that lies in the frame.
    fn send(&mut self, to: usize, frame: &mut [u8], length: usize);
}

/// Lines that nobody else has access to: each proves by itself who speaks.
#[derive(Debug)]
pub struct Lines;

impl Bond for Lines {
    const PAYLOAD: usize = 0;

    fn open<'f>(&mut self, _: usize, frame: &'f [u8]) -> Option<&'f [u8]> {
        Some(frame)
    }

    fn send(&mut self, to: usize, frame: &mut [u8], length: usize) {
        port::write(&[to as u8]);
        port::write(frame.get(..length).unwrap_or_default());
    }
}

/// Links with a proof on every frame: one for each node, and one that is not used.
#[derive(Debug)]
pub struct Links<S, O, const N: usize>(pub [Option<(S, O)>; N]);

impl<S: Sealer, O: Opener, const N: usize> Bond for Links<S, O, N> {
    const PAYLOAD: usize = S::PAYLOAD;

    fn open<'f>(&mut self, from: usize, frame: &'f [u8]) -> Option<&'f [u8]> {
        let (_, opener) = self.0.get_mut(from)?.as_mut()?;
        opener.open(frame).ok()
    }

    fn send(&mut self, to: usize, frame: &mut [u8], length: usize) {
        let Some(Some((sealer, _))) = self.0.get_mut(to) else { return };
        if let Ok(length) = sealer.seal_in_place(frame, length) {
            port::write(frame.get(..length).unwrap_or_default());
        }
    }
}

/// What is done with a decision: it is written to the port.
pub trait Tell {
    /// Writes it.
    fn tell(&self);
}

impl Tell for Verdict<u32> {
    fn tell(&self) {
        port::write(&self.order(0).to_le_bytes());
    }
}

impl<P: Broadcast<Value = u32>> Tell for Vector<'_, P> {
    fn tell(&self) {
        self.iter().for_each(|verdict| verdict.tell());
        port::write(&self.mid_value().unwrap_or(0).to_le_bytes());
    }
}

/// This board's place in the agreement.
pub fn config(nodes: usize, traitors: usize) -> Config {
    commanded(port::me(), NodeId(0), nodes, traitors)
}

/// The place of general `me` in an agreement that `commander` commands.
pub fn commanded(me: NodeId, commander: NodeId, nodes: usize, traitors: usize) -> Config {
    Config { me, nodes, traitors, instance: Instance { number: 1, commander } }
}

/// The timetable of the agreement.
pub fn schedule() -> Option<Schedule> {
    let (round, margin) = (Duration::from_millis(100), Duration::from_millis(10));
    Schedule::new(port::now(), round, margin).ok()
}

/// The keys of all nodes.
const fn keys<const N: usize>() -> [PublicKey; N] {
    let mut keys = [PublicKey([0; 32]); N];
    let mut id = 0;
    while id < N {
        keys[id] = PublicKey([id as u8 + 1; 32]);
        id += 1;
    }
    keys
}

/// Has one of `N` generals take part in an agreement, and writes what was decided.
pub fn run<R, L: Bond, const N: usize>(
    general: &mut General<R>,
    config: &Config,
    links: &mut L,
    inbox: &mut [u8],
    frame: &mut [u8],
) where
    R: for<'a> Rules<Command<'a> = Order<u32>> + 'static,
    for<'a> R::Message<'a>: Signed,
    for<'a> R::Decision<'a>: Tell,
{
    let keys = const { &keys::<N>() };
    let Ok(roster) = Roster::new(Digest::ZERO, 0, &keys[..], &[], &Element) else { return };
    if config.commands() {
        let order = Input::Command(Order(7));
        step(general, order, config, links, frame);
    }
    while let Some(deadline) = general.deadline() {
        if port::now() >= deadline {
            step(general, Input::Wake, config, links, frame);
            continue;
        }
        let Some((from, bytes)) = port::frame(inbox) else { continue };
        let Principal::Node(peer) = from else { continue };
        let Some([PROTOCOL, bytes @ ..]) = links.open(peer.index(), bytes) else { continue };
        let Ok(mut message) = wire::decode::<R::Message<'_>>(bytes) else { continue };
        if general.admit(from, &mut message) != Admission::Verify {
            continue;
        }
        let Ok(verified) = roster.verify(&Element, from, message) else { continue };
        step(general, Input::Message(verified), config, links, frame);
    }
}

fn step<R, L: Bond>(
    general: &mut General<R>,
    input: Input<Order<u32>, R::Message<'_>>,
    config: &Config,
    links: &mut L,
    frame: &mut [u8],
) where
    R: for<'a> Rules<Command<'a> = Order<u32>> + 'static,
    for<'a> R::Message<'a>: Signed,
    for<'a> R::Decision<'a>: Tell,
{
    let scope = quorate::auth::Scope { cluster: Digest::ZERO, epoch: 0, profile: Element::PROFILE };
    for output in general.step(port::now(), input) {
        match output {
            Output::Send { to, message } => {
                let payload = frame.get_mut(L::PAYLOAD..).and_then(<[u8]>::split_first_mut);
                let Some((kind, rest)) = payload else { continue };
                *kind = PROTOCOL;
                let me = Principal::Node(config.me);
                let Ok(said) = wire::seal(message, me, &scope, &Element, rest) else { continue };
                let length = 1 + said.len();
                for peer in (0u8..).take(config.nodes) {
                    if to.includes(NodeId(peer)) && NodeId(peer) != config.me {
                        links.send(usize::from(peer), frame, length);
                    }
                }
            }
            Output::Persist(never) => match never {},
            Output::Decide(decision) => decision.tell(),
            Output::Accuse { node, .. } => port::write(&[node.0]),
            Output::Refuse(_) => port::write(&[u8::MAX]),
        }
    }
}
