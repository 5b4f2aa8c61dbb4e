//! A traitor: a general that keeps all rules but one, and tells each peer another order.
//!
//! It is no part of the core. It sits between the rules and the loop, so what it says is signed and
//! sealed as everything is: correctly, by its own keys, and by nobody else's.

use super::{ATTACK, GENERALS, RETREAT};
use quorate::auth::Verified;
use quorate::rounds::{Blame, Rules};
use quorate::{Admission, NodeId, NodeSet, Refusal, king, om, sm};

/// The mind of a general: the rules `R`, and whether it keeps them.
#[derive(Clone, Debug)]
pub struct Mind<R> {
    rules: R,
    lies: bool,
}

impl<R> Mind<R> {
    /// A general that keeps these rules, or lies.
    pub const fn new(rules: R, lies: bool) -> Self {
        Self { rules, lies }
    }
}

/// A message that can be made a lie.
pub trait Retold: Copy {
    /// What a traitor `me` tells `to` in its place.
    #[must_use]
    fn retold(self, me: NodeId, to: NodeId) -> Self;
}

/// A commander sets the odd ones against the even ones.
static CAMPS: [Option<u8>; 2] = [Some(RETREAT), Some(ATTACK)];
/// A lieutenant tells each of the others of an order that nobody gave.
static RUMOURS: [Option<u8>; GENERALS] = [Some(b'0'), Some(b'1'), Some(b'2'), Some(b'3')];

fn lie(me: NodeId, commander: NodeId, to: NodeId) -> &'static [Option<u8>] {
    let at = to.index();
    let lie = if me == commander { CAMPS.get(at % 2) } else { RUMOURS.get(at) };
    lie.map(core::slice::from_ref).unwrap_or_default()
}

impl Retold for om::Message<'_, u8> {
    fn retold(mut self, me: NodeId, to: NodeId) -> Self {
        let lie = lie(me, self.instance().commander, to);
        match &mut self {
            // One order is all that there is to say in a round of OM(1).
            Self::Wave { orders, .. } => *orders = om::Wave::from_orders(lie),
            Self::Oral { order, .. } => *order = lie.first().copied().flatten(),
        }
        self
    }
}

impl Retold for sm::Message<'_, u8> {
    fn retold(mut self, me: NodeId, to: NodeId) -> Self {
        // A lieutenant's lie has the signature of a commander who never gave such an order: false.
        let lie = lie(me, self.instance.commander, to);
        self.first.value = lie.first().copied().flatten().unwrap_or(self.first.value);
        self
    }
}

impl Retold for king::Message<u8> {
    fn retold(mut self, me: NodeId, to: NodeId) -> Self {
        if let [Some(lie)] = lie(me, self.instance.commander, to) {
            self.opinion = king::Opinion::Order(*lie);
        }
        self
    }
}

impl<R: Rules> Rules for Mind<R>
where
    for<'m> R::Message<'m>: Retold,
{
    const AUTHENTIC_LINKS: bool = R::AUTHENTIC_LINKS;

    type Command<'a> = R::Command<'a>;
    type Message<'a> = R::Message<'a>;
    type Decision<'a>
        = R::Decision<'a>
    where
        Self: 'a;

    fn me(&self) -> NodeId {
        self.rules.me()
    }

    fn nodes(&self) -> usize {
        self.rules.nodes()
    }

    fn rounds(&self) -> u8 {
        self.rules.rounds()
    }

    fn on_command(&mut self, round: u8, command: R::Command<'_>) -> Result<(), Refusal> {
        self.rules.on_command(round, command)
    }

    fn on_message(&mut self, round: u8, from: NodeId, message: &Verified<R::Message<'_>>) -> Blame {
        self.rules.on_message(round, from, message)
    }

    fn admit(&mut self, round: u8, from: NodeId, message: &mut R::Message<'_>) -> Admission {
        self.rules.admit(round, from, message)
    }

    fn close(&mut self, round: u8) -> NodeSet {
        self.rules.close(round)
    }

    fn frame(&self, round: u8, to: NodeId) -> Option<R::Message<'_>> {
        let said = self.rules.frame(round, to)?;
        Some(if self.lies { said.retold(self.me(), to) } else { said })
    }

    fn audience(&self, round: u8, to: NodeId) -> NodeSet {
        if self.lies { NodeSet::from_iter([to]) } else { self.rules.audience(round, to) }
    }

    fn decision(&self) -> R::Decision<'_> {
        self.rules.decision()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generals::{
        General as Keys, KingMemory, OralMemory, Protocol, SignedMemory, Told, general, place,
    };
    use core::time::Duration;
    use quorate::auth::Signed;
    use quorate::rounds::{Config, General, Schedule};
    use quorate::{Fault, Input, Instant, Order, Output, Principal, Protocol as _, Verdict, wire};

    const ROUND: Duration = Duration::from_secs(1);

    /// What came of an agreement: verdicts, wrongs by whom, and the frames of the first round.
    struct Play {
        verdicts: Vec<Verdict<u8>>,
        wrongs: Vec<(usize, NodeId, Fault)>,
        first: Vec<Vec<u8>>,
    }

    fn config(protocol: Protocol, id: usize) -> Config {
        let (me, commander) = (NodeId(id as u8), NodeId(0));
        place(&Told { protocol, me, commander, run: 7, round_ms: 1000, lies: false })
    }

    struct Post {
        from: usize,
        to: usize,
        frame: Vec<u8>,
    }

    fn play<R>(protocol: Protocol, rules: impl Fn(Config) -> R, traitor: Option<usize>) -> Play
    where
        R: for<'a> Rules<Command<'a> = Order<u8>> + 'static,
        for<'a> R: Rules<Decision<'a> = Verdict<u8>>,
        for<'a> R::Message<'a>: Signed + Retold,
    {
        let schedule = Schedule::new(Instant::ZERO.after(ROUND), ROUND, ROUND / 4).unwrap();
        let keys: Vec<Keys> =
            (0..GENERALS).map(|id| general(protocol, NodeId(id as u8)).unwrap()).collect();
        let mind = |id| Mind::new(rules(config(protocol, id)), traitor == Some(id));
        let mut all: Vec<_> =
            (0..GENERALS).map(|id| General::with_rules(mind(id), schedule)).collect();
        assert_eq!(all[0].step(Instant::ZERO, Input::Command(Order(ATTACK))).count(), 0);
        let (mut wrongs, mut first) = (Vec::new(), Vec::new());
        for round in 1..=protocol.rounds() + 1 {
            let begin = schedule.begin(round);
            let mut posts = Vec::new();
            for (id, general) in all.iter_mut().enumerate() {
                for output in general.step(begin, Input::Wake) {
                    match output {
                        Output::Send { to, message } => {
                            let (me, scope) = (keys[id].me, keys[id].roster.scope());
                            let mut room = [0; 300];
                            let said = wire::seal(message, me, scope, &keys[id].signer, &mut room);
                            let frame = said.unwrap().to_vec();
                            let others = (0..GENERALS).filter(|it| *it != id);
                            let meant = others.filter(|it| to.includes(NodeId(*it as u8)));
                            posts.extend(meant.map(|to| Post {
                                from: id,
                                to,
                                frame: frame.clone(),
                            }));
                        }
                        Output::Accuse { node, fault } => wrongs.push((id, node, fault)),
                        Output::Decide(_) => {}
                        Output::Refuse(refusal) => panic!("{refusal:?}"),
                        Output::Persist(never) => match never {},
                    }
                }
            }
            if round == 1 {
                first = posts.iter().map(|post| post.frame.clone()).collect();
            }
            for Post { from, to, frame } in posts {
                let from = Principal::Node(NodeId(from as u8));
                let mut message: R::Message<'_> = wire::decode(&frame).unwrap();
                if all[to].admit(from, &mut message) != Admission::Verify {
                    continue;
                }
                match keys[to].roster.verify(&keys[to].verifier, from, message) {
                    Ok(message) => {
                        let now = begin.after(ROUND / 2);
                        for output in all[to].step(now, Input::Message(message)) {
                            let Output::Accuse { node, fault } = output else { continue };
                            wrongs.push((to, node, fault));
                        }
                    }
                    Err(fault) => {
                        let Principal::Node(from) = from else { panic!("no clients here") };
                        wrongs.push((to, from, fault));
                    }
                }
            }
        }
        let verdicts = all.iter().map(|general| general.rules().decision()).collect();
        Play { verdicts, wrongs, first }
    }

    fn oral(traitor: Option<usize>) -> Play {
        let rules = |config| om::Orders::new(config, OralMemory::new()).unwrap();
        play(Protocol::Om, rules, traitor)
    }

    fn signed(traitor: Option<usize>) -> Play {
        let rules = |config| sm::Chains::new(config, SignedMemory::new()).unwrap();
        play(Protocol::Sm, rules, traitor)
    }

    fn kings(traitor: Option<usize>) -> Play {
        let rules = |config| king::Ballots::new(config, KingMemory::new()).unwrap();
        play(Protocol::King, rules, traitor)
    }

    #[test]
    fn the_loyal_agree_whoever_lies_and_obey_a_loyal_commander() {
        for agree in [oral, signed, kings] {
            for traitor in [None, Some(0), Some(1), Some(2), Some(3)] {
                let Play { verdicts, wrongs, .. } = agree(traitor);
                let loyal = (0..GENERALS).filter(|id| Some(*id) != traitor);
                let orders: Vec<_> = loyal.map(|id| verdicts[id].order(RETREAT)).collect();
                assert!(orders.iter().all(|order| *order == orders[0]), "{traitor:?}: {orders:?}");
                assert!(traitor == Some(0) || orders[0] == ATTACK, "{traitor:?}: {orders:?}");
                let blamed = wrongs.iter().filter(|(who, _, _)| Some(*who) != traitor);
                let unjust = blamed.clone().find(|(_, node, _)| Some(node.index()) != traitor);
                assert_eq!(unjust, None, "{traitor:?}");
            }
        }
    }

    #[test]
    fn a_commander_who_lies_tells_one_another_order_than_the_other() {
        for agree in [oral, signed, kings] {
            let [loyal, lying] = [None, Some(0)].map(|traitor| agree(traitor).first);
            assert_eq!((loyal.len(), lying.len()), (3, 3));
            assert!(loyal.iter().all(|frame| *frame == loyal[0]));
            assert!(lying[0] == lying[2] && lying[0] != lying[1]);
        }
    }

    #[test]
    fn by_word_of_mouth_most_decide_and_signatures_show_the_liar() {
        assert_eq!(oral(Some(0)).verdicts[1], Verdict::Value(ATTACK), "two of three were told so");
        let Play { verdicts, wrongs, .. } = signed(Some(0));
        assert_eq!(verdicts[1].value(), None);
        for loyal in 1..GENERALS {
            assert!(wrongs.contains(&(loyal, NodeId(0), Fault::Equivocation)));
        }
        let forged = signed(Some(3)).wrongs;
        assert!(forged.contains(&(1, NodeId(3), Fault::Forged)), "{forged:?}");
    }
}
