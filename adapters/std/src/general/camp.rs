//! One general's place in an army: its sockets, and the agreements that are held over them.

use super::army::Links;
use super::clock::Clock;
use super::config::CampConfig;
use super::driver::Driver;
use super::error::CampError;
use super::gate::{Arrival, Gate, Risen};
use super::report::Report;
use super::voice::Voice;
use crate::net::{
    Bounds, Identities, Identity, Limits, LinkId, Post, Random, Reactor, Route, poll,
};
use crate::replica::{Load, Turns};
use quorate::auth::Signed;
use quorate::rounds::{General, Rules};
use quorate::{NodeId, NodeSet, Principal, PublicKey, Roster};
use std::io;
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Frames that may wait for a peer, and that may be under way from one. A loyal general sends one
/// in a round.
const FRAMES: usize = 64;

/// One general's place in an army. One thread has all its sockets; dropping the camp closes them.
#[derive(Debug)]
pub struct Camp {
    voice: Voice,
    roster: Roster<Vec<PublicKey>>,
    links: Links,
    post: Arc<Post>,
    risen: Arc<Risen>,
    arrivals: Arc<Turns<Arrival>>,
    network: Option<JoinHandle<()>>,
}

impl Camp {
    /// Listens, and begins to connect to all peers: it dials those with lower ids, again and
    /// again, and the others dial it.
    ///
    /// # Errors
    /// A sentence that says what is wrong with army, key or address.
    pub fn join(config: CampConfig) -> Result<Self, CampError> {
        let roster = config.army.roster().map_err(CampError::Army)?;
        let (me, generals) = (config.me, config.army.generals.len());
        let key = config.army.generals.get(me.index());
        let key = key.ok_or(CampError::NoSuchGeneral { me, generals })?;
        if config.key.public() != *key {
            return Err(CampError::WrongKey(me));
        }
        let address = config.army.addresses[me.index()];
        let bind = || TcpListener::bind(address);
        let listener = config.listener.map_or_else(bind, Ok);
        let listener = listener.map_err(|error| CampError::Listen { address, error })?;

        let (poll, waker) = poll().map_err(CampError::System)?;
        let bytes = config.frame_bytes.saturating_mul(2);
        let bounds = Bounds { frames: FRAMES, bytes };
        let post = Arc::new(Post::new(waker, std::iter::repeat_n(bounds, generals)));
        let peers: Vec<_> = (0..generals).zip((0u8..).map(NodeId)).collect();
        let route = |(at, peer): &(usize, NodeId)| Route {
            local: 0,
            remote: Principal::Node(*peer),
            dial: config.army.addresses.get(*at).copied().filter(|_| *peer < me),
            cap: config.frame_bytes.saturating_add(1),
            idle: None,
        };
        let routes = peers.iter().map(route).collect();
        let (risen, arrivals) = (Arc::new(Risen::default()), Arc::new(Turns::new()));
        let load = |(at, _): &(usize, NodeId)| Load::new(LinkId(*at), bounds, Arc::clone(&post));
        let gate = Gate {
            peers: peers.iter().map(|(_, peer)| *peer).collect(),
            loads: peers.iter().map(load).collect(),
            risen: Arc::clone(&risen),
            arrivals: Arc::clone(&arrivals),
        };
        let own = vec![Identity { me: Principal::Node(me), key: config.key.clone() }];
        let identities = Identities::new(own, roster.clone(), config.army.links.proof());
        let limits = Limits { handshake: config.handshake, half_open: config.half_open };
        let seed = getrandom::u64().map_err(|error| CampError::System(io::Error::other(error)))?;
        let random = Random::seeded(seed);
        let own_post = Arc::clone(&post);
        let mut reactor = Reactor::new(poll, own_post, identities, routes, limits, random, gate);
        reactor.listen(listener).map_err(CampError::System)?;
        let network = spawn(reactor, Arc::clone(&arrivals)).map_err(CampError::System)?;
        let voice = Voice {
            me,
            generals,
            scope: config.army.scope(),
            key: config.key,
            frame_bytes: config.frame_bytes,
            tamper: config.tamper,
        };
        let (links, network) = (config.army.links, Some(network));
        Ok(Self { voice, roster, links, post, risen, arrivals, network })
    }

    /// Holds one agreement, from now to the end of its last round: waits for the first round, says
    /// what is to be said when each begins, hears what comes. The commander has an order.
    ///
    /// What arrives between two agreements waits for the next one: a peer's clock may be ahead.
    /// Leave twice the skew at least between the end of one and the start of the next, or the
    /// first frames of the next are heard in the old one, where they are
    /// [`WrongInstance`](quorate::Fault::WrongInstance).
    ///
    /// # Errors
    /// The general does not fit its camp, its protocol needs authentic links, it does not take the
    /// order, or the network has ended. What *peers* do wrong is in the report, and so is a
    /// deadline of its own that this general missed.
    pub fn agree<R: Rules>(
        &mut self,
        general: General<R>,
        order: Option<R::Command<'_>>,
    ) -> Result<Report<R>, CampError>
    where
        for<'a> R::Message<'a>: Signed,
    {
        self.check(&general)?;
        let Self { voice, roster, post, risen, arrivals, .. } = self;
        let clock = Clock::start();
        let mut driver = Driver::new(general, voice, roster);
        if let Some(order) = order {
            driver.order(order).map_err(CampError::Order)?;
        }
        let mut taken = Vec::with_capacity(1);
        while let Some(deadline) = driver.deadline() {
            let before = driver.round();
            arrivals.take(1, Some(deadline.since(clock.now())), &mut taken);
            let now = clock.now();
            if now >= deadline {
                post.send(driver.wake(now)?);
            }
            match taken.pop() {
                None => {}
                Some(Arrival::Frame { from, payload, _ticket }) => {
                    post.send(driver.hear(|| clock.now(), from, &payload)?);
                }
                Some(Arrival::Up(node)) => {
                    risen.forget(node);
                    post.send(driver.again(node));
                }
                Some(Arrival::Failed(error)) => return Err(error),
            }
            if before == 0 && driver.round() > 0 {
                driver.report.absent = absent(post, driver.report.general.rules());
            }
        }
        Ok(driver.report)
    }

    fn check<R: Rules>(&self, general: &General<R>) -> Result<(), CampError> {
        if R::AUTHENTIC_LINKS && self.links == Links::Plain {
            return Err(CampError::PlainLinks);
        }
        let (me, counted) = (general.rules().me(), general.rules().nodes());
        if me != self.voice.me {
            return Err(CampError::OtherGeneral { general: me, camp: self.voice.me });
        }
        if counted != self.voice.generals {
            return Err(CampError::OtherSize { counted, generals: self.voice.generals });
        }
        if general.round() > 0 || general.is_over() {
            return Err(CampError::Begun);
        }
        if self.network.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(CampError::Network(io::Error::other("the network thread has ended")));
        }
        Ok(())
    }
}

impl Drop for Camp {
    fn drop(&mut self) {
        self.arrivals.close();
        self.post.stop();
        if let Some(network) = self.network.take() {
            // What it had to say it has said to the agreement that was held.
            let _ = network.join();
        }
    }
}

/// Whose links are down.
fn absent<R: Rules>(post: &Post, rules: &R) -> NodeSet {
    let all = (0..rules.nodes()).zip((0u8..).map(NodeId));
    let down = all.filter(|(at, node)| *node != rules.me() && !post.depth(LinkId(*at)).open);
    down.map(|(_, node)| node).collect()
}

/// Starts the network thread, which tells the general's if it cannot go on.
fn spawn(reactor: Reactor<Gate>, arrivals: Arc<Turns<Arrival>>) -> io::Result<JoinHandle<()>> {
    let work = move || {
        let ended = catch_unwind(AssertUnwindSafe(|| reactor.run()));
        let ended = ended.unwrap_or_else(|_| Err(io::Error::other("the network thread panicked")));
        if let Err(error) = ended {
            arrivals.push(None, Arrival::Failed(CampError::Network(error)));
        }
    };
    Builder::new().name("quorate-general".into()).spawn(work)
}
